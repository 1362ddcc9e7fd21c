//! Moves on servers without MOVE: whatever the server refuses, and whoever else is at work, one copy is left.

use crate::follower::{Follower, until};
use crate::owed::{paid, simulated};
use mail_sim::{ImapFault, ImapScript, ImapSim};

/// The only message is to be moved to the archive, on a server with this fault. Returns once that was tried.
async fn moving(fault: &[ImapFault]) -> (ImapSim, Follower, String) {
    let (sim, follower, message) = simulated(ImapScript::new().folder("Archive")).await;
    sim.set_faults(fault);
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    let archive = folders.iter().find(|folder| folder.path == "Archive");
    let archive = &archive.expect("Archive").id;
    let owed = store::owed::move_to(&follower.store, &message, archive).await;
    owed.expect("owed");
    until("it was tried", async || {
        let tried = follower.store.db.read(|tx| {
            let row = tx.row("SELECT attempts FROM owed", &[])?;
            row.map_or(Ok(1), |row| row.get::<i64>(0))
        });
        tried.await.expect("the store") > 0
    })
    .await;
    (sim, follower, message)
}

/// Messages in each folder that are not marked as deleted, and those that are.
fn there(sim: &ImapSim) -> Vec<(String, usize, usize)> {
    let contents = sim.contents().into_iter();
    let count =
        |(folder, messages): (String, std::collections::BTreeMap<u32, mail_sim::Contents>)| {
            let marked = messages
                .values()
                .filter(|message| message.flags.contains("\\Deleted"));
            let marked = marked.count();
            (folder, messages.len() - marked, marked)
        };
    contents.map(count).collect()
}

fn expected(archive: usize, inbox: usize, marked: usize) -> Vec<(String, usize, usize)> {
    vec![
        ("Archive".to_owned(), archive, 0),
        ("INBOX".to_owned(), inbox, marked),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_stays_when_somebody_else_removed_its_original_before_we_could() {
    for command in ["UID STORE", "UID EXPUNGE"] {
        let said = "[EXPUNGEISSUED] it no longer exists".to_owned();
        let (sim, mut follower, message) = moving(&[ImapFault::GoneBefore(command, said)]).await;
        paid(&follower, &message).await;
        assert_eq!(there(&sim), expected(1, 0, 0), "{command}: {:?}", sim.log());
        follower.event("message.moved", |_| true).await;
        assert_eq!(follower.count("message.removed").await, 0, "{command}");
        assert_eq!(follower.count("message.received").await, 1, "{command}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_stays_while_its_original_is_still_marked_as_deleted() {
    let refused = ImapFault::RefuseIn("INBOX", "UID EXPUNGE", "[NOPERM] not yours".to_owned());
    let marks = ImapFault::MarksStay("[NOPERM] marks stay".to_owned());
    let (sim, mut follower, message) = moving(&[refused, marks]).await;
    assert_eq!(there(&sim), expected(1, 0, 1), "{:?}", sim.log());
    follower.stop().await;
    // The next EXPUNGE of anybody takes what is marked.
    sim.lose("INBOX", 1).expect("the original");
    sim.set_faults(&[]);
    let now = follower
        .store
        .db
        .write(|tx| tx.exec("UPDATE owed SET next_attempt_at = 0", &[]));
    assert_eq!(now.await.expect("written"), 1);
    follower.go();
    paid(&follower, &message).await;
    assert_eq!(there(&sim), expected(1, 0, 0), "{:?}", sim.log());
    let events = follower.events().await;
    let mut removed = events.iter().filter(|e| e.kind == "message.removed");
    assert!(removed.all(|e| e.data["message_id"] != message.as_str()));
    follower.stop().await;
}
