//! Failures of a ManageSieve conversation: response codes (RFC 5804 section 1.3), then well-known texts.

use super::imap::no_mechanism;
use super::texts::Moment;
use super::{Failure, Peer, net};
use model::report::StepCode;
use sieve_client::{Refusal, RefusalCode, SieveError};

/// What a failed ManageSieve command means.
pub(crate) fn sieve(error: &SieveError, peer: &Peer<'_>) -> Failure {
    match error {
        SieveError::Net(error) => net::net(error, peer),
        SieveError::Io { what, source } => net::io(source.kind(), what, peer),
        SieveError::Closed { what } => peer.closed(what),
        SieveError::TimedOut { what, .. } => peer.timed_out(what),
        SieveError::NotManageSieve { line } => peer.wrong_protocol(line),
        SieveError::Nonsense { line } => peer.failure("server_nonsense", &[], Some(line)),
        SieveError::AnswerTooLong => {
            peer.failure("server_line_too_long", &[], Some("its answer is too long"))
        }
        SieveError::Refused { command, refusal } => refused(command, refusal, peer),
        SieveError::Bye { refusal } => refused("the connection", refusal, peer),
        SieveError::StartTlsNotOffered => peer.failure("starttls_not_offered", &[], None),
        SieveError::StartTlsInjection => peer.failure("starttls_injection", &[], None),
        SieveError::NoMechanism { offered } => no_mechanism(offered, peer),
        SieveError::AuthFailed {
            refusal,
            oauth_error,
        } => {
            let by_code = match refusal.code {
                Some(RefusalCode::TryLater) => "sign_in_unavailable",
                Some(RefusalCode::EncryptNeeded) => "login_disabled_without_tls",
                _ => "password_refused",
            };
            peer.sign_in_refused(by_code, &refusal.text, oauth_error.as_deref())
        }
        SieveError::Sasl(_) => peer.failure("server_not_proven", &[], None),
        SieveError::Random(_) => peer.failure("randomness_unavailable", &[], None),
        SieveError::Unusable => peer.closed("an earlier answer"),
        SieveError::NotOffered { command } => {
            peer.failure("command_refused", &[("what", command)], None)
        }
        SieveError::TooLarge { .. } => {
            peer.failure("server_reply_refused", &[], Some(&error.to_string()))
        }
        // The list of errors may grow; a new one is named by its own words until it has an entry.
        other => peer.failure("internal_error", &[], Some(&other.to_string())),
    }
}

fn refused(command: &str, refusal: &Refusal, peer: &Peer<'_>) -> Failure {
    let by_command = match command {
        "the connection" => "greeting_refused",
        "STARTTLS" => "starttls_refused",
        "PUTSCRIPT" | "CHECKSCRIPT" | "SETACTIVE" => "server_reply_refused",
        _ => "command_refused",
    };
    let id = match refusal.code {
        Some(RefusalCode::TryLater) => "throttled",
        _ => peer
            .means(Moment::Other, &refusal.text)
            .unwrap_or(by_command),
    };
    let failure = peer.failure(id, &[("what", command)], Some(&refusal.text));
    if command == "the connection" {
        failure.at(StepCode::Greeting)
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spoken;
    use super::super::tests::peer;
    use super::*;
    use model::mailbox::Auth;

    #[test]
    fn codes_and_commands_tell_refusals_apart() {
        let peer = peer(Spoken::Sieve, Auth::Password);
        let refusal = |code: Option<RefusalCode>| Refusal {
            code,
            text: "x".to_owned(),
        };
        for (code, id) in [
            (None, "password_refused"),
            (Some(RefusalCode::TryLater), "sign_in_unavailable"),
            (
                Some(RefusalCode::EncryptNeeded),
                "login_disabled_without_tls",
            ),
        ] {
            let error = SieveError::AuthFailed {
                refusal: refusal(code),
                oauth_error: None,
            };
            assert_eq!(sieve(&error, &peer).id(), id);
        }
        for (command, code, id) in [
            (
                "PUTSCRIPT",
                Some(RefusalCode::Quota),
                "server_reply_refused",
            ),
            ("STARTTLS", None, "starttls_refused"),
            ("LISTSCRIPTS", None, "command_refused"),
            ("LISTSCRIPTS", Some(RefusalCode::TryLater), "throttled"),
        ] {
            let error = SieveError::Refused {
                command,
                refusal: refusal(code),
            };
            assert_eq!(sieve(&error, &peer).id(), id, "{command}");
        }
    }
}
