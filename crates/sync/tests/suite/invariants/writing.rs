//! What we ask of a server: an OK that nothing came of (31), a line that is cut around a command (38), and somebody else who
//! works on the same message in the same moment (39).

use super::act;
use crate::follower::{Choice, Follower};
use crate::owed::message_at;
use model::mailbox::Security;
use model::message::FlagChange;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use store::owed::{self, Entry, State};
use testkit::{Deed, Generator, ImapProbe, MindingProxy, Oracle, TestUser, servers, user};
use tokio::time::Instant;

/// What is asked for, on a mailbox with three messages in INBOX and one in each of Archive, Sent, Old and Gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Flags,
    Move,
    Copy,
    Remove,
    Append,
    Import,
    Create,
    Rename,
    Delete,
}

const PATIENCE: Duration = Duration::from_secs(40);

struct Mailbox {
    follower: Follower,
    /// What the proxy does to commands, from the moment on that it is armed.
    armed: Arc<AtomicBool>,
    /// How often it has struck.
    struck: Arc<AtomicUsize>,
    _proxy: MindingProxy,
}

/// A mailbox in step, not followed at the moment, behind a proxy that does this to every command that begins with `verb` (at most
/// `times` times) as soon as it is armed.
async fn mailbox(
    name: &str,
    verb: &'static str,
    deed: Deed,
    times: usize,
    with_move: bool,
) -> Mailbox {
    let user = user(name);
    user.seed("INBOX", Generator::new(131).take(3));
    for (folder, seed) in [("Archive", 132), ("Sent", 133), ("Old", 134), ("Gone", 135)] {
        user.seed(folder, Generator::new(seed).take(1));
    }
    let (armed, struck) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (is_armed, strikes) = (Arc::clone(&armed), Arc::clone(&struck));
    let mind = move |command: &str| {
        let fits = is_armed.load(SeqCst) && command.starts_with(verb);
        if fits && strikes.fetch_add(1, SeqCst) < times {
            deed
        } else {
            Deed::Pass
        }
    };
    let edit = move |line: &str| {
        let hidden = !with_move && line.contains("CAPABILITY");
        hidden.then(|| line.replace(" MOVE", ""))
    };
    let proxy = MindingProxy::start(servers().imap_port, mind, edit);
    let mut follower = behind(&user, proxy.port()).await;
    follower.in_step().await;
    follower.stop().await;
    armed.store(true, SeqCst);
    Mailbox {
        follower,
        armed,
        struck,
        _proxy: proxy,
    }
}

async fn behind(user: &TestUser, port: u16) -> Follower {
    let choice = Choice {
        port,
        security: Security::None,
        ..Choice::default()
    };
    Follower::start(user, choice).await
}

async fn folder(follower: &Follower, path: &str) -> String {
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let found = folders
        .expect("the folders")
        .into_iter()
        .find(|f| f.path == path);
    found.unwrap_or_else(|| panic!("{path}")).id
}

fn keyword(word: &str) -> FlagChange {
    FlagChange {
        keywords: Some(vec![word.to_owned()]),
        ..FlagChange::default()
    }
}

impl Wish {
    /// Asks for it. Gives the message that it is about.
    async fn make(self, follower: &Follower) -> String {
        let store = &follower.store;
        let message = message_at(follower, 1).await;
        let done = match self {
            Self::Flags => owed::change_flags(store, &message, keyword("$Ours")).await,
            Self::Move => owed::move_to(store, &message, &folder(follower, "Archive").await).await,
            Self::Copy => {
                crate::follower::copy_to(store, &message, &folder(follower, "Archive").await)
                    .await
                    .map(drop)
            }
            Self::Remove => return remove(follower, &message).await,
            Self::Append => return append(follower, &message).await,
            Self::Import => {
                let raw = b"Subject: brought\r\nX-Test: without a Message-ID\r\n\r\nas it is\r\n";
                let archive = folder(follower, "Archive").await;
                crate::owed_appends::bring(follower, &archive, raw, &[]).await;
                return message;
            }
            Self::Create => {
                crate::follower::create_folder(store, &follower.mailbox.id, None, "Made")
                    .await
                    .map(drop)
            }
            Self::Rename => {
                let old = folder(follower, "Old").await;
                owed::rename_folder(store, &old, Some("New"), owed::Level::Same)
                    .await
                    .map(drop)
            }
            Self::Delete => owed::delete_folder(store, &folder(follower, "Gone").await, true)
                .await
                .map(drop),
        };
        done.expect("owed");
        message
    }

