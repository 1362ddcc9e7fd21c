//! Messages that the application brings: stored once on the server, with their flags and their time, and no foreign mail.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript};
use model::event::Event;
use std::time::Duration;
use store::owed::{self, Brought, Entry, State};
use testkit::{Brand, Generator};
use tokio::time::Instant;

on_each_server!(
    a_message_that_is_brought_lies_there_once_with_its_flags_and_time_and_is_no_foreign_mail,
    a_message_whose_answer_was_lost_is_found_and_not_stored_again,
);

const LETTER: &[u8] =
    b"From: Bob <bob@example.com>\r\nTo: ann@example.com\r\nSubject: From the old system\r\n\
Message-ID: <old-1@example.com>\r\nDate: Fri, 02 Jan 2015 03:04:05 +0000\r\n\r\nAs it was.\r\n";
/// 2015-01-02T03:04:05Z.
const THEN: model::Timestamp = model::Timestamp(1_420_167_845_000);

/// Brings a message. Gives the id of what is owed.
pub async fn bring(follower: &Follower, folder: &str, raw: &[u8], flags: &[&str]) -> String {
    let store = &follower.store;
    let now = store.now();
    let head = mail_message::head(raw);
    let brought = Brought {
        folder_id: folder.to_owned(),
        stored: store.blobs.put(raw).await.expect("the bytes"),
        internet_message_id: head.internet_message_id,
        subject: head.subject.unwrap_or_default(),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        received_at: THEN,
    };
    let owed = store.db.write(move |tx| owed::append_in(tx, &brought, now));
    owed.await.expect("owed").id
}

async fn folder(follower: &Follower, path: &str) -> String {
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    let found = folders.into_iter().find(|folder| folder.path == path);
    found.expect("the folder").id
}

