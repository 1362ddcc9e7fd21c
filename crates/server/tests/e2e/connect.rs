//! Connect: a mailbox is added, proven step by step, and kept even when it does not work yet.

use serde_json::{Value, json};
use testkit::{Api, user};

use crate::setting::{SOON, postroom, settings, text, with};

#[test]
fn a_wrong_password_keeps_what_was_typed_as_a_draft() {
    let user = user("draft");
    let postroom = postroom();
    let body = with(
        settings(&user),
        json!({"enable": true, "password": "not the right one"}),
    );
    let (status, mailbox) = postroom.post("/v1/mailboxes", &body);
    assert_eq!((status, &mailbox["lifecycle"]), (201, &json!("draft")));
    let id = text(&mailbox, "last_report_id");
    let (_, report) = postroom.get(&format!("/v1/connection-tests/{id}"));
    assert_eq!(report["verdict"], "fails", "{report:#}");
}
