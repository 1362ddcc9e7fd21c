//! Out of office on the mailbox's own server (Dovecot's Pigeonhole): the server answers once, and Postroom does not.

use crate::auto_reply::write;
use crate::send::arrived;
use crate::setting::{SOON, all, connect_whole, postroom, text, wait_count};
use model::{Clock, Timestamp};
use serde_json::{Value, json};
use std::fs;
use testkit::{Api, Fault, Proxy, TestUser, servers, user, wait_for};

fn port() -> u16 {
    servers()
        .sieve_port
        .expect("Pigeonhole is not installed: run scripts/install-test-deps")
}

/// The mailbox's server is asked whether it answers by itself.
#[track_caller]
fn ask(api: &Api, mailbox: &str, port: u16) -> Value {
    let body = json!({"mailbox_id": mailbox, "port": port});
    let (status, answer) = api.post("/v1/auto-replies/ask-server", &body);
    assert_eq!(status, 200, "{answer:#}");
    answer
}

#[track_caller]
fn change(api: &Api, path: &str, body: &Value) -> Value {
    let (status, changed) = api.patch(path, body);
    assert_eq!(status, 200, "{changed:#}");
    changed
}

/// What the server has of scripts, as its own tool lists them.
fn scripts(user: &TestUser) -> Vec<String> {
    let list = servers().doveadm(&["sieve", "list", "-u", &user.address]);
    let mut found: Vec<String> = list.lines().map(|line| line.trim().to_owned()).collect();
    found.sort();
    found
}

/// Gives the user an active script of their own.
pub fn own_script(user: &TestUser, name: &str, script: &str) {
    let file = servers().dir.join(format!("{name}-{}", user.address));
    fs::write(&file, script).expect("a file");
    let file = file.to_string_lossy();
    servers().doveadm(&["sieve", "put", "-a", "-u", &user.address, name, &file]);
}

fn of(mails: &[String], part: &str) -> usize {
    mails.iter().filter(|mail| mail.contains(part)).count()
}

#[test]
fn the_mailboxs_own_server_answers_once_and_postroom_does_not() {
    let [ann, bob, carol] = ["away-ann", "away-bob", "away-carol"].map(user);
    let postroom = postroom();
    let [a, b, c] = [&ann, &bob, &carol].map(|user| connect_whole(&postroom, user));
    let nobody = ask(&postroom, &a, servers().lmtp_port);
    assert_eq!(nobody["offers"], false, "{nobody:#}");
    let found = ask(&postroom, &a, port());
    assert_eq!(
        (&found["offers"], &found["active_script"], &found["at_work"]),
        (&json!(true), &Value::Null, &json!(false)),
        "{found:#}"
    );

    let (status, made) = postroom.post(
        "/v1/auto-replies",
        &json!({
            "mailbox_id": a, "place": "server", "text": "I am \"away\".", "subject": "Gr\u{fc}n", "starts_at": "2020-01-01",
            "ends_at": "2099-01-01", "exclusions": ["nobody.test"], "inside": {"text": "Ask Bob.", "html": "<p>Ask Bob.</p>"},
            "inside_domains": ["inside.test"],
        }),
    );
    assert_eq!(status, 201, "{made:#}");
    assert_eq!(
        (&made["on_server"], &made["server_offers"]),
        (&json!("set"), &json!(true)),
        "{made:#}"
    );
    assert_eq!(scripts(&ann), ["postroom-vacation ACTIVE"]);
    let path = format!("/v1/auto-replies/{}", text(&made, "id"));

    write(&postroom, &b, &[&ann], "Lunch");
    let answers = arrived(&bob, "INBOX", 1);
    assert_eq!(of(&answers, "I am \"away\"."), 1, "{answers:?}");
    assert_eq!(
        of(&answers, "Auto-Submitted: auto-replied"),
        1,
        "{answers:?}"
    );
    write(&postroom, &b, &[&ann], "Lunch?");
    // Whoever writes last is answered last: what came before has been judged by then, here and there.
    write(&postroom, &c, &[&ann], "And you?");
    arrived(&carol, "INBOX", 1);
    wait_count(
        &postroom,
        &format!("/v1/messages?role=inbox&mailbox_id={a}"),
        3,
    );
    assert_eq!(arrived(&bob, "INBOX", 1).len(), 1);

    // Here again: the server stops, and Postroom begins.
    let back = change(&postroom, &path, &json!({"place": "postroom"}));
    assert_eq!(back["on_server"], Value::Null, "{back:#}");
    assert_eq!(scripts(&ann), Vec::<String>::new());
    // The server's times have whole seconds: what comes in the same one may have its answer already, and gets no other.
    let left = Timestamp::parse(text(&back, "on_server_at")).expect("a time");
    wait_for(SOON, "the next second", || {
        (Clock::system().now().seconds() > left.seconds()).then_some(())
    });
    write(&postroom, &c, &[&ann], "Once more");
    let answers = arrived(&carol, "INBOX", 2);
    assert_eq!(of(&answers, "I am \"away\"."), 2, "{answers:?}");
    let sent: Vec<Value> = all(&postroom, "/v1/submissions")
        .into_iter()
        .filter(|one| one["mailbox_id"] == json!(a))
        .collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0]["recipients"][0]["address"], json!(carol.address));
}

