//! Folders that the application makes, renames and deletes: on the server, with their ids kept, and told once.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use std::time::Duration;
use store::owed::{self, Level, State};
use testkit::{Brand, Generator};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

on_each_server!(
    folders_are_made_renamed_and_deleted_and_come_back_as_no_foreign_event,
    a_change_of_folders_that_is_true_already_is_done,
    a_folder_is_moved_into_another_and_to_the_top_with_all_that_is_in_it,
);

async fn settled(follower: &Follower) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let owed = owed::list(&follower.store, &follower.mailbox.id, None, 10).await;
        let owed = owed.unwrap();
        if owed.is_empty() {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "still owed: {owed:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn id_of(follower: &Follower, path: &str) -> String {
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.unwrap();
    let found = folders.iter().find(|folder| folder.path == path);
    found
        .unwrap_or_else(|| panic!("{path}: {folders:?}"))
        .id
        .clone()
}

async fn make(follower: &Follower, parent: Option<&str>, name: &str) {
    let parent = parent.map(str::to_owned);
    crate::follower::create_folder(&follower.store, &follower.mailbox.id, parent, name)
        .await
        .unwrap();
    settled(follower).await;
}

async fn told(follower: &Follower) -> Vec<(String, String, bool)> {
    let events = follower.events().await;
    let of_folders = events.iter().filter(|e| e.kind.starts_with("folder."));
    of_folders
        .map(|e| {
            let path = e.data["path"].as_str().unwrap_or_default().to_owned();
            (e.kind.clone(), path, e.data["by"] == "api")
        })
        .collect()
}

