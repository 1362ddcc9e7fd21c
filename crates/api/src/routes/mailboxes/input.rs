//! Settings as they come in: two sides, with their secrets, which only ever go this way.

use crate::error::{ApiError, Result};
use crate::input::{Checks, present};
use model::mailbox::{Auth, Credentials, Incoming, Mailbox, Outgoing, Protocol, Security};
use model::{Secret, Timestamp};
use serde::Deserialize;
use std::net::IpAddr;

/// Folders that may be named.
const FOLDERS: usize = 1_000;

/// The receiving side.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncomingInput {
    /// `imap` (when left out) or `pop3`.
    #[serde(default)]
    protocol: Option<Protocol>,
    /// Host name, without scheme or port.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for protocol and security.
    #[serde(default)]
    port: Option<u16>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    security: Option<Security>,
    /// Left out: the address.
    #[serde(default)]
    username: Option<String>,
    /// Left out: `password`.
    #[serde(default)]
    auth: Option<Auth>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// The password, or with `oauth2` an access token; never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// Lets the password go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// The sending side.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutgoingInput {
    /// Host name, without scheme or port.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for the security.
    #[serde(default)]
    port: Option<u16>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    security: Option<Security>,
    /// Left out: the address.
    #[serde(default)]
    username: Option<String>,
    /// Left out: `password`.
    #[serde(default)]
    auth: Option<Auth>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// The password, or with `oauth2` an access token; never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// Lets the password go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// Both sides, as every request that has settings has them.
pub(crate) struct Sides {
    pub(crate) incoming: Option<Option<IncomingInput>>,
    pub(crate) outgoing: Option<Option<OutgoingInput>>,
    pub(crate) password: Option<Secret>,
}

/// Both sides, checked and filled in.
pub(crate) struct Settings {
    /// `None`: nothing was said about it; `Some(None)`: not wanted.
    pub(crate) incoming: Option<Option<Incoming>>,
    pub(crate) outgoing: Option<Option<Outgoing>>,
    pub(crate) credentials: Credentials,
}

impl Sides {
    /// Checks both sides and fills in what can be known: from the mailbox as it is, if there is one,
    /// else from what is usual. `address` stands in for user names.
    pub(crate) fn settle(
        self,
        address: &str,
        old: Option<&Mailbox>,
        checks: &mut Checks,
    ) -> Settings {
        let mut credentials = Credentials {
            incoming: self.password.clone(),
            outgoing: self.password,
        };
        check_secret(checks, "/password", credentials.incoming.as_ref());
        let incoming = self.incoming.map(|side| {
            side.map(|side| {
                check_secret(checks, "/incoming/password", side.password.as_ref());
                if side.password.is_some() {
                    credentials.incoming.clone_from(&side.password);
                }
                side.settle(address, old.and_then(|old| old.incoming.as_ref()), checks)
            })
        });
        let outgoing = self.outgoing.map(|side| {
            side.map(|side| {
                check_secret(checks, "/outgoing/password", side.password.as_ref());
                if side.password.is_some() {
                    credentials.outgoing.clone_from(&side.password);
                }
                side.settle(address, old.and_then(|old| old.outgoing.as_ref()), checks)
            })
        });
        if matches!(incoming, Some(None)) {
            credentials.incoming = None;
        }
        if matches!(outgoing, Some(None)) {
            credentials.outgoing = None;
        }
        Settings {
            incoming,
            outgoing,
            credentials,
        }
    }
}

impl IncomingInput {
    fn settle(self, address: &str, old: Option<&Incoming>, checks: &mut Checks) -> Incoming {
        let protocol = self.protocol.or(old.map(|old| old.protocol));
        let protocol = protocol.unwrap_or(Protocol::Imap);
        let (tls, plain) = match protocol {
            Protocol::Imap => (993, 143),
            Protocol::Pop3 => (995, 110),
        };
        let old = old.filter(|old| old.protocol == protocol);
        let (port, security) = road(
            (self.port, self.security),
            old.map(|old| (old.port, old.security)),
            |port| {
                if port == plain {
                    Security::Starttls
                } else {
                    Security::Tls
                }
            },
            |security| {
                if security == Security::Tls {
                    tls
                } else {
                    plain
                }
            },
        );
        let auth = self.auth.or(old.map(|old| old.auth));
        let auth = auth.unwrap_or(Auth::Password);
        let host = self.host.or(old.map(|old| old.host.clone()));
        let host = check_host(checks, "/incoming", host, port);
        check_plaintext(
            checks,
            "/incoming",
            &host,
            security,
            auth,
            self.allow_plaintext,
        );
        if auth == Auth::None {
            checks.refuse(
                "/incoming/auth",
                "a mailbox is read with `password` or `oauth2`",
            );
        }
        let name = self.username.or(old.map(|old| old.username.clone()));
        let pin = self.certificate_sha256;
        let kept = old.filter(|old| old.host == host);
        let pin = pin.unwrap_or_else(|| kept.and_then(|old| old.certificate_sha256.clone()));
        Incoming {
            protocol,
            port,
            security,
            username: check_username(checks, "/incoming", name, address),
            auth,
            certificate_sha256: check_pin(checks, "/incoming", pin),
            host,
        }
    }
}

