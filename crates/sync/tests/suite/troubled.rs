//! Servers in trouble: what cannot be opened, listed or fetched for a while is waited for, and nobody takes it for the end.

use crate::follower::{Choice, Follower, until};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::event::Origin;
use model::mailbox::{ConnectionState, CoverageState, Security};
use model::server_profile::ProfileLimits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::{Generator, ImapProbe, Proxy, deliver, servers, user};
use tokio::time::sleep;

fn mail(n: usize) -> Vec<u8> {
    format!("From: a@b.test\r\nSubject: {n}\r\nMessage-ID: <t{n}@b.test>\r\n\r\nmessage {n}\r\n")
        .into_bytes()
}

async fn follow(sim: &ImapSim) -> Follower {
    let choice = Choice {
        tested: true,
        ..Choice::default()
    };
    Follower::simulated(sim, choice).await
}

/// Whether a folder is left alone because it cannot be opened.
async fn is_unreadable(follower: &Follower, path: &str) -> bool {
    let all = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let mut all = all.expect("folders").into_iter();
    let found = all.find(|folder| folder.path == path);
    found.is_some_and(|folder| folder.problem_id.as_deref() == Some("folder_unreadable"))
}

/// Messages stored, by folder.
async fn stored(follower: &Follower) -> BTreeMap<String, usize> {
    let view = follower.view().await;
    view.into_iter()
        .map(|(path, of)| (path, of.len()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_opened_is_named_and_the_others_stay_live() {
    let script = (0..3).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(n)).mail("Locked", &mail(10 + n))
    });
    let refused = ImapFault::Closed("Locked", "[NOPERM] not for you".to_owned());
    let sim = ImapSim::start(script.fault(refused));
    let mut follower = follow(&sim).await;
    let folder = async |follower: &Follower| {
        let all = store::folders::list(&follower.store, &follower.mailbox.id).await;
        let mut all = all.expect("folders").into_iter();
        all.find(|folder| folder.path == "Locked")
    };
    until("the folder is named", async || {
        folder(&follower).await.is_some_and(|folder| {
            folder.problem_id.as_deref() == Some("folder_unreadable")
                && folder.tried_again_at.is_some()
        })
    })
    .await;
    sim.deliver("INBOX", &mail(5));
    follower.event("message.received", |_| true).await;
    // It is tried again after a pause, and not with every round.
    let tries = || {
        sim.log()
            .iter()
            .filter(|line| line.contains("EXAMINE") && line.contains("Locked"))
            .count()
    };
    let before = tries();
    sleep(Duration::from_secs(3)).await;
    assert!(tries() <= before + 2, "{} tries", tries() - before);
    sim.set_faults(&[]);
    until("all is stored", async || {
        stored(&follower).await.get("Locked") == Some(&3)
            && follower.now().await.coverage.state == CoverageState::Complete
    })
    .await;
    // The round that follows takes it off.
    until("nothing is wrong with it", async || {
        folder(&follower)
            .await
            .is_some_and(|folder| folder.problem_id.is_none())
    })
    .await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_moved_where_nobody_can_look_for_a_moment_keeps_its_id() {
    let script = ImapScript::new()
        .mail("INBOX", &mail(1))
        .mail("INBOX", &mail(2))
        .mail("Target", &mail(3));
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    until("all is stored", async || {
        stored(&follower).await.values().sum::<usize>() == 3
    })
    .await;
    sim.set_faults(&[ImapFault::Closed("Target", "[INUSE] later".to_owned())]);
    sim.deliver("Target", &mail(2));
    sim.remove("INBOX", 2);
    until("it has left", async || {
        stored(&follower).await.get("INBOX") == Some(&1)
    })
    .await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(follower.count("message.removed").await, 0);
    sim.set_faults(&[]);
    follower.event("message.moved", |_| true).await;
    assert_eq!(follower.count("message.removed").await, 0);
    // Those of the beginning, and no more.
    assert_eq!(follower.count("message.received").await, 3);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_folders_removes_nothing() {
    let script = (0..4).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(n)).mail("Work", &mail(10 + n))
    });
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    until("all is stored", async || {
        stored(&follower).await.values().sum::<usize>() == 8
    })
    .await;
    let ids = async |follower: &Follower| {
        let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
        known
            .expect("folders")
            .into_iter()
            .map(|folder| folder.id)
            .collect::<Vec<_>>()
    };
    let before = ids(&follower).await;
    let lists = || {
        sim.log()
            .iter()
            .filter(|line| line.contains("LIST"))
            .count()
    };
    let listed = lists();
    sim.set_faults(&[ImapFault::NoFolders]);
    until("it was listed again", async || lists() > listed + 3).await;
    assert_eq!(stored(&follower).await.values().sum::<usize>(), 8);
    sim.set_faults(&[]);
    sim.deliver("Work", &mail(20));
    follower.event("message.received", |_| true).await;
    assert_eq!(ids(&follower).await, before);
    for kind in ["folder.removed", "message.removed"] {
        assert_eq!(follower.count(kind).await, 0, "{kind}");
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_every_message_for_a_while_fills_no_ledger() {
    let script = (0..300).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(n))
    });
    let refused = ImapFault::Refuse("UID FETCH", "[UNAVAILABLE] the store is away".to_owned());
    let sim = ImapSim::start(script.fault(refused));
    let mut follower = follow(&sim).await;
    until("it came back twice", async || sim.connections() > 2).await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    sim.set_faults(&[]);
    until("all is stored", async || {
        stored(&follower).await.get("INBOX") == Some(&300)
            && follower.now().await.coverage.state == CoverageState::Complete
    })
    .await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_into_a_folder_made_meanwhile_is_news() {
    let user = user("news in a new folder");
    deliver(&user, &mail(1));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    let client = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&client);
        probe.create("Filtered");
        probe.append("Filtered", "", "01-Feb-2020 10:00:00 +0000", &mail(2));
        probe.append("Filtered", "", "", &mail(3));
    })
    .await
    .expect("the second client");
    follower.in_step().await;
    let mut origins = Vec::new();
    for event in follower.events().await {
        if event.kind == "message.received" || event.kind == "message.stored" {
            origins.push(event.origin);
        }
    }
    assert_eq!(
        origins
            .iter()
            .filter(|origin| **origin == Origin::Live)
            .count(),
        1,
        "{origins:?}"
    );
    follower.stop().await;
}

