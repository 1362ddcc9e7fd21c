//! What a provider takes, where its server does not say so: recipients of a message, and megabytes; and what a server profile allows.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{Api, Postroom, user};

use crate::send::{submit, wait_state};
use crate::setting::{SOON, all, connect, launch, postroom, settings, text, with};

/// A server that says nothing of what it takes.
fn silent() -> SmtpScript {
    SmtpScript::new().extensions(&["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"])
}

/// The program, for which the simulator's host is a provider's with these limits.
fn with_limits(limits: &str) -> Postroom {
    let launch = launch();
    let path = launch.data_dir().join("providers.toml");
    let file = format!(
        "compiled = \"2026-10\"\n[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"\n\
         smtp = {{ host = \"127.0.0.1\", port = 25, security = \"none\" }}\nlimits = {{ {limits} }}\n"
    );
    std::fs::write(&path, file).expect("a file");
    launch
        .env("POSTROOM_PROVIDERS_FILE", path.display().to_string())
        .start()
}

fn outgoing(sim: &SmtpSim) -> Value {
    json!({"host": "127.0.0.1", "port": sim.port(), "security": "none", "auth": "none"})
}

#[track_caller]
fn only_sends(api: &Api, sim: &SmtpSim) -> String {
    let by_sim = json!({"incoming": null, "outgoing": outgoing(sim)});
    connect(api, with(settings(&user("sender")), by_sim))
}

#[test]
fn a_provider_that_takes_few_recipients_gets_a_message_several_times_and_each_recipient_once() {
    let sim = SmtpSim::start(silent().fault(SmtpFault::MostRecipients(3)));
    let postroom = with_limits("recipients_per_message = 3");
    let mailbox = only_sends(&postroom, &sim);
    let people: Vec<String> = (0..8).map(|n| format!("p{n}@simulated.test")).collect();
    let to: Vec<Value> = people.iter().map(|a| json!({"address": a})).collect();
    let body = json!({"mailbox_id": mailbox, "to": to, "subject": "s", "text": "t"});
    let id = submit(&postroom, &body);
    let accepted = wait_state(&postroom, &id, "accepted");
    let recipients = accepted["recipients"].as_array().expect("a list");
    assert!(
        recipients.iter().all(|one| one["state"] == "accepted"),
        "{accepted:#}"
    );
    let mails = sim.mails();
    let sizes: Vec<usize> = mails.iter().map(|mail| mail.to.len()).collect();
    assert_eq!(sizes, [3, 3, 2]);
    let got: Vec<&String> = mails.iter().flat_map(|mail| &mail.to).collect();
    let once: BTreeSet<&String> = got.iter().copied().collect();
    assert_eq!((got.len(), once), (8, people.iter().collect()));
    assert!(
        mails.iter().all(|mail| mail.data == mails[0].data),
        "one message"
    );
    // Nobody was offered to the server who did not fit.
    let asked = sim.log().iter().filter(|l| l.starts_with("RCPT")).count();
    assert_eq!(asked, 8);
}

#[test]
fn a_message_that_its_provider_does_not_take_is_refused_before_it_is_queued() {
    let sim = SmtpSim::start(silent());
    let postroom = with_limits("message_mb = 2");
    let mailbox = only_sends(&postroom, &sim);
    let message = |bytes: usize| {
        let file = json!({"filename": "f.bin", "content_base64": STANDARD.encode(vec![7; bytes])});
        json!({"mailbox_id": mailbox, "to": [{"address": "bob@simulated.test"}], "subject": "s", "text": "t", "attachments": [file]})
    };
    let (status, problem) = postroom.post("/v1/submissions", &message(2_200_000));
    assert_eq!(
        (status, &problem["code"]),
        (413, &json!("smtp_size_refused")),
        "{problem:#}"
    );
    assert!(
        text(&problem, "detail").contains("127.0.0.1"),
        "{problem:#}"
    );
    assert_eq!(all(&postroom, "/v1/submissions"), Vec::<Value>::new());
    // A provider counts the file, not what it grows to on the way.
    let id = submit(&postroom, &message(1_900_000));
    wait_state(&postroom, &id, "accepted");
    assert_eq!(sim.mails().len(), 1);
}

#[test]
fn a_limit_that_is_raised_in_a_server_profile_holds_for_its_mailboxes_at_once() {
    let sim = SmtpSim::start(SmtpScript::new());
    let postroom = postroom();
    let server = json!({"host": "127.0.0.1", "port": sim.port(), "security": "none"});
    let (status, profile) = postroom.post(
        "/v1/server-profiles",
        &json!({"name": "Simulated", "outgoing": server, "limits": {"recipients_per_day": 2}}),
    );
    assert_eq!(status, 201, "{profile:#}");
    let mailbox = connect(
        &postroom,
        json!({"address": "ann@simulated.test", "password": mail_sim::PASSWORD, "incoming": null, "server_profile_id": profile["id"]}),
    );
    let ids: Vec<String> = (0..4)
        .map(|n| {
            let to = format!("p{n}@simulated.test");
            let body = json!({"mailbox_id": mailbox, "to": [{"address": to}], "subject": "s", "text": "t"});
            submit(&postroom, &body)
        })
        .collect();
    let waiting = "/v1/submissions?state=queued";
    postroom.poll(waiting, SOON, |_, page| {
        let left = page["data"].as_array()?;
        let waits = |one: &Value| one["problem_id"] == "sending_limit_reached";
        (left.len() == 2 && left.iter().all(waits)).then_some(())
    });
    // They would wait until tomorrow.
    let uri = format!("/v1/server-profiles/{}", text(&profile, "id"));
    let raised = json!({"limits": {"recipients_per_day": 100}});
    let (status, changed) = postroom.patch(&uri, &raised);
    assert_eq!(status, 200, "{changed:#}");
    for id in &ids {
        wait_state(&postroom, id, "accepted");
    }
    assert_eq!(sim.mails().len(), 4);
}