impl OutgoingInput {
    fn settle(self, address: &str, old: Option<&Outgoing>, checks: &mut Checks) -> Outgoing {
        let (port, security) = road(
            (self.port, self.security),
            old.map(|old| (old.port, old.security)),
            |port| match port {
                25 | 587 | 2525 => Security::Starttls,
                _ => Security::Tls,
            },
            |security| match security {
                Security::Tls => 465,
                Security::Starttls => 587,
                Security::None => 25,
            },
        );
        let auth = self.auth.or(old.map(|old| old.auth));
        let auth = auth.unwrap_or(Auth::Password);
        let host = self.host.or(old.map(|old| old.host.clone()));
        let host = check_host(checks, "/outgoing", host, port);
        check_plaintext(
            checks,
            "/outgoing",
            &host,
            security,
            auth,
            self.allow_plaintext,
        );
        let old_name = old
            .map(|old| old.username.clone())
            .filter(|name| !name.is_empty());
        let username = match auth {
            Auth::None => String::new(),
            Auth::Password | Auth::Oauth2 => {
                check_username(checks, "/outgoing", self.username.or(old_name), address)
            }
        };
        let pin = self.certificate_sha256;
        let kept = old.filter(|old| old.host == host);
        let pin = pin.unwrap_or_else(|| kept.and_then(|old| old.certificate_sha256.clone()));
        Outgoing {
            port,
            security,
            username,
            auth,
            certificate_sha256: check_pin(checks, "/outgoing", pin),
            host,
        }
    }
}

/// Port and security, where one of them, or both, may have been left out.
fn road(
    asked: (Option<u16>, Option<Security>),
    old: Option<(u16, Security)>,
    usual_security: impl Fn(u16) -> Security,
    usual_port: impl Fn(Security) -> u16,
) -> (u16, Security) {
    match (asked, old) {
        ((Some(port), Some(security)), _) => (port, security),
        ((Some(port), None), Some((_, security))) => (port, security),
        ((Some(port), None), None) => (port, usual_security(port)),
        ((None, Some(security)), Some((port, before))) if security == before => (port, security),
        ((None, Some(security)), _) => (usual_port(security), security),
        ((None, None), Some(old)) => old,
        ((None, None), None) => (usual_port(Security::Tls), Security::Tls),
    }
}

fn check_secret(checks: &mut Checks, pointer: &str, secret: Option<&Secret>) {
    if let Some(secret) = secret {
        let text = secret.expose();
        if text.is_empty() || text.len() > 16 * 1024 {
            checks.refuse(pointer, "must have 1 to 16384 bytes");
        } else if text.contains(['\r', '\n']) {
            checks.refuse(pointer, "may not hold line breaks");
        }
    }
}

fn check_host(checks: &mut Checks, side: &str, host: Option<String>, port: u16) -> String {
    let pointer = format!("{side}/host");
    let Some(host) = host else {
        checks.refuse(pointer, "must be given");
        return String::new();
    };
    let host = host.trim();
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() {
        checks.refuse(pointer, "must not be empty");
    } else if host.contains("://") || host.contains('/') {
        checks.refuse(
            pointer,
            "is a host name alone, such as mail.example.com, without `scheme://` and path",
        );
    } else if host.contains('@') {
        checks.refuse(pointer, "is a host name, not a mail address");
    } else if host.len() > 255 || !host.chars().all(good) {
        checks.refuse(pointer, "is not a host name or an IP address");
    } else if host.contains(':') && host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
        checks.refuse(
            pointer,
            "is a host name alone: the port is a field of its own",
        );
    }
    if port == 0 {
        checks.refuse(format!("{side}/port"), "must be 1 to 65535");
    }
    host.to_owned()
}

