//! What the mailbox's own mail proves about what was sent.

use crate::common::{Fixture, START, both};
use crate::outbox;
use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::{Mailbox, SentCopyFiler};
use model::message::{Direction, Flags};
use model::submission::{Recipient, SentCopyState, State};
use store::StoreError;
use store::folders::{self, Cursor, ListChange, NewFolder};
use store::ingest::{self, Batch, NewMessage, ThreadRefs, Threaded};
use store::leases::Lease;
use store::submissions::{self, Claimed, NewSubmission, SentCopyBy, Settlement};

const MESSAGE_ID: &str = "one@example.com";

/// A message whose final dot has left.
async fn sending(f: &Fixture, mailbox: &Mailbox) -> Claimed {
    let raw = b"Subject: x\r\n\r\nHello";
    let digest = f.store.blobs.put(raw).await.expect("stored");
    let (id, to) = (format!("<{MESSAGE_ID}>"), vec!["bob@x.org".to_owned()]);
    let new = NewSubmission::new(&mailbox.id, digest, &mailbox.address, &id, to);
    submissions::create(&f.store, new)
        .await
        .expect("a submission");
    let claimed = outbox::claim(f, mailbox).await.expect("it is due");
    outbox::dot(f, &claimed).await;
    claimed
}

async fn settle(f: &Fixture, claimed: &Claimed, state: State) {
    let mut recipients = claimed.submission.recipients.clone();
    recipients[0].state = state;
    let settlement = Settlement::of(recipients, SentCopyBy::Us);
    submissions::settle(&f.store, claimed, settlement)
        .await
        .expect("settled");
}

/// The message is seen in a folder with this role.
async fn seen(f: &Fixture, mailbox: &Mailbox, role: Role) {
    seen_as(f, mailbox, role, None).await;
}

/// Like [`seen`]; the owed change with this id has brought it there.
async fn seen_as(f: &Fixture, mailbox: &Mailbox, role: Role, brought_by: Option<&'static str>) {
    let lease = lease(f, mailbox).await;
    let folder = NewFolder {
        wire_name: role.as_str().to_owned(),
        path: role.as_str().to_owned(),
        delimiter: None,
        role: Some(role),
        mode: Mode::Full,
        object_id: None,
        empty: None,
    };
    folders::apply_list(&f.store, &lease, vec![ListChange::Created(folder)])
        .await
        .expect("a folder");
    let folders = folders::list(&f.store, &mailbox.id).await.expect("folders");
    let folder_id = folders
        .iter()
        .find(|folder| folder.role == Some(role))
        .expect("it")
        .id
        .clone();
    folders::reset(&f.store, &lease, &folder_id, 7)
        .await
        .expect("a UIDVALIDITY");
    if let Some(owed_id) = brought_by {
        let (folder_id, now) = (folder_id.clone(), f.store.now());
        let note = f.store.db.write(move |tx| {
            let sql = "INSERT INTO own_copies (folder_id, uid_validity, uid, message_id, made_at)
                       VALUES ($1, 7, 1, $2, $3)";
            tx.exec(sql, &[folder_id.into(), owed_id.into(), now.into()])
        });
        note.await.expect("noted");
    }
    let raw = format!("Message-ID: <{MESSAGE_ID}>\r\n\r\nin {role}");
    let message = NewMessage {
        headers_only: None,
        uid: 1,
        flags: Flags::default(),
        mod_seq: 0,
        received_at: START,
        stored: f.store.blobs.put(raw.as_bytes()).await.expect("stored"),
        head: "{}".to_owned(),
        words: Default::default(),
        refs: ThreadRefs {
            message_id: Some(MESSAGE_ID.to_owned()),
            ..ThreadRefs::default()
        },
        direction: Direction::Outgoing,
        sender: mailbox.address.clone(),
        subject: "x".to_owned(),
        automatic: false,
        report: None,
        has_attachments: false,
        object_id: None,
        labels: None,
    };
    let batch = Batch {
        folder_id,
        uid_validity: 7,
        origin: Origin::Live,
        messages: vec![message],
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: true,
    };
    let stored = ingest::ingest(&f.store, &lease, batch, |_, refs, fresh| Threaded {
        threads: refs.iter().map(|_| fresh()).collect(),
        ..Threaded::default()
    });
    assert_eq!(stored.await.expect("an outcome").stored, 1);
}