    /// Whether the server has it so, once and not twice.
    fn is_done(self, there: &Oracle) -> bool {
        let count = |folder: &str| there.get(folder).map_or(0, |contents| contents.len());
        let first = there["INBOX"].get(&1);
        match self {
            Self::Flags => first.is_some_and(|(flags, _)| flags.contains("$Ours")),
            Self::Move => count("INBOX") == 2 && count("Archive") == 2,
            Self::Copy => count("INBOX") == 3 && count("Archive") == 2,
            Self::Remove => count("INBOX") == 2,
            Self::Append => count("Sent") == 2,
            Self::Import => count("Archive") == 2,
            Self::Create => there.contains_key("Made"),
            Self::Rename => count("New") == 1 && !there.contains_key("Old"),
            Self::Delete => !there.contains_key("Gone"),
        }
    }

    /// The event that tells of it, and how many there are of it.
    async fn told(self, follower: &Follower) -> usize {
        let events = follower.events().await;
        let ours = events.iter().filter(|e| e.data["by"] == "api");
        let kind = match self {
            Self::Flags => "message.changed",
            Self::Move => "message.moved",
            Self::Copy | Self::Import => "message.received",
            Self::Create => "folder.created",
            Self::Rename => "folder.renamed",
            Self::Delete => "folder.removed",
            // Told as what it is to everybody: gone, and sent.
            Self::Remove => return follower.count("message.removed").await,
            Self::Append => return 1,
        };
        ours.filter(|e| e.kind == kind).count()
    }
}

/// As the copy of a sent message is owed: the bytes of a message, to be filed in Sent.
async fn append(follower: &Follower, message: &str) -> String {
    let id = message.to_owned();
    let row = follower.store.db.read(move |tx| {
        let sql = "SELECT digest, internet_message_id FROM messages WHERE id = $1";
        let row = tx.row(sql, &[id.into()])?.expect("the message");
        Ok((row.get::<String>(0)?, row.get::<String>(1)?))
    });
    let (digest, message_id) = row.await.expect("the message");
    let intent = serde_json::json!({
        "kind": "append", "digest": digest, "internet_message_id": message_id, "submission_id": "sub_none",
    });
    owe(follower, None, intent).await;
    message.to_owned()
}

/// As a message is owed to be removed for good: one in the trash.
async fn remove(follower: &Follower, message: &str) -> String {
    owe(
        follower,
        Some(message.to_owned()),
        serde_json::json!({"kind": "expunge"}),
    )
    .await;
    message.to_owned()
}

async fn owe(follower: &Follower, message: Option<String>, intent: serde_json::Value) {
    let mailbox_id = follower.mailbox.id.clone();
    let owed =
        follower.store.db.write(move |tx| {
            let kind = intent["kind"].as_str().expect("a kind").to_owned();
            tx.exec(
            "INSERT INTO owed (id, mailbox_id, kind, message_id, body, next_attempt_at, created_at)
             VALUES ('owe_test', $1, $2, $3, $4, 0, 0)",
            &[mailbox_id.into(), kind.into(), message.into(), intent.to_string().into()],
        )
        });
    assert_eq!(owed.await.expect("owed"), 1);
}

async fn all_owed(follower: &Follower) -> Vec<Entry> {
    let owed = owed::list(&follower.store, &follower.mailbox.id, None, 10).await;
    owed.expect("the list")
}

