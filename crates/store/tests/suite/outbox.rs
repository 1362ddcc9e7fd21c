//! What the tests of the outbox have in common: a message on its way, and a job that makes some.

use crate::common::Fixture;
use model::job::Job;
use model::mailbox::Mailbox;
use model::submission::{Recipient, State, Submission};
use serde_json::json;
use store::Tx;
use store::jobs::{self, NewJob};
use store::submissions::{self, Claimed, NewSubmission, SentCopyBy, Settlement};

/// A message to these, queued.
pub async fn queue(f: &Fixture, mailbox: &Mailbox, to: &[&str]) -> Submission {
    submissions::create(&f.store, new(f, mailbox, to).await)
        .await
        .expect("a submission")
}

/// A message to these, not queued yet.
pub async fn new(f: &Fixture, mailbox: &Mailbox, to: &[&str]) -> NewSubmission {
    let raw = b"Subject: x\r\n\r\nHello";
    let digest = f.store.blobs.put(raw).await.expect("stored");
    let to = to.iter().map(|t| (*t).to_owned()).collect();
    NewSubmission::new(&mailbox.id, digest, &mailbox.address, "one@example.com", to)
}

/// What is due first, claimed.
pub async fn claim(f: &Fixture, mailbox: &Mailbox) -> Option<Claimed> {
    submissions::begin(&f.store, &mailbox.id, 1)
        .await
        .expect("a claim")
        .pop_front()
}

/// The final dot leaves.
pub async fn dot(f: &Fixture, claimed: &Claimed) {
    let Submission { id, attempts, .. } = &claimed.submission;
    submissions::at_final_dot(&f.store, id, *attempts, &[])
        .await
        .expect("the dot may leave");
}

/// Everyone gets the same state.
pub fn all(claimed: &Claimed, state: State) -> Settlement {
    let mut recipients = claimed.submission.recipients.clone();
    for recipient in &mut recipients {
        fares(claimed, recipient, state);
    }
    Settlement::of(recipients, SentCopyBy::Us)
}

/// Copies in Sent that are owed.
pub async fn owed(f: &Fixture) -> i64 {
    f.store
        .db
        .read(|tx| {
            tx.row("SELECT count(*) FROM owed WHERE kind = 'append'", &[])?
                .map_or(Ok(0), |row| row.get(0))
        })
        .await
        .expect("a count")
}

/// A job of a mailbox with so many recipients.
pub async fn job(f: &Fixture, mailbox_id: &str, recipients: usize) -> Job {
    let new = NewJob {
        mailbox_id: mailbox_id.to_owned(),
        caller: json!({}),
        owner: "tok_1".into(),
        request: json!({}),
        rows: (0..recipients)
            .map(|n| (format!("p{n}@x.test"), json!({"n": n})))
            .collect(),
    };
    let now = f.store.now();
    let make = move |tx: &mut Tx<'_>| jobs::create_in(tx, &new, now);
    f.store.db.write(make).await.expect("a job")
}

/// What becomes of one recipient in an attempt.
pub fn fares(claimed: &Claimed, recipient: &mut Recipient, state: State) {
    match state {
        State::Unclear => recipient.lose(claimed.submission.attempts),
        known => recipient.state = known,
    }
}
