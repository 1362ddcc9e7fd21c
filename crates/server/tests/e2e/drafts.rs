//! Drafts: what is being written lies in the server's Drafts folder too, once, and is gone when it is sent.

use serde_json::{Value, json};
use testkit::{ImapProbe, Mail, Postroom, TestUser, user, wait_for};

use crate::compose::uploaded;
use crate::setting::{SOON, all, connect_whole, launch, text, with};

/// A running server that copies drafts so long after their last change.
fn copying_after(time: &str) -> Postroom {
    launch().env("POSTROOM_DRAFTS_COPY_AFTER", time).start()
}

/// What lies in the Drafts folder.
fn drafts_of(user: &TestUser) -> Vec<String> {
    let bodies = ImapProbe::login(user).bodies("Drafts");
    let text = |raw: Vec<u8>| String::from_utf8_lossy(&raw).into_owned();
    bodies.into_iter().map(text).collect()
}

/// Waits until the Drafts folder holds exactly the messages with these texts.
#[track_caller]
fn drafts_are(user: &TestUser, texts: &[&str]) {
    wait_for(SOON * 2, &format!("the drafts {texts:?}"), || {
        let found = drafts_of(user);
        let is_there = |text: &&str| found.iter().any(|raw| raw.contains(*text));
        (found.len() == texts.len() && texts.iter().all(is_there)).then_some(())
    });
}

#[track_caller]
fn begun(postroom: &Postroom, body: &Value) -> Value {
    let (status, draft) = postroom.post("/v1/drafts", body);
    assert_eq!(status, 201, "{draft:#}");
    draft
}

#[test]
fn a_draft_is_on_the_server_in_its_newest_form_and_gone_when_it_is_sent() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = copying_after("1s");
    let mailbox = connect_whole(&postroom, &ann);
    // Nobody is named yet, and a hidden recipient stays with it.
    let draft = begun(
        &postroom,
        &json!({"mailbox_id": mailbox, "subject": "Plan", "text": "first words", "bcc": [{"address": "hidden@x.test"}]}),
    );
    let path = format!("/v1/drafts/{}", text(&draft, "id"));
    drafts_are(&ann, &["first words"]);
    let mut probe = ImapProbe::login(&ann);
    let flags = probe.contents("Drafts");
    assert!(flags.values().all(|(flags, _)| flags.contains("\\Draft")));
    postroom.poll(&path, SOON, |_, value| {
        (value["on_server"] == "stored").then_some(())
    });
    // A change takes the place of what was there, also when two come at once.
    for words in ["second words", "third words"] {
        let (status, changed) = postroom.patch(&path, &json!({"text": words}));
        assert_eq!(status, 200, "{changed:#}");
        assert_eq!(changed["content"]["subject"], "Plan");
    }
    drafts_are(&ann, &["third words"]);
    let (status, stale) = postroom.patch(&path, &json!({"text": "stale", "version": 2}));
    assert_eq!(status, 409, "{stale:#}");

    let to = json!({"to": [{"address": bob.address}], "bcc": null});
    assert_eq!(postroom.patch(&path, &to).0, 200);
    let (status, submission) = postroom.post(&format!("{path}/send"), &json!({}));
    assert_eq!(status, 202, "{submission:#}");
    assert_eq!(submission["recipients"].as_array().map(Vec::len), Some(1));
    drafts_are(&ann, &[]);
    wait_for(SOON, "the mail", || {
        (ImapProbe::login(&bob).examine("INBOX").exists == 1).then_some(())
    });
    assert_eq!(postroom.get(&path).0, 404);
    let (status, again) = postroom.post(&format!("{path}/send"), &json!({}));
    assert_eq!(status, 404, "{again:#}");
}

