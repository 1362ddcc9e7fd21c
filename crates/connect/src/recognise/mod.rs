//! From what a server said or a socket did to one entry of the catalogue: the same for the report and the running engine.
//!
//! Pure: no I/O, no clock. [`Peer`] says who was talked to, the recognisers say what it means, [`Failure`] carries the result.
//! Texts are matched in one table only (`texts`), the provider's own first; everything else goes by codes and types.

mod advice;
mod imap;
mod net;
mod oauth;
mod pause;
mod pop3;
mod sieve;
mod smtp;
mod texts;

pub use imap::imap;
pub(crate) use imap::{greeting_refused as imap_greeting_refused, no_mechanism};
pub use net::net;
pub(crate) use net::{certificate_details, day};
pub use pop3::pop3;
pub(crate) use sieve::sieve;
pub use smtp::{smtp, smtp_data, smtp_recipient};

use crate::problems::{self, Facts};
use crate::providers::{Providers, Table};
use model::mailbox::{Auth, Incoming, Outgoing, Protocol, Security};
use model::problem::{Problem, Remedy, Retry};
use model::report::{Detail, StepCode};
use model::{Secret, Timestamp};
use std::sync::{Arc, OnceLock};
use texts::Moment;

/// The server's words are shown up to this many characters.
const SAID_CHARS: usize = 500;

/// Why something with a mail server did not work. `Display` is plain English without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problem.means)]
pub struct Failure {
    /// What it is, and who acts now.
    pub problem: Box<Problem>,
    /// Where it showed: for sending too, this is the network step, not `smtp`.
    pub step: StepCode,
    /// Other causes, the likeliest first.
    pub others: Vec<Remedy>,
    /// What was found, for those who look closer: the certificate that was refused.
    pub details: Vec<Detail>,
}

impl Failure {
    /// One occurrence of the catalogue's entry `id`.
    pub fn new(id: &str, facts: Facts<'_>, server_said: Option<&str>) -> Self {
        let entry = problems::entry(id);
        Self {
            problem: Box::new(entry.occurred(facts, server_said.and_then(presentable))),
            step: entry.step.unwrap_or(StepCode::Capabilities),
            others: entry.others(facts),
            details: Vec::new(),
        }
    }

    /// The same, seen in another step than the entry says.
    #[must_use]
    pub fn at(mut self, step: StepCode) -> Self {
        self.step = step;
        self
    }

    /// The same with a better way out; the catalogue's own remedy becomes the first of the others.
    #[must_use]
    pub fn with_remedy(mut self, text: String, action: String) -> Self {
        let old = std::mem::replace(
            &mut self.problem.remedy,
            Remedy {
                text,
                action: Some(action),
                url: None,
            },
        );
        self.others.insert(
            0,
            Remedy {
                action: None,
                ..old
            },
        );
        self
    }

    /// The same without the secret, should the server have repeated it in any spelling.
    #[must_use]
    pub fn without(mut self, secret: &Secret) -> Self {
        if let Some(said) = &mut self.problem.server_said {
            // Half of a secret in another spelling is not recognised: a text that was cut loses its last word.
            if said.chars().count() >= SAID_CHARS {
                let whole = said.rfind(char::is_whitespace).unwrap_or(0);
                said.truncate(whole);
            }
            *said = mail_net::sasl::hide(said, secret.expose());
        }
        self
    }

    /// The catalogue's id.
    pub fn id(&self) -> &str {
        &self.problem.id
    }

    /// The id of the general problem, where the id is a provider's form of one. Decisions go by this.
    pub fn kind(&self) -> &str {
        problems::kind(&self.problem.id)
    }

    /// The catalogue's short clause.
    pub fn title(&self) -> &'static str {
        problems::entry(&self.problem.id).title
    }
}

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Reading, RFC 9051.
    Imap,
    /// Fetching, RFC 1939.
    Pop3,
    /// Sending, RFC 6409.
    Smtp,
    /// Changing what the server does by itself with incoming mail (ManageSieve, RFC 5804).
    Sieve,
}

