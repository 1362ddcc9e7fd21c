//! What a mailbox proves by working, how it comes back, and when it gives up.

use crate::follower::{Choice, Follower};
use mail_sim::{DnsScript, DnsSim, ImapFault, ImapScript, ImapSim};
use model::mailbox::{ConnectionState, Credentials, Mailbox, Proof, Protocol, Security};
use model::report::{Report, Trigger, Verdict};
use std::time::Duration;
use store::mailboxes::{self, Change};
use testkit::{Generator, TestUser, servers, user};

async fn reports(follower: &Follower) -> Vec<Report> {
    let id = Some(follower.mailbox.id.clone());
    store::reports::list(&follower.store, id, None, None, 100)
        .await
        .expect("reports")
}

/// Waits until the mailbox is as wanted.
async fn until(follower: &Follower, what: &str, fits: impl Fn(&Mailbox) -> bool) -> Mailbox {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let now = follower.now().await;
        if fits(&now) {
            return now;
        }
        assert!(tokio::time::Instant::now() < end, "{what}: {now:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_was_made_live_untested_is_proven_by_working_and_gets_its_report() {
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let user = user(&format!("untested {}", protocol.as_str()));
        user.seed("INBOX", Generator::new(71).take(2));
        let port = match protocol {
            Protocol::Imap => servers().imaps_port,
            Protocol::Pop3 => servers().pop3s_port,
        };
        let choice = Choice {
            protocol,
            port,
            ..Choice::default()
        };
        let mut follower = Follower::start(&user, choice).await;
        assert_eq!(follower.mailbox.receiving, Proof::Untested);
        follower.event("mailbox.live", |_| true).await;
        let now = follower.now().await;
        assert_ne!(now.receiving, Proof::Untested);
        let now = until(&follower, "the report", |m| m.last_report_id.is_some()).await;
        let reports = reports(&follower).await;
        assert_eq!(
            (reports.len(), reports[0].trigger),
            (1, Trigger::Runtime),
            "{reports:#?}"
        );
        assert_eq!(now.last_report_id.as_deref(), Some(reports[0].id.as_str()));
        assert_ne!(reports[0].verdict, Verdict::Fails, "{reports:#?}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_mailbox_with_the_right_password_recovers_and_is_proven() {
    let mut user = user("recovers");
    let right = std::mem::replace(&mut user.password, "wrong".to_owned());
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.event("mailbox.held", |_| true).await;
    let held = follower.now().await;
    assert_eq!(held.receiving, Proof::Fails);
    let change = Change {
        credentials: Credentials {
            incoming: Some(model::Secret::new(&right)),
            outgoing: None,
        },
        ..Change::default()
    };
    mailboxes::change(&follower.store, &follower.mailbox.id, change, None)
        .await
        .expect("the change");
    follower.event("mailbox.recovered", |_| true).await;
    let now = follower.now().await;
    assert!(
        matches!(now.receiving, Proof::Works | Proof::WorksWithWarnings),
        "{now:#?}"
    );
    assert_eq!(now.connection.problem_id, None);
    let last = held.last_report_id;
    until(&follower, "a new report", |m| m.last_report_id != last).await;
    assert_ne!(reports(&follower).await[0].verdict, Verdict::Fails);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_server_has_one_text_for_quiet_and_refusal_it_is_asked_once_more_and_then_held() {
    let said = "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, \
                or system is busy. Try again in 2 seconds.";
    let script = ImapScript::new().fault(ImapFault::LoginRefused(said.to_owned()));
    let sim = ImapSim::start(script);
    let dns = DnsSim::start(DnsScript::new().address("imap.qq.com", "127.0.0.1"));
    let user = TestUser {
        address: "ann@qq.com".to_owned(),
        password: mail_sim::PASSWORD.to_owned(),
    };
    let choice = Choice {
        host: "imap.qq.com",
        dns: Some(dns.address()),
        port: sim.port(),
        security: Security::None,
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    until(&follower, "limited", |m| {
        m.connection.state == ConnectionState::Limited
    })
    .await;
    follower.event("mailbox.held", |_| true).await;
    let now = follower.now().await;
    assert_eq!(
        (now.connection.state, now.connection.problem_id.as_deref()),
        (ConnectionState::Held, Some("qq.login_fail"))
    );
    // The second time was a report, and there is no third.
    assert_eq!(reports(&follower).await.len(), 1);
    let shown = sim.logins();
    assert_eq!(shown, 2, "{:#?}", sim.log());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(sim.logins(), shown);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_a_clock_ahead_has_written_strands_no_mailbox() {
    let user = user("stranded");
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.event("mailbox.live", |_| true).await;
    follower.stop().await;
    let far = follower.store.now().plus_millis(400 * 86_400_000);
    follower
        .store
        .db
        .write(move |tx| {
            let sql = "UPDATE mailboxes SET connection_state = 'limited', connection_until = $1, connection_problem = 'throttled'";
            tx.exec(sql, &[far.into()])
        })
        .await
        .expect("the row");
    follower.go();
    follower.event("mailbox.recovered", |_| true).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_the_password_after_the_sign_in_brings_it_into_no_event() {
    let said = format!("your password is {}", mail_sim::PASSWORD);
    let script = ImapScript::new().fault(ImapFault::Refuse("LIST", said));
    let sim = ImapSim::start(script);
    let mut follower = Follower::simulated(&sim, Choice::default()).await;
    let broken = follower
        .event("mailbox.interrupted", |event| {
            event.data["problem"]["server_said"].is_string()
        })
        .await;
    let text = broken.data.to_string();
    assert!(text.contains("your password is"), "{text}");
    assert!(!text.contains(mail_sim::PASSWORD), "{text}");
    follower.stop().await;
}
