//! Changes that are owed to a server: what the server said stays with who may see it, and no log holds it.

use mail_sim::{ImapFault, ImapScript, ImapSim};
use serde_json::json;
use testkit::wait_for;

use crate::setting::{SOON, connect, launch, simulated, text, wait_count};

#[test]
fn a_refused_change_is_shown_with_its_reason_and_nothing_of_it_is_in_the_log() {
    let subject = "Quarterly-figures-that-nobody-may-read";
    let label = "keyword-that-nobody-may-read";
    let folder = "Folder-that-nobody-may-read";
    // A server that repeats everything it ever heard.
    let said = format!("[CANNOT] not {subject}, {}", mail_sim::PASSWORD);
    let mut script = ImapScript::new()
        .capabilities("IMAP4rev1 UIDPLUS MOVE IDLE")
        .folder("Archive");
    for n in 1..=3 {
        let raw =
            format!("Message-ID: <{n}@x>\r\nSubject: {subject}\r\n\r\nbody-of-the-message\r\n");
        script = script.mail("INBOX", raw.as_bytes());
    }
    for command in ["UID STORE", "UID MOVE", "UID COPY", "CREATE"] {
        script = script.fault(ImapFault::Refuse(command, said.clone()));
    }
    let sim = ImapSim::start(script);
    let postroom = launch().env("POSTROOM_LOG_LEVEL", "trace").start();
    let mailbox = connect(&postroom, simulated(sim.port()));
    let messages = wait_count(&postroom, "/v1/messages", 3);
    let [first, second, third] =
        [0, 1, 2].map(|n| format!("/v1/messages/{}", text(&messages[n], "id")));
    let folders = format!("/v1/mailboxes/{mailbox}/folders");
    let (_, listed) = postroom.get(&folders);
    let archive = listed["data"].as_array().expect("folders");
    let archive = archive.iter().find(|f| f["path"] == "Archive");
    let archive = text(archive.expect("Archive"), "id").to_owned();
    postroom.patch(&first, &json!({"flags": {"keywords": [label]}}));
    postroom.post(&format!("{second}/copy"), &json!({"folder_id": archive}));
    postroom.patch(&third, &json!({"folder_id": archive}));
    postroom.post(&folders, &json!({"name": folder}));
    let owed = format!("/v1/mailboxes/{mailbox}/owed");
    let entries = wait_for(SOON, "every change is refused", || {
        let (_, list) = postroom.get(&owed);
        let entries = list["data"].as_array()?.clone();
        let tried =
            |e: &serde_json::Value| e["attempts"].as_i64() > Some(0) && e["reason"].is_string();
        (entries.len() == 4 && entries.iter().all(tried)).then_some(entries)
    });
    for entry in &entries {
        let reason = text(entry, "reason");
        assert!(reason.contains(subject), "{entry:#}");
        assert!(!reason.contains(mail_sim::PASSWORD), "{entry:#}");
        assert_eq!(entry["problem_id"], "command_refused");
    }
    let (_, events) = postroom.get("/v1/events?from=start");
    assert!(!events.to_string().contains(mail_sim::PASSWORD));
    let output = postroom.output();
    for word in [
        subject,
        label,
        folder,
        "body-of-the-message",
        mail_sim::PASSWORD,
        "[CANNOT]",
    ] {
        let line = output.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "{word} is in the log");
    }
}
