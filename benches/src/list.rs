//! Pages of messages from a large store: requests in a second, and how long the slow ones take.
//!
//! The load comes from this program on the same machine: both share the processors.

use std::time::Duration;

use testkit::{Generator, Postroom, user};

use crate::load::{self, Load};
use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, say};

/// The fewest requests in a second.
const RATE_GOAL: f64 = 2_000.0;
/// The most milliseconds for 99 of 100 requests.
const TAIL_GOAL: f64 = 20.0;
/// The most memory that first synchronisations may take, in bytes.
const MEMORY_GOAL: u64 = 250_000_000;
/// Mailboxes that the messages are spread over.
const MAILBOXES: usize = 5;
/// Mean size of the messages, in bytes: a page shows heads, not bodies.
const MEAN_SIZE: u32 = 1_500;

pub fn measure(world: &World) -> Vec<Row> {
    let postroom = product::start(world);
    let mailbox = fill(world, &postroom);
    let first = "/v1/messages?limit=50".to_owned();
    let (_, page) = postroom.get(&first);
    let cursor = page["next_cursor"]
        .as_str()
        .expect("there is a second page");
    let mut rows = vec![
        Row::new(
            format!("{MAILBOXES} first synchronisations at once, largest resident memory"),
            format!("{:.0} MB", postroom.peak_memory() as f64 / 1e6),
        )
        .goal("< 250 MB", postroom.peak_memory() < MEMORY_GOAL),
    ];
    let load = ask(world, &postroom, &first);
    rows.push(
        Row::new(
            format!("first page of 50 in {} messages", world.options.listed),
            format!(
                "{:.0} requests/s, {:.0} MB/s",
                load.rate,
                load.bytes_per_second / 1e6
            ),
        )
        .goal("> 2000 requests/s", load.rate > RATE_GOAL),
    );
    rows.push(
        Row::new(
            "  99 % within",
            format!("{:.1} ms (median {:.1} ms)", load.tail, load.middle),
        )
        .goal("< 20 ms", load.tail < TAIL_GOAL),
    );
    for (what, path) in [
        ("  second page", format!("{first}&cursor={cursor}")),
        ("  of one mailbox", format!("{first}&mailbox_id={mailbox}")),
        (
            "  search, a common word (q=quotation)",
            format!("{first}&q=quotation"),
        ),
        (
            "  search, two words (q=damaged+boxes)",
            format!("{first}&q=damaged+boxes"),
        ),
    ] {
        let load = ask(world, &postroom, &path);
        rows.push(Row::new(
            what,
            format!(
                "{:.0} requests/s, 99 % within {:.1} ms (median {:.1} ms)",
                load.rate, load.tail, load.middle
            ),
        ));
    }
    rows
}

/// Fills the store the way it is always filled, by synchronising; returns a mailbox.
fn fill(world: &World, postroom: &Postroom) -> String {
    let each = world.options.listed.div_ceil(MAILBOXES);
    let mut last = String::new();
    for number in 0..MAILBOXES {
        let user = user("list");
        let mails = Generator::new(100 + number as u64).mean_size(MEAN_SIZE);
        user.seed("INBOX", mails.take(each));
        last = product::add(postroom, &user, Door::tls());
        product::enable(postroom, &last);
    }
    product::wait_until_all_in_step(postroom, MAILBOXES);
    say(&format!("{} messages are stored", each * MAILBOXES));
    last
}

fn ask(world: &World, postroom: &Postroom, path: &str) -> Load {
    let time = Duration::from_secs(world.options.seconds);
    let load = load::run(postroom, path, world.options.connections, time);
    say(&format!("{path}: {load:.1?}"));
    load
}
