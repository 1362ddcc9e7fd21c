//! Raw messages to values: what lists show ([`Head`]), what readers show ([`Message`]), what
//! synchronising stores ([`Summary`]) and files ([`Attachment`]).
//!
//! Every mail parses (promise S5): whatever cannot be understood is left out and named in
//! `parse_problem`; nothing here fails or panics, and the bounds below hold.

use crate::address::{self, Address};
use crate::auth_results::{self, AuthResults};
use crate::body::{self, Layout};
use crate::certified::{self, Certified};
use crate::header::{self, Fields};
use crate::mime::{self, Tree};
use crate::receipt;
use crate::report::{self, Report};
use crate::{attachments, clean, date, reply_text, words};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use utoipa::ToSchema;

/// Characters of `preview`.
pub const MAX_PREVIEW: usize = 200;
/// Characters of `subject`.
pub const MAX_SUBJECT: usize = 2_000;
/// Message ids of `references`; the oldest and the newest are kept.
pub const MAX_REFERENCES: usize = 200;
/// Bytes of `text` and of `html`, each.
pub const MAX_BODY: usize = 8 * 1024 * 1024;
/// Characters of `search.body`.
pub const MAX_SEARCH: usize = 64 * 1024;
/// Addresses in `search.people`.
const MAX_SEARCH_PEOPLE: usize = 200;

/// What a list of messages shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Head {
    /// `Message-ID` without angle brackets.
    pub internet_message_id: Option<String>,
    /// First id of `In-Reply-To`, without angle brackets.
    pub in_reply_to: Option<String>,
    /// Ids of `References`, oldest first, without angle brackets.
    pub references: Vec<String>,
    /// Decoded, one line; null where the message has none.
    pub subject: Option<String>,
    /// Authors.
    pub from: Vec<Address>,
    /// First recipients.
    pub to: Vec<Address>,
    /// Further recipients.
    pub cc: Vec<Address>,
    /// Hidden recipients; only in one's own drafts and sent mail.
    pub bcc: Vec<Address>,
    /// Where answers should go.
    pub reply_to: Vec<Address>,
    /// `Date`, RFC 3339 in UTC; null where absent, unreadable or outside 1970 to 2100.
    pub date: Option<String>,
    /// Start of the text on one line, at most [`MAX_PREVIEW`] characters.
    pub preview: String,
    /// Has files; pictures inside the text do not count.
    pub has_attachments: bool,
    /// Written by a machine or a list (RFC 3834): must never be answered automatically.
    pub automatic: bool,
    /// Some list or text was longer than is read.
    #[serde(default)]
    pub truncated: bool,
}

/// A whole message for a reader.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// What lists show.
    #[serde(flatten)]
    pub head: Head,
    /// Plain text, made from the HTML where there is no text part; null where there is neither.
    pub text: Option<String>,
    /// HTML as it came: unsafe, give it to `sanitize` before it meets a browser.
    pub html: Option<String>,
    /// What the author newly wrote: `text` without quotes and signature.
    pub reply_text: Option<String>,
    /// Files and pictures.
    pub attachments: Vec<AttachmentMeta>,
    /// Verdict of the receiving server.
    pub auth_results: Option<AuthResults>,
    /// Delivery, reading and complaint reports, automatic answers.
    pub report: Option<Report>,
    /// What a provider of certified mail says; then text and HTML are those of the message in its envelope.
    #[serde(default)]
    pub certified: Option<Certified>,
    /// Who asks for a reading receipt.
    #[serde(default)]
    pub receipt_to: Vec<Address>,
    /// What could not be understood, in plain words.
    #[serde(default)]
    pub parse_problem: Option<String>,
}

/// A file in a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentMeta {
    /// Part number, for [`attachment`]; stable as long as the bytes are.
    pub index: u32,
    /// Safe to save under (no path, no control characters); made up where none was given.
    pub filename: String,
    /// "type/subtype" as the sender says.
    pub content_type: String,
    /// Bytes after decoding.
    pub size: u64,
    /// Shown inside the text.
    pub inline: bool,
    /// `Content-ID` without angle brackets, for `cid:` addresses in the HTML.
    pub content_id: Option<String>,
}

