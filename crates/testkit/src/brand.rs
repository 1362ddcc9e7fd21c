//! Which mail server a test user lives on. The domain of the address says it, so that every helper of the kit finds
//! the right server by itself.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::servers::OtherServer;
use crate::users::user_at;
use crate::{TestUser, servers};

/// The maker of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// Dovecot, with all extensions.
    Dovecot,
    /// Cyrus: QRESYNC and OBJECTID, no NOTIFY.
    Cyrus,
    /// Courier: UIDPLUS and IDLE, and hardly more; everything below `INBOX.`.
    Courier,
}

impl Brand {
    /// The server of a user.
    pub fn of(user: &TestUser) -> Self {
        let domain = user.address.rsplit('@').next().unwrap_or_default();
        [Self::Cyrus, Self::Courier]
            .into_iter()
            .find(|brand| brand.domain() == domain)
            .unwrap_or(Self::Dovecot)
    }

    /// The domain of its users.
    pub fn domain(self) -> &'static str {
        match self {
            Self::Dovecot => "example.test",
            Self::Cyrus => "cyrus.test",
            Self::Courier => "courier.test",
        }
    }

    /// A fresh mailbox on this server.
    pub fn user(self, test_name: &str) -> TestUser {
        user_at(self.domain(), test_name)
    }

    /// A folder's name as this server has it: `Work/2024`, or `INBOX.Work.2024`.
    pub fn path(self, folder: &str) -> String {
        match self {
            Self::Courier if folder != "INBOX" => format!("INBOX.{}", folder.replace('/', ".")),
            _ => folder.to_owned(),
        }
    }

    /// IMAP in plain text, with STARTTLS.
    pub fn imap_port(self) -> u16 {
        self.other()
            .map_or_else(|| servers().imap_port, |s| s.imap_port)
    }

    /// IMAP with TLS.
    pub fn imaps_port(self) -> u16 {
        self.other()
            .map_or_else(|| servers().imaps_port, |s| s.imaps_port)
    }

    /// POP3 in plain text, with STLS.
    pub fn pop3_port(self) -> u16 {
        self.other()
            .map_or_else(|| servers().pop3_port, |s| s.pop3_port)
    }

    /// POP3 with TLS.
    pub fn pop3s_port(self) -> u16 {
        self.other()
            .map_or_else(|| servers().pop3s_port, |s| s.pop3s_port)
    }

    /// LMTP; none where mail is delivered into the Maildir.
    pub(crate) fn lmtp_port(self) -> Option<u16> {
        self.other()
            .map_or_else(|| Some(servers().lmtp_port), |s| s.lmtp_port)
    }

    /// The server, where it is not Dovecot.
    ///
    /// # Panics
    /// When it is not there; the text says how to get it.
    pub(crate) fn other(self) -> Option<&'static OtherServer> {
        let other = match self {
            Self::Dovecot => return None,
            Self::Cyrus => servers().cyrus.as_ref(),
            Self::Courier => servers().courier.as_ref(),
        };
        Some(other.unwrap_or_else(|| {
            panic!("{self:?} is not unpacked under target/: run scripts/install-test-deps and start the servers again")
        }))
    }
}

impl TestUser {
    /// The server forgets a folder's UIDs, behind every client's back: they are given out anew under another
    /// UIDVALIDITY, as after a repair.
    pub fn forget_uids(&self, folder: &str) {
        let remove = |dir: &Path, names: &[&str]| {
            for name in names {
                match std::fs::remove_file(dir.join(name)) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                        panic!("cannot remove {name} of {}: {e}", dir.display())
                    }
                    _ => {}
                }
            }
        };
        match Brand::of(self) {
            Brand::Dovecot => {
                let lists = ["dovecot-uidlist", "dovecot-uidvalidity"];
                let indexes = ["dovecot.index", "dovecot.index.log", "dovecot.index.cache"];
                remove(&self.folder_dir(folder), &lists);
                remove(&self.folder_dir(folder), &indexes);
            }
            Brand::Courier => {
                let dir = self.folder_dir(folder);
                for list in ["courierimapuiddb", "courierpop3dsizelist"] {
                    renumber(&dir.join(list));
                }
            }
            Brand::Cyrus => {
                let name = match folder {
                    "INBOX" => format!("user/{}", self.local_part()),
                    _ => format!("user/{}/{folder}", self.local_part()),
                };
                let cyrus = Brand::Cyrus.other().expect("Cyrus is another server");
                let tool = |name: &str| cyrus.programs.join(name);
                let dir = as_cyrus(&tool("mbpath"), &[&name]);
                // The new UIDVALIDITY is the time in seconds: it has to be another second.
                std::thread::sleep(Duration::from_millis(1100));
                for file in ["cyrus.index", "cyrus.cache"] {
                    as_cyrus(Path::new("rm"), &[&format!("{}/{file}", dir.trim())]);
                }
                as_cyrus(&tool("reconstruct"), &[&name]);
            }
        }
    }

    /// What stands before the `@`.
    pub(crate) fn local_part(&self) -> &str {
        self.address.split('@').next().unwrap_or_default()
    }
}

/// Courier's lists begin with a version, the UIDVALIDITY and the next UID. The UIDVALIDITY of a list that is missing is
/// the time in seconds, which may be the same second: here it becomes another one for sure.
fn renumber(list: &Path) {
    let Ok(text) = std::fs::read_to_string(list) else {
        return;
    };
    let head = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = head.split(' ').collect();
    // The POP3 list has them the other way round: `/2 next validity`.
    let is_pop3 = words[0].starts_with('/');
    let validity: u32 = words[if is_pop3 { 2 } else { 1 }]
        .parse()
        .unwrap_or_else(|e| panic!("{}: {head}: {e}", list.display()));
    let other = validity + 77;
    let head = if is_pop3 {
        format!("{} 1 {other}\n", words[0])
    } else {
        format!("{} {other} 1\n", words[0])
    };
    std::fs::write(list, head).unwrap_or_else(|e| panic!("{}: {e}", list.display()));
}

/// Runs a program as Cyrus's own user, with Cyrus's configuration where it is one of Cyrus's tools, and returns what it
/// printed. Only root may: whoever is somebody else started the servers with sudo, too.
fn as_cyrus(program: &Path, arguments: &[&str]) -> String {
    let cyrus = Brand::Cyrus.other().expect("Cyrus is another server");
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = Command::new(if is_root { "setpriv" } else { "sudo" });
    if !is_root {
        command.arg("setpriv");
    }
    let (uid, gid) = (cyrus.uid.to_string(), cyrus.gid.to_string());
    command
        .args(["--reuid", &uid, "--regid", &gid, "--clear-groups", "env"])
        .arg(format!("LD_LIBRARY_PATH={}", cyrus.library_path))
        .arg(program);
    if program.starts_with(&cyrus.programs) {
        command
            .arg("-C")
            .arg(servers().dir.join("cyrus/imapd.conf"));
    }
    let name = program.display();
    let output = command.args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{name} does not start: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let done = output.status.success();
    assert!(done, "{name} {}: {errors}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