async fn lease(f: &Fixture, mailbox: &Mailbox) -> Lease {
    store::leases::acquire(&f.store, 10).await.expect("leases");
    let leases = store::leases::renew(&f.store).await.expect("leases");
    leases
        .into_iter()
        .find(|l| l.mailbox_id == mailbox.id)
        .expect("the lease")
}

async fn owed(f: &Fixture) -> i64 {
    f.store
        .db
        .read(|tx| {
            tx.row("SELECT count(*) FROM owed", &[])?
                .map_or(Ok(0), |row| row.get(0))
        })
        .await
        .expect("a count")
}

#[tokio::test]
async fn the_copy_in_sent_is_linked_and_no_longer_owed() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let claimed = sending(&f, &mailbox).await;
        settle(&f, &claimed, State::Accepted).await;
        assert_eq!(owed(&f).await, 1);
        seen(&f, &mailbox, Role::Sent).await;
        let found = submissions::get(&f.store, &claimed.submission.id)
            .await
            .unwrap();
        assert_eq!(
            (found.state, found.sent_copy.state),
            (State::Accepted, SentCopyState::Filed)
        );
        assert!(found.message_id.is_some());
        assert_eq!(owed(&f).await, 0);
    })
    .await;
}

/// A message goes out, and nothing is known of the provider but this. How its copy stands then, and when we would file it.
async fn sent(f: &Fixture, mailbox: &Mailbox, known: SentCopyBy) -> (SentCopyState, Option<i64>) {
    let claimed = sending(f, mailbox).await;
    let mut recipients = claimed.submission.recipients.clone();
    recipients[0].state = State::Accepted;
    let settlement = Settlement::of(recipients, known);
    let done = submissions::settle(&f.store, &claimed, settlement);
    let state = done.await.expect("settled").sent_copy.state;
    let due = store::owed::next_due(&f.store, &mailbox.id);
    let due = due.await.expect("a time").map(|at| at.0 - f.store.now().0);
    (state, due)
}

async fn learned(f: &Fixture, mailbox: &Mailbox) -> Option<SentCopyFiler> {
    let mailbox = store::mailboxes::get(&f.store, &mailbox.id).await;
    mailbox.expect("the mailbox").sent_copy_by
}

#[tokio::test]
async fn who_files_the_copies_is_learned_from_each_mailbox_and_remembered() {
    both(|f| async move {
        // Its server files by itself: the copy shows before we would file it.
        let ann = f.mailbox("ann@example.com").await;
        let first = sent(&f, &ann, SentCopyBy::Unknown).await;
        let unknown = Some(submissions::UNKNOWN_COPY_MILLIS);
        assert_eq!(first, (SentCopyState::Pending, unknown));
        assert_eq!(learned(&f, &ann).await, None);
        seen(&f, &ann, Role::Sent).await;
        assert_eq!(learned(&f, &ann).await, Some(SentCopyFiler::Server));

        // Another's does not: when we look, there is none, and ours is the one.
        let bob = f.mailbox("bob@example.com").await;
        sent(&f, &bob, SentCopyBy::Unknown).await;
        f.clock.advance(submissions::UNKNOWN_COPY_MILLIS);
        let lease = lease(&f, &bob).await;
        let due = store::owed::take(&f.store, &lease, 10).await.expect("due");
        assert_eq!(due.len(), 1);
        let filed = store::owed::Confirmed {
            sent_copy_by: Some(SentCopyFiler::Postroom),
            ..Default::default()
        };
        let done = store::owed::done(&f.store, &lease, &due[0], filed);
        done.await.expect("filed");
        assert_eq!(learned(&f, &bob).await, Some(SentCopyFiler::Postroom));
        // What one mailbox has shown says nothing of the other.
        assert_eq!(learned(&f, &ann).await, Some(SentCopyFiler::Server));
    })
    .await;
}

