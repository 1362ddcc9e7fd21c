//! Killed anywhere while a template goes out to many: every recipient has one message, none is lost and none is made twice.
//! Killed while one is cancelled: what was taken back goes to nobody, and the next start takes back the rest.
//! `POSTROOM_CRASH_ROUNDS` and `POSTROOM_CRASH_SEED` are those of [`crate::crash_sending`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use std::{cell::Cell, thread};

use mail_sim::{SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{Api, Random, user, wait_for};

use crate::crash::number;
use crate::setting::{SOON, all, connect, launch, settings, text, with};

/// Kills of every run of the tests.
const ROUNDS: u64 = 12;
/// Recipients of one merge: more than are made between two kills.
const PEOPLE: usize = 300;
/// The longest that a server lives, in milliseconds after it is ready.
const LIFE: u64 = 900;

/// Who sends a template to many.
struct Application {
    template: String,
    mailbox: String,
    asked: Cell<usize>,
}

impl Application {
    /// Asks for a merge, as often as it takes for an answer.
    fn merge(&self, api: &Api) -> String {
        let number = self.asked.replace(self.asked.get() + 1);
        let one = |n: usize| json!({"to": {"address": format!("p{n}-{number}@simulated.test")}, "data": {"name": format!("P{n}")}});
        let recipients: Vec<Value> = (0..PEOPLE).map(one).collect();
        let body = json!({"template_id": self.template, "mailbox_id": self.mailbox, "recipients": recipients});
        let key = format!("merge-{number}");
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ];
        let body = body.to_string().into_bytes();
        wait_for(SOON, "a merge is taken", || {
            let answer = api.try_send("POST", "/v1/merges", &headers, &body).ok()?;
            (answer.status == 202).then(|| {
                let job: Value = serde_json::from_slice(&answer.body).expect("JSON");
                text(&job, "id").to_owned()
            })
        })
    }
}

fn phase(api: &Api, job: &str) -> String {
    text(&api.get(&format!("/v1/jobs/{job}")).1, "phase").to_owned()
}

#[test]
fn killed_anywhere_a_merge_makes_one_message_for_each_recipient() {
    let rounds = number("POSTROOM_CRASH_ROUNDS", ROUNDS);
    let mut random = Random(number("POSTROOM_CRASH_SEED", 11));
    let sim = SmtpSim::start(SmtpScript::new());
    let mut postroom = launch()
        .env("POSTROOM_OUTBOX_UNCLEAR_AFTER", "2s")
        .env("POSTROOM_OUTBOX_RETRY_AFTER", "1s")
        .start();
    let outgoing =
        json!({"host": "127.0.0.1", "port": sim.port(), "security": "none", "auth": "none"});
    let only_sends = json!({"incoming": null, "outgoing": outgoing});
    let mailbox = connect(&postroom, with(settings(&user("sender")), only_sends));
    let body = json!({"name": "News", "subject": "News for {{ name }}", "text": "Dear {{ name }}"});
    let (status, template) = postroom.post("/v1/templates", &body);
    assert_eq!(status, 201, "{template:#}");
    let application = Application {
        template: text(&template, "id").to_owned(),
        mailbox,
        asked: Cell::new(0),
    };
    let mut jobs = vec![application.merge(&postroom)];
    for _ in 0..rounds {
        // There is always one that is under way.
        if phase(&postroom, &jobs[jobs.len() - 1]) == "done" {
            jobs.push(application.merge(&postroom));
        }
        thread::sleep(Duration::from_millis(random.below(LIFE)));
        postroom.kill9();
        postroom.restart();
    }
    for job in &jobs {
        wait_for(SOON * 3, "the merge is done", || {
            (phase(&postroom, job) == "done").then_some(())
        });
        let (_, ended) = postroom.get(&format!("/v1/jobs/{job}"));
        assert_eq!(
            (&ended["done"], &ended["failed"]),
            (&json!(PEOPLE), &json!(0)),
            "{ended:#}"
        );
    }
    check(&postroom, &sim, jobs.len());
    println!("{rounds} kills, {} merges", jobs.len());
}