/// Promise S1: a password goes out in plain text only where it was allowed, or to this machine.
fn check_plaintext(
    checks: &mut Checks,
    side: &str,
    host: &str,
    security: Security,
    auth: Auth,
    allowed: bool,
) {
    if security == Security::None && auth != Auth::None && !allowed && !is_this_machine(host) {
        checks.refuse(
            format!("{side}/security"),
            "without encryption anyone on the way reads the password: use `tls` or `starttls`, or say `allow_plaintext: true`",
        );
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn check_username(checks: &mut Checks, side: &str, name: Option<String>, address: &str) -> String {
    let name = name.unwrap_or_else(|| address.to_owned());
    checks.line(&format!("{side}/username"), &name, 1, 500);
    name
}

fn check_pin(checks: &mut Checks, side: &str, pin: Option<String>) -> Option<String> {
    let pin = pin?.replace(':', "").to_ascii_lowercase();
    if pin.len() != 64 || !pin.bytes().all(|b| b.is_ascii_hexdigit()) {
        let pointer = format!("{side}/certificate_sha256");
        checks.refuse(
            pointer,
            "must be a SHA-256 fingerprint: 64 hexadecimal digits",
        );
    }
    Some(pin)
}

/// Folder names as people write them.
pub(crate) fn check_folders(checks: &mut Checks, folders: Option<&[String]>) {
    let folders = folders.unwrap_or_default();
    if folders.len() > FOLDERS {
        checks.refuse(
            "/monitored_folders",
            format!("may name {FOLDERS} folders at most"),
        );
    }
    for (i, folder) in folders.iter().take(FOLDERS).enumerate() {
        checks.line(&format!("/monitored_folders/{i}"), folder, 1, 1_000);
    }
}

/// A secret that belongs to a host does not go to another one on the word of someone who may not
/// know it: once it was proven, a new host needs it again.
pub(crate) fn keep_secrets_home(old: &Mailbox, new: &Settings, checks: &mut Checks) {
    use model::mailbox::Proof::{Works, WorksWithWarnings};
    let text = "the host is another one: give the password again";
    if let (Some(before), Some(Some(after))) = (&old.incoming, &new.incoming)
        && matches!(old.receiving, Works | WorksWithWarnings)
        && weaker(
            (
                &before.host,
                before.security,
                before.certificate_sha256.as_ref(),
            ),
            (
                &after.host,
                after.security,
                after.certificate_sha256.as_ref(),
            ),
        )
        && new.credentials.incoming.is_none()
    {
        checks.refuse("/incoming/password", text);
    }
    if let (Some(before), Some(Some(after))) = (&old.outgoing, &new.outgoing)
        && matches!(old.sending, Works | WorksWithWarnings)
        && weaker(
            (
                &before.host,
                before.security,
                before.certificate_sha256.as_ref(),
            ),
            (
                &after.host,
                after.security,
                after.certificate_sha256.as_ref(),
            ),
        )
        && after.auth != Auth::None
        && new.credentials.outgoing.is_none()
    {
        checks.refuse("/outgoing/password", text);
    }
}

type Road<'a> = (&'a String, Security, Option<&'a String>);

fn weaker(before: Road<'_>, after: Road<'_>) -> bool {
    before.0 != after.0
        || (before.1 != Security::None && after.1 == Security::None)
        || (after.2.is_some() && before.2 != after.2)
}

/// The sides of a new mailbox: at least one must be given.
pub(crate) fn need_a_side(settings: &Settings) -> Result<()> {
    let nothing = |what: &str| {
        Err(ApiError::field("/incoming", what)
            .remedy("Give the settings of `incoming`, of `outgoing`, or of both."))
    };
    match (&settings.incoming, &settings.outgoing) {
        (None, None) => nothing("settings must be given: they are not yet found from the address"),
        (Some(None) | None, Some(None) | None) => nothing("a mailbox receives or sends, or both"),
        _ => Ok(()),
    }
}

/// A time in a request that may also be null.
pub(crate) type MaybeTime = Option<Option<Timestamp>>;

/// What may change about a mailbox.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeInput {
    /// New address.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// New name.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// New kind.
    #[serde(default)]
    pub(crate) kind: Option<model::mailbox::Kind>,
    /// New receiving side; null: send only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingInput>)]
    pub(crate) incoming: Option<Option<IncomingInput>>,
    /// New sending side; null: receive only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingInput>)]
    pub(crate) outgoing: Option<Option<OutgoingInput>>,
    /// New password of both sides, unless a side has its own.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    pub(crate) password: Option<Secret>,
    /// Mail from this time on is fetched; null: all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    pub(crate) fetch_since: MaybeTime,
    /// Folders to store; null: every folder but junk and trash.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) monitored_folders: Option<Option<Vec<String>>>,
}
