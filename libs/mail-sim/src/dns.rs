//! A name server with a zone of the test's own: it answers over UDP and TCP, or fails in a chosen way.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::net::lock;

/// How often the server looks whether it should end.
const LOOK: Duration = Duration::from_millis(20);
/// How often a port is tried that is free for UDP and for TCP.
const PORT_TRIES: usize = 50;
/// Types of records (RFC 1035 section 3.2.2, RFC 3596, RFC 2782).
const TYPES: &[(u16, &str)] = &[
    (1, "A"),
    (5, "CNAME"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
];

/// How a question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsFault {
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
    /// Not at all.
    Silence,
    /// With bytes that are no message.
    Nonsense,
    /// Over UDP with nothing but the word that it does not fit; over TCP in full.
    OnlyTcp,
}

/// A zone. What is not in it does not exist; names are compared in small letters.
#[derive(Debug, Clone, Default)]
pub struct DnsScript {
    records: Vec<(String, u16, Vec<u8>)>,
    /// Addresses that are given one after the other; the last again and again.
    turns: HashMap<String, Vec<IpAddr>>,
    faults: Vec<(String, DnsFault)>,
}

impl DnsScript {
    /// An empty zone.
    pub fn new() -> Self {
        Self::default()
    }

    /// An address of a name.
    #[must_use]
    pub fn address(mut self, name: &str, ip: &str) -> Self {
        let (kind, data) = address_data(ip.parse().expect("an IP address"));
        self.records.push((small(name), kind, data));
        self
    }

    /// Addresses that a name has one after the other, as when an attacker rebinds it.
    #[must_use]
    pub fn turns(mut self, name: &str, ips: &[&str]) -> Self {
        let ips = ips.iter().map(|ip| ip.parse().expect("an IP address"));
        self.turns.insert(small(name), ips.collect());
        self
    }

    /// A mail server of a domain; `.` as its host means that the domain takes no mail.
    #[must_use]
    pub fn mx(mut self, domain: &str, preference: u16, host: &str) -> Self {
        let mut data = preference.to_be_bytes().to_vec();
        data.extend(encoded(host));
        self.records.push((small(domain), 15, data));
        self
    }

    /// A place of a service such as `_imaps._tcp.example.com`; `.` as its target means that it is not offered.
    #[must_use]
    pub fn srv(
        mut self,
        service: &str,
        priority: u16,
        weight: u16,
        port: u16,
        target: &str,
    ) -> Self {
        let mut data: Vec<u8> = [priority, weight, port]
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        data.extend(encoded(target));
        self.records.push((small(service), 33, data));
        self
    }

    /// A text of a name, of up to 255 bytes.
    #[must_use]
    pub fn txt(mut self, name: &str, text: &str) -> Self {
        let mut data = vec![u8::try_from(text.len()).expect("a short text")];
        data.extend(text.as_bytes());
        self.records.push((small(name), 16, data));
        self
    }

    /// Another name for a name.
    #[must_use]
    pub fn cname(mut self, name: &str, target: &str) -> Self {
        self.records.push((small(name), 5, encoded(target)));
        self
    }

    /// Fails for this name and everything below it.
    #[must_use]
    pub fn fault(mut self, name: &str, fault: DnsFault) -> Self {
        self.faults.push((small(name), fault));
        self
    }
}

