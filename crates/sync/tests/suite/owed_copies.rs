//! Copies that the application asks for: made once on the server, messages of their own here, and no foreign mail.

use crate::follower::{Choice, Follower};
use crate::owed::{message_at, paid};
use mail_sim::{ImapFault, ImapScript};
use testkit::{Brand, Generator};

on_each_server!(
    a_copy_is_a_message_of_its_own_and_no_foreign_mail,
    a_copy_whose_answer_was_lost_is_found_and_not_made_again,
);

async fn folder(follower: &Follower, path: &str) -> String {
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    let found = folders.into_iter().find(|folder| folder.path == path);
    found.expect("the folder").id
}

/// The events that tell of copies: the new message, what it is a copy of, and where the event says it comes from.
async fn copies(follower: &Follower) -> Vec<(String, String, String)> {
    let events = follower.events().await;
    let told = events.iter().filter(|e| e.data["copy_of"].is_string());
    told.map(|e| {
        assert_eq!(e.data["by"], "api");
        let text = |key: &str| e.data[key].as_str().expect("an id").to_owned();
        (
            text("message_id"),
            text("copy_of"),
            e.origin.as_str().to_owned(),
        )
    })
    .collect()
}

async fn a_copy_is_a_message_of_its_own_and_no_foreign_mail(server: Brand) {
    let user = server.user("copyown");
    user.seed("INBOX", Generator::new(71).take(3));
    user.seed("Archive", Generator::new(72).take(1));
    let archive_path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let store = follower.store.clone();
    let archive = folder(&follower, &archive_path).await;
    follower.stop().await;
    let message = message_at(&follower, 2).await;
    let owed = crate::follower::copy_to(&store, &message, &archive).await;
    let again = crate::follower::copy_to(&store, &message, &archive).await;
    assert_eq!(
        owed.expect("owed"),
        again.expect("asked for twice, owed once")
    );
    follower.go();
    paid(&follower, &message).await;
    let told = follower
        .event("message.received", |e| {
            e.data["copy_of"] == message.as_str()
        })
        .await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    assert_eq!(there[&archive_path].len(), 2);
    assert_eq!(there["INBOX"].len(), 3);
    let told_of = copies(&follower).await;
    let copy = told.data["message_id"].as_str().expect("an id").to_owned();
    assert_eq!(
        told_of,
        [(copy.clone(), message.clone(), "catch_up".to_owned())]
    );
    assert_ne!(copy, message);
    assert_eq!(follower.count("message.moved").await, 0);
    // Each has a fate of its own.
    store::owed::trash(&store, &message, true)
        .await
        .expect("owed");
    paid(&follower, &message).await;
    follower.in_step().await;
    let left = store::messages::get(&store, &copy).await.expect("the copy");
    assert_eq!(left.folders[0].folder_id, archive);
    follower.stop().await;
}

/// The one change that is owed was asked of the server, where the folder had one message, and its answer did not come: the first
/// look at the folder comes before the next try.
pub async fn answer_was_lost(follower: &Follower, folder: &str) {
    let folder = folder.to_owned();
    let noted = follower.store.db.write(move |tx| {
        let sql = "SELECT uid_validity FROM folders WHERE id = $1";
        let row = tx.row(sql, &[(&folder).into()])?.expect("the folder");
        let validity: i64 = row.get(0)?;
        let note = format!("{{\"uid_validity\":{validity},\"uid_next\":2}}");
        tx.exec("UPDATE owed SET copy_from = $1", &[note.into()])
    });
    assert_eq!(noted.await.expect("noted"), 1);
}

/// The copy was made, and the connection ended before its answer came.
async fn a_copy_whose_answer_was_lost_is_found_and_not_made_again(server: Brand) {
    let user = server.user("copylost");
    user.seed("INBOX", Generator::new(73).take(2));
    user.seed("Archive", Generator::new(74).take(1));
    let archive_path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let message = message_at(&follower, 1).await;
    let archive = folder(&follower, &archive_path).await;
    crate::follower::copy_to(&follower.store, &message, &archive)
        .await
        .expect("owed");
    answer_was_lost(&follower, &archive).await;
    user.seed("Archive", Generator::new(73).take(1));
    follower.go();
    paid(&follower, &message).await;
    follower.in_step().await;
    let there = follower.servers_view().await;
    assert_eq!(there[&archive_path].len(), 2, "one copy");
    follower
        .event("message.received", |e| {
            e.data["copy_of"] == message.as_str()
        })
        .await;
    assert_eq!(copies(&follower).await.len(), 1);
    follower.stop().await;
}

/// The synchronisation sees the copy before the change is tried again: it is known for what it is all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_seen_before_it_is_confirmed_is_no_foreign_mail() {
    let user = testkit::user("copyseen");
    user.seed("INBOX", Generator::new(75).take(2));
    user.seed("Archive", Generator::new(76).take(1));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    follower.stop().await;
    let message = message_at(&follower, 1).await;
    let archive = folder(&follower, "Archive").await;
    crate::follower::copy_to(&follower.store, &message, &archive)
        .await
        .expect("owed");
    let soon = follower.store.now().plus_millis(3_000);
    let noted = follower.store.db.write(move |tx| {
        let sql = "SELECT uid_validity FROM folders WHERE id = $1";
        let row = tx.row(sql, &[(&archive).into()])?.expect("the folder");
        let validity: i64 = row.get(0)?;
        let note = format!("{{\"uid_validity\":{validity},\"uid_next\":2}}");
        let sql = "UPDATE owed SET copy_from = $1, next_attempt_at = $2";
        tx.exec(sql, &[note.into(), soon.into()])
    });
    assert_eq!(noted.await.expect("noted"), 1);
    let client = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&client);
        probe.select("INBOX");
        probe.copy_to("1", "Archive");
    })
    .await
    .expect("the copy of our first try");
    follower.go();
    follower
        .event("message.received", |e| {
            e.data["copy_of"] == message.as_str()
        })
        .await;
    paid(&follower, &message).await;
    follower.in_step().await;
    assert_eq!(follower.servers_view().await["Archive"].len(), 2);
    assert_eq!(copies(&follower).await.len(), 1);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_a_copy_is_asked_again_and_the_reason_is_kept() {
    let refused = "[OVERQUOTA] no room";
    let script = ImapScript::new()
        .folder("Archive")
        .fault(ImapFault::Refuse("UID COPY", refused.to_owned()));
    let (_sim, mut follower, message) = crate::owed::simulated(script).await;
    let archive = folder(&follower, "Archive").await;
    let owed = crate::follower::copy_to(&follower.store, &message, &archive).await;
    let owed = owed.expect("owed");
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let entry = loop {
        let entry = store::owed::get(&follower.store, &follower.mailbox.id, &owed).await;
        let entry = entry.expect("still owed");
        if entry.attempts > 0 {
            break entry;
        }
        assert!(tokio::time::Instant::now() < end, "{entry:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(entry.problem_id.as_deref(), Some("quota_exceeded"));
    follower.stop().await;
}