/// A file with its content.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// What it is.
    pub meta: AttachmentMeta,
    /// Decoded content.
    pub bytes: Vec<u8>,
    /// It ends only with the message. Where what was read is only a message's beginning, some of it may be missing.
    pub reaches_end: bool,
}

/// Words of a message for the search index, not yet tokenised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchText {
    /// As in the head.
    pub subject: String,
    /// Names and addresses of those who wrote it, and of where answers should go.
    pub from: String,
    /// Names and addresses of its recipients, those of copies too.
    pub to: String,
    /// Start of the text, at most [`MAX_SEARCH`] characters.
    pub body: String,
}

/// All that synchronising stores, from one parse.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// What lists show.
    pub head: Head,
    /// What search finds.
    pub search: SearchText,
    /// `Date` in Unix milliseconds; null as in the head.
    pub date_ms: Option<i64>,
    /// A machine's answer to a message: a bounce, a receipt, an absence.
    pub machine_answer: bool,
    /// What the machine reports.
    #[serde(default)]
    pub report: Option<Report>,
    /// What could not be understood, in plain words.
    pub parse_problem: Option<String>,
}

/// Reads what a list shows.
#[must_use]
pub fn head(raw: &[u8]) -> Head {
    summarize(raw).head
}

/// Reads head and search text in one parse; attachments are not decoded.
#[must_use]
pub fn summarize(raw: &[u8]) -> Summary {
    guarded(|| {
        let tree = mime::parse(raw);
        let layout = body::layout(&tree);
        let (body, _) = layout.text(&tree, false, MAX_SEARCH * 4);
        let (mut head, date_ms) = build_head(&tree, &layout, &body);
        let report = report::find(&tree, &head, &body);
        let body = first_chars(body, MAX_SEARCH);
        let search = SearchText {
            subject: head.subject.clone().unwrap_or_default(),
            from: people([&head.from, &head.reply_to]),
            to: people([&head.to, &head.cc, &head.bcc]),
            body,
        };
        head.truncated |= tree.problem.is_some();
        Summary {
            machine_answer: report.is_some() || root_is_report(&tree),
            report,
            head,
            search,
            date_ms,
            parse_problem: problem(&tree),
        }
    })
    .unwrap_or_else(|| Summary {
        head: last_resort(raw),
        parse_problem: Some(CRASHED.to_owned()),
        ..Summary::default()
    })
}

/// Reads a whole message.
#[must_use]
pub fn read(raw: &[u8]) -> Message {
    guarded(|| {
        let tree = mime::parse(raw);
        let layout = body::layout(&tree);
        let (plain, _) = layout.text(&tree, false, MAX_SEARCH * 4);
        let (mut head, _) = build_head(&tree, &layout, &plain);
        drop(plain);
        let (text, text_cut) = layout.text(&tree, true, MAX_BODY);
        let html = layout.html(&tree, MAX_BODY);
        head.truncated |= tree.problem.is_some() || text_cut || html.as_ref().is_some_and(|h| h.1);
        let html = html.map(|h| h.0);
        let text = (!text.is_empty()).then_some(text);
        let reply_text = match (&text, &html) {
            (Some(text), html) => Some(reply_text::new_part(text, html.as_deref())),
            (None, _) => None,
        };
        let attachments = layout
            .attachments
            .iter()
            .filter_map(|&n| tree.parts.get(n).map(|p| attachments::meta(p, n)))
            .collect();
        let auth_results = root(&tree)
            .and_then(|f| f.get("Authentication-Results"))
            .map(auth_results::parse);
        let report = report::find(&tree, &head, text.as_deref().unwrap_or_default());
        Message {
            head,
            text,
            html,
            reply_text,
            attachments,
            auth_results,
            report,
            certified: certified::find(&tree),
            receipt_to: receipt::asked_by(&tree),
            parse_problem: problem(&tree),
        }
    })
    .unwrap_or_else(|| Message {
        head: last_resort(raw),
        parse_problem: Some(CRASHED.to_owned()),
        ..Message::default()
    })
}