/// A running name server: ends when dropped.
pub struct DnsSim {
    port: u16,
    queries: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl DnsSim {
    /// Starts it on 127.0.0.1.
    pub fn start(script: DnsScript) -> Self {
        let (udp, tcp, port) = sockets();
        let queries = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let server = Arc::new(Server {
            script,
            asked: Mutex::default(),
            queries: Arc::clone(&queries),
        });
        let by_udp = {
            let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
            std::thread::spawn(move || server.serve_udp(&udp, &stop))
        };
        let by_tcp = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || server.serve_tcp(&tcp, &stop))
        };
        Self {
            port,
            queries,
            stop,
            threads: vec![by_udp, by_tcp],
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The questions so far, such as `MX example.com`.
    pub fn queries(&self) -> Vec<String> {
        lock(&self.queries).clone()
    }
}

impl Drop for DnsSim {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn sockets() -> (UdpSocket, TcpListener, u16) {
    for _ in 0..PORT_TRIES {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = udp.local_addr().expect("a bound socket").port();
        if let Ok(tcp) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            udp.set_read_timeout(Some(LOOK)).expect("a socket option");
            tcp.set_nonblocking(true).expect("a socket option");
            return (udp, tcp, port);
        }
    }
    panic!("no port is free for UDP and for TCP");
}

struct Server {
    script: DnsScript,
    /// How often each name's addresses were given.
    asked: Mutex<HashMap<(String, u16), usize>>,
    queries: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn serve_udp(&self, socket: &UdpSocket, stop: &AtomicBool) {
        let mut question = [0; 1_500];
        while !stop.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut question)
                && let Some(answer) = self.answer(&question[..length], false)
            {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    /// One question for each connection is enough.
    fn serve_tcp(&self, listener: &TcpListener, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(LOOK);
                continue;
            };
            let _ = stream.set_nonblocking(false);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut question).is_ok()
                && let Some(answer) = self.answer(&question, true)
            {
                let length = u16::try_from(answer.len()).expect("a short answer");
                let _ = stream.write_all(&length.to_be_bytes());
                let _ = stream.write_all(&answer);
            }
        }
    }

    /// RFC 1035 section 4: header, the question again, records without compression.
    fn answer(&self, question: &[u8], by_tcp: bool) -> Option<Vec<u8>> {
        let (name, kind, end) = parsed(question)?;
        let word = TYPES.iter().find(|(number, _)| *number == kind);
        let word = word.map_or_else(|| kind.to_string(), |(_, word)| (*word).to_owned());
        lock(&self.queries).push(format!("{word} {name}"));
        let fault = self.script.faults.iter().find(|(at, _)| below(&name, at));
        let (code, answers, truncated) = match fault.map(|(_, fault)| *fault) {
            Some(DnsFault::Silence) => return None,
            Some(DnsFault::Nonsense) => return Some(crate::net::nonsense(40)),
            Some(DnsFault::ServFail) => (2, Vec::new(), false),
            Some(DnsFault::Refused) => (5, Vec::new(), false),
            Some(DnsFault::OnlyTcp) if !by_tcp => (0, Vec::new(), true),
            _ => {
                let answers = self.find(&name, kind);
                (if self.exists(&name) { 0 } else { 3 }, answers, false)
            }
        };
        let mut message = question.get(..2)?.to_vec();
        // A response, authoritative, recursion wanted and available.
        message.push(0x85 | if truncated { 0x02 } else { 0 });
        message.push(0x80 | code);
        message.extend(1_u16.to_be_bytes());
        message.extend(u16::try_from(answers.len()).ok()?.to_be_bytes());
        message.extend([0; 4]);
        message.extend(question.get(12..end)?);
        for (owner, kind, data) in answers {
            message.extend(encoded(&owner));
            message.extend(kind.to_be_bytes());
            // Class IN, and a time to live of nothing: every question is asked anew.
            message.extend([0, 1, 0, 0, 0, 0]);
            message.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            message.extend(data);
        }
        Some(message)
    }

    fn exists(&self, name: &str) -> bool {
        let records = self.script.records.iter().map(|(owner, ..)| owner);
        let mut owners = records.chain(self.script.turns.keys());
        owners.any(|owner| below(owner, name))
    }

    fn find(&self, name: &str, kind: u16) -> Vec<(String, u16, Vec<u8>)> {
        let mut found = Vec::new();
        let mut name = name.to_owned();
        // Another name is followed a few times, as a resolver would.
        for _ in 0..8 {
            if let Some(ips) = self.script.turns.get(&name) {
                let wanted = matches!(kind, 1 | 28).then_some(kind);
                let ips: Vec<_> = ips
                    .iter()
                    .map(|ip| address_data(*ip))
                    .filter(|(kind, _)| Some(*kind) == wanted)
                    .collect();
                let mut asked = lock(&self.asked);
                let turn = asked.entry((name.clone(), kind)).or_insert(0);
                if let Some((kind, data)) = ips.get(*turn).or(ips.last()) {
                    found.push((name.clone(), *kind, data.clone()));
                }
                *turn += 1;
                break;
            }
            let own = self.script.records.iter().filter(|(at, ..)| *at == name);
            found.extend(own.clone().filter(|(_, k, _)| *k == kind).cloned());
            let other = own.clone().find(|(_, k, _)| *k == 5 && kind != 5);
            let Some(other) = other else {
                break;
            };
            found.push(other.clone());
            name = decoded(&other.2, 0)
                .map(|(name, _)| name)
                .unwrap_or_default();
        }
        found
    }
}

fn small(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn below(name: &str, at: &str) -> bool {
    name == at
        || name
            .strip_suffix(at)
            .is_some_and(|rest| rest.ends_with('.'))
}

fn address_data(ip: IpAddr) -> (u16, Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (28, ip.octets().to_vec()),
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn decoded(bytes: &[u8], from: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let mut at = from;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = bytes.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

/// The name and type of the first question, and where it ends.
fn parsed(message: &[u8]) -> Option<(String, u16, usize)> {
    let (name, at) = decoded(message, 12)?;
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    Some((name, kind, at + 4))
}
