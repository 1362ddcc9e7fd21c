//! Invariant 44: what a provider allows is obeyed exactly: octets and messages by the day, connections at once.

use crate::follower::{Choice, Follower};
use crate::pop3::until;
use mail_sim::{ImapScript, ImapSim};
use model::event::Origin;
use model::mailbox::{Protocol, Security};
use model::server_profile::ProfileLimits;
use std::time::Duration;
use store::owed::State;
use store::wake::Topic;
use store::{server_profiles, traffic};
use testkit::{Proxy, TestUser, deliver, servers, user};
use tokio::time::Instant;

const MEGABYTE: u64 = 1_000_000;

/// Messages of about 60 kB, more of them than a megabyte.
fn seed(user: &TestUser, messages: usize) {
    for n in 0..messages {
        deliver(user, &letter(n, 60_000));
    }
}

fn letter(n: usize, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Bob <bob@example.com>\r\nTo: ann@example.com\r\nSubject: letter {n} of {octets}\r\n\
         Message-ID: <{n}.{octets}@example.com>\r\n\r\n"
    );
    while text.len() < octets {
        text.push_str("Sixty octets a line, until there are enough of them in all.\r\n");
    }
    text.into_bytes()
}

/// Plain, so that the proxy counts what we count.
fn through(proxy: &Proxy, protocol: Protocol, limits: ProfileLimits) -> Choice {
    Choice {
        protocol,
        port: proxy.port(),
        security: Security::None,
        limits: Some(limits),
        tested: true,
        ..Choice::default()
    }
}

fn megabytes_a_day(megabytes: u32) -> ProfileLimits {
    ProfileLimits {
        download_mb_per_day: Some(megabytes),
        ..ProfileLimits::default()
    }
}

async fn stored(follower: &Follower) -> usize {
    follower.view().await.get("INBOX").map_or(0, |c| c.len())
}

async fn waits(follower: &Follower) -> bool {
    follower.now().await.coverage.waits_until.is_some()
}

pub async fn allow(follower: &Follower, limits: ProfileLimits) {
    let id = follower
        .mailbox
        .server_profile_id
        .clone()
        .expect("a profile");
    let change = server_profiles::Change {
        limits: Some(limits),
        ..server_profiles::Change::default()
    };
    let changed = server_profiles::change(&follower.store, &id, change, None).await;
    changed.expect("other limits");
}