/// Many flags at once, told in parts: whatever the server can.
#[tokio::test(flavor = "multi_thread")]
async fn flags_of_more_messages_than_are_held_at_once_arrive_all_the_same() {
    for hidden in ["", "QRESYNC", "CONDSTORE"] {
        let proxy = Proxy::rewriting(servers().imap_port, move |line| {
            let hides = !hidden.is_empty() && line.contains("CAPABILITY");
            hides.then(|| {
                let line = line.replace(" QRESYNC", "");
                match hidden {
                    "CONDSTORE" => line.replace(" CONDSTORE", ""),
                    _ => line,
                }
            })
        });
        let user = user(&format!("many flags {hidden}"));
        user.seed("INBOX", Generator::new(130).take(130));
        let choice = Choice {
            port: proxy.port(),
            security: Security::None,
            flags_at_once: Some(40),
            ..Choice::default()
        };
        let mut follower = Follower::start(&user, choice).await;
        follower.in_step().await;
        follower.stop().await;
        let client = user.clone();
        tokio::task::spawn_blocking(move || {
            let mut probe = ImapProbe::login(&client);
            probe.select("INBOX");
            probe.store("1:*", "+FLAGS", "\\Seen $Many");
            probe.remove("20:29");
        })
        .await
        .expect("the second client");
        follower.go();
        follower.in_step().await;
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_flags_that_are_refused_for_a_while_are_asked_for_again() {
    let refused = Arc::new(AtomicU64::new(0));
    let in_trouble = Arc::new(AtomicBool::new(false));
    let (count, trouble) = (refused.clone(), in_trouble.clone());
    // What is told while the folder is being opened comes through.
    let is_open = AtomicBool::new(false);
    let proxy = Proxy::rewriting(servers().imap_port, move |line| {
        if line.starts_with("* FLAGS (") {
            is_open.store(false, Ordering::Relaxed);
        } else if line.contains(" OK [READ-ONLY]") {
            is_open.store(true, Ordering::Relaxed);
        }
        let is_flags = line.starts_with("* ") && line.contains(" FETCH (UID ");
        let is_end = line.contains(" OK Fetch completed");
        let refuses = trouble.load(Ordering::Relaxed) && is_open.load(Ordering::Relaxed);
        if !refuses || !(is_flags || is_end) {
            return None;
        }
        if is_flags {
            return Some(String::new());
        }
        count.fetch_add(1, Ordering::Relaxed);
        let (tag, _) = line.split_once(' ')?;
        Some(format!("{tag} NO [SERVERBUG] not now\r\n"))
    });
    let user = user("refused flags");
    user.seed("INBOX", Generator::new(132).take(130));
    let choice = Choice {
        port: proxy.port(),
        security: Security::None,
        flags_at_once: Some(40),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    follower.stop().await;
    let client = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&client);
        probe.select("INBOX");
        probe.store("1:*", "+FLAGS", "\\Seen $Many");
    })
    .await
    .expect("the second client");
    in_trouble.store(true, Ordering::Relaxed);
    follower.go();
    until("all parts were refused", async || {
        refused.load(Ordering::Relaxed) >= 4
    })
    .await;
    in_trouble.store(false, Ordering::Relaxed);
    follower.in_step().await;
    assert_eq!(follower.count("message.changed").await, 130);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_we_were_away_into_a_folder_that_opens_late_is_caught_up_with() {
    let script = (0..3).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(n)).mail("Locked", &mail(10 + n))
    });
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    let in_locked = async |follower: &Follower| stored(follower).await.get("Locked").copied();
    follower.event("mailbox.backfill_completed", |_| true).await;
    follower.stop().await;
    for n in 20..22 {
        sim.deliver("Locked", &mail(n));
    }
    sim.set_faults(&[ImapFault::Closed("Locked", "[INUSE] later".to_owned())]);
    follower.go();
    until("it is left alone", async || {
        is_unreadable(&follower, "Locked").await
    })
    .await;
    sim.deliver("INBOX", &mail(30));
    follower
        .event("message.received", |e| e.origin == Origin::Live)
        .await;
    sim.set_faults(&[]);
    until("it is open", async || in_locked(&follower).await == Some(5)).await;
    let gap = follower.event("mailbox.gap_filled", |_| true).await;
    assert_eq!(gap.data["messages"], 2);
    sim.deliver("Locked", &mail(31));
    until("it is there", async || {
        in_locked(&follower).await == Some(6)
    })
    .await;
    let told = follower.events().await;
    let told = told.iter().filter(|e| e.kind == "message.received");
    let origins: Vec<Origin> = told.skip(6).map(|event| event.origin).collect();
    let expected = [Origin::Live, Origin::CatchUp, Origin::CatchUp, Origin::Live];
    assert_eq!(origins, expected);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_a_folder_was_left_alone_is_caught_up_with_on_the_same_connection_too() {
    let script = ImapScript::new()
        .mail("INBOX", &mail(1))
        .mail("Locked", &mail(2));
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    sim.deliver("Locked", &mail(3));
    let live = follower
        .event("message.received", |e| e.data["subject"] == "3")
        .await;
    assert_eq!(live.origin, Origin::Live);
    let connections = sim.connections();
    sim.set_faults(&[ImapFault::Closed("Locked", "[INUSE] later".to_owned())]);
    sim.deliver("Locked", &mail(4));
    until("it is left alone", async || {
        is_unreadable(&follower, "Locked").await
    })
    .await;
    sim.set_faults(&[]);
    let late = follower
        .event("message.received", |e| e.data["subject"] == "4")
        .await;
    assert_eq!(late.origin, Origin::CatchUp);
    let gap = follower.event("mailbox.gap_filled", |_| true).await;
    assert_eq!(gap.data["messages"], 1);
    sim.deliver("Locked", &mail(5));
    let live = follower
        .event("message.received", |e| e.data["subject"] == "5")
        .await;
    assert_eq!(live.origin, Origin::Live);
    assert_eq!(sim.connections(), connections);
    follower.stop().await;
}

