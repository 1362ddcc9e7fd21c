//! Failures of sending: reply codes (RFC 5321 4.2), enhanced codes (RFC 3463, RFC 4954), then well-known texts.

use super::imap::no_mechanism;
use super::texts::Moment;
use super::{Failure, Peer, net};
use crate::problems;
use model::mailbox::Auth;
use model::report::StepCode;
use smtp_client::{Reply, SmtpError};

/// What a failed SMTP command means. None of these says that a message may have been sent.
pub fn smtp(error: &SmtpError, peer: &Peer<'_>) -> Failure {
    match error {
        SmtpError::Net(error) => net::net(error, peer),
        SmtpError::Io { what, source } => net::io(source.kind(), what, peer),
        SmtpError::Closed { what } => peer.closed(what),
        SmtpError::TimedOut { what, .. } => peer.timed_out(what),
        SmtpError::NotSmtp { line } => peer.wrong_protocol(line),
        SmtpError::Nonsense { line } => peer.failure("server_nonsense", &[], Some(line)),
        SmtpError::ReplyTooLong => peer.failure("server_line_too_long", &[], None),
        SmtpError::Refused { command, reply } => refused(command, reply, peer),
        SmtpError::ServiceClosing { reply } => {
            let said = reply.to_string();
            let id = peer
                .means(Moment::Sending, &said)
                .unwrap_or("server_unavailable");
            peer.failure(id, &[], Some(&said))
        }
        SmtpError::StartTlsNotOffered => peer.failure("starttls_not_offered", &[], None),
        SmtpError::StartTlsInjection => peer.failure("starttls_injection", &[], None),
        SmtpError::NoMechanism { offered } => no_mechanism(offered, peer),
        SmtpError::AuthFailed {
            code,
            enhanced,
            text,
            oauth_error,
        } => sign_in(
            *code,
            enhanced.as_deref(),
            text,
            oauth_error.as_deref(),
            peer,
        ),
        SmtpError::Sasl(_) => peer.failure("server_not_proven", &[], None),
        SmtpError::Random(_) => peer.failure("randomness_unavailable", &[], None),
        SmtpError::BadAddress { address, .. } => {
            peer.failure("address_unusable", &[("address", address)], None)
        }
        SmtpError::NoRecipients => peer.failure(
            "address_unusable",
            &[("address", "without any recipient")],
            None,
        ),
        SmtpError::BadClientName { name } => peer.failure("hello_refused", &[], Some(name)),
        SmtpError::TooLarge { limit, .. } => {
            let limit = format!("{limit} bytes");
            peer.failure("smtp_size_refused", &[("limit", &limit)], None)
        }
        SmtpError::NeedsSmtpUtf8 => peer.failure(
            "smtp_feature_missing",
            &[("what", "letters beyond ASCII in addresses (SMTPUTF8)")],
            None,
        ),
        SmtpError::NeedsEightBitMime => peer.failure(
            "smtp_feature_missing",
            &[("what", "8-bit text (8BITMIME)")],
            None,
        ),
        SmtpError::NeedsTls | SmtpError::NeedsRequireTls => peer.failure(
            "smtp_feature_missing",
            &[("what", "TLS all the way to the recipient (REQUIRETLS)")],
            None,
        ),
        SmtpError::ChunkingUnusable { reply } => {
            peer.failure("server_nonsense", &[], Some(&reply.to_string()))
        }
        SmtpError::ConnectionSpent { .. } => peer.failure("server_unavailable", &[], None),
        SmtpError::Body(_) => peer.failure("store_unavailable", &[], None),
        SmtpError::Unusable => peer.closed("an earlier answer"),
        // The list of errors may grow; a new one is named by its own words until it has an entry.
        other => peer.failure("internal_error", &[], Some(&other.to_string())),
    }
}

/// What the server's refusal of one recipient means.
pub fn smtp_recipient(address: &str, reply: &Reply, peer: &Peer<'_>) -> Failure {
    let said = reply.to_string();
    let id =
        peer.means_after_sign_in(&said)
            .unwrap_or(match (reply.code, reply.enhanced.as_deref()) {
                (530, _) => "smtp_auth_required",
                // "Delivery not authorized" (RFC 3463 section 3.8) without more words: of one who signed in, what is refused is to
                // pass this on. It says nothing about the sign-in.
                (550 | 554, Some("5.7.1")) if peer.auth != Auth::None => "smtp_relay_refused",
                (_, Some("5.2.2" | "4.2.2")) => {
                    if reply.is_permanent() {
                        "smtp_recipient_refused"
                    } else {
                        "smtp_recipient_deferred"
                    }
                }
                (450 | 451, Some("4.7.1" | "4.7.0" | "4.2.0")) => "smtp_greylisted",
                _ if reply.is_temporary() => "smtp_recipient_deferred",
                _ => "smtp_recipient_refused",
            });
    peer.failure(id, &[("address", address)], Some(&said))
        .at(StepCode::Send)
}

