//! What a report does with the name on a certificate, and what it tells of the connection.

use crate::setting::{first_failure, imap, net, report_with, request, step};
use mail_sim::{Encryption, ImapScript, ImapSim, TlsFault};
use model::mailbox::Security;
use model::report::{DetailName, Report, StepCode, Verdict};

async fn report(sim: &ImapSim, host: &str) -> Report {
    let mut incoming = imap("ann", sim.port(), Security::Tls);
    incoming.host = host.to_owned();
    let test = request("ann@example.com", "secret", Some(incoming), None);
    report_with(net(sim.ca_pem().as_bytes()), test).await.0
}

fn server(names: &[&str]) -> ImapSim {
    ImapSim::start(
        ImapScript::new()
            .encryption(Encryption::Implicit)
            .names(names),
    )
}

#[tokio::test]
async fn a_name_that_leads_to_the_same_place_is_offered_and_then_works() {
    let sim = server(&["localhost"]);
    let wrong = report(&sim, "127.0.0.1").await;
    assert_eq!(
        first_failure(&wrong),
        (
            StepCode::Tls,
            "certificate_name_mismatch",
            "use_host:localhost"
        ),
        "{wrong:#?}"
    );
    assert_eq!(report(&sim, "localhost").await.verdict, Verdict::Works);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_and_not_offered() {
    // Whoever sits on the way could show any name.
    let sim = server(&["mail.somebody-else.invalid"]);
    let report = report(&sim, "127.0.0.1").await;
    assert_eq!(first_failure(&report).2, "edit_host", "{report:#?}");
    let remedy = step(&report, StepCode::Tls)
        .remedy
        .clone()
        .unwrap_or_default();
    assert!(remedy.text.contains("mail.somebody-else.invalid"));
}

#[tokio::test]
async fn each_step_tells_what_it_found() {
    let report = report(&server(&["localhost"]), "localhost").await;
    let values = |code, name| {
        let details = &step(&report, code).details;
        let detail = details.iter().find(|detail| detail.name == name);
        detail
            .map(|detail| detail.values.clone())
            .unwrap_or_default()
    };
    assert!(values(StepCode::Dns, DetailName::Addresses).contains(&"127.0.0.1".to_owned()));
    assert_eq!(
        values(StepCode::Tcp, DetailName::ConnectedTo),
        ["127.0.0.1"]
    );
    assert_eq!(values(StepCode::Tls, DetailName::Names), ["localhost"]);
    assert_eq!(values(StepCode::Tls, DetailName::Certificate)[0].len(), 64);
    assert_eq!(values(StepCode::Tls, DetailName::Validity).len(), 2);
    assert!(!values(StepCode::Tls, DetailName::ChainLength).is_empty());
    let offered = values(StepCode::Capabilities, DetailName::Capabilities);
    assert!(offered.contains(&"IDLE".to_owned()), "{offered:?}");
    assert_eq!(
        values(StepCode::Capabilities, DetailName::SignInMethods),
        ["PLAIN"]
    );
    assert_eq!(values(StepCode::Login, DetailName::UserName), ["ann"]);
    assert_eq!(
        values(StepCode::Folders, DetailName::Roles),
        ["inbox: INBOX"]
    );
}

#[tokio::test]
async fn a_bad_certificate_is_described_and_works_once_it_is_trusted_by_its_fingerprint() {
    for (fault, problem) in [
        (TlsFault::Expired, "certificate_expired"),
        (TlsFault::OtherName, "certificate_name_mismatch"),
        (TlsFault::SelfSigned, "certificate_self_signed"),
        (TlsFault::UnknownAuthority, "certificate_untrusted"),
    ] {
        let script = ImapScript::new().encryption(Encryption::Implicit);
        let sim = ImapSim::start(script.tls_fault(fault));
        let refused = report(&sim, "localhost").await;
        assert_eq!(first_failure(&refused).1, problem, "{refused:#?}");
        let tls = step(&refused, StepCode::Tls);
        for name in [
            DetailName::Certificate,
            DetailName::Issuer,
            DetailName::Names,
            DetailName::Validity,
        ] {
            assert!(
                tls.details.iter().any(|detail| detail.name == name),
                "{problem}: no {name}: {tls:#?}"
            );
        }
        let mut remedies = tls.remedy.iter().chain(&tls.others);
        let pin = remedies.find_map(|remedy| {
            let action = remedy.action.as_deref()?;
            action.strip_prefix("trust_certificate:")
        });
        let pin = pin.unwrap_or_else(|| panic!("{problem}: nothing to trust: {tls:#?}"));
        let mut incoming = imap("ann", sim.port(), Security::Tls);
        incoming.host = "localhost".to_owned();
        incoming.certificate_sha256 = Some(pin.to_owned());
        let test = request("ann@example.com", "secret", Some(incoming), None);
        let (trusted, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
        assert_eq!(trusted.verdict, Verdict::Works, "{problem}: {trusted:#?}");
    }
}
