//! From start to end: the lock, the ready line, signals, and the stop in two stages.
//!
//! The first SIGTERM or SIGINT: `/readyz` fails, no new connections, each task ends the step it is in;
//! after [`STOP_LIMIT`] in all, what still runs is dropped, which is safe, because only what is committed
//! counts. A second signal: exit at once.

use crate::config::Config;
use crate::exit::{Exit, Failure};
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A clean stop takes this long at most.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Exit status of a second signal, as shells write it for SIGINT.
const IMPATIENT: i32 = 130;
/// Open files wanted: each mailbox has a connection or two.
const OPEN_FILES: u64 = 65_536;

/// Makes the data directory, readable by its owner only.
///
/// # Errors
/// It cannot be made.
pub fn make_data_dir(config: &Config) -> Result<(), Failure> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir);
    made.map_err(|error| {
        Failure::configuration(format!(
            "the data directory {} cannot be made",
            config.data_dir.display()
        ))
        .because(error)
        .remedy("name another one: --data-dir DIR")
    })
}

/// Holds the data directory for one server. The operating system lets go of it when the process ends, however it ends.
pub struct DataDirLock(#[expect(dead_code, reason = "held, not read")] File);

impl DataDirLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another server holds it.
    pub fn take(config: &Config) -> Result<Self, Failure> {
        let path = config.data_dir.join("lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| {
                Failure::configuration(format!("{} cannot be written", path.display()))
                    .because(error)
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Exit::Conflict,
                format!("another Postroom server uses {}", config.data_dir.display()),
            )
            .because("a store in SQLite has one server")
            .remedy("stop the other one first, or use PostgreSQL for several (--database postgres://...)")),
            Err(TryLockError::Error(error)) => {
                Err(Failure::configuration(format!("{} cannot be locked", path.display())).because(error))
            }
        }
    }
}

/// Tells commands on this machine where the server answers; taken back at the end.
pub struct Announcement(PathBuf);

impl Announcement {
    /// Writes the URL beside the data. A server that cannot write it serves all the same.
    pub fn make(config: &Config, url: &str) -> Self {
        let path = announcement(config);
        let written = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{url}"));
        if let Err(error) = written {
            tracing::warn!(%error, file = %path.display(), "commands will need --url");
        }
        Self(path)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where a server on this data directory says that it answers.
pub fn announced_url(config: &Config) -> Option<String> {
    let url = std::fs::read_to_string(announcement(config)).ok()?;
    Some(url.trim().to_owned()).filter(|url| !url.is_empty())
}

fn announcement(config: &Config) -> PathBuf {
    config.data_dir.join("server.url")
}

/// Raises the limit of open files to what the system allows.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_none_or(|now| now >= wanted) {
        return;
    }
    let new = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, new) {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

/// Signals that ask for an end.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on, signals are heard here instead of ending the process.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// From now on a further signal ends the process at once.
    pub fn impatient(mut self) {
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "second signal: exit at once");
            std::process::exit(IMPATIENT);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    #[test]
    fn a_data_directory_has_one_server() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Flags {
            data_dir: Some(dir.path().join("new/data").display().to_string()),
            ..Flags::default()
        };
        let config = Config::load(&flags).unwrap();
        make_data_dir(&config).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&config.data_dir).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o700);
        let first = DataDirLock::take(&config).unwrap();
        let second = DataDirLock::take(&config).err().unwrap();
        assert_eq!(second.exit, Exit::Conflict);
        drop(first);
        assert!(DataDirLock::take(&config).is_ok());
    }

    #[test]
    fn commands_find_the_server_that_runs() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Flags {
            data_dir: Some(dir.path().display().to_string()),
            ..Flags::default()
        };
        let config = Config::load(&flags).unwrap();
        let announcement = Announcement::make(&config, "http://127.0.0.1:4711");
        assert_eq!(
            announced_url(&config).as_deref(),
            Some("http://127.0.0.1:4711")
        );
        drop(announcement);
        assert_eq!(announced_url(&config), None);
    }
}