/// More copies than are settled at a time.
#[tokio::test(flavor = "multi_thread")]
async fn copies_whose_folder_cannot_be_opened_again_in_the_middle_are_no_past() {
    let script = (0..1_600).fold(ImapScript::new().folder("Copies"), |script, n| {
        script.mail("INBOX", &mail(n))
    });
    let sim = ImapSim::start(script.mail("Copies", &mail(1000)));
    let mut follower = follow(&sim).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    follower.stop().await;
    for n in 0..1_600 {
        sim.deliver("Copies", &mail(n));
    }
    let closed = ImapFault::ClosedAfterBodies("Copies", "[INUSE] later".to_owned());
    sim.set_faults(&[closed]);
    follower.go();
    until("it is left alone", async || {
        is_unreadable(&follower, "Copies").await
    })
    .await;
    sim.set_faults(&[]);
    until("all is stored", async || {
        stored(&follower).await.get("Copies") == Some(&1_601)
    })
    .await;
    let told = follower.events().await;
    let told = told.iter().filter(|e| e.kind == "message.received");
    let past = told.clone().filter(|e| e.origin == Origin::Backfill);
    assert_eq!((told.count(), past.count()), (3_201, 1_601));
    follower.stop().await;
}

/// A folder that was renumbered, and then unreadable for a moment, and whose past waits for the provider's limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_opens_again_before_it_is_filled_is_not_asked_for_without_a_pause() {
    let script = (0..60).fold(ImapScript::new(), |script, n| script.mail("Late", &mail(n)));
    let sim = ImapSim::start(script.mail("INBOX", &mail(100)));
    let limits = ProfileLimits {
        messages_per_day: Some(30),
        ..ProfileLimits::default()
    };
    let choice = Choice {
        tested: true,
        limits: Some(limits),
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    until("the past waits", async || {
        follower.now().await.coverage.waits_until.is_some()
    })
    .await;
    follower.stop().await;
    let sql = "UPDATE folders SET resets = 1, parked_until = 1, problem_id = 'folder_unreadable' WHERE path = 'Late'";
    let write = move |tx: &mut store::Tx<'_>| tx.exec(sql, &[]);
    follower.store.db.write(write).await.expect("written");
    let before = sim.log().len();
    follower.go();
    sleep(Duration::from_secs(4)).await;
    let asked = sim.log().len() - before;
    assert!(asked < 100, "{asked} commands");
    assert!(!is_unreadable(&follower, "Late").await);
    follower.stop().await;
}

