//! Killed anywhere while a template goes out to many: every recipient has one message, none is lost and none is made twice.
//! `POSTROOM_CRASH_ROUNDS` and `POSTROOM_CRASH_SEED` are those of [`crate::crash_sending`].

use std::collections::BTreeMap;
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