#[test]
fn what_another_program_made_of_a_draft_is_not_written_over_by_who_has_not_seen_it() {
    let ann = user("ann");
    let postroom = copying_after("1s");
    let mailbox = connect_whole(&postroom, &ann);
    let to = json!([{"address": ann.address}]);
    let draft = begun(
        &postroom,
        &json!({"mailbox_id": mailbox, "text": "begun here", "to": to}),
    );
    let path = format!("/v1/drafts/{}", text(&draft, "id"));
    let ours = postroom.poll(&path, SOON, |_, value| {
        (value["on_server"] == "stored").then(|| value["message_id"].clone())
    });
    // On a telephone somebody goes on: the same Message-ID with another text.
    let mut probe = ImapProbe::login(&ann);
    probe.examine("Drafts");
    let uid = probe.search("ALL")[0];
    let raw = String::from_utf8_lossy(&probe.fetch(uid)).into_owned();
    let raw = raw.replace("begun here", "gone on with elsewhere");
    probe.append("Drafts", "\\Draft", "", raw.as_bytes());
    let theirs = postroom.poll(&path, SOON, |_, value| {
        (value["on_server"] == "changed").then(|| value["message_id"].clone())
    });
    assert_ne!(ours, theirs);
    let (status, problem) = postroom.patch(&path, &json!({"text": "not seen"}));
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("draft_changed_elsewhere"))
    );
    let (status, problem) = postroom.post(&format!("{path}/send"), &json!({}));
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("draft_changed_elsewhere"))
    );
    let seen = json!({"text": "both texts", "replaces_message_id": theirs});
    let (status, changed) = postroom.patch(&path, &seen);
    assert_eq!(status, 200, "{changed:#}");
    // Theirs goes, and so does our own copy that they left beside it.
    drafts_are(&ann, &["both texts"]);
    // An older window sends nothing of what it has not read.
    let send = format!("{path}/send");
    assert_eq!(postroom.post(&send, &json!({"version": 1})).0, 409);
    let headers = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let stale = postroom.send("POST", &send, &headers, b"{}");
    assert_eq!(stale.status, 412, "{}", stale.text());
    let (_, draft) = postroom.get(&path);
    let version = json!({"version": draft["version"]});
    assert_eq!(postroom.post(&send, &version).0, 202);
}

#[test]
fn a_draft_survives_a_power_cut_and_is_sent_by_the_submission_that_names_it() {
    let (ann, bob) = (user("ann"), user("bob"));
    // The power goes before the copy is made.
    let mut postroom = launch().start();
    let mailbox = connect_whole(&postroom, &ann);
    let content = json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "Plan", "text": "words"});
    let draft = begun(&postroom, &content);
    postroom.kill9();
    postroom.restart();
    drafts_are(&ann, &["words"]);
    let listed = all(&postroom, "/v1/drafts");
    assert_eq!(listed[0]["content"]["text"], "words");
    let named = with(
        content,
        json!({"draft_id": draft["id"], "text": "other words"}),
    );
    let (status, submission) = postroom.post("/v1/submissions", &named);
    assert_eq!(status, 202, "{submission:#}");
    drafts_are(&ann, &[]);
    let (status, problem) = postroom.post("/v1/submissions", &named);
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/draft_id"))
    );
    assert_eq!(all(&postroom, "/v1/drafts").len(), 0);
}

