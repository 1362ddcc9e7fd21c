//! Who may do what: users of the console and tokens of the API.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a user of the console may do.
    Role as "UserRole" {
        /// Everything.
        Owner = "owner",
        /// Everything.
        Admin = "admin",
        /// Mailboxes and mail, but neither tokens nor users.
        Operator = "operator",
        /// Mail: reading, sorting, sending.
        Member = "member",
    }
}

impl Role {
    /// The scopes that go with the role.
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Owner | Self::Admin => &[Scope::All],
            Self::Operator => &[Scope::Read, Scope::Write, Scope::Send, Scope::Manage],
            Self::Member => &[Scope::Read, Scope::Write, Scope::Send],
        }
    }
}

text_enum! {
    /// What a token may do.
    Scope {
        /// Everything, also tokens and the audit log.
        All = "all",
        /// Read mailboxes, mail and events.
        Read = "read",
        /// Change flags, move and delete mail.
        Write = "write",
        /// Send mail.
        Send = "send",
        /// Add, test, change and remove mailboxes and webhooks.
        Manage = "manage",
    }
}

/// A user of the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    /// `usr_…`
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The address to sign in with.
    pub email: String,
    /// What the user may do.
    pub role: Role,
    /// How the console shows mail to this user.
    pub layout: Layout,
}

/// How the console shows mail to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Layout {
    /// As conversations; otherwise message by message.
    pub threads: bool,
    /// The folders of all mailboxes with the same role as one; otherwise mailbox by mailbox.
    pub merge_folders: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            threads: true,
            merge_folders: true,
        }
    }
}

/// What may change about a layout; what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutChange {
    /// As conversations, or not.
    #[serde(default)]
    pub threads: Option<bool>,
    /// The folders of all mailboxes as one, or not.
    #[serde(default)]
    pub merge_folders: Option<bool>,
}

impl LayoutChange {
    /// The layout after it.
    pub fn apply(self, layout: Layout) -> Layout {
        Layout {
            threads: self.threads.unwrap_or(layout.threads),
            merge_folders: self.merge_folders.unwrap_or(layout.merge_folders),
        }
    }
}

/// The name of the tokens that the command line makes for itself, one for each command.
pub const COMMAND: &str = "command";

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// `tok_…`
    pub id: String,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only mailboxes that it sees; empty: all.
    pub mailbox_ids: Vec<String>,
    /// When it ends; null: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditLine {
    /// Opaque position.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who: `usr_…`, `tok_…`, `command`, or the address of someone who is not signed in.
    pub actor: String,
    /// What, such as `token.created`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// More, without secrets.
    pub detail: serde_json::Value,
}
