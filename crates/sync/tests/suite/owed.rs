//! What the application changes here reaches the server, also when the server was away meanwhile.

use crate::follower::{Choice, Follower};
use model::message::FlagChange;
use testkit::{Brand, Generator};

on_each_server!(
    flags_and_moves_reach_the_server_and_are_no_foreign_events,
    a_change_made_while_the_server_was_away_is_paid_on_return,
);

async fn message_at(follower: &Follower, uid: i64) -> String {
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

async fn paid(follower: &Follower, message: &str) {
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
    store::owed::trash(store, &second).await.unwrap();
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
        store::owed::trash(&follower.store, &message).await.unwrap();
    }
    let pending = store::owed::pending(&follower.store, &message).await;
    assert_eq!(pending.unwrap(), ["move"]);
    follower.go();
    paid(&follower, &message).await;
    assert_eq!(follower.servers_view().await["Trash"].len(), 2);
    follower.stop().await;
}
