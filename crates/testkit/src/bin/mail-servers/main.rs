//! Starts the real servers that the tests share, and stops them by process id.
//!
//! ```text
//! mail-servers start --watch-pid PID   starts all in the background, prints the endpoint file's name, returns
//! mail-servers run [--watch-pid PID]   the same in the foreground, until the process PID ends, SIGTERM or Ctrl-C
//! ```
//!
//! Everything lives in one temporary directory, which is removed at the end. `start` returns as soon as
//! mail can be received and sent (about a second); PostgreSQL and S3 come up meanwhile, and the library waits for
//! them where a test asks for them.

mod certificates;
mod courier;
mod cyrus;
mod dovecot;
mod filter;
mod forward;
mod machine;
mod policy;
mod postfix;
mod postgres;
mod s3;
mod sign_in;
mod unpacked;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use machine::{Machine, Result};
use testkit::{ENDPOINTS_FILE, Servers};
use tokio::signal::unix::{SignalKind, signal};
use unpacked::Unpacked;

/// How long `start` waits for the mail servers to answer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often the watched process is looked for.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// How long a server may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

const USAGE: &str = "usage: mail-servers start --watch-pid PID [--many-connections] | mail-servers run [--watch-pid PID] [--many-connections]";

fn main() -> ExitCode {
    let outcome = Arguments::read().and_then(|arguments| match arguments.verb.as_str() {
        "start" => start(&arguments),
        "run" => run(&arguments),
        _ => Err(USAGE.into()),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mail-servers: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    verb: String,
    watch_pid: Option<u32>,
    dir: Option<PathBuf>,
    many_connections: bool,
}

impl Arguments {
    fn read() -> Result<Self> {
        let mut words = std::env::args().skip(1);
        let mut read = Self {
            verb: words.next().ok_or(USAGE)?,
            watch_pid: None,
            dir: None,
            many_connections: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--watch-pid" => read.watch_pid = Some(words.next().ok_or(USAGE)?.parse()?),
                "--dir" => read.dir = Some(words.next().ok_or(USAGE)?.into()),
                "--many-connections" => read.many_connections = true,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(read)
    }
}

/// Starts `run` in the background and waits until it has written the endpoints down.
fn start(arguments: &Arguments) -> Result<()> {
    let watched = arguments.watch_pid.ok_or(USAGE)?;
    let dir = tempfile::Builder::new()
        .prefix("postroom-servers-")
        .tempdir()?
        .keep();
    let log = dir.join("supervisor.log");
    // A session of its own, so that Ctrl-C on the test run does not kill the supervisor before it has
    // stopped its children; no inherited pipe, or nextest would wait for its end.
    let mut command = Command::new("setsid");
    command
        .arg(std::env::current_exe()?)
        .args(["run", "--watch-pid", &watched.to_string(), "--dir"])
        .arg(&dir);
    if arguments.many_connections {
        command.arg("--many-connections");
    }
    let mut supervisor = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log)?)
        .spawn()?;

    let endpoints = dir.join(ENDPOINTS_FILE);
    let since = Instant::now();
    while !endpoints.exists() {
        if supervisor.try_wait()?.is_some() || since.elapsed() > START_LIMIT {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let _ = supervisor.kill();
            let _ = std::fs::remove_dir_all(&dir);
            return Err(format!("the servers did not start:\n{text}").into());
        }
        sleep(Duration::from_millis(10));
    }
    println!("{}", endpoints.display());
    Ok(())
}

/// Starts every server, waits for the end, stops every server.
fn run(arguments: &Arguments) -> Result<()> {
    let dir = match &arguments.dir {
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new()
            .prefix("postroom-servers-")
            .tempdir()?
            .keep(),
    };
    let mut children = Vec::new();
    let outcome = serve(arguments, &dir, &mut children);
    for child in children.into_iter().rev() {
        stop(child);
    }
    if outcome.is_ok() {
        std::fs::remove_dir_all(&dir)?;
    }
    outcome
}

fn serve(arguments: &Arguments, dir: &Path, children: &mut Vec<Server>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // The handlers stand before the first child does.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let machine = Machine::prepare(dir, arguments.many_connections)?;
        let servers = start_servers(&machine, dir, children)?;
        write_endpoints(dir, &servers)?;
        if arguments.dir.is_none() {
            println!("{}", dir.join(ENDPOINTS_FILE).display());
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = gone(arguments.watch_pid) => {}
        }
        Ok(())
    })
}

/// A child process and how to ask it to end.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    /// The signal that means "stop now".
    stop_signal: &'static str,
}

