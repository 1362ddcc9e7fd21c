//! `postroom auto-reply ...`: out of office, what a mailbox answers by itself while nobody is there.

use super::context::{Context, confirm};
use super::{mailbox, text_file};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Map, Value, json};

/// What is listed at most.
const LISTED: usize = 5_000;
/// Instead of a value: none.
const NONE: &str = "none";

/// The commands of `auto-reply`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What mailboxes answer by themselves
    List,
    /// The out of office of a mailbox
    Show {
        /// The mailbox: its address, name or mbx_...
        mailbox: String,
    },
    /// Make, change, switch on or switch off the out of office of a mailbox; what is left out stays
    Set {
        /// The mailbox: its address, name or mbx_...
        mailbox: String,
        #[command(flatten)]
        parts: Box<Parts>,
    },
    /// Ask the mailbox's own server whether it can answer by itself, also while Postroom is down
    Server {
        /// The mailbox: its address, name or mbx_...
        mailbox: String,
        /// Where the server has ManageSieve, if not at 4190
        #[arg(long)]
        port: Option<u16>,
        /// One that was left there (`remove --leave-on-server`) answers no more: taken unless the server says that it does
        #[arg(long)]
        nothing_left_there: bool,
    },
    /// Who of those who wrote lately would have got an answer, and why the others would not
    Preview {
        /// The mailbox: its address, name or mbx_...
        mailbox: String,
        /// The mail of how many days
        #[arg(long, default_value_t = 7)]
        days: i64,
    },
    /// Remove the out of office of a mailbox
    Remove {
        /// The mailbox: its address, name or mbx_...
        mailbox: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Leave it on the mailbox's server, which goes on answering: for a server that is gone for good
        #[arg(long)]
        leave_on_server: bool,
    },
}

/// What `set` takes.
#[derive(Debug, Default, clap::Args)]
pub struct Parts {
    /// Switch it on or off; a new one is on
    #[arg(long, value_name = "yes|no", value_parser = mailbox::yes_or_no)]
    enabled: Option<bool>,
    /// Who answers: postroom, or the mailbox's own server (see `auto-reply server`)
    #[arg(long, value_name = "WHO", value_parser = ["postroom", "server"])]
    by: Option<String>,
    /// The text
    #[arg(long)]
    text: Option<String>,
    /// A file with the text; `-`: standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    text_file: Option<String>,
    /// A file with the HTML; `-`: standard input; `none`: no HTML
    #[arg(long, value_name = "FILE")]
    html_file: Option<String>,
    /// The subject; `none`: "Auto:" and the subject of the message that is answered
    #[arg(long)]
    subject: Option<String>,
    /// From when: 2026-08-01, or 2026-08-01T12:00; `none`: at once
    #[arg(long, value_name = "TIME")]
    starts: Option<String>,
    /// Until when, and not a moment longer; `none`: until it is switched off
    #[arg(long, value_name = "TIME")]
    ends: Option<String>,
    /// The time zone of these times, such as Europe/Rome
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The text for those inside; `none`: the same as for all
    #[arg(long, value_name = "TEXT")]
    inside_text: Option<String>,
    /// The subject for those inside; `none`: "Auto:" and the subject of the message that is answered
    #[arg(long, value_name = "SUBJECT")]
    inside_subject: Option<String>,
    /// A file with the HTML for those inside; `-`: standard input; `none`: no HTML
    #[arg(long, value_name = "FILE")]
    inside_html_file: Option<String>,
    /// A domain that is inside, instead of those before; repeat for several; `none`: no domain
    #[arg(long, value_name = "DOMAIN")]
    inside_domain: Vec<String>,
    /// Who gets an answer: everyone, inside or outside
    #[arg(long, value_name = "WHO", value_parser = ["everyone", "inside", "outside"])]
    to: Option<String>,
    /// An address or a domain that never gets one, instead of those before; repeat for several; `none`: nobody
    #[arg(long, value_name = "ADDRESS")]
    exclude: Vec<String>,
    /// Days in which one sender gets one answer
    #[arg(long, value_name = "DAYS")]
    period_days: Option<i64>,
}

