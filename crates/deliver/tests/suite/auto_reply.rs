//! Out of office: one message that cannot be read keeps nobody else from an answer.

use crate::{Fixture, SOON, START};
use mail_sim::{SmtpScript, SmtpSim};
use model::auto_reply::{Audience, Place, Settings, Wording};
use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::{Auth, Mailbox};
use model::message::{Direction, Flags};
use store::blobs::Stored;
use store::folders::{self, Cursor, ListChange, NewFolder};
use store::ingest::{self, Batch, NewMessage, ThreadRefs, Threaded};
use store::wake::Topic;
use store::{auto_replies, submissions};

fn mail(from: &str) -> String {
    format!(
        "Return-Path: <{from}>\r\nFrom: {from}\r\nTo: ann@example.com\r\nSubject: Lunch\r\nMessage-ID: <1-{from}>\r\n\r\nShall we?\r\n"
    )
}

fn arrived(uid: i64, stored: Stored) -> NewMessage {
    NewMessage {
        headers_only: None,
        uid,
        flags: Flags::default(),
        mod_seq: 0,
        received_at: START,
        stored,
        head: "{}".to_owned(),
        words: Default::default(),
        refs: ThreadRefs::default(),
        direction: Direction::Incoming,
        sender: "somebody".to_owned(),
        subject: "Lunch".to_owned(),
        automatic: false,
        report: None,
        has_attachments: false,
        object_id: None,
        labels: None,
    }
}

/// These messages have just come into the mailbox's INBOX.
async fn came(f: &Fixture, mailbox: &Mailbox, messages: Vec<NewMessage>) {
    store::leases::acquire(&f.store, 10).await.expect("leases");
    let leases = store::leases::renew(&f.store).await.expect("leases");
    let lease = leases.into_iter().find(|l| l.mailbox_id == mailbox.id);
    let lease = lease.expect("the lease");
    let inbox = NewFolder {
        wire_name: "INBOX".to_owned(),
        path: "INBOX".to_owned(),
        delimiter: None,
        role: Some(Role::Inbox),
        mode: Mode::Full,
        object_id: None,
        empty: None,
    };
    folders::apply_list(&f.store, &lease, vec![ListChange::Created(inbox)])
        .await
        .expect("a folder");
    let known = folders::list(&f.store, &mailbox.id).await.expect("folders");
    let folder_id = known[0].id.clone();
    folders::reset(&f.store, &lease, &folder_id, 7)
        .await
        .expect("a UIDVALIDITY");
    let batch = Batch {
        folder_id,
        uid_validity: 7,
        origin: Origin::Live,
        messages,
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: true,
    };
    let stored = ingest::ingest(&f.store, &lease, batch, |_, refs, fresh| Threaded {
        threads: refs.iter().map(|_| fresh()).collect(),
        ..Threaded::default()
    });
    assert_eq!(stored.await.expect("an outcome").stored, 2);
}

#[tokio::test]
async fn a_message_whose_bytes_are_lost_is_passed_over_and_the_others_are_answered() {
    let f = Fixture::new().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::Password).await;
    let settings = Settings {
        enabled: true,
        place: Place::Postroom,
        starts_at: None,
        ends_at: None,
        time_zone: "UTC".into(),
        wording: Wording {
            text: Some("Away".into()),
            ..Wording::default()
        },
        inside: None,
        inside_domains: Vec::new(),
        audience: Audience::Everyone,
        exclusions: Vec::new(),
        period_days: 7,
    };
    let (id, now) = (mailbox.id.clone(), f.store.now());
    let make = move |tx: &mut store::Tx<'_>| auto_replies::create_in(tx, &id, &settings, now);
    let own = f.store.db.write(make).await.expect("an out of office");

    // Two segments: the first is kept busy while the second message is stored.
    let (lost, kept) = (mail("lost@x.org"), mail("bob@x.org"));
    let lost = f.store.blobs.put(lost.as_bytes()).await.expect("stored");
    let busy = f.store.blobs.batch().expect("a batch");
    let kept = f.store.blobs.put(kept.as_bytes()).await.expect("stored");
    drop(busy);
    assert_ne!(lost.place.segment, kept.place.segment);
    std::fs::remove_file(f.blobs().join(&lost.place.segment)).expect("the file");
    came(&f, &mailbox, vec![arrived(1, lost), arrived(2, kept)]).await;

    f.start().await;
    let answers = f
        .until(Topic::Submissions, || async {
            let filter = submissions::Filter::default();
            let found = submissions::list(&f.store, filter, None, 10).await;
            Some(found.expect("a list")).filter(|found| !found.is_empty())
        })
        .await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].recipients[0].address, "bob@x.org");
    // Whoever ends finishes the step: the log is looked through to its end, and nothing is tried for ever.
    assert!(f.supervisor.shutdown(SOON).await.is_empty());
    let news = auto_replies::news(&f.store).await.expect("a look");
    let left = news.map(|news| news.events.len());
    assert_eq!(left, Some(0));
    let now = auto_replies::get(&f.store, &own.id).await.expect("it");
    assert_eq!(now.answered, 1);
}