async fn folders_are_made_renamed_and_deleted_and_come_back_as_no_foreign_event(server: Brand) {
    let user = server.user("folders");
    user.seed("INBOX", Generator::new(61).take(3));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let before = told(&follower).await.len();
    let store = follower.store.clone();
    make(&follower, None, "Kunden & Äpfel").await;
    let outer = id_of(&follower, &server.path("Kunden & Äpfel")).await;
    make(&follower, Some(&outer), "日本").await;
    let inner_path = server.path("Kunden & Äpfel/日本");
    let inner = id_of(&follower, &inner_path).await;
    // Something lies in it, so that a folder that was lost would be seen.
    let message = {
        let found = store.db.read(|tx| {
            let row = tx.row("SELECT id FROM messages ORDER BY n LIMIT 1", &[])?;
            row.expect("a message").get::<String>(0)
        });
        found.await.unwrap()
    };
    owed::move_to(&store, &message, &inner).await.unwrap();
    settled(&follower).await;
    follower.in_step().await;
    owed::rename_folder(&store, &outer, Some("Clients"), owed::Level::Same)
        .await
        .unwrap();
    settled(&follower).await;
    follower.in_step().await;
    assert_eq!(id_of(&follower, &server.path("Clients")).await, outer);
    assert_eq!(id_of(&follower, &server.path("Clients/日本")).await, inner);
    let there = follower.servers_view().await;
    assert_eq!(there[&server.path("Clients/日本")].len(), 1);
    // Courier numbers a renamed folder anew: the message has no place until it was recognised.
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let shown = store::messages::get(&store, &message).await.unwrap();
        let places: Vec<&str> = shown
            .folders
            .iter()
            .map(|place| &*place.folder_id)
            .collect();
        if places == [&*inner] {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{shown:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    make(&follower, None, "Short").await;
    let short = id_of(&follower, &server.path("Short")).await;
    owed::delete_folder(&store, &short, false).await.unwrap();
    settled(&follower).await;
    follower.in_step().await;
    let all = told(&follower).await;
    let own = |kind: &str, name: &str| (kind.to_owned(), server.path(name), true);
    let created = "folder.created";
    let renamed = "folder.renamed";
    let mut wanted = vec![
        own(created, "Kunden & Äpfel"),
        own(created, "Kunden & Äpfel/日本"),
        own(renamed, "Clients"),
        own(renamed, "Clients/日本"),
        own(created, "Short"),
        own("folder.removed", "Short"),
    ];
    let mut seen: Vec<_> = all[before..]
        .iter()
        .filter(|(kind, _, _)| kind != "folder.reset")
        .cloned()
        .collect();
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

/// As after an answer that was lost: the server has done it, and we do not know.
async fn a_change_of_folders_that_is_true_already_is_done(server: Brand) {
    let user = server.user("foldersdone");
    user.seed("INBOX", Generator::new(62).take(1));
    user.seed("Old", Generator::new(63).take(2));
    user.seed("Gone", Generator::new(64).take(1));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let store = follower.store.clone();
    let old = id_of(&follower, &server.path("Old")).await;
    let gone = id_of(&follower, &server.path("Gone")).await;
    crate::follower::create_folder(&store, &follower.mailbox.id, None, "Made")
        .await
        .unwrap();
    owed::rename_folder(&store, &old, Some("New"), owed::Level::Same)
        .await
        .unwrap();
    owed::delete_folder(&store, &gone, true).await.unwrap();
    let (made, from, to, away) = (
        server.path("Made"),
        server.path("Old"),
        server.path("New"),
        server.path("Gone"),
    );
    let client = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&client);
        probe.create(&made);
        probe.rename(&from, &to);
        probe.delete(&away);
    })
    .await
    .expect("the second client");
    follower.go();
    settled(&follower).await;
    follower.in_step().await;
    assert_eq!(id_of(&follower, &server.path("New")).await, old);
    assert_eq!(follower.count("folder.renamed").await, 1);
    assert_eq!(follower.count("folder.removed").await, 1);
    assert_eq!(follower.count("change.failed").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_31_a_folder_that_the_server_only_says_it_made_stays_owed() {
    let script = ImapScript::new()
        .fault(ImapFault::OkButNothing("CREATE"))
        .mail("INBOX", b"Subject: first\r\n\r\nx\r\n");
    let sim = ImapSim::start(script);
    let mut follower = Follower::simulated(&sim, Choice::default()).await;
    follower.event("message.received", |_| true).await;
    let id =
        crate::follower::create_folder(&follower.store, &follower.mailbox.id, None, "Made").await;
    let id = id.unwrap();
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let entry = loop {
        let entry = owed::get(&follower.store, &follower.mailbox.id, &id).await;
        let entry = entry.expect("it is still owed");
        if entry.attempts > 0 {
            break entry;
        }
        assert!(tokio::time::Instant::now() < end, "{:?}", sim.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(entry.state, State::Pending);
    assert_eq!(entry.problem_id.as_deref(), Some("change_ignored"));
    assert_eq!(follower.count("folder.created").await, 1, "INBOX alone");
    follower.stop().await;
}

async fn a_folder_is_moved_into_another_and_to_the_top_with_all_that_is_in_it(server: Brand) {
    let user = server.user("foldersmove");
    user.seed("INBOX", Generator::new(65).take(1));
    user.seed("Clients", Generator::new(66).take(2));
    user.seed("Clients/Old", Generator::new(67).take(3));
    user.seed("Archive", Generator::new(68).take(1));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let store = follower.store.clone();
    let outer = id_of(&follower, &server.path("Clients")).await;
    let inner = id_of(&follower, &server.path("Clients/Old")).await;
    let archive = id_of(&follower, &server.path("Archive")).await;
    let moved = |to: Level| owed::rename_folder(&store, &outer, None, to);
    for wrong in [&outer, &inner] {
        let refused = moved(Level::Inside(wrong.clone())).await;
        assert!(
            matches!(refused, Err(store::StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    assert_eq!(moved(Level::Top).await.unwrap(), None, "it lies there");
    // Another name on the way.
    let into = Level::Inside(archive.clone());
    owed::rename_folder(&store, &outer, Some("Kunden"), into)
        .await
        .unwrap();
    settled(&follower).await;
    follower.in_step().await;
    assert_eq!(
        id_of(&follower, &server.path("Archive/Kunden")).await,
        outer
    );
    assert_eq!(
        id_of(&follower, &server.path("Archive/Kunden/Old")).await,
        inner
    );
    let there = follower.servers_view().await;
    assert_eq!(there[&server.path("Archive/Kunden/Old")].len(), 3);
    let again = moved(Level::Inside(archive)).await;
    assert_eq!(again.unwrap(), None, "it lies there");
    moved(Level::Top).await.unwrap();
    settled(&follower).await;
    follower.in_step().await;
    assert_eq!(id_of(&follower, &server.path("Kunden")).await, outer);
    assert_eq!(id_of(&follower, &server.path("Kunden/Old")).await, inner);
    for kind in ["message.removed", "message.moved", "folder.removed"] {
        assert_eq!(follower.count(kind).await, 0, "{kind}");
    }
    follower.stop().await;
}
