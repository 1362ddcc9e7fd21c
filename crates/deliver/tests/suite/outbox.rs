//! The outbox against an SMTP server with faults.

use crate::{Fixture, START};
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use model::mailbox::{Auth, Mailbox};
use model::submission::{SentCopyState, State, Submission};
use std::time::Duration;
use store::submissions::{self, NewSubmission};
use store::wake::Topic;

const MINUTE: i64 = 60_000;
const RAW: &[u8] = b"Message-ID: <one@example.com>\r\nSubject: x\r\n\r\nHello\r\n.dot\r\n";

pub async fn queue(f: &Fixture, mailbox: &Mailbox, to: &[&str]) -> Submission {
    let digest = f.store.blobs.put(RAW).await.expect("stored");
    let to = to.iter().map(|t| (*t).to_owned()).collect();
    let new = NewSubmission::new(&mailbox.id, digest, &mailbox.address, "one@example.com", to);
    submissions::create(&f.store, new)
        .await
        .expect("a submission")
}

/// Waits until the submission is as wanted.
pub async fn until(f: &Fixture, id: &str, wanted: impl Fn(&Submission) -> bool) -> Submission {
    f.until(Topic::Submissions, || async {
        let found = submissions::get(&f.store, id).await.expect("a submission");
        wanted(&found).then_some(found)
    })
    .await
}

pub async fn state(f: &Fixture, id: &str, state: State) -> Submission {
    until(f, id, |s| s.state == state).await
}

#[tokio::test]
async fn messages_go_out_byte_for_byte_over_one_connection() {
    let f = Fixture::new().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::Password).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(queue(&f, &mailbox, &["bob@x.org", "hidden@x.org"]).await.id);
    }
    f.start().await;
    for id in &ids {
        let sent = state(&f, id, State::Accepted).await;
        assert_eq!(sent.sent_copy.state, SentCopyState::Pending);
        assert_eq!((sent.attempts, sent.possible_duplicate), (1, false));
    }
    let mails = sim.mails();
    assert_eq!((mails.len(), sim.connections(), sim.logins()), (3, 1, 1));
    for mail in mails {
        assert_eq!(mail.data, RAW);
        assert_eq!(mail.from, "ann@example.com");
        assert_eq!(mail.to, ["bob@x.org", "hidden@x.org"]);
    }
    assert_eq!(submissions::depth(&f.store).await.unwrap(), 0);
    f.end().await;
}

#[tokio::test]
async fn only_those_who_were_put_off_get_it_again() {
    let f = Fixture::started().await;
    let put_off = SmtpFault::TempfailRecipient("bob@x.org".into());
    let refused = SmtpFault::RejectRecipient("eve@x.org".into());
    let sim = SmtpSim::start(SmtpScript::new().fault(put_off).fault(refused));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["ann@x.org", "bob@x.org", "eve@x.org"])
        .await
        .id;
    let waiting = state(&f, &id, State::Deferred).await;
    let states: Vec<_> = waiting.recipients.iter().map(|r| r.state).collect();
    assert_eq!(states, [State::Accepted, State::Deferred, State::Failed]);
    assert!(waiting.next_attempt_at >= Some(START.plus_millis(5 * MINUTE)));
    sim.set_faults(&[]);
    f.advance(6 * MINUTE);
    state(&f, &id, State::Accepted).await;
    let to: Vec<_> = sim.mails().into_iter().map(|m| m.to).collect();
    assert_eq!(to, [["ann@x.org"], ["bob@x.org"]]);
    f.end().await;
}

#[tokio::test]
async fn i40_no_answer_after_the_dot_is_unclear_and_one_more_try_is_marked() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new().fault(SmtpFault::CloseAfterDot));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    let unclear = state(&f, &id, State::Unclear).await;
    assert_eq!(unclear.problem_id.as_deref(), Some("smtp_unclear"));
    assert_eq!(
        unclear.next_attempt_at,
        Some(START.plus_millis(15 * MINUTE))
    );
    let mails = sim.mails().len();
    sim.set_faults(&[]);
    f.advance(15 * MINUTE);
    let sent = state(&f, &id, State::Accepted).await;
    assert!(sent.possible_duplicate);
    assert_eq!(sim.mails().len(), mails + 1);
    f.end().await;
}

#[tokio::test]
async fn a_broken_connection_before_the_dot_is_put_off_and_sent_once() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new().fault(SmtpFault::CloseInData(1)));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    let first = until(&f, &id, |s| s.attempts == 1 && s.state != State::Sending).await;
    // So short a message is written at once, dot and all: whether the server read the dot is not known then.
    assert!(
        matches!(first.state, State::Deferred | State::Unclear),
        "{first:?}"
    );
    assert!(sim.mails().is_empty());
    sim.set_faults(&[]);
    f.advance(20 * MINUTE);
    state(&f, &id, State::Accepted).await;
    assert_eq!(sim.mails().len(), 1);
    f.end().await;
}

