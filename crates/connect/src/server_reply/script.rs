//! An out of office as a Sieve script (RFC 5228, RFC 5230). Pure.
//!
//! The server keeps to RFC 5230 section 4.6 by itself: no answer to lists, machines and notices, one for each sender and period.
//! What Postroom refuses beyond that is said here with tests that every server has.

use model::Timestamp;
use model::auto_reply::{Audience, Settings, Wording};

/// Header fields whose presence says that a machine or a list is at work.
const MARKS: [&str; 9] = [
    "X-Loop",
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Vacation",
    "X-Failed-Recipients",
    "List-Id",
    "Feedback-ID",
];
/// Names of senders that take no answers.
const NO_REPLY: [&str; 4] = ["*noreply*", "*no-reply*", "*donotreply*", "*do-not-reply*"];

/// What a script is made from.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The out of office.
    pub settings: Settings,
    /// The addresses of the mailbox, the main one first.
    pub addresses: Vec<String>,
    /// Who has had an answer is counted under this name.
    pub handle: String,
}

/// Writes the script for a server that has these extensions.
///
/// # Errors
/// What cannot be said there, in words.
pub(super) fn write(wanted: &Wanted, has: impl Fn(&str) -> bool) -> Result<String, String> {
    let settings = &wanted.settings;
    let mut needs = vec!["vacation"];
    let mut need = |names: &[&'static str], what: &str| {
        if let Some(missing) = names.iter().find(|name| !has(name)) {
            return Err(format!("{what} (the extension {missing})"));
        }
        needs.extend(
            names
                .iter()
                .filter(|name| !needs.contains(name))
                .copied()
                .collect::<Vec<_>>(),
        );
        Ok(())
    };
    let mut tests = vec![no_machine()];
    if settings.starts_at.is_some() || settings.ends_at.is_some() {
        need(&["date", "relational"], "a beginning or an end")?;
        tests.extend(settings.starts_at.map(|at| clock("ge", at)));
        tests.extend(settings.ends_at.map(|at| clock("lt", at)));
    }
    if !settings.exclusions.is_empty() {
        need(&["envelope"], "senders who never get an answer")?;
        tests.push(format!("not {}", either_among(&settings.exclusions)));
    }
    let inside = || both_inside(&settings.inside_domains);
    let told_apart = settings
        .inside
        .as_ref()
        .filter(|inside| **inside != settings.wording);
    if settings.audience != Audience::Everyone || told_apart.is_some() {
        need(
            &["envelope"],
            "a difference between senders inside and outside",
        )?;
    }
    match settings.audience {
        Audience::Everyone => {}
        Audience::Inside => tests.push(inside()),
        Audience::Outside => tests.push(format!("not {}", inside())),
    }
    let action = match (told_apart, settings.audience) {
        (Some(words), Audience::Everyone) => format!(
            "if {} {{\r\n{}\r\n}} else {{\r\n{}\r\n}}",
            inside(),
            vacation(wanted, words)?,
            vacation(wanted, &settings.wording)?
        ),
        (Some(words), Audience::Inside) => vacation(wanted, words)?,
        _ => vacation(wanted, &settings.wording)?,
    };
    Ok(format!(
        "# The out of office of this mailbox, written by Postroom, which writes it anew with each change.\r\n\
         require {};\r\nif allof(\r\n{}\r\n) {{\r\n{action}\r\n}}\r\n",
        list(needs.iter().copied()),
        tests.join(",\r\n"),
    ))
}

/// A text between quotation marks, which no text can break out of.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push_str("\r\n"),
            '\0' => {}
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = texts.map(quoted).collect();
    format!("[{}]", all.join(", "))
}

