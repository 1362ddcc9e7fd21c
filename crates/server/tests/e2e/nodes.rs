//! Two nodes on one PostgreSQL with one bucket: they share the mailboxes, and one takes over from the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mail_sim::{ImapScript, ImapSim, SmtpFault, SmtpScript, SmtpSim};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Generator, Launch, Postroom, Proxy, S3Bucket, TestUser, bucket, deliver, postgres_database,
    user, wait_for,
};

use crate::setting::{
    all, connect, copy, each_told_once, events, launch, mail, original, settings, simulated, text,
    wait_complete, with,
};

/// How long another node may need to take over.
const TAKE_OVER: Duration = Duration::from_secs(20);

/// What all nodes have in common.
struct Cluster {
    database: String,
    bucket: S3Bucket,
    keys: TempDir,
}

impl Cluster {
    fn new() -> Self {
        Self {
            database: postgres_database(),
            bucket: bucket(),
            keys: TempDir::new().expect("a temporary directory"),
        }
    }

    fn launch(&self) -> Launch {
        let key = self.keys.path().join("secret.key");
        launch()
            .env("POSTROOM_DATABASE", &self.database)
            .env(
                "POSTROOM_BLOBS",
                format!("s3://{}/mail", self.bucket.bucket),
            )
            .env("POSTROOM_BLOBS_ENDPOINT", &self.bucket.endpoint)
            .env("POSTROOM_BLOBS_REGION", &self.bucket.region)
            .env("POSTROOM_BLOBS_ACCESS_KEY_ID", &self.bucket.access_key)
            .env("POSTROOM_BLOBS_SECRET_ACCESS_KEY", &self.bucket.secret_key)
            .env("POSTROOM_SECRET_KEY_FILE", key.display().to_string())
    }

    fn node(&self) -> Postroom {
        self.launch().start()
    }
}

