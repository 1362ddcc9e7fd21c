//! New mail: how long after a bare IDLE connection hears of it the event is on the stream of events.
//!
//! Dovecot waits half a second before it tells anybody; that wait is in both, and cancels out.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use mail_sim::ImapSim;
use testkit::{Generator, Launch, Postroom, TestUser, deliver, user};

use crate::memory;
use crate::meter::{median, percentile};
use crate::product::{self, Door, PATIENCE};
use crate::raw::RawImap;
use crate::table::Row;
use crate::{World, say};

/// The most milliseconds between the two, in the middle.
const GOAL: f64 = 15.0;
/// The most milliseconds for 99 of 100.
const TAIL_GOAL: f64 = 100.0;
/// Mailboxes that wait beside it, on a simulator.
const IDLE: usize = 1_000;
/// First synchronisations beside it, and the messages of each.
const FILLINGS: u64 = 4;
const FILLED: usize = 20_000;
/// Messages that are there before.
const BEFORE: usize = 500;
/// Between deliveries: longer than Dovecot's own pause, and never in step with it.
const PAUSE: Duration = Duration::from_millis(300);

pub fn measure(world: &World) -> Vec<Row> {
    let user = user("new mail");
    user.seed("INBOX", Generator::new(2).take(BEFORE));
    let sim = ImapSim::start(memory::script());
    let postroom = Launch::new(&world.options.binary)
        .trust(sim.ca_pem())
        .start();
    let id = product::add(&postroom, &user, Door::tls());
    product::enable(&postroom, &id);
    product::wait_until_in_step(&postroom, &id);
    let told = events(&postroom);
    let heard = idle(&user);
    let deliver = |number: usize| {
        thread::sleep(PAUSE + Duration::from_millis(37 * (number as u64 % 8)));
        one(&user, number, &heard, &told)
    };
    let quiet: Vec<f64> = (0..world.options.deliveries).map(deliver).collect();

    let idle: Vec<TestUser> = (0..IDLE).map(memory::user).collect();
    let door = Door {
        port: sim.port(),
        security: "tls",
    };
    memory::connect(&postroom, &idle, door, IDLE + 1);
    let fillings = fill(&postroom);
    let busy: Vec<f64> = (0..world.options.deliveries)
        .map(|number| number + world.options.deliveries)
        .take_while(|_| fillings.iter().any(|id| is_filling(&postroom, id)))
        .map(deliver)
        .collect();
    let mut rows = rows(world, "new mail", quiet);
    rows.extend(self::rows(
        world,
        "new mail, with 1,000 idle mailboxes and four first synchronisations",
        busy,
    ));
    rows
}

/// The middle and the tail of the delays.
fn rows(world: &World, what: &str, mut delays: Vec<f64>) -> Vec<Row> {
    say(&format!("{what}: delays in ms: {delays:.1?}"));
    if delays.is_empty() {
        return Vec::new();
    }
    let count = delays.len();
    let (middle, tail) = (median(delays.clone()), percentile(&mut delays, 0.99));
    let share = if count < world.options.deliveries {
        ", until the first synchronisations were done"
    } else {
        ""
    };
    vec![
        Row::new(
            format!("{what}: event after a bare IDLE's EXISTS, median"),
            format!("{middle:.1} ms"),
        )
        .goal("<= 15 ms", middle <= GOAL),
        Row::new(
            format!("  99 % of {count} deliveries{share}"),
            format!("{tail:.1} ms"),
        )
        .goal("<= 100 ms", tail <= TAIL_GOAL),
    ]
}

/// Begins four first synchronisations.
fn fill(postroom: &Postroom) -> Vec<String> {
    (0..FILLINGS)
        .map(|number| {
            let large = user("filling");
            large.seed("INBOX", Generator::new(50 + number).take(FILLED));
            large
        })
        .collect::<Vec<_>>()
        .iter()
        .map(|large| {
            let id = product::add(postroom, large, Door::tls());
            product::enable(postroom, &id);
            id
        })
        .collect()
}

fn is_filling(postroom: &Postroom, id: &str) -> bool {
    let (_, mailbox) = postroom.get(&format!("/v1/mailboxes/{id}"));
    !product::is_in_step(&mailbox)
}

/// Delivers one message; returns milliseconds from EXISTS to the event.
fn one(
    user: &TestUser,
    number: usize,
    heard: &Receiver<Instant>,
    told: &Receiver<(String, Instant)>,
) -> f64 {
    let subject = format!("delivery {number}");
    let text = "A line of ordinary length, as people write them in their letters.\r\n".repeat(60);
    let raw = format!(
        "From: Ann <ann@elsewhere.test>\r\nTo: {}\r\nSubject: {subject}\r\nMessage-ID: <{number}@bench.test>\r\n\r\n{text}",
        user.address
    );
    deliver(user, raw.as_bytes());
    let heard = heard
        .recv_timeout(PATIENCE)
        .expect("the bare connection hears of it");
    loop {
        let (which, told) = told.recv_timeout(PATIENCE).expect("the event comes");
        if which == subject {
            // Negative where the event was there first.
            let late = told.saturating_duration_since(heard).as_secs_f64();
            let early = heard.saturating_duration_since(told).as_secs_f64();
            return (late - early) * 1_000.0;
        }
    }
}

/// The moments at which events of received messages came, with the subjects.
fn events(postroom: &Postroom) -> Receiver<(String, Instant)> {
    let mut stream = postroom.events("/v1/events?types=message.received", "");
    assert_eq!(stream.status, 200, "no stream of events");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while let Some(event) = stream.next(PATIENCE) {
            let now = Instant::now();
            let event = event.json();
            let subject = event["data"]["subject"].as_str().unwrap_or_default();
            if sender.send((subject.to_owned(), now)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The moments at which a bare connection in IDLE heard EXISTS.
fn idle(user: &TestUser) -> Receiver<Instant> {
    let mut imap = RawImap::login(user);
    imap.command("EXAMINE INBOX");
    imap.idle();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || while sender.send(imap.next_exists()).is_ok() {});
    receiver
}
