//! Writes mail straight into a user's Maildir: the fast way to a mailbox of 20,000 messages.

use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::{Brand, ImapProbe, Mail, TestUser, servers, unique, utf7_encode};

impl TestUser {
    /// Writes mail into a folder (`INBOX`, `Archive`, `Work/2024`), made where missing, in the order of the iterator:
    /// Dovecot gives UIDs in that order. Returns how many messages were written. Meant for before the first sign-in;
    /// later it works too, as another program's delivery. Where the server's store is its own secret (Cyrus), they are
    /// appended by IMAP.
    pub fn seed(&self, folder: &str, mails: impl IntoIterator<Item = Mail>) -> usize {
        if Brand::of(self) == Brand::Cyrus {
            return ImapProbe::login(self).append_all(folder, mails);
        }
        let dir = self.folder_dir(folder);
        let mut count = fs::read_dir(dir.join("cur")).map_or(0, Iterator::count);
        let before = count;
        for mut mail in mails {
            if Brand::of(self) == Brand::Courier {
                mail.raw = with_bare_lf(&mail.raw);
            }
            write_mail(&dir, count, &mail)
                .unwrap_or_else(|e| panic!("cannot write mail into {}: {e}", dir.display()));
            count += 1;
        }
        count - before
    }

    /// The user's Maildir on the disk of the mail server.
    pub fn maildir(&self) -> PathBuf {
        let (local, domain) = self
            .address
            .split_once('@')
            .expect("a test user's address has a domain");
        let home = match Brand::of(self) {
            Brand::Dovecot => servers().mail_root.join(domain).join(local),
            Brand::Courier => {
                let courier = Brand::Courier.other().expect("Courier is another server");
                courier.mail_root.join(&self.address)
            }
            Brand::Cyrus => panic!("Cyrus has no Maildir"),
        };
        home.join("Maildir")
    }

    /// The folder's directory (Maildir++), made where missing.
    pub(crate) fn folder_dir(&self, folder: &str) -> PathBuf {
        assert!(
            !folder.contains('.'),
            "Maildir++ has no folder names with dots: {folder}"
        );
        let root = self.maildir();
        let dir = match folder {
            "INBOX" => root.clone(),
            // Courier 5 writes names as they are.
            _ if Brand::of(self) == Brand::Courier => {
                root.join(format!(".{}", folder.replace('/', ".")))
            }
            _ => root.join(format!(".{}", utf7_encode(folder).replace('/', "."))),
        };
        for name in ["cur", "new", "tmp"] {
            make_dir(&dir.join(name));
        }
        if folder != "INBOX" {
            let marker = dir.join("maildirfolder");
            File::create(&marker)
                .and_then(|_| own(&marker))
                .expect("the folder is ours");
        }
        dir
    }
}

/// Makes a directory and those above it, owned by the mail server's user.
fn make_dir(dir: &Path) {
    if dir.is_dir() {
        return;
    }
    if let Some(above) = dir.parent() {
        make_dir(above);
    }
    match fs::create_dir(dir) {
        Ok(()) => own(dir).expect("a new directory can be given away"),
        // Another test makes the domain's directory at the same moment.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => panic!("cannot make {}: {e}", dir.display()),
    }
}

/// Courier keeps lines as Unix has them, and would send `CR CR LF` for a stored `CR LF`.
fn with_bare_lf(raw: &[u8]) -> Vec<u8> {
    let ends = |i: usize| raw[i] == b'\r' && raw.get(i + 1) == Some(&b'\n');
    let kept = raw.iter().enumerate().filter(|(i, _)| !ends(*i));
    kept.map(|(_, byte)| *byte).collect()
}

/// Delivers into a Maildir as a delivery agent does: written beside, then moved among the new.
pub(crate) fn deliver_into(user: &TestUser, raw: &[u8]) {
    let dir = user.folder_dir("INBOX");
    let name = format!("{}.testkit", unique("delivery"));
    let beside = dir.join("tmp").join(&name);
    fs::write(&beside, with_bare_lf(raw))
        .and_then(|()| own(&beside))
        .and_then(|()| fs::rename(&beside, dir.join("new").join(&name)))
        .unwrap_or_else(|e| panic!("cannot deliver into {}: {e}", dir.display()));
}

fn write_mail(dir: &Path, number: usize, mail: &Mail) -> std::io::Result<()> {
    let size = mail.raw.len();
    // W is the size with CRLF line ends, which the server announces as RFC822.SIZE.
    let bare = mail
        .raw
        .iter()
        .enumerate()
        .filter(|(i, b)| **b == b'\n' && (*i == 0 || mail.raw[i - 1] != b'\r'))
        .count();
    let mut flags: Vec<char> = mail
        .flags
        .iter()
        .filter_map(|flag| maildir_flag(flag))
        .collect();
    flags.sort_unstable();
    let flags: String = flags.into_iter().collect();
    // Dovecot sorts new mail by the seconds and microseconds of the name; the internal date is the file's own time.
    let seconds = 1_500_000_000 + number / 1_000_000;
    let micros = number % 1_000_000;
    let name = format!(
        "{seconds}.M{micros:06}P1.testkit,S={size},W={}:2,{flags}",
        size + bare
    );
    let path = dir.join("cur").join(name);
    let mut file = File::create(&path)?;
    file.write_all(&mail.raw)?;
    let seconds = u64::try_from(mail.internal_date).unwrap_or(0);
    file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)))?;
    own(&path)
}

/// The letter of a system flag in a Maildir file's name.
fn maildir_flag(flag: &str) -> Option<char> {
    match flag {
        "\\Seen" => Some('S'),
        "\\Answered" => Some('R'),
        "\\Flagged" => Some('F'),
        "\\Draft" => Some('D'),
        "\\Deleted" => Some('T'),
        _ => None,
    }
}

/// Gives a file to the mail server's user; whoever is that user already need not.
fn own(path: &Path) -> std::io::Result<()> {
    match chown(path, Some(servers().mail_uid), Some(servers().mail_gid)) {
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}
