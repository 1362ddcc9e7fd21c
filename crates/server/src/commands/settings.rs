//! The flags that describe a mailbox's two sides, as `mailbox add`, `mailbox edit` and `test` take them.

use super::secrets::{self, PasswordSource};
use crate::exit::Failure;
use model::mailbox::{Auth, Incoming, Outgoing, Protocol, Security};
use model::{Secret, mailbox::Credentials};
use serde_json::{Value, json};
use std::path::PathBuf;

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
    imap_security: Option<Security>,
    /// Host of the POP3 server
    #[arg(long, value_name = "HOST")]
    pop3_host: Option<String>,
    /// Its port [default: 995, or 110 without implicit TLS]
    #[arg(long, value_name = "PORT", requires = "pop3_host")]
    pop3_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY", requires = "pop3_host")]
    pop3_security: Option<Security>,
    /// Host of the sending server
    #[arg(long, value_name = "HOST")]
    smtp_host: Option<String>,
    /// Its port [default: 465, or 587 without implicit TLS]
    #[arg(long, value_name = "PORT", requires = "smtp_host")]
    smtp_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY", requires = "smtp_host")]
    smtp_security: Option<Security>,
    /// The name to sign in with [default: the address]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
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

    /// The receiving side, if its server is named.
    pub fn incoming(&self, address: &str) -> Option<Incoming> {
        let (protocol, host, port, security, ports) = if let Some(host) = &self.imap_host {
            (
                Protocol::Imap,
                host,
                self.imap_port,
                self.imap_security,
                (993, 143),
            )
        } else {
            let host = self.pop3_host.as_ref()?;
            (
                Protocol::Pop3,
                host,
                self.pop3_port,
                self.pop3_security,
                (995, 110),
            )
        };
        let (port, security) = port_and_security(port, security, ports);
        Some(Incoming {
            protocol,
            host: host.clone(),
            port,
            security,
            username: self.username.clone().unwrap_or_else(|| address.to_owned()),
            auth: if self.token_auth {
                Auth::Oauth2
            } else {
                Auth::Password
            },
            certificate_sha256: self.incoming_certificate.clone(),
        })
    }

    /// The sending side, if its server is named.
    pub fn outgoing(&self, address: &str) -> Option<Outgoing> {
        let host = self.smtp_host.clone()?;
        let (port, security) = port_and_security(self.smtp_port, self.smtp_security, (465, 587));
        let username = self.smtp_username.as_ref().or(self.username.as_ref());
        let (username, auth) = match (self.smtp_no_sign_in, self.token_auth) {
            (true, _) => (String::new(), Auth::None),
            (false, token) => (
                username.cloned().unwrap_or_else(|| address.to_owned()),
                if token { Auth::Oauth2 } else { Auth::Password },
            ),
        };
        Some(Outgoing {
            host,
            port,
            security,
            username,
            auth,
            certificate_sha256: self.outgoing_certificate.clone(),
        })
    }

    /// Both sides as they were found, with what the flags say beside a server.
    pub fn over(
        &self,
        incoming: Option<Incoming>,
        outgoing: Option<Outgoing>,
    ) -> (Option<Incoming>, Option<Outgoing>) {
        let incoming = incoming.filter(|_| !self.send_only).map(|mut side| {
            if let Some(name) = &self.username {
                side.username.clone_from(name);
            }
            if self.token_auth {
                side.auth = Auth::Oauth2;
            }
            side
        });
        let outgoing = outgoing.filter(|_| !self.receive_only).map(|mut side| {
            if let Some(name) = self.smtp_username.as_ref().or(self.username.as_ref()) {
                side.username.clone_from(name);
            }
            if self.token_auth {
                side.auth = Auth::Oauth2;
            }
            side
        });
        (incoming, outgoing)
    }

    /// Whether a new password is meant by the flags alone.
    pub const fn names_password(&self) -> bool {
        self.password.is_named()
    }

    /// The password that both sides use unless sending has its own; asks for it where it must.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn password(&self, address: &str) -> Result<Secret, Failure> {
        let what = if self.token_auth {
            "Access token"
        } else {
            "Password"
        };
        self.password
            .read(&format!("{what} of {}", crate::output::line(address)))
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

    /// The secrets for a test in this process.
    ///
    /// # Errors
    /// A password cannot be had.
    pub fn credentials(&self, address: &str) -> Result<Credentials, Failure> {
        let password = if self.needs_password() {
            Some(self.password(address)?)
        } else {
            None
        };
        let outgoing = self.smtp_password()?.or_else(|| password.clone());
        Ok(Credentials {
            incoming: password,
            outgoing: if self.smtp_no_sign_in { None } else { outgoing },
        })
    }

    const fn needs_password(&self) -> bool {
        let receives = self.imap_host.is_some() || self.pop3_host.is_some();
        receives || !self.smtp_no_sign_in
    }

    /// Puts the sides into the body of a request. `with_password` adds the secrets.
    ///
    /// # Errors
    /// A password cannot be had.
    pub fn fill(
        &self,
        body: &mut Value,
        address: &str,
        with_password: bool,
    ) -> Result<(), Failure> {
        if self.send_only {
            body["incoming"] = Value::Null;
        } else if let Some(incoming) = self.incoming(address) {
            body["incoming"] = json!(incoming);
        }
        if self.receive_only {
            body["outgoing"] = Value::Null;
        } else if let Some(outgoing) = self.outgoing(address) {
            body["outgoing"] = json!(outgoing);
        }
        if let Some(secret) = self.smtp_password()? {
            body["outgoing"]["password"] = json!(secret.expose());
        }
        if with_password && self.needs_password() {
            body["password"] = json!(self.password(address)?.expose());
        }
        Ok(())
    }
}

