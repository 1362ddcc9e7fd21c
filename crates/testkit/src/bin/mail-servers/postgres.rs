//! PostgreSQL with a cluster of its own, as fast as it gets: nothing is synced, the directory is thrown away.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::Server;
use crate::machine::{Machine, Result, user};

const SETTINGS: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
                        -c shared_buffers=64MB -c autovacuum_naptime=10min -c listen_addresses=127.0.0.1";

/// Makes the cluster and starts it, in one child process; it listens about two seconds later.
pub fn start(machine: &Machine, port: u16) -> Result<Server> {
    // PostgreSQL refuses to run as root.
    let (uid, gid) = user("postgres")?;
    let dir = machine.folder("postgres")?;
    chown(&dir, Some(uid), Some(gid))?;
    let bin = programs()?;
    let (bin, dir) = (bin.display(), dir.display());
    let script = format!(
        "'{bin}/initdb' --no-sync --no-instructions --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
           --pgdata='{dir}/data' && \
         exec '{bin}/postgres' -D '{dir}/data' -p {port} -c unix_socket_directories='{dir}' {SETTINGS}"
    );
    // SIGINT is PostgreSQL's "fast shutdown": it does not wait for clients.
    machine.spawn(
        "postgres",
        "-INT",
        Command::new("sh")
            .args(["-c", &script])
            .current_dir("/")
            .uid(uid)
            .gid(gid),
    )
}

/// The directory of the newest version's programs.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .map_err(|e| format!("no PostgreSQL ({e}): run scripts/install-test-deps"))?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .map(|(_, bin)| bin)
        .ok_or_else(|| "no PostgreSQL server: run scripts/install-test-deps".into())
}
