//! Sending: from the REST interface through the outbox to a server, beside Postfix's `smtp-source` against the same sink with
//! as many connections, and what a long queue and a large file take in memory.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Api, Launch, Postroom, wait_for};

use crate::load;
use crate::meter::{self, median};
use crate::product::{self, PATIENCE};
use crate::table::Row;
use crate::{World, say};

/// Mailboxes that send: each has one connection.
const MAILBOXES: usize = 4;
/// Connections of the application.
const WRITERS: usize = 8;
/// Bytes of a message's body.
const BODY: usize = 1_024;
/// Bytes of the large file.
const FILE: usize = 100_000_000;
/// The least share of `smtp-source`'s rate.
const GOAL: f64 = 0.5;
/// The least submissions accepted in a second.
const ACCEPT_GOAL: f64 = 1_000.0;
/// The most bytes of memory.
const MEMORY_GOAL: u64 = 150_000_000;

pub fn measure(world: &World) -> Vec<Row> {
    let mut rows = through(world);
    rows.extend(queued(world));
    rows.push(large_file(world));
    rows
}

/// Through everything: rounds of the peer and of ours take turns.
fn through(world: &World) -> Vec<Row> {
    let sink = Sink::start();
    let setting = Setting::start(world, &sink);
    let count = world.options.submissions;
    let (mut ours, mut peers, mut kept, mut shares) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..world.options.rounds {
        let peer = count as f64 / smtp_source(&sink, count, &[]).wall;
        kept.push(count as f64 / smtp_source(&sink, count, &["-d"]).wall);
        let before = meter::processor_time(setting.postroom.pid());
        let since = Instant::now();
        setting.submit(count);
        let handed_over = since.elapsed().as_secs_f64();
        setting.wait_until_sent();
        let wall = since.elapsed().as_secs_f64();
        let cpu = meter::processor_time(setting.postroom.pid()) - before;
        let rate = count as f64 / wall;
        say(&format!(
            "round {round}: smtp-source {peer:.0}/s, ours {rate:.0}/s (accepted in {handed_over:.1} s, sent in {wall:.1} s, {cpu:.1} s of processor time)"
        ));
        ours.push(rate);
        peers.push(peer);
        shares.push(rate / peer);
    }
    let share = median(shares);
    vec![
        Row::new(
            format!("{count} submissions through API, outbox and SMTP, {MAILBOXES} connections"),
            format!("{:.0}/s", median(ours)),
        )
        .peer(format!("smtp-source {:.0}/s", median(peers)), share)
        .goal("half or better", share >= GOAL),
        Row::new(
            "  the peer over connections that are kept",
            format!("{:.0}/s", median(kept)),
        ),
    ]
}

/// A long queue: how fast it is accepted, what it takes in memory, how fast it goes.
fn queued(world: &World) -> Vec<Row> {
    let sink = Sink::start();
    let setting = Setting::start(world, &sink);
    setting.all("pause");
    let count = world.options.queued;
    let since = Instant::now();
    setting.submit(count);
    let accepted = count as f64 / since.elapsed().as_secs_f64();
    let resident = setting.postroom.resident_memory();
    let since = Instant::now();
    setting.all("resume");
    setting.wait_until_sent();
    let sent = count as f64 / since.elapsed().as_secs_f64();
    let peak = setting.postroom.peak_memory();
    vec![
        Row::new(
            format!("  accepted by the API alone, durable, {WRITERS} connections"),
            format!("{accepted:.0}/s"),
        )
        .goal("> 1,000/s", accepted > ACCEPT_GOAL),
        Row::new(
            format!("  sent from the queue of {count}"),
            format!("{sent:.0}/s"),
        ),
        Row::new(
            format!("resident memory with {count} queued"),
            format!(
                "{:.1} MB (peak {:.1} MB while they are sent)",
                resident as f64 / 1e6,
                peak as f64 / 1e6
            ),
        )
        .goal("< 150 MB", peak < MEMORY_GOAL),
    ]
}

