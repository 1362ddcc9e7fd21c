//! What a mailbox and its identities may send.

use crate::Fixture;
use crate::outbox::{queue, state, until};
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use model::identity::Limits;
use model::mailbox::{Auth, Mailbox};
use model::server_profile::ProfileLimits;
use model::submission::{State, Submission};
use store::submissions::{self, NewSubmission};
use store::{identities, mailboxes};

/// What the mailbox may send from now on.
async fn limit(f: &Fixture, mailbox: &Mailbox, limits: ProfileLimits) {
    let change = mailboxes::Change {
        limits: Some(limits),
        ..Default::default()
    };
    mailboxes::change(&f.store, &mailbox.id, change, None)
        .await
        .unwrap();
}

fn per_minute(most: Option<u32>) -> ProfileLimits {
    ProfileLimits {
        sends_per_minute: most,
        ..ProfileLimits::default()
    }
}

async fn queue_as(f: &Fixture, mailbox: &Mailbox, identity: &str, to: &str) -> Submission {
    let digest = f
        .store
        .blobs
        .put(b"Subject: x\r\n\r\nHello\r\n")
        .await
        .unwrap();
    let new = NewSubmission {
        identity_id: Some(identity.to_owned()),
        ..NewSubmission::new(
            &mailbox.id,
            digest,
            &mailbox.address,
            "one@x",
            vec![to.to_owned()],
        )
    };
    submissions::create(&f.store, new).await.unwrap()
}

#[tokio::test]
async fn a_mailbox_sends_no_more_in_a_minute_than_it_may_and_then_goes_on() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let limits = model::server_profile::ProfileLimits {
        sends_per_minute: Some(2),
        ..Default::default()
    };
    let change = store::mailboxes::Change {
        limits: Some(limits),
        ..Default::default()
    };
    store::mailboxes::change(&f.store, &mailbox.id, change, None)
        .await
        .unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(queue(&f, &mailbox, &["bob@x.org"]).await.id);
        f.advance(1);
    }
    for round in 0..3 {
        let last = (2 * round + 1).min(ids.len() - 1);
        state(&f, &ids[last], State::Accepted).await;
        if let Some(next) = ids.get(last + 1) {
            let waits = until(&f, next, |s| s.problem_id.is_some()).await;
            assert_eq!(waits.problem_id.as_deref(), Some("sending_limit_reached"));
            assert_eq!((waits.state, waits.attempts), (State::Queued, 0));
            let until = waits.next_attempt_at.unwrap();
            assert!(until > f.clock.now() && until <= f.clock.now().plus_millis(65_000));
            assert_eq!(sim.mails().len(), last + 1);
        }
        f.advance(66_000);
    }
    assert_eq!(sim.mails().len(), 5);
    f.end().await;
}

#[tokio::test]
async fn whoever_raises_a_limit_waits_for_nothing() {
    let f = Fixture::started().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    limit(&f, &mailbox, per_minute(Some(1))).await;
    let first = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    f.advance(1);
    let second = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    state(&f, &first, State::Accepted).await;
    until(&f, &second, |s| s.problem_id.is_some()).await;
    limit(&f, &mailbox, per_minute(Some(2))).await;
    state(&f, &second, State::Accepted).await;
    // A person who tries again is no exception from what is allowed, and is where the limit is none any more.
    let third = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    until(&f, &third, |s| s.problem_id.is_some()).await;
    submissions::retry(&f.store, &third).await.unwrap();
    until(&f, &third, |s| s.problem_id.is_some()).await;
    assert_eq!(sim.mails().len(), 2);
    f.end().await;
}

#[tokio::test]
async fn an_identity_that_may_send_no_more_waits_while_the_others_go_on() {
    let f = Fixture::new().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let of = identities::of_mailbox(&f.store, &mailbox.id).await.unwrap();
    let limits = |most| identities::Change {
        limits: Some(Limits {
            messages_per_minute: most,
            recipients_per_day: None,
        }),
        ..Default::default()
    };
    identities::change(&f.store, &of[0].id, limits(Some(1)))
        .await
        .unwrap();
    let mut own = Vec::new();
    for to in ["one@x.org", "two@x.org", "three@x.org"] {
        own.push(queue_as(&f, &mailbox, &of[0].id, to).await.id);
        f.clock.advance(1);
    }
    let other = queue(&f, &mailbox, &["four@x.org"]).await.id;
    f.start().await;
    state(&f, &other, State::Accepted).await;
    state(&f, &own[0], State::Accepted).await;
    for id in &own[1..] {
        let waits = until(&f, id, |s| s.problem_id.is_some()).await;
        assert_eq!(waits.problem_id.as_deref(), Some("sending_limit_reached"));
        assert_eq!((waits.state, waits.attempts), (State::Queued, 0));
        assert!(waits.next_attempt_at > Some(f.clock.now()));
    }
    f.advance(66_000);
    let second = state(&f, &own[1], State::Accepted).await;
    assert_eq!(second.problem_id, None);
    until(&f, &own[2], |s| s.next_attempt_at > Some(f.clock.now())).await;
    identities::change(&f.store, &of[0].id, limits(None))
        .await
        .unwrap();
    state(&f, &own[2], State::Accepted).await;
    f.end().await;
}

#[tokio::test]
async fn a_recipient_counts_when_a_try_asks_about_them() {
    let f = Fixture::new().await;
    let script = SmtpScript::new().offer(&["LIMITS RCPTMAX=2"]);
    let sim = SmtpSim::start(script.fault(SmtpFault::TempfailRecipient("a@x.org".into())));
    let mailbox = f.mailbox(sim.port(), Auth::None).await;
    let six = ProfileLimits {
        recipients_per_day: Some(6),
        ..ProfileLimits::default()
    };
    limit(&f, &mailbox, six).await;
    let all = ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"];
    let id = queue(&f, &mailbox, &all).await.id;
    f.start().await;
    let asked = |s: &Submission| s.recipients.iter().all(|r| r.state != State::Queued);
    until(&f, &id, |s| asked(s) && s.state == State::Deferred).await;
    let to: Vec<usize> = sim.mails().iter().map(|mail| mail.to.len()).collect();
    assert_eq!(to, [1, 2, 1]);
    // Five were asked about, and the sixth is the one who was put off: it is the last for today.
    sim.set_faults(&[]);
    f.advance(2 * 3_600_000);
    state(&f, &id, State::Accepted).await;
    let next = queue(&f, &mailbox, &["f@x.org"]).await.id;
    until(&f, &next, |s| s.problem_id.is_some()).await;
    assert_eq!(sim.mails().len(), 4);
    f.end().await;
}
