//! Server profiles: an administrator's settings that many mailboxes share.

use crate::Timestamp;
use crate::mailbox::{Auth, Incoming, LoginChoice, Outgoing, Protocol, Security};
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// How a profile's servers are spoken to.
    ProfileKind as "ServerProfileType" {
        /// IMAP or POP3, and SMTP.
        OtherImapPopSmtp = "other_imap_pop_smtp",
    }
}

/// The receiving server of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncomingServer {
    /// `imap` or `pop3`.
    pub protocol: Protocol,
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
    /// SHA-256 (hex) of the one certificate that is trusted instead of the chain.
    #[serde(default)]
    pub certificate_sha256: Option<String>,
}

/// The sending server of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutgoingServer {
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
    /// SHA-256 (hex) of the one certificate that is trusted instead of the chain.
    #[serde(default)]
    pub certificate_sha256: Option<String>,
}

/// What the provider of a profile allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileLimits {
    /// Connections at once; null: as usual.
    #[serde(default)]
    pub max_connections: Option<u16>,
    /// Minutes between two looks where the server does not tell of changes; null: as usual.
    #[serde(default)]
    pub poll_minutes: Option<u16>,
    /// Megabytes that one mailbox may download in a day; null: as is known of the provider.
    #[serde(default)]
    pub download_mb_per_day: Option<u32>,
    /// Megabytes that one mailbox may upload to its receiving server in a day; null: as is known of the provider.
    #[serde(default)]
    pub upload_mb_per_day: Option<u32>,
    /// Messages that may be fetched of one mailbox in a day; null: any number.
    #[serde(default)]
    pub messages_per_day: Option<u32>,
    /// Messages that one mailbox may send in a minute; null: as is known of the provider.
    #[serde(default)]
    pub sends_per_minute: Option<u32>,
    /// Recipients that one mailbox may write to in a day; null: as is known of the provider.
    #[serde(default)]
    pub recipients_per_day: Option<u32>,
}

impl ProfileLimits {
    /// These where they say something, and else those.
    #[must_use]
    pub fn over(self, those: Self) -> Self {
        Self {
            max_connections: self.max_connections.or(those.max_connections),
            poll_minutes: self.poll_minutes.or(those.poll_minutes),
            download_mb_per_day: self.download_mb_per_day.or(those.download_mb_per_day),
            upload_mb_per_day: self.upload_mb_per_day.or(those.upload_mb_per_day),
            messages_per_day: self.messages_per_day.or(those.messages_per_day),
            sends_per_minute: self.sends_per_minute.or(those.sends_per_minute),
            recipients_per_day: self.recipients_per_day.or(those.recipients_per_day),
        }
    }
}

/// A server profile as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServerProfile {
    /// `spr_…`
    pub id: String,
    /// A name that tells people which servers these are.
    pub name: String,
    /// How its servers are spoken to.
    #[serde(rename = "type")]
    pub kind: ProfileKind,
    /// The receiving server; null: its mailboxes only send.
    pub incoming: Option<IncomingServer>,
    /// The sending server; null: its mailboxes only receive.
    pub outgoing: Option<OutgoingServer>,
    /// Where the names to sign in with come from.
    pub login_format: LoginChoice,
    /// How its mailboxes sign in; each has a login of its own.
    pub auth: Auth,
    /// Addresses of these domains get this profile.
    pub domains: Vec<String>,
    /// What the provider allows.
    pub limits: ProfileLimits,
    /// New mailboxes fetch mail from this time on where they say nothing of their own; null: all.
    pub fetch_since: Option<Timestamp>,
    /// Whether new mailboxes get this profile where nothing else was found.
    pub is_default: bool,
    /// Mailboxes that use it.
    pub usage_count: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows with every change: the ETag.
    pub version: i64,
}

impl ServerProfile {
    /// The receiving side of a mailbox with this name to sign in with.
    pub fn incoming_as(&self, username: &str) -> Option<Incoming> {
        self.incoming.as_ref().map(|server| Incoming {
            protocol: server.protocol,
            host: server.host.clone(),
            port: server.port,
            security: server.security,
            username: username.to_owned(),
            auth: self.auth,
            certificate_sha256: server.certificate_sha256.clone(),
        })
    }

    /// The sending side of a mailbox with this name to sign in with.
    pub fn outgoing_as(&self, username: &str) -> Option<Outgoing> {
        self.outgoing.as_ref().map(|server| Outgoing {
            host: server.host.clone(),
            port: server.port,
            security: server.security,
            username: username.to_owned(),
            auth: self.auth,
            certificate_sha256: server.certificate_sha256.clone(),
        })
    }

    /// Whether a receiving side uses this profile's server.
    pub fn has_incoming(&self, side: &Incoming) -> bool {
        self.incoming.as_ref().is_some_and(|server| {
            (server.protocol, server.port, server.security)
                == (side.protocol, side.port, side.security)
                && server.host == side.host
                && server.certificate_sha256 == side.certificate_sha256
        })
    }

    /// Whether a sending side uses this profile's server.
    pub fn has_outgoing(&self, side: &Outgoing) -> bool {
        self.outgoing.as_ref().is_some_and(|server| {
            (server.port, server.security) == (side.port, side.security)
                && server.host == side.host
                && server.certificate_sha256 == side.certificate_sha256
        })
    }
}
