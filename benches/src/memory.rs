//! Resident memory: with no mailbox, and for each further one that is connected over TLS and waits.

use std::thread;
use std::time::Duration;

use testkit::{Generator, Postroom, TestUser, user};

use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, say};

/// The most bytes with no mailbox.
const IDLE_GOAL: u64 = 60_000_000;
/// The most bytes for a further mailbox.
const MAILBOX_GOAL: f64 = 100_000.0;
/// Messages in each mailbox.
const MESSAGES: usize = 5;
/// What was started has come to rest after so long.
const REST: Duration = Duration::from_secs(10);

pub fn measure(world: &World) -> Vec<Row> {
    let postroom = product::start(world);
    thread::sleep(REST);
    let empty = postroom.resident_memory();
    say(&format!("no mailbox: {empty} bytes"));
    let count = world.options.mailboxes.max(2);
    let users: Vec<TestUser> = (0..count).map(seeded).collect();
    connect(&postroom, &users[..1], 1);
    let one = postroom.resident_memory();
    say(&format!("one mailbox: {one} bytes"));
    connect(&postroom, &users[1..], count);
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
        .goal("< 100 KB", each < MAILBOX_GOAL),
    ]
}

fn seeded(number: usize) -> TestUser {
    let user = user("memory");
    user.seed("INBOX", Generator::new(number as u64).take(MESSAGES));
    user
}

/// Connects mailboxes and waits until `total` are in step and at rest.
fn connect(postroom: &Postroom, users: &[TestUser], total: usize) {
    for user in users {
        let id = product::add(postroom, user, Door::tls());
        product::enable(postroom, &id);
    }
    product::wait_until_all_in_step(postroom, total);
    thread::sleep(REST);
}
