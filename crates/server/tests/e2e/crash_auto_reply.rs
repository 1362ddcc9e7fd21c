//! Killed anywhere while an out of office answers: whoever wrote a message that came live has one answer, also where the program
//! was killed before it was judged; who only wrote while it was down has none, and nobody has two in one period.
//! `POSTROOM_CRASH_ROUNDS` and `POSTROOM_CRASH_SEED` are those of [`crate::crash_sending`].

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use mail_sim::{SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{Api, Random, TestUser, deliver_from, user, wait_for};

use crate::crash::number;
use crate::setting::{SOON, all, connect, events, launch, settings, text, wait_complete, with};

/// Kills of every run of the tests.
const ROUNDS: u64 = 10;
/// Who writes for the first time in a round.
const SENDERS: u64 = 6;
/// The longest that a server lives, in milliseconds after it is ready. At the beginning it connects.
const LIFE: u64 = 900;
/// The longest pause between two letters, in milliseconds.
const PAUSE: u64 = 150;

/// Writes when all the others have written.
const LAST: &str = "last@simulated.test";

fn sender(round: u64, n: u64) -> String {
    format!("s{round}-{n}@simulated.test")
}

/// A letter that is to have an answer if it comes live, and its sender has had none.
fn write(to: &TestUser, from: &str) {
    let raw = format!(
        "From: {from}\r\nTo: {}\r\nSubject: Lunch\r\nMessage-ID: <{}@simulated.test>\r\n\r\nShall we?\r\n",
        to.address,
        testkit::unique("letter")
    );
    deliver_from(to, from, raw.as_bytes());
}

#[test]
fn killed_anywhere_whoever_wrote_live_gets_one_answer_and_nobody_two() {
    let rounds = number("POSTROOM_CRASH_ROUNDS", ROUNDS);
    let mut random = Random(number("POSTROOM_CRASH_SEED", 17));
    let sim = SmtpSim::start(SmtpScript::new());
    let ann = user("away");
    let mut postroom = launch()
        .env("POSTROOM_OUTBOX_UNCLEAR_AFTER", "2s")
        .env("POSTROOM_OUTBOX_RETRY_AFTER", "1s")
        .start();
    let outgoing =
        json!({"host": "127.0.0.1", "port": sim.port(), "security": "none", "auth": "none"});
    let by_sim = json!({"outgoing": outgoing});
    let mailbox = connect(&postroom, with(settings(&ann), by_sim));
    wait_complete(&postroom, &mailbox);
    let body = json!({"mailbox_id": mailbox, "text": "I am away."});
    let (status, made) = postroom.post("/v1/auto-replies", &body);
    assert_eq!(status, 201, "{made:#}");
    for round in 0..rounds {
        let (mut pauses, ann) = (Random(random.number()), &ann);
        thread::scope(|scope| {
            // Some of it comes while nobody is there to hear of it.
            let writing = scope.spawn(move || {
                for n in 0..SENDERS {
                    write(ann, &sender(round, n));
                    thread::sleep(Duration::from_millis(pauses.below(PAUSE)));
                    // Somebody writes again, and has an answer by now or will have one.
                    write(ann, &sender(pauses.below(round + 1), pauses.below(n + 1)));
                }
            });
            thread::sleep(Duration::from_millis(random.below(LIFE)));
            postroom.kill9();
            writing.join().expect("who writes");
        });
        postroom.restart();
    }
    // Whoever writes last is answered last: what came before has been judged by then. The line may not be up yet.
    wait_for(SOON * 2, "the last one has an answer", || {
        write(&ann, LAST);
        thread::sleep(Duration::from_millis(500));
        answers(&sim).contains_key(LAST).then_some(())
    });
    check(&postroom, &sim, rounds);
}

/// Whoever wrote live has one answer, and got it; twice only where it is marked. Nobody else has one.
fn check(api: &Api, sim: &SmtpSim, rounds: u64) {
    for state in ["queued", "sending", "deferred", "unclear"].repeat(2) {
        let open = format!("/v1/submissions?state={state}&limit=1");
        api.poll(&open, SOON * 3, |_, page| {
            page["data"].as_array()?.is_empty().then_some(())
        });
    }
    let received = answers(sim);
    let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for submission in all(api, "/v1/submissions") {
        let to = text(&submission["recipients"][0], "address").to_owned();
        made.entry(to).or_default().push(submission);
    }
    let wrote_live = wrote_live(api);
    for to in &wrote_live {
        let of = made.get(to).unwrap_or_else(|| panic!("{to} got none"));
        assert_eq!(of.len(), 1, "two answers: {of:#?}");
        let times = received.get(to).copied().unwrap_or(0);
        let unclear = of[0]["state"] == "failed" && of[0]["problem_id"] == "smtp_unclear";
        let marked = of[0]["possible_duplicate"] == true;
        assert!(times >= 1 || unclear, "lost: {:#}", of[0]);
        assert!(
            times <= 1 || times == 2 && (marked || unclear),
            "{times} times: {:#}",
            of[0]
        );
    }
    let answered: BTreeSet<String> = made.into_keys().collect();
    assert_eq!(answered, wrote_live, "nobody else has one");
    let senders = rounds * SENDERS;
    let live = wrote_live.len();
    assert!(
        live > 1 && (live as u64) < senders,
        "{live} of {senders} wrote live: nothing is proven"
    );
    let twice = received.values().filter(|times| **times > 1).count();
    println!(
        "{rounds} kills, {live} of {senders} senders wrote live, {twice} answers arrived twice"
    );
}

/// The senders of messages that came live.
fn wrote_live(api: &Api) -> BTreeSet<String> {
    let live: BTreeSet<String> = events(api, "message.received")
        .iter()
        .filter(|event| event["origin"] == "live")
        .map(|event| text(&event["data"], "message_id").to_owned())
        .collect();
    all(api, "/v1/messages")
        .iter()
        .filter(|message| live.contains(text(message, "id")))
        .map(|message| text(&message["from"][0], "address").to_owned())
        .collect()
}

fn answers(sim: &SmtpSim) -> BTreeMap<String, usize> {
    let mut received: BTreeMap<String, usize> = BTreeMap::new();
    for address in sim.mails().into_iter().flat_map(|mail| mail.to) {
        *received.entry(address).or_default() += 1;
    }
    received
}