/// Without LIST-STATUS, where each folder is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn many_folders_are_counted_in_one_round_trip_and_a_server_that_wants_quiet_there_is_left_alone()
 {
    let script = (0..6).fold(ImapScript::new(), |script, n| {
        script
            .mail("INBOX", &mail(n))
            .mail(&format!("Box {n}"), &mail(10 + n))
    });
    let sim = ImapSim::start(script.fault(ImapFault::StatusTogether(7)));
    let mut follower = follow(&sim).await;
    until("all is stored", async || {
        stored(&follower).await.values().sum::<usize>() == 12
    })
    .await;
    let throttled = "Request is throttled. Suggested Backoff Time: 300000 milliseconds";
    sim.set_faults(&[ImapFault::Refuse("STATUS", throttled.to_owned())]);
    until("it is left alone", async || {
        follower.now().await.connection.state == ConnectionState::Limited
    })
    .await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_quiet_where_it_is_asked_for_flags_is_left_alone() {
    let script = (0..3).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &mail(n))
    });
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    until("all is stored", async || {
        stored(&follower).await.get("INBOX") == Some(&3)
    })
    .await;
    let throttled = "Request is throttled. Suggested Backoff Time: 300000 milliseconds";
    sim.set_faults(&[ImapFault::ThrottleText(throttled.to_owned())]);
    until("it is left alone", async || {
        follower.now().await.connection.state == ConnectionState::Limited
    })
    .await;
    follower.stop().await;
}

/// Dovecot 2.3 tells HIGHESTMODSEQ in the answer to LIST from a cache that is not brought up to date when flags change.
#[tokio::test(flavor = "multi_thread")]
async fn flags_that_the_list_keeps_to_itself_are_found() {
    let frozen = Arc::new(AtomicU64::new(0));
    let told = frozen.clone();
    let proxy = Proxy::rewriting(servers().imap_port, move |line| {
        let of_the_list = line.contains("Work") && line.contains("MESSAGES");
        let (head, _) = line.split_once("HIGHESTMODSEQ ").filter(|_| of_the_list)?;
        let value = told.load(Ordering::Relaxed);
        (value > 0).then(|| format!("{head}HIGHESTMODSEQ {value})\r\n"))
    });
    let user = user("flags kept by the list");
    user.seed("Work", Generator::new(131).take(5));
    let choice = Choice {
        port: proxy.port(),
        security: Security::None,
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    let freeze = async |follower: &Follower| {
        let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
        let mut known = known.expect("folders").into_iter();
        let work = known.find(|folder| folder.path == "Work");
        let at = work.and_then(|folder| folder.mod_seq).expect("a MODSEQ");
        frozen.store(at as u64, Ordering::Relaxed);
    };
    let flag = async |flags: &'static str| {
        let client = user.clone();
        tokio::task::spawn_blocking(move || {
            let mut probe = ImapProbe::login(&client);
            probe.select("Work");
            probe.store("2:4", "+FLAGS", flags);
        })
        .await
        .expect("the second client");
    };
    // While nobody was connected.
    follower.stop().await;
    freeze(&follower).await;
    flag("\\Flagged").await;
    follower.go();
    follower.in_step().await;
    // And while we are: the server tells by itself that the folder changed.
    freeze(&follower).await;
    flag("\\Answered").await;
    follower.in_step().await;
    follower.stop().await;
}
