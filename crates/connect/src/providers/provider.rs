//! What is known of one provider.

use model::detection::{Confidence, LoginFormat};
use model::mailbox::Security;
use model::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What kind of provider it is.
    Kind as "ProviderKind" {
        /// For private people.
        Consumer = "consumer",
        /// For organisations, usually under their own domains.
        Business = "business",
        /// Comes with an internet connection.
        Isp = "isp",
        /// Sells privacy.
        Privacy = "privacy",
        /// Certified mail of Italian law.
        Pec = "pec",
        /// Reached through a program that runs beside Postroom.
        Bridge = "bridge",
        /// Lets no mail program in.
        None = "none",
    }
}

text_enum! {
    /// Whether it is still there, and with what.
    Status as "ProviderStatus" {
        /// Works as described.
        Active = "active",
        /// Moving its mailboxes to other servers.
        Migrating = "migrating",
        /// Has moved to another provider's servers.
        Moved = "moved",
        /// Has POP3, but no IMAP.
        Pop3Only = "pop3_only",
        /// Has neither IMAP nor POP3.
        NoImap = "no_imap",
    }
}

text_enum! {
    /// What a mail program can sign in with.
    SignIn as "ProviderSignIn" { Oauth2 = "oauth2", AppPassword = "app_password", Password = "password" }
}

text_enum! {
    /// When a password of its own is needed for a mail program.
    AppPasswordNeed {
        /// In any case.
        Always = "always",
        /// With two-factor sign-in.
        IfTwoFactor = "if_2fa",
        /// In no case; or passwords are refused altogether.
        Never = "never",
        /// Nobody has written it down.
        Unknown = "unknown",
    }
}

text_enum! {
    /// What an app password really is.
    AppPasswordKind {
        /// Generated for one program, in the account's settings.
        AppPassword = "app_password",
        /// A second password for mail programs, which the person chooses and which may expire.
        ClientPassword = "client_password",
        /// The password of the mailbox, not of the customer's account.
        MailboxPassword = "mailbox_password",
        /// Shown by a bridge program.
        BridgePassword = "bridge_password",
    }
}

text_enum! {
    /// Who files the copy of a sent message.
    SentCopyBehaviour {
        /// The provider, whenever a message goes out through its server.
        Server = "server",
        /// Whoever the person chose in the mailbox's settings.
        UserSetting = "user_setting",
        /// Nobody has written it down: look for it, then file it.
        Unknown = "unknown",
    }
}

text_enum! {
    /// Who wrote an entry.
    Origin as "ProviderOrigin" {
        /// It came with Postroom.
        BuiltIn = "built_in",
        /// The administrator's file has it, or changes it.
        Administrator = "administrator",
    }
}

/// What is known of one provider. Whatever is not known is null, empty or `unknown`: nothing is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The lasting name: small letters, digits and hyphens.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The country of its customers as two letters; `global` and `eu` besides.
    #[serde(default = "everywhere")]
    pub region: String,
    /// What kind it is.
    pub kind: Kind,
    /// Whether it is still there.
    #[serde(default = "active")]
    pub status: Status,
    /// The provider whose servers it uses, as its id.
    #[serde(default)]
    pub served_by: Option<String>,
    /// Domains of addresses that are this provider's, as DNS knows them.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Ends of the names of servers that take mail for other domains. They match at a dot only.
    #[serde(default)]
    pub mx_suffixes: Vec<String>,
    /// The IMAP server to use.
    #[serde(default)]
    pub imap: Option<Server>,
    /// Other ways to IMAP.
    #[serde(default)]
    pub imap_alternatives: Vec<Server>,
    /// The POP3 server.
    #[serde(default)]
    pub pop3: Option<Server>,
    /// The sending server to use.
    #[serde(default)]
    pub smtp: Option<Server>,
    /// Other ways to send.
    #[serde(default)]
    pub smtp_alternatives: Vec<Server>,
    /// Other names of the same servers: known when they are met, never offered.
    #[serde(default)]
    pub other_hosts: Vec<String>,
    /// What the server takes as the user's name.
    #[serde(default = "full_address")]
    pub login_format: LoginFormat,
    /// What the sending server takes, where it is another thing.
    #[serde(default)]
    pub smtp_login_format: Option<LoginFormat>,
    /// What else to know about that name.
    #[serde(default)]
    pub login_note: Option<String>,
    /// What a mail program can sign in with, best first.
    #[serde(default)]
    pub auth: Vec<SignIn>,
    /// What the sending server takes, where it is another thing.
    #[serde(default)]
    pub smtp_auth: Vec<SignIn>,
    /// The OAuth 2.0 service, by its name in `data/oauth.json`.
    #[serde(default)]
    pub oauth: Option<String>,
    /// A password of its own for mail programs.
    #[serde(default)]
    pub app_password: AppPassword,
    /// Whether IMAP has to be switched on.
    #[serde(default)]
    pub imap_enable: ImapEnable,
    /// What to ask and to enter, should it be a mailbox that several people share.
    #[serde(default)]
    pub shared_mailbox: Option<String>,
    /// Who files the copy of a sent message.
    #[serde(default)]
    pub sent_copy: SentCopy,
    /// Names of its folders.
    #[serde(default)]
    pub folders: Folders,
    /// What it allows.
    #[serde(default)]
    pub limits: Limits,
    /// What else to know, one sentence or two each.
    #[serde(default)]
    pub quirks: Vec<String>,
    /// Problems that are met there, by id.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Why there is no IMAP.
    #[serde(default)]
    pub no_imap_reason: Option<String>,
    /// The provider's own pages.
    #[serde(default)]
    pub docs: Vec<String>,
    /// Who says so: the name of a source, then what in it.
    #[serde(default)]
    pub source: Vec<String>,
    /// How well the servers' names are proven.
    #[serde(default = "high")]
    pub confidence: Confidence,
    /// The month in which the entry was last put together, such as `2026-11`.
    #[serde(default)]
    pub compiled: String,
    /// Who wrote it.
    #[serde(default = "built_in", skip_deserializing)]
    pub origin: Origin,
}