impl Spoken {
    /// The protocol's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Smtp => "SMTP",
            Self::Sieve => "ManageSieve",
        }
    }

    /// The usual ports with their security, best first (RFC 8314).
    pub const fn ports(self) -> &'static [(u16, Security)] {
        match self {
            Self::Imap => &[(993, Security::Tls), (143, Security::Starttls)],
            Self::Pop3 => &[(995, Security::Tls), (110, Security::Starttls)],
            Self::Smtp => &[
                (465, Security::Tls),
                (587, Security::Starttls),
                (25, Security::Starttls),
            ],
            Self::Sieve => &[(4190, Security::Starttls)],
        }
    }

    const fn tls_port(self) -> u16 {
        self.ports()[0].0
    }
}

/// Whom we talk to, for the words of a failure. No secret is in it.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// What is spoken.
    pub spoken: Spoken,
    /// The host as set.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
    /// The name to sign in with.
    pub username: &'a str,
    /// What proves it.
    pub auth: Auth,
    /// The present moment, for pauses.
    pub now: Timestamp,
}

impl<'a> Peer<'a> {
    /// The receiving side.
    pub fn incoming(settings: &'a Incoming, now: Timestamp) -> Self {
        Self {
            spoken: match settings.protocol {
                Protocol::Imap => Spoken::Imap,
                Protocol::Pop3 => Spoken::Pop3,
            },
            host: &settings.host,
            port: settings.port,
            security: settings.security,
            username: &settings.username,
            auth: settings.auth,
            now,
        }
    }

    /// The sending side.
    pub fn outgoing(settings: &'a Outgoing, now: Timestamp) -> Self {
        Self {
            spoken: Spoken::Smtp,
            host: &settings.host,
            port: settings.port,
            security: settings.security,
            username: &settings.username,
            auth: settings.auth,
            now,
        }
    }

    /// The receiving side's own rules, at another port of the same host. Always encrypted: the secret was trusted to one port in the
    /// clear at most, and not to this one.
    pub fn rules_of(settings: &'a Incoming, port: u16, now: Timestamp) -> Self {
        Self {
            spoken: Spoken::Sieve,
            port,
            security: Security::Starttls,
            ..Self::incoming(settings, now)
        }
    }

    /// One occurrence of an entry, or of the provider's form of it, with this server's facts, and `more` before them.
    pub fn failure(&self, id: &str, more: Facts<'_>, server_said: Option<&str>) -> Failure {
        let id = texts::form(self.family(), self.spoken, id);
        let port = self.port.to_string();
        let other_port = self.spoken.tls_port().to_string();
        let mut facts: Vec<(&str, &str)> = more.to_vec();
        facts.extend([
            ("host", self.host),
            ("port", port.as_str()),
            ("wanted", self.spoken.name()),
            ("other_port", other_port.as_str()),
        ]);
        if !self.username.is_empty() {
            facts.push(("user", self.username));
        }
        let mut failure = Failure::new(id, &facts, server_said);
        let url = &mut failure.problem.remedy.url;
        *url = self.page(problems::kind(id)).or_else(|| url.take());
        if failure.problem.retry == Retry::PauseUntil {
            let pause = server_said
                .and_then(pause::named)
                .unwrap_or_else(|| pause::usual(problems::kind(id)));
            failure.problem.until = Some(self.now.plus_millis(pause));
        }
        let table = table();
        let providers = table.all_by_mail_host(self.host);
        advice::in_the_providers_words(failure, &table, providers, self.spoken)
    }