fn start_servers(machine: &Machine, dir: &Path, children: &mut Vec<Server>) -> Result<Servers> {
    let certificates = certificates::make(dir)?;

    let (dovecot, mail) = dovecot::start(machine, &certificates)?;
    children.push(dovecot);
    let (postfix, submission) = postfix::start(machine, &certificates, &mail)?;
    children.push(postfix);
    // Each where it is unpacked; a test that wants one says so when it is missing.
    let mut cyrus = None;
    if let Some(unpacked) = Unpacked::find(machine, "cyrus")? {
        let (server, listens) = cyrus::start(machine, &certificates, &unpacked)?;
        children.push(server);
        cyrus = Some(listens);
    }
    let mut courier = None;
    if let Some(unpacked) = Unpacked::find(machine, "courier")? {
        let (server, listens) = courier::start(machine, &certificates, &unpacked)?;
        children.push(server);
        courier = Some(listens);
    }

    for port in [
        mail.imap,
        mail.lmtp,
        submission.starttls,
        submission.tls,
        submission.plain,
    ] {
        wait_for_port(port, children)?;
    }
    if let Some(port) = mail.sieve {
        wait_for_port(port, children)?;
    }
    for other in [&cyrus, &courier].into_iter().flatten() {
        for port in [
            other.imap_port,
            other.imaps_port,
            other.pop3_port,
            other.pop3s_port,
        ] {
            wait_for_port(port, children)?;
        }
    }

    // The slow starters last: they take two processors for two seconds, and few tests need them at once.
    let postgres_port = machine.port()?;
    children.push(postgres::start(machine, postgres_port)?);
    let s3_port = match s3::program()? {
        Some(program) => {
            let port = machine.port()?;
            children.push(s3::start(machine, &program, port)?);
            Some(port)
        }
        None => None,
    };
    Ok(Servers {
        dir: dir.to_owned(),
        mail_root: mail.root,
        mail_uid: machine.mail_uid,
        mail_gid: machine.mail_gid,
        ca_pem_path: certificates.ca,
        imap_port: mail.imap,
        imaps_port: mail.imaps,
        imaps_wrong_name_port: forward::start(machine, dovecot::WRONG_NAME, mail.imaps)?,
        imaps_expired_port: forward::start(machine, dovecot::EXPIRED, mail.imaps)?,
        imaps_untrusted_port: forward::start(machine, dovecot::UNTRUSTED, mail.imaps)?,
        imap_tls_required_port: forward::start(machine, dovecot::TLS_REQUIRED, mail.imap)?,
        basic_imap_port: forward::start(machine, dovecot::BASIC, mail.imap)?,
        pop3_port: mail.pop3,
        pop3s_port: mail.pop3s,
        lmtp_port: mail.lmtp,
        sieve_port: mail.sieve,
        submission_port: submission.starttls,
        submissions_port: submission.tls,
        submission_plain_port: submission.plain,
        cyrus,
        courier,
        postgres_port,
        s3_port,
        token_key: mail.token_key,
    })
}

fn wait_for_port(port: u16, children: &mut [Server]) -> Result<()> {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        for server in &mut *children {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!(
                    "{} ended while starting: {status}; see the logs in its directory",
                    server.name
                )
                .into());
            }
        }
        if since.elapsed() > START_LIMIT {
            return Err(format!("nothing answers on port {port}").into());
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Written beside and renamed, so that a reader never sees half of it.
fn write_endpoints(dir: &Path, servers: &Servers) -> Result<()> {
    let beside = dir.join("endpoints.part");
    std::fs::write(&beside, serde_json::to_vec_pretty(servers)?)?;
    std::fs::rename(beside, dir.join(ENDPOINTS_FILE))?;
    Ok(())
}

/// Returns when the watched process has ended; never where none is watched.
async fn gone(watched: Option<u32>) {
    let Some(pid) = watched else {
        return std::future::pending().await;
    };
    let first = start_time(pid);
    // Another process may get the number later: it then has another start time.
    while first.is_some() && start_time(pid) == first {
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// The start time of a living process, in clock ticks since boot (field 22 of /proc/PID/stat).
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    if state == "Z" {
        None
    } else {
        fields.nth(18).map(str::to_owned)
    }
}

fn stop(mut server: Server) {
    // Each leads a process group of its own, so that a start script's child hears it too.
    let group = format!("-{}", server.child.id());
    let _ = Command::new("kill")
        .args([server.stop_signal, "--", &group])
        .status();
    let since = Instant::now();
    while matches!(server.child.try_wait(), Ok(None)) {
        if since.elapsed() > STOP_LIMIT {
            eprintln!("mail-servers: {} did not stop, it is killed", server.name);
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = server.child.wait();
            return;
        }
        sleep(Duration::from_millis(10));
    }
}
