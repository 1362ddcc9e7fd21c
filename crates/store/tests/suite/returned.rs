//! What comes back is linked to what was sent: by ids, within the mailbox, and a guess stays a guess.

use crate::common::{Fixture, both};
use crate::ingest::{Box, alone, batch, message, set_up_for};
use model::event::{Event, Origin};
use model::message::Direction;
use model::returned::{Confidence, Kind, Report, Reported};
use model::submission::{State, Submission};
use serde_json::{Value, json};
use store::folders::{self, ListChange, NewFolder};
use store::ingest::{self, NewMessage};
use store::submissions::{self, NewSubmission, SentCopyBy, Settlement};

const OURS: &str = "offer@example.test";

/// A submission that the server took (or not, by `state`), with `words`.
async fn sent(f: &Fixture, b: &Box, to: &[&str], state: State, words: &str) -> Submission {
    sent_after(f, b, (to, 0), state, words).await
}

/// Like [`sent`], of a message that waits for so many milliseconds before it goes out.
async fn sent_after(
    f: &Fixture,
    b: &Box,
    (to, wait): (&[&str], i64),
    state: State,
    words: &str,
) -> Submission {
    let digest = f
        .store
        .blobs
        .put(b"Subject: Offer 12\r\n\r\nHello")
        .await
        .unwrap();
    let to = to.iter().map(|a| (*a).to_owned()).collect();
    let mut new = NewSubmission::new(
        &b.mailbox_id,
        digest,
        "ann@example.test",
        &format!("<{OURS}>"),
        to,
    );
    new.subject = "Offer 12".into();
    if wait > 0 {
        new.send_at = Some(f.clock.now().plus_millis(wait));
    }
    submissions::create(&f.store, new).await.unwrap();
    f.clock.advance(wait);
    store::leases::renew(&f.store).await.unwrap();
    let claimed = submissions::begin(&f.store, &b.mailbox_id, 1)
        .await
        .unwrap()
        .pop_front()
        .unwrap();
    let mut recipients = claimed.submission.recipients.clone();
    for recipient in &mut recipients {
        recipient.state = state;
        recipient.text = Some(words.to_owned());
    }
    let settlement = Settlement {
        ..Settlement::of(recipients, SentCopyBy::Us)
    };
    submissions::settle(&f.store, &claimed, settlement)
        .await
        .unwrap()
}

fn report(kind: Kind, to: &[&str]) -> Report {
    Report {
        kind,
        confidence: Confidence::Certain,
        recipients: to
            .iter()
            .map(|address| Reported {
                address: (*address).to_owned(),
                kind,
                status: Some("5.1.1".into()),
                code: Some(550),
                permanent: kind == Kind::Bounce,
                diagnostic: Some("550 5.1.1 unknown".into()),
            })
            .collect(),
        envelope_id: None,
        original_message_id: None,
        original_subject: None,
    }
}

/// A message that came, with a head.
async fn came(
    f: &Fixture,
    uid: i64,
    name: &str,
    head: Value,
    report: Option<Report>,
) -> NewMessage {
    let mut message = message(&f.store, uid, name).await;
    message.received_at = f.store.now();
    message.head = head.to_string();
    message.report = report;
    message
}

async fn store_as(f: &Fixture, b: &Box, message: NewMessage, origin: Origin) {
    let mut batch = batch(&b.inbox, vec![message]);
    batch.origin = origin;
    ingest::ingest(&f.store, &b.lease, batch, alone)
        .await
        .unwrap();
}

async fn events(f: &Fixture, kind: &str) -> Vec<Event> {
    let (events, _) = store::events::list(&f.store, Default::default(), 10_000)
        .await
        .unwrap();
    events
        .into_iter()
        .filter(|event| event.kind == kind)
        .collect()
}

async fn get(f: &Fixture, submission: &Submission) -> Submission {
    submissions::get(&f.store, &submission.id).await.unwrap()
}

