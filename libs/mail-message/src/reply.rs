//! Answers and forwards: to whom, under which subject, in which conversation, with which quote.

use crate::address::Address;
use crate::body;
use crate::read::{Head, Message};
use crate::sanitize::{Options, RemoteImages, sanitize};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Ids in `references`: the first and the newest.
pub const MAX_REFERENCES: usize = 50;
/// Bytes of the original that are quoted, each of text and HTML.
pub const MAX_QUOTE: usize = 512 * 1024;

/// Prefixes that mail programs write in front of an answered subject.
const REPLY_PREFIXES: [&str; 22] = [
    "re", "aw", "sv", "antw", "antwort", "vs", "odp", "rif", "r", "res", "ref", "ynt", "vá", "atb",
    "bls", "rv", "回复", "答复", "回覆", "返信", "답장", "отв",
];
/// Prefixes of forwarded subjects.
const FORWARD_PREFIXES: [&str; 14] = [
    "fw",
    "fwd",
    "wg",
    "tr",
    "enc",
    "i",
    "vb",
    "vl",
    "pd",
    "doorst",
    "转发",
    "轉寄",
    "전달",
    "пересл",
];

/// What a draft of an answer starts from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplyParts {
    /// First recipients; empty for a forward, or where the original names nobody.
    pub to: Vec<Address>,
    /// Further recipients.
    pub cc: Vec<Address>,
    /// With one prefix.
    pub subject: String,
    /// Message id answered to; null for a forward.
    pub in_reply_to: Option<String>,
    /// The conversation, oldest first.
    pub references: Vec<String>,
    /// The original as plain text, marked as quote.
    pub quoted_text: String,
    /// The original as HTML, sanitised, pictures of other servers kept: sanitise again to show. Its
    /// own pictures stay `cid:` addresses: whoever sends it sends those parts along.
    pub quoted_html: String,
}

/// Starts an answer to `original`, to all its recipients where `all`. `own` are one's own
/// addresses: they become recipients only where the original went from oneself to oneself.
#[must_use]
pub fn reply(original: &Message, own: &[String], all: bool) -> ReplyParts {
    let head = &original.head;
    let own: HashSet<String> = own.iter().map(|a| a.trim().to_lowercase()).collect();
    let mine = |a: &Address| own.contains(&a.key());
    // An answer to one's own message goes on to those it was sent to.
    let follow_up = !head.from.is_empty() && head.from.iter().all(mine);
    let first = if follow_up {
        &head.to
    } else if head.reply_to.iter().any(|a| !a.address.is_empty()) {
        &head.reply_to
    } else {
        &head.from
    };
    let mut seen = own.clone();
    let mut take = |list: &[Address]| -> Vec<Address> {
        list.iter()
            .filter(|a| a.address.contains('@') && seen.insert(a.key()))
            .cloned()
            .collect()
    };
    let mut to = take(first);
    let mut cc = Vec::new();
    if all {
        if !follow_up {
            cc = take(&head.to);
        }
        cc.extend(take(&head.cc));
    }
    if to.is_empty() {
        // "To" must not stay empty: where only copies are left, they are asked; else whoever wrote; and a note to oneself
        // is answered to oneself.
        to = std::mem::take(&mut cc);
        for (list, even_own) in [(&head.from, false), (&head.cc, false), (&head.to, true)] {
            if to.is_empty() {
                let known = |a: &&Address| a.address.contains('@') && (even_own || !mine(a));
                to = list.iter().filter(known).cloned().collect();
            }
        }
    }
    ReplyParts {
        to,
        cc,
        subject: subject("Re: ", head, &REPLY_PREFIXES),
        in_reply_to: head.internet_message_id.clone(),
        references: references(head),
        quoted_text: quoted_text(original),
        quoted_html: quoted_html(original),
    }
}

/// Starts a forward of `original`; its attachments are the caller's to add.
#[must_use]
pub fn forward(original: &Message) -> ReplyParts {
    let head = &original.head;
    let lines = forward_lines(head);
    let mut text = format!(
        "---------- Forwarded message ----------\n{}\n",
        lines.join("\n")
    );
    text.push('\n');
    text.push_str(&bounded(original.text.as_deref().unwrap_or_default()));
    let mut html = String::from("<div>---------- Forwarded message ----------</div>");
    html.push_str(&body::escape_block(&lines.join("\n")));
    html.push_str("<br>");
    html.push_str(&original_html(original));
    ReplyParts {
        subject: subject("Fwd: ", head, &FORWARD_PREFIXES),
        references: references(head),
        quoted_text: text,
        quoted_html: html,
        ..ReplyParts::default()
    }
}

