//! Step 3: encryption, and whose certificate it is.

use super::count;
use crate::open::Opening;
use crate::recognise::{Failure, certificate_details, day};
use crate::report::{Good, remedy};
use mail_net::TlsInfo;
use model::Timestamp;
use model::mailbox::Security;
use model::report::DetailName;
use std::time::Duration;
use tokio::time::timeout;

/// Fewer days of validity than this are worth a warning.
const WARN_DAYS: i64 = 14;
/// How long the look-up of a name from a certificate may take.
const LOOK_UP: Duration = Duration::from_secs(2);
const DAY: i64 = 24 * 3600;

pub(crate) async fn run(opening: &mut Opening<'_>, now: Timestamp) -> Result<Good, Failure> {
    if let Err(failure) = opening.secure().await {
        return Err(with_usable_name(failure, opening).await);
    }
    if opening.peer.security == Security::None {
        let (port, _) = opening.peer.spoken.ports()[0];
        return Ok(Good::did("went on without encryption, as set").but(
            "Everything can be read and changed on the way, also the password unless the sign-in keeps it here (SCRAM).",
            Some(remedy(
                format!("Use TLS on port {port}."),
                format!("use:{port}:tls"),
            )),
        ));
    }
    match opening.tls_info() {
        Some(info) => Ok(words(info, opening.is_pinned(), now)),
        // `secure` has promised it; without it nothing more is said.
        None => Err(opening.peer.failure("tls_failed", &[], None)),
    }
}

/// A name on the certificate is offered as host only where it leads to the same network: whoever sits on the way could show
/// any name.
async fn with_usable_name(mut failure: Failure, opening: &Opening<'_>) -> Failure {
    if failure.id() != "certificate_name_mismatch" {
        return failure;
    }
    let action = failure.problem.remedy.action.as_deref();
    let Some(name) = action.and_then(|action| action.strip_prefix("use_host:")) else {
        return failure;
    };
    if matches!(timeout(LOOK_UP, opening.leads_here(name)).await, Ok(true)) {
        return failure;
    }
    let text = format!(
        "Check the host: the certificate is for {name}, which does not lead to the same place as {}.",
        opening.peer.host
    );
    failure.problem.remedy = remedy(text, "edit_host");
    failure
}

fn words(info: &TlsInfo, pinned: bool, now: Timestamp) -> Good {
    let certificate = &info.certificate;
    let version = info.version.replace("TLSv", "TLS ");
    let days = (certificate.not_after - now.seconds()).div_euclid(DAY);
    let good = |validity: String| {
        let whose = if pinned {
            "the certificate is the pinned one"
        } else {
            "the certificate fits"
        };
        details(Good::did(format!("{version}; {whose}; {validity}")), info)
    };
    let contact = || {
        Some(remedy(
            "The administrator of the mail server has to renew it.",
            "contact_provider",
        ))
    };
    if days < 0 {
        // Only a pinned certificate comes this far.
        let until = day(certificate.not_after);
        return good(format!("expired on {until}")).but(
            format!("The pinned certificate was valid until {until}."),
            None,
        );
    }
    let left = match u64::try_from(days) {
        Ok(0) => "less than a day".to_owned(),
        days => count(days.unwrap_or_default(), "more day", "more days"),
    };
    if days < WARN_DAYS && !pinned {
        return good(format!("valid {left}")).but(
            format!(
                "The certificate expires on {}: valid {left}.",
                day(certificate.not_after)
            ),
            contact(),
        );
    }
    good(format!("valid {left}"))
}

fn details(good: Good, info: &TlsInfo) -> Good {
    let certificate = &info.certificate;
    let mut good = good
        .with(DetailName::TlsVersion, [info.version.as_str()])
        .with(DetailName::Cipher, [info.cipher.as_str()]);
    good.details.extend(certificate_details(certificate));
    good.with(DetailName::ChainLength, [info.chain_length.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_net::CertificateInfo;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn found(days: i64, pinned: bool) -> Good {
        let info = TlsInfo {
            version: "TLSv1.3".to_owned(),
            cipher: "x".to_owned(),
            certificate: CertificateInfo {
                subject: String::new(),
                issuer: String::new(),
                names: Vec::new(),
                not_before: 0,
                not_after: NOW.seconds() + days * DAY + 60,
                sha256: String::new(),
                self_signed: false,
            },
            chain_length: 2,
        };
        words(&info, pinned, NOW)
    }

    #[test]
    fn days_left_are_told_and_few_are_a_warning() {
        assert_eq!(
            found(61, false).did,
            "TLS 1.3; the certificate fits; valid 61 more days"
        );
        assert!(!found(61, false).warning && !found(14, false).warning && found(13, false).warning);
        assert!(found(0, false).did.ends_with("less than a day"));
        assert!(found(-10, true).warning && found(-10, true).did.contains("expired on"));
        assert!(!found(3, true).warning);
    }
}
