//! Failures of an IMAP conversation: response codes (RFC 5530, RFC 9051 section 7.1), then well-known texts.

use super::texts::Moment;
use super::{Failure, Peer, net};
use imap_client::ImapError;
use model::report::StepCode;

/// What a failed IMAP command means.
pub fn imap(error: &ImapError, peer: &Peer<'_>) -> Failure {
    match error {
        ImapError::Net(error) => net::net(error, peer),
        ImapError::Io(error) => net::io(error.kind(), "an answer", peer),
        ImapError::Closed => peer.closed("an answer"),
        ImapError::TimedOut { what } => peer.timed_out(what),
        ImapError::NotImap { line } => peer.wrong_protocol(line),
        ImapError::Bye { text } => match peer.means(Moment::Other, text) {
            Some(id) => peer.failure(id, &[], Some(text)),
            None => peer.failure("server_unavailable", &[], Some(text)),
        },
        // BAD is about the command (RFC 9051 section 7.1.3): nobody looked at the password, unless the words say otherwise.
        ImapError::Bad {
            command,
            code,
            text,
        } if matches!(*command, "AUTHENTICATE" | "LOGIN") => {
            let id = code
                .as_deref()
                .and_then(sign_in_code)
                .or_else(|| peer.means(Moment::SignIn, text))
                .unwrap_or("command_refused");
            peer.failure(id, &[("what", "the command to sign in")], Some(text))
                .at(StepCode::Login)
        }
        ImapError::No {
            command,
            code,
            text,
        }
        | ImapError::Bad {
            command,
            code,
            text,
        } => refused(command, code.as_deref(), text, peer),
        ImapError::Limit { what } => {
            let id = if what.contains("literal") {
                "literal_too_large"
            } else {
                "server_line_too_long"
            };
            peer.failure(id, &[], Some(what))
        }
        ImapError::Protocol { what } => peer.failure("server_nonsense", &[], Some(what)),
        ImapError::StartTlsInjection => peer.failure("starttls_injection", &[], None),
        ImapError::AuthFailed {
            code,
            text,
            oauth_error,
            ..
        } => {
            let by_code = code
                .as_deref()
                .and_then(sign_in_code)
                .unwrap_or("password_refused");
            peer.sign_in_refused(by_code, text, oauth_error.as_deref())
        }
        ImapError::NoMechanism { offered } => no_mechanism(offered, peer),
        ImapError::LoginDisabled => peer.failure("login_disabled_without_tls", &[], None),
        ImapError::Unsupported { what } if *what == "STARTTLS" => {
            peer.failure("starttls_not_offered", &[], None)
        }
        ImapError::NeedsExpunge => peer.failure(
            "command_refused",
            &[("what", "to move a message safely")],
            None,
        ),
        ImapError::ReadOnly { command } => {
            peer.failure("command_refused", &[("what", command)], None)
        }
        ImapError::Unsupported { what } => peer.failure("command_refused", &[("what", what)], None),
    }
}

/// The server's refusal to let us in, told in its greeting.
pub(crate) fn greeting_refused(text: &str, peer: &Peer<'_>) -> Failure {
    let id = peer
        .means(Moment::Other, text)
        .unwrap_or("greeting_refused");
    peer.failure(id, &[], Some(text)).at(StepCode::Greeting)
}

pub(crate) fn no_mechanism(offered: &[String], peer: &Peer<'_>) -> Failure {
    let offered = offered.join(", ");
    let facts = [("offered", offered.as_str())];
    peer.failure(
        "no_common_mechanism",
        if offered.is_empty() { &[] } else { &facts },
        None,
    )
}

fn refused(command: &str, code: Option<&str>, text: &str, peer: &Peer<'_>) -> Failure {
    let opens_folder = ["SELECT", "EXAMINE", "STATUS"]
        .iter()
        .any(|name| command.contains(name));
    let reads_message = command.contains("FETCH");
    let moment = if opens_folder {
        Moment::Folder
    } else {
        Moment::Other
    };
    let by_text = peer.means(moment, text);
    // An ALERT has its meaning in the text, and so has a limit of the provider's own making.
    let id = by_text
        .or_else(|| code.and_then(command_code))
        .unwrap_or(match command {
            "STARTTLS" => "starttls_refused",
            _ if opens_folder => "folder_unreadable",
            _ if reads_message => "message_unreadable",
            _ => "command_refused",
        });
    peer.failure(id, &[("what", command)], Some(text))
}

/// What a response code means when it answers a sign-in.
fn sign_in_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "AUTHENTICATIONFAILED" => "password_refused",
        "AUTHORIZATIONFAILED" => "mailbox_not_accessible",
        "EXPIRED" => "password_expired",
        "PRIVACYREQUIRED" => "login_disabled_without_tls",
        "CONTACTADMIN" | "NOPERM" => "account_locked",
        "UNAVAILABLE" | "SERVERBUG" | "INUSE" => "sign_in_unavailable",
        "LIMIT" => "too_many_connections",
        "OVERQUOTA" => "quota_exceeded",
        "THROTTLED" => "throttled",
        "WEBALERT" => "browser_confirmation_required",
        _ => return None,
    })
}

