//! Change: what the application changes reaches the server, also when the server was away in between.

use mail_sim::{ImapScript, ImapSim};
use serde_json::json;
use testkit::{Fault, Generator, ImapProbe, Mail, Proxy, TestUser, servers, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, copy, events, folder_id, original, postroom, settings_by,
    simulated, text, wait_complete, wait_count,
};

/// Ten mails without flags in INBOX.
fn ten(name: &str) -> TestUser {
    let user = user(name);
    let mails = Generator::new(20).take(10).map(|mail| Mail {
        flags: Vec::new(),
        ..mail
    });
    user.seed("INBOX", mails);
    user
}

#[test]
fn flags_folder_and_removal_reach_the_server() {
    let user = ten("changes");
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let messages = all(&postroom, "/v1/messages");
    let id = |n: usize| format!("/v1/messages/{}", text(&messages[n], "id"));
    let (status, changed) = postroom.patch(
        &id(0),
        &json!({"flags": {"seen": true, "flagged": true, "keywords": ["$Work"]}}),
    );
    assert_eq!(status, 200, "{changed:#}");
    assert_eq!(
        (&changed["flags"]["seen"], &changed["flags"]["keywords"]),
        (&json!(true), &json!(["$Work"]))
    );
    let archive = folder_id(&postroom, &mailbox, "Archive");
    let (status, moved) = postroom.patch(&id(1), &json!({"folder_id": archive}));
    assert_eq!(
        (status, &moved["folders"][0]["path"]),
        (200, &json!("Archive")),
        "{moved:#}"
    );
    assert_eq!(postroom.delete(&id(2)).0, 204);

    wait_for(SOON, "the server has it all", || {
        let mut probe = ImapProbe::login(&user);
        let inbox = probe.contents("INBOX");
        let marked = inbox.values().filter(|(flags, _)| flags.len() == 3).count();
        let there = (
            inbox.len(),
            marked,
            probe.contents("Archive").len(),
            probe.contents("Trash").len(),
        );
        (there == (8, 1, 1, 1)).then_some(())
    });
    // What comes back from the server is no further change.
    wait_for(SOON, "the copy equals the mailbox", || {
        (copy(&postroom, &mailbox) == original(&user)).then_some(())
    });
    assert_eq!(events(&postroom, "message.received,message.sent").len(), 10);
    assert_eq!(
        events(&postroom, "message.moved").len(),
        2,
        "{:#?}",
        events(&postroom, "message.*")
    );
}

#[test]
fn changes_made_while_the_server_is_away_reach_it_later() {
    let user = ten("away");
    let proxy = Proxy::start(servers().imap_port);
    let mut postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    let archive = folder_id(&postroom, &mailbox, "Archive");
    let messages = all(&postroom, "/v1/messages");
    let id = |n: usize| format!("/v1/messages/{}", text(&messages[n], "id"));
    proxy.set(Fault::Refuse);
    crate::setting::wait_connection(&postroom, &mailbox, "waiting");
    assert_eq!(
        postroom
            .patch(&id(0), &json!({"flags": {"flagged": true}}))
            .0,
        200
    );
    assert_eq!(
        postroom.patch(&id(1), &json!({"folder_id": archive})).0,
        200
    );
    assert_eq!(postroom.delete(&id(2)).0, 204);
    // What was acknowledged survives a power cut.
    postroom.kill9();
    postroom.restart();
    let (_, message) = postroom.get(&id(0));
    assert_eq!(message["flags"]["flagged"], true);
    proxy.set(Fault::None);
    wait_for(SOON, "the server has it all", || {
        let mut probe = ImapProbe::login(&user);
        let inbox = probe.contents("INBOX");
        let flagged = inbox
            .values()
            .filter(|(flags, _)| flags.contains("\\Flagged"))
            .count();
        let there = (
            inbox.len(),
            flagged,
            probe.contents("Archive").len(),
            probe.contents("Trash").len(),
        );
        (there == (8, 1, 1, 1)).then_some(())
    });
    wait_for(SOON, "the copy equals the mailbox", || {
        (copy(&postroom, &mailbox) == original(&user)).then_some(())
    });
}

