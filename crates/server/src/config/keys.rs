//! The table of keys: name, variable, flag and purpose of each, and the flags of the command line.

use std::fmt;
use std::path::PathBuf;

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file; a dot is a table.
    pub name: &'static str,
    /// Its flag, if it has one.
    pub flag: Option<&'static str>,
    /// Its variable.
    pub variable: &'static str,
    /// A variable of the same meaning that other programs use.
    pub other_variable: Option<&'static str>,
    /// Whether its value is never shown.
    pub secret: bool,
    /// What it is for.
    pub help: &'static str,
}

const fn key(
    name: &'static str,
    flag: Option<&'static str>,
    variable: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        flag,
        variable,
        other_variable: None,
        secret: false,
        help,
    }
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    key(
        "data_dir",
        Some("--data-dir"),
        "POSTROOM_DATA_DIR",
        "where everything is kept",
    ),
    key(
        "listen",
        Some("--listen"),
        "POSTROOM_LISTEN",
        "address and port to answer at",
    ),
    key(
        "public_url",
        Some("--public-url"),
        "POSTROOM_PUBLIC_URL",
        "the address that people and programs use",
    ),
    key(
        "database",
        Some("--database"),
        "POSTROOM_DATABASE",
        "sqlite, or postgres://user:password@host/name",
    ),
    key(
        "blobs",
        Some("--blobs"),
        "POSTROOM_BLOBS",
        "folder, or s3://bucket/prefix",
    ),
    Key {
        other_variable: Some("AWS_ENDPOINT_URL"),
        ..key(
            "blobs_endpoint",
            None,
            "POSTROOM_BLOBS_ENDPOINT",
            "address of an S3-compatible service",
        )
    },
    Key {
        other_variable: Some("AWS_REGION"),
        ..key(
            "blobs_region",
            None,
            "POSTROOM_BLOBS_REGION",
            "region of the bucket",
        )
    },
    Key {
        other_variable: Some("AWS_ACCESS_KEY_ID"),
        ..key(
            "blobs_access_key_id",
            None,
            "POSTROOM_BLOBS_ACCESS_KEY_ID",
            "access key of the bucket",
        )
    },
    Key {
        other_variable: Some("AWS_SECRET_ACCESS_KEY"),
        secret: true,
        ..key(
            "blobs_secret_access_key",
            None,
            "POSTROOM_BLOBS_SECRET_ACCESS_KEY",
            "secret key of the bucket",
        )
    },
    key(
        "secret_key_file",
        Some("--secret-key-file"),
        "POSTROOM_SECRET_KEY_FILE",
        "the key that seals credentials; made at first start",
    ),
    key(
        "tls.extra_ca_file",
        Some("--tls-extra-ca-file"),
        "POSTROOM_TLS_EXTRA_CA_FILE",
        "further certificate authorities (PEM)",
    ),
    key(
        "network.allow",
        Some("--network-allow"),
        "POSTROOM_NETWORK_ALLOW",
        "private networks that mail hosts and webhooks may be in (CIDR, comma-separated)",
    ),
    key(
        "network.mail_ports",
        None,
        "POSTROOM_NETWORK_MAIL_PORTS",
        "ports of mail servers on public addresses",
    ),
    key(
        "providers_file",
        Some("--providers-file"),
        "POSTROOM_PROVIDERS_FILE",
        "entries of mail providers that add to the built-in ones or change them (TOML or JSON)",
    ),
    key(
        "network.dns",
        None,
        "POSTROOM_NETWORK_DNS",
        "name servers instead of the system's (address or address:port, comma-separated)",
    ),
    key(
        "detection.directory",
        None,
        "POSTROOM_DETECTION_DIRECTORY",
        "whether a request may ask the public directory of providers, which then learns the domain (true or false)",
    ),
    key(
        "sync.audit_hours",
        None,
        "POSTROOM_SYNC_AUDIT_HOURS",
        "hours after which everything that is stored is compared with the server again (0: only when it is asked for)",
    ),
    key(
        "sync.compress",
        None,
        "POSTROOM_SYNC_COMPRESS",
        "whether IMAP connections compress: auto (where mail comes slower than 5 MB/s), always or never",
    ),
    key(
        "outbox.retry_after",
        None,
        "POSTROOM_OUTBOX_RETRY_AFTER",
        "pauses after each try to send, the last one for all that follow (times such as 90s, 15m, 2h, 5d, comma-separated)",
    ),
    key(
        "outbox.give_up_after",
        None,
        "POSTROOM_OUTBOX_GIVE_UP_AFTER",
        "how long a message is tried before it has failed",
    ),
    key(
        "outbox.unclear_after",
        None,
        "POSTROOM_OUTBOX_UNCLEAR_AFTER",
        "how long a message whose answer was lost waits for evidence before it is sent once more, marked as a possible duplicate",
    ),
    key(
        "outbox.keep",
        None,
        "POSTROOM_OUTBOX_KEEP",
        "how long a message stays in the outbox after its fate is settled",
    ),
    key(
        "drafts.copy_after",
        None,
        "POSTROOM_DRAFTS_COPY_AFTER",
        "how long after the last change a draft is copied to the server's Drafts folder (after six times that in any case)",
    ),
    key(
        "log.format",
        Some("--log-format"),
        "POSTROOM_LOG_FORMAT",
        "auto, human or json",
    ),
    key(
        "log.level",
        None,
        "POSTROOM_LOG_LEVEL",
        "error, warn, info, debug, trace, or a filter such as sync=debug",
    ),
];

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File,
    /// An environment variable.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// Flags of the command line that set a key.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// The configuration file [default: $XDG_CONFIG_HOME/postroom/postroom.toml]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Configuration"
    )]
    pub config: Option<PathBuf>,
    /// Where everything is kept [default: the user's state directory]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Configuration"
    )]
    pub data_dir: Option<String>,
    /// Address and port to answer at [default: 127.0.0.1:8025]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        help_heading = "Configuration"
    )]
    pub listen: Option<String>,
    /// The address that people and programs use [default: from --listen]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Configuration"
    )]
    pub public_url: Option<String>,
    /// `sqlite` in the data directory [default], or postgres://...
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Configuration"
    )]
    pub database: Option<String>,
    /// Where raw messages go: a folder [default: in the data directory], or s3://bucket/prefix
    #[arg(
        long,
        global = true,
        value_name = "PLACE",
        help_heading = "Configuration"
    )]
    pub blobs: Option<String>,
    /// The key that seals credentials [default: secret.key in the data directory, made at first start]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Configuration"
    )]
    pub secret_key_file: Option<String>,
    /// Further certificate authorities (PEM)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Configuration"
    )]
    pub tls_extra_ca_file: Option<String>,
    /// Private networks that mail hosts and webhooks may be in, comma-separated
    #[arg(
        long,
        global = true,
        value_name = "CIDRS",
        help_heading = "Configuration"
    )]
    pub network_allow: Option<String>,
    /// Entries of mail providers that add to the built-in ones or change them
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Configuration"
    )]
    pub providers_file: Option<String>,
    /// `human` or `json` [default: human on a terminal, JSON otherwise]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        help_heading = "Configuration"
    )]
    pub log_format: Option<String>,
}

impl Flags {
    /// The value of the flag that sets this key.
    pub(super) fn get(&self, name: &str) -> Option<&String> {
        match name {
            "data_dir" => self.data_dir.as_ref(),
            "listen" => self.listen.as_ref(),
            "public_url" => self.public_url.as_ref(),
            "database" => self.database.as_ref(),
            "blobs" => self.blobs.as_ref(),
            "secret_key_file" => self.secret_key_file.as_ref(),
            "tls.extra_ca_file" => self.tls_extra_ca_file.as_ref(),
            "network.allow" => self.network_allow.as_ref(),
            "providers_file" => self.providers_file.as_ref(),
            "log.format" => self.log_format.as_ref(),
            _ => None,
        }
    }
}