/// Everybody has one message, and got it; twice only where it is marked.
fn check(api: &Api, sim: &SmtpSim, jobs: usize) {
    for state in ["queued", "sending", "deferred", "unclear"].repeat(2) {
        let open = format!("/v1/submissions?state={state}&limit=1");
        api.poll(&open, SOON * 3, |_, page| {
            page["data"].as_array()?.is_empty().then_some(())
        });
    }
    let mut got: BTreeMap<String, usize> = BTreeMap::new();
    for address in sim.mails().into_iter().flat_map(|mail| mail.to) {
        *got.entry(address).or_default() += 1;
    }
    let submissions = all(api, "/v1/submissions");
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for submission in &submissions {
        let address = text(&submission["recipients"][0], "address");
        *made.entry(address).or_default() += 1;
        let unclear = submission["state"] == "failed" && submission["problem_id"] == "smtp_unclear";
        assert!(
            submission["state"] == "accepted" || unclear,
            "{submission:#}"
        );
        let times = got.get(address).copied().unwrap_or(0);
        let marked = submission["possible_duplicate"] == true;
        assert!(times >= 1 || unclear, "lost: {submission:#}");
        assert!(
            times <= 1 || times == 2 && (marked || unclear),
            "{times} times: {submission:#}"
        );
    }
    assert_eq!(made.len(), jobs * PEOPLE, "everybody has a message");
    assert!(
        made.values().all(|times| *times == 1),
        "and one only: {made:?}"
    );
}

/// Kills of every run of the tests, while a merge is being cancelled.
const CANCELS: u64 = 8;
/// The longest that a server lives after it was asked to cancel, in milliseconds.
const CANCELLING: u64 = 120;

#[test]
fn killed_while_a_merge_is_cancelled_what_was_taken_back_does_not_go_out() {
    let rounds = number("POSTROOM_CRASH_ROUNDS", CANCELS);
    let mut random = Random(number("POSTROOM_CRASH_SEED", 13));
    let sim = SmtpSim::start(SmtpScript::new());
    let mut postroom = launch().start();
    let outgoing =
        json!({"host": "127.0.0.1", "port": sim.port(), "security": "none", "auth": "none"});
    // Slow enough that much waits.
    let slow = json!({"incoming": null, "outgoing": outgoing, "limits": {"sends_per_minute": 60}});
    let mailbox = connect(&postroom, with(settings(&user("sender")), slow));
    let body = json!({"name": "News", "subject": "News for {{ name }}", "text": "Dear {{ name }}"});
    let (status, template) = postroom.post("/v1/templates", &body);
    assert_eq!(status, 201, "{template:#}");
    let application = Application {
        template: text(&template, "id").to_owned(),
        mailbox,
        asked: Cell::new(0),
    };
    let (mut cut_short, mut taken_back) = (0, 0);
    for round in 0..rounds {
        let job = application.merge(&postroom);
        wait_for(SOON, "much waits", || {
            let (_, shown) = postroom.get(&format!("/v1/jobs/{job}"));
            (shown["done"].as_u64()? >= 50).then_some(())
        });
        let cancel = format!("/v1/jobs/{job}/cancel");
        let api = postroom.api().clone();
        let json = [("content-type", "application/json")];
        let told = thread::scope(|scope| {
            let asked = scope.spawn(|| api.try_send("POST", &cancel, &json, b"{}"));
            thread::sleep(Duration::from_millis(random.below(CANCELLING)));
            postroom.kill9();
            asked.join().expect("who cancels").is_ok()
        });
        postroom.restart();
        let found = phase(&postroom, &job);
        assert!(!told || found == "cancelled", "{found}");
        if found == "running" {
            // The request did not get so far.
            assert_eq!(postroom.post(&cancel, &json!({})).0, 200);
        }
        cut_short += usize::from(found == "paused");
        let uri = format!("/v1/jobs/{job}");
        let mut shown = Value::Null;
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(SOON, "the merge has ended", || {
                shown = postroom.get(&uri).1;
                (shown["phase"] == "cancelled").then_some(())
            });
        }));
        assert!(ended.is_ok(), "{round}, {found}: {shown:#}");
        for state in ["queued", "deferred"] {
            let left = all(&postroom, &format!("/v1/submissions?state={state}"));
            assert!(left.is_empty(), "{round}: {left:#?}");
        }
    }
    let received: BTreeSet<String> = sim.mails().into_iter().flat_map(|mail| mail.to).collect();
    for submission in all(&postroom, "/v1/submissions?state=cancelled") {
        let recipient = &submission["recipients"][0];
        if recipient["state"] == "unclear" {
            // Killed after its final dot: nobody can say, and that is said.
            continue;
        }
        let address = text(recipient, "address");
        assert!(!received.contains(address), "{submission:#}");
        taken_back += 1;
    }
    assert!(taken_back > 0);
    println!("{rounds} kills, {cut_short} cut short, {taken_back} taken back");
}
