//! Several connections that fill the past of one mailbox, where the provider is known to allow them: each works in another
//! folder, what is stored is the same, and the ceiling holds.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::server_profile::ProfileLimits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Brand, Generator, ImapProbe};
use tokio::time::Instant;

const FOLDERS: [&str; 5] = ["INBOX", "Archive", "Projects", "Receipts", "Talks"];
const EACH: usize = 30;
/// So many take some seconds.
const MANY: usize = 1_000;

fn letter(folder: &str, n: usize) -> Vec<u8> {
    format!("Message-ID: <{n}@{folder}>\r\nSubject: {folder} {n}\r\n\r\nx\r\n").into_bytes()
}

fn script() -> ImapScript {
    let mut script = ImapScript::new();
    for folder in FOLDERS {
        for n in 0..EACH {
            script = script.mail(folder, &letter(folder, n));
        }
    }
    script
}

fn connections(most: u16) -> Option<ProfileLimits> {
    Some(ProfileLimits {
        max_connections: Some(most),
        ..ProfileLimits::default()
    })
}

/// A mailbox that may have so many connections, on a server that may say nothing for so long.
fn helped(most: u16, silence: Duration) -> Choice {
    Choice {
        limits: connections(most),
        helped_from: Some(1),
        tested: true,
        poll: Duration::from_millis(300),
        patience: Some((silence, Duration::from_millis(100))),
        ..Choice::default()
    }
}

async fn follow(sim: &ImapSim, most: u16) -> Follower {
    Follower::simulated(sim, helped(most, Duration::from_secs(15))).await
}

async fn stored(follower: &Follower) -> BTreeMap<String, usize> {
    let view = follower.view().await;
    view.into_iter()
        .map(|(path, all)| (path, all.len()))
        .collect()
}