fn no_machine() -> String {
    let mut tests: Vec<String> = MARKS
        .iter()
        .map(|name| format!("exists {}", quoted(name)))
        .collect();
    tests.push(r#"header :contains "X-Auto-Response-Suppress" ["all", "oof", "autoreply"]"#.into());
    tests.push(
        r#"header :is "Precedence" ["list", "bulk", "junk", "auto_reply", "auto-reply"]"#.into(),
    );
    tests.push(
        r#"header :matches ["X-Spam-Flag", "X-Spam-Status"] ["yes", "yes,*", "yes *"]"#.into(),
    );
    tests.push(format!(
        r#"address :localpart :matches "From" {}"#,
        list(NO_REPLY.into_iter())
    ));
    format!("not anyof(\r\n{}\r\n)", tests.join(",\r\n"))
}

/// Before or after a moment: both sides are in UTC, so they compare as texts (RFC 5260 section 4.2).
fn clock(relation: &str, at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    format!(
        r#"currentdate :zone "+0000" :value "{relation}" "iso8601" {}"#,
        quoted(seconds)
    )
}

/// The From or the envelope's sender is on a list of addresses and domains.
fn either_among(entries: &[String]) -> String {
    let tests: Vec<String> = ["address", "envelope"]
        .into_iter()
        .flat_map(|test| among(test, entries))
        .collect();
    format!("anyof({})", tests.join(", "))
}

/// Both are in one of these domains, or below one: whoever writes a name of ours into From from elsewhere is outside.
fn both_inside(domains: &[String]) -> String {
    let of = |test: &str| {
        let tests = among(test, domains);
        if tests.is_empty() {
            "false".to_owned()
        } else {
            format!("anyof({})", tests.join(", "))
        }
    };
    format!("allof({}, {})", of("address"), of("envelope"))
}

/// Tests of one kind for a list of addresses and domains; each domain with those below it.
fn among(test: &str, entries: &[String]) -> Vec<String> {
    let (addresses, domains): (Vec<&str>, Vec<&str>) = entries
        .iter()
        .map(String::as_str)
        .partition(|entry| entry.contains('@') && !entry.starts_with('@'));
    let domains: Vec<&str> = domains
        .iter()
        .map(|domain| domain.trim_start_matches('@'))
        .collect();
    let below: Vec<String> = domains
        .iter()
        .map(|domain| format!("*.{}", literal(domain)))
        .collect();
    let mut tests = Vec::new();
    if !addresses.is_empty() {
        tests.push(format!(
            r#"{test} :all :is "from" {}"#,
            list(addresses.into_iter())
        ));
    }
    if !domains.is_empty() {
        tests.push(format!(
            r#"{test} :domain :is "from" {}"#,
            list(domains.into_iter())
        ));
        tests.push(format!(
            r#"{test} :domain :matches "from" {}"#,
            list(below.iter().map(String::as_str))
        ));
    }
    tests
}

/// A text inside a pattern, where `*`, `?` and `\` have a meaning.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('*', "\\*")
        .replace('?', "\\?")
}

fn vacation(wanted: &Wanted, words: &Wording) -> Result<String, String> {
    let mut parts = vec![format!("vacation :days {}", wanted.settings.period_days)];
    let subject = words
        .subject
        .as_deref()
        .filter(|subject| !subject.trim().is_empty());
    parts.extend(subject.map(|subject| format!(":subject {}", quoted(subject))));
    if !wanted.addresses.is_empty() {
        parts.push(format!(
            ":addresses {}",
            list(wanted.addresses.iter().map(String::as_str))
        ));
    }
    parts.push(format!(":handle {}", quoted(&wanted.handle)));
    match (&words.text, &words.html) {
        (Some(text), None) => parts.push(quoted(text)),
        _ => parts.push(format!(":mime {}", quoted(&entity(wanted, words)?))),
    }
    Ok(format!("{};", parts.join(" ")))
}