/// How many messages a node has stored itself.
fn stored_by(node: &Postroom) -> u64 {
    let page = node.send("GET", "/metrics", &[], b"").text();
    let lines = page
        .lines()
        .filter(|line| line.starts_with("postroom_messages_stored_total"));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Users with seeded mailboxes, connected through a node.
fn connected(node: &Postroom, count: u64) -> Vec<(TestUser, String)> {
    let users: Vec<TestUser> = (0..count)
        .map(|n| {
            let user = user("nodes");
            user.seed("INBOX", Generator::new(40 + n).take(20));
            user
        })
        .collect();
    let ids: Vec<String> = users
        .iter()
        .map(|user| connect(node, settings(user)))
        .collect();
    users.into_iter().zip(ids).collect()
}

#[test]
fn two_nodes_share_the_mailboxes_and_one_takes_over_from_a_dead_one() {
    let cluster = Cluster::new();
    let mut one = cluster.node();
    let two = cluster.node();
    let mailboxes = connected(&one, 4);
    for (_, id) in &mailboxes {
        wait_complete(&two, id);
    }
    wait_for(TAKE_OVER, "both nodes work", || {
        for (user, _) in &mailboxes {
            deliver(user, &mail("shared", "x"));
        }
        std::thread::sleep(Duration::from_millis(500));
        (stored_by(&one) > 0 && stored_by(&two) > 0).then_some(())
    });
    // What one node writes the other reads, and what is told on one is told on the other.
    let path = "/v1/events?types=message.received,message.sent";
    wait_for(TAKE_OVER, "both tell the same", || {
        let ids = |node: &Postroom| -> Vec<String> {
            all(node, path)
                .iter()
                .map(|e| text(e, "id").to_owned())
                .collect()
        };
        (ids(&one) == ids(&two)).then_some(())
    });

    let mut stream = two.events("/v1/events?types=message.received", "");
    let since = Instant::now();
    one.kill9();
    for (user, _) in &mailboxes {
        deliver(user, &mail("after the crash", "x"));
    }
    let mut heard = BTreeSet::new();
    while heard.len() < mailboxes.len() {
        let left = TAKE_OVER.saturating_sub(since.elapsed());
        let event = stream.next(left.max(Duration::from_millis(1)));
        let event = event
            .unwrap_or_else(|| panic!("only {heard:?} within {TAKE_OVER:?}"))
            .json();
        if event["data"]["subject"] == "after the crash" {
            heard.insert(text(&event, "mailbox_id").to_owned());
        }
    }
    for (user, id) in &mailboxes {
        assert_eq!(copy(&two, id), original(user));
        each_told_once(&two, id);
    }
}

#[test]
fn the_mailboxes_of_a_dead_node_are_spread_evenly_over_the_others_and_nobody_else_signs_in_again() {
    const MAILBOXES: u64 = 12;
    let cluster = Cluster::new();
    let mut nodes = [cluster.node(), cluster.node(), cluster.node()];
    let sim = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: old\r\n\r\nx\r\n"));
    let door = Proxy::start(sim.port());
    let ids: Vec<String> = (0..MAILBOXES)
        .map(|n| {
            let address = json!({"address": format!("ann{n}@simulated.test")});
            connect(&nodes[0], with(simulated(door.port()), address))
        })
        .collect();
    for id in &ids {
        wait_complete(&nodes[0], id);
    }
    // Each message lies in every mailbox: what a node stores tells how many of them it holds.
    let mut number = 0;
    let mut held = |nodes: &[Postroom]| -> Vec<u64> {
        let before: Vec<u64> = nodes.iter().map(stored_by).collect();
        number += 1;
        sim.deliver(
            "INBOX",
            format!("Subject: {number}\r\n\r\nx\r\n").as_bytes(),
        );
        let stored = || -> Vec<u64> {
            let now = nodes.iter().map(stored_by);
            now.zip(&before).map(|(now, before)| now - before).collect()
        };
        wait_for(TAKE_OVER * 2, "every mailbox has it", || {
            (stored().iter().sum::<u64>() == MAILBOXES).then(stored)
        })
    };
    wait_for(TAKE_OVER * 2, "each has its share", || {
        (held(&nodes) == [4, 4, 4]).then_some(())
    });
    let before = door.connections();
    nodes[2].kill9();
    assert_eq!(held(&nodes[..2]), [6, 6]);
    let came = door.connections() - before;
    assert!(
        (4..=6).contains(&came),
        "{came} connections for 4 mailboxes"
    );
}

#[test]
fn a_node_that_is_stopped_hands_its_mailboxes_over_at_once() {
    let cluster = Cluster::new();
    let mut one = cluster.node();
    let mailboxes = connected(&one, 2);
    for (_, id) in &mailboxes {
        wait_complete(&one, id);
    }
    let two = cluster.node();
    let mut stream = two.events("/v1/events?types=message.received", "");
    let since = Instant::now();
    assert!(one.terminate().success());
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    let since = Instant::now();
    for (user, _) in &mailboxes {
        deliver(user, &mail("handed over", "x"));
    }
    for _ in &mailboxes {
        stream.next(Duration::from_secs(10)).expect("an event");
    }
    // Well before a lease would have run out by itself.
    assert!(
        since.elapsed() < Duration::from_secs(9),
        "{:?}",
        since.elapsed()
    );
    for (user, id) in &mailboxes {
        assert_eq!(copy(&two, id), original(user));
        each_told_once(&two, id);
    }
}

#[test]
fn a_submission_goes_out_once_however_many_nodes_there_are() {
    let cluster = Cluster::new();
    let one = cluster.node();
    let mut two = cluster.node();
    let (ann, bob) = (user("ann"), user("bob"));
    let mailbox = connect(&one, settings(&ann));
    let submit = |node: &Postroom, n: usize| {
        let to = serde_json::json!([{"address": bob.address}]);
        let body = serde_json::json!({"mailbox_id": mailbox, "to": to, "subject": format!("s{n}"), "text": "t"});
        let (status, submission) = node.post("/v1/submissions", &body);
        assert_eq!(status, 202, "{submission:#}");
    };
    for n in 0..6 {
        submit(if n % 2 == 0 { &one } else { &two }, n);
    }
    two.kill9();
    let states = |state: &str| -> usize {
        let list: Vec<Value> = all(&one, "/v1/submissions");
        list.iter()
            .filter(|submission| submission["state"] == state)
            .count()
    };
    wait_for(Duration::from_secs(60), "all are settled", || {
        (states("accepted") + states("unclear") == 6).then_some(())
    });
    let unclear = states("unclear");
    wait_for(TAKE_OVER, "they have arrived", || {
        let mut probe = testkit::ImapProbe::login(&bob);
        let arrived = probe.examine("INBOX").exists as usize;
        (arrived >= 6 - unclear && arrived <= 6).then_some(())
    });
    assert_eq!(events(&one, "submission.queued").len(), 6);
}

#[test]
fn what_a_dead_node_was_sending_is_unclear_and_the_rest_of_its_outbox_is_sent_by_another() {
    let cluster = Cluster::new();
    let smtp = SmtpSim::start(SmtpScript::new().fault(SmtpFault::StallAfterDot));
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let mut one = cluster.node();
    let outgoing = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
    let settings = with(simulated(imap.port()), json!({"outgoing": outgoing}));
    let mailbox = connect(&one, settings);
    let submit = |subject: &str| {
        let to = json!([{"address": "bob@x.test"}]);
        let body = json!({"mailbox_id": mailbox, "to": to, "subject": subject, "text": "t"});
        let (status, submission) = one.post("/v1/submissions", &body);
        assert_eq!(status, 202, "{submission:#}");
        text(&submission, "id").to_owned()
    };
    let first = submit("under way");
    wait_for(TAKE_OVER, "the server has the first message", || {
        (smtp.mails().len() == 1).then_some(())
    });
    let second = submit("not begun");
    let two = cluster.node();
    smtp.set_faults(&[]);
    let since = Instant::now();
    one.kill9();
    for (id, state) in [(first, "unclear"), (second, "accepted")] {
        let left = TAKE_OVER.saturating_sub(since.elapsed());
        two.poll(&format!("/v1/submissions/{id}"), left, |_, value| {
            (value["state"] == state).then_some(())
        });
    }
    let subjects = |subject: &str| {
        let mails = smtp.mails();
        let sent = mails
            .iter()
            .filter(|mail| String::from_utf8_lossy(&mail.data).contains(subject));
        sent.count()
    };
    assert_eq!((subjects("under way"), subjects("not begun")), (1, 1));
    assert_eq!(events(&two, "submission.unclear").len(), 1);
}
