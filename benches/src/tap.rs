//! A connection that is listened to: bytes, turns and the client's commands. For plain text only.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const BUFFER: usize = 64 * 1024;

/// What went over all connections since it was last taken.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Bytes from the server.
    pub down: u64,
    /// Bytes from the client.
    pub up: u64,
    /// How often the client spoke after the server had spoken: each is a wait of one round trip.
    pub round_trips: u64,
    /// The client's lines, without their tags; what signs in is left out.
    pub commands: Vec<String>,
    /// Bytes from the server when each of them came.
    pub before: Vec<u64>,
    partial: Vec<u8>,
    server_spoke_last: bool,
}

#[derive(Default)]
struct Shared {
    traffic: Traffic,
    open: Vec<TcpStream>,
    last: Option<Instant>,
}

/// A listener in front of a port. Its threads end with the connections.
pub struct Tap {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Tap {
    /// Starts listening in front of a port of 127.0.0.1.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let for_connections = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                join(client, target, &for_connections);
            }
        });
        Self { port, shared }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes what is open.
    pub fn cut(&self) {
        for stream in lock(&self.shared).open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// What went over it since the last call, and forgets it.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut lock(&self.shared).traffic)
    }

    /// Waits until something came and then nothing more for so long.
    pub fn wait_for_silence(&self, silence: Duration) {
        lock(&self.shared).last = None;
        loop {
            thread::sleep(silence / 10);
            if lock(&self.shared)
                .last
                .is_some_and(|at| at.elapsed() > silence)
            {
                return;
            }
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(client: TcpStream, target: u16, shared: &Arc<Mutex<Shared>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        if let Ok(copy) = stream.try_clone() {
            lock(shared).open.push(copy);
        }
    }
    let both = client
        .try_clone()
        .and_then(|c| Ok((c, server.try_clone()?)));
    let Ok((client_again, server_again)) = both else {
        return;
    };
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || pump(client, server, |bytes| lock(&up).client_spoke(bytes)));
    thread::spawn(move || {
        pump(server_again, client_again, |bytes| {
            lock(&down).server_spoke(bytes)
        })
    });
}

fn pump(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        note(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

impl Shared {
    fn server_spoke(&mut self, bytes: &[u8]) {
        self.last = Some(Instant::now());
        self.traffic.down += bytes.len() as u64;
        self.traffic.server_spoke_last = true;
    }

    fn client_spoke(&mut self, bytes: &[u8]) {
        self.last = Some(Instant::now());
        let traffic = &mut self.traffic;
        traffic.up += bytes.len() as u64;
        if std::mem::take(&mut traffic.server_spoke_last) {
            traffic.round_trips += 1;
        }
        traffic.partial.extend_from_slice(bytes);
        while let Some(end) = traffic.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = traffic.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(command) = command(&line) {
                traffic.commands.push(command);
                traffic.before.push(traffic.down);
            }
        }
    }
}

/// A command without its tag; a line of a sign-in is none of our business.
fn command(line: &str) -> Option<String> {
    let (_, command) = line.split_once(' ')?;
    let word = command.split(' ').next()?;
    match word.to_ascii_uppercase().as_str() {
        "LOGIN" | "AUTHENTICATE" => Some(word.to_owned()),
        _ => Some(command.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shared, command};

    #[test]
    fn turns_and_commands_are_counted() {
        let mut shared = Shared::default();
        shared.server_spoke(b"* OK hello\r\n");
        shared.client_spoke(b"a1 LIST \"\" *\r\na2 NO");
        shared.client_spoke(b"OP\r\n");
        shared.server_spoke(b"a1 OK\r\na2 OK\r\n");
        shared.client_spoke(b"a3 LOGOUT\r\n");
        assert_eq!(shared.traffic.round_trips, 2);
        assert_eq!(shared.traffic.commands, ["LIST \"\" *", "NOOP", "LOGOUT"]);
    }

    #[test]
    fn the_bytes_before_a_command_are_known() {
        let mut shared = Shared::default();
        shared.server_spoke(b"* OK hello\r\n");
        shared.client_spoke(b"a1 NOOP\r\n");
        assert_eq!(shared.traffic.before, [12]);
    }

    #[test]
    fn a_password_is_not_kept() {
        assert_eq!(command("a LOGIN me secret").as_deref(), Some("LOGIN"));
        assert_eq!(command("AGFuAHNlY3JldA=="), None);
    }
}
