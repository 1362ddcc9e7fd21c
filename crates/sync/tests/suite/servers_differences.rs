//! Where real servers differ, and what comes out all the same.

use crate::follower::{Choice, Follower, until};
use model::folder::Role;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{Brand, Deed, Generator, ImapProbe, MindingProxy, deliver};

on_each_server!(
    i17_messages_removed_while_they_are_copied_leave_no_trace,
    i24_reading_marks_nothing_as_read,
    folders_that_nobody_opened_before_keep_their_identity,
    folders_that_nobody_opened_before_keep_it_where_nothing_may_be_changed,
    i08_folder_names_survive_the_way_there_and_back,
    special_folders_are_known_by_attribute_or_name,
    a_folder_that_was_deleted_and_made_again_is_another_one,
    a_folder_renamed_while_it_is_open_loses_nothing,
    a_folder_renamed_while_its_messages_are_asked_for_blames_none_of_them,
);

/// Dovecot sends no body for a message that another session removed, Cyrus still has it, and Courier invents one from
/// its System Administrator.
async fn i17_messages_removed_while_they_are_copied_leave_no_trace(server: Brand) {
    let user = server.user("storm");
    user.seed("INBOX", Generator::new(51).take(450));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    let storm = user.clone();
    let storm = tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&storm);
        probe.select("INBOX");
        // The newest are copied first: those that are removed are still to come, or on their way.
        for first in (1..=351).step_by(50) {
            probe.remove(&format!("{first}:{}", first + 40));
        }
    });
    storm.await.expect("the second client");
    follower.in_step().await;
    let left: usize = follower.view().await.values().map(|c| c.len()).sum();
    assert_eq!(left, 450 - 8 * 41);
    // What vanished is told at the end of its round.
    crate::pop3::until("told", || async {
        let received = follower.count("message.received").await;
        received - follower.count("message.removed").await == left
    })
    .await;
    let events = follower.events().await;
    let received = events.iter().filter(|e| e.kind == "message.received");
    let invented = received.filter(|e| e.data["subject"] == "message unavailable");
    assert_eq!(invented.count(), 0);
    follower.stop().await;
}

/// Flags, `\Seen` above all, are after a copy what they were before it.
async fn i24_reading_marks_nothing_as_read(server: Brand) {
    let user = server.user("unread");
    user.seed("INBOX", Generator::new(52).take(20));
    deliver(&user, b"Subject: unread\r\n\r\nx\r\n");
    let flags = |view: testkit::Oracle| -> Vec<_> {
        let inbox = view["INBOX"].values();
        let mut flags: Vec<BTreeSet<String>> = inbox.map(|(flags, _)| flags.clone()).collect();
        flags.sort();
        flags
    };
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    let unread = |e: &model::event::Event| e.data["subject"] == "unread";
    follower.event("message.received", unread).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let there = flags(follower.servers_view().await);
    let seeded = Generator::new(52).take(20);
    let mut wanted: Vec<_> = seeded
        .map(|mail| mail.flags.iter().map(|f| (*f).to_owned()).collect())
        .collect();
    wanted.push(BTreeSet::new());
    wanted.sort();
    assert_eq!(there, wanted);
    follower.stop().await;
}

/// Courier writes UIDs down only for who opens a folder for writing: whoever only reads sees another UIDVALIDITY every
/// second, and one UID for two messages.
async fn folders_that_nobody_opened_before_keep_their_identity(server: Brand) {
    keep_their_identity(server, false).await;
}

async fn folders_that_nobody_opened_before_keep_it_where_nothing_may_be_changed(server: Brand) {
    keep_their_identity(server, true).await;
}

async fn keep_their_identity(server: Brand, read_only: bool) {
    let user = server.user("fresh");
    user.seed("INBOX", Generator::new(53).take(8));
    user.seed("Box", Generator::new(54).take(8));
    let mut follower = Follower::start(
        &user,
        Choice {
            read_only,
            ..Choice::on(server)
        },
    )
    .await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    // Several rounds, in several seconds, without any other client.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(follower.count("folder.reset").await, 0);
    assert_eq!(follower.count("message.received").await, 16);
    if server == Brand::Courier {
        // Sorted by its name it comes before what is there.
        let new = user.maildir().join("new");
        let early = "1400000000.M1.testkit";
        let written = std::fs::write(new.join(early), "Subject: early\n\nx\n");
        written.expect("the Maildir is ours");
        follower
            .event("message.received", |e| e.data["subject"] == "early")
            .await;
    }
    follower.in_step().await;
    follower.stop().await;
}

/// Umlauts, an apostrophe, an ampersand, spaces: as the server lists them, and found again.
async fn i08_folder_names_survive_the_way_there_and_back(server: Brand) {
    let user = server.user("names");
    let mut names = vec!["Entwürfe", "A & B", "Äpfel/日本語", "it's", "100 percent"];
    // Courier refuses what lies beyond the first 65,536 characters.
    if server != Brand::Courier {
        names.push("\u{1F4EC}");
    }
    let mut paths: Vec<String> = names.iter().map(|name| server.path(name)).collect();
    let made = user.clone();
    let to_make = paths.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&made);
        for path in &to_make {
            probe.create(path);
            probe.append(path, "\\Seen", "", b"Subject: named\r\n\r\nx\r\n");
        }
    })
    .await
    .expect("the second client");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let mut ours: Vec<String> = follower.view().await.into_keys().collect();
    paths.sort();
    ours.sort();
    assert_eq!(ours, paths);
    follower.stop().await;
}

