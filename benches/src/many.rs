//! Many small mailboxes at once: from the first `enable` until all their mail is stored and every connection waits, against
//! bare readers of the same mailboxes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Generator, TestUser, user};

use crate::meter;
use crate::product::{self, Door};
use crate::table::Row;
use crate::{World, raw, say};

/// Messages in each mailbox.
const MESSAGES: usize = 20;
/// The most seconds for 500 of them.
const GOAL: f64 = 8.0;
/// The number that the goal speaks of.
const OF: usize = 500;
/// Bare readers at the same time: more than that bring no more from this server.
const READERS: usize = 4;
/// Between two looks whether all are done, once their events have said so: a list of 500 mailboxes is work too.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub fn measure(world: &World) -> Vec<Row> {
    let count = world.options.small;
    let users: Vec<TestUser> = (0..count)
        .map(|number| {
            let user = user(&format!("many{number}"));
            user.seed("INBOX", Generator::new(number as u64).take(MESSAGES));
            user
        })
        .collect();
    // The server's cache is warm for both, and its indexes of all folders are there, as those of mailboxes in use are.
    read(&users);
    for user in &users {
        let mut imap = raw::RawImap::login(user);
        imap.command(
            r#"LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))"#,
        );
        imap.command("NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))");
        imap.command("EXAMINE INBOX");
    }
    meter::settle_disk();
    let raw = read(&users);
    say(&format!("bare readers: {raw:.1} s"));
    let postroom = product::start(world);
    let ids: Vec<String> = users
        .iter()
        .map(|user| product::add(&postroom, user, Door::tls()))
        .collect();
    meter::settle_disk();
    let cpu = meter::processor_time(postroom.pid());
    let mut told = postroom.events(
        "/v1/events?types=mailbox.live,mailbox.backfill_completed",
        "",
    );
    let since = Instant::now();
    for id in &ids {
        product::enable(&postroom, id);
    }
    let enabled = since.elapsed().as_secs_f64();
    let (mut live, mut complete) = (HashSet::new(), HashSet::new());
    while live.len() < count || complete.len() < count {
        let event = told.next(product::PATIENCE).expect("not all get in step");
        let event = event.json();
        let id = event["mailbox_id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str() {
            Some("mailbox.live") => live.insert(id),
            _ => complete.insert(id),
        };
    }
    while product::in_step(&postroom) < count {
        assert!(since.elapsed() < product::PATIENCE, "not all get in step");
        thread::sleep(LOOK_EVERY);
    }
    let wall = since.elapsed().as_secs_f64();
    let cpu = meter::processor_time(postroom.pid()) - cpu;
    say(&format!(
        "postroom: {wall:.1} s ({enabled:.1} s of it to enable them), {cpu:.1} s of processor time"
    ));
    let row = Row::new(
        format!("{count} mailboxes of {MESSAGES} messages, first time, over TLS"),
        format!("{wall:.1} s ({cpu:.1} s of processor time)"),
    )
    .peer(
        format!("{raw:.1} s bare readers, {READERS} at a time, keep nothing"),
        wall / raw,
    );
    vec![if count == OF {
        row.goal(format!("< {GOAL} s"), wall < GOAL)
    } else {
        row
    }]
}

/// Reads all of them once; returns seconds.
fn read(users: &[TestUser]) -> f64 {
    let next = AtomicUsize::new(0);
    let since = Instant::now();
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) {
                    raw::read_everything(user);
                }
            });
        }
    });
    since.elapsed().as_secs_f64()
}
