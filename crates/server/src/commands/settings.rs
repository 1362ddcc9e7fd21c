//! The flags that describe a mailbox's two sides, as `mailbox add`, `mailbox edit` and `test` take them. What they mean is
//! decided in one place, [`connect::typed`]: by the server, or here for `test`.

use super::correct::{self, Line};
use super::secrets::{self, PasswordSource};
use crate::exit::Failure;
use crate::output;
use connect::typed::{Before, Form, PortWord, Rules, SecurityWord, Settled, Side, settle};
use model::Secret;
use model::mailbox::{Auth, LoginChoice, Protocol};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the secret is called where nothing else is known.
pub const PASSWORD: &str = "Password";

/// The flags.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Mailbox settings")]
pub struct Settings {
    /// Host of the IMAP server
    #[arg(long, value_name = "HOST", conflicts_with = "pop3_host")]
    imap_host: Option<String>,
    /// Its port [default: 993, or 143 without implicit TLS]
    #[arg(long, value_name = "PORT", requires = "imap_host")]
    imap_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY", requires = "imap_host")]
    imap_security: Option<SecurityWord>,
    /// Host of the POP3 server
    #[arg(long, value_name = "HOST")]
    pop3_host: Option<String>,
    /// Its port [default: 995, or 110 without implicit TLS]
    #[arg(long, value_name = "PORT", requires = "pop3_host")]
    pop3_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY", requires = "pop3_host")]
    pop3_security: Option<SecurityWord>,
    /// Host of the sending server
    #[arg(long, value_name = "HOST")]
    smtp_host: Option<String>,
    /// Its port [default: 465, or 587 without implicit TLS]
    #[arg(long, value_name = "PORT", requires = "smtp_host")]
    smtp_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY", requires = "smtp_host")]
    smtp_security: Option<SecurityWord>,
    /// The name to sign in with [default: the address]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Where that name comes from when it is not given; `auto` tries the forms in order, once each
    #[arg(long, value_name = "email|local_part|custom|auto")]
    login_format: Option<LoginChoice>,
    /// Let the password go out without encryption where the security is none
    #[arg(long)]
    allow_plaintext: bool,
    /// Another name for sending
    #[arg(long, value_name = "NAME", requires = "smtp_host")]
    smtp_username: Option<String>,
    /// Another password for sending, from a file (its first line)
    #[arg(long, value_name = "FILE", requires = "smtp_host")]
    smtp_password_file: Option<PathBuf>,
    /// The sending server wants no sign-in
    #[arg(long, requires = "smtp_host")]
    smtp_no_sign_in: bool,
    /// The password is an OAuth 2.0 access token
    #[arg(long)]
    token_auth: bool,
    /// Trust exactly the receiving server's certificate with this SHA-256 (hex)
    #[arg(long, value_name = "SHA256")]
    incoming_certificate: Option<String>,
    /// Trust exactly the sending server's certificate with this SHA-256 (hex)
    #[arg(long, value_name = "SHA256")]
    outgoing_certificate: Option<String>,
    /// No sending
    #[arg(long, conflicts_with_all = ["smtp_host", "send_only"])]
    receive_only: bool,
    /// No receiving
    #[arg(long, conflicts_with_all = ["imap_host", "pop3_host"])]
    send_only: bool,
    #[command(flatten)]
    password: PasswordSource,
}

impl Settings {
    /// Whether a server is named.
    pub const fn has_servers(&self) -> bool {
        self.imap_host.is_some() || self.pop3_host.is_some() || self.smtp_host.is_some()
    }

