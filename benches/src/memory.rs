//! Resident memory: with no mailbox, and for each further one that is connected over TLS and waits.
//!
//! Their server is a simulator in this process: five thousand sessions of a real one would need 3.5 GB beside it.

use std::thread;
use std::time::{Duration, Instant};

use mail_sim::{Encryption, ImapScript, ImapSim};
use testkit::{Generator, Launch, Postroom, TestUser};

use crate::meter;
use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, say};

/// The most bytes with no mailbox.
const IDLE_GOAL: u64 = 60_000_000;
/// The most bytes for a further mailbox.
const MAILBOX_GOAL: f64 = 60_000.0;
/// Messages in each mailbox.
const MESSAGES: usize = 5;
/// What was started has come to rest after so long.
const REST: Duration = Duration::from_secs(10);

pub fn measure(world: &World) -> Vec<Row> {
    let sim = ImapSim::start(script());
    let postroom = Launch::new(&world.options.binary)
        .trust(sim.ca_pem())
        .start();
    thread::sleep(REST);
    let empty = postroom.resident_memory();
    say(&format!("no mailbox: {empty} bytes"));
    let count = world.options.mailboxes.max(2);
    let users: Vec<TestUser> = (0..count).map(user).collect();
    let door = Door {
        port: sim.port(),
        security: "tls",
    };
    connect(&postroom, &users[..1], door, 1);
    let one = postroom.resident_memory();
    say(&format!("one mailbox: {one} bytes"));
    let before = meter::processor_time(postroom.pid());
    let began = Instant::now();
    connect(&postroom, &users[1..], door, count);
    say(&format!(
        "connected in {:.1} s, {:.1} s of processor time",
        began.elapsed().as_secs_f64() - REST.as_secs_f64(),
        meter::processor_time(postroom.pid()) - before
    ));
    let all = postroom.resident_memory();
    say(&format!(
        "{count} mailboxes: {all} bytes, peak {}",
        postroom.peak_memory()
    ));
    let each = (all as f64 - one as f64) / (count - 1) as f64;
    vec![
        Row::new(
            "resident memory, no mailbox",
            format!("{:.1} MB", empty as f64 / 1e6),
        )
        .goal("< 60 MB", empty < IDLE_GOAL),
        Row::new(
            format!("  for each further mailbox, {count} connected and waiting over TLS"),
            format!("{:.1} KB ({:.1} MB in all)", each / 1e3, all as f64 / 1e6),
        )
        .goal("< 60 KB", each < MAILBOX_GOAL),
    ]
}

/// One mailbox over TLS, shown to every user.
pub fn script() -> ImapScript {
    let mut script = ImapScript::new().encryption(Encryption::Implicit);
    for mail in Generator::new(1).take(MESSAGES) {
        script = script.mail("INBOX", &mail.raw);
    }
    script
}

/// One of its users.
pub fn user(number: usize) -> TestUser {
    TestUser {
        address: format!("user{number}@simulated.test"),
        password: mail_sim::PASSWORD.to_owned(),
    }
}

/// Connects mailboxes and waits until `total` are in step and at rest.
pub fn connect(postroom: &Postroom, users: &[TestUser], door: Door, total: usize) {
    for user in users {
        let id = product::add(postroom, user, door);
        product::enable(postroom, &id);
    }
    product::wait_until_all_in_step(postroom, total);
    thread::sleep(REST);
}