#[test]
fn a_draft_of_another_program_is_continued_and_what_only_looks_like_one_is_left_alone() {
    let ann = user("ann");
    let seed = |folder: &str, id: &str, words: &str| {
        let raw = format!(
            "From: {}\r\nSubject: s\r\nMessage-ID: <{id}>\r\n\r\n{words}\r\n",
            ann.address
        );
        ann.seed(
            folder,
            [Mail {
                raw: raw.into_bytes(),
                internal_date: 1_767_600_000,
                flags: vec!["\\Draft"],
                subject: "s".into(),
                message_id: None,
                sentence: None,
            }],
        );
    };
    seed("Drafts", "theirs@x.test", "begun elsewhere");
    // Mail from strangers may have any Message-ID: only the Drafts folder counts.
    seed(
        "INBOX",
        "drf_00000000000000000000000000.1@x.test",
        "a stranger's",
    );
    let postroom = copying_after("1s");
    let mailbox = connect_whole(&postroom, &ann);
    let theirs = all(&postroom, "/v1/messages?role=drafts").remove(0);
    let draft = begun(
        &postroom,
        &json!({"mailbox_id": mailbox, "text": "continued here", "replaces_message_id": theirs["id"]}),
    );
    drafts_are(&ann, &["continued here"]);
    // Gone on with by command: what is not named stays, and files come on top.
    let report = std::env::temp_dir().join(format!("postroom-draft-{}.txt", std::process::id()));
    std::fs::write(&report, "the report").expect("written");
    let edit = |more: &[&str]| {
        let mut command = vec!["draft", "edit", text(&draft, "id"), "--json"];
        command.extend(more);
        let done = postroom.run(&command);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        serde_json::from_slice::<serde_json::Value>(&done.stdout).expect("JSON")["content"].clone()
    };
    let file = report.display().to_string();
    let edited = edit(&[
        "--to",
        "Bob <bob@x.test>",
        "--signature",
        "none",
        "--attach",
        &file,
        "--text",
        "gone on with by command",
    ]);
    assert_eq!(
        (&edited["to"][0]["address"], &edited["signature"]),
        (&json!("bob@x.test"), &json!("none"))
    );
    let again = edit(&[
        "--subject",
        "Plans",
        "--without",
        "signature",
        "--attach",
        &file,
    ]);
    assert_eq!(
        (&again["subject"], &again["text"], &again["signature"]),
        (
            &json!("Plans"),
            &json!("gone on with by command"),
            &json!(null)
        )
    );
    assert_eq!(
        again["attachments"].as_array().map(Vec::len),
        Some(2),
        "{again:#}"
    );
    std::fs::remove_file(&report).expect("removed");
    let done = postroom.run(&["draft", "remove", text(&draft, "id"), "--yes"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    drafts_are(&ann, &[]);
    let done = postroom.run(&[
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        "x@x.test",
        "--text",
        "by hand",
        "--draft",
    ]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    drafts_are(&ann, &["by hand"]);
    assert_eq!(ImapProbe::login(&ann).examine("INBOX").exists, 1);
}

#[test]
fn drafts_of_another_installation_stay_and_a_draft_may_change_its_mailbox() {
    let (ann, bob) = (user("ann"), user("bob"));
    let raw = b"Subject: s\r\nMessage-ID: <drf_elsewhere.1@x.test>\r\n\r\nnot ours\r\n".to_vec();
    ann.seed(
        "Drafts",
        [Mail {
            raw,
            internal_date: 1_767_600_000,
            flags: vec!["\\Draft"],
            subject: "s".into(),
            message_id: None,
            sentence: None,
        }],
    );
    let postroom = copying_after("1s");
    let (a, b) = (
        connect_whole(&postroom, &ann),
        connect_whole(&postroom, &bob),
    );
    let draft = begun(&postroom, &json!({"mailbox_id": a, "text": "first words"}));
    let path = format!("/v1/drafts/{}", text(&draft, "id"));
    drafts_are(&ann, &["not ours", "first words"]);
    postroom.poll(&path, SOON, |_, value| {
        (value["on_server"] == "stored").then_some(())
    });
    let moved = json!({"mailbox_id": b, "text": "other words"});
    let (status, changed) = postroom.patch(&path, &moved);
    assert_eq!(status, 200, "{changed:#}");
    assert_eq!(changed["mailbox_id"], b.as_str());
    assert_eq!(changed["content"]["text"], "other words");
    drafts_are(&bob, &["other words"]);
    drafts_are(&ann, &["not ours"]);
}

/// The UID that the next message in the Drafts folder gets: it tells how many were ever stored there.
fn next_uid(user: &TestUser) -> u32 {
    ImapProbe::login(user).examine("Drafts").uid_next
}

#[test]
fn many_changes_with_a_file_beside_them_are_stored_once() {
    let ann = user("ann");
    let postroom = launch().start();
    let mailbox = connect_whole(&postroom, &ann);
    let before = next_uid(&ann);
    let file: Vec<u8> = (0..=255).cycle().take(2_000_000).collect();
    let files = json!([{"blob_id": uploaded(&postroom, &file)}]);
    let draft = begun(
        &postroom,
        &json!({"mailbox_id": mailbox, "text": "words", "attachments": files}),
    );
    let path = format!("/v1/drafts/{}", text(&draft, "id"));
    for n in 1..=10 {
        let (status, changed) = postroom.patch(&path, &json!({"text": format!("words {n}.")}));
        assert_eq!(status, 200, "{changed:#}");
        assert_eq!(
            (&changed["version"], &changed["on_server"]),
            (&json!(n + 1), &json!("owed"))
        );
    }
    drafts_are(&ann, &["words 10."]);
    postroom.poll(&path, SOON, |_, value| {
        (value["on_server"] == "stored").then_some(())
    });
    assert_eq!(next_uid(&ann), before + 1);
}

#[test]
fn a_draft_that_is_sent_or_thrown_away_before_its_copy_is_made_is_never_stored() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = copying_after("1h");
    let mailbox = connect_whole(&postroom, &ann);
    let before = next_uid(&ann);
    let content = json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "text": "words"});
    let (sent, removed) = (begun(&postroom, &content), begun(&postroom, &content));
    let path = |draft: &Value| format!("/v1/drafts/{}", text(draft, "id"));
    let (status, submission) = postroom.post(&format!("{}/send", path(&sent)), &json!({}));
    assert_eq!(status, 202, "{submission:#}");
    assert_eq!(postroom.delete(&path(&removed)).0, 204);
    wait_for(SOON, "the mail", || {
        (ImapProbe::login(&bob).examine("INBOX").exists == 1).then_some(())
    });
    // The copy in Sent was owed after them, and what is owed is paid in order.
    wait_for(SOON, "the copy in Sent", || {
        (ImapProbe::login(&ann).examine("Sent").exists == 1).then_some(())
    });
    assert_eq!(next_uid(&ann), before);
}