/// What a response code means when it answers any other command.
fn command_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "NONEXISTENT" | "TRYCREATE" => "folder_missing",
        "NOPERM" | "CORRUPTION" => "folder_unreadable",
        "INUSE" => "mailbox_locked",
        "UNAVAILABLE" | "SERVERBUG" => "server_unavailable",
        "LIMIT" | "THROTTLED" => "throttled",
        "OVERQUOTA" => "quota_exceeded",
        "EXPUNGEISSUED" => "message_vanished",
        "PRIVACYREQUIRED" => "login_disabled_without_tls",
        "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" => "mailbox_not_accessible",
        "CONTACTADMIN" => "account_locked",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Spoken;
    use super::super::tests::{NOW, peer};
    use super::*;
    use model::mailbox::Auth;
    use model::problem::Retry;

    fn login(code: Option<&str>, text: &str) -> Failure {
        let error = ImapError::AuthFailed {
            mechanism: "PLAIN".to_owned(),
            code: code.map(str::to_owned),
            text: text.to_owned(),
            oauth_error: None,
        };
        imap(&error, &peer(Spoken::Imap, Auth::Password))
    }

    fn command(command: &'static str, code: Option<&str>, text: &str) -> Failure {
        let error = ImapError::No {
            command,
            code: code.map(str::to_owned),
            text: text.to_owned(),
        };
        imap(&error, &peer(Spoken::Imap, Auth::Password))
    }

    #[test]
    fn a_wrong_password_is_told_from_try_later() {
        for (code, text, id, retry) in [
            (
                Some("AUTHENTICATIONFAILED"),
                "Authentication failed.",
                "password_refused",
                Retry::AfterChange,
            ),
            (
                None,
                "LOGIN failed.",
                "password_refused",
                Retry::AfterChange,
            ),
            (
                Some("UNAVAILABLE"),
                "Temporary authentication failure.",
                "sign_in_unavailable",
                Retry::Backoff,
            ),
            (
                Some("AUTHENTICATIONFAILED"),
                "Temporary authentication failure",
                "sign_in_unavailable",
                Retry::Backoff,
            ),
            (
                Some("LIMIT"),
                "Try again",
                "too_many_connections",
                Retry::PauseUntil,
            ),
            (
                Some("EXPIRED"),
                "Too old",
                "password_expired",
                Retry::AfterChange,
            ),
            (
                Some("CONTACTADMIN"),
                "Ask",
                "account_locked",
                Retry::AfterChange,
            ),
            (
                Some("ALERT"),
                "Application-specific password required",
                "app_password_required",
                Retry::AfterChange,
            ),
            (
                Some("PRIVACYREQUIRED"),
                "No",
                "login_disabled_without_tls",
                Retry::AfterChange,
            ),
            (
                Some("AUTHORIZATIONFAILED"),
                "No",
                "mailbox_not_accessible",
                Retry::AfterChange,
            ),
        ] {
            let failure = login(code, text);
            assert_eq!(
                (failure.id(), failure.problem.retry),
                (id, retry),
                "{code:?} {text}"
            );
            assert_eq!(failure.step, StepCode::Login);
            assert_eq!(failure.problem.server_said.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_throttled_command_waits_as_long_as_the_server_said() {
        let failure = command(
            "UID FETCH",
            None,
            "Request is throttled. Suggested Backoff Time: 274000 milliseconds",
        );
        assert_eq!(failure.id(), "throttled");
        assert_eq!(failure.problem.until, Some(NOW.plus_millis(274_000)));
    }

    #[test]
    fn refused_commands_are_told_apart() {
        for (name, code, text, id) in [
            (
                "SELECT",
                Some("NONEXISTENT"),
                "Mailbox doesn't exist: x",
                "folder_missing",
            ),
            ("EXAMINE", None, "Unknown Mailbox: x", "folder_missing"),
            (
                "EXAMINE",
                Some("NOPERM"),
                "Permission denied",
                "folder_unreadable",
            ),
            ("EXAMINE", None, "no", "folder_unreadable"),
            ("UID FETCH", None, "no", "message_unreadable"),
            (
                "LIST",
                None,
                "User is authenticated but not connected.",
                "mailbox_not_accessible",
            ),
            ("APPEND", Some("OVERQUOTA"), "full", "quota_exceeded"),
            (
                "UID FETCH",
                Some("OVERQUOTA"),
                "Account exceeded command or bandwidth limits. (Failure)",
                "transfer_limit_reached",
            ),
            (
                "NOOP",
                Some("SERVERBUG"),
                "Internal error",
                "server_unavailable",
            ),
            ("CREATE", None, "no", "command_refused"),
        ] {
            assert_eq!(command(name, code, text).id(), id, "{name} {code:?} {text}");
        }
    }

    #[test]
    fn hostile_servers_get_a_name() {
        let of = |error| {
            imap(&error, &peer(Spoken::Imap, Auth::Password))
                .id()
                .to_owned()
        };
        assert_eq!(
            of(ImapError::Limit {
                what: "a literal of 4294967296 bytes".to_owned()
            }),
            "literal_too_large"
        );
        assert_eq!(
            of(ImapError::Limit {
                what: "a line".to_owned()
            }),
            "server_line_too_long"
        );
        assert_eq!(of(ImapError::StartTlsInjection), "starttls_injection");
        assert_eq!(of(ImapError::LoginDisabled), "login_disabled_without_tls");
        assert_eq!(
            of(ImapError::Unsupported { what: "STARTTLS" }),
            "starttls_not_offered"
        );
        assert_eq!(
            of(ImapError::NotImap {
                line: "+OK".to_owned()
            }),
            "wrong_protocol"
        );
    }
}
