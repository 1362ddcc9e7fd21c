//! What a first synchronisation will bring, told before it is fetched: by STATUS=SIZE where the server has it, and folder by
//! folder where it has not. What is fetched is the same.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::mailbox::Security;
use model::plan::Plan;
use model::server_profile::ProfileLimits;
use model::traffic::Allowed;
use std::time::Duration;
use testkit::{Brand, Mail, TestUser};
use tokio::time::Instant;

const OFFERED: &str = "IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS AUTH=PLAIN";
const INBOX: usize = 260;
const WORK: usize = 30;

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

/// A mailbox whose INBOX does not get on; its plan meanwhile, and then what is stored in the end.
async fn planned(more: &str) -> (Plan, testkit::Oracle, usize) {
    let mut script = ImapScript::new().capabilities(&format!("{OFFERED}{more}"));
    for n in 0..INBOX {
        script = script.mail("INBOX", &letter(n));
    }
    for n in INBOX..INBOX + WORK {
        script = script.mail("Work", &letter(n));
    }
    let sim = ImapSim::start(script.fault(ImapFault::StallAtUid(INBOX as u32)));
    let user = TestUser {
        address: "ann@simulated.test".to_owned(),
        password: mail_sim::PASSWORD.to_owned(),
    };
    let choice = Choice {
        port: sim.port(),
        security: Security::None,
        tested: true,
        poll: Duration::from_millis(200),
        patience: Some((Duration::from_secs(3), Duration::from_millis(100))),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    let all = (INBOX + WORK) as i64;
    let told = until("the messages are counted", &follower, |plan| {
        plan.messages == all && plan.bytes > 0
    })
    .await;
    sim.set_faults(&[]);
    until("all is there", &follower, |plan| {
        plan.done == all && plan.unknown == 0
    })
    .await;
    let log = sim.log();
    let sizes = log
        .iter()
        .filter(|line| line.contains("STATUS") && line.contains("SIZE"));
    let asked = sizes.count();
    let stored = follower.view().await;
    follower.stop().await;
    (told, stored, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_octets_of_folders_are_known_before_they_are_fetched_where_the_server_tells_them() {
    let (with, stored_with, asked) = planned(" STATUS=SIZE").await;
    assert_eq!(with.bytes, octets(0..INBOX + WORK), "{with:#?}");
    assert_eq!((with.unknown, with.done), (0, 0), "{with:#?}");
    assert_eq!(asked, 2);
    let (without, stored_without, asked) = planned("").await;
    assert_eq!(asked, 0);
    // The folder whose turn has come is known, the other one in messages alone.
    assert_eq!(without.bytes, octets(0..INBOX), "{without:#?}");
    assert_eq!((without.unknown, without.done), (1, 0), "{without:#?}");
    assert_eq!(stored_with, stored_without);
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
    let told = until("the messages are counted", &follower, |plan| {
        plan.messages == all
    })
    .await;
    let full = told
        .folders
        .iter()
        .filter(|f| f.messages.is_some_and(|n| n > 0));
    let unknown = full.filter(|folder| folder.bytes.is_none()).count();
    if brand == Brand::Courier {
        // Only of the one whose turn has come.
        assert!(unknown >= 1, "{told:#?}");
    } else {
        let sum = octets(0..INBOX + WORK);
        // Servers may add a line of their own to each message; where one is stored already, the others count as the average.
        let told_in_all = sum - 300..sum + 200 * all;
        assert!(told_in_all.contains(&told.bytes), "{told:#?}");
        assert_eq!(unknown, 0, "{told:#?}");
    }
    follower.stop().await;
}

on_each_server!(a_plan_has_the_octets_of_all_folders);