async fn until(what: &str, mut fits: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !fits().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the bytes of messages up to this UID were asked for.
fn is_asked_for_bodies(sim: &ImapSim, last: u32) -> bool {
    let asked = format!(":{last} (UID");
    let log = sim.log();
    let mut lines = log.iter();
    lines.any(|line| line.contains(&asked) && line.contains("BODY.PEEK[]"))
}

async fn is_complete(follower: &Follower) -> bool {
    follower.now().await.coverage.state.as_str() == "complete"
}

#[tokio::test(flavor = "multi_thread")]
async fn other_folders_are_filled_while_one_does_not_get_on() {
    // INBOX alone has so many messages: silence in the place of its last one.
    let mut script = script();
    for n in EACH..EACH + 5 {
        script = script.mail("INBOX", &letter("INBOX", n));
    }
    let last = (EACH + 5) as u32;
    let sim = ImapSim::start(script.fault(ImapFault::StallAtUid(last)));
    let mut follower = follow(&sim, 4).await;
    until("the others are filled", async || {
        let stored = stored(&follower).await;
        FOLDERS[1..]
            .iter()
            .all(|folder| stored.get(*folder) == Some(&EACH))
    })
    .await;
    assert_eq!(stored(&follower).await.get("INBOX"), None);
    // One of those allowed is left to others.
    assert!(sim.connections() <= 3, "{}", sim.connections());
    sim.set_faults(&[]);
    until("all is there", async || is_complete(&follower).await).await;
    assert_eq!(stored(&follower).await["INBOX"], EACH + 5);
    until("the helpers have left", async || {
        sim.open_connections() == 1
    })
    .await;
    let all = EACH * FOLDERS.len() + 5;
    assert_eq!(follower.count("message.received").await, all);
    assert_eq!(follower.count("mailbox.backfill_completed").await, 1);
    // New mail comes as ever, also where a helper was.
    let sim_uid = sim.deliver("Talks", &letter("Talks", EACH));
    until("new mail is there", async || {
        stored(&follower).await["Talks"] == sim_uid as usize
    })
    .await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_hangs_holds_nobody_up() {
    // The first connection waits in INBOX: the second one hears nothing more about Archive's last message.
    let mut script = script();
    for n in EACH..EACH + MANY {
        script = script.mail("INBOX", &letter("INBOX", n));
    }
    for n in EACH..EACH + MANY + 5 {
        script = script.mail("Archive", &letter("Archive", n));
    }
    let last = (EACH + MANY + 5) as u32;
    let sim = ImapSim::start(
        script
            .fault(ImapFault::StallAtUid(last))
            .fault(ImapFault::WaitAt("INBOX", 1)),
    );
    let choice = helped(3, Duration::from_secs(300));
    let mut follower = Follower::simulated(&sim, choice).await;
    until("somebody hangs", async || is_asked_for_bodies(&sim, last)).await;
    sim.set_faults(&[]);
    sim.deliver("INBOX", &letter("INBOX", EACH + MANY));
    until("all is there", async || is_complete(&follower).await).await;
    assert_eq!(stored(&follower).await["Archive"], EACH + MANY + 5);
    assert_eq!(stored(&follower).await["INBOX"], EACH + MANY + 1);
    let all = EACH * FOLDERS.len() + 2 * MANY + 6;
    assert_eq!(follower.count("message.received").await, all);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_that_is_known_there_is_one_connection() {
    for most in [None, Some(2)] {
        let sim = ImapSim::start(script());
        let choice = Choice {
            limits: most.and_then(connections),
            helped_from: Some(1),
            tested: true,
            ..Choice::default()
        };
        let mut follower = Follower::simulated(&sim, choice).await;
        until("all is there", async || is_complete(&follower).await).await;
        assert_eq!(sim.connections(), 1, "{most:?}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_another_connection_is_filled_from_by_one() {
    let sim = ImapSim::start(script().fault(ImapFault::TooManyConnections(1)));
    let mut follower = follow(&sim, 10).await;
    let mut states = Vec::new();
    until("all is there", async || {
        states.push(follower.now().await.connection.state.as_str());
        is_complete(&follower).await
    })
    .await;
    assert_eq!(
        stored(&follower).await.values().sum::<usize>(),
        EACH * FOLDERS.len()
    );
    until("another connection was tried", async || sim.logins() >= 2).await;
    // It was asked once, and the mailbox knows nothing of it.
    assert!(sim.connections() <= 2, "{}", sim.connections());
    assert!(
        !states.contains(&"limited") && !states.contains(&"waiting"),
        "{states:?}"
    );
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_messages_in_folders_that_are_filled_at_once_are_stored_each() {
    let mut script = ImapScript::new();
    for n in 0..EACH {
        for folder in FOLDERS {
            script = script.mail(folder, &letter("any", n));
        }
    }
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim, 4).await;
    until("all is there", async || is_complete(&follower).await).await;
    assert_eq!(
        stored(&follower).await.values().sum::<usize>(),
        EACH * FOLDERS.len()
    );
    assert_eq!(
        follower.count("message.received").await,
        EACH * FOLDERS.len()
    );
    assert_eq!(follower.count("message.moved").await, 0);
    until("another connection helped", async || sim.logins() >= 2).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_refused_is_shown_by_one_helper_and_by_no_other() {
    // The first connection waits in INBOX until the second one is in Sent, which comes next: there it hears nothing about the last
    // message. It stays while the first one gets on, which would send for a third one with each folder.
    let small: Vec<String> = (0..10).map(|n| format!("small {n}")).collect();
    let mut script = script();
    for n in EACH..EACH + 2 * MANY {
        script = script.mail("INBOX", &letter("INBOX", n));
    }
    for folder in &small {
        script = script.mail(folder, &letter(folder, 0));
    }
    for n in 0..EACH + 2 * MANY + 5 {
        script = script.mail("Sent", &letter("Sent", n));
    }
    let last = (EACH + 2 * MANY + 5) as u32;
    let sim = ImapSim::start(
        script
            .fault(ImapFault::StallAtUid(last))
            .fault(ImapFault::WaitAt("INBOX", 1)),
    );
    let choice = helped(10, Duration::from_secs(300));
    let mut follower = Follower::simulated(&sim, choice).await;
    until("the second one hangs", async || {
        is_asked_for_bodies(&sim, last)
    })
    .await;
    // The password is changed: who is signed in stays so.
    let refused = "[AUTHENTICATIONFAILED] Invalid credentials".to_owned();
    sim.set_faults(&[
        ImapFault::LoginRefused(refused),
        ImapFault::StallAtUid(last),
    ]);
    until("the first one has filled the others", async || {
        let stored = stored(&follower).await;
        stored.get("INBOX") == Some(&(EACH + 2 * MANY))
            && FOLDERS[1..]
                .iter()
                .all(|folder| stored.get(*folder) == Some(&EACH))
            && small.iter().all(|folder| stored.contains_key(folder))
    })
    .await;
    until("a third one was tried", async || sim.logins() >= 3).await;
    assert_eq!(sim.logins(), 3);
    follower.stop().await;
}

/// Counts the connections to a server on their way.
async fn counted(port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("a port");
    let (here, count) = (
        listener.local_addr().expect("an address").port(),
        Arc::default(),
    );
    let counter: Arc<AtomicUsize> = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
                let mut server = server.expect("the server");
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (here, count)
}

/// Cut at any time, and with another client at work: nothing is lost, doubled or told twice.
async fn what_several_connections_fetch_is_what_the_server_has(brand: Brand) {
    let user = brand.user("hands");
    let mut seed = 300;
    for folder in ["INBOX", "Archive", "Projects", "Talks"] {
        seed += 1;
        user.seed(folder, Generator::new(seed).take(120));
    }
    let (port, made) = counted(brand.imaps_port()).await;
    let choice = Choice {
        port,
        limits: connections(4),
        helped_from: Some(1),
        tested: true,
        ..Choice::on(brand)
    };
    let mut follower = Follower::start(&user, choice).await;
    for (round, so_many) in [40, 150, 260].into_iter().enumerate() {
        until("it gets on", async || {
            stored(&follower).await.values().sum::<usize>() >= so_many
        })
        .await;
        follower.crash().await;
        let (client, archive, talks) = (user.clone(), brand.path("Archive"), brand.path("Talks"));
        tokio::task::spawn_blocking(move || {
            let mut probe = ImapProbe::login(&client);
            probe.select(&archive);
            let at = round * 20;
            probe.store(&format!("{}:{}", at + 3, at + 5), "+FLAGS", "\\Flagged");
            probe.move_to(&format!("{}:{}", at + 7, at + 9), &talks);
            probe.remove(&(at + 11).to_string());
        })
        .await
        .expect("the second client");
        follower.go();
    }
    follower.in_step().await;
    let held: usize = stored(&follower).await.values().sum();
    assert_eq!(held, 480 - 3);
    let told: Vec<_> = follower.events().await;
    let mut received: Vec<_> = told
        .iter()
        .filter(|event| matches!(event.kind.as_str(), "message.received" | "message.sent"))
        .map(|event| event.data["message_id"].to_string())
        .collect();
    let all = received.len();
    received.sort();
    received.dedup();
    assert_eq!(received.len(), all, "something was told twice");
    // One for each start, and helpers.
    assert!(made.load(Ordering::SeqCst) > 4, "nobody helped");
    follower.stop().await;
}

on_each_server!(what_several_connections_fetch_is_what_the_server_has);
