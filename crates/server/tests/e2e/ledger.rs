//! What could not be stored, and what an audit finds, by the command line.

use std::process::Command;

use mail_sim::{ImapFault, ImapScript, ImapSim};
use serde_json::Value;
use testkit::{Generator, Postroom, user};

use crate::setting::{
    all, connect, connect_whole, copy, original, postroom, simulated, text, wait_count,
};

/// What a command printed as JSON, and how it ended.
#[track_caller]
fn json(postroom: &Postroom, arguments: &[&str]) -> (i32, Value) {
    let output = postroom.run(&[arguments, &["--json"]].concat());
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap_or(-1), value)
}

/// Does to the database what a bad disk might, with the server away.
fn damage(postroom: &mut Postroom, sql: &str) {
    postroom.terminate();
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nn = c.execute(sys.argv[2]).rowcount\nc.commit()\nsys.exit(n < 1)";
    let database = postroom.data_dir().join("postroom.db");
    let done = Command::new("python3")
        .args(["-c", script])
        .arg(database)
        .arg(sql)
        .status();
    assert!(done.is_ok_and(|status| status.success()), "{sql}");
    postroom.restart();
}

#[test]
fn an_audit_by_the_command_line_finds_damage_and_repairs_it() {
    let user = user("audit cli");
    user.seed("INBOX", Generator::new(91).mean_size(2_000).take(30));
    let mut postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let (code, whole) = json(&postroom, &["sync", "audit", &user.address]);
    assert_eq!((code, text(&whole["last"], "outcome")), (0, "equal"));
    damage(
        &mut postroom,
        "DELETE FROM placements WHERE message_id IN (SELECT id FROM messages ORDER BY id LIMIT 4)",
    );
    let (code, found) = json(&postroom, &["sync", "audit", &user.address]);
    assert_eq!(
        (code, text(&found["last"], "outcome")),
        (10, "differs"),
        "{found:#}"
    );
    let output = postroom.run(&["sync", "audit", &user.address, "--repair"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("They differed, and are equal now."), "{said}");
    assert_eq!(copy(&postroom, &mailbox), original(&user));
}

#[test]
fn the_ledger_is_listed_tried_again_and_gives_its_bytes_by_the_command_line() {
    let mut script = ImapScript::new().fault(ImapFault::NilBody(2));
    for n in 1..=3 {
        script = script.mail(
            "INBOX",
            format!("Subject: m{n}\r\n\r\nbody {n}\r\n").as_bytes(),
        );
    }
    let sim = ImapSim::start(script);
    let postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    let rows = wait_count(&postroom, &format!("/v1/mailboxes/{mailbox}/failures"), 1);
    let (code, list) = json(&postroom, &["sync", "failed"]);
    assert_eq!((code, &list["data"][0]["id"]), (0, &rows[0]["id"]));
    // The server gave nothing: there are no bytes to be had.
    let id = text(&rows[0], "id");
    let refused = postroom.run(&["sync", "raw", &mailbox, id]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    sim.set_faults(&[]);
    let (code, _) = json(&postroom, &["sync", "retry", &mailbox, id]);
    assert_eq!(code, 0);
    wait_count(&postroom, "/v1/messages", 3);
    let (_, list) = json(&postroom, &["sync", "failed"]);
    assert_eq!(list["data"], Value::Array(Vec::new()));
    assert_eq!(all(&postroom, "/v1/messages").len(), 3);
}
