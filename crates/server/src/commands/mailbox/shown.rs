//! Mailboxes as people read them.

use crate::output::{self, Output, Tone};
use serde_json::{Value, json};

fn tone(state: &str) -> Tone {
    match state {
        "live" | "polling" | "works" | "complete" | "enabled" => Tone::Good,
        "held" | "fails" | "holes" => Tone::Bad,
        "waiting" | "limited" | "works_with_warnings" => Tone::Warning,
        _ => Tone::Plain,
    }
}

/// Mailboxes as a table.
pub fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list);
    if rows.is_empty() {
        return "No mailbox is connected yet: `postroom mailbox add ADDRESS`.".to_owned();
    }
    let rows = rows.iter().map(|row| {
        let text = |pointer: &str| output::at(row, pointer).to_owned();
        [
            text("/id"),
            text("/address"),
            text("/lifecycle"),
            text("/receiving"),
            text("/sending"),
            text("/connection/state"),
            coverage(row),
            owner(row),
        ]
    });
    output.table(
        [
            "ID",
            "ADDRESS",
            "LIFECYCLE",
            "RECEIVING",
            "SENDING",
            "CONNECTION",
            "COVERAGE",
            "OWNER",
        ],
        rows.collect(),
    )
}

/// "filling 1200/20000", with the holes.
pub fn coverage(mailbox: &Value) -> String {
    let state = output::at(mailbox, "/coverage/state");
    let number = |name: &str| output::number(mailbox, &format!("/coverage/{name}"));
    let mut text = match state {
        "filling" => {
            let mut text = format!("filling {}/{}", number("done"), number("total"));
            if let Some(rate) = mailbox["coverage"]["messages_per_minute"].as_i64() {
                text.push_str(&format!(", {} messages/s", (rate + 30) / 60));
            }
            if let Some(rate) = mailbox["coverage"]["bytes_per_second"].as_i64() {
                text.push_str(&format!(", {}/s", output::size(rate)));
            }
            if mailbox["coverage"]["ends_at"].is_string() {
                text.push_str(&format!(
                    ", ends about {}",
                    output::time(mailbox, "/coverage/ends_at")
                ));
            }
            if mailbox["coverage"]["waits_until"].is_string() {
                let until = output::time(mailbox, "/coverage/waits_until");
                text.push_str(&format!(", waits for the provider until {until}"));
            }
            text
        }
        "complete" => format!("complete ({})", number("done")),
        other => other.to_owned(),
    };
    if number("holes") > 0 {
        text.push_str(&format!(", {} missing", number("holes")));
    }
    text
}

/// One mailbox with its four facts.
pub fn show(output: &Output, mailbox: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(mailbox, pointer));
    let state = |pointer: &str| output.tone(tone(output::at(mailbox, pointer)), &text(pointer));
    let mut lines = vec![
        format!("{}  {}", text("/id"), text("/address")),
        format!("  lifecycle   {}", state("/lifecycle")),
        format!(
            "  receiving   {}{}",
            state("/receiving"),
            server(mailbox, "incoming")
        ),
        format!(
            "  sending     {}{}",
            state("/sending"),
            server(mailbox, "outgoing")
        ),
        format!(
            "  connection  {}, proven alive {}",
            state("/connection/state"),
            output::time(mailbox, "/connection/proven_alive_at")
        ),
        format!("  coverage    {}", coverage(mailbox)),
    ];
    if let (Some(used), Some(limit)) = (
        mailbox["quota"]["used"].as_i64(),
        mailbox["quota"]["limit"].as_i64(),
    ) {
        lines.push(format!(
            "  on server   {} of {}",
            output::size(used),
            output::size(limit)
        ));
    }
    if mailbox["owner"].is_object() {
        lines.push(format!("  owner       {}", output::line(&owner(mailbox))));
    }
    for (name, what) in [
        ("max_connections", "connections at once"),
        ("poll_minutes", "minutes between two looks"),
        ("download_mb_per_day", "MB down in a day"),
        ("upload_mb_per_day", "MB up in a day"),
        ("messages_per_day", "messages fetched in a day"),
        ("sends_per_minute", "messages sent in a minute"),
        ("recipients_per_day", "recipients in a day"),
    ] {
        if let Some(limit) = mailbox["limits"][name].as_u64() {
            lines.push(format!("  limit       {limit} {what}"));
        }
    }
    if let Some(limit) = mailbox["size_limit"].as_i64() {
        lines.push(format!(
            "  size limit  {}: larger messages are stored as headers",
            output::size(limit)
        ));
    }
    match mailbox["pop3_delete_after_days"].as_u64() {
        Some(0) => lines.push("  deletes     from the server, once a message is stored".to_owned()),
        Some(days) => lines.push(format!(
            "  deletes     from the server, {days} days after a message is stored"
        )),
        None => {}
    }
    if mailbox["read_only"] == json!(true) {
        lines.push("  changes     nothing on the server: it is only read".to_owned());
    }
    for (name, text) in [
        ("system_sender", "as the installation's own sender"),
        ("send_shared", "for everyone; nobody reads it by that"),
    ] {
        if mailbox[name] == json!(true) {
            lines.push(format!("  sends       {text}"));
        }
    }
    match text("/sent_copy_by").as_str() {
        "server" => lines.push("  Sent copy   filed by the mail server".to_owned()),
        "postroom" => lines.push("  Sent copy   filed by Postroom".to_owned()),
        _ => {}
    }
    if let Some(problem) = mailbox
        .pointer("/connection/problem_id")
        .and_then(Value::as_str)
    {
        let title = connect::problems::find(problem).map_or("", |entry| entry.title);
        lines.push(format!(
            "  problem     {title} (`postroom explain {}`)",
            output::line(problem)
        ));
    }
    for missing in mailbox["missing"].as_array().into_iter().flatten() {
        lines.push(format!(
            "  missing     {}",
            output::line(output::at(missing, "/text"))
        ));
    }
    lines.join("\n")
}

