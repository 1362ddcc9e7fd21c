//! Mailboxes that break get a report by themselves.

use crate::follower::{Choice, Follower};
use model::mailbox::ConnectionState;
use model::report::{Report, StepCode, StepStatus, Trigger};
use std::time::Duration;
use testkit::{Brand, servers, user};

on_each_server!(a_refused_password_is_confirmed_by_a_report_and_held);

async fn reports(follower: &Follower) -> Vec<Report> {
    let id = Some(follower.mailbox.id.clone());
    store::reports::list(&follower.store, id, None, None, 100)
        .await
        .expect("reports")
}

async fn a_refused_password_is_confirmed_by_a_report_and_held(server: Brand) {
    let mut user = server.user("runtime report");
    user.password = "wrong".to_owned();
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.event("mailbox.held", |_| true).await;
    let now = follower.now().await;
    assert_eq!(
        (now.connection.state, now.connection.problem_id.as_deref()),
        (ConnectionState::Held, Some("password_refused"))
    );
    let reports = reports(&follower).await;
    assert_eq!(reports.len(), 1, "{reports:#?}");
    let report = &reports[0];
    assert_eq!(report.trigger, Trigger::Runtime);
    assert_eq!(now.last_report_id.as_deref(), Some(report.id.as_str()));
    let login = report.steps.iter().find(|s| s.code == StepCode::Login);
    assert_eq!(login.unwrap().status, StepStatus::Fail);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_reported_once_and_not_at_each_try() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let user = user("away");
    assert_ne!(closed, servers().imaps_port);
    let choice = Choice {
        port: closed,
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.event("mailbox.interrupted", |_| true).await;
    // Several tries go by: the pauses begin at two seconds.
    tokio::time::sleep(Duration::from_secs(9)).await;
    let found = reports(&follower).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    let tcp = found[0].steps.iter().find(|s| s.code == StepCode::Tcp);
    assert_eq!(
        tcp.unwrap().problem_id.as_deref(),
        Some("connection_refused")
    );
    // After a restart the problem is an old one.
    follower.stop().await;
    follower.go();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(reports(&follower).await.len(), 1);
    follower.stop().await;
}
