//! What the machine offers: users, free ports, limits, and how a child process is spawned.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::Server;

/// Any failure to start, shown to a person.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The user number of mail processes when nobody else is meant; needs no entry in /etc/passwd.
const MAIL_UID: u32 = 27_182;
/// Ports are taken from below the range that the kernel gives to outgoing connections, so that no test's own
/// connection takes one between choosing and listening.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;

/// The machine as prepared for one run.
pub struct Machine {
    /// The directory of this run.
    pub dir: PathBuf,
    /// The user of mail processes and seeded files.
    pub mail_uid: u32,
    /// Its group.
    pub mail_gid: u32,
    next_port: AtomicU16,
    _watch_limit: Option<WatchLimit>,
}

impl Machine {
    /// Checks that we may do what is needed and opens the directory for the servers' users.
    pub fn prepare(dir: &Path, many_connections: bool) -> Result<Self> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Err("Postfix starts as root only: run as root or with sudo".into());
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        // Under sudo the tests run as the person who called it, and write mail as that person.
        let from_sudo = |name: &str| {
            std::env::var(name)
                .ok()
                .and_then(|v| v.parse().ok())
                .filter(|id| *id != 0)
        };
        let seed = std::process::id().wrapping_mul(7919) % u32::from(PORTS);
        Ok(Self {
            dir: dir.to_owned(),
            mail_uid: from_sudo("SUDO_UID").unwrap_or(MAIL_UID),
            mail_gid: from_sudo("SUDO_GID").unwrap_or(MAIL_UID),
            next_port: AtomicU16::new(u16::try_from(seed)?),
            _watch_limit: if many_connections {
                Some(WatchLimit::raise()?)
            } else {
                None
            },
        })
    }

    /// A port that nobody listens on, never given twice.
    pub fn port(&self) -> Result<u16> {
        for _ in 0..PORTS {
            let port = FIRST_PORT + self.next_port.fetch_add(1, Ordering::Relaxed) % PORTS;
            // All addresses: Dovecot listens on several of 127.0.0.0/8.
            if TcpListener::bind(("0.0.0.0", port)).is_ok() {
                return Ok(port);
            }
        }
        Err("no free port".into())
    }

    /// A directory of this run, made where missing.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Starts a server as the leader of its own process group, its output in `<dir>/<name>.out`.
    pub fn spawn(
        &self,
        name: &'static str,
        stop_signal: &'static str,
        command: &mut Command,
    ) -> Result<Server> {
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join(format!("{name}.out")))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(|e| format!("{name} does not start ({e}): run scripts/install-test-deps"))?;
        Ok(Server {
            name,
            child,
            stop_signal,
        })
    }
}

/// The numbers of a system user.
pub fn user(name: &str) -> Result<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd")?;
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if fields.len() > 3 && fields[0] == name {
            return Ok((fields[2].parse()?, fields[3].parse()?));
        }
    }
    Err(format!("the machine has no user {name}: run scripts/install-test-deps").into())
}

/// The kernel's limit on inotify instances of one user, raised for a run and put back when dropped.
///
/// A thousand idling connections need a thousand of them; the usual limit is 128, after which Dovecot falls back to
/// looking every 30 seconds.
struct WatchLimit(Vec<u8>);

const WATCH_LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";

impl WatchLimit {
    fn raise() -> Result<Self> {
        let before = fs::read(WATCH_LIMIT)?;
        fs::write(WATCH_LIMIT, "8192")?;
        Ok(Self(before))
    }
}

impl Drop for WatchLimit {
    fn drop(&mut self) {
        let _ = fs::write(WATCH_LIMIT, &self.0);
    }
}