/// Text and HTML as a MIME entity: what a message with them has, without the fields that are not about its body.
fn entity(wanted: &Wanted, words: &Wording) -> Result<String, String> {
    let address = mail_message::Address {
        name: None,
        address: wanted.addresses.first().cloned().unwrap_or_default(),
    };
    let draft = mail_message::Draft {
        message_id: mail_message::message_id(&wanted.handle, &address.address),
        to: vec![address.clone()],
        from: address,
        text: words.text.clone(),
        html: words.html.clone(),
        ..mail_message::Draft::default()
    };
    let composed = mail_message::compose(&draft).map_err(|error| error.to_string())?;
    let text = String::from_utf8(composed.raw).map_err(|error| error.to_string())?;
    let (header, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut kept = String::new();
    let mut keep = false;
    for line in header.split("\r\n") {
        if !line.starts_with([' ', '\t']) {
            let name = line.get(..8).unwrap_or_default();
            keep = name.eq_ignore_ascii_case("Content-");
        }
        if keep {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    Ok(format!("{kept}\r\n{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::auto_reply::Place;

    fn wanted() -> Wanted {
        Wanted {
            settings: Settings {
                enabled: true,
                place: Place::Server,
                starts_at: None,
                ends_at: None,
                time_zone: "UTC".into(),
                wording: Wording {
                    subject: Some("Away \"now\"".into()),
                    text: Some("I am \\away\\.\nBob helps.\n".into()),
                    html: None,
                },
                inside: None,
                inside_domains: vec!["here.test".into()],
                audience: Audience::Everyone,
                exclusions: Vec::new(),
                period_days: 7,
            },
            addresses: vec!["ann@here.test".into()],
            handle: "arp_1.5".into(),
        }
    }

    #[test]
    fn texts_stay_texts() {
        let script = write(&wanted(), |_| true).unwrap();
        assert!(script.contains(r#"require ["vacation"];"#), "{script}");
        let action = "vacation :days 7 :subject \"Away \\\"now\\\"\" :addresses [\"ann@here.test\"] :handle \"arp_1.5\" \
             \"I am \\\\away\\\\.\r\nBob helps.\r\n\";";
        assert!(script.contains(action), "{script}");
        assert_eq!(quoted("a\r\nb\rc\nd\0"), "\"a\r\nb\r\nc\r\nd\"");
    }

    #[test]
    fn what_the_server_cannot_say_is_named() {
        let only_vacation = |name: &str| name == "vacation";
        assert!(write(&wanted(), only_vacation).is_ok());
        let change = |change: fn(&mut Settings)| {
            let mut wanted = wanted();
            change(&mut wanted.settings);
            write(&wanted, only_vacation).unwrap_err()
        };
        let said = change(|s| s.ends_at = Some(Timestamp(0)));
        assert_eq!(said, "a beginning or an end (the extension date)");
        let said = change(|s| s.exclusions = vec!["x.test".into()]);
        assert_eq!(
            said,
            "senders who never get an answer (the extension envelope)"
        );
        let apart = "a difference between senders inside and outside (the extension envelope)";
        assert_eq!(change(|s| s.audience = Audience::Inside), apart);
        assert_eq!(change(|s| s.inside = Some(Wording::default())), apart);
    }

    #[test]
    fn dates_senders_and_those_inside_are_tests() {
        let mut wanted = wanted();
        let settings = &mut wanted.settings;
        settings.starts_at = Timestamp::parse("2026-08-01T00:00:00+02:00");
        settings.ends_at = Timestamp::parse("2026-08-20T10:00:00Z");
        settings.exclusions = vec!["boss@x.test".into(), "quiet.test".into()];
        settings.inside = Some(Wording {
            text: Some("Ask Bob.".into()),
            ..Wording::default()
        });
        let script = write(&wanted, |_| true).unwrap();
        for part in [
            r#"require ["vacation", "date", "relational", "envelope"];"#,
            r#"currentdate :zone "+0000" :value "ge" "iso8601" "2026-07-31T22:00:00""#,
            r#"currentdate :zone "+0000" :value "lt" "iso8601" "2026-08-20T10:00:00""#,
            r#"not anyof(address :all :is "from" ["boss@x.test"], address :domain :is "from" ["quiet.test"], address :domain :matches "from" ["*.quiet.test"], envelope"#,
            r#"if allof(anyof(address :domain :is "from" ["here.test"]"#,
            "\"Ask Bob.\";\r\n} else {\r\nvacation",
        ] {
            assert!(script.contains(part), "{part}: {script}");
        }
        wanted.settings.audience = Audience::Inside;
        let script = write(&wanted, |_| true).unwrap();
        assert!(
            script.contains("Ask Bob.") && !script.contains("away"),
            "{script}"
        );
    }

    #[test]
    fn html_goes_as_a_mime_entity() {
        let mut wanted = wanted();
        wanted.settings.wording.html = Some("<p>Gr\u{fc}n</p>".into());
        let script = write(&wanted, |_| true).unwrap();
        assert!(
            script.contains(":mime \"Content-Type: multipart/alternative;"),
            "{script}"
        );
        assert!(
            !script.contains("From:") && !script.contains("MIME-Version"),
            "{script}"
        );
    }
}