    /// The receiving side as it was typed, if its server is named, or if there is one that the flags can change.
    fn incoming(&self, exists: bool) -> Option<Side> {
        let (protocol, host, port, security) = match (&self.imap_host, &self.pop3_host) {
            (Some(host), _) => (
                Some(Protocol::Imap),
                Some(host.clone()),
                self.imap_port,
                &self.imap_security,
            ),
            (None, Some(host)) => (
                Some(Protocol::Pop3),
                Some(host.clone()),
                self.pop3_port,
                &self.pop3_security,
            ),
            (None, None) => (None, None, None, &None),
        };
        let changes = self.username.is_some()
            || self.login_format.is_some()
            || self.token_auth
            || self.incoming_certificate.is_some();
        let side = (host.is_some() || (exists && changes)).then(|| Side {
            protocol,
            host,
            username: self.username.clone(),
            login_format: self.login_format,
            auth: self.token_auth.then_some(Auth::Oauth2),
            certificate_sha256: self.incoming_certificate.clone().map(Some),
            password: None,
            allow_plaintext: self.allow_plaintext,
            ..Side::default()
        });
        side.map(|side| side.in_words(word(port), security.clone()))
    }

    /// The sending side, as above.
    fn outgoing(&self, exists: bool) -> Option<Side> {
        let changes = self.username.is_some()
            || self.login_format.is_some()
            || self.token_auth
            || self.outgoing_certificate.is_some();
        let side = (self.smtp_host.is_some() || (exists && changes)).then(|| Side {
            protocol: None,
            host: self.smtp_host.clone(),
            username: self.smtp_username.clone().or_else(|| self.username.clone()),
            login_format: self.login_format,
            auth: match (self.smtp_no_sign_in, self.token_auth) {
                (true, _) => Some(Auth::None),
                (false, true) => Some(Auth::Oauth2),
                (false, false) => None,
            },
            certificate_sha256: self.outgoing_certificate.clone().map(Some),
            password: None,
            allow_plaintext: self.allow_plaintext,
            ..Side::default()
        });
        side.map(|side| side.in_words(word(self.smtp_port), self.smtp_security.clone()))
    }

    /// Both sides as they are meant, with their secrets, for a test in this process; what was put right is told. `found`:
    /// the sides of which only some things may have been said. The password is asked for when all else is good.
    ///
    /// # Errors
    /// Something cannot be meant, or a password cannot be had.
    pub fn settled(
        &self,
        address: &str,
        found: Before<'_>,
        rules: &Rules,
        prompt: &str,
        quiet: bool,
    ) -> Result<Settled, Failure> {
        let line = Line::typed();
        let mut form = Form {
            address: address.to_owned(),
            incoming: match self.send_only {
                true => Some(None),
                false => self.incoming(found.incoming.is_some()).map(Some),
            },
            outgoing: match self.receive_only {
                true => Some(None),
                false => self.outgoing(found.outgoing.is_some()).map(Some),
            },
            password: None,
        };
        let checked = settle(form.clone(), found, rules);
        if !checked.refused.is_empty() {
            return Err(correct::refused(&checked.refused, &line));
        }
        if self.needs_password() {
            form.password = Some(self.password(address, prompt)?);
        }
        if let Some(Some(side)) = &mut form.outgoing {
            side.password = self.smtp_password()?;
        }
        let mut settled = settle(form, found, rules);
        if !settled.refused.is_empty() {
            return Err(correct::refused(&settled.refused, &line));
        }
        if self.smtp_no_sign_in {
            settled.credentials.outgoing = None;
        }
        if !quiet {
            correct::tell(&json!({ "normalised": settled.normalised }), &line);
        }
        Ok(settled)
    }

    /// Whether the secret is an access token.
    pub const fn is_token(&self) -> bool {
        self.token_auth
    }

    /// Whether there is to be no sending.
    pub const fn receives_only(&self) -> bool {
        self.receive_only
    }

    /// Whether the receiving server is one of POP3.
    pub const fn names_pop3(&self) -> bool {
        self.pop3_host.is_some()
    }

    /// Whether anything is said that only matters where a server is named, or found.
    pub const fn says_anything(&self) -> bool {
        self.username.is_some()
            || self.login_format.is_some()
            || self.token_auth
            || self.incoming_certificate.is_some()
            || self.outgoing_certificate.is_some()
            || self.receive_only
            || self.send_only
            || self.password.is_named()
    }

    /// Whether a new password is meant by the flags alone.
    pub const fn names_password(&self) -> bool {
        self.password.is_named()
    }