/// What the server's refusal of the message itself means.
pub fn smtp_data(reply: &Reply, peer: &Peer<'_>) -> Failure {
    let said = reply.to_string();
    let id =
        peer.means_after_sign_in(&said)
            .unwrap_or(match (reply.code, reply.enhanced.as_deref()) {
                (_, Some("5.3.4" | "5.2.3")) => "smtp_size_refused",
                (_, Some("5.2.2" | "4.2.2")) => "quota_exceeded",
                (530, _) => "smtp_auth_required",
                (552, _) => "smtp_size_refused",
                _ if reply.is_temporary() => "server_unavailable",
                _ => "smtp_message_refused",
            });
    peer.failure(id, &[], Some(&said)).at(StepCode::Send)
}

impl Peer<'_> {
    /// What a text says to a sender. Postfix refuses with "Client host rejected: Access denied" everybody who did not sign in;
    /// whoever did has no blocked address, but may not send this through there.
    fn means_after_sign_in(&self, said: &str) -> Option<&'static str> {
        let denied = || {
            let said = said.to_ascii_lowercase();
            said.contains("client host rejected") && said.contains("access denied")
        };
        match self.means(Moment::Sending, said) {
            Some("smtp_address_blocked") if self.auth != Auth::None && denied() => {
                Some("smtp_relay_refused")
            }
            found => found,
        }
    }
}

fn refused(command: &str, reply: &Reply, peer: &Peer<'_>) -> Failure {
    let said = reply.to_string();
    let by_text = peer.means(Moment::Sending, &said);
    let (id, step) = match command {
        "the connection" => (by_text.unwrap_or("greeting_refused"), StepCode::Greeting),
        "EHLO" | "HELO" => (by_text.unwrap_or("hello_refused"), StepCode::Capabilities),
        "STARTTLS" => (by_text.unwrap_or("starttls_refused"), StepCode::Tls),
        "MAIL" => {
            let by_text = peer.means_after_sign_in(&said);
            let id = by_text.unwrap_or(match (reply.code, reply.enhanced.as_deref()) {
                (530, _) => "smtp_auth_required",
                (552, _) | (_, Some("5.3.4")) => "smtp_size_refused",
                (_, Some("5.2.2" | "4.2.2")) => "quota_exceeded",
                _ if reply.is_temporary() => "server_unavailable",
                _ => "smtp_sender_refused",
            });
            (id, StepCode::Send)
        }
        _ if reply.is_temporary() => (by_text.unwrap_or("server_unavailable"), StepCode::Send),
        _ => (by_text.unwrap_or("command_refused"), StepCode::Send),
    };
    peer.failure(id, &[("what", command)], Some(&said)).at(step)
}

