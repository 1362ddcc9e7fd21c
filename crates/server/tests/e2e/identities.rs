//! As whom mail goes out, and through which mailbox: on Postfix and Dovecot.

use serde_json::{Value, json};
use testkit::{Api, ImapProbe, Launch, Postroom, TestUser, sending_user, user, wait_for};

use crate::setting::{
    SOON, connect, connect_whole, launch, mail, postroom, settings, text, wait_count, with,
};

#[track_caller]
fn said(postroom: &Postroom, arguments: &[&str]) -> Value {
    let output = postroom.run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The only mail in a user's inbox, as it arrived.
#[track_caller]
fn arrived(user: &TestUser) -> String {
    wait_for(SOON, "a mail in INBOX", || {
        let mut probe = ImapProbe::login(user);
        if probe.examine("INBOX").exists != 1 {
            return None;
        }
        let uid = *probe.search("ALL").first()?;
        Some(String::from_utf8_lossy(&probe.fetch(uid)).into_owned())
    })
}

/// The line of a header, unfolded.
fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let begin = format!("{name}: ");
    mail.lines()
        .find_map(|line| line.strip_prefix(&begin))
        .unwrap_or_default()
}

#[test]
fn an_alias_answers_what_was_written_to_it_and_counts_as_own() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let ann_box = connect_whole(&postroom, &ann);
    let bob_box = connect_whole(&postroom, &bob);
    let alias = ann.address.replace('@', "+sales@");
    let made = said(
        &postroom,
        &[
            "identity",
            "add",
            "--mailbox",
            &ann.address,
            &alias,
            "--name",
            "Sales",
            "--field",
            "phone=12",
        ],
    );
    assert_eq!(
        (&made["is_alias"], &made["fields"]["phone"]),
        (&json!(true), &json!("12"))
    );
    let (status, _) = postroom.post(
        "/v1/submissions",
        &json!({"mailbox_id": bob_box, "to": [{"address": alias}], "subject": "A question", "text": "?"}),
    );
    assert_eq!(status, 202);
    let path = format!("/v1/messages?mailbox_id={ann_box}&role=inbox");
    let question = wait_count(&postroom, &path, 1).remove(0);
    let sent = said(
        &postroom,
        &[
            "message",
            "reply",
            text(&question, "id"),
            "--text",
            "Yes.",
            "--wait",
        ],
    );
    assert_eq!(sent["identity_id"], made["id"]);
    let at_bob = arrived(&bob);
    let from = header(&at_bob, "From");
    assert!(from.contains("Sales") && from.contains(&alias), "{at_bob}");
    assert_eq!(
        header(&at_bob, "Return-Path"),
        format!("<{alias}>"),
        "{at_bob}"
    );
    // What lies elsewhere than in the inbox and is from an alias, is one's own.
    let mut probe = ImapProbe::login(&ann);
    probe.create("Notes");
    let note = String::from_utf8(mail("a note", "n")).expect("a mail");
    let note = note.replace("sender@elsewhere.test", &alias);
    probe.append("Notes", "", "", note.as_bytes());
    let noted = wait_count(&postroom, "/v1/messages?q=subject:note", 1).remove(0);
    assert_eq!(noted["direction"], "outgoing", "{noted}");
    let listed = said(&postroom, &["identity", "list", "--mailbox", &ann.address]);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
    let main = said(
        &postroom,
        &[
            "identity",
            "edit",
            &alias,
            "--main",
            "--usable-by",
            "nobody",
        ],
    );
    assert_eq!(
        (&main["is_main"], &main["usable_by"]["everyone"]),
        (&json!(true), &json!(false))
    );
    let kept = postroom.run(&["identity", "remove", &alias, "--yes"]);
    assert!(!kept.status.success(), "the main one stays");
    said(&postroom, &["identity", "edit", &ann.address, "--main"]);
    said(&postroom, &["identity", "remove", &alias, "--yes"]);
}

#[test]
fn the_installations_own_sender_sends_for_those_without_a_mailbox_and_shows_them_nothing() {
    let (robot, ann, bob) = (sending_user("robot"), user("ann"), user("bob"));
    let postroom = postroom();
    let send_only = connect(&postroom, with(settings(&robot), json!({"incoming": null})));
    let of_ann = connect(&postroom, with(settings(&ann), json!({"outgoing": null})));
    let marked = said(
        &postroom,
        &[
            "mailbox",
            "edit",
            &robot.address,
            "--system-sender",
            "yes",
            "--share-sending",
            "yes",
        ],
    );
    assert_eq!(
        (&marked["system_sender"], &marked["send_shared"]),
        (&json!(true), &json!(true))
    );
    let token = said(
        &postroom,
        &[
            "token",
            "create",
            "--name",
            "crm",
            "--scope",
            "send",
            "--scope",
            "read",
            "--mailbox",
            &of_ann,
        ],
    );
    let crm = Api {
        port: postroom.api().port,
        token: Some(text(&token, "token").to_owned()),
    };
    let (status, queued) = crm.post(
        "/v1/submissions",
        &json!({"to": [{"address": bob.address}], "subject": "From the system", "text": "t"}),
    );
    assert_eq!(status, 202, "{queued:#}");
    assert_eq!(queued["mailbox_id"], json!(send_only));
    crm.poll(
        &format!("/v1/submissions/{}", text(&queued, "id")),
        SOON,
        |_, value| (value["state"] == "accepted").then_some(()),
    );
    let at_bob = arrived(&bob);
    assert!(header(&at_bob, "From").contains(&robot.address), "{at_bob}");
    for path in [
        format!("/v1/mailboxes/{send_only}"),
        format!("/v1/mailboxes/{send_only}/folders"),
        format!("/v1/messages?mailbox_id={send_only}"),
    ] {
        let (status, answer) = crm.get(&path);
        let nothing = status == 404 || answer["data"] == json!([]);
        assert!(nothing, "{path}: {status} {answer}");
    }
    let (status, problem) = crm.post(
        "/v1/submissions",
        &json!({"to": [{"address": bob.address}], "from": {"address": bob.address}, "text": "t"}),
    );
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("identity_not_allowed"))
    );
}

