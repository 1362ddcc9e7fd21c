//! Failures of name look-up, TCP and TLS.

use super::{Failure, Peer, presentable};
use mail_net::{CertificateInfo, NetError, TlsFailure, TlsFailureKind};
use model::Timestamp;
use model::problem::Remedy;
use model::report::{Detail, DetailName, StepCode};
use std::io::ErrorKind;

/// Names of a certificate that are shown.
const NAMES_SHOWN: usize = 3;
/// Names of a certificate that are kept as a detail.
const DETAILS_SHOWN: usize = 300;

/// What a failure of the road to the server means.
pub fn net(error: &NetError, peer: &Peer<'_>) -> Failure {
    match error {
        NetError::Blocked { .. } => peer.failure("address_blocked", &[], None),
        NetError::NameNotFound { .. } | NetError::NoAddress { .. } => {
            peer.failure("name_not_found", &[], None)
        }
        NetError::DnsFailed { message, .. } => peer.failure("dns_failed", &[], Some(message)),
        NetError::Refused { .. } => peer.failure("connection_refused", &[], None),
        NetError::TimedOut { what, .. } => match *what {
            "looking up the name" => peer.failure("dns_failed", &[], None),
            "connecting" => peer.failure("connection_timed_out", &[], None),
            _ => peer
                .timed_out("the beginning of encryption")
                .at(StepCode::Tls),
        },
        NetError::Unreachable { .. } => peer.failure("network_unreachable", &[], None),
        NetError::Tls(failure) => tls(failure, peer),
        NetError::InvalidCa { message } => peer.failure("internal_error", &[], Some(message)),
        NetError::Io(error) => io(error.kind(), "the connection", peer),
    }
}

/// What a broken connection means.
pub(super) fn io(kind: ErrorKind, what: &str, peer: &Peer<'_>) -> Failure {
    match kind {
        ErrorKind::TimedOut => peer.timed_out(what),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => peer.closed(what),
        _ => peer.failure("connection_failed", &[("what", what)], None),
    }
}

fn tls(failure: &TlsFailure, peer: &Peer<'_>) -> Failure {
    let id = match failure.kind {
        TlsFailureKind::Untrusted => "certificate_untrusted",
        TlsFailureKind::SelfSigned => "certificate_self_signed",
        TlsFailureKind::NameMismatch => "certificate_name_mismatch",
        TlsFailureKind::Expired => "certificate_expired",
        TlsFailureKind::NotYetValid => "certificate_not_yet_valid",
        TlsFailureKind::NotTls => "tls_not_spoken",
        TlsFailureKind::ProtocolTooOld => "tls_too_old",
        TlsFailureKind::PinMismatch => "certificate_pin_mismatch",
        TlsFailureKind::Other if failure.certificate.is_some() => "certificate_refused",
        TlsFailureKind::Other => "tls_failed",
    };
    // These say in our words what the catalogue says better; the others have details that nothing else holds.
    let details = matches!(id, "tls_failed" | "tls_too_old" | "certificate_refused");
    let details = details.then_some(failure.message.as_str());
    let Some(certificate) = &failure.certificate else {
        return peer.failure(id, &[], details).at(StepCode::Tls);
    };
    let names = some_names(certificate);
    let until = day(certificate.not_after);
    let concrete = usable_name(certificate, peer.host);
    let facts = [
        ("names", names.as_str()),
        ("name", concrete.unwrap_or(&names)),
        ("sha256", certificate.sha256.as_str()),
        ("issuer", certificate.issuer.as_str()),
        ("until", until.as_str()),
    ];
    let mut found = peer.failure(id, &facts, details);
    found.details = certificate_details(certificate);
    if id == "certificate_name_mismatch" && concrete.is_none() {
        // A wildcard is no host: only a person knows which host is behind it.
        found.problem.remedy.action = Some("edit_host".to_owned());
    }
    let pin = format!("trust_certificate:{}", certificate.sha256);
    if found.problem.remedy.action.as_ref() != Some(&pin) {
        found.others.push(Remedy {
            text: format!(
                "If you know this server and its certificate cannot be put right, an administrator can trust exactly this one: SHA-256 {}.",
                certificate.sha256
            ),
            action: Some(pin),
            url: None,
        });
    }
    found
}

/// Whose certificate it is, for whom, from when until when, and its fingerprint.
pub(crate) fn certificate_details(certificate: &CertificateInfo) -> Vec<Detail> {
    let detail = |name, values: Vec<String>| {
        let values = values.iter().filter_map(|value| presentable(value));
        let values: Vec<String> = values.take(DETAILS_SHOWN).collect();
        (!values.is_empty()).then_some(Detail { name, values })
    };
    let validity = vec![day(certificate.not_before), day(certificate.not_after)];
    [
        detail(DetailName::Certificate, vec![certificate.sha256.clone()]),
        detail(DetailName::Issuer, vec![certificate.issuer.clone()]),
        detail(DetailName::Names, certificate.names.clone()),
        detail(DetailName::Validity, validity),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first names of the certificate, in words.
pub(crate) fn some_names(certificate: &CertificateInfo) -> String {
    let names = &certificate.names;
    match names.len() {
        0 => "no host at all".to_owned(),
        1..=NAMES_SHOWN => names.join(", "),
        more => format!(
            "{} and {} more",
            names[..NAMES_SHOWN].join(", "),
            more - NAMES_SHOWN
        ),
    }
}

/// The name that is most like the wanted host and can be used as one.
fn usable_name<'c>(certificate: &'c CertificateInfo, host: &str) -> Option<&'c str> {
    let concrete = || {
        certificate
            .names
            .iter()
            .map(String::as_str)
            .filter(|name| !name.contains('*'))
    };
    let first_label = host.split('.').next().unwrap_or(host);
    concrete()
        .find(|name| name.split('.').next() == Some(first_label))
        .or_else(|| {
            concrete().find(|name| {
                ["mail", "imap", "smtp", "pop", "mx"]
                    .iter()
                    .any(|word| name.starts_with(word))
            })
        })
        .or_else(|| concrete().next())
}