fn sign_in(
    code: u16,
    enhanced: Option<&str>,
    text: &str,
    oauth_error: Option<&str>,
    peer: &Peer<'_>,
) -> Failure {
    let by_code = match (code, enhanced) {
        (_, Some("5.7.30")) => "oauth_required",
        (_, Some("5.7.139")) => "smtp_auth_disabled",
        (_, Some("5.7.9")) => "app_password_required",
        (_, Some("5.7.11")) | (538, _) | (530, _) => "login_disabled_without_tls",
        (432, Some("4.3.2")) => "too_many_connections",
        (502 | 504, _) => "no_common_mechanism",
        // RFC 4954 section 4: malformed, unknown or out of turn. Nobody looked at the password.
        (500 | 501 | 503, _) => "command_refused",
        (400..500, _) => "sign_in_unavailable",
        _ => "password_refused",
    };
    let said = format!(
        "{code} {}{text}",
        enhanced.map(|code| format!("{code} ")).unwrap_or_default()
    );
    // The code has the last word where the text is about passwords in general.
    let by_text = peer.means(Moment::SignIn, &said);
    if by_text.is_some_and(|id| problems::kind(id) == "password_refused")
        && by_code != "password_refused"
    {
        return peer.failure(by_code, &[], Some(&said)).at(StepCode::Login);
    }
    let mut failure = peer.sign_in_refused(by_code, text, oauth_error);
    if oauth_error.is_none() {
        failure.problem.server_said = super::presentable(&said);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::super::Spoken;
    use super::super::tests::peer;
    use super::*;

    fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
        Reply {
            code,
            enhanced: (!enhanced.is_empty()).then(|| enhanced.to_owned()),
            text: text.to_owned(),
        }
    }

    #[test]
    fn refused_sign_ins_are_told_apart() {
        for (code, enhanced, text, id) in [
            (
                535,
                "5.7.8",
                "Error: authentication failed:",
                "password_refused",
            ),
            (
                535,
                "5.7.8",
                "Username and Password not accepted.",
                "password_refused",
            ),
            (
                534,
                "5.7.9",
                "Application-specific password required.",
                "app_password_required",
            ),
            (
                535,
                "5.7.139",
                "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
                "smtp_auth_disabled",
            ),
            (
                535,
                "5.7.139",
                "Authentication unsuccessful, basic authentication is disabled.",
                "oauth_required",
            ),
            (
                550,
                "5.7.30",
                "Basic authentication is not supported for Client Submission.",
                "oauth_required",
            ),
            (
                454,
                "4.7.0",
                "Temporary authentication failure: Connection lost",
                "sign_in_unavailable",
            ),
            (454, "4.7.0", "authentication failed", "sign_in_unavailable"),
            (
                530,
                "5.7.0",
                "Must issue a STARTTLS command first",
                "login_disabled_without_tls",
            ),
            (
                538,
                "",
                "Encryption required for requested authentication mechanism",
                "login_disabled_without_tls",
            ),
            (535, "", "no", "password_refused"),
            (
                501,
                "5.5.4",
                "Cannot decode AUTH parameter",
                "command_refused",
            ),
            (
                504,
                "5.5.4",
                "Unrecognized authentication type",
                "no_common_mechanism",
            ),
        ] {
            let error = SmtpError::AuthFailed {
                code,
                enhanced: (!enhanced.is_empty()).then(|| enhanced.to_owned()),
                text: text.to_owned(),
                oauth_error: None,
            };
            let failure = smtp(&error, &peer(Spoken::Smtp, Auth::Password));
            assert_eq!(failure.id(), id, "{code} {enhanced} {text}");
            assert!(
                failure
                    .problem
                    .server_said
                    .is_some_and(|said| said.starts_with(&code.to_string()))
            );
        }
    }

    #[test]
    fn a_refused_token_is_not_a_wrong_password() {
        let error = SmtpError::AuthFailed {
            code: 535,
            enhanced: Some("5.7.8".to_owned()),
            text: "Username and Password not accepted".to_owned(),
            oauth_error: Some(r#"{"status":"400"}"#.to_owned()),
        };
        assert_eq!(
            smtp(&error, &peer(Spoken::Smtp, Auth::Oauth2)).id(),
            "oauth_token_refused"
        );
    }

    #[test]
    fn recipients_are_refused_put_off_or_greylisted() {
        for (code, enhanced, text, id) in [
            (550, "5.1.1", "no such user", "smtp_recipient_refused"),
            (552, "5.2.2", "mailbox is full", "smtp_recipient_refused"),
            (
                450,
                "4.2.0",
                "greylisted, come back later",
                "smtp_greylisted",
            ),
            (450, "4.7.1", "try later", "smtp_greylisted"),
            (451, "4.3.0", "try later", "smtp_recipient_deferred"),
            (
                554,
                "5.7.1",
                "<x@y>: Relay access denied",
                "smtp_relay_refused",
            ),
            (
                553,
                "5.7.1",
                "Sender address rejected: not owned by user x",
                "smtp_sender_refused",
            ),
            (550, "5.7.1", "no", "smtp_relay_refused"),
            (
                554,
                "5.7.1",
                "<host[192.0.2.1]>: Client host rejected: Access denied",
                "smtp_relay_refused",
            ),
        ] {
            let failure = smtp_recipient(
                "bob@example.org",
                &reply(code, enhanced, text),
                &peer(Spoken::Smtp, Auth::Password),
            );
            assert_eq!(failure.id(), id, "{text}");
            assert_eq!(failure.step, StepCode::Send);
        }
    }

    #[test]
    fn a_refused_message_is_too_large_or_unwanted() {
        for (code, enhanced, id) in [
            (552, "5.3.4", "smtp_size_refused"),
            (554, "5.7.1", "smtp_message_refused"),
            (451, "4.3.0", "server_unavailable"),
        ] {
            assert_eq!(
                smtp_data(
                    &reply(code, enhanced, "no"),
                    &peer(Spoken::Smtp, Auth::Password)
                )
                .id(),
                id
            );
        }
    }

    #[test]
    fn a_host_that_did_not_sign_in_may_be_blocked() {
        let said = "<host[192.0.2.1]>: Client host rejected: Access denied";
        let nobody = peer(Spoken::Smtp, Auth::None);
        let failure = smtp_recipient("bob@example.org", &reply(554, "5.7.1", said), &nobody);
        assert_eq!(failure.id(), "smtp_address_blocked");
    }
}
