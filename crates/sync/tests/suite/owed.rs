//! What the application changes here reaches the server, also when the server was away meanwhile.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::message::FlagChange;
use testkit::{Brand, Generator};

on_each_server!(
    flags_and_moves_reach_the_server_and_are_no_foreign_events,
    a_change_made_while_the_server_was_away_is_paid_on_return,
    invariant_39_our_own_change_is_told_once_and_a_foreign_one_of_the_same_moment_too,
);

pub async fn message_at(follower: &Follower, uid: i64) -> String {
    follower
        .store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT p.message_id FROM placements p JOIN folders f ON f.id = p.folder_id
                 WHERE f.path = 'INBOX' AND p.uid = $1",
                &[uid.into()],
            )?;
            row.expect("a message").get(0)
        })
        .await
        .expect("the message")
}

pub async fn paid(follower: &Follower, message: &str) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !store::owed::pending(&follower.store, message)
        .await
        .unwrap()
        .is_empty()
    {
        assert!(
            tokio::time::Instant::now() < end,
            "the change is still owed"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn flags_and_moves_reach_the_server_and_are_no_foreign_events(server: Brand) {
    let user = server.user("owedlive");
    user.seed("INBOX", Generator::new(21).take(10));
    for folder in ["Archive", "Trash"] {
        user.seed(folder, []);
    }
    let (archive_path, trash_path) = (server.path("Archive"), server.path("Trash"));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let store = &follower.store;
    let first = message_at(&follower, 1).await;
    // A keyword that no seeded message has: a change for sure.
    let change = FlagChange {
        keywords: Some(vec!["$Done".to_owned()]),
        ..FlagChange::default()
    };
    store::owed::change_flags(store, &first, change)
        .await
        .unwrap();
    let archive = store::folders::list(store, &follower.mailbox.id)
        .await
        .unwrap();
    let archive = archive
        .iter()
        .find(|f| f.path == archive_path)
        .expect("Archive")
        .id
        .clone();
    store::owed::move_to(store, &first, &archive).await.unwrap();
    let second = message_at(&follower, 2).await;
    store::owed::trash(store, &second, false).await.unwrap();
    paid(&follower, &first).await;
    paid(&follower, &second).await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    assert_eq!(there[&archive_path].len(), 1);
    assert!(
        there[&archive_path]
            .values()
            .next()
            .unwrap()
            .0
            .contains("$Done")
    );
    assert_eq!(there[&trash_path].len(), 1);
    let changed = follower.events().await;
    let changed: Vec<_> = changed
        .iter()
        .filter(|e| e.kind == "message.changed")
        .collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].data["by"], "api");
    assert_eq!(follower.count("message.moved").await, 2);
    follower.stop().await;
}