#[test]
fn an_owners_script_goes_on_working_and_what_was_active_before_is_active_again() {
    let [ann, bob] = ["front-ann", "front-bob"].map(user);
    own_script(
        &ann,
        "main",
        "require [\"fileinto\", \"mailbox\"];\nif header :contains \"subject\" \"green\" { fileinto :create \"Green\"; stop; }\n",
    );
    let postroom = postroom();
    let [a, b] = [&ann, &bob].map(|user| connect_whole(&postroom, user));
    ask(&postroom, &a, port());
    let run = |args: &[&str]| {
        let done = postroom.run(args);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "{args:?}: {said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        said
    };
    let shown = run(&["auto-reply", "server", &ann.address]);
    assert!(shown.contains("main"), "{shown}");
    let set = [
        "auto-reply",
        "set",
        &ann.address,
        "--by",
        "server",
        "--text",
        "Away.",
    ];
    let shown = run(&set);
    assert!(shown.contains("the mailbox's own server"), "{shown}");
    assert_eq!(
        scripts(&ann),
        ["main", "postroom-active ACTIVE", "postroom-vacation"]
    );

    // Both work: the owner's rule and the answer. A change reaches the server, and nobody is answered anew for it.
    write(&postroom, &b, &[&ann], "green");
    arrived(&ann, "Green", 1);
    arrived(&bob, "INBOX", 1);
    run(&["auto-reply", "set", &ann.address, "--text", "Far away."]);
    let script = servers().doveadm(&["sieve", "get", "-u", &ann.address, "postroom-vacation"]);
    assert!(script.contains("Far away."), "{script}");

    // A mailbox does not go while its server answers for it.
    let (status, refused) = postroom.delete(&format!("/v1/mailboxes/{a}"));
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("conflict")),
        "{refused:#}"
    );

    run(&["auto-reply", "set", &ann.address, "--enabled", "no"]);
    assert_eq!(scripts(&ann), ["main ACTIVE"]);
    run(&["auto-reply", "set", &ann.address, "--enabled", "yes"]);
    run(&["auto-reply", "remove", &ann.address, "--yes"]);
    assert_eq!(scripts(&ann), ["main ACTIVE"]);

    // What answers by itself already is left alone, with the reason; and nothing was made here.
    own_script(
        &ann,
        "holiday",
        "require \"vacation\";\nvacation \"Gone.\";\n",
    );
    let (status, refused) = postroom.post(
        "/v1/auto-replies",
        &json!({"mailbox_id": a, "place": "server", "text": "Away."}),
    );
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("server_reply_script_in_the_way")),
        "{refused:#}"
    );
    assert!(text(&refused, "detail").contains("holiday"), "{refused:#}");
    let list = all(&postroom, &format!("/v1/auto-replies?mailbox_id={a}"));
    assert_eq!(list, Vec::<Value>::new());
    assert_eq!(scripts(&ann), ["holiday ACTIVE", "main"]);
}