impl Parts {
    /// What those inside are told, after what was said; none: nothing was said of it. `old`: before.
    fn inside(&self, old: &Value) -> Result<Option<Value>, Failure> {
        let mut inside = match old {
            Value::Object(wording) => wording.clone(),
            _ => Map::new(),
        };
        let mut said = false;
        for (name, text) in [
            ("subject", &self.inside_subject),
            ("text", &self.inside_text),
        ] {
            if let Some(text) = text {
                inside.insert(name.to_owned(), json!((text != NONE).then_some(text)));
                said = true;
            }
        }
        if let Some(file) = self.inside_html_file.as_deref() {
            let html = (file != NONE).then(|| text_file::read(file)).transpose()?;
            inside.insert("html".to_owned(), json!(html));
            said = true;
        }
        let is_there = |name: &str| inside.get(name).is_some_and(Value::is_string);
        let words = is_there("text") || is_there("html");
        let takes_away = self.inside_text.as_deref() == Some(NONE)
            || self.inside_html_file.as_deref() == Some(NONE);
        // Without a word of its own it is the same for all; a subject alone is for the server to refuse.
        let after = if words || !takes_away {
            Value::Object(inside)
        } else {
            Value::Null
        };
        Ok(said.then_some(after))
    }

    /// The body of a request: only what was said. `old`: what is stored.
    fn body(&self, old: &Value) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        let or_null = |text: &str| (text != NONE).then(|| text.to_owned());
        if let Some(enabled) = self.enabled {
            put("enabled", json!(enabled));
        }
        if let Some(by) = &self.by {
            put("place", json!(by));
        }
        if let Some(text) = &self.text {
            put("text", json!(text));
        }
        for (name, file) in [("text", &self.text_file), ("html", &self.html_file)] {
            match file.as_deref() {
                Some(NONE) => put(name, Value::Null),
                Some(file) => put(name, json!(text_file::read(file)?)),
                None => {}
            }
        }
        for (name, text) in [
            ("subject", &self.subject),
            ("starts_at", &self.starts),
            ("ends_at", &self.ends),
        ] {
            if let Some(text) = text {
                put(name, json!(or_null(text)));
            }
        }
        if let Some(inside) = self.inside(&old["inside"])? {
            put("inside", inside);
        }
        for (name, list) in [
            ("inside_domains", &self.inside_domain),
            ("exclusions", &self.exclude),
        ] {
            if !list.is_empty() {
                let named: Vec<&String> = list.iter().filter(|one| *one != NONE).collect();
                put(name, json!(named));
            }
        }
        for (name, text) in [("time_zone", &self.time_zone), ("audience", &self.to)] {
            if let Some(text) = text {
                put(name, json!(text));
            }
        }
        if let Some(days) = self.period_days {
            put("period_days", json!(days));
        }
        Ok(Value::Object(body))
    }
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let list = client.list("/v1/auto-replies", &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Show { mailbox } => {
            let found = get(client, &mailbox).await?;
            context.output.value(&found, show)?;
        }
        Command::Set { mailbox, parts } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let old = of_mailbox(client, &id).await?;
            let mut body = parts.body(old.as_ref().unwrap_or(&Value::Null))?;
            let set = match old {
                Some(old) => client.patch(&path(output::at(&old, "/id")), &body).await?,
                None => {
                    body["mailbox_id"] = json!(id);
                    client.post("/v1/auto-replies", &body).await?
                }
            };
            context.output.value(&set, show)?;
        }
        Command::Preview { mailbox, days } => {
            let found = get(client, &mailbox).await?;
            let path = format!("{}/preview", path(output::at(&found, "/id")));
            let preview = client.post(&path, &json!({ "days": days })).await?;
            context.output.value(&preview, previewed)?;
        }
        Command::Server {
            mailbox,
            port,
            nothing_left_there,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let mut body = json!({ "mailbox_id": id, "nothing_left_there": nothing_left_there });
            if let Some(port) = port {
                body["port"] = json!(port);
            }
            let answer = client.post("/v1/auto-replies/ask-server", &body).await?;
            context.output.value(&answer, asked)?;
        }
        Command::Remove {
            mailbox,
            yes,
            leave_on_server,
        } => {
            let found = get(client, &mailbox).await?;
            confirm(yes, &format!("remove the out of office of {mailbox}"))?;
            let id = output::at(&found, "/id");
            let leave = if leave_on_server {
                "?leave_on_server=true"
            } else {
                ""
            };
            client.delete(&format!("{}{leave}", path(id))).await?;
            let removed = json!({ "id": id, "removed": true });
            context.output.value(&removed, |_, _| {
                format!(
                    "The out of office of {} is removed.",
                    output::line(&mailbox)
                )
            })?;
        }
    }
    Ok(Exit::Good)
}