async fn the_octets_of_a_day_are_obeyed(protocol: Protocol, port: u16, name: &str) {
    let user = user(name);
    seed(&user, 30);
    let proxy = Proxy::start(port);
    let mut follower = Follower::start(&user, through(&proxy, protocol, megabytes_a_day(1))).await;
    // A crash on the way gives nothing back.
    until("it begins", async || stored(&follower).await >= 1).await;
    follower.crash().await;
    follower.go();
    until("the past waits", async || waits(&follower).await).await;
    let coverage = follower.now().await.coverage;
    assert_eq!(
        coverage.problem_id.as_deref(),
        Some("transfer_limit_reached")
    );
    assert_eq!(coverage.state.as_str(), "filling");
    let hour = 3_600_000;
    let left = coverage.waits_until.expect("a time").0 - follower.store.now().0;
    assert!((23 * hour..=25 * hour).contains(&left), "{left}");
    let before = stored(&follower).await;
    assert!((1..30).contains(&before), "{before}");
    assert!(
        proxy.bytes_to_client() <= MEGABYTE * 9 / 10,
        "{}",
        proxy.bytes_to_client()
    );

    // New mail comes all the same.
    deliver(&user, &letter(99, 5_000));
    until("new mail comes", async || stored(&follower).await > before).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stored(&follower).await, before + 1);
    let used = traffic::used(&follower.store, &follower.mailbox.id)
        .await
        .expect("the count");
    assert!(
        used.bytes_down as u64 >= proxy.bytes_to_client().saturating_sub(300_000),
        "{used:?}"
    );
    assert!(
        proxy.bytes_to_client() <= MEGABYTE,
        "{}",
        proxy.bytes_to_client()
    );

    // A restart forgets nothing of it, and more is fetched once more is allowed.
    follower.stop().await;
    follower.go();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stored(&follower).await, before + 1);
    assert!(
        proxy.bytes_to_client() <= MEGABYTE,
        "{}",
        proxy.bytes_to_client()
    );
    allow(&follower, megabytes_a_day(50)).await;
    until("the rest comes", async || {
        stored(&follower).await == 31 && follower.now().await.coverage.state.as_str() == "complete"
    })
    .await;
    assert!(!waits(&follower).await);
    assert_eq!(follower.count("message.received").await, 31);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_the_octets_that_a_provider_allows_in_a_day_are_obeyed_and_new_mail_goes_first() {
    let port = servers().basic_imap_port;
    the_octets_of_a_day_are_obeyed(Protocol::Imap, port, "budget").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_the_octets_that_a_provider_allows_in_a_day_are_obeyed_by_pop3_too() {
    let port = servers().pop3_port;
    the_octets_of_a_day_are_obeyed(Protocol::Pop3, port, "budget3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_no_more_messages_are_fetched_in_a_day_than_are_allowed() {
    let user = user("tenaday");
    seed(&user, 25);
    let limits = ProfileLimits {
        messages_per_day: Some(10),
        ..ProfileLimits::default()
    };
    let choice = Choice {
        limits: Some(limits),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    until("the past waits", async || waits(&follower).await).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stored(&follower).await, 10);
    allow(&follower, ProfileLimits::default()).await;
    follower.in_step().await;
    assert!(!waits(&follower).await);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_mail_that_waited_for_the_limit_of_the_day_is_caught_up_with() {
    let script = (0..2).fold(ImapScript::new(), |script, n| {
        script.mail("INBOX", &letter(n, 500))
    });
    let sim = ImapSim::start(script);
    let limits = ProfileLimits {
        messages_per_day: Some(3),
        ..ProfileLimits::default()
    };
    let choice = Choice {
        limits: Some(limits),
        tested: true,
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    for n in 2..5 {
        sim.deliver("INBOX", &letter(n, 500));
    }
    until("one comes", async || stored(&follower).await == 3).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stored(&follower).await, 3);
    allow(&follower, ProfileLimits::default()).await;
    until("the others come", async || stored(&follower).await == 5).await;
    let gap = follower.event("mailbox.gap_filled", |_| true).await;
    assert_eq!(gap.data["messages"], 2);
    let told = follower.events().await;
    let told = told.iter().filter(|e| e.kind == "message.received");
    let origins: Vec<Origin> = told.skip(2).map(|event| event.origin).collect();
    assert_eq!(origins, [Origin::Live, Origin::CatchUp, Origin::CatchUp]);
    assert_eq!(sim.connections(), 1);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_where_one_connection_is_allowed_there_is_never_a_second() {
    for (most, made) in [(Some(1), 1), (None, 2)] {
        let user = user("oneconnection");
        seed(&user, 2);
        let proxy = Proxy::start(servers().basic_imap_port);
        let limits = ProfileLimits {
            max_connections: most,
            ..ProfileLimits::default()
        };
        // Not tested yet: a mailbox that works gets its report beside the work.
        let choice = Choice {
            tested: false,
            ..through(&proxy, Protocol::Imap, limits)
        };
        let mut follower = Follower::start(&user, choice).await;
        follower.in_step().await;
        follower.event("mailbox.live", |_| true).await;
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end && proxy.connections() < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(proxy.connections(), made, "{most:?}");
        follower.stop().await;
    }
}

/// A copy of sent mail that is owed to the Sent folder.
async fn owe_copy(follower: &Follower, n: usize, octets: usize) {
    let raw = letter(n, octets);
    let stored = follower.store.blobs.put(&raw).await.expect("stored");
    let body = serde_json::json!({
        "kind": "append", "digest": stored.digest, "submission_id": "sub_none",
        "internet_message_id": format!("{n}.{octets}@example.com")});
    let (id, now) = (follower.mailbox.id.clone(), follower.store.now());
    let written = follower.store.db.write(move |tx| {
        let place = &stored.place;
        tx.exec(
            "INSERT INTO blobs (digest, segment, position, length, touched_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                (&stored.digest).into(),
                (&place.segment).into(),
                (place.position as i64).into(),
                (place.length as i64).into(),
                now.into(),
            ],
        )?;
        tx.exec(
            "INSERT INTO owed (id, mailbox_id, kind, body, next_attempt_at, created_at) VALUES ($1, $2, 'append', $3, 0, 0)",
            &[format!("owe_{n}").into(), id.into(), body.to_string().into()],
        )
    });
    written.await.expect("owed");
}

#[tokio::test(flavor = "multi_thread")]
async fn i44_the_octets_that_may_be_uploaded_in_a_day_are_obeyed() {
    let user = user("uploads");
    seed(&user, 1);
    let proxy = Proxy::start(servers().imap_port);
    let limits = |upload| ProfileLimits {
        upload_mb_per_day: Some(upload),
        ..ProfileLimits::default()
    };
    let choice = through(&proxy, Protocol::Imap, limits(1));
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    for n in 1..=2 {
        owe_copy(&follower, n, 700_000).await;
    }
    let filed = async || {
        let there = follower.servers_view().await;
        there.get("Sent").map_or(0, |sent| sent.len())
    };
    until("the first copy", async || filed().await == 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(filed().await, 1);
    assert!(
        proxy.bytes_to_server() <= MEGABYTE,
        "{}",
        proxy.bytes_to_server()
    );
    let due = store::owed::next_due(&follower.store, &follower.mailbox.id).await;
    let hour = 3_600_000;
    let left = due.expect("read").expect("a time").0 - follower.store.now().0;
    assert!((22 * hour..=25 * hour).contains(&left), "{left}");
    // However often it waits, it is not given up: nobody refused it.
    let waiting = async || {
        let owed = store::owed::list(&follower.store, &follower.mailbox.id, None, 10).await;
        owed.expect("what is owed").pop().expect("the second copy")
    };
    for _ in 0..8 {
        due_now(&follower).await;
        until("it waits again", async || {
            let at = waiting().await.next_attempt_at;
            at.is_some_and(|at| at > follower.store.now())
        })
        .await;
    }
    let waits = waiting().await;
    assert_eq!((waits.state, waits.attempts), (State::Pending, 0));
    assert_eq!(waits.problem_id.as_deref(), Some("transfer_limit_reached"));
    assert_eq!(follower.count("change.failed").await, 0);
    // What is more than a day's limit by itself would wait for ever.
    owe_copy(&follower, 3, 1_100_000).await;
    let failed = follower.event("change.failed", |_| true).await;
    assert_eq!(failed.data["problem_id"], "append_too_large");
    assert_eq!(failed.data["owed_id"], "owe_3");
    // Once more is allowed, the copy is filed.
    allow(&follower, limits(50)).await;
    due_now(&follower).await;
    until("the second copy", async || filed().await == 2).await;
    follower.stop().await;
}

/// The time has come for what is owed.
async fn due_now(follower: &Follower) {
    let id = follower.mailbox.id.clone();
    let written = follower.store.db.write(move |tx| {
        tx.exec("UPDATE owed SET next_attempt_at = 0", &[])?;
        tx.wake(Topic::Mailbox(id.clone()));
        Ok(())
    });
    written.await.expect("due");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_full_the_mailbox_is_on_its_server_is_told() {
    let with_quota =
        "IMAP4rev1 SASL-IR LITERAL+ IDLE ID NAMESPACE UNSELECT UIDPLUS QUOTA AUTH=PLAIN";
    let script = ImapScript::new()
        .capabilities(with_quota)
        .mail("INBOX", &letter(1, 5_000));
    let sim = ImapSim::start(script);
    let mut follower = Follower::simulated(
        &sim,
        Choice {
            tested: true,
            read_only: true,
            ..Choice::default()
        },
    )
    .await;
    until("it is told", async || {
        let quota = follower.now().await.quota;
        quota.is_some_and(|quota| (quota.used, quota.limit) == (5 << 10, 10 << 20))
    })
    .await;
    let asked = || {
        sim.log()
            .iter()
            .filter(|l| l.contains("GETQUOTAROOT"))
            .count()
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(asked(), 1);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_how_much_there_is_and_that_the_limit_by_the_day_decides_when_it_ends() {
    let user = user("plan");
    seed(&user, 30);
    let choice = Choice {
        limits: Some(megabytes_a_day(1)),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    until("the past waits", async || {
        waits(&follower).await && follower.now().await.coverage.done > 0
    })
    .await;
    let allowed = model::traffic::Allowed {
        bytes_down: Some(1_000_000),
        ..Default::default()
    };
    // While a slice is under way, what it brings counts twice.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let plan = store::plan::of(&follower.store, &follower.mailbox.id, allowed).await;
    let plan = plan.expect("the plan");
    assert_eq!(plan.messages, 30);
    // Thirty of sixty thousand octets, as the sizes of all were told.
    assert!(
        (1_800_000..1_820_000).contains(&plan.bytes),
        "{}",
        plan.bytes
    );
    assert!(plan.done > 0 && plan.done_bytes >= plan.done * 60_000);
    assert!(plan.limited && plan.waits_until.is_some());
    let now = follower.store.now();
    let day = 24 * 3_600_000;
    let end = plan.ends_at.expect("an end");
    assert!(end > now.plus_millis(day / 2) && end < now.plus_millis(3 * day));
    allow(&follower, ProfileLimits::default()).await;
    until("the rest comes", async || {
        follower.now().await.coverage.state.as_str() == "complete"
    })
    .await;
    let plan = store::plan::of(&follower.store, &follower.mailbox.id, Default::default()).await;
    let plan = plan.expect("the plan");
    assert_eq!((plan.messages, plan.done), (30, 30));
    assert_eq!((plan.bytes, plan.unknown), (plan.done_bytes, 0));
    assert_eq!((plan.ends_at, plan.limited), (None, false));
    follower.stop().await;
}