    /// Whose server it is, if its texts are known.
    fn family(&self) -> Option<&'static texts::Family> {
        let table = table();
        table.all_by_mail_host(self.host).find_map(texts::family)
    }

    /// The provider's own page about what the general problem `kind` asks for.
    fn page(&self, kind: &str) -> Option<String> {
        let table = table();
        let mut providers = table.all_by_mail_host(self.host);
        match kind {
            "app_password_required" | "password_refused" | "sign_in_refused_unclear" => {
                providers.find_map(|provider| provider.app_password.help_url.clone())
            }
            "imap_disabled" => providers.find_map(|provider| provider.imap_enable.help_url.clone()),
            _ => None,
        }
    }

    /// What a text of this server means: the provider's own texts first, then everybody's.
    fn means(&self, moment: Moment, text: &str) -> Option<&'static str> {
        texts::meaning(self.family(), moment, text)
    }

    /// Something else answers on this port; its first line tells what.
    fn wrong_protocol(&self, line: &str) -> Failure {
        let first = line.trim_start();
        // FTP greets with 220 as SMTP does, but says its name.
        let spoken = if first.starts_with("+OK") || first.starts_with("-ERR") {
            Some(Spoken::Pop3)
        } else if first.starts_with("* ") {
            Some(Spoken::Imap)
        } else if (first.starts_with("220") || first.starts_with("554") || first.starts_with("421"))
            && !first.to_ascii_uppercase().contains("FTP")
        {
            Some(Spoken::Smtp)
        } else {
            None
        };
        let named = match spoken {
            Some(spoken) => spoken.name(),
            None if first.starts_with("HTTP/") || first.starts_with('<') => "HTTP (a web server)",
            None if first.starts_with("SSH-") => "SSH (remote sign-in)",
            None if first.to_ascii_uppercase().contains("FTP") => "FTP (file transfer)",
            None => "something that is no mail protocol",
        };
        let failure = self.failure("wrong_protocol", &[("spoken", named)], Some(line));
        let right_port = self
            .spoken
            .ports()
            .iter()
            .any(|(port, _)| *port == self.port);
        match (self.spoken, spoken) {
            (Spoken::Smtp, Some(Spoken::Imap | Spoken::Pop3))
            | (Spoken::Imap | Spoken::Pop3, Some(Spoken::Smtp))
                if right_port =>
            {
                failure.with_remedy(
                    "Swap the hosts for receiving and for sending.".to_owned(),
                    "swap_hosts".to_owned(),
                )
            }
            _ => failure,
        }
    }

    fn timed_out(&self, what: &str) -> Failure {
        self.failure("timed_out", &[("what", what)], None)
    }

    fn closed(&self, what: &str) -> Failure {
        self.failure("server_closed", &[("what", what)], None)
    }

    /// The server refused the sign-in: texts first, because codes are the same for many causes.
    fn sign_in_refused(
        &self,
        by_code: &'static str,
        text: &str,
        oauth_error: Option<&str>,
    ) -> Failure {
        let found = self.means(Moment::SignIn, text).unwrap_or(by_code);
        // What is said of passwords says nothing about a token.
        let about_passwords = matches!(
            problems::kind(found),
            "password_refused"
                | "app_password_required"
                | "sign_in_refused_unclear"
                | "oauth_required"
        );
        let id = match oauth_error {
            _ if self.auth != Auth::Oauth2 || !about_passwords => found,
            Some(json) if oauth::lacks_permission(json) => "oauth_permission_missing",
            _ => "oauth_token_refused",
        };
        let said = match oauth_error {
            Some(json) => format!("{text} ({})", oauth::in_words(json)),
            None => text.to_owned(),
        };
        self.failure(id, &[], Some(&said)).at(StepCode::Login)
    }
}

static PROVIDERS: OnceLock<Providers> = OnceLock::new();

/// Servers are recognised by this table from now on, an administrator's own entries included; without it by the built-in
/// one. It is the process's: what a text means is the same for the report, the running engine and the outbox. The first call
/// counts.
pub fn know(providers: Providers) {
    let _ = PROVIDERS.set(providers);
}

/// What is known of providers: the built-in table with the administrator's entries.
pub(crate) fn table() -> Arc<Table> {
    PROVIDERS
        .get()
        .map_or_else(Table::built_in, Providers::current)
}