async fn of_mailbox(client: &Client, id: &str) -> Result<Option<Value>, Failure> {
    let query = [("mailbox_id", Some(id.to_owned()))];
    let list = client.list("/v1/auto-replies", &query, 1).await?;
    Ok(output::rows(&list).first().cloned())
}

async fn get(client: &Client, mailbox: &str) -> Result<Value, Failure> {
    let id = mailbox::resolve(client, mailbox).await?;
    let none = || {
        Failure::new(Exit::NotFound, format!("{mailbox} has no out of office"))
            .remedy("`postroom auto-reply set` makes one")
    };
    of_mailbox(client, &id).await?.ok_or_else(none)
}

fn path(id: &str) -> String {
    format!("/v1/auto-replies/{}", segment(id))
}

fn texts(value: &Value) -> String {
    let all = value.as_array().into_iter().flatten();
    let all: Vec<&str> = all.filter_map(Value::as_str).collect();
    output::line(&all.join(", "))
}

fn show(_: &Output, one: &Value) -> String {
    let at = |path: &str| output::line(output::at(one, path));
    let on = one["enabled"] == json!(true);
    let mut lines = vec![
        format!("Out of office, switched {}", if on { "on" } else { "off" }),
        format!("  id          {}", at("/id")),
        format!("  mailbox     {}", at("/mailbox_id")),
        format!("  answered by {}", who(one)),
    ];
    for (name, path) in [
        ("from", "/starts_at"),
        ("until", "/ends_at"),
        ("subject", "/subject"),
    ] {
        if one.pointer(path).is_some_and(Value::is_string) {
            lines.push(format!("  {name:<11} {}", at(path)));
        }
    }
    lines.push(format!("  time zone   {}", at("/time_zone")));
    lines.push(format!("  answers     {}", at("/audience")));
    lines.push(format!("  inside      {}", texts(&one["inside_domains"])));
    let excluded = texts(&one["exclusions"]);
    if !excluded.is_empty() {
        lines.push(format!("  never       {excluded}"));
    }
    lines.push(format!("  again after {} days", one["period_days"]));
    lines.push(format!("  answered    {} senders", one["answered"]));
    for (name, path) in [
        ("text", "/text"),
        ("HTML", "/html"),
        ("for inside", "/inside/subject"),
        ("for inside", "/inside/text"),
        ("for inside", "/inside/html"),
    ] {
        if one.pointer(path).is_some_and(Value::is_string) {
            lines.push(format!("  {name:<11} {}", at(path)));
        }
    }
    lines.join("\n")
}

/// Who answers, and what is known of it.
fn who(one: &Value) -> String {
    let by = match output::at(one, "/place") {
        "server" => "the mailbox's own server",
        _ => "Postroom",
    };
    match output::at(one, "/on_server") {
        "changing" => format!("{by} (it is being changed there)"),
        "unsure" => {
            format!("{by} (it is not known what stands on the server: repeat the change)")
        }
        _ if one["place"] == json!("postroom") && one["server_offers"] == json!(true) => {
            format!("{by} (the mailbox's own server could: --by server)")
        }
        _ => by.to_owned(),
    }
}