/// The attachment with this part number; none where there is no such part.
#[must_use]
pub fn attachment(raw: &[u8], index: u32) -> Option<Attachment> {
    guarded(|| {
        let tree = mime::parse(raw);
        let layout = body::layout(&tree);
        let number = usize::try_from(index).ok()?;
        if !layout.attachments.contains(&number) {
            return None;
        }
        let part = tree.parts.get(number)?;
        Some(Attachment {
            meta: attachments::meta(part, number),
            bytes: part.bytes(usize::MAX).into_owned(),
            reaches_end: reaches_end(raw, part.body),
        })
    })
    .flatten()
}

/// A report of a kind that is not known.
fn root_is_report(tree: &Tree<'_>) -> bool {
    tree.parts
        .first()
        .is_some_and(|root| root.is("multipart/report"))
}

/// Whether a part's body runs to the end of the message: no delimiter comes after it. (A line end before a
/// delimiter is not the body's, so as much is allowed for.)
fn reaches_end(raw: &[u8], body: &[u8]) -> bool {
    let end = (body.as_ptr() as usize).saturating_sub(raw.as_ptr() as usize) + body.len();
    end + 2 >= raw.len()
}

const CRASHED: &str = "the message could not be parsed; only its header was read";

/// mail-parser had panics on hostile fields; one mail must not stop a mailbox (R5).
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The head without mail-parser: ids and subject only.
fn last_resort(raw: &[u8]) -> Head {
    let (fields, _) = header::block(raw, |_| false);
    guarded(|| Head {
        internet_message_id: ids(&fields, "Message-ID", 1).pop(),
        subject: subject(&fields),
        truncated: true,
        ..Head::default()
    })
    .unwrap_or_default()
}

fn root<'t, 'a>(tree: &'t Tree<'a>) -> Option<&'t Fields<'a>> {
    tree.parts.first().map(|p| &p.fields)
}

fn problem(tree: &Tree<'_>) -> Option<String> {
    let first = tree.parts.first()?;
    if first.fields.list.is_empty() {
        let empty = first
            .body
            .iter()
            .all(|b| b.is_ascii_whitespace() || *b == 0);
        return Some(
            if empty {
                "the message is empty"
            } else {
                "the message has no header"
            }
            .to_owned(),
        );
    }
    tree.problem.map(str::to_owned)
}

fn build_head(tree: &Tree<'_>, layout: &Layout, text: &str) -> (Head, Option<i64>) {
    let Some(fields) = root(tree) else {
        return (Head::default(), None);
    };
    let mut truncated = false;
    let mut list = |name: &str| {
        let (list, cut) = address::list(fields.all(name));
        truncated |= cut;
        list
    };
    let (from, to, cc) = (list("From"), list("To"), list("Cc"));
    let (bcc, reply_to) = (list("Bcc"), list("Reply-To"));
    let from = if from.is_empty() {
        list("Sender")
    } else {
        from
    };
    let date_ms = fields.get("Date").and_then(date::parse);
    let head = Head {
        internet_message_id: ids(fields, "Message-ID", 1).pop(),
        in_reply_to: ids(fields, "In-Reply-To", 1).pop(),
        references: references(fields),
        subject: subject(fields),
        automatic: automatic(fields, &from),
        from,
        to,
        cc,
        bcc,
        reply_to,
        date: date_ms.and_then(rfc3339),
        preview: preview(text),
        has_attachments: layout.has_attachments(tree),
        truncated,
    };
    (head, date_ms)
}

fn subject(fields: &Fields<'_>) -> Option<String> {
    const MAX_BYTES: usize = 64 * 1024;
    fields
        .get("Subject")
        .map(|v| clean::line(&words::text(header::cap(v, MAX_BYTES)), MAX_SUBJECT))
}