#[test]
fn a_personal_signature_is_used_and_seen_by_its_owner_alone() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    connect_whole(&postroom, &ann);
    let html = postroom.data_dir().join("mine.html");
    std::fs::write(&html, "<p>The desk of {{ identity.address }}</p>").expect("a file");
    let html = html.to_str().expect("a path").to_owned();
    let add = [
        "signature",
        "add",
        "Mine",
        "--html-file",
        &html,
        "--personal",
    ];
    // On the server's machine the command has a token for itself, which is nobody afterwards.
    let nobody = postroom.run(&add);
    let told = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(
        !nobody.status.success() && told.contains("POSTROOM_TOKEN"),
        "{told}"
    );

    let somebody = |name: &str| {
        let scopes = ["--scope", "send", "--scope", "read"];
        let token = said(
            &postroom,
            &[&["token", "create", "--name", name], &scopes[..]].concat(),
        );
        let url = format!("http://127.0.0.1:{}", postroom.api().port);
        let caller = launch()
            .env("POSTROOM_TOKEN", text(&token, "token"))
            .env("POSTROOM_URL", url);
        (text(&token, "id").to_owned(), caller)
    };
    let (desk_id, desk) = somebody("desk");
    let (_, other) = somebody("other");
    let as_json = |caller: &Launch, arguments: &[&str]| -> Value {
        let output = caller.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let made = as_json(&desk, &add);
    assert_eq!(
        (&made["kind"], &made["owner_id"]),
        (&json!("personal"), &json!(desk_id))
    );
    let listed = |caller: &Launch| as_json(caller, &["signature", "list"])["data"].clone();
    assert_eq!(listed(&desk)[0]["id"], made["id"]);
    assert_eq!(listed(&other), json!([]));
    let id = text(&made, "id");
    for refused in [
        &["signature", "show", id][..],
        &["signature", "edit", id, "--name", "Taken"],
        &["signature", "remove", id, "--yes"],
        &[
            "message",
            "send",
            "--to",
            &bob.address,
            "--text",
            "t",
            "--signature",
            id,
        ],
    ] {
        assert!(!other.run(refused).status.success(), "{refused:?}");
    }
    let both = desk.run(&[&add[..], &["--central"]].concat());
    assert!(!both.status.success(), "{both:?}");

    as_json(
        &desk,
        &[
            "message",
            "send",
            "--mailbox",
            &ann.address,
            "--to",
            &bob.address,
            "--text",
            "Hello.",
            "--signature",
            "Mine",
            "--wait",
        ],
    );
    let mail = arrived(&bob);
    assert!(
        mail.contains(&format!("The desk of {}", ann.address)),
        "{mail}"
    );
    as_json(&desk, &["signature", "remove", "Mine", "--yes"]);
    assert_eq!(listed(&desk), json!([]));
}

#[test]
fn a_template_goes_to_many_below_the_central_signature_by_the_command_line() {
    let (ann, bob, eve) = (user("ann"), user("bob"), user("eve"));
    let postroom = postroom();
    connect_whole(&postroom, &ann);
    let file = |name: &str, content: &str| {
        let path = postroom.data_dir().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let html = file("signature.html", "<p>{{ identity.address }}</p>");
    let central = said(
        &postroom,
        &[
            "signature",
            "add",
            "Company",
            "--html-file",
            &html,
            "--central",
        ],
    );
    assert_eq!(central["kind"], "central");
    let body = file("body.txt", "Dear {{ name }}, greetings from {{ place }}.");
    let made = said(
        &postroom,
        &[
            "template",
            "add",
            "News",
            "--subject",
            "News for {{ name }}",
            "--text-file",
            &body,
        ],
    );
    assert_eq!(made["variables"], json!(["name", "place"]));
    let people = json!([
        {"to": {"address": bob.address}, "data": {"name": "Bob"}},
        {"to": {"address": eve.address}, "data": {"name": "Eve"}},
    ]);
    let people = file("people.json", &people.to_string());
    let job = said(
        &postroom,
        &[
            "job",
            "merge",
            "--template",
            "news",
            "--recipients",
            &people,
            "--data",
            "place=Kiel",
        ],
    );
    let id = text(&job, "id");
    postroom.poll(&format!("/v1/jobs/{id}"), SOON, |_, job| {
        (job["phase"] == "done").then_some(())
    });
    for (user, name) in [(&bob, "Bob"), (&eve, "Eve")] {
        let mail = arrived(user);
        assert_eq!(
            header(&mail, "Subject"),
            format!("News for {name}"),
            "{mail}"
        );
        let wanted = format!("Dear {name}, greetings from Kiel.");
        assert!(mail.contains(&wanted), "{mail}");
        // The blank at the end of the separator is written so in quoted-printable.
        let signed = mail.contains(&format!("\n--=20\r\n{}", ann.address));
        assert!(signed, "{mail}");
    }
    let shown = said(&postroom, &["job", "list"]);
    assert_eq!(shown["data"][0]["done"], 2);
    let ended = postroom.run(&["job", "pause", id]);
    assert!(!ended.status.success(), "{ended:?}");
    let missing = postroom.run(&[
        "message",
        "send",
        "--to",
        &bob.address,
        "--template",
        "News",
        "--data",
        "name=Bob",
    ]);
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        !missing.status.success() && words.contains("place"),
        "{words}"
    );
}
