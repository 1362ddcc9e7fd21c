//! The real servers that a test run shares, as the supervisor wrote them down.
//!
//! `mail-servers` (this crate's program) starts Dovecot, Postfix, Cyrus, Courier, PostgreSQL and an S3 server once per
//! run and writes this structure as JSON; nextest hands the file's name to every test.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// The environment variable that names the JSON file.
pub const ENVIRONMENT: &str = "POSTROOM_TESTKIT";

/// The name of the JSON file inside the servers' directory.
pub const ENDPOINTS_FILE: &str = "endpoints.json";

/// Where everything listens. Every port is on 127.0.0.1; host names that fit the good certificate are
/// `localhost`, `127.0.0.1` and `mail.test.local`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Servers {
    /// The directory that holds everything; gone when the run ends.
    pub dir: PathBuf,
    /// The root of all users' mail: `<mail_root>/<domain>/<local part>/Maildir`.
    pub mail_root: PathBuf,
    /// The user that Dovecot runs mail processes as; seeded files belong to it.
    pub mail_uid: u32,
    /// The group of [`Servers::mail_uid`].
    pub mail_gid: u32,
    /// The authority that signed the good certificate, as PEM.
    pub ca_pem_path: PathBuf,

    /// IMAP in plain text, with STARTTLS.
    pub imap_port: u16,
    /// IMAP with implicit TLS.
    pub imaps_port: u16,
    /// IMAP with implicit TLS and a certificate for another host.
    pub imaps_wrong_name_port: u16,
    /// IMAP with implicit TLS and a certificate that ended in 2021.
    pub imaps_expired_port: u16,
    /// IMAP with implicit TLS and a certificate from an unknown authority.
    pub imaps_untrusted_port: u16,
    /// IMAP in plain text, with STARTTLS, that signs nobody in before TLS (`LOGINDISABLED`).
    pub imap_tls_required_port: u16,
    /// IMAP in plain text whose capabilities are those of an old server: no CONDSTORE, QRESYNC,
    /// NOTIFY, IDLE, MOVE, UIDPLUS, SPECIAL-USE and no list extensions. Same mail.
    pub basic_imap_port: u16,
    /// POP3 in plain text, with STLS.
    pub pop3_port: u16,
    /// POP3 with implicit TLS.
    pub pop3s_port: u16,
    /// LMTP into the users' INBOX.
    pub lmtp_port: u16,
    /// ManageSieve in plain text, with STARTTLS; scripts run over what comes by LMTP. None where Pigeonhole is not installed.
    pub sieve_port: Option<u16>,
    /// Submission with STARTTLS, sign-in only after it.
    pub submission_port: u16,
    /// Submission with implicit TLS.
    pub submissions_port: u16,
    /// Submission in plain text, sign-in without TLS.
    pub submission_plain_port: u16,

    /// Cyrus, whose users are at `cyrus.test`. None where it is not unpacked.
    pub cyrus: Option<OtherServer>,
    /// Courier, whose users are at `courier.test`. None where it is not unpacked.
    pub courier: Option<OtherServer>,

    /// PostgreSQL, user `postgres`, no password. May still be starting: ask [`crate::postgres_database`].
    pub postgres_port: u16,
    /// S3 over HTTP. May still be starting: ask [`crate::bucket`]. None where moto is not installed.
    pub s3_port: Option<u16>,
    /// The key that access tokens are signed with (HS256).
    pub token_key: String,
}

/// A mail server beside Dovecot. Every address of its domain exists; the password is `secret-<local part>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OtherServer {
    /// IMAP in plain text, with STARTTLS.
    pub imap_port: u16,
    /// IMAP with implicit TLS.
    pub imaps_port: u16,
    /// POP3 in plain text, with STLS.
    pub pop3_port: u16,
    /// POP3 with implicit TLS.
    pub pop3s_port: u16,
    /// LMTP; none where mail is delivered into the Maildir.
    pub lmtp_port: Option<u16>,
    /// The users' mail.
    pub mail_root: PathBuf,
    /// The folder of its programs.
    pub programs: PathBuf,
    /// What LD_LIBRARY_PATH must be for them.
    pub library_path: String,
    /// The user that works on the mail.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Servers {
    /// Runs Dovecot's administration tool and returns what it printed: `doveadm(&["kick", &user.address])` ends a
    /// user's connections, `mailbox delete`, `force-resync` and the like act behind every client's back.
    ///
    /// # Panics
    /// When the tool refuses; the text is its own.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let config = self.dir.join("dovecot/dovecot.conf");
        let mut command = std::process::Command::new("doveadm");
        let output = command.arg("-c").arg(config).args(arguments).output();
        let output = output.unwrap_or_else(|e| panic!("doveadm does not start: {e}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "doveadm {}: {errors}",
            arguments.join(" ")
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The servers of this test run.
///
/// # Panics
/// When no servers were started for this run; the text says how to start them.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let Some(path) = std::env::var_os(ENVIRONMENT) else {
            panic!(
                "this test needs the real mail servers: run it with `cargo nextest run -p CRATE`, or start them \
                 with `export {ENVIRONMENT}=$(scripts/mail-servers $$)` (needs scripts/install-test-deps once)"
            );
        };
        let text = std::fs::read(&path)
            .unwrap_or_else(|e| panic!("{ENVIRONMENT} names {path:?}, which cannot be read: {e}; were the servers stopped?"));
        serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{path:?} is from another version of mail-servers: {e}"))
    })
}