/// A server with the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProviderServer)]
pub struct Server {
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the bytes are protected.
    pub security: Security,
}

/// A password of its own for mail programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AppPassword {
    /// When it is needed.
    pub required: AppPasswordNeed,
    /// What it really is.
    pub kind: Option<AppPasswordKind>,
    /// Whether two-factor sign-in has to be on before one can be made.
    pub two_factor_first: bool,
    /// What the provider calls it.
    pub term: Option<String>,
    /// Where it is made or explained.
    pub help_url: Option<String>,
}

/// Whether IMAP has to be switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImapEnable {
    /// Whether a new mailbox has IMAP; null: not known.
    pub default_on: Option<bool>,
    /// The way to the switch.
    pub how: Option<String>,
    /// The provider's page about it.
    pub help_url: Option<String>,
}

/// Who files the copy of a sent message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProviderSentCopy)]
pub struct SentCopy {
    /// Who does.
    pub behaviour: SentCopyBehaviour,
    /// What else to know.
    pub note: Option<String>,
}

/// Names of a provider's folders. The server's own marks (RFC 6154) come first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProviderFolders)]
pub struct Folders {
    /// Drafts.
    pub drafts: Option<String>,
    /// Sent messages.
    pub sent: Option<String>,
    /// Junk.
    pub junk: Option<String>,
    /// Deleted messages.
    pub trash: Option<String>,
    /// The archive.
    pub archive: Option<String>,
    /// All mail.
    pub all: Option<String>,
    /// Whether the folder of all mail is stored too: where labels make one message of what several folders show, nothing is fetched
    /// twice for it, and mail that has no label is kept.
    pub store_all: bool,
    /// Flagged messages.
    pub flagged: Option<String>,
    /// What else to know.
    pub note: Option<String>,
}

/// What a provider allows; null: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProviderLimits)]
pub struct Limits {
    /// IMAP connections of one mailbox at the same time.
    pub imap_connections: Option<u32>,
    /// Minutes after which a connection on which nothing was said is cut, also one that waits in IDLE.
    pub imap_idle_minutes: Option<u32>,
    /// Megabytes that may be downloaded over IMAP in a day.
    pub imap_download_mb_per_day: Option<u32>,
    /// Megabytes that may be uploaded over IMAP in a day.
    pub imap_upload_mb_per_day: Option<u32>,
    /// Megabytes that may be downloaded over POP3 in a day.
    pub pop3_download_mb_per_day: Option<u32>,
    /// Megabytes of one message.
    pub message_mb: Option<u32>,
    /// Sending connections of one mailbox at the same time.
    pub smtp_concurrent_connections: Option<u32>,
    /// Messages sent in a minute.
    pub smtp_messages_per_minute: Option<u32>,
    /// Recipients in a day.
    pub recipients_per_day: Option<u32>,
    /// Recipients of one message.
    pub recipients_per_message: Option<u32>,
}

impl Provider {
    /// Every host name that is known to be this provider's: receiving, sending, and other names of both.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.servers()
            .map(|server| server.host.as_str())
            .chain(self.other_hosts.iter().map(String::as_str))
    }

    /// Every server with a port.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.imap
            .iter()
            .chain(&self.imap_alternatives)
            .chain(&self.pop3)
            .chain(&self.smtp)
            .chain(&self.smtp_alternatives)
    }

    /// What the sending server takes as the user's name.
    pub fn sending_login(&self) -> LoginFormat {
        self.smtp_login_format.unwrap_or(self.login_format)
    }

    /// What the sending server takes, best first.
    pub fn sending_auth(&self) -> &[SignIn] {
        if self.smtp_auth.is_empty() {
            &self.auth
        } else {
            &self.smtp_auth
        }
    }

    /// Whether a mail program can sign in for reading with a token and with nothing else.
    pub fn is_oauth_only(&self) -> bool {
        self.auth == [SignIn::Oauth2]
    }
}

impl Default for AppPassword {
    fn default() -> Self {
        Self {
            required: AppPasswordNeed::Unknown,
            kind: None,
            two_factor_first: false,
            term: None,
            help_url: None,
        }
    }
}

impl Default for SentCopy {
    fn default() -> Self {
        Self {
            behaviour: SentCopyBehaviour::Unknown,
            note: None,
        }
    }
}

fn everywhere() -> String {
    "global".to_owned()
}

const fn active() -> Status {
    Status::Active
}

const fn full_address() -> LoginFormat {
    LoginFormat::Email
}

const fn high() -> Confidence {
    Confidence::High
}

const fn built_in() -> Origin {
    Origin::BuiltIn
}