    /// The password that both sides use unless sending has its own; asks for it where it must.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn password(&self, address: &str, what: &str) -> Result<Secret, Failure> {
        let what = if self.token_auth {
            "Access token"
        } else {
            what
        };
        self.password
            .read(&format!("{what} of {}", output::line(address)))
    }

    /// Another password for sending.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn smtp_password(&self) -> Result<Option<Secret>, Failure> {
        self.smtp_password_file
            .as_deref()
            .map(secrets::read_file)
            .transpose()
    }

    const fn needs_password(&self) -> bool {
        let receives = self.imap_host.is_some() || self.pop3_host.is_some();
        receives || !self.smtp_no_sign_in
    }

    /// Puts the sides into the body of a request, as they were typed. `exists`: the sides that are there already.
    /// `with_password` adds the secrets.
    ///
    /// # Errors
    /// A password cannot be had.
    pub fn fill(
        &self,
        body: &mut Value,
        address: &str,
        exists: (bool, bool),
        with_password: bool,
    ) -> Result<(), Failure> {
        if self.send_only {
            body["incoming"] = Value::Null;
        } else if let Some(side) = self.incoming(exists.0) {
            body["incoming"] = as_typed(&side);
        }
        if self.receive_only {
            body["outgoing"] = Value::Null;
        } else if let Some(side) = self.outgoing(exists.1) {
            body["outgoing"] = as_typed(&side);
        }
        if let Some(secret) = self.smtp_password()? {
            body["outgoing"]["password"] = json!(secret.expose());
        }
        if with_password && self.needs_password() {
            body["password"] = json!(self.password(address, PASSWORD)?.expose());
        }
        Ok(())
    }
}

fn word(port: Option<u16>) -> Option<PortWord> {
    port.map(|number| PortWord {
        number,
        typed: None,
    })
}

/// What was typed and nothing else: what is left out is for the server to know.
fn as_typed(side: &Side) -> Value {
    let ours = side.security.map(|security| security.as_str().to_owned());
    let security = side.words.security.clone().or(ours);
    let fields = json!({
        "protocol": side.protocol, "host": side.host, "port": side.port, "security": security,
        "username": side.username, "login_format": side.login_format, "auth": side.auth,
        "certificate_sha256": side.certificate_sha256,
        "allow_plaintext": side.allow_plaintext.then_some(true),
    });
    let Value::Object(mut fields) = fields else {
        return fields;
    };
    fields.retain(|_, value| !value.is_null());
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_reaches_the_server_as_it_was_typed() {
        let settings = Settings {
            imap_host: Some("imaps://imap.example.com:993".into()),
            smtp_host: Some("smtp.example.com".into()),
            smtp_port: Some(455),
            login_format: Some(LoginChoice::Auto),
            ..Settings::default()
        };
        let mut body = json!({});
        settings
            .fill(&mut body, "ann@example.com", (false, false), false)
            .unwrap();
        assert_eq!(
            body,
            json!({
                "incoming": { "protocol": "imap", "host": "imaps://imap.example.com:993", "login_format": "auto" },
                "outgoing": { "host": "smtp.example.com", "port": 455, "login_format": "auto" },
            })
        );
        let renamed = Settings {
            username: Some("ann".into()),
            ..Settings::default()
        };
        let mut body = json!({});
        renamed
            .fill(&mut body, "ann@example.com", (true, false), false)
            .unwrap();
        assert_eq!(body, json!({ "incoming": { "username": "ann" } }));
    }

    #[test]
    fn a_side_that_is_not_wanted_is_null_and_one_that_is_not_named_is_left_out() {
        let settings = Settings {
            imap_host: Some("imap.example.com".into()),
            receive_only: true,
            ..Settings::default()
        };
        let mut body = json!({});
        settings
            .fill(&mut body, "ann@example.com", (false, false), false)
            .unwrap();
        assert_eq!(body["incoming"]["host"], "imap.example.com");
        assert_eq!(body.get("outgoing"), Some(&Value::Null));
        let mut body = json!({});
        Settings::default()
            .fill(&mut body, "a@b", (true, true), false)
            .unwrap();
        assert_eq!(body, json!({}));
    }
}