#[tokio::test]
async fn a_bounce_is_linked_by_envelope_id_or_by_message_id_and_told_once() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let first = sent(
            &f,
            &b,
            &["kim@x.test", "lou@x.test"],
            State::Accepted,
            "2.0.0 Ok",
        )
        .await;
        let mut by_envelope = report(Kind::Bounce, &["KIM@x.test"]);
        by_envelope.envelope_id = Some(first.id.clone());
        store_as(
            &f,
            &b,
            came(&f, 1, "one", json!({}), Some(by_envelope)).await,
            Origin::Live,
        )
        .await;
        let mut by_id = report(Kind::Delayed, &["lou@x.test"]);
        by_id.original_message_id = Some(OURS.into());
        store_as(
            &f,
            &b,
            came(&f, 2, "two", json!({}), Some(by_id)).await,
            Origin::CatchUp,
        )
        .await;

        let found = get(&f, &first).await;
        assert_eq!(
            found.state,
            State::Accepted,
            "what the server took, it took"
        );
        let returned = |n: usize| {
            found.recipients[n]
                .returned
                .clone()
                .expect("something came back")
        };
        assert_eq!(
            (
                returned(0).kind,
                returned(0).permanent,
                returned(0).status.as_deref()
            ),
            (Kind::Bounce, true, Some("5.1.1"))
        );
        assert_eq!(
            (returned(1).kind, returned(1).permanent),
            (Kind::Delayed, false)
        );
        let bounced = events(&f, "message.bounced").await;
        assert_eq!(bounced.len(), 1, "a delay is no bounce");
        assert_eq!(bounced[0].data["submission_id"], json!(first.id));
        assert_eq!(bounced[0].data["recipients"][0]["status"], json!("5.1.1"));
        let told = events(&f, "submission.returned").await;
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].data["returned"]["kind"], json!("bounce"));
        assert_eq!(
            (told[0].origin, told[1].origin),
            (Origin::Live, Origin::CatchUp)
        );
        let received = events(&f, "message.received").await;
        assert_eq!(received[0].data["submission_id"], json!(first.id));
    })
    .await;
}

#[tokio::test]
async fn a_report_of_another_mailboxs_message_is_linked_to_nothing() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let theirs = sent(&f, &b, &["kim@x.test"], State::Accepted, "Ok").await;
        let other = set_up_for(&f, "eve@example.test").await;
        let mut forged = report(Kind::Bounce, &["kim@x.test"]);
        forged.envelope_id = Some(theirs.id.clone());
        forged.original_message_id = Some(OURS.into());
        forged.original_subject = Some("Offer 12".into());
        let head = json!({"in_reply_to": OURS, "from": [{"address": "kim@x.test"}]});
        store_as(
            &f,
            &other,
            came(&f, 1, "forged", head, Some(forged)).await,
            Origin::Live,
        )
        .await;
        assert_eq!(get(&f, &theirs).await.recipients[0].returned, None);
        assert!(events(&f, "submission.returned").await.is_empty());
        assert_eq!(
            events(&f, "message.bounced").await[0].data["submission_id"],
            Value::Null
        );
    })
    .await;
}

