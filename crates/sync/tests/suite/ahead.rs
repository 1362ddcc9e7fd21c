//! What a first synchronisation will bring, told before it is fetched: by STATUS=SIZE where the server has it, and folder by
//! folder where it has not. What is fetched is the same.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::plan::Plan;
use model::server_profile::ProfileLimits;
use model::traffic::Allowed;
use std::time::Duration;
use testkit::{Brand, Mail};
use tokio::time::Instant;

const OFFERED: &str = "IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS AUTH=PLAIN";
const INBOX: usize = 260;
const WORK: usize = 30;
const ALL: usize = INBOX + 2 * WORK;

fn letter(n: usize) -> Vec<u8> {
    let body = "x".repeat(100 + n % 7);
    format!("Message-ID: <{n}@ahead>\r\nSubject: {n}\r\n\r\n{body}\r\n").into_bytes()
}

fn octets(messages: std::ops::Range<usize>) -> i64 {
    messages.map(|n| letter(n).len() as i64).sum()
}

async fn plan(follower: &Follower) -> Plan {
    let (store, id) = (&follower.store, &follower.mailbox.id);
    let plan = store::plan::of(store, id, Allowed::default()).await;
    plan.expect("the plan")
}

async fn until(what: &str, follower: &Follower, fits: impl Fn(&Plan) -> bool) -> Plan {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let plan = plan(follower).await;
        if fits(&plan) {
            return plan;
        }
        assert!(Instant::now() < end, "{what}: {plan:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn choice() -> Choice {
    Choice {
        tested: true,
        poll: Duration::from_millis(200),
        patience: Some((Duration::from_secs(3), Duration::from_millis(100))),
        ..Choice::default()
    }
}

/// First `WORK` messages in INBOX, then so many more than that in Sent, then `WORK` in Work.
fn script(more: &str) -> ImapScript {
    let mut script = ImapScript::new().capabilities(&format!("{OFFERED}{more}"));
    for n in 0..WORK {
        script = script.mail("INBOX", &letter(n));
    }
    for n in WORK..WORK + INBOX {
        script = script.mail("Sent", &letter(n));
    }
    for n in WORK + INBOX..ALL {
        script = script.mail("Work", &letter(n));
    }
    script
}

/// How often octets were asked for.
fn asked(sim: &ImapSim) -> usize {
    let log = sim.log();
    let sizes = log
        .iter()
        .filter(|line| line.contains("STATUS") && line.contains("SIZE"));
    sizes.count()
}

/// A mailbox whose second folder does not get on; its plan meanwhile, when so many octets are known, and then what is stored in
/// the end.
async fn planned(more: &str, octets: i64) -> (Plan, testkit::Oracle, usize) {
    let sim = ImapSim::start(script(more).fault(ImapFault::StallAtUid(INBOX as u32)));
    let mut follower = Follower::simulated(&sim, choice()).await;
    let told = until("the messages are counted", &follower, |plan| {
        plan.messages == ALL as i64 && plan.bytes == octets
    })
    .await;
    sim.set_faults(&[]);
    until("all is there", &follower, |plan| {
        plan.done == ALL as i64 && plan.unknown == 0
    })
    .await;
    let stored = follower.view().await;
    follower.stop().await;
    (told, stored, asked(&sim))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_octets_of_folders_are_known_before_they_are_fetched_where_the_server_tells_them() {
    let (with, stored_with, asked) = planned(" STATUS=SIZE", octets(0..ALL)).await;
    assert_eq!((with.unknown, with.done), (0, WORK as i64), "{with:#?}");
    // Not of the folder that is fetched first, nor of the one whose turn has come.
    assert_eq!(asked, 1);
    // The folder whose turn has come is known, the last one in messages alone.
    let (without, stored_without, asked) = planned("", octets(0..WORK + INBOX)).await;
    assert_eq!(asked, 0);
    assert_eq!((without.unknown, without.done), (1, WORK as i64));
    assert_eq!(stored_with, stored_without);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_say_how_many_octets_there_are_is_fetched_from_and_asked_once() {
    let sim = ImapSim::start(script(" STATUS=SIZE").fault(ImapFault::StallAtSize));
    let mut follower = Follower::simulated(&sim, choice()).await;
    // The first folder is there before the question, and the others after it.
    until("it is asked", &follower, |_| asked(&sim) > 0).await;
    assert_eq!(plan(&follower).await.done, WORK as i64);
    until("all is there", &follower, |plan| plan.done == ALL as i64).await;
    assert_eq!(asked(&sim), 1);
    follower.stop().await;
}

/// Dovecot and Cyrus have STATUS=SIZE, Courier has not.
async fn a_plan_has_the_octets_of_all_folders(brand: Brand) {
    let user = brand.user("octets ahead");
    let mail = |n: usize| Mail {
        raw: letter(n),
        internal_date: 1_700_000_000,
        flags: Vec::new(),
        subject: n.to_string(),
        message_id: None,
        sentence: None,
    };
    user.seed("INBOX", (0..INBOX).map(mail));
    user.seed("Work", (INBOX..INBOX + WORK).map(mail));
    let choice = Choice {
        // Nothing of the past is fetched: a message a day is allowed, and kept for new mail.
        limits: Some(ProfileLimits {
            messages_per_day: Some(1),
            ..ProfileLimits::default()
        }),
        tested: true,
        ..Choice::on(brand)
    };
    let mut follower = Follower::start(&user, choice).await;
    let all = (INBOX + WORK) as i64;
    let unknown = |plan: &Plan| {
        let folders = plan.folders.iter();
        let full = folders.filter(|f| f.messages.is_some_and(|n| n > 0));
        full.filter(|folder| folder.bytes.is_none()).count()
    };
    // Each folder is asked for by itself, between others.
    let told = until("the messages are counted", &follower, |plan| {
        plan.messages == all && (brand == Brand::Courier || unknown(plan) == 0)
    })
    .await;
    if brand == Brand::Courier {
        // Only of the one whose turn has come.
        assert!(unknown(&told) >= 1, "{told:#?}");
    } else {
        let sum = octets(0..INBOX + WORK);
        // Servers may add a line of their own to each message; where one is stored already, the others count as the average.
        let told_in_all = sum - 300..sum + 200 * all;
        assert!(told_in_all.contains(&told.bytes), "{told:#?}");
    }
    follower.stop().await;
}

on_each_server!(a_plan_has_the_octets_of_all_folders);