#[test]
fn while_the_server_is_out_of_reach_nothing_is_changed() {
    let [ann, bob] = ["reach-ann", "reach-bob"].map(user);
    let postroom = postroom();
    let [a, b] = [&ann, &bob].map(|user| connect_whole(&postroom, user));
    let road = Proxy::start(port());
    ask(&postroom, &a, road.port());
    let (status, made) = postroom.post(
        "/v1/auto-replies",
        &json!({"mailbox_id": a, "place": "server", "text": "Away."}),
    );
    assert_eq!(status, 201, "{made:#}");
    let path = format!("/v1/auto-replies/{}", text(&made, "id"));
    road.set(Fault::Refuse);
    for body in [
        json!({"text": "Far away."}),
        json!({"enabled": false}),
        json!({"place": "postroom"}),
    ] {
        let (status, refused) = postroom.patch(&path, &body);
        let found = (status, &refused["code"]);
        assert_eq!(found, (409, &json!("connection_refused")), "{refused:#}");
    }
    let (status, refused) = postroom.delete(&path);
    assert_eq!(status, 409, "{refused:#}");
    let (_, kept) = postroom.get(&path);
    assert_eq!(
        (
            &kept["text"],
            &kept["enabled"],
            &kept["place"],
            &kept["on_server"]
        ),
        (
            &json!("Away."),
            &json!(true),
            &json!("server"),
            &json!("set")
        ),
        "{kept:#}"
    );
    // It goes on answering, without us.
    write(&postroom, &b, &[&ann], "Lunch");
    let answers = arrived(&bob, "INBOX", 1);
    assert_eq!(of(&answers, "Away."), 1, "{answers:?}");

    road.set(Fault::None);
    change(&postroom, &path, &json!({"enabled": false}));
    assert_eq!(scripts(&ann), Vec::<String>::new());
    change(&postroom, &path, &json!({"enabled": true}));
    // Whoever knows that the server is gone for good can say so.
    road.set(Fault::Refuse);
    let (status, _) = postroom.delete(&format!("{path}?leave_on_server=true"));
    assert_eq!(status, 204);
    assert_eq!(postroom.get(&path).0, 404);

    // But it answers still: nobody answers besides, before it is known to have stopped.
    let here = json!({"mailbox_id": a, "text": "Away."});
    let (status, refused) = postroom.post("/v1/auto-replies", &here);
    let found = (status, &refused["code"]);
    assert_eq!(
        found,
        (409, &json!("server_reply_left_there")),
        "{refused:#}"
    );
    // That nobody listens at the port for scripts says nothing: Dovecot delivers, and answers, all the same.
    assert_eq!(ask(&postroom, &a, road.port())["offers"], false);
    assert_eq!(postroom.post("/v1/auto-replies", &here).0, 409);
    // Nor does what somebody believes, where the server knows better.
    road.set(Fault::None);
    let gone = json!({"mailbox_id": a, "nothing_left_there": true});
    let (_, asked) = postroom.post("/v1/auto-replies/ask-server", &gone);
    assert_eq!(asked["at_work"], true, "{asked:#}");
    assert_eq!(postroom.post("/v1/auto-replies", &here).0, 409);
    let (status, made) = postroom.post(
        "/v1/auto-replies",
        &json!({"mailbox_id": a, "place": "server", "text": "Away."}),
    );
    assert_eq!(status, 201, "{made:#}");
    let path = format!("/v1/auto-replies/{}", text(&made, "id"));
    change(&postroom, &path, &json!({"place": "postroom"}));
    assert_eq!(scripts(&ann), Vec::<String>::new());

    // A server that is gone for good names nothing ever: somebody says so.
    change(&postroom, &path, &json!({"place": "server"}));
    road.set(Fault::Refuse);
    let (status, _) = postroom.delete(&format!("{path}?leave_on_server=true"));
    assert_eq!(status, 204);
    assert_eq!(postroom.post("/v1/auto-replies", &here).0, 409);
    let (status, asked) = postroom.post("/v1/auto-replies/ask-server", &gone);
    assert_eq!(
        (status, &asked["offers"]),
        (200, &json!(false)),
        "{asked:#}"
    );
    let (status, made) = postroom.post("/v1/auto-replies", &here);
    assert_eq!(status, 201, "{made:#}");
}

#[test]
fn an_owner_who_includes_ours_has_one_answer_sent_and_keeps_a_whole_script() {
    let [ann, bob] = ["twice-ann", "twice-bob"].map(user);
    let own = |rest: &str| format!("require [\"include\", \"fileinto\", \"mailbox\"];\n{rest}");
    own_script(&ann, "main", &own("fileinto :create \"Mine\";\n"));
    let postroom = postroom();
    let [a, b] = [&ann, &bob].map(|user| connect_whole(&postroom, user));
    ask(&postroom, &a, port());
    let (status, made) = postroom.post(
        "/v1/auto-replies",
        &json!({"mailbox_id": a, "place": "server", "text": "Away."}),
    );
    assert_eq!(status, 201, "{made:#}");
    let path = format!("/v1/auto-replies/{}", text(&made, "id"));
    let all_three = ["main", "postroom-active ACTIVE", "postroom-vacation"];
    assert_eq!(scripts(&ann), all_three);

    // The owner includes it besides, and does not make that script active.
    let file = servers().dir.join(format!("include-{}", ann.address));
    let includes = own("include :personal \"postroom-vacation\";\nfileinto :create \"Mine\";\n");
    fs::write(&file, includes).expect("a file");
    let file = file.to_string_lossy();
    servers().doveadm(&["sieve", "put", "-u", &ann.address, "main", &file]);
    change(&postroom, &path, &json!({"text": "Far away."}));
    assert_eq!(scripts(&ann), ["main ACTIVE", "postroom-vacation"]);
    assert_eq!(ask(&postroom, &a, port())["at_work"], true);
    write(&postroom, &b, &[&ann], "Lunch");
    let answers = arrived(&bob, "INBOX", 1);
    assert_eq!(of(&answers, "Far away."), 1, "{answers:?}");
    arrived(&ann, "Mine", 1);

    // Switched off, the owner's script is whole still.
    change(&postroom, &path, &json!({"enabled": false}));
    assert_eq!(scripts(&ann), ["main ACTIVE", "postroom-vacation"]);
    assert_eq!(ask(&postroom, &a, port())["at_work"], false);
    write(&postroom, &b, &[&ann], "And now?");
    arrived(&ann, "Mine", 2);
    assert_eq!(arrived(&bob, "INBOX", 1).len(), 1);
}
