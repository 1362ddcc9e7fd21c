//! The real program, started the way an operator would: on a free port, with a data directory of the test's own.

use std::io::{BufRead as _, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Api, servers};

/// How long the program may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to stop when asked: its own promise is ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How often a condition is looked at.
const POLL_EVERY: Duration = Duration::from_millis(10);
/// The line that says where it listens.
const READY: &str = "postroom is ready at http://127.0.0.1:";

/// Calls `condition` until it gives something.
///
/// # Panics
/// After `limit`, with `what`.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    poll_until(limit, condition)
        .unwrap_or_else(|| panic!("after {limit:?} this has not come true: {what}"))
}

pub(crate) fn poll_until<T>(
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Option<T> {
    let since = Instant::now();
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if since.elapsed() > limit {
            return None;
        }
        std::thread::sleep(POLL_EVERY);
    }
}

/// How to start the program.
pub struct Launch {
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// The authorities that are trusted besides the system's.
    authorities: PathBuf,
    data: Arc<TempDir>,
    /// Octets of the disk that the data directory is on; `None`: as large as it is.
    disk: Option<u64>,
}

impl Launch {
    /// With a fresh data directory, loopback allowed and the test authority trusted. In the server crate's tests:
    /// `Launch::new(env!("CARGO_BIN_EXE_postroom"))`.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        let data = tempfile::Builder::new()
            .prefix("postroom-data-")
            .tempdir()
            .expect("a temporary directory");
        Self {
            binary: binary.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            authorities: servers().ca_pem_path.clone(),
            data: Arc::new(data),
            disk: None,
        }
    }

    /// A further argument of `serve`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Trusts one more authority, such as that of a simulator.
    ///
    /// # Panics
    /// When the file with both cannot be written.
    #[must_use]
    pub fn trust(mut self, pem: &str) -> Self {
        let mut all = std::fs::read_to_string(&self.authorities).expect("the test authority");
        all.push_str(pem);
        self.authorities = self.data.path().join("test-authorities.pem");
        std::fs::write(&self.authorities, all).expect("a file in the data directory");
        self
    }

    /// Has the data directory on a disk of its own, of so many octets, which nobody else sees.
    #[must_use]
    pub fn small_disk(mut self, octets: u64) -> Self {
        self.disk = Some(octets);
        self
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Runs another command of the program on the same data directory to its end: `run(&["token", "list", "--json"])`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_beside(None, arguments)
    }

    /// Beside a server that runs, where one does: it may have a disk of its own.
    fn run_beside(&self, server: Option<u32>, arguments: &[&str]) -> Output {
        let mut command = match server.filter(|_| self.disk.is_some()) {
            Some(pid) => {
                let mut command = Command::new("nsenter");
                command
                    .args(["--user", "--mount", "--preserve-credentials", "--target"])
                    .arg(pid.to_string())
                    .arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        self.set_up(&mut command);
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir());
        command
            .output()
            .unwrap_or_else(|e| panic!("cannot run {}: {e}", self.binary.display()))
    }

    /// Starts `serve` and waits until it is ready.
    pub fn start(self) -> Postroom {
        Postroom::start(self)
    }

    /// What begins a server. With a small disk it is in a namespace of its own, where anybody may mount one.
    fn command(&self) -> Command {
        let Some(octets) = self.disk else {
            let mut command = Command::new(&self.binary);
            self.set_up(&mut command);
            return command;
        };
        let mut command = Command::new("unshare");
        self.set_up(&mut command);
        let mount = format!("mount -t tmpfs -o size={octets} small \"$0\" && exec \"$@\"");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(self.data_dir())
            .arg(&self.binary);
        command
    }

    fn set_up(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
    }
}

/// A running server. Killed when dropped.
pub struct Postroom {
    launch: Launch,
    child: Child,
    output: Arc<Mutex<String>>,
    api: Api,
}

/// The methods of [`Api`] work on the server itself.
impl Deref for Postroom {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Postroom {
    fn start(launch: Launch) -> Self {
        let (child, output, port) = serve(&launch);
        let token = make_token(&launch, child.id());
        Self {
            launch,
            child,
            output,
            api: Api {
                port,
                token: Some(token),
            },
        }
    }

