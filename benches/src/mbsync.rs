//! The peer: mbsync (Debian package isync), which copies a mailbox into a Maildir.

use std::process::{Command, Stdio};

use tempfile::TempDir;
use testkit::{TestUser, servers};

use crate::meter::{self, Cost};
use crate::product::Door;

/// How mbsync runs; the default is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `FSync`: yes is its default.
    pub durable: bool,
    /// Whether it may use COMPRESS=DEFLATE, which it does by default where the server offers it.
    pub compress: bool,
}

/// A Maildir that mbsync keeps in step with a user's INBOX.
pub struct Mbsync {
    dir: TempDir,
}

impl Mbsync {
    /// Prepares an empty Maildir.
    pub fn new(user: &TestUser, door: Door, setting: Setting) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("postroom-mbsync-")
            .tempdir()
            .expect("a temporary directory");
        std::fs::write(
            dir.path().join("config"),
            config(user, door, setting, &dir.path().display().to_string()),
        )
        .expect("a temporary directory takes files");
        Self { dir }
    }

    /// Pulls once, saying nothing but errors: what it prints would be part of the measurement.
    pub fn pull(&self) -> Cost {
        let mut command = Command::new("mbsync");
        command
            .arg("-q")
            .arg("-q")
            .arg("-c")
            .arg(self.dir.path().join("config"))
            .arg("bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        meter::run(&mut command)
    }

    /// How many messages the Maildir has.
    pub fn stored(&self) -> u64 {
        let count = |name: &str| {
            std::fs::read_dir(self.dir.path().join("INBOX").join(name)).map_or(0, Iterator::count)
        };
        (count("cur") + count("new")) as u64
    }
}

fn config(user: &TestUser, door: Door, setting: Setting, dir: &str) -> String {
    let tls = match door.security {
        "tls" => format!(
            "SSLType IMAPS\nSystemCertificates no\nCertificateFile {}\n",
            servers().ca_pem_path.display()
        ),
        _ => "SSLType None\nAuthMechs LOGIN\n".to_owned(),
    };
    let extensions = if setting.compress {
        ""
    } else {
        "DisableExtension COMPRESS=DEFLATE\n"
    };
    let fsync = if setting.durable { "yes" } else { "no" };
    format!(
        "FSync {fsync}

IMAPAccount bench
Host localhost
Port {}
User {}
Pass {}
{tls}{extensions}
IMAPStore far
Account bench

MaildirStore near
Path {dir}/
Inbox {dir}/INBOX

Channel bench
Far :far:
Near :near:
Sync Pull
Create Near
SyncState {dir}/state
",
        door.port, user.address, user.password
    )
}
