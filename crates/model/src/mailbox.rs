//! A mailbox: its settings and the four independent facts about it.

use crate::text_enum::text_enum;
use crate::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

text_enum! {
    /// Whose mailbox it is.
    Kind as "MailboxKind" { Personal = "personal", Group = "group", Shared = "shared", Certified = "certified", Sandbox = "sandbox" }
}

text_enum! {
    /// What a mailbox belongs to.
    OwnerKind {
        /// A person.
        User = "user",
        /// A queue of work that several people take from.
        Queue = "queue",
    }
}

/// Who or what a mailbox belongs to, in the application's own words: Postroom keeps and filters it, and grants nothing by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// A user or a queue.
    pub kind: OwnerKind,
    /// The application's name or id of it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
}

text_enum! {
    /// What people decided about the mailbox.
    Lifecycle {
        Draft = "draft", AwaitingApproval = "awaiting_approval", Enabled = "enabled",
        Paused = "paused", Disabled = "disabled",
    }
}

text_enum! {
    /// The last proof of one side's settings.
    Proof { Untested = "untested", Works = "works", WorksWithWarnings = "works_with_warnings", Fails = "fails" }
}

text_enum! {
    /// What the connection is doing now.
    ConnectionState {
        /// The server tells us of changes at once.
        Live = "live",
        /// We look at intervals.
        Polling = "polling",
        /// A connection is being made.
        Connecting = "connecting",
        /// Something failed; the next try comes by itself at `until`.
        Waiting = "waiting",
        /// A person has to act.
        Held = "held",
        /// The provider asked us to slow down until a time.
        Limited = "limited",
        /// Not wanted now.
        Off = "off",
    }
}

text_enum! {
    /// How complete our copy is.
    CoverageState { None = "none", Filling = "filling", Complete = "complete", Holes = "holes" }
}

text_enum! {
    /// How the bytes are protected.
    Security { Tls = "tls", Starttls = "starttls", None = "none" }
}

text_enum! {
    /// The protocol of the receiving side.
    Protocol { Imap = "imap", Pop3 = "pop3" }
}

text_enum! {
    /// How we sign in.
    Auth { Password = "password", Oauth2 = "oauth2", None = "none" }
}

text_enum! {
    /// Where the name to sign in with comes from.
    LoginChoice {
        /// The full address.
        Email = "email",
        /// What stands before the @.
        LocalPart = "local_part",
        /// A name that was typed.
        Custom = "custom",
        /// Tried in order, once each, until one is accepted.
        Auto = "auto",
    }
}

impl Default for LoginChoice {
    /// Settings that were saved have the name that works.
    fn default() -> Self {
        Self::Custom
    }
}

impl LoginChoice {
    /// The names to try, in order, none twice and never more than three: more tries would lock accounts.
    pub fn names(self, address: &str, typed: &str) -> Vec<String> {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let in_order: &[&str] = match self {
            Self::Email => &[address],
            Self::LocalPart => &[local],
            Self::Custom => &[typed],
            Self::Auto => &[typed, address, local],
        };
        let mut names: Vec<String> = Vec::with_capacity(in_order.len());
        for name in in_order.iter().map(|name| name.trim()) {
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// Where the name to sign in with comes from, on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LoginFormats)]
pub struct Logins {
    /// For receiving.
    #[serde(default)]
    pub incoming: LoginChoice,
    /// For sending.
    #[serde(default)]
    pub outgoing: LoginChoice,
}

impl Logins {
    /// Where names are still to be found after a test: what works is found.
    #[must_use]
    pub fn found(self, receiving: Proof, sending: Proof) -> Self {
        let after = |choice: LoginChoice, proof: Proof| match proof {
            Proof::Works | Proof::WorksWithWarnings => LoginChoice::Custom,
            Proof::Untested | Proof::Fails => choice,
        };
        Self {
            incoming: after(self.incoming, receiving),
            outgoing: after(self.outgoing, sending),
        }
    }
}

/// Settings of the receiving side. The secret is kept apart, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Incoming {
    /// `imap` or `pop3`.
    pub protocol: Protocol,
    /// Host name, without scheme or port.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
    /// The name to sign in with.
    pub username: String,
    /// `password` or `oauth2`.
    pub auth: Auth,
    /// SHA-256 (hex) of the one certificate that is trusted instead of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
}

/// Settings of the sending side. The secret is kept apart, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outgoing {
    /// Host name, without scheme or port.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
    /// The name to sign in with; empty with `auth: none`.
    pub username: String,
    /// `password`, `oauth2` or `none`.
    pub auth: Auth,
    /// SHA-256 (hex) of the one certificate that is trusted instead of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
}

/// The two secrets of a mailbox: a password, or with `oauth2` an access token.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// For the receiving side.
    pub incoming: Option<Secret>,
    /// For the sending side.
    pub outgoing: Option<Secret>,
}

/// What the connection is doing, with the proof of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Connection {
    /// The state.
    pub state: ConnectionState,
    /// When the server last answered us.
    pub proven_alive_at: Option<Timestamp>,
    /// Since when the state has held.
    pub since: Option<Timestamp>,
    /// `waiting` and `limited`: when the next try comes.
    pub until: Option<Timestamp>,
    /// The problem that stands in the way.
    pub problem_id: Option<String>,
}