fn asked(_: &Output, answer: &Value) -> String {
    if answer["offers"] != json!(true) {
        let reason = output::line(output::at(answer, "/reason"));
        return format!("The mailbox's server does not answer by itself.\n  {reason}");
    }
    let mut lines = vec![
        "The mailbox's server can answer by itself: `postroom auto-reply set MAILBOX --by server`."
            .to_owned(),
        format!("  port        {}", answer["port"]),
    ];
    for (name, path) in [("program", "/program"), ("script", "/active_script")] {
        if answer.pointer(path).is_some_and(Value::is_string) {
            let value = output::line(output::at(answer, path));
            lines.push(format!("  {name:<11} {value}"));
        }
    }
    if answer["at_work"] == json!(true) {
        lines.push("  It answers now.".to_owned());
    }
    lines.join("\n")
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        let on = row["enabled"] == json!(true);
        [
            output::at(row, "/mailbox_id").to_owned(),
            if on { "on" } else { "off" }.to_owned(),
            output::at(row, "/place").to_owned(),
            output::at(row, "/starts_at").to_owned(),
            output::at(row, "/ends_at").to_owned(),
            row["answered"].to_string(),
            output::at(row, "/id").to_owned(),
        ]
    });
    let head = ["MAILBOX", "STATE", "BY", "FROM", "UNTIL", "ANSWERED", "ID"];
    output.table(head, rows.collect())
}

fn previewed(output: &Output, preview: &Value) -> String {
    let rows = output::rows(preview).iter().map(|row| {
        let inside = match row["inside"].as_bool() {
            Some(true) => "answered, inside",
            _ => "answered",
        };
        let fate = row["reason_text"].as_str().unwrap_or(inside);
        [
            output::at(row, "/received_at").to_owned(),
            output::at(row, "/from").to_owned(),
            output::at(row, "/subject").to_owned(),
            fate.to_owned(),
        ]
    });
    let table = output.table(["RECEIVED", "FROM", "SUBJECT", "ANSWER"], rows.collect());
    format!("{table}\n{} would have been answered.", preview["answered"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_typed_is_asked_for_and_none_takes_away() {
        assert_eq!(Parts::default().body(&Value::Null).unwrap(), json!({}));
        let parts = Parts {
            enabled: Some(false),
            text: Some("Away".into()),
            ends: Some("none".into()),
            inside_text: Some("none".into()),
            exclude: vec!["none".into()],
            inside_domain: vec!["here.test".into()],
            to: Some("outside".into()),
            ..Parts::default()
        };
        let wanted = json!({
            "enabled": false, "text": "Away", "ends_at": null, "inside": null, "exclusions": [], "inside_domains": ["here.test"],
            "audience": "outside",
        });
        assert_eq!(parts.body(&Value::Null).unwrap(), wanted);
    }

    #[test]
    fn what_those_inside_are_told_changes_part_by_part() {
        let old =
            json!({"inside": {"subject": "Away", "text": "Ask Bob", "html": "<p>Ask Bob</p>"}});
        let inside = |text: Option<&str>, subject: Option<&str>, html: Option<&str>| {
            let parts = Parts {
                inside_text: text.map(Into::into),
                inside_subject: subject.map(Into::into),
                inside_html_file: html.map(Into::into),
                ..Parts::default()
            };
            parts.body(&old).unwrap()["inside"].clone()
        };
        assert_eq!(
            inside(Some("Ask Eve"), None, Some("none")),
            json!({"subject": "Away", "text": "Ask Eve", "html": null})
        );
        assert_eq!(
            inside(None, Some("none"), None),
            json!({"subject": null, "text": "Ask Bob", "html": "<p>Ask Bob</p>"})
        );
        assert_eq!(inside(Some("none"), None, Some("none")), Value::Null);
    }
}