/// Waits until what is owed looks like this; `None`: it is owed no more.
async fn until(follower: &Follower, id: &str, fits: impl Fn(Option<&Entry>) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let entry = owed::get(&follower.store, &follower.mailbox.id, id).await;
        if fits(entry.as_ref().ok()) {
            return;
        }
        assert!(Instant::now() < end, "{entry:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn told(follower: &Follower) -> Vec<Event> {
    let events = follower.events().await;
    let ours = events
        .into_iter()
        .filter(|event| event.data["owed_id"].is_string());
    ours.collect()
}

async fn a_message_that_is_brought_lies_there_once_with_its_flags_and_time_and_is_no_foreign_mail(
    server: Brand,
) {
    let user = server.user("broughtown");
    user.seed("INBOX", Generator::new(81).take(2));
    user.seed("Archive", Generator::new(82).take(1));
    let path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let archive = folder(&follower, &path).await;
    let owed = bring(&follower, &archive, LETTER, &["\\Seen", "\\Flagged"]).await;
    until(&follower, &owed, |entry| entry.is_none()).await;
    let event = follower
        .event("message.received", |e| e.data["owed_id"] == owed.as_str())
        .await;
    follower.in_step().await;
    assert_eq!(event.origin.as_str(), "catch_up");
    assert_eq!(event.data["by"], "api");
    let there = follower.servers_view().await;
    assert_eq!(there[&path].len(), 2);
    assert_eq!(there["INBOX"].len(), 2);
    let (flags, _) = there[&path].values().last().expect("the message");
    assert!(
        flags.contains("\\Seen") && flags.contains("\\Flagged"),
        "{flags:?}"
    );
    let id = event.data["message_id"].as_str().expect("an id").to_owned();
    let message = store::messages::get(&follower.store, &id).await;
    let message = message.expect("the message");
    assert_eq!(message.received_at, THEN);
    assert!(message.flags.seen && message.flags.flagged);
    assert_eq!(message.folders[0].folder_id, archive);
    let raw = store::messages::raw(&follower.store, &id).await;
    let place = raw.expect("the bytes").place;
    let bytes = follower.store.blobs.read(&place, u64::MAX).await;
    assert_eq!(bytes.expect("the bytes"), LETTER);
    assert_eq!(told(&follower).await.len(), 1);
    // Brought once more by another wish, it lies there twice: who wants it once names an idempotency key.
    let again = bring(&follower, &archive, LETTER, &[]).await;
    until(&follower, &again, |entry| entry.is_none()).await;
    follower
        .event("message.received", |e| e.data["owed_id"] == again.as_str())
        .await;
    follower.in_step().await;
    assert_eq!(follower.servers_view().await[&path].len(), 3);
    assert_eq!(told(&follower).await.len(), 2);
    follower.stop().await;
}

/// The message was stored, and the connection ended before its answer came.
async fn a_message_whose_answer_was_lost_is_found_and_not_stored_again(server: Brand) {
    let user = server.user("broughtlost");
    user.seed("INBOX", Generator::new(83).take(1));
    user.seed("Archive", Generator::new(84).take(1));
    let path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let archive = folder(&follower, &path).await;
    let mail = || Generator::new(85).take(1);
    let raw = mail().last().expect("a message").raw;
    let owed = bring(&follower, &archive, &raw, &[]).await;
    crate::owed_copies::answer_was_lost(&follower, &archive).await;
    user.seed("Archive", mail());
    follower.go();
    until(&follower, &owed, |entry| entry.is_none()).await;
    follower.in_step().await;
    assert_eq!(follower.servers_view().await[&path].len(), 2, "once");
    follower
        .event("message.received", |e| e.data["owed_id"] == owed.as_str())
        .await;
    assert_eq!(told(&follower).await.len(), 1);
    follower.stop().await;
}

/// What the server says to APPEND decides whether it is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_is_asked_again_and_a_message_that_is_too_large_fails_at_once() {
    for (said, problem, state) in [
        ("[OVERQUOTA] no room", "quota_exceeded", State::Pending),
        ("[TOOBIG] too large", "append_too_large", State::Failed),
    ] {
        let refuse = ImapFault::Refuse("APPEND", said.to_owned());
        let script = ImapScript::new().folder("Archive").fault(refuse);
        let (_sim, mut follower, _) = crate::owed::simulated(script).await;
        let archive = folder(&follower, "Archive").await;
        let owed = bring(&follower, &archive, LETTER, &[]).await;
        until(&follower, &owed, |entry| {
            entry.is_some_and(|entry| {
                entry.problem_id.as_deref() == Some(problem) && entry.state == state
            })
        })
        .await;
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_say_where_it_stored_a_message_is_asked_for_it() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 IDLE")
        .folder("Archive");
    let (_sim, mut follower, _) = crate::owed::simulated(script).await;
    let archive = folder(&follower, "Archive").await;
    let raw = b"Subject: without a name\r\n\r\nx\r\n";
    let owed = bring(&follower, &archive, raw, &[]).await;
    until(&follower, &owed, |entry| entry.is_none()).await;
    follower
        .event("message.received", |e| e.data["owed_id"] == owed.as_str())
        .await;
    assert_eq!(told(&follower).await.len(), 1);
    follower.stop().await;
}

/// Lets what rests be tried now.
async fn hurry(follower: &Follower, id: &str) {
    let id = id.to_owned();
    let now = follower.store.db.write(move |tx| {
        let sql = "UPDATE owed SET next_attempt_at = 0 WHERE id = $1";
        tx.exec(sql, &[id.into()])
    });
    assert_eq!(now.await.expect("written"), 1);
}

/// Servers exist that write a line of their own into the header: exact bytes are not found again, the Message-ID is.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_server_alters_is_stored_once_though_the_answer_is_lost() {
    for capabilities in ["IMAP4rev1 IDLE UIDPLUS", "IMAP4rev1 IDLE"] {
        let script = ImapScript::new().capabilities(capabilities);
        let (sim, mut follower, _) = crate::owed::simulated(script.folder("Archive")).await;
        sim.set_faults(&[ImapFault::AltersAppended, ImapFault::AppendAnswerLost]);
        let archive = folder(&follower, "Archive").await;
        let owed = bring(&follower, &archive, LETTER, &[]).await;
        until(&follower, &owed, |entry| entry.is_none()).await;
        let there = sim.contents();
        assert_eq!(there["Archive"].len(), 1, "{:?}", sim.log());
        assert_ne!(there["Archive"][&1].raw, LETTER);
        follower
            .event("message.received", |e| e.data["owed_id"] == owed.as_str())
            .await;
        assert_eq!(told(&follower).await.len(), 1);
        follower.stop().await;
    }
}

/// The server does not say where it stored it, and it looks like nothing that we know.
#[tokio::test(flavor = "multi_thread")]
async fn an_ok_to_a_message_that_the_server_alters_is_believed_once_the_folder_shows_something_new()
{
    let nameless: &[u8] = b"Subject: without a name\r\n\r\nx\r\n";
    for raw in [LETTER, nameless] {
        let script = ImapScript::new().capabilities("IMAP4rev1 IDLE");
        let script = script.folder("Archive").fault(ImapFault::AltersAppended);
        let (sim, mut follower, _) = crate::owed::simulated(script).await;
        let archive = folder(&follower, "Archive").await;
        let owed = bring(&follower, &archive, raw, &[]).await;
        until(&follower, &owed, |entry| {
            assert!(entry.is_none_or(|entry| entry.attempts == 0), "{entry:?}");
            entry.is_none()
        })
        .await;
        assert_eq!(sim.contents()["Archive"].len(), 1, "{:?}", sim.log());
        follower.stop().await;
    }
}

