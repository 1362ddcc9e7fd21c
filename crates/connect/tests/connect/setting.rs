//! Settings for the test servers, and one report from them.

use connect::{Engine, TestRequest};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use model::mailbox::{Auth, Credentials, Incoming, Outgoing, Protocol, Security};
use model::report::{Report, Step, StepCode, StepStatus, Trigger};
use model::{Clock, Secret};
use testkit::{TestUser, servers};
use tokio::sync::mpsc;

/// A network that permits this machine and trusts this authority.
pub fn net(ca_pem: &[u8]) -> Net {
    let policy = Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        ..Policy::public_only()
    };
    Net::new(
        policy,
        TlsSettings::new(Some(ca_pem)).unwrap(),
        Timeouts::default(),
    )
}

/// The network that trusts the test servers.
pub fn test_net() -> Net {
    net(&std::fs::read(&servers().ca_pem_path).unwrap())
}

/// IMAP on this port.
pub fn imap(user: &str, port: u16, security: Security) -> Incoming {
    Incoming {
        protocol: Protocol::Imap,
        host: "localhost".to_owned(),
        port,
        security,
        username: user.to_owned(),
        auth: Auth::Password,
        certificate_sha256: None,
    }
}

/// Sending on this port.
pub fn smtp(user: &str, port: u16, security: Security) -> Outgoing {
    Outgoing {
        host: "localhost".to_owned(),
        port,
        security,
        username: user.to_owned(),
        auth: Auth::Password,
        certificate_sha256: None,
    }
}

/// A request with the same password for both sides.
pub fn request(
    address: &str,
    password: &str,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
) -> TestRequest {
    let secret = || Some(Secret::new(password));
    TestRequest {
        count: None,
        mailbox_id: None,
        address: address.to_owned(),
        incoming,
        outgoing,
        credentials: Credentials {
            incoming: secret(),
            outgoing: secret(),
        },
        login: connect::Logins::default(),
        monitored_folders: Vec::new(),
        test_recipient: None,
        read_only: false,
        test_message_id: None,
        trigger: Trigger::Command,
    }
}

/// Good settings for both sides: TLS for reading, STARTTLS for sending.
pub fn good(user: &TestUser) -> TestRequest {
    request(
        &user.address,
        &user.password,
        Some(imap(&user.address, servers().imaps_port, Security::Tls)),
        Some(smtp(
            &user.address,
            servers().submission_port,
            Security::Starttls,
        )),
    )
}

/// The report, and every step as it was told.
pub async fn report_with(net: Net, request: TestRequest) -> (Report, Vec<Step>) {
    let (sender, mut receiver) = mpsc::channel(100);
    let listener = tokio::spawn(async move {
        let mut told = Vec::new();
        while let Some(step) = receiver.recv().await {
            told.push(step);
        }
        told
    });
    let report = Engine::new(net, Clock::system(), "test.example")
        .test(request, sender)
        .await;
    (report, listener.await.unwrap())
}

/// The report against the test servers.
pub async fn report(request: TestRequest) -> Report {
    let (report, _) = report_with(test_net(), request).await;
    assert_eq!(
        report
            .steps
            .iter()
            .map(|step| step.code)
            .collect::<Vec<_>>(),
        StepCode::ALL
    );
    report
}

/// One step of a report.
pub fn step(report: &Report, code: StepCode) -> &Step {
    report.steps.iter().find(|step| step.code == code).unwrap()
}

/// The first step that failed: its code, its problem and the action of its remedy.
#[track_caller]
pub fn first_failure(report: &Report) -> (StepCode, &str, &str) {
    let step = report
        .steps
        .iter()
        .find(|step| step.status == StepStatus::Fail);
    let step = step.unwrap_or_else(|| panic!("nothing failed: {report:#?}"));
    let action = step
        .remedy
        .as_ref()
        .and_then(|remedy| remedy.action.as_deref());
    (
        step.code,
        step.problem_id.as_deref().unwrap_or(""),
        action.unwrap_or(""),
    )
}