    /// What the program printed on standard output and standard error so far.
    pub fn output(&self) -> String {
        text(&self.output)
    }

    /// The client with the token that may do everything.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.launch.data_dir()
    }

    /// The data directory as it is seen from outside, also where it is on a disk of its own.
    pub fn data(&self) -> PathBuf {
        let data = self.launch.data_dir();
        match self.launch.disk {
            Some(_) => PathBuf::from(format!("/proc/{}/root{}", self.pid(), data.display())),
            None => data.to_owned(),
        }
    }

    /// Runs another command of the program beside the server.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.launch.run_beside(Some(self.pid()), arguments)
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The largest resident memory so far, in bytes (VmHWM).
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The resident memory now, in bytes (VmRSS).
    pub fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Ends it like a power cut (SIGKILL). [`Postroom::restart`] starts it again.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let child = &mut self.child;
        let ended = poll_until(STOP_LIMIT, || child.try_wait().ok().flatten());
        ended.unwrap_or_else(|| {
            panic!(
                "postroom does not end {STOP_LIMIT:?} after SIGTERM:\n{}",
                text(&self.output)
            )
        })
    }

    /// Sends a signal: `signal("-STOP")`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.pid().to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "postroom has ended already:\n{}",
            self.output()
        );
    }

    /// Starts it again on the same data directory, on another port; ends it before where it still runs. The token stays.
    pub fn restart(&mut self) {
        self.kill9();
        let (child, output, port) = serve(&self.launch);
        (self.child, self.output, self.api.port) = (child, output, port);
    }

    fn memory(&self, field: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    }
}

impl Drop for Postroom {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!("--- what postroom printed ---\n{}", self.output());
        }
    }
}

/// Starts the server and reads its port from the ready line.
fn serve(launch: &Launch) -> (Child, Arc<Mutex<String>>, u16) {
    let mut command = launch.command();
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--network-allow",
            "127.0.0.0/8",
            "--tls-extra-ca-file",
        ])
        .arg(&launch.authorities)
        .arg("--data-dir")
        .arg(launch.data_dir())
        .args(&launch.arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run {}: {e}", launch.binary.display()));
    let output = Arc::new(Mutex::new(String::new()));
    collect(child.stdout.take().expect("piped"), &output);
    collect(child.stderr.take().expect("piped"), &output);
    let port = poll_until(READY_LIMIT, || {
        let ended = child.try_wait().ok().flatten();
        match ready_port(&text(&output)) {
            Some(port) => Some(Some(port)),
            None => ended.map(|_| None),
        }
    });
    match port.flatten() {
        Some(port) => (child, output, port),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            panic!("postroom serve does not get ready:\n{}", text(&output))
        }
    }
}

/// Gathers what the program prints, so that it never waits for a reader.
fn collect(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            into.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

fn text(output: &Mutex<String>) -> String {
    output
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn ready_port(output: &str) -> Option<u16> {
    let after = output.split_once(READY)?.1;
    // Only a whole line: half a number is another number.
    let line = &after[..after.find('\n')?];
    let digits = line.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn make_token(launch: &Launch, server: u32) -> String {
    let arguments = [
        "token", "create", "--name", "testkit", "--scope", "all", "--json",
    ];
    let made = launch.run_beside(Some(server), &arguments);
    let value: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap_or_default();
    match value["token"].as_str() {
        Some(token) => token.to_owned(),
        None => panic!(
            "postroom token create gives no token: {}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::ready_port;

    #[test]
    fn the_port_is_read_from_a_whole_ready_line_only() {
        assert_eq!(
            ready_port("x\npostroom is ready at http://127.0.0.1:80"),
            None
        );
        assert_eq!(
            ready_port("x\npostroom is ready at http://127.0.0.1:8025/ set up: ...\n"),
            Some(8025)
        );
        assert_eq!(
            ready_port("postroom is ready at http://127.0.0.1:8025\n"),
            Some(8025)
        );
    }
}