/// Fills in the port by the security, or the security by the port. `usual` is (implicit TLS, otherwise).
fn port_and_security(
    port: Option<u16>,
    security: Option<Security>,
    usual: (u16, u16),
) -> (u16, Security) {
    match (port, security) {
        (Some(port), Some(security)) => (port, security),
        (None, Some(Security::Tls) | None) => (usual.0, Security::Tls),
        (None, Some(security)) => (usual.1, security),
        // Port 25 is for servers among each other, but some submit there.
        (Some(port), None) if port == usual.1 || port == 25 => (port, Security::Starttls),
        (Some(port), None) => (port, Security::Tls),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_and_the_security_follow_each_other() {
        let imap = (993, 143);
        assert_eq!(port_and_security(None, None, imap), (993, Security::Tls));
        assert_eq!(
            port_and_security(Some(143), None, imap),
            (143, Security::Starttls)
        );
        assert_eq!(
            port_and_security(None, Some(Security::Starttls), imap),
            (143, Security::Starttls)
        );
        assert_eq!(
            port_and_security(Some(1993), None, imap),
            (1993, Security::Tls)
        );
        assert_eq!(
            port_and_security(Some(25), None, (465, 587)),
            (25, Security::Starttls)
        );
        assert_eq!(
            port_and_security(Some(143), Some(Security::None), imap),
            (143, Security::None)
        );
    }

    #[test]
    fn a_side_that_is_not_wanted_is_null_and_one_that_is_not_named_is_left_out() {
        let settings = Settings {
            imap_host: Some("imap.example.com".into()),
            receive_only: true,
            ..Settings::default()
        };
        let mut body = json!({});
        settings.fill(&mut body, "ann@example.com", false).unwrap();
        assert_eq!(body["incoming"]["username"], "ann@example.com");
        assert_eq!(body["incoming"]["port"], 993);
        assert_eq!(body.get("outgoing"), Some(&Value::Null));
        let mut body = json!({});
        Settings::default().fill(&mut body, "a@b", false).unwrap();
        assert_eq!(body, json!({}));
    }
}