/// RFC 5322 section 3.6.4: the parent's References (or its single In-Reply-To), then its id.
pub(crate) fn references(head: &Head) -> Vec<String> {
    let mut chain: Vec<String> = if head.references.is_empty() {
        head.in_reply_to.iter().cloned().collect()
    } else {
        head.references.clone()
    };
    if let Some(id) = &head.internet_message_id {
        chain.retain(|r| r != id);
        chain.push(id.clone());
    }
    if chain.len() > MAX_REFERENCES {
        let newest = chain.split_off(chain.len() - (MAX_REFERENCES - 1));
        chain.truncate(1);
        chain.extend(newest);
    }
    chain
}

fn subject(prefix: &str, head: &Head, known: &[&str]) -> String {
    let mut rest = head.subject.as_deref().unwrap_or_default().trim();
    while let Some(shorter) = without_prefix(rest, known) {
        rest = shorter;
    }
    format!("{prefix}{rest}").trim_end().to_owned()
}

/// "AW: x", "Re[2]: x", "RE^3: x", "Re : x" to "x".
fn without_prefix<'s>(subject: &'s str, known: &[&str]) -> Option<&'s str> {
    let at = subject.find([':', '：'])?;
    let word = subject.get(..at)?.trim();
    let word = match word.find(['[', '(', '^', '*']) {
        Some(count) => {
            let tail = word.get(count..)?;
            if !tail
                .chars()
                .all(|c| c.is_ascii_digit() || "[]()^*".contains(c))
            {
                return None;
            }
            word.get(..count)?.trim()
        }
        None => word,
    };
    let lower = word.to_lowercase();
    if !known.contains(&lower.as_str()) {
        return None;
    }
    let mut rest = subject.get(at..)?.chars();
    rest.next();
    Some(rest.as_str().trim_start())
}