async fn a_change_made_while_the_server_was_away_is_paid_on_return(server: Brand) {
    let user = server.user("owedaway");
    user.seed("INBOX", Generator::new(22).take(4));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let message = message_at(&follower, 3).await;
    let change = FlagChange {
        seen: Some(true),
        flagged: Some(true),
        ..FlagChange::default()
    };
    store::owed::change_flags(&follower.store, &message, change)
        .await
        .unwrap();
    follower.go();
    paid(&follower, &message).await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    assert!(there["INBOX"][&3].0.contains("\\Flagged"));
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thrown_away_twice_lies_in_the_trash() {
    let user = testkit::user("trashtwice");
    user.seed("INBOX", Generator::new(23).take(2));
    user.seed("Trash", Generator::new(24).take(1));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    follower.stop().await;
    let message = message_at(&follower, 1).await;
    for _ in 0..2 {
        store::owed::trash(&follower.store, &message, false)
            .await
            .unwrap();
    }
    let pending = store::owed::pending(&follower.store, &message).await;
    assert_eq!(pending.unwrap(), ["move"]);
    follower.go();
    paid(&follower, &message).await;
    assert_eq!(follower.servers_view().await["Trash"].len(), 2);
    follower.stop().await;
}

/// A mailbox with one message on a simulator.
pub async fn simulated(script: ImapScript) -> (ImapSim, Follower, String) {
    let sim = ImapSim::start(script.mail("INBOX", b"Subject: first\r\n\r\nx\r\n"));
    let follower = Follower::simulated(&sim, Choice::default()).await;
    let received = follower.event("message.received", |_| true).await;
    let message = received.data["message_id"].as_str().unwrap().to_owned();
    (sim, follower, message)
}

async fn read_only(store: &store::Store, id: &str, read_only: bool) {
    let change = store::mailboxes::Change {
        read_only: Some(read_only),
        ..store::mailboxes::Change::default()
    };
    store::mailboxes::change(store, id, change, None)
        .await
        .unwrap();
}

fn flagged() -> FlagChange {
    FlagChange {
        flagged: Some(true),
        ..FlagChange::default()
    }
}

/// How often the newest owed change was tried, and why it is still owed.
async fn tries(follower: &Follower) -> (i64, Option<String>) {
    let row = follower.store.db.read(|tx| {
        let row = tx.row(
            "SELECT attempts, problem_id FROM owed ORDER BY n DESC LIMIT 1",
            &[],
        )?;
        row.map_or(Ok((0, None)), |row| Ok((row.get(0)?, row.get(1)?)))
    });
    row.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_31_a_server_that_says_ok_and_does_nothing_is_still_owed_the_change() {
    for command in ["UID STORE", "UID EXPUNGE"] {
        let script = ImapScript::new().fault(ImapFault::OkButNothing(command));
        let (sim, mut follower, message) = simulated(script).await;
        let wanted = match command {
            "UID STORE" => store::owed::change_flags(&follower.store, &message, flagged()).await,
            _ => store::owed::trash(&follower.store, &message, true).await,
        };
        wanted.unwrap();
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while tries(&follower).await.0 == 0 {
            assert!(
                tokio::time::Instant::now() < end,
                "{command}: {:?}",
                sim.log()
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let pending = store::owed::pending(&follower.store, &message).await;
        assert_eq!(pending.unwrap().len(), 1, "{command}");
        assert_eq!(tries(&follower).await.1.as_deref(), Some("change_ignored"));
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_may_only_be_read_is_sent_no_change_and_takes_none() {
    let (sim, mut follower, message) = simulated(ImapScript::new()).await;
    follower.stop().await;
    let store = follower.store.clone();
    store::owed::change_flags(&store, &message, flagged())
        .await
        .unwrap();
    let id = follower.mailbox.id.clone();
    read_only(&store, &id, true).await;
    let before = sim.log().len();
    follower.go();
    sim.deliver("INBOX", b"Subject: second\r\n\r\nx\r\n");
    follower
        .event("message.received", |e| e.data["subject"] == "second")
        .await;
    for said in &sim.log()[before..] {
        assert!(
            !said.contains("STORE") && !said.contains(" SELECT"),
            "{said}"
        );
    }
    let refused = store::owed::trash(&store, &message, false).await;
    assert!(matches!(refused, Err(store::StoreError::ReadOnly)));
    assert_eq!(
        store::owed::pending(&store, &message).await.unwrap().len(),
        1
    );
    read_only(&store, &id, false).await;
    paid(&follower, &message).await;
    assert!(sim.log().iter().any(|said| said.contains("STORE")));
    follower.stop().await;
}

/// Courier has no MOVE: the copy was made, and the connection ended before its answer came.
#[tokio::test(flavor = "multi_thread")]
async fn invariant_38_a_copy_whose_answer_was_lost_is_not_made_twice() {
    let server = Brand::Courier;
    let user = server.user("owedcopy");
    user.seed("INBOX", Generator::new(25).take(2));
    user.seed("Archive", Generator::new(26).take(1));
    let archive_path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let message = message_at(&follower, 1).await;
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let archive = folders
        .unwrap()
        .into_iter()
        .find(|f| f.path == archive_path);
    let archive = archive.expect("Archive").id;
    store::owed::move_to(&follower.store, &message, &archive)
        .await
        .unwrap();
    let noted = follower.store.db.write(move |tx| {
        let sql = "SELECT uid_validity FROM folders WHERE id = $1";
        let row = tx.row(sql, &[(&archive).into()])?.expect("the folder");
        let validity: i64 = row.get(0)?;
        let note = format!("{{\"uid_validity\":{validity},\"uid_next\":2}}");
        tx.exec("UPDATE owed SET copy_from = $1", &[note.into()])
    });
    assert_eq!(noted.await.unwrap(), 1);
    user.seed("Archive", Generator::new(25).take(1));
    follower.go();
    paid(&follower, &message).await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    assert_eq!(there["INBOX"].len(), 1);
    assert_eq!(there[&archive_path].len(), 2, "one copy");
    assert_eq!(follower.count("message.moved").await, 1);
    follower.stop().await;
}

/// The server refuses for the last time: the application is told, and what was changed here ahead of the server is put right.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_for_good_is_told_and_the_servers_state_counts_again() {
    let refused = "[CANNOT] not this one, secret-of-the-server";
    let script = ImapScript::new().fault(ImapFault::Refuse("UID STORE", refused.to_owned()));
    let (_sim, mut follower, message) = simulated(script).await;
    follower.stop().await;
    let store = follower.store.clone();
    store::owed::change_flags(&store, &message, flagged())
        .await
        .unwrap();
    let last = store
        .db
        .write(|tx| tx.exec("UPDATE owed SET attempts = 5", &[]));
    assert_eq!(last.await.unwrap(), 1);
    follower.go();
    let failed = follower.event("change.failed", |_| true).await;
    assert_eq!(failed.data["message_id"], message);
    assert_eq!(failed.data["kind"], "flags");
    assert_eq!(failed.data["problem_id"], "command_refused");
    let back = |e: &model::event::Event| e.data["flags"]["flagged"] == false;
    let back = follower.event("message.changed", back).await;
    assert_eq!(back.data["before"]["flagged"], true);
    let shown = store::messages::get(&store, &message).await.unwrap();
    assert!(!shown.flags.flagged);
    let entries = store::owed::list(&store, &follower.mailbox.id, None, 10).await;
    let entries = entries.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].state, store::owed::State::Failed);
    follower.stop().await;
}

/// Both reach the server before we look again: ours is no foreign event, theirs is one.
async fn invariant_39_our_own_change_is_told_once_and_a_foreign_one_of_the_same_moment_too(
    server: Brand,
) {
    let user = server.user("owedecho");
    user.seed("INBOX", Generator::new(27).take(3));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let (ours, theirs) = (
        message_at(&follower, 1).await,
        message_at(&follower, 2).await,
    );
    let change = FlagChange {
        keywords: Some(vec!["$Ours".to_owned()]),
        ..FlagChange::default()
    };
    store::owed::change_flags(&follower.store, &ours, change)
        .await
        .unwrap();
    let client = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&client);
        probe.select("INBOX");
        probe.store("1:2", "+FLAGS", "$Theirs");
    })
    .await
    .expect("the second client");
    follower.go();
    paid(&follower, &ours).await;
    follower.in_step().await;
    let events = follower.events().await;
    let changes = |id: &str| -> Vec<(bool, serde_json::Value, serde_json::Value)> {
        let of_it = events
            .iter()
            .filter(|e| e.kind == "message.changed" && e.data["message_id"] == id);
        of_it
            .map(|e| {
                let by_us = e.data["by"] == "api";
                (by_us, e.data["before"].clone(), e.data["flags"].clone())
            })
            .collect()
    };
    let (first, second) = (changes(&ours), changes(&theirs));
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first[0].0 && !first[1].0, "{first:?}");
    assert_eq!(first[0].2, first[1].1, "one follows from the other");
    let keywords = first[1].2["keywords"].to_string();
    assert!(keywords.contains("$Ours") && keywords.contains("$Theirs"));
    assert_eq!(second.len(), 1, "{second:?}");
    assert!(!second[0].0);
    follower.stop().await;
}