/// An attachment of 100 MB, from its upload to its end.
fn large_file(world: &World) -> Row {
    let sink = Sink::start();
    let setting = Setting::start(world, &sink);
    let headers = [("content-type", "application/octet-stream")];
    let path = "/v1/uploads?filename=large.bin";
    let upload = setting
        .postroom
        .send("POST", path, &headers, &vec![7; FILE]);
    assert_eq!(upload.status, 201, "{}", upload.text());
    let upload: Value = serde_json::from_slice(&upload.body).expect("JSON");
    let mut message: Value = serde_json::from_str(&setting.message(0)).expect("JSON");
    message["attachments"] = json!([{"blob_id": upload["blob_id"]}]);
    let (status, answer) = setting.postroom.post("/v1/submissions", &message);
    assert_eq!(status, 202, "{answer:#}");
    setting.wait_until_sent();
    let peak = setting.postroom.peak_memory();
    Row::new(
        "peak memory with an attachment of 100 MB, uploaded and sent",
        format!("{:.1} MB", peak as f64 / 1e6),
    )
    .goal("< 150 MB", peak < MEMORY_GOAL)
}

/// The program with mailboxes that send to a sink.
struct Setting {
    postroom: Postroom,
    mailboxes: Vec<String>,
}

impl Setting {
    fn start(world: &World, sink: &Sink) -> Self {
        let postroom = Launch::new(&world.options.binary).start();
        let mailboxes = (0..MAILBOXES).map(|number| add(&postroom, number, sink.port));
        let mailboxes = mailboxes.collect();
        Self {
            postroom,
            mailboxes,
        }
    }

    /// Hands messages over, each connection one after the other.
    fn submit(&self, count: usize) {
        load::submit(&self.postroom, "/v1/submissions", WRITERS, count, |n| {
            self.message(n)
        });
    }

    fn message(&self, number: usize) -> String {
        json!({
            "mailbox_id": self.mailboxes[number % MAILBOXES],
            "to": [{"address": format!("reader{}@simulated.test", number % 100)}],
            "subject": format!("number {number}"),
            "text": "All work and no play. ".repeat(BODY / 22),
        })
        .to_string()
    }

    fn all(&self, deed: &str) {
        for id in &self.mailboxes {
            let path = format!("/v1/mailboxes/{id}/{deed}");
            let (status, answer) = self.postroom.post(&path, &json!({}));
            assert_eq!(status, 200, "{answer:#}");
        }
    }

    fn wait_until_sent(&self) {
        wait_for(PATIENCE, "everything is sent", || {
            let open = open(&self.postroom);
            (open == 0).then_some(()).or_else(|| {
                // Seldom enough not to be part of the load.
                std::thread::sleep(Duration::from_millis(50));
                None
            })
        });
        let (_, failed) = self.postroom.get("/v1/submissions?state=failed&limit=1");
        assert_eq!(failed["data"], json!([]), "a message was refused");
    }
}

/// A mailbox that only sends, to a server on this port.
fn add(api: &Api, number: usize, port: u16) -> String {
    let body = json!({
        "address": format!("sender{number}@simulated.test"),
        "incoming": null,
        "outgoing": {"host": "127.0.0.1", "port": port, "security": "none", "auth": "none"},
    });
    let (status, mailbox) = api.post("/v1/mailboxes", &body);
    assert_eq!(status, 201, "{mailbox:#}");
    let id = mailbox["id"].as_str().expect("a mailbox has an id");
    product::enable(api, id);
    id.to_owned()
}

/// Submissions that are not settled.
fn open(api: &Api) -> usize {
    let metrics = api.send("GET", "/metrics", &[], b"").text();
    let depth = metrics
        .lines()
        .find_map(|line| line.strip_prefix("postroom_outbox_depth "));
    let depth = depth.and_then(|depth| depth.trim().parse::<f64>().ok());
    depth.expect("the outbox measures itself") as usize
}

/// Postfix's load generator: so many messages, a connection for each unless a flag says otherwise.
fn smtp_source(sink: &Sink, count: usize, flags: &[&str]) -> meter::Cost {
    let (connections, messages, bytes) =
        (MAILBOXES.to_string(), count.to_string(), BODY.to_string());
    meter::run(
        Command::new("/usr/sbin/smtp-source")
            .args(flags)
            .args(["-s", &connections, "-m", &messages, "-l", &bytes])
            .args(["-f", "sender@simulated.test", "-t", "reader@simulated.test"])
            .arg(format!("127.0.0.1:{}", sink.port))
            .stdout(Stdio::null()),
    )
}

/// Postfix's `smtp-sink`: takes everything and keeps nothing. Ends with this value.
struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let child = Command::new("/usr/sbin/smtp-sink")
            .args(["-u", "postfix"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("1000")
            .stdout(Stdio::null())
            .spawn()
            .expect("smtp-sink starts: it comes with Postfix");
        wait_for(Duration::from_secs(10), "smtp-sink listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, port }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
