//! A server profile as it comes in. Its servers are read as those of a mailbox are.

use crate::input::{Checks, present};
use connect::detect::Address;
use connect::typed::{Before, Form, PortWord, Rules, SecurityWord, Side, settle};
use model::mailbox::{Auth, Protocol, Security};
use model::normalised::Normalised;
use model::server_profile::{IncomingServer, OutgoingServer, ServerProfile};
use serde::Deserialize;

/// Domains that a profile may name.
const DOMAINS: usize = 1_000;
/// Longest name.
const NAME: usize = 200;
/// Stands for the person who signs in: a profile has none.
const SOMEBODY: &str = "somebody";

/// The receiving server.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncomingServerInput {
    /// `imap` (when left out) or `pop3`.
    #[serde(default)]
    protocol: Option<Protocol>,
    /// Host name.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for protocol and security.
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    port: Option<PortWord>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    #[schema(value_type = Option<Security>)]
    security: Option<SecurityWord>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// Lets passwords go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// The sending server.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OutgoingServerInput {
    /// Host name.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for the security.
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    port: Option<PortWord>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    #[schema(value_type = Option<Security>)]
    security: Option<SecurityWord>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// Lets passwords go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// Both servers, checked. `None`: nothing was said; `Some(None)`: not wanted.
pub(super) struct Servers {
    pub(super) incoming: Option<Option<IncomingServer>>,
    pub(super) outgoing: Option<Option<OutgoingServer>>,
    pub(super) normalised: Vec<Normalised>,
}

/// Reads both servers.
pub(super) fn servers(
    incoming: Option<Option<IncomingServerInput>>,
    outgoing: Option<Option<OutgoingServerInput>>,
    old: Option<&ServerProfile>,
    rules: &Rules,
    checks: &mut Checks,
) -> Servers {
    let form = Form {
        address: SOMEBODY.to_owned(),
        incoming: incoming.map(|server| {
            server.map(|server| {
                Side {
                    protocol: server.protocol,
                    host: server.host,
                    certificate_sha256: server.certificate_sha256,
                    allow_plaintext: server.allow_plaintext,
                    ..Side::default()
                }
                .in_words(server.port, server.security)
            })
        }),
        outgoing: outgoing.map(|server| {
            server.map(|server| {
                Side {
                    host: server.host,
                    certificate_sha256: server.certificate_sha256,
                    allow_plaintext: server.allow_plaintext,
                    ..Side::default()
                }
                .in_words(server.port, server.security)
            })
        }),
        password: None,
    };
    let receives = old.and_then(|old| old.incoming_as(SOMEBODY));
    let sends = old.and_then(|old| old.outgoing_as(SOMEBODY));
    let before = Before {
        incoming: receives.as_ref(),
        outgoing: sends.as_ref(),
    };
    let settled = settle(form, before, rules);
    checks.refuse_all(settled.refused);
    Servers {
        incoming: settled.incoming.map(|side| {
            side.map(|side| IncomingServer {
                protocol: side.protocol,
                host: side.host,
                port: side.port,
                security: side.security,
                certificate_sha256: side.certificate_sha256,
            })
        }),
        outgoing: settled.outgoing.map(|side| {
            side.map(|side| OutgoingServer {
                host: side.host,
                port: side.port,
                security: side.security,
                certificate_sha256: side.certificate_sha256,
            })
        }),
        normalised: settled.normalised,
    }
}

/// A name that tells people something.
pub(super) fn check_name(checks: &mut Checks, name: &str) {
    checks.line("/name", name.trim(), 1, NAME);
}

/// Domains as DNS knows them.
pub(super) fn domains(checks: &mut Checks, typed: &[String]) -> Vec<String> {
    if typed.len() > DOMAINS {
        checks.refuse("/domains", format!("may name {DOMAINS} domains at most"));
    }
    let mut found = Vec::new();
    for (i, domain) in typed.iter().take(DOMAINS).enumerate() {
        let bare = domain.trim().trim_start_matches('@');
        match Address::read(&format!("{SOMEBODY}@{bare}")) {
            Ok(address) if !bare.contains('@') => {
                if !found.contains(&address.domain) {
                    found.push(address.domain);
                }
            }
            _ => checks.refuse(
                format!("/domains/{i}"),
                "is not a domain such as example.com",
            ),
        }
    }
    found
}

/// Somebody signs in to the servers of a profile.
pub(super) fn check_auth(checks: &mut Checks, auth: Option<Auth>) {
    if auth == Some(Auth::None) {
        checks.refuse("/auth", "must be `password` or `oauth2`");
    }
}