/// After a NO, what is found in the folder is somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_refused_is_not_taken_for_an_equal_one_that_came_meanwhile() {
    let refuse = ImapFault::Refuse("APPEND", "not now".to_owned());
    let script = ImapScript::new().folder("Archive").fault(refuse);
    let (sim, mut follower, _) = crate::owed::simulated(script).await;
    let archive = folder(&follower, "Archive").await;
    let owed = bring(&follower, &archive, LETTER, &[]).await;
    until(&follower, &owed, |entry| {
        entry.is_some_and(|entry| entry.attempts == 1)
    })
    .await;
    follower.stop().await;
    sim.deliver("Archive", LETTER);
    sim.set_faults(&[]);
    hurry(&follower, &owed).await;
    follower.go();
    until(&follower, &owed, |entry| entry.is_none()).await;
    assert_eq!(sim.contents()["Archive"].len(), 2, "{:?}", sim.log());
    follower.stop().await;
}

/// The first one's answer was lost and it rests; the second one is not stored before the first is settled.
#[tokio::test(flavor = "multi_thread")]
async fn equal_messages_that_are_brought_to_a_folder_wait_for_each_other_and_both_lie_there() {
    let (sim, mut follower, _) = crate::owed::simulated(ImapScript::new().folder("Archive")).await;
    let archive = folder(&follower, "Archive").await;
    follower.stop().await;
    let first = bring(&follower, &archive, LETTER, &[]).await;
    let second = bring(&follower, &archive, LETTER, &[]).await;
    let soon = follower.store.now().plus_millis(1_500);
    let id = first.clone();
    let rests = follower.store.db.write(move |tx| {
        let sql = "UPDATE owed SET copy_from = $2, next_attempt_at = $3 WHERE id = $1";
        let from = r#"{"uid_validity":1000,"uid_next":1}"#;
        tx.exec(sql, &[id.into(), from.into(), soon.into()])
    });
    assert_eq!(rests.await.expect("written"), 1);
    follower.go();
    for owed in [&first, &second] {
        until(&follower, owed, |entry| entry.is_none()).await;
        follower
            .event("message.received", |e| e.data["owed_id"] == owed.as_str())
            .await;
    }
    assert_eq!(sim.contents()["Archive"].len(), 2, "{:?}", sim.log());
    follower.stop().await;
}

/// Its own try was lost; the one that lies there is known to be another change's.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_another_change_has_stored_is_not_taken_for_ours() {
    let (sim, mut follower, _) = crate::owed::simulated(ImapScript::new().folder("Archive")).await;
    let archive = folder(&follower, "Archive").await;
    follower.stop().await;
    let owed = bring(&follower, &archive, LETTER, &[]).await;
    assert_eq!(sim.deliver("Archive", LETTER), 1);
    let now = follower.store.now();
    let noted = follower.store.db.write(move |tx| {
        tx.exec(
            "INSERT INTO own_copies (folder_id, uid_validity, uid, message_id, made_at) VALUES ($1, 1000, 1, 'owe_other', $2)",
            &[archive.into(), now.into()],
        )?;
        let from = r#"{"uid_validity":1000,"uid_next":1}"#;
        tx.exec("UPDATE owed SET copy_from = $1", &[from.into()])
    });
    assert_eq!(noted.await.expect("written"), 1);
    follower.go();
    until(&follower, &owed, |entry| entry.is_none()).await;
    assert_eq!(sim.contents()["Archive"].len(), 2, "{:?}", sim.log());
    let event = follower
        .event("message.received", |e| e.data["owed_id"] == owed.as_str())
        .await;
    let id = event.data["message_id"].as_str().expect("an id");
    let message = store::messages::get(&follower.store, id).await;
    assert_eq!(message.expect("the message").size, LETTER.len() as i64);
    follower.stop().await;
}

/// Two states of a draft have one Message-ID: the later one was stored and seen while the earlier one, whose answer was lost, rested.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_not_taken_for_another_one_with_its_message_id_that_was_brought_and_seen() {
    let (sim, mut follower, _) = crate::owed::simulated(ImapScript::new().folder("Archive")).await;
    let archive = folder(&follower, "Archive").await;
    follower.stop().await;
    let first = bring(&follower, &archive, LETTER, &[]).await;
    let later = follower.store.now().plus_millis(3_600_000);
    let rests = follower.store.db.write(move |tx| {
        let sql = "UPDATE owed SET copy_from = $1, next_attempt_at = $2";
        let from = r#"{"uid_validity":1000,"uid_next":1}"#;
        tx.exec(sql, &[from.into(), later.into()])
    });
    assert_eq!(rests.await.expect("written"), 1);
    let newer = [LETTER, b"And one line more.\r\n"].concat();
    let second = bring(&follower, &archive, &newer, &[]).await;
    follower.go();
    follower
        .event("message.received", |e| e.data["owed_id"] == second.as_str())
        .await;
    follower.stop().await;
    hurry(&follower, &first).await;
    follower.go();
    until(&follower, &first, |entry| entry.is_none()).await;
    let there = sim.contents();
    let there: Vec<_> = there["Archive"].values().map(|m| m.raw.clone()).collect();
    assert_eq!(there, [newer, LETTER.to_vec()], "{:?}", sim.log());
    follower
        .event("message.received", |e| e.data["owed_id"] == first.as_str())
        .await;
    assert_eq!(told(&follower).await.len(), 2);
    follower.stop().await;
}