#[tokio::test]
async fn what_a_mailbox_has_shown_counts_more_than_what_is_known_of_its_provider() {
    both(|f| async move {
        let learn = |by: &'static str, id: String| {
            f.store.db.write(move |tx| {
                let sql = "UPDATE mailboxes SET sent_copy_by = $2 WHERE id = $1";
                tx.exec(sql, &[(&id).into(), by.into()]).map(drop)
            })
        };
        let late = Some(submissions::PROVIDER_COPY_MILLIS);
        for (shown, known, wanted) in [
            ("server", SentCopyBy::Us, (SentCopyState::Pending, late)),
            (
                "postroom",
                SentCopyBy::Provider,
                (SentCopyState::Owed, Some(0)),
            ),
        ] {
            let mailbox = f.mailbox("ann@example.com").await;
            learn(shown, mailbox.id.clone()).await.expect("learned");
            assert_eq!(sent(&f, &mailbox, known).await, wanted, "{shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_unclear_message_that_is_seen_was_accepted() {
    both(|f| async move {
        for (role, copy) in [
            (Role::Sent, SentCopyState::Filed),
            (Role::Inbox, SentCopyState::Pending),
        ] {
            let mailbox = f.mailbox("ann@example.com").await;
            let claimed = sending(&f, &mailbox).await;
            settle(&f, &claimed, State::Unclear).await;
            seen(&f, &mailbox, role).await;
            let found = submissions::get(&f.store, &claimed.submission.id)
                .await
                .unwrap();
            assert_eq!(
                (found.state, found.sent_copy.state),
                (State::Accepted, copy),
                "{role}"
            );
            assert_eq!(found.message_id.is_some(), role == Role::Sent);
            // A copy in the inbox is none in Sent: that one is looked for, and filed.
            assert_eq!(owed(&f).await, i64::from(role == Role::Inbox));
            assert_eq!(
                (found.next_attempt_at, found.possible_duplicate),
                (None, false)
            );
            assert!(
                f.event_types()
                    .await
                    .contains(&"submission.accepted".to_owned())
            );
        }
    })
    .await;
}

#[tokio::test]
async fn evidence_counts_also_after_the_message_was_given_up() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = sending(&f, &mailbox).await.submission.id;
        for round in 0..2 {
            if round > 0 {
                f.clock.advance(submissions::UNCLEAR_MILLIS);
                submissions::begin(&f.store, &mailbox.id, 1)
                    .await
                    .unwrap()
                    .pop_front();
            }
            let attempt = round + 1;
            submissions::at_final_dot(&f.store, &id, attempt, &[])
                .await
                .unwrap();
            f.clock.advance(2 * submissions::CLAIM_MILLIS);
            submissions::expire_claims(&f.store).await.unwrap();
        }
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        submissions::expire_claims(&f.store).await.unwrap();
        let given_up = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(given_up.state, State::Failed);
        seen(&f, &mailbox, Role::Sent).await;
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!((found.state, found.problem_id), (State::Accepted, None));
    })
    .await;
}

#[tokio::test]
async fn evidence_may_come_before_the_doubt() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let claimed = sending(&f, &mailbox).await;
        seen(&f, &mailbox, Role::Sent).await;
        settle(&f, &claimed, State::Unclear).await;
        let found = submissions::get(&f.store, &claimed.submission.id)
            .await
            .unwrap();
        assert_eq!(
            (found.state, found.sent_copy.state),
            (State::Accepted, SentCopyState::Filed)
        );
        assert_eq!(owed(&f).await, 0);
    })
    .await;
}

/// What became of an attempt, for each recipient.
async fn settle_each(f: &Fixture, claimed: &Claimed, states: &[State]) {
    let mut recipients = claimed.submission.recipients.clone();
    for (recipient, state) in recipients.iter_mut().zip(states) {
        outbox::fares(claimed, recipient, *state);
    }
    let settlement = Settlement::of(recipients, SentCopyBy::Us);
    submissions::settle(&f.store, claimed, settlement)
        .await
        .expect("settled");
}

async fn states(f: &Fixture, id: &str) -> Vec<State> {
    let found = submissions::get(&f.store, id).await.expect("it");
    found.recipients.iter().map(|r| r.state).collect()
}