async fn until_owed(
    follower: &Follower,
    what: &str,
    fits: impl Fn(&[Entry]) -> bool,
) -> Vec<Entry> {
    let end = Instant::now() + PATIENCE;
    loop {
        let owed = all_owed(follower).await;
        if fits(&owed) {
            return owed;
        }
        assert!(Instant::now() < end, "{what}: {owed:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The line is cut behind the command, and once more before its answer: it is carried out exactly once.
async fn cut_around(wish: Wish, verb: &'static str, with_move: bool) {
    for deed in [Deed::CutBehind, Deed::CutBeforeAnswer] {
        let what = format!("{wish:?}, {verb}, {deed:?}");
        let name = format!("i38{wish:?}{}{deed:?}", verb.replace(' ', ""));
        let mut mailbox = mailbox(&name.to_lowercase(), verb, deed, 1, with_move).await;
        wish.make(&mailbox.follower).await;
        mailbox.follower.go();
        until_owed(&mailbox.follower, &what, |owed| owed.is_empty()).await;
        assert!(
            mailbox.struck.load(SeqCst) >= 1,
            "{what}: the line was not cut"
        );
        mailbox.follower.in_step().await;
        let there = mailbox.follower.servers_view().await;
        assert!(wish.is_done(&there), "{what}: {there:?}");
        if !matches!(wish, Wish::Remove | Wish::Delete) {
            assert_eq!(mailbox.follower.count("message.removed").await, 0, "{what}");
        }
        let end = Instant::now() + PATIENCE;
        while wish.told(&mailbox.follower).await == 0 {
            assert!(
                Instant::now() < end,
                "{what}: {:?}",
                mailbox.follower.events().await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(wish.told(&mailbox.follower).await, 1, "{what}");
        mailbox.follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_flags_are_changed_once_wherever_the_line_is_cut() {
    cut_around(Wish::Flags, "UID STORE", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_a_message_is_moved_once_wherever_the_line_is_cut() {
    cut_around(Wish::Move, "UID MOVE", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_without_move_a_message_is_moved_once_wherever_the_line_is_cut() {
    for verb in ["UID COPY", "UID STORE", "UID EXPUNGE"] {
        cut_around(Wish::Move, verb, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_a_message_is_copied_once_wherever_the_line_is_cut() {
    cut_around(Wish::Copy, "UID COPY", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_a_message_is_removed_once_wherever_the_line_is_cut() {
    for verb in ["UID STORE", "UID EXPUNGE"] {
        cut_around(Wish::Remove, verb, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_a_sent_message_is_filed_once_wherever_the_line_is_cut() {
    cut_around(Wish::Append, "APPEND", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_a_message_that_was_brought_is_stored_once_wherever_the_line_is_cut() {
    cut_around(Wish::Import, "APPEND", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i38_folders_are_made_renamed_and_deleted_once_wherever_the_line_is_cut() {
    for (wish, verb) in [
        (Wish::Create, "CREATE"),
        (Wish::Rename, "RENAME"),
        (Wish::Delete, "DELETE"),
    ] {
        cut_around(wish, verb, true).await;
    }
}

/// The server says OK to a command and never does it: the change stays owed with its reason, fails in the end, and is done when
/// it is tried again by hand on a server that does what it says.
async fn ok_and_nothing(wish: Wish, verb: &'static str, with_move: bool) {
    let what = format!("{wish:?}, {verb}");
    let name = format!("i31{wish:?}{}", verb.replace(' ', "")).to_lowercase();
    let mut mailbox = mailbox(&name, verb, Deed::OkAndNothing, usize::MAX, with_move).await;
    let before = mailbox.follower.servers_view().await;
    wish.make(&mailbox.follower).await;
    mailbox.follower.go();
    let owed = until_owed(&mailbox.follower, &what, |owed| {
        owed.first().is_none_or(|one| one.attempts > 0)
    })
    .await;
    assert_eq!(owed.len(), 1, "{what}: believed");
    assert_eq!(owed[0].state, State::Pending, "{what}");
    assert_eq!(
        owed[0].problem_id.as_deref(),
        Some("change_ignored"),
        "{what}"
    );
    assert!(
        !wish.is_done(&mailbox.follower.servers_view().await),
        "{what}"
    );
    mailbox.follower.stop().await;
    let last = mailbox
        .follower
        .store
        .db
        .write(|tx| tx.exec("UPDATE owed SET attempts = 5, next_attempt_at = 0", &[]));
    assert_eq!(last.await.expect("written"), 1);
    mailbox.follower.go();
    let failed = mailbox.follower.event("change.failed", |_| true).await;
    assert_eq!(failed.data["problem_id"], "change_ignored", "{what}");
    let owed = all_owed(&mailbox.follower).await;
    assert_eq!(owed[0].state, State::Failed, "{what}");
    // What the server has counts again.
    mailbox.follower.in_step().await;
    mailbox.armed.store(false, SeqCst);
    owed::retry(
        &mailbox.follower.store,
        &mailbox.follower.mailbox.id,
        &owed[0].id,
    )
    .await
    .expect("again");
    until_owed(&mailbox.follower, &what, |owed| owed.is_empty()).await;
    mailbox.follower.in_step().await;
    let there = mailbox.follower.servers_view().await;
    assert!(wish.is_done(&there), "{what}: {before:?} became {there:?}");
    mailbox.follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_flags_that_were_not_changed_in_spite_of_an_ok_are_still_owed() {
    ok_and_nothing(Wish::Flags, "UID STORE", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_a_message_that_was_not_moved_in_spite_of_an_ok_is_still_owed() {
    ok_and_nothing(Wish::Move, "UID MOVE", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_without_move_each_step_that_did_nothing_is_noticed_and_nothing_is_doubled() {
    for verb in ["UID COPY", "UID STORE", "UID EXPUNGE"] {
        ok_and_nothing(Wish::Move, verb, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_a_message_that_was_not_copied_or_filed_in_spite_of_an_ok_is_still_owed() {
    ok_and_nothing(Wish::Copy, "UID COPY", true).await;
    ok_and_nothing(Wish::Append, "APPEND", true).await;
    ok_and_nothing(Wish::Import, "APPEND", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_a_message_that_was_not_removed_in_spite_of_an_ok_is_still_owed() {
    for verb in ["UID STORE", "UID EXPUNGE"] {
        ok_and_nothing(Wish::Remove, verb, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i31_folders_that_were_not_made_renamed_or_deleted_in_spite_of_an_ok_are_still_owed() {
    for (wish, verb) in [
        (Wish::Create, "CREATE"),
        (Wish::Rename, "RENAME"),
        (Wish::Delete, "DELETE"),
    ] {
        ok_and_nothing(wish, verb, true).await;
    }
}

/// A proxy that lets another client work in the very moment before our command reaches the server, once.
fn racing(
    user: &TestUser,
    verb: &'static str,
    work: impl Fn(&mut ImapProbe) + Send + Sync + 'static,
) -> (MindingProxy, Arc<AtomicBool>) {
    let (user, armed) = (user.clone(), Arc::new(AtomicBool::new(false)));
    let is_armed = Arc::clone(&armed);
    let mind = move |command: &str| {
        if command.starts_with(verb) && is_armed.swap(false, SeqCst) {
            work(&mut ImapProbe::login(&user));
        }
        Deed::Pass
    };
    (
        MindingProxy::start(servers().imap_port, mind, |_| None),
        armed,
    )
}

/// The events of a message: kind, whether it was us, its keywords afterwards.
async fn events_of(follower: &Follower, message: &str) -> Vec<(String, bool, String)> {
    let events = follower.events().await;
    let of_it = events
        .iter()
        .filter(|e| e.data["message_id"] == message && e.kind != "message.received");
    of_it
        .map(|e| {
            (
                e.kind.clone(),
                e.data["by"] == "api",
                e.data["flags"]["keywords"].to_string(),
            )
        })
        .collect()
}

/// Also between our look and our STORE: the server says MODIFIED (RFC 7162), and both changes stay.
#[tokio::test(flavor = "multi_thread")]
async fn i39_a_foreign_flag_of_the_same_moment_is_told_once_and_so_is_ours() {
    let user = user("i39flags");
    user.seed("INBOX", Generator::new(141).take(3));
    let (proxy, armed) = racing(&user, "UID STORE", |probe| {
        probe.select("INBOX");
        probe.store("1", "+FLAGS", "$Theirs");
    });
    let mut follower = behind(&user, proxy.port()).await;
    follower.in_step().await;
    let message = message_at(&follower, 1).await;
    armed.store(true, SeqCst);
    owed::change_flags(&follower.store, &message, keyword("$Ours"))
        .await
        .expect("owed");
    crate::owed::paid(&follower, &message).await;
    follower.in_step().await;
    assert!(!armed.load(SeqCst), "nobody raced");
    let told = events_of(&follower, &message).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].1, told[1].1), (true, false), "{told:?}");
    assert!(
        told[1].2.contains("$Ours") && told[1].2.contains("$Theirs"),
        "{told:?}"
    );
    follower.stop().await;
}

/// Somebody else takes away in the same moment what we put on: the wish was made here, and counts.
#[tokio::test(flavor = "multi_thread")]
async fn i39_of_two_changes_of_the_same_flag_the_wish_counts() {
    let user = user("i39same");
    user.seed("INBOX", Generator::new(142).take(2));
    act(&user, |_, probe| {
        probe.select("INBOX");
        probe.store("1", "FLAGS", "$Old");
    })
    .await;
    let (proxy, armed) = racing(&user, "UID STORE", |probe| {
        probe.select("INBOX");
        probe.store("1", "FLAGS", "\\Answered");
    });
    let mut follower = behind(&user, proxy.port()).await;
    follower.in_step().await;
    let message = message_at(&follower, 1).await;
    armed.store(true, SeqCst);
    let seen = FlagChange {
        seen: Some(true),
        ..FlagChange::default()
    };
    owed::change_flags(&follower.store, &message, seen)
        .await
        .expect("owed");
    crate::owed::paid(&follower, &message).await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    let flags: Vec<&str> = there["INBOX"][&1].0.iter().map(String::as_str).collect();
    assert_eq!(flags, ["\\Answered", "\\Seen"]);
    assert_eq!(events_of(&follower, &message).await.len(), 2);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i39_a_message_that_we_move_while_another_client_marks_it_is_one_move_and_one_foreign_change()
 {
    let user = user("i39move");
    user.seed("INBOX", Generator::new(143).take(3));
    user.seed("Archive", Generator::new(144).take(1));
    let (proxy, armed) = racing(&user, "UID MOVE", |probe| {
        probe.select("INBOX");
        probe.store("1", "+FLAGS", "$Theirs");
    });
    let mut follower = behind(&user, proxy.port()).await;
    follower.in_step().await;
    let message = message_at(&follower, 1).await;
    let archive = folder(&follower, "Archive").await;
    armed.store(true, SeqCst);
    owed::move_to(&follower.store, &message, &archive)
        .await
        .expect("owed");
    crate::owed::paid(&follower, &message).await;
    follower.in_step().await;
    let told = events_of(&follower, &message).await;
    let moved: Vec<_> = told
        .iter()
        .filter(|(kind, _, _)| kind == "message.moved")
        .collect();
    let changed: Vec<_> = told
        .iter()
        .filter(|(kind, _, _)| kind == "message.changed")
        .collect();
    assert_eq!(
        (moved.len(), changed.len(), told.len()),
        (1, 1, 2),
        "{told:?}"
    );
    assert!(moved[0].1 && !changed[0].1, "{told:?}");
    assert!(changed[0].2.contains("$Theirs"), "{told:?}");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i39_what_we_file_and_what_another_client_files_in_the_same_moment_are_each_told_once() {
    let user = user("i39append");
    user.seed("INBOX", Generator::new(145).take(2));
    user.seed("Sent", Generator::new(146).take(1));
    let theirs = Generator::new(147).next().expect("a message");
    let (proxy, armed) = racing(&user, "APPEND", move |probe| {
        probe.append("Sent", "\\Seen", "", &theirs.raw);
    });
    let mut follower = behind(&user, proxy.port()).await;
    follower.in_step().await;
    let before = follower.count("message.sent").await;
    let message = message_at(&follower, 1).await;
    follower.stop().await;
    append(&follower, &message).await;
    armed.store(true, SeqCst);
    follower.go();
    until_owed(&follower, "filed", |owed| owed.is_empty()).await;
    follower.in_step().await;
    assert_eq!(follower.servers_view().await["Sent"].len(), 3);
    assert_eq!(follower.count("message.sent").await, before + 2);
    follower.stop().await;
}
