//! How far we have come: 9 to 13.

use super::{act, dovecot_saying, follow, through, with_number};
use crate::follower::{Choice, Follower, until};
use model::event::Origin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::folders;
use testkit::{Fault, Generator, Proxy, deliver, servers, user};

#[tokio::test(flavor = "multi_thread")]
async fn i09_the_cursor_only_moves_over_stored_ground() {
    let user = user("i09");
    user.seed("INBOX", Generator::new(109).take(300));
    let proxy = Proxy::start(servers().imap_port);
    proxy.set(Fault::CutAfter(20_000));
    let mut follower = follow(&user, &proxy).await;
    for round in 1..=6_u64 {
        let before = proxy.connections();
        proxy.set(Fault::CutAfter(40_000 * round * round));
        tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while proxy.connections() < before + 1 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("another connection");
        tokio::time::sleep(std::time::Duration::from_millis(100 * round)).await;
        follower.crash().await;
        let there = follower.servers_view().await;
        let known = folders::known(&follower.store, &follower.mailbox.id).await;
        for folder in known.expect("the folders") {
            let (Some(validity), Some(low)) = (folder.uid_validity, folder.low_uid) else {
                continue;
            };
            let stored = folders::stored_uids(&follower.store, &folder.id, validity).await;
            let stored = stored.expect("the UIDs");
            let Some(there) = there.get(&folder.path) else {
                continue;
            };
            for uid in there.keys().map(|uid| i64::from(*uid)) {
                let covered = (low..folder.high_uid).contains(&uid);
                assert!(
                    !covered || stored.contains(&uid),
                    "round {round}: UID {uid} lies within {low}..{} and is not stored",
                    folder.high_uid
                );
            }
        }
        follower.go();
    }
    proxy.set(Fault::None);
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, 300);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_uidnext_is_a_hint_that_may_be_missing_or_frozen() {
    // 0: not said at all.
    for frozen in [0, 5] {
        let user = user(&format!("i10 {frozen}"));
        user.seed("INBOX", Generator::new(110).take(8));
        let proxy = dovecot_saying(move |line| match frozen {
            0 if line.starts_with("* OK [UIDNEXT ") => Some(String::new()),
            0 => {
                let next = with_number(line, "UIDNEXT ", |_| 0)?;
                Some(next.replace("UIDNEXT 0 ", "").replace(" UIDNEXT 0", ""))
            }
            number => with_number(line, "UIDNEXT ", |_| number),
        });
        let mut follower = follow(&user, &proxy).await;
        follower.in_step().await;
        act(&user, |user, _| {
            deliver(user, b"Subject: behind the hint\r\n\r\nx\r\n")
        })
        .await;
        follower
            .event("message.received", |e| {
                e.data["subject"] == "behind the hint"
            })
            .await;
        follower.in_step().await;
        assert_eq!(follower.count("message.received").await, 9);
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_group_of_equal_modseqs_is_never_cut() {
    let user = user("i11");
    user.seed("INBOX", Generator::new(111).take(400));
    let proxy = Proxy::start(servers().imap_port);
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    follower.stop().await;
    // One STORE is one MODSEQ for all of them.
    act(&user, |_, probe| {
        probe.select("INBOX");
        probe.store("1:400", "+FLAGS", "$Group");
    })
    .await;
    for cut in [1_000, 4_000, 9_000, 16_000, 24_000] {
        proxy.set(Fault::CutAfter(cut));
        follower.go();
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        follower.crash().await;
    }
    proxy.set(Fault::None);
    follower.go();
    follower.in_step().await;
    assert_eq!(follower.count("message.changed").await, 400);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_modseq_that_goes_back_is_gone_or_jumps_is_no_ground_to_stand_on() {
    const TRUE: u64 = 0;
    const BACK: u64 = 1;
    const GONE: u64 = 2;
    const JUMP: u64 = 3;
    let mood = Arc::new(AtomicU64::new(TRUE));
    let servers_mood = Arc::clone(&mood);
    let proxy = dovecot_saying(move |line| {
        let word = "HIGHESTMODSEQ ";
        match servers_mood.load(Ordering::SeqCst) {
            BACK => with_number(line, word, |_| 1),
            JUMP => with_number(line, word, |number| number + (1 << 40)),
            GONE if line.starts_with("* OK [HIGHESTMODSEQ") => {
                Some("* OK [NOMODSEQ] No numbers today\r\n".to_owned())
            }
            GONE => with_number(line, word, |_| 0),
            _ => None,
        }
    });
    let user = user("i12");
    user.seed("INBOX", Generator::new(112).take(60));
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    let moods = [BACK, TRUE, GONE, TRUE, JUMP, TRUE, BACK];
    for (n, next) in moods.into_iter().enumerate() {
        follower.stop().await;
        mood.store(next, Ordering::SeqCst);
        let (changed, gone) = (n * 2 + 1, n + 40);
        act(&user, move |_, probe| {
            probe.select("INBOX");
            probe.store(&changed.to_string(), "+FLAGS", "$Seen12");
            probe.remove(&gone.to_string());
        })
        .await;
        follower.go();
        follower.in_step().await;
    }
    assert_eq!(follower.count("message.received").await, 60);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_flags_refused_while_the_modseq_is_lower_are_asked_for_when_it_has_passed_ours_again() {
    const HIGHER: u64 = 1 << 40;
    // Lower for a while, and a folder that is open tells no flags meanwhile.
    let in_trouble = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicU64::new(0));
    let (trouble, count) = (in_trouble.clone(), refused.clone());
    let is_open = AtomicBool::new(false);
    let proxy = dovecot_saying(move |line| {
        if line.starts_with("* FLAGS (") {
            is_open.store(false, Ordering::SeqCst);
        } else if line.contains(" OK [READ-ONLY]") {
            is_open.store(true, Ordering::SeqCst);
        }
        if !trouble.load(Ordering::SeqCst) {
            return with_number(line, "HIGHESTMODSEQ ", |number| number + HIGHER);
        }
        if !is_open.load(Ordering::SeqCst) {
            return None;
        }
        if line.starts_with("* ") && line.contains(" FETCH (UID ") {
            return Some(String::new());
        }
        let (tag, _) = line.split_once(" OK Fetch completed")?;
        count.fetch_add(1, Ordering::SeqCst);
        Some(format!("{tag} NO [SERVERBUG] not now\r\n"))
    });
    let user = user("i12 refused");
    user.seed("INBOX", Generator::new(212).take(130));
    let choice = Choice {
        flags_at_once: Some(40),
        ..through(&proxy)
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    follower.stop().await;
    act(&user, |_, probe| {
        probe.select("INBOX");
        probe.store("1:*", "+FLAGS", "\\Seen $Many");
    })
    .await;
    in_trouble.store(true, Ordering::SeqCst);
    follower.go();
    until("all parts were refused", async || {
        refused.load(Ordering::SeqCst) >= 4
    })
    .await;
    follower.stop().await;
    in_trouble.store(false, Ordering::SeqCst);
    follower.go();
    follower.in_step().await;
    assert_eq!(follower.count("message.changed").await, 130);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_what_qresync_leaves_out_or_garbles_is_found_by_counting() {
    // What becomes of the line that tells what vanished.
    for (name, told) in [
        ("dropped", ""),
        ("garbled", "* VANISHED (EARLIER) x:y\r\n"),
        ("cut short", "* VANISHED (EARLIER) 7\r\n"),
        ("never there", "* VANISHED (EARLIER) 900:905\r\n"),
        ("others", "* VANISHED (EARLIER) 11:13\r\n"),
    ] {
        let lies = Arc::new(AtomicU64::new(0));
        let told_lies = Arc::clone(&lies);
        let proxy = dovecot_saying(move |line| {
            line.starts_with("* VANISHED (EARLIER)").then(|| {
                told_lies.fetch_add(1, Ordering::SeqCst);
                told.to_owned()
            })
        });
        let user = user(&format!("i13 {name}"));
        user.seed("INBOX", Generator::new(113).take(20));
        let mut follower = follow(&user, &proxy).await;
        follower.in_step().await;
        follower.stop().await;
        act(&user, |_, probe| {
            probe.select("INBOX");
            probe.remove("7:9");
        })
        .await;
        follower.go();
        follower.in_step().await;
        assert!(lies.load(Ordering::SeqCst) > 0, "{name}: nothing was said");
        assert_eq!(follower.count("message.received").await, 20, "{name}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i09_copies_that_are_settled_later_are_no_hole_behind_the_cursor() {
    let user = user("i09 copies");
    user.seed("INBOX", Generator::new(209).mean_size(600).take(700));
    let proxy = Proxy::start(servers().imap_port);
    let mut follower = follow(&user, &proxy).await;
    act(&user, |_, probe| probe.create_again("Copies")).await;
    follower.in_step().await;
    // More of them than may wait to be settled at a time.
    act(&user, |_, probe| {
        probe.select("INBOX");
        probe.copy_to("1:700", "Copies");
    })
    .await;
    follower.in_step().await;
    let told = follower.events().await;
    let told = told.iter().filter(|e| e.kind == "message.received");
    let past = told.clone().filter(|e| e.origin == Origin::Backfill);
    // What came to the second folder is new there; the past is what was there in the beginning.
    assert_eq!((told.count(), past.count()), (1_400, 700));
    follower.stop().await;
}