/// Without MOVE a message is copied first: while the original does not go, nobody has it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_taken_back_while_its_original_does_not_go() {
    for command in ["UID STORE", "UID EXPUNGE"] {
        let refused = ImapFault::RefuseIn("INBOX", command, "[NOPERM] not yours".to_owned());
        let script = ImapScript::new().folder("Archive").fault(refused);
        let (sim, mut follower, message) = simulated(script).await;
        let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
        let folders = folders.expect("folders");
        let archive = folders.iter().find(|folder| folder.path == "Archive");
        let archive = archive.expect("Archive").id.clone();
        let moved = store::owed::move_to(&follower.store, &message, &archive).await;
        moved.expect("it is owed");
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while tries(&follower).await.0 == 0 {
            assert!(
                tokio::time::Instant::now() < end,
                "{command}: {:?}",
                sim.log()
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let there = sim.contents();
        let flags: Vec<_> = there["INBOX"].values().map(|m| m.flags.clone()).collect();
        assert_eq!(flags, [std::collections::BTreeSet::new()], "{command}");
        assert!(there["Archive"].is_empty(), "{command}: {:?}", sim.log());
        assert!(sim.log().iter().any(|line| line.contains("UID COPY")));

        follower.stop().await;
        sim.set_faults(&[]);
        let now = follower
            .store
            .db
            .write(|tx| tx.exec("UPDATE owed SET next_attempt_at = 0", &[]));
        assert_eq!(now.await.expect("written"), 1);
        follower.go();
        paid(&follower, &message).await;
        let there = sim.contents();
        assert_eq!(
            (there["INBOX"].len(), there["Archive"].len()),
            (0, 1),
            "{command}"
        );
        for (kind, count) in [("message.received", 1), ("message.removed", 0)] {
            assert_eq!(follower.count(kind).await, count, "{command}: {kind}");
        }
        follower.stop().await;
    }
}
