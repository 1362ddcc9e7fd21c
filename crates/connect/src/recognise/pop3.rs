//! Failures of a POP3 conversation: response codes (RFC 2449, RFC 3206), then well-known texts.

use super::imap::no_mechanism;
use super::texts::Moment;
use super::{Failure, Peer, net};
use model::report::StepCode;
use pop3_client::Pop3Error;

/// What a failed POP3 command means.
pub fn pop3(error: &Pop3Error, peer: &Peer<'_>) -> Failure {
    match error {
        Pop3Error::Net(error) => net::net(error, peer),
        Pop3Error::Io { what, source } => net::io(source.kind(), what, peer),
        Pop3Error::Closed { what } => peer.closed(what),
        Pop3Error::TimedOut { what, .. } => peer.timed_out(what),
        Pop3Error::NotPop3 { line } => peer.wrong_protocol(line),
        Pop3Error::Nonsense { line } => peer.failure("server_nonsense", &[], Some(line)),
        Pop3Error::TooLong { what } => peer.failure("server_line_too_long", &[], Some(what)),
        Pop3Error::Refused { command, answer } => {
            refused(command, answer.code.as_deref(), &answer.text, peer)
        }
        Pop3Error::Unsupported { command: "UIDL" } => {
            peer.failure("listing_unsupported", &[], None)
        }
        Pop3Error::Unsupported { command } => {
            peer.failure("command_refused", &[("what", command)], None)
        }
        Pop3Error::StlsNotOffered => peer.failure("starttls_not_offered", &[], None),
        Pop3Error::StlsInjection => peer.failure("starttls_injection", &[], None),
        Pop3Error::NoMechanism { offered } => no_mechanism(offered, peer),
        Pop3Error::AuthFailed {
            code,
            text,
            oauth_error,
        } => {
            let by_code = code
                .as_deref()
                .and_then(sign_in_code)
                .unwrap_or("password_refused");
            peer.sign_in_refused(by_code, text, oauth_error.as_deref())
        }
        Pop3Error::Sasl(_) => peer.failure("server_not_proven", &[], None),
        Pop3Error::BadCredentials => peer.failure("credentials_unusable", &[], None),
        Pop3Error::Random(_) => peer.failure("randomness_unavailable", &[], None),
        Pop3Error::Unusable => peer.closed("an earlier answer"),
        // The list of errors may grow; a new one is named by its own words until it has an entry.
        other => peer.failure("internal_error", &[], Some(&other.to_string())),
    }
}

fn refused(command: &str, code: Option<&str>, text: &str, peer: &Peer<'_>) -> Failure {
    let id = peer
        .means(Moment::Other, text)
        .or_else(|| code.and_then(sign_in_code))
        .unwrap_or(match command {
            "the connection" => "greeting_refused",
            "STLS" => "starttls_refused",
            "RETR" | "TOP" => "message_unreadable",
            _ => "command_refused",
        });
    let failure = peer.failure(id, &[("what", command)], Some(text));
    if command == "the connection" {
        failure.at(StepCode::Greeting)
    } else {
        failure
    }
}

fn sign_in_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "AUTH" => "password_refused",
        "SYS/TEMP" => "sign_in_unavailable",
        "SYS/PERM" => "account_locked",
        "IN-USE" => "mailbox_locked",
        "LOGIN-DELAY" => "throttled",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Spoken;
    use super::super::tests::peer;
    use super::*;
    use model::mailbox::Auth;

    #[test]
    fn codes_tell_a_wrong_password_from_a_busy_mailbox() {
        for (code, text, id) in [
            (Some("AUTH"), "Authentication failed.", "password_refused"),
            (None, "Authentication failed.", "password_refused"),
            (Some("SYS/TEMP"), "x", "sign_in_unavailable"),
            (Some("IN-USE"), "x", "mailbox_locked"),
            (Some("LOGIN-DELAY"), "x", "throttled"),
            (Some("SYS/PERM"), "x", "account_locked"),
        ] {
            let error = Pop3Error::AuthFailed {
                code: code.map(str::to_owned),
                text: text.to_owned(),
                oauth_error: None,
            };
            assert_eq!(
                pop3(&error, &peer(Spoken::Pop3, Auth::Password)).id(),
                id,
                "{code:?}"
            );
        }
    }

    #[test]
    fn a_server_without_lasting_numbers_is_named() {
        let error = Pop3Error::Unsupported { command: "UIDL" };
        assert_eq!(
            pop3(&error, &peer(Spoken::Pop3, Auth::Password)).id(),
            "listing_unsupported"
        );
    }
}