#[tokio::test]
async fn a_refused_sign_in_is_tried_twice_then_held_until_the_password_changes() {
    let f = Fixture::started().await;
    let refuse = SmtpFault::RefuseAuth("535 5.7.8 wrong password".into());
    let sim = SmtpSim::start(SmtpScript::new().fault(refuse));
    let mailbox = f.mailbox(sim.port(), Auth::Password).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    let waiting = state(&f, &id, State::Deferred).await;
    assert_eq!(waiting.problem_id.as_deref(), Some("password_refused"));
    f.advance(6 * MINUTE);
    until(&f, &id, |s| s.attempts == 2 && s.next_attempt_at.is_none()).await;
    let logins = sim.logins();
    assert_eq!(logins, 2);
    // What comes later is held too, without another sign-in.
    let later = queue(&f, &mailbox, &["eve@x.org"]).await.id;
    until(&f, &later, |s| {
        s.state == State::Deferred && s.next_attempt_at.is_none()
    })
    .await;
    assert_eq!(sim.logins(), logins);
    sim.set_faults(&[]);
    let change = store::mailboxes::Change {
        credentials: model::mailbox::Credentials {
            incoming: None,
            outgoing: Some(model::Secret::new("secret")),
        },
        ..Default::default()
    };
    store::mailboxes::change(&f.store, &mailbox.id, change, None)
        .await
        .unwrap();
    for id in [&id, &later] {
        state(&f, id, State::Accepted).await;
    }
    f.end().await;
}

#[tokio::test]
async fn a_server_that_hangs_holds_nobody_else_up() {
    let f = Fixture::new().await;
    let slow = SmtpSim::start(SmtpScript::new().fault(SmtpFault::StallAfterDot));
    let fine = SmtpSim::start(SmtpScript::new());
    let slow_box = f.mailbox(slow.port(), Auth::None).await;
    let fine_box = f.mailbox(fine.port(), Auth::None).await;
    let slow_id = queue(&f, &slow_box, &["bob@x.org"]).await.id;
    let fine_id = queue(&f, &fine_box, &["bob@x.org"]).await.id;
    f.start().await;
    state(&f, &fine_id, State::Accepted).await;
    state(&f, &slow_id, State::Sending).await;
    // The end does not wait for the server either; what it leaves is found unclear at the next start.
    let late = f.supervisor.shutdown(Duration::from_millis(500)).await;
    assert_eq!(late.len(), 1);
    submissions::recover(&f.store).await.unwrap();
    let left = submissions::get(&f.store, &slow_id).await.unwrap();
    assert!(
        matches!(left.state, State::Unclear | State::Queued),
        "{left:?}"
    );
}

#[tokio::test]
async fn more_servers_that_hang_than_there_are_places_hold_nobody_else_up() {
    let f = Fixture::new().await;
    let slow = SmtpSim::start(SmtpScript::new().fault(SmtpFault::StallAfterDot));
    let mut stuck = Vec::new();
    for _ in 0..deliver::outbox::MAILBOXES_AT_ONCE + 2 {
        let mailbox = f.mailbox(slow.port(), Auth::None).await;
        stuck.push(queue(&f, &mailbox, &["bob@x.org"]).await.id);
    }
    f.advance(10); // They come first.
    let fine = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(fine.port(), Auth::None).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    f.start().await;
    state(&f, &id, State::Accepted).await;
    for id in &stuck {
        state(&f, id, State::Sending).await;
    }
    let late = f.supervisor.shutdown(Duration::from_millis(500)).await;
    assert_eq!(late.len(), stuck.len());
}

#[tokio::test]
async fn a_server_out_of_reach_puts_everything_off_at_once() {
    let f = Fixture::new().await;
    let mailbox = f.mailbox(1, Auth::None).await;
    let (a, b) = (
        queue(&f, &mailbox, &["a@x.org"]).await.id,
        queue(&f, &mailbox, &["b@x.org"]).await.id,
    );
    f.start().await;
    let first = state(&f, &a, State::Deferred).await;
    let second = state(&f, &b, State::Deferred).await;
    assert_eq!(first.problem_id.as_deref(), Some("connection_refused"));
    assert_eq!(
        first.next_attempt_at, second.next_attempt_at,
        "they come back together"
    );
    f.end().await;
}