/// The process dies after the final dot of the next try, which was not for those who are left out.
async fn die_after_the_dot(f: &Fixture, mailbox: &Mailbox, left_out: &[&str]) {
    let claimed = outbox::claim(f, mailbox).await.expect("it is due");
    let left_out: Vec<String> = left_out.iter().map(|a| (*a).to_owned()).collect();
    let (id, attempt) = (&claimed.submission.id, claimed.submission.attempts);
    submissions::at_final_dot(&f.store, id, attempt, &left_out)
        .await
        .expect("the dot may leave");
    f.clock.advance(2 * submissions::CLAIM_MILLIS);
    submissions::expire_claims(&f.store)
        .await
        .expect("claims end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_earlier_attempt_proves_nothing_of_those_who_are_in_doubt_now() {
    use State::{Accepted, Deferred, Unclear};
    for before in [true, false] {
        both(|f| async move {
            let mailbox = f.mailbox("ann@example.com").await;
            let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"])
                .await
                .id;
            let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
            settle_each(&f, &claimed, &[Accepted, Deferred]).await;
            if before {
                seen(&f, &mailbox, Role::Sent).await;
            }
            let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
            settle_each(&f, &claimed, &[Accepted, Unclear]).await;
            if !before {
                seen(&f, &mailbox, Role::Sent).await;
            }
            assert_eq!(states(&f, &id).await, [Accepted, Unclear]);
            // It goes out once more, to the one.
            f.clock.advance(submissions::UNCLEAR_MILLIS);
            let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
            settle_each(&f, &claimed, &[Accepted, Accepted]).await;
            let found = submissions::get(&f.store, &id).await.unwrap();
            assert_eq!(found.state, Accepted);
            assert!(found.recipients.iter().all(|r| !r.in_doubt));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_server_did_not_take_it_for_is_in_no_doubt_after_a_crash() {
    use State::{Accepted, Queued, Unclear};
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"])
            .await
            .id;
        die_after_the_dot(&f, &mailbox, &["r2@x.org"]).await;
        assert_eq!(states(&f, &id).await, [Unclear, Queued]);
        seen(&f, &mailbox, Role::Sent).await;
        assert_eq!(states(&f, &id).await, [Accepted, Queued]);
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(
            (found.state, found.next_attempt_at),
            (Queued, Some(f.store.now()))
        );
        assert!(!found.possible_duplicate);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_ends_fails_those_who_are_in_it_and_the_others_are_tried_on() {
    use State::{Accepted, Failed, Queued, Unclear};
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"])
            .await
            .id;
        die_after_the_dot(&f, &mailbox, &["r2@x.org"]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        die_after_the_dot(&f, &mailbox, &["r2@x.org"]).await;
        assert_eq!(states(&f, &id).await, [Unclear, Queued]);
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        submissions::expire_claims(&f.store).await.unwrap();
        assert_eq!(states(&f, &id).await, [Failed, Queued]);
        // The other one has a doubt and a second try of its own.
        die_after_the_dot(&f, &mailbox, &[]).await;
        assert_eq!(states(&f, &id).await, [Failed, Unclear]);
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        submissions::expire_claims(&f.store).await.unwrap();
        assert_eq!(states(&f, &id).await, [Failed, Unclear]);
        // A copy may be that of either attempt.
        seen(&f, &mailbox, Role::Sent).await;
        assert_eq!(states(&f, &id).await, [Failed, Unclear]);
        let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
        settle_each(&f, &claimed, &[Failed, Accepted]).await;
        assert_eq!(states(&f, &id).await, [Failed, Accepted]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_comes_before_the_dot_of_the_second_try_keeps_it_back() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org"]).await.id;
        die_after_the_dot(&f, &mailbox, &[]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
        seen(&f, &mailbox, Role::Sent).await;
        let attempt = claimed.submission.attempts;
        let dot = submissions::at_final_dot(&f.store, &id, attempt, &[]).await;
        assert!(matches!(dot, Err(StoreError::Fenced)), "{dot:?}");
        submissions::give_back(&f.store, [claimed]).await.unwrap();
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(
            (found.state, found.possible_duplicate),
            (State::Accepted, false)
        );
        assert!(outbox::claim(&f, &mailbox).await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fate_of_a_doubtful_message_that_was_cancelled_shows_all_the_same() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org"]).await.id;
        die_after_the_dot(&f, &mailbox, &[]).await;
        submissions::cancel(&f.store, &id).await.unwrap();
        seen(&f, &mailbox, Role::Sent).await;
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(
            (found.state, found.next_attempt_at),
            (State::Accepted, None)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_put_there_proves_nothing() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org"]).await.id;
        die_after_the_dot(&f, &mailbox, &[]).await;
        seen_as(&f, &mailbox, Role::Sent, Some("owe_somethingelse")).await;
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!((found.state, found.message_id), (State::Unclear, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_one_of_several_with_the_same_message_id_proves_nothing() {
    use State::{Accepted, Queued, Unclear};
    both(|f| async move {
        // One message, handed over for each recipient by itself.
        let mailbox = f.mailbox("bob@example.com").await;
        let taken = outbox::queue(&f, &mailbox, &["r1@x.org"]).await.id;
        let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
        settle_each(&f, &claimed, &[Accepted]).await;
        let lost = outbox::queue(&f, &mailbox, &["r2@x.org"]).await.id;
        die_after_the_dot(&f, &mailbox, &[]).await;
        let waiting = outbox::queue(&f, &mailbox, &["r3@x.org"]).await.id;
        seen(&f, &mailbox, Role::Sent).await;
        for (id, state, linked) in [
            (&taken, Accepted, true),
            (&lost, Unclear, false),
            (&waiting, Queued, false),
        ] {
            let found = submissions::get(&f.store, id).await.unwrap();
            assert_eq!((found.state, found.message_id.is_some()), (state, linked));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_second_try_proves_nothing_of_whom_it_was_not_for() {
    use State::{Accepted, Unclear};
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"])
            .await
            .id;
        die_after_the_dot(&f, &mailbox, &[]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        die_after_the_dot(&f, &mailbox, &["r2@x.org"]).await;
        // Of the one who was in both there is no doubt, whichever made the copy.
        seen(&f, &mailbox, Role::Sent).await;
        assert_eq!(states(&f, &id).await, [Accepted, Unclear]);
        let found = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(found.recipients[1].lost_in, [1]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_whose_mail_bounced_was_in_the_attempt_that_made_the_copy() {
    use State::{Failed, Queued, Unclear};
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"]).await.id;
        die_after_the_dot(&f, &mailbox, &["r2@x.org"]).await;
        // What a bounce says of the one.
        let bounced = id.clone();
        let write = f.store.db.write(move |tx| {
            let row = tx.row("SELECT recipients FROM submissions WHERE id = $1", &[(&bounced).into()])?;
            let mut all: Vec<Recipient> = row.map_or(Ok(Vec::new()), |row| row.json(0))?;
            all[0].state = Failed;
            all[0].in_doubt = false;
            let sql = "UPDATE submissions SET recipients = $2, state = 'queued', lost_answers = 0 WHERE id = $1";
            tx.exec(sql, &[bounced.into(), serde_json::to_string(&all)?.into()])
        });
        write.await.unwrap();
        seen(&f, &mailbox, Role::Sent).await;
        assert_eq!(states(&f, &id).await, [Failed, Queued]);
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        die_after_the_dot(&f, &mailbox, &[]).await;
        assert_eq!(states(&f, &id).await, [Failed, Unclear]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_any_dot_is_no_copy_of_ours() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org"]).await.id;
        seen(&f, &mailbox, Role::Sent).await;
        die_after_the_dot(&f, &mailbox, &[]).await;
        assert_eq!(states(&f, &id).await, [State::Unclear]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_doubt_has_a_second_try() {
    use State::{Deferred, Failed, Unclear};
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = outbox::queue(&f, &mailbox, &["r1@x.org", "r2@x.org"])
            .await
            .id;
        let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
        settle_each(&f, &claimed, &[Unclear, Deferred]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
        settle_each(&f, &claimed, &[Deferred, Deferred]).await;
        die_after_the_dot(&f, &mailbox, &[]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        submissions::expire_claims(&f.store).await.unwrap();
        assert_eq!(states(&f, &id).await, [Failed, Unclear]);
        die_after_the_dot(&f, &mailbox, &[]).await;
        f.clock.advance(submissions::UNCLEAR_MILLIS);
        submissions::expire_claims(&f.store).await.unwrap();
        assert_eq!(states(&f, &id).await, [Failed, Failed]);
    })
    .await;
}