/// A date from Unix seconds, such as 2026-11-21.
pub(crate) fn day(seconds: i64) -> String {
    Timestamp(seconds.saturating_mul(1000))
        .to_string()
        .chars()
        .take(10)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Spoken;
    use super::super::tests::peer;
    use super::*;
    use model::mailbox::Auth;

    fn certificate(names: &[&str]) -> CertificateInfo {
        CertificateInfo {
            subject: "CN=x".to_owned(),
            issuer: "CN=Test".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            not_before: 0,
            not_after: 1_609_459_200,
            sha256: "ab12".to_owned(),
            self_signed: false,
        }
    }

    fn refused(kind: TlsFailureKind, names: &[&str]) -> Failure {
        let error = NetError::Tls(Box::new(TlsFailure {
            kind,
            certificate: Some(certificate(names)),
            message: "as seen".to_owned(),
        }));
        net(&error, &peer(Spoken::Imap, Auth::Password))
    }

    #[test]
    fn a_wrong_name_offers_the_name_on_the_certificate() {
        let failure = refused(
            TlsFailureKind::NameMismatch,
            &[
                "*.hoster.example",
                "www.hoster.example",
                "mail.hoster.example",
            ],
        );
        assert_eq!(
            failure.problem.remedy.action.as_deref(),
            Some("use_host:mail.hoster.example")
        );
        assert!(
            failure.problem.means.contains("www.hoster.example"),
            "{failure}"
        );
        let wildcard = refused(TlsFailureKind::NameMismatch, &["*.hoster.example"]);
        assert_eq!(wildcard.problem.remedy.action.as_deref(), Some("edit_host"));
    }

    #[test]
    fn a_refused_certificate_is_described_and_can_be_pinned_whatever_is_wrong_with_it() {
        for kind in [
            TlsFailureKind::Expired,
            TlsFailureKind::NotYetValid,
            TlsFailureKind::NameMismatch,
            TlsFailureKind::Untrusted,
            TlsFailureKind::SelfSigned,
            TlsFailureKind::PinMismatch,
        ] {
            let failure = refused(kind, &["mail.hoster.example"]);
            let actions = failure.others.iter().chain([&failure.problem.remedy]);
            let pins =
                actions.filter(|remedy| remedy.action.as_deref() == Some("trust_certificate:ab12"));
            assert_eq!(pins.count(), 1, "{kind:?}: {failure:?}");
            let named = |name| failure.details.iter().find(|detail| detail.name == name);
            assert_eq!(
                named(DetailName::Names).unwrap().values,
                ["mail.hoster.example"]
            );
            assert_eq!(
                named(DetailName::Validity).unwrap().values,
                ["1970-01-01", "2021-01-01"]
            );
            assert_eq!(named(DetailName::Issuer).unwrap().values, ["CN=Test"]);
            assert_eq!(named(DetailName::Certificate).unwrap().values, ["ab12"]);
        }
    }

    #[test]
    fn a_self_signed_certificate_can_be_pinned() {
        let failure = refused(TlsFailureKind::SelfSigned, &[]);
        assert_eq!(
            failure.problem.remedy.action.as_deref(),
            Some("trust_certificate:ab12")
        );
        assert_eq!(failure.step, StepCode::Tls);
    }

    #[test]
    fn an_expired_certificate_names_its_last_day() {
        assert!(
            refused(TlsFailureKind::Expired, &[])
                .problem
                .means
                .contains("2021-01-01")
        );
    }

    #[test]
    fn each_failure_of_the_road_has_its_own_id() {
        let host = || "mail.example.com".to_owned();
        let second = std::time::Duration::from_secs(1);
        for (error, id) in [
            (
                NetError::Blocked {
                    host: host(),
                    reason: String::new(),
                },
                "address_blocked",
            ),
            (NetError::NameNotFound { host: host() }, "name_not_found"),
            (
                NetError::DnsFailed {
                    host: host(),
                    message: "SERVFAIL".to_owned(),
                },
                "dns_failed",
            ),
            (
                NetError::Refused {
                    host: host(),
                    port: 993,
                },
                "connection_refused",
            ),
            (
                NetError::TimedOut {
                    host: host(),
                    what: "connecting",
                    after: second,
                },
                "connection_timed_out",
            ),
            (
                NetError::TimedOut {
                    host: host(),
                    what: "the TLS handshake",
                    after: second,
                },
                "timed_out",
            ),
            (
                NetError::Unreachable {
                    host: host(),
                    port: 993,
                    message: String::new(),
                },
                "network_unreachable",
            ),
            (
                NetError::Io(ErrorKind::ConnectionReset.into()),
                "server_closed",
            ),
        ] {
            assert_eq!(net(&error, &peer(Spoken::Imap, Auth::Password)).id(), id);
        }
    }
}
