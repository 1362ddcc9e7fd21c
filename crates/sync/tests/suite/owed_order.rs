//! Several changes of the same message: carried out in their order, each where the one before has put it.

use crate::follower::{Choice, Follower, until};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::message::FlagChange;
use std::time::Duration;
use store::owed;
use tokio::time::sleep;

fn mail(n: usize) -> Vec<u8> {
    format!("From: a@b.test\r\nSubject: {n}\r\nMessage-ID: <o{n}@b.test>\r\n\r\nmessage {n}\r\n")
        .into_bytes()
}

/// A server with the folders INBOX (two messages), B, C and Trash, that can do this.
fn server(capabilities: &str) -> ImapSim {
    let script = ImapScript::new().capabilities(capabilities);
    let script = script.mail("INBOX", &mail(1)).mail("INBOX", &mail(2));
    let script = script.folder("B").folder("C");
    ImapSim::start(script.marked_folder("Trash", "\\Trash"))
}

async fn follow(sim: &ImapSim) -> Follower {
    let follower = Follower::simulated(
        sim,
        Choice {
            tested: true,
            ..Choice::default()
        },
    )
    .await;
    until("both are stored", async || {
        message(&follower, 2).await.is_some()
    })
    .await;
    follower
}

/// The id of the message with this number.
async fn message(follower: &Follower, n: usize) -> Option<String> {
    let message_id = format!("o{n}@b.test");
    let rows = follower.store.db.read(move |tx| {
        tx.rows(
            "SELECT id FROM messages WHERE internet_message_id = $1",
            &[message_id.into()],
        )
    });
    let rows = rows.await.expect("rows");
    rows.first().map(|row| row.get(0).expect("an id"))
}

async fn folder(follower: &Follower, path: &str) -> String {
    let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
    let found = known
        .expect("folders")
        .into_iter()
        .find(|folder| folder.path == path);
    found.expect("the folder").id
}

/// Owes moves of a message, one after the other.
async fn owe_moves(follower: &Follower, message_id: &str, paths: &[&str]) {
    for path in paths {
        let folder_id = folder(follower, path).await;
        let owed = owed::move_to(&follower.store, message_id, &folder_id).await;
        owed.expect("owed");
    }
}

async fn nothing_is_owed(follower: &Follower) {
    until("nothing is owed", async || {
        let next = owed::next_due(&follower.store, &follower.mailbox.id).await;
        next.expect("the store").is_none()
    })
    .await;
}

/// Messages in each folder of the server that has any.
fn there(sim: &ImapSim) -> Vec<(String, usize)> {
    let contents = sim.contents().into_iter();
    let counts = contents.map(|(name, of)| (name, of.len()));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn places(counts: &[(&str, usize)]) -> Vec<(String, usize)> {
    counts
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

const MODERN: &str = "IMAP4rev1 IDLE UIDPLUS MOVE";

#[tokio::test(flavor = "multi_thread")]
async fn moves_and_flags_of_one_message_are_carried_out_in_their_order() {
    for capabilities in [MODERN, "IMAP4rev1 IDLE UIDPLUS", "IMAP4rev1 IDLE"] {
        let sim = server(capabilities);
        let mut follower = follow(&sim).await;
        let id = message(&follower, 1).await.expect("stored");
        // All of it is owed before the server can be reached.
        follower.stop().await;
        owe_moves(&follower, &id, &["B", "C"]).await;
        let flagged = FlagChange {
            flagged: Some(true),
            ..FlagChange::default()
        };
        owed::change_flags(&follower.store, &id, flagged)
            .await
            .expect("owed");
        follower.go();
        let end = places(&[("C", 1), ("INBOX", 1)]);
        until("it is in C", async || there(&sim) == end).await;
        nothing_is_owed(&follower).await;
        let contents = sim.contents();
        let flags = &contents["C"].values().next().expect("the message").flags;
        assert!(flags.contains("\\Flagged"), "{capabilities}: {flags:?}");
        assert_eq!(message(&follower, 1).await, Some(id));
        assert_eq!(follower.count("change.failed").await, 0, "{capabilities}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_there_and_back_ends_where_it_began() {
    let sim = server(MODERN);
    let mut follower = follow(&sim).await;
    let id = message(&follower, 1).await.expect("stored");
    follower.stop().await;
    owe_moves(&follower, &id, &["B", "INBOX"]).await;
    follower.go();
    nothing_is_owed(&follower).await;
    assert_eq!(there(&sim), places(&[("INBOX", 2)]));
    assert_eq!(message(&follower, 1).await, Some(id));
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_change_waits_for_an_earlier_one_that_is_refused() {
    let sim = server(MODERN);
    let mut follower = follow(&sim).await;
    let id = message(&follower, 1).await.expect("stored");
    follower.stop().await;
    sim.set_faults(&[ImapFault::Refuse("UID MOVE", "not now".to_owned())]);
    owe_moves(&follower, &id, &["B", "C"]).await;
    let moves = || {
        sim.log()
            .iter()
            .filter(|line| line.contains("UID MOVE"))
            .count()
    };
    follower.go();
    until("it was asked for", async || moves() > 0).await;
    sim.set_faults(&[]);
    sleep(Duration::from_secs(2)).await;
    // The second is not asked for before the first.
    assert_eq!(there(&sim), places(&[("INBOX", 2)]));
    let end = places(&[("C", 1), ("INBOX", 1)]);
    until("it is in C", async || there(&sim) == end).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_uidplus_a_removal_takes_nobody_elses_messages() {
    let sim = server("IMAP4rev1 IDLE");
    sim.set_flags("INBOX", 2, &["\\Deleted"]);
    let mut follower = follow(&sim).await;
    let id = message(&follower, 1).await.expect("stored");
    owed::trash(&follower.store, &id, true).await.expect("owed");
    until("it is gone", async || {
        there(&sim) == places(&[("INBOX", 1)])
    })
    .await;
    until("the mark is back", async || {
        let contents = sim.contents();
        contents["INBOX"]
            .get(&2)
            .is_some_and(|message| message.flags.contains("\\Deleted"))
    })
    .await;
    follower.event("message.removed", |_| true).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_trash_nothing_is_removed_for_good_unasked() {
    let sim = ImapSim::start(ImapScript::new().mail("INBOX", &mail(2)));
    let mut follower = follow(&sim).await;
    let id = message(&follower, 2).await.expect("stored");
    let refused = owed::trash(&follower.store, &id, false).await;
    assert!(
        matches!(
            &refused,
            Err(store::StoreError::Refused {
                problem_id: "trash_missing",
                ..
            })
        ),
        "{refused:?}"
    );
    owed::trash(&follower.store, &id, true).await.expect("owed");
    follower.event("message.removed", |_| true).await;
    assert_eq!(there(&sim), []);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wanted_of_a_message_that_somebody_removed_is_told_as_failed() {
    let sim = server(MODERN);
    let mut follower = follow(&sim).await;
    let id = message(&follower, 1).await.expect("stored");
    follower.stop().await;
    let folder_id = folder(&follower, "B").await;
    owed::move_to(&follower.store, &id, &folder_id)
        .await
        .expect("owed");
    sim.remove("INBOX", 1);
    follower.go();
    let failed = follower.event("change.failed", |_| true).await;
    assert_eq!(failed.data["problem_id"], "message_vanished");
    assert_eq!(failed.data["message_id"], *id);
    follower.event("message.removed", |_| true).await;
    follower.stop().await;
}