/// The server's words, bounded and without control characters; nothing if nothing is left.
pub(crate) fn presentable(text: &str) -> Option<String> {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SAID_CHARS)
        .collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

    pub(crate) fn peer(spoken: Spoken, auth: Auth) -> Peer<'static> {
        Peer {
            spoken,
            host: "mail.example.com",
            port: spoken.tls_port(),
            security: Security::Tls,
            username: "ann@example.com",
            auth,
            now: NOW,
        }
    }

    #[test]
    fn the_first_line_names_the_protocol() {
        let imap = peer(Spoken::Imap, Auth::Password);
        for (line, wanted) in [
            ("+OK Dovecot ready.", "POP3"),
            ("220 mx.example.com ESMTP Postfix", "SMTP"),
            ("220 (vsFTPd 3.0.5)", "FTP"),
            ("HTTP/1.1 400 Bad Request", "HTTP"),
            ("SSH-2.0-OpenSSH_9.9", "SSH"),
            ("\u{fffd}\u{fffd}", "no mail protocol"),
        ] {
            let imap = Peer { port: 1993, ..imap };
            let failure = imap.wrong_protocol(line);
            assert_eq!(failure.id(), "wrong_protocol");
            assert!(failure.problem.means.contains(wanted), "{line}: {failure}");
            assert_eq!(
                failure.problem.remedy.action.as_deref(),
                Some("use:993:tls")
            );
        }
    }

    #[test]
    fn the_provider_is_asked_before_everybody() {
        let at = |host: &'static str, spoken| Peer {
            host,
            ..peer(spoken, Auth::Password)
        };
        for (host, text, wanted) in [
            (
                "imap.gmail.com",
                "Invalid credentials (Failure)",
                "google.invalid_credentials",
            ),
            ("imap.mail.me.com", "Invalid credentials", "icloud.auth"),
            (
                "imap.example.com",
                "Invalid credentials",
                "password_refused",
            ),
            (
                "imap.gmail.com",
                "Application-specific password required",
                "google.app_password_required",
            ),
            (
                "imap.gmail.com",
                "words that nobody knows",
                "google.invalid_credentials",
            ),
            (
                "outlook.office365.com",
                "LOGIN failed.",
                "ms.basic_disabled",
            ),
            (
                "outlook.office365.com",
                "Temporary authentication failure",
                "sign_in_unavailable",
            ),
            (
                "imap.zoho.eu",
                "You are yet to enable IMAP for your account",
                "zoho.imap_off",
            ),
        ] {
            let failure = at(host, Spoken::Imap).sign_in_refused("password_refused", text, None);
            assert_eq!(failure.id(), wanted, "{host}: {text}");
            assert_eq!(failure.problem.server_said.as_deref(), Some(text));
        }
        let sending = at("smtp.free.fr", Spoken::Smtp);
        let failure = sending.sign_in_refused("password_refused", "no", None);
        assert_eq!(
            (failure.id(), failure.kind()),
            ("free.smtp_off", "sign_in_refused_unclear")
        );
        assert!(failure.problem.remedy.url.is_some());
        // Without a form of its own, too, a known provider has its own pages.
        let fastmail = at("imap.fastmail.com", Spoken::Imap);
        let failure = fastmail.sign_in_refused("password_refused", "no", None);
        let url = failure.problem.remedy.url.unwrap_or_default();
        assert!(url.contains("fastmail.help"), "{url}");
    }

    #[test]
    fn a_sending_server_in_the_place_of_a_reading_one_was_swapped_with_it() {
        let swapped = peer(Spoken::Imap, Auth::Password).wrong_protocol("220 smtp ready");
        assert_eq!(swapped.problem.remedy.action.as_deref(), Some("swap_hosts"));
    }

    #[test]
    fn an_oauth_error_is_decoded_for_people() {
        let json = r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
        let failure = peer(Spoken::Imap, Auth::Oauth2).sign_in_refused(
            "password_refused",
            "SASL authentication failed",
            Some(json),
        );
        assert_eq!(failure.id(), "oauth_token_refused");
        let said = failure.problem.server_said.unwrap();
        assert!(
            said.contains("status 400") && said.contains("scope https://mail.google.com/"),
            "{said}"
        );
    }

    #[test]
    fn what_a_server_says_is_bounded_and_harmless() {
        assert_eq!(presentable("\x1b[31m\r\n"), Some("[31m".to_owned()));
        assert_eq!(presentable(" \r\n "), None);
        assert_eq!(presentable(&"x".repeat(10_000)).unwrap().len(), SAID_CHARS);
    }
}