#[tokio::test]
async fn what_comes_back_settles_what_was_unclear() {
    both(|f| async move {
        for (kind, state) in [
            (Some(Kind::Bounce), State::Failed),
            (Some(Kind::Delivered), State::Accepted),
            (Some(Kind::OutOfOffice), State::Accepted),
            (None, State::Accepted),
        ] {
            let b = set_up_for(&f, "ann@example.test").await;
            let unclear = sent(
                &f,
                &b,
                &["kim@x.test", "lou@x.test"],
                State::Unclear,
                "silence",
            )
            .await;
            assert_eq!(unclear.state, State::Unclear);
            let head = json!({"in_reply_to": OURS, "from": [{"address": "kim@x.test"}]});
            let report = kind.map(|kind| report(kind, &["kim@x.test"]));
            store_as(
                &f,
                &b,
                came(&f, 1, "back", head, report).await,
                Origin::Live,
            )
            .await;
            let found = get(&f, &unclear).await;
            assert_eq!(found.recipients[0].state, state, "{kind:?}");
            assert_eq!(
                found.recipients[1].state,
                State::Accepted,
                "the server had the message: {kind:?}"
            );
            assert_eq!(
                (found.state, found.next_attempt_at),
                (State::Accepted, None),
                "{kind:?}"
            );
            store::mailboxes::remove(&f.store, &b.mailbox_id).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_finds_its_message_under_the_id_that_a_server_gave_it() {
    both(|f| async move {
        // Told in the words with which the server took it; as an id, and as its left side.
        for (words, answered) in [
            ("2.0.0 Ok <changed@relay.test>", "changed@relay.test"),
            (
                "Ok 0102018f2a3b4c5d-6e7f8091-a2b3",
                "0102018f2a3b4c5d-6e7f8091-a2b3@eu.relay.test",
            ),
        ] {
            let b = set_up_for(&f, "ann@example.test").await;
            let submission = sent(&f, &b, &["kim@x.test"], State::Accepted, words).await;
            let head = json!({"in_reply_to": answered, "from": [{"address": "kim@x.test"}]});
            store_as(
                &f,
                &b,
                came(&f, 1, "answer", head, None).await,
                Origin::Live,
            )
            .await;
            let received = events(&f, "message.received").await;
            let last = received.last().expect("it came");
            assert_eq!(last.data["submission_id"], json!(submission.id), "{words}");
            assert_eq!(last.data["answers_confidence"], json!("certain"));
            store::mailboxes::remove(&f.store, &b.mailbox_id).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_in_sent_under_another_id_is_the_submissions_and_tells_that_id() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let submission = sent(&f, &b, &["kim@x.test", "bcc@x.test"], State::Accepted, "Ok").await;
        let folder = NewFolder {
            wire_name: "Sent".into(),
            path: "Sent".into(),
            delimiter: None,
            role: Some(model::folder::Role::Sent),
            mode: model::folder::Mode::Full,
            object_id: None,
            empty: None,
        };
        let known = folders::known(&f.store, &b.mailbox_id).await.unwrap();
        let mut changes: Vec<ListChange> = vec![ListChange::Created(folder)];
        changes.truncate(1);
        folders::apply_list(&f.store, &b.lease, changes)
            .await
            .unwrap();
        let all = folders::known(&f.store, &b.mailbox_id).await.unwrap();
        assert_eq!(all.len(), known.len() + 1);
        let sent_folder = all.iter().find(|x| x.path == "Sent").unwrap().id.clone();
        folders::reset(&f.store, &b.lease, &sent_folder, 7)
            .await
            .unwrap();
        let date = submission.created_at;
        let head = json!({"to": [{"address": "Kim@x.test"}], "cc": [], "date": date});
        let mut copy = came(&f, 5, "rewritten", head, None).await;
        copy.direction = Direction::Outgoing;
        copy.sender = "ann@example.test".into();
        copy.subject = "Offer 12".into();
        let mut filed = batch(&sent_folder, vec![copy]);
        filed.copies_too = true;
        ingest::ingest(&f.store, &b.lease, filed, alone)
            .await
            .unwrap();
        let found = get(&f, &submission).await;
        assert!(found.message_id.is_some(), "the copy is this submission's");
        assert_eq!(
            found.sent_copy.state,
            model::submission::SentCopyState::Filed
        );

        let head =
            json!({"in_reply_to": "rewritten@example.test", "from": [{"address": "kim@x.test"}]});
        store_as(
            &f,
            &b,
            came(&f, 1, "answer", head, None).await,
            Origin::Live,
        )
        .await;
        let received = events(&f, "message.received").await;
        let last = received.last().expect("it came");
        assert_eq!(last.data["submission_id"], json!(submission.id));
        assert_eq!(last.data["answers_message_id"], json!(found.message_id));
    })
    .await;
}

#[tokio::test]
async fn a_copy_to_oneself_tells_the_id_too_and_is_no_copy_in_sent() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let to = ["kim@x.test", "ann@example.test"];
        let submission = sent(&f, &b, &to, State::Accepted, "Ok").await;
        let head = json!({"to": [{"address": "kim@x.test"}], "cc": [{"address": "ann@example.test"}],
            "from": [{"address": "ann@example.test"}], "date": submission.created_at});
        let mut copy = came(&f, 5, "seen", head, None).await;
        copy.sender = "ann@example.test".into();
        copy.subject = "Offer 12".into();
        store_as(&f, &b, copy, Origin::Live).await;
        assert_eq!(get(&f, &submission).await.message_id, None);
        let head = json!({"references": ["seen@example.test"], "from": [{"address": "kim@x.test"}]});
        store_as(&f, &b, came(&f, 6, "answer", head, None).await, Origin::Live).await;
        let last = events(&f, "message.received").await.pop().expect("it came");
        assert_eq!(last.data["submission_id"], json!(submission.id));
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_scheduled_message_is_known_by_the_time_that_it_was_scheduled_for() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let to = ["kim@x.test", "ann@example.test"];
        let three_days = 3 * 24 * 3_600_000;
        let submission = sent_after(&f, &b, (&to, three_days), State::Accepted, "Ok").await;
        let at = submission.send_at.expect("it was scheduled");
        assert_eq!(at, submission.created_at.plus_millis(three_days));
        let head = json!({"to": [{"address": "kim@x.test"}], "cc": [{"address": "ann@example.test"}],
            "from": [{"address": "ann@example.test"}], "date": at});
        let mut copy = came(&f, 5, "seen", head, None).await;
        copy.sender = "ann@example.test".into();
        copy.subject = "Offer 12".into();
        copy.received_at = f.clock.now();
        store_as(&f, &b, copy, Origin::Live).await;
        let head = json!({"references": ["seen@example.test"], "from": [{"address": "kim@x.test"}]});
        store_as(&f, &b, came(&f, 6, "answer", head, None).await, Origin::Live).await;
        let last = events(&f, "message.received").await.pop().expect("it came");
        assert_eq!(last.data["submission_id"], json!(submission.id));
        assert_eq!(last.data["answers_confidence"], json!("certain"));
    })
    .await;
}

#[tokio::test]
async fn recipient_and_subject_make_a_guess_where_they_fit_one_message_only() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let unclear = sent(&f, &b, &["kim@x.test"], State::Unclear, "silence").await;
        let mut vague = report(Kind::Bounce, &["kim@x.test"]);
        vague.original_subject = Some("Offer 12".into());
        let other = report(Kind::Bounce, &["kim@x.test"]);
        store_as(
            &f,
            &b,
            came(&f, 1, "nothing", json!({}), Some(other)).await,
            Origin::Live,
        )
        .await;
        assert_eq!(
            get(&f, &unclear).await.recipients[0].returned,
            None,
            "a recipient alone is no link"
        );
        store_as(
            &f,
            &b,
            came(&f, 2, "vague", json!({}), Some(vague.clone())).await,
            Origin::Live,
        )
        .await;
        let found = get(&f, &unclear).await;
        let returned = found.recipients[0].returned.clone().expect("a guess");
        assert_eq!(returned.confidence, Confidence::Guess);
        assert_eq!(found.state, State::Unclear, "a guess settles nothing");
        let again = sent(&f, &b, &["kim@x.test"], State::Accepted, "Ok").await;
        store_as(
            &f,
            &b,
            came(&f, 3, "either", json!({}), Some(vague)).await,
            Origin::Live,
        )
        .await;
        assert_eq!(
            get(&f, &again).await.recipients[0].returned,
            None,
            "two messages fit"
        );
    })
    .await;
}

