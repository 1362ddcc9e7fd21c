//! A first synchronisation with one huge message in it: how much memory it takes, against mbsync, which reads the message
//! into memory.

use std::time::Instant;

use testkit::{Generator, Mail, TestUser, user};

use crate::mbsync::{Mbsync, Setting};
use crate::meter::{self, Cost};
use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, say};

/// The most resident memory in it, in bytes.
const MEMORY_GOAL: u64 = 200_000_000;
/// Messages beside the huge one.
const OTHERS: usize = 500;

pub fn measure(world: &World) -> Vec<Row> {
    let user = user("huge");
    user.seed("INBOX", Generator::new(41).take(OTHERS / 2));
    user.seed("INBOX", [huge(world.options.megabytes)]);
    user.seed("INBOX", Generator::new(42).take(OTHERS / 2));
    let ours = ours(world, &user);
    say(&format!("postroom: {ours:.1?}"));
    let setting = Setting {
        durable: false,
        compress: false,
    };
    let mbsync = Mbsync::new(&user, Door::tls(), setting);
    let theirs = mbsync.pull();
    say(&format!("mbsync: {theirs:.1?}"));
    let what = format!(
        "first synchronisation with a message of {} MB: largest resident memory",
        world.options.megabytes
    );
    vec![
        Row::new(what, format!("{:.0} MB", ours.peak as f64 / 1e6))
            .peer(
                format!("{:.0} MB mbsync", theirs.peak as f64 / 1e6),
                ours.peak as f64 / theirs.peak.max(1) as f64,
            )
            .goal("< 200 MB", ours.peak < MEMORY_GOAL),
        Row::new("  all of it", format!("{:.1} s", ours.wall)).peer(
            format!("{:.1} s mbsync, FSync no, no COMPRESS", theirs.wall),
            ours.wall / theirs.wall,
        ),
    ]
}

fn ours(world: &World, user: &TestUser) -> Cost {
    let postroom = product::start(world);
    let id = product::add(&postroom, user, Door::tls());
    meter::settle_disk();
    let cpu = meter::processor_time(postroom.pid());
    let since = Instant::now();
    product::enable(&postroom, &id);
    product::wait_until_in_step(&postroom, &id);
    let cost = Cost {
        wall: since.elapsed().as_secs_f64(),
        cpu: meter::processor_time(postroom.pid()) - cpu,
        peak: postroom.peak_memory(),
    };
    assert_eq!(product::stored(&postroom, &id), OTHERS as u64 + 1);
    cost
}

/// A message of so many megabytes.
fn huge(megabytes: usize) -> Mail {
    let mut mail = Generator::new(43)
        .take(1)
        .next()
        .expect("the generator never ends");
    let line =
        b"A line of a huge message that says the same as the line before and the line behind.\r\n";
    let length = megabytes * 1_000_000;
    mail.raw = Vec::with_capacity(length + line.len());
    mail.raw
        .extend_from_slice(b"Subject: huge\r\nMessage-ID: <huge@example.test>\r\n\r\n");
    while mail.raw.len() < length {
        mail.raw.extend_from_slice(line);
    }
    mail
}