/// How complete our copy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Coverage {
    /// The state.
    pub state: CoverageState,
    /// Messages stored.
    pub done: i64,
    /// Messages that there are to store.
    pub total: i64,
    /// Mail from this time on is there.
    pub since: Option<Timestamp>,
    /// Messages that could not be stored (the ledger of failures).
    pub holes: i64,
    /// Until when filling waits, because the provider's limit by the day is used up; null: it does not wait.
    #[serde(default)]
    pub waits_until: Option<Timestamp>,
    /// Why it waits: a problem of the catalogue.
    #[serde(default)]
    pub problem_id: Option<String>,
    /// Messages fetched in a minute while filling, smoothed; null: nothing was measured just now.
    #[serde(default)]
    pub messages_per_minute: Option<i64>,
    /// Octets fetched in a second while filling, smoothed; null: nothing was measured just now.
    #[serde(default)]
    pub bytes_per_second: Option<i64>,
    /// When filling ends, if it goes on like this; null: not known, or it waits.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
}

/// How full a mailbox is on its server, as the server tells it (RFC 9208).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Quota {
    /// Octets in use.
    pub used: i64,
    /// Octets that may be.
    pub limit: i64,
    /// Since when the server has told so.
    pub told_at: Timestamp,
}

text_enum! {
    /// Who files the copies of what a mailbox sends.
    SentCopyFiler {
        /// Its server, by itself.
        Server = "server",
        /// Postroom, over IMAP.
        Postroom = "postroom",
    }
}

/// A mailbox as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mailbox {
    /// `mbx_…`
    pub id: String,
    /// The mail address.
    pub address: String,
    /// A name for people.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// The user or the queue that it belongs to; null: nobody was named.
    pub owner: Option<Owner>,
    /// What people decided.
    pub lifecycle: Lifecycle,
    /// Last proof of the receiving side.
    pub receiving: Proof,
    /// Last proof of the sending side.
    pub sending: Proof,
    /// What the connection does now.
    pub connection: Connection,
    /// How complete our copy is.
    pub coverage: Coverage,
    /// The receiving side; null: send only.
    pub incoming: Option<Incoming>,
    /// The sending side; null: receive only.
    pub outgoing: Option<Outgoing>,
    /// The server profile that the servers come from.
    pub server_profile_id: Option<String>,
    /// Where the names to sign in with come from; `auto` until a test has found the one that works.
    pub login_formats: Logins,
    /// What it lacks until it works; empty: nothing.
    pub missing: Vec<crate::missing::Missing>,
    /// Mail from this time on is fetched; null: all.
    pub fetch_since: Option<Timestamp>,
    /// Octets of the largest message that is stored whole; of larger ones, the header is. Null: all are stored whole.
    pub size_limit: Option<i64>,
    /// Folder paths to store; null: every folder but junk and trash.
    pub monitored_folders: Option<Vec<String>>,
    /// POP3: days after which a message that is safely stored here is deleted from the server, 0: at once; null: never.
    pub pop3_delete_after_days: Option<u32>,
    /// Whether Postroom changes nothing on the receiving server: no flag, no folder, no copy of what is sent.
    pub read_only: bool,
    /// Limits of this mailbox alone: where it names one, its server profile's does not count.
    pub limits: crate::server_profile::ProfileLimits,
    /// Whether everyone with the scope `send` may send through it, also who cannot see it; nobody reads it by that.
    pub send_shared: bool,
    /// Whether it is the installation's own sender, which callers without a mailbox of their own send through. One at most.
    pub system_sender: bool,
    /// Who was seen to file the copies of what it sends in Sent; null: nobody yet.
    pub sent_copy_by: Option<SentCopyFiler>,
    /// The newest connection report.
    pub last_report_id: Option<String>,
    /// What the last comparison of everything with the server found; null: there was none yet.
    pub last_audit: Option<crate::completeness::LastAudit>,
    /// How full the mailbox is on its server; null: there is no limit, or the server does not tell.
    pub quota: Option<Quota>,
    /// When the mailbox was added.
    pub created_at: Timestamp,
    /// Grows with every change of the settings: the ETag.
    pub version: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_to_sign_in_with_are_tried_in_order_and_none_twice() {
        for (choice, typed, wanted) in [
            (LoginChoice::Email, "", vec!["ann@example.com"]),
            (LoginChoice::LocalPart, "x", vec!["ann"]),
            (LoginChoice::Custom, "CORP\\ann", vec!["CORP\\ann"]),
            (LoginChoice::Auto, "", vec!["ann@example.com", "ann"]),
            (LoginChoice::Auto, "ann", vec!["ann", "ann@example.com"]),
            (
                LoginChoice::Auto,
                "m1234",
                vec!["m1234", "ann@example.com", "ann"],
            ),
        ] {
            assert_eq!(choice.names("ann@example.com", typed), wanted, "{choice}");
        }
    }
}