#[test]
fn a_change_that_is_blocked_on_the_way_is_carried_out_once() {
    let user = ten("blocked");
    let proxy = Proxy::start(servers().imap_port);
    let postroom = postroom();
    let mailbox = connect(&postroom, settings_by(&user, proxy.port()));
    wait_complete(&postroom, &mailbox);
    let archive = folder_id(&postroom, &mailbox, "Archive");
    let messages = all(&postroom, "/v1/messages");
    proxy.set(Fault::Block);
    for message in &messages[..3] {
        let path = format!("/v1/messages/{}", text(message, "id"));
        assert_eq!(postroom.patch(&path, &json!({"folder_id": archive})).0, 200);
    }
    // The command may be on its way already when the connection breaks.
    proxy.cut_now();
    proxy.set(Fault::None);
    wait_for(SOON, "the server has it all", || {
        let mut probe = ImapProbe::login(&user);
        ((
            probe.contents("INBOX").len(),
            probe.contents("Archive").len(),
        ) == (7, 3))
            .then_some(())
    });
    wait_for(SOON, "the copy equals the mailbox", || {
        (copy(&postroom, &mailbox) == original(&user)).then_some(())
    });
}

#[test]
fn messages_are_copied_and_folders_moved_by_the_command_line() {
    let user = ten("by hand");
    user.seed("Archive", []);
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let message = text(&all(&postroom, "/v1/messages")[0], "id").to_owned();
    let run = |arguments: &[&str]| {
        let done = postroom.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    run(&["message", "copy", &message, "Archive"]);
    let told = wait_for(SOON, "the copy is told", || {
        let told = events(&postroom, "message.received,message.sent");
        told.into_iter()
            .find(|event| event["data"]["copy_of"] == message.as_str())
    });
    assert_eq!(told["origin"], "catch_up");
    assert_eq!(ImapProbe::login(&user).contents("Archive").len(), 1);
    let address = &user.address;
    run(&["folder", "create", address, "Clients"]);
    let clients = wait_for(SOON, "the folder is there", || {
        let found = all(&postroom, &format!("/v1/mailboxes/{mailbox}/folders"));
        found.into_iter().find(|folder| folder["path"] == "Clients")
    });
    let there = |path: &str| {
        wait_for(SOON, "the folder lies there", || {
            let found = all(&postroom, &format!("/v1/mailboxes/{mailbox}/folders"));
            let found = found.iter().find(|folder| folder["id"] == clients["id"])?;
            (found["path"] == path).then_some(())
        });
        assert!(ImapProbe::login(&user).folders().contains(&path.to_owned()));
    };
    run(&["folder", "move", address, "Clients", "--in", "Archive"]);
    there("Archive/Clients");
    run(&["folder", "move", address, "Archive/Clients", "--top"]);
    there("Clients");
}

#[test]
fn labels_are_put_on_and_taken_off_by_the_command_line() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 UIDPLUS CONDSTORE IDLE X-GM-EXT-1")
        .labelled_mail(
            &["INBOX", "Work"],
            &["\\Inbox", "Work"],
            b"Message-ID: <1@x>\r\nSubject: one\r\n\r\nx\r\n",
        );
    let sim = ImapSim::start(script);
    let postroom = postroom();
    connect(&postroom, simulated(sim.port()));
    let message = text(&wait_count(&postroom, "/v1/messages", 1)[0], "id").to_owned();
    let path = format!("/v1/messages/{message}");
    wait_for(SOON, "it lies in both folders", || {
        let (_, now) = postroom.get(&path);
        (now["folders"].as_array()?.len() == 2).then_some(())
    });
    let none = postroom.run(&["message", "label", &message]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    let done = postroom.run(&[
        "message", "label", &message, "--add", "Später", "--remove", "\\Inbox",
    ]);
    assert!(done.status.success(), "{done:?}");
    wait_for(SOON, "the server has it", || {
        let (_, now) = postroom.get(&path);
        let shown: Vec<&str> = now["folders"]
            .as_array()?
            .iter()
            .map(|f| text(f, "path"))
            .collect();
        (now["labels"] == json!(["Später", "Work"])
            && shown.len() == 2
            && !shown.contains(&"INBOX"))
        .then_some(())
    });
    assert!(sim.contents()["INBOX"].is_empty());
}
