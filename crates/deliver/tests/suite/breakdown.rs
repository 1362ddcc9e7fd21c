//! Mailboxes that cannot send any more get a report by themselves.

use crate::Fixture;
use crate::outbox::{queue, until};
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use model::mailbox::{Auth, Proof};
use model::report::{Report, StepCode, StepStatus, Trigger};

async fn reports(f: &Fixture, mailbox_id: &str) -> Vec<Report> {
    store::reports::list(&f.store, Some(mailbox_id.to_owned()), None, None, 10)
        .await
        .expect("reports")
}

#[tokio::test]
async fn a_refused_password_is_confirmed_by_a_report_and_then_no_more_shown() {
    let f = Fixture::new().await;
    let fault = SmtpFault::RefuseAuth("535 5.7.8 wrong".to_owned());
    let sim = SmtpSim::start(SmtpScript::new().fault(fault));
    let mailbox = f.mailbox(sim.port(), Auth::Password).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    f.start_with_reports().await;
    let held = until(&f, &id, |s| s.problem_id.is_some()).await;
    assert_eq!(held.problem_id.as_deref(), Some("password_refused"));
    let problem = store::submissions::held_problem(&f.store, &mailbox.id).await;
    assert_eq!(
        problem.expect("an answer").as_deref(),
        Some("password_refused")
    );
    let found = reports(&f, &mailbox.id).await;
    assert_eq!((found.len(), found[0].trigger), (1, Trigger::Runtime));
    let step = |code| {
        found[0]
            .steps
            .iter()
            .find(|step| step.code == code)
            .unwrap()
    };
    assert_eq!(step(StepCode::Smtp).status, StepStatus::Fail);
    assert_eq!(step(StepCode::Login).did, "receiving was not tested");
    let now = store::mailboxes::get(&f.store, &mailbox.id)
        .await
        .expect("it");
    assert_eq!(
        (now.sending, now.receiving),
        (Proof::Fails, Proof::Untested)
    );
    // What comes later waits with the rest.
    f.advance(3_600_000);
    let later = queue(&f, &mailbox, &["eve@x.org"]).await.id;
    until(&f, &later, |s| s.problem_id.is_some()).await;
    assert_eq!((reports(&f, &mailbox.id).await.len(), sim.logins()), (1, 2));
    f.end().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_reported_once() {
    let f = Fixture::new().await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let mailbox = f.mailbox(closed, Auth::Password).await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    f.start_with_reports().await;
    for attempts in 1..=3 {
        until(&f, &id, |s| s.attempts == attempts).await;
        f.advance(24 * 3_600_000 / 8);
    }
    assert_eq!(reports(&f, &mailbox.id).await.len(), 1);
    f.end().await;
}

#[tokio::test]
async fn sending_that_nobody_tested_is_proven_by_the_first_connection_that_is_let_in() {
    let f = Fixture::new().await;
    let sim = SmtpSim::start(SmtpScript::new());
    let mailbox = f.mailbox(sim.port(), Auth::Password).await;
    assert_eq!(mailbox.sending, Proof::Untested);
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    f.start_with_reports().await;
    until(&f, &id, |s| s.state == model::submission::State::Accepted).await;
    let now = store::mailboxes::get(&f.store, &mailbox.id)
        .await
        .expect("it");
    assert_eq!(
        (now.sending, now.receiving),
        (Proof::Works, Proof::Untested)
    );
    f.end().await;
}