/// "queue Support"; nothing where nobody was named.
fn owner(mailbox: &Value) -> String {
    let owner = &mailbox["owner"];
    match owner.is_object() {
        true => format!(
            "{} {}",
            output::at(owner, "/kind"),
            output::at(owner, "/name")
        ),
        false => String::new(),
    }
}

fn server(mailbox: &Value, side: &str) -> String {
    let side = &mailbox[side];
    if !side.is_object() {
        return "  (not set up)".to_owned();
    }
    let protocol = side["protocol"].as_str().unwrap_or("smtp");
    output::line(&format!(
        "  {protocol} {}:{} ({}) as {}",
        output::at(side, "/host"),
        output::number(side, "/port"),
        output::at(side, "/security"),
        output::at(side, "/username"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_shown_with_its_four_facts() {
        let mailbox = json!({
            "id": "mbx_1", "address": "ann@example.com", "lifecycle": "enabled", "receiving": "works", "sending": "untested",
            "connection": { "state": "held", "proven_alive_at": "2026-11-21T02:47:07.123Z", "problem_id": "password_refused" },
            "coverage": { "state": "filling", "done": 3, "total": 9, "holes": 1 },
            "incoming": { "protocol": "imap", "host": "imap.example.com", "port": 993, "security": "tls", "username": "ann" },
            "outgoing": null,
        });
        let text = show(&Output::new(false), &mailbox);
        for expected in [
            "filling 3/9, 1 missing",
            "imap imap.example.com:993 (tls) as ann",
            "(not set up)",
            "postroom explain password_refused",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn what_a_mailbox_is_limited_to_and_whose_it_is_has_a_line_each() {
        let said = |mailbox: Value| show(&Output::new(false), &mailbox);
        let full = said(json!({"quota": {"used": 5_368_709, "limit": 10_485_760}}));
        assert!(full.contains("on server   5.4 MB of 10.5 MB"), "{full}");
        let half = said(json!({"quota": {"used": 5_368_709, "limit": null}}));
        assert!(!half.contains("on server"), "{half}");
        let owned = said(
            json!({"owner": {"kind": "queue", "name": "Support"}, "limits": {"max_connections": 2, "poll_minutes": null}}),
        );
        assert!(owned.contains("owner       queue Support"), "{owned}");
        assert!(
            owned.contains("limit       2 connections at once"),
            "{owned}"
        );
        assert!(!owned.contains("minutes"), "{owned}");
        let deleting = said(json!({"pop3_delete_after_days": 14}));
        assert!(
            deleting.contains("14 days after a message is stored"),
            "{deleting}"
        );
        let bare = said(json!({}));
        for absent in ["deletes", "owner", "limit", "on server"] {
            assert!(!bare.contains(absent), "{absent} in {bare}");
        }
    }
}