fn bounded(text: &str) -> String {
    text.get(..crate::clean::floor_boundary(text, MAX_QUOTE))
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

fn name_of(address: &Address) -> String {
    match &address.name {
        Some(name) => format!("{name} <{}>", address.address),
        None => address.address.clone(),
    }
}

fn people(list: &[Address]) -> String {
    const MAX_NAMED: usize = 50;
    let mut text = list
        .iter()
        .take(MAX_NAMED)
        .map(name_of)
        .collect::<Vec<_>>()
        .join(", ");
    if list.len() > MAX_NAMED {
        text.push_str(", ...");
    }
    text
}

/// "2026-03-02T09:00:00Z" to "2026-03-02 09:00 UTC": the same in every country.
fn day_and_time(head: &Head) -> Option<String> {
    let date = head.date.as_deref()?;
    Some(format!("{} {} UTC", date.get(..10)?, date.get(11..16)?))
}

fn attribution(head: &Head) -> String {
    let who = head
        .from
        .first()
        .map(name_of)
        .unwrap_or_else(|| "somebody".to_owned());
    match day_and_time(head) {
        Some(when) => format!("On {when}, {who} wrote:"),
        None => format!("{who} wrote:"),
    }
}

fn forward_lines(head: &Head) -> Vec<String> {
    let mut lines = vec![format!("From: {}", people(&head.from))];
    if let Some(when) = day_and_time(head) {
        lines.push(format!("Date: {when}"));
    }
    lines.push(format!(
        "Subject: {}",
        head.subject.as_deref().unwrap_or_default()
    ));
    lines.push(format!("To: {}", people(&head.to)));
    if !head.cc.is_empty() {
        lines.push(format!("Cc: {}", people(&head.cc)));
    }
    lines
}

fn quoted_text(original: &Message) -> String {
    let mut out = attribution(&original.head);
    for line in bounded(original.text.as_deref().unwrap_or_default()).lines() {
        // RFC 3676 section 4.5: quotes of quotes without a blank between the marks.
        out.push_str(if line.starts_with('>') { "\n>" } else { "\n> " });
        out.push_str(line);
    }
    out.push('\n');
    out
}

fn quoted_html(original: &Message) -> String {
    let mut out = String::from("<div>");
    body::escape(&attribution(&original.head), &mut out);
    out.push_str("</div><blockquote type=\"cite\">");
    out.push_str(&original_html(original));
    out.push_str("</blockquote>");
    out
}

fn original_html(original: &Message) -> String {
    match &original.html {
        Some(html) => {
            let own = |id: &str| {
                let files = original.attachments.iter();
                let known = files.filter_map(|file| file.content_id.as_deref());
                known
                    .into_iter()
                    .any(|known| known == id)
                    .then(|| format!("cid:{id}"))
            };
            let options = Options {
                remote_images: RemoteImages::Allowed,
                cid: Some(&own),
            };
            let html = html
                .get(..crate::clean::floor_boundary(html, MAX_QUOTE))
                .unwrap_or_default();
            sanitize(html, &options).html
        }
        None => body::escape_block(&bounded(original.text.as_deref().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    fn addresses(list: &[Address]) -> Vec<&str> {
        list.iter().map(|a| a.address.as_str()).collect()
    }

    const RAW: &str = "From: Ann <ann@x.com>\nTo: Me@y.com, Bob <bob@x.com>\nCc: carl@x.com, ann@x.com\n\
        Date: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: Hello\nMessage-ID: <3@x>\nReferences: <1@x> <2@x>\n\nline\n> older\n";

    #[test]
    fn answers_go_to_the_right_people_and_never_to_oneself() {
        let own = ["me@Y.com".to_owned()];
        let one = reply(&read(RAW.as_bytes()), &own, false);
        assert_eq!((addresses(&one.to), one.cc.len()), (vec!["ann@x.com"], 0));
        let all = reply(&read(RAW.as_bytes()), &own, true);
        assert_eq!(addresses(&all.to), ["ann@x.com"]);
        assert_eq!(addresses(&all.cc), ["bob@x.com", "carl@x.com"]);
        let redirected = reply(
            &read(format!("Reply-To: list@x.com\n{RAW}").as_bytes()),
            &own,
            false,
        );
        assert_eq!(addresses(&redirected.to), ["list@x.com"]);
        let mine = reply(
            &read(b"From: me@y.com\nTo: ann@x.com\nCc: bob@x.com\n\n"),
            &own,
            true,
        );
        assert_eq!(
            (addresses(&mine.to), addresses(&mine.cc)),
            (vec!["ann@x.com"], vec!["bob@x.com"])
        );
        let alone = reply(&read(b"From: me@y.com\nTo: me@y.com\n\n"), &own, true);
        assert_eq!(
            (addresses(&alone.to), alone.cc.len()),
            (vec!["me@y.com"], 0)
        );
        let copies = reply(&read(b"From: me@y.com\nCc: bob@x.com\n\n"), &own, false);
        assert_eq!(
            (addresses(&copies.to), copies.cc.len()),
            (vec!["bob@x.com"], 0)
        );
        let to_me = reply(
            &read(b"From: ann@x.com\nReply-To: me@y.com\n\n"),
            &own,
            false,
        );
        assert_eq!(addresses(&to_me.to), ["ann@x.com"]);
    }

    #[test]
    fn subjects_have_one_prefix() {
        let subject_of =
            |s: &str| reply(&read(format!("Subject: {s}\n\n").as_bytes()), &[], false).subject;
        for given in [
            "Hello",
            "Re: Hello",
            "RE: re: Hello",
            "AW: Hello",
            "SV: Hello",
            "Antw: Hello",
            "Re[2]: Hello",
            "Re : Hello",
            "回复：Hello",
            "AW: Re: Sv: Hello",
        ] {
            assert_eq!(subject_of(given), "Re: Hello", "{given}");
        }
        assert_eq!(subject_of("Fwd: Hello"), "Re: Fwd: Hello");
        assert_eq!(subject_of("Report: Hello"), "Re: Report: Hello");
        assert_eq!(subject_of(""), "Re:");
        assert_eq!(
            forward(&read(b"Subject: WG: Fw: Hello\n\n")).subject,
            "Fwd: Hello"
        );
    }

    #[test]
    fn the_conversation_goes_on_and_is_bounded() {
        let parts = reply(&read(RAW.as_bytes()), &[], false);
        assert_eq!(parts.in_reply_to.as_deref(), Some("3@x"));
        assert_eq!(parts.references, ["1@x", "2@x", "3@x"]);
        let parts = reply(
            &read(b"In-Reply-To: <1@x>\nMessage-ID: <2@x>\n\n"),
            &[],
            false,
        );
        assert_eq!(parts.references, ["1@x", "2@x"]);
        let many: String = (0..150).map(|n| format!("<{n}@x> ")).collect();
        let parts = reply(
            &read(format!("References: {many}\nMessage-ID: <m@x>\n\n").as_bytes()),
            &[],
            false,
        );
        assert_eq!(parts.references.len(), MAX_REFERENCES);
        assert_eq!(parts.references.first().map(String::as_str), Some("0@x"));
        assert_eq!(parts.references.last().map(String::as_str), Some("m@x"));
    }

    #[test]
    fn the_original_is_quoted_in_both_forms() {
        let parts = reply(&read(RAW.as_bytes()), &[], false);
        assert_eq!(
            parts.quoted_text,
            "On 2026-03-02 10:00 UTC, Ann <ann@x.com> wrote:\n> line\n>> older\n"
        );
        assert!(
            parts.quoted_html.contains(
                "Ann &lt;ann@x.com&gt; wrote:</div><blockquote type=\"cite\"><div>line<br>"
            )
        );
        let html =
            read(b"From: a@b.c\nContent-Type: text/html\n\n<p>x<script>alert(1)</script></p>");
        assert!(reply(&html, &[], false).quoted_html.contains("<p>x</p>"));
        let f = forward(&read(RAW.as_bytes()));
        assert!(f.quoted_text.contains("From: Ann <ann@x.com>\nDate: 2026-03-02 10:00 UTC\nSubject: Hello\nTo: Me@y.com, Bob <bob@x.com>\nCc: "));
        assert_eq!((f.to.len(), f.in_reply_to), (0, None));
    }
}
