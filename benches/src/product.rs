//! The program under measurement, driven through its public interface only.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Api, Launch, Postroom, TestUser, servers, wait_for};

use crate::World;

/// How often a mailbox that is being filled is looked at: seldom enough not to be part of the load.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long any benchmark waits for one thing.
pub const PATIENCE: Duration = Duration::from_secs(1_800);

/// Starts the program on a fresh data directory.
pub fn start(world: &World) -> Postroom {
    Launch::new(&world.options.binary).start()
}

/// Where a mailbox is reached.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// `tls` or `none`.
    pub security: &'static str,
}

impl Door {
    /// The server's own port with implicit TLS.
    pub fn tls() -> Self {
        Self {
            port: servers().imaps_port,
            security: "tls",
        }
    }
}

/// Adds a mailbox, all folders and all mail, and returns its id; it does nothing yet.
pub fn add(api: &Api, user: &TestUser, door: Door) -> String {
    let body = json!({
        "address": user.address,
        "incoming": {
            "protocol": "imap", "host": "localhost", "port": door.port, "security": door.security,
            "username": user.address, "auth": "password",
        },
        "outgoing": null,
        "password": user.password,
    });
    let (status, mailbox) = api.post("/v1/mailboxes", &body);
    assert_eq!(status, 201, "the mailbox was not added: {mailbox:#}");
    let id = mailbox["id"].as_str().expect("a mailbox has an id");
    id.to_owned()
}

/// Switches a mailbox on, without the test that an interface would make before.
pub fn enable(api: &Api, id: &str) {
    let path = format!("/v1/mailboxes/{id}/enable?test=false");
    let (status, answer) = api.post(&path, &Value::Null);
    assert_eq!(status, 200, "the mailbox was not enabled: {answer:#}");
}

/// Waits until all mail of a mailbox is stored and it is connected.
pub fn wait_until_in_step(api: &Api, id: &str) {
    let since = Instant::now();
    loop {
        let (_, mailbox) = api.get(&format!("/v1/mailboxes/{id}"));
        if is_in_step(&mailbox) {
            return;
        }
        assert!(
            since.elapsed() < PATIENCE && mailbox["connection"]["state"] != "held",
            "the mailbox does not get in step: {mailbox:#}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Whether all mail of a mailbox is stored and it is connected.
pub fn is_in_step(mailbox: &Value) -> bool {
    mailbox["coverage"]["state"] == "complete" && mailbox["connection"]["state"] == "live"
}

/// How many messages of a mailbox are stored, summed over its folders.
pub fn stored(api: &Api, id: &str) -> u64 {
    let (_, folders) = api.get(&format!("/v1/mailboxes/{id}/folders"));
    let folders = folders["data"].as_array().cloned().unwrap_or_default();
    folders
        .iter()
        .filter_map(|folder| folder["messages"].as_u64())
        .sum()
}

/// Waits until so many mailboxes are in step.
pub fn wait_until_all_in_step(api: &Api, count: usize) {
    wait_for(PATIENCE, "all mailboxes are live and complete", || {
        (in_step(api) >= count).then_some(()).or_else(|| {
            std::thread::sleep(Duration::from_secs(1));
            None
        })
    });
}

/// How many mailboxes are in step.
pub fn in_step(api: &Api) -> usize {
    let mailboxes = mailboxes(api);
    mailboxes
        .iter()
        .filter(|mailbox| is_in_step(mailbox))
        .count()
}

fn mailboxes(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = api.get(&format!("/v1/mailboxes?limit=500{cursor}"));
        assert_eq!(status, 200, "{page:#}");
        all.extend(page["data"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}