/// Dovecot marks them, Cyrus marks them in lower case, Courier not at all.
async fn special_folders_are_known_by_attribute_or_name(server: Brand) {
    let user = server.user("roles");
    let roles = [
        ("Drafts", Role::Drafts),
        ("Sent", Role::Sent),
        ("Junk", Role::Junk),
        ("Trash", Role::Trash),
        ("Archive", Role::Archive),
    ];
    for (folder, _) in roles {
        user.seed(folder, []);
    }
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.event("mailbox.live", |_| true).await;
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    for (folder, role) in roles {
        let path = server.path(folder);
        let known = folders.iter().find(|f| f.path == path);
        assert_eq!(known.expect("the folder").role, Some(role), "{path}");
    }
    follower.stop().await;
}

/// Same name, same number of messages, perhaps the same UIDs: nothing of the old one is taken for the new one's.
async fn a_folder_that_was_deleted_and_made_again_is_another_one(server: Brand) {
    let user = server.user("again");
    user.seed("Box", Generator::new(55).take(5));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let (path, other) = (server.path("Box"), user.clone());
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&other);
        probe.delete(&path);
        probe.create(&path);
        for mail in Generator::new(56).take(5) {
            probe.append(&path, "", "", &mail.raw);
        }
    })
    .await
    .expect("the second client");
    follower.go();
    follower.in_step().await;
    let gone = || async { follower.count("message.removed").await };
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while gone().await < 5 && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        (follower.count("message.received").await, gone().await),
        (10, 5)
    );
    follower.stop().await;
}

/// Cyrus tells whoever has the folder open that all its messages are gone.
async fn a_folder_renamed_while_it_is_open_loses_nothing(server: Brand) {
    let user = server.user("open");
    user.seed("Box", Generator::new(57).take(8));
    let (old, new) = (server.path("Box"), server.path("Other"));
    let choice = Choice {
        // Without the INBOX, the first of the others is open while we wait.
        monitored: Some(vec![old.clone(), new.clone()]),
        ..Choice::on(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    // IDLE has begun.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let other = user.clone();
    let (from, to) = (old.clone(), new.clone());
    tokio::task::spawn_blocking(move || ImapProbe::login(&other).rename(&from, &to))
        .await
        .expect("the second client");
    follower
        .event("folder.renamed", |e| e.data["path"] == new)
        .await;
    follower.in_step().await;
    let told = |kind: &'static str| follower.count(kind);
    assert_eq!(told("message.received").await, 8);
    assert_eq!(told("message.removed").await, 0);
    follower.stop().await;
}

/// Numbers that changed meanwhile tell nothing; Cyrus has an id that stays (MAILBOXID).
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_folder_is_known_by_its_lasting_id_also_when_mail_came_meanwhile() {
    let user = Brand::Cyrus.user("lasting id");
    user.seed("Box", Generator::new(58).take(6));
    let mut follower = Follower::start(&user, Choice::on(Brand::Cyrus)).await;
    follower.in_step().await;
    follower.stop().await;
    let other = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&other);
        probe.rename("Box", "Other");
        probe.append("Other", "", "", b"Subject: meanwhile\r\n\r\nx\r\n");
    })
    .await
    .expect("the second client");
    follower.go();
    follower
        .event("folder.renamed", |e| e.data["path"] == "Other")
        .await;
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, 7);
    assert_eq!(follower.count("message.moved").await, 0);
    follower.stop().await;
}

/// Cyrus lists the messages of a folder that was renamed under our hands, and refuses each of them.
async fn a_folder_renamed_while_its_messages_are_asked_for_blames_none_of_them(server: Brand) {
    let user = server.user("renamed-between");
    let (before, after) = (server.path("Before"), server.path("After"));
    user.seed("Before", Generator::new(53).take(3));
    let (renaming, from, to) = (user.clone(), before.clone(), after.clone());
    let (is_open, renamed) = (AtomicBool::new(false), AtomicBool::new(false));
    let mind = move |command: &str| {
        if command.starts_with("EXAMINE") || command.starts_with("SELECT") {
            is_open.store(command.contains(&from), Ordering::Relaxed);
        } else if command.starts_with("UID FETCH")
            && is_open.load(Ordering::Relaxed)
            && !renamed.swap(true, Ordering::Relaxed)
        {
            ImapProbe::login(&renaming).rename(&from, &to);
        }
        Deed::Pass
    };
    let proxy = MindingProxy::start(server.imap_port(), mind, |_| None);
    let choice = Choice {
        port: proxy.port(),
        security: model::mailbox::Security::None,
        ..Choice::on(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    until("its messages have come under its new name", async || {
        follower.view().await.contains_key(&after)
    })
    .await;
    follower.in_step().await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    follower.stop().await;
}