fn ids(fields: &Fields<'_>, name: &str, max: usize) -> Vec<String> {
    fields
        .get(name)
        .map(|v| header::message_ids(v, max))
        .unwrap_or_default()
}

fn references(fields: &Fields<'_>) -> Vec<String> {
    const READ: usize = 5_000;
    let mut all = ids(fields, "References", READ);
    if all.len() > MAX_REFERENCES {
        // The first names the thread, the last ones its newest branch.
        let tail = all.split_off(all.len() - (MAX_REFERENCES - 1));
        all.truncate(1);
        all.extend(tail);
    }
    all
}

fn rfc3339(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms)
        .ok()
        .map(|t| t.to_string())
}

/// RFC 3834 section 2 and what list servers and answering machines write in practice.
fn automatic(fields: &Fields<'_>, from: &[Address]) -> bool {
    let is = |name: &str| fields.get(name).is_some();
    let word = |name: &str| {
        fields
            .text(name)
            .and_then(|v| v.split([';', ' ', '(']).next().map(str::to_ascii_lowercase))
            .unwrap_or_default()
    };
    let submitted = word("Auto-Submitted");
    if !submitted.is_empty() && submitted != "no" {
        return true;
    }
    if matches!(
        word("Precedence").as_str(),
        "bulk" | "list" | "junk" | "auto_reply" | "auto-reply"
    ) {
        return true;
    }
    const MARKS: [&str; 17] = [
        "X-Ricevuta",
        "List-Id",
        "List-Unsubscribe",
        "List-Post",
        "List-Help",
        "List-Subscribe",
        "List-Archive",
        "List-Owner",
        "X-Autoreply",
        "X-Auto-Reply",
        "X-Autorespond",
        "X-Auto-Response-Suppress",
        "X-Mailer-Daemon",
        "X-Failed-Recipients",
        "X-Loop",
        "Feedback-ID",
        "X-Auto-Submitted",
    ];
    if MARKS.iter().any(|name| is(name)) {
        return true;
    }
    if fields
        .text("Return-Path")
        .is_some_and(|v| v.split_whitespace().collect::<String>() == "<>")
    {
        return true;
    }
    if fields
        .text("Content-Type")
        .is_some_and(|v| v.to_ascii_lowercase().starts_with("multipart/report"))
    {
        return true;
    }
    from.iter().any(|a| {
        let local = a.address.split('@').next().unwrap_or_default();
        let local = local.to_ascii_lowercase().replace(['-', '_', '.'], "");
        matches!(
            local.as_str(),
            "mailerdaemon" | "noreply" | "donotreply" | "listserv" | "majordomo"
        )
    })
}

/// The start of `text` on one line: no control characters, nothing invisible, no quotes where
/// there is more than quotes.
fn preview(text: &str) -> String {
    const LOOK: usize = 16 * 1024;
    let start = text
        .get(..clean::floor_boundary(text, LOOK))
        .unwrap_or_default();
    let unquoted: String = start
        .lines()
        .filter(|l| !l.starts_with('>'))
        .flat_map(|l| [l, "\n"])
        .collect();
    let source = if unquoted.trim().is_empty() {
        start
    } else {
        &unquoted
    };
    let visible: String = source
        .chars()
        .filter(|c| !clean::is_invisible(*c))
        .collect();
    clean::line(&visible, MAX_PREVIEW)
}

fn people<const N: usize>(lists: [&Vec<Address>; N]) -> String {
    let mut out = String::new();
    for person in lists.into_iter().flatten().take(MAX_SEARCH_PEOPLE) {
        for word in [person.name.as_deref().unwrap_or_default(), &person.address] {
            if !word.is_empty() {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(word);
            }
        }
    }
    out
}

fn first_chars(mut text: String, max: usize) -> String {
    if text.len() > max
        && let Some((at, _)) = text.char_indices().nth(max)
    {
        text.truncate(at);
    }
    text
}