#[tokio::test]
async fn the_past_is_linked_and_raises_nothing_live() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let submission = sent(&f, &b, &["kim@x.test"], State::Accepted, "Ok").await;
        let mut old = report(Kind::Bounce, &["kim@x.test"]);
        old.original_message_id = Some(OURS.into());
        store_as(
            &f,
            &b,
            came(&f, 1, "old", json!({}), Some(old)).await,
            Origin::Backfill,
        )
        .await;
        assert!(get(&f, &submission).await.recipients[0].returned.is_some());
        for kind in ["message.bounced", "submission.returned"] {
            let all = events(&f, kind).await;
            assert_eq!(all.len(), 1, "{kind}");
            assert!(
                all.iter().all(|event| event.origin == Origin::Backfill),
                "{kind}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_came_back_outlives_an_attempt_that_had_begun_before() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let digest = f
            .store
            .blobs
            .put(b"Subject: Offer 12\r\n\r\nHello")
            .await
            .unwrap();
        let to = vec!["kim@x.test".to_owned(), "lou@x.test".to_owned()];
        let new = NewSubmission::new(&b.mailbox_id, digest, "ann@example.test", OURS, to);
        let submission = submissions::create(&f.store, new).await.unwrap();
        let claimed = submissions::begin(&f.store, &b.mailbox_id, 1)
            .await
            .unwrap()
            .pop_front()
            .unwrap();
        let mut bounce = report(Kind::Bounce, &["kim@x.test"]);
        bounce.original_message_id = Some(OURS.into());
        store_as(
            &f,
            &b,
            came(&f, 1, "early", json!({}), Some(bounce)).await,
            Origin::Live,
        )
        .await;
        let mut recipients = claimed.submission.recipients.clone();
        for recipient in &mut recipients {
            recipient.state = State::Accepted;
        }
        let settlement = Settlement::of(recipients, SentCopyBy::Us);
        submissions::settle(&f.store, &claimed, settlement)
            .await
            .unwrap();
        let found = get(&f, &submission).await;
        assert_eq!(
            found.recipients[0].returned.as_ref().map(|r| r.kind),
            Some(Kind::Bounce)
        );
        assert_eq!(found.recipients[1].returned, None);
    })
    .await;
}

#[tokio::test]
async fn a_bounce_whose_header_alone_is_stored_is_told_when_the_rest_has_come() {
    both(|f| async move {
        let b = set_up_for(&f, "ann@example.test").await;
        let submission = sent(&f, &b, &["kim@x.test"], State::Accepted, "Ok").await;
        let mut bounce = report(Kind::Bounce, &["kim@x.test"]);
        bounce.original_message_id = Some(OURS.into());
        let whole = came(&f, 1, "bounce", json!({}), Some(bounce)).await;
        let header = NewMessage {
            headers_only: Some(whole.stored.place.length + 100),
            stored: f
                .store
                .blobs
                .put(b"Subject: failure notice\r\n\r\n")
                .await
                .unwrap(),
            ..whole.clone()
        };
        store_as(&f, &b, header, Origin::Live).await;
        assert!(events(&f, "message.bounced").await.is_empty());
        store_as(&f, &b, whole, Origin::Live).await;
        assert_eq!(events(&f, "message.bounced").await.len(), 1);
        assert!(get(&f, &submission).await.recipients[0].returned.is_some());
    })
    .await;
}
