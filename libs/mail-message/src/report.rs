//! Reports that machines send back: bounces and delivery notices (RFC 3464), reading receipts
//! (RFC 8098), complaints (RFC 5965) and automatic answers (RFC 3834).

use crate::clean;
use crate::mime::{Part, Tree};
use crate::read::Head;
use crate::{charset, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Recipients kept of one report.
pub const MAX_RECIPIENTS: usize = 500;
/// Bytes read of a machine-readable part.
const MAX_PART: usize = 512 * 1024;
const MAX_DIAGNOSTIC: usize = 1_000;

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Not delivered to at least one recipient.
    Bounce,
    /// Not delivered yet; the server keeps trying.
    Delayed,
    /// Delivered or passed on.
    Delivered,
    /// A recipient called it unwanted.
    Complaint,
    /// Displayed to the recipient.
    Read,
    /// An answering machine.
    AutoReply,
}

/// A report with the recipients it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// What happened.
    pub kind: ReportKind,
    /// To whom; empty where the report does not say.
    pub recipients: Vec<ReportRecipient>,
}

/// The fate of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportRecipient {
    /// As the sender wrote it where the report says so.
    pub address: String,
    /// Enhanced status code (RFC 3463), like "5.1.1".
    pub status: Option<String>,
    /// Trying again is useless.
    pub permanent: bool,
    /// What the remote server said.
    pub diagnostic: Option<String>,
}

/// Recognises a report in a parsed message.
pub(crate) fn find(tree: &Tree<'_>, head: &Head, text: &str) -> Option<Report> {
    // Only parts of the message itself: a forwarded bounce is not a bounce.
    let part = |types: &[&str]| {
        tree.parts
            .iter()
            .find(|p| p.parent.unwrap_or(0) == 0 && types.contains(&p.content_type.value.as_str()))
    };
    if let Some(part) = part(&["message/delivery-status", "message/global-delivery-status"]) {
        return Some(delivery_status(part));
    }
    if let Some(part) = part(&[
        "message/disposition-notification",
        "message/global-disposition-notification",
    ]) {
        return disposition(part);
    }
    if let Some(part) = part(&["message/feedback-report"]) {
        return Some(complaint(part));
    }
    let root = tree.parts.first()?;
    if let Some(report) = old_bounce(root, head, text) {
        return Some(report);
    }
    is_auto_reply(root, head).then(|| Report {
        kind: ReportKind::AutoReply,
        recipients: Vec::new(),
    })
}

/// Whether a machine wrote it to say something about another message. Cheaper than [`find`], which reads the report.
pub(crate) fn is_machine_answer(tree: &Tree<'_>, head: &Head) -> bool {
    tree.parts.first().is_some_and(|root| {
        root.content_type.value == "multipart/report" || is_auto_reply(root, head)
    })
}

/// Groups of fields divided by blank lines.
fn groups(part: &Part<'_>) -> Vec<Vec<(String, String)>> {
    const MAX_GROUPS: usize = MAX_RECIPIENTS + 1;
    let text = charset::guess(&part.bytes(MAX_PART));
    let mut groups: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            if groups.last().is_some_and(|g| !g.is_empty()) {
                if groups.len() >= MAX_GROUPS {
                    break;
                }
                groups.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = groups.last_mut().and_then(|g| g.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let (Some((name, value)), Some(group)) = (line.split_once(':'), groups.last_mut())
        {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups.retain(|g| !g.is_empty());
    groups
}

fn field<'g>(group: &'g [(String, String)], name: &str) -> Option<&'g str> {
    group
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.as_str())
        .filter(|v| !v.is_empty())
}

/// "rfc822; a@b.c" to "a@b.c".
fn after_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, v)| v).trim()
}

fn address(value: &str) -> String {
    let text = after_type(value).trim_matches(['<', '>', ' ']);
    clean::line(text, 320)
}

fn delivery_status(part: &Part<'_>) -> Report {
    let groups = groups(part);
    let (mut failed, mut delayed, mut delivered) = (false, false, false);
    let mut recipients = Vec::new();
    for group in &groups {
        let original = field(group, "original-recipient")
            .map(address)
            .filter(|a| a.contains('@'));
        let Some(to) = original.or_else(|| field(group, "final-recipient").map(address)) else {
            continue;
        };
        let action = field(group, "action")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let status = field(group, "status").and_then(status_code);
        let class = status.as_deref().and_then(|s| s.chars().next());
        let fails = action.starts_with("fail") || (action.is_empty() && class == Some('5'));
        failed |= fails;
        delayed |= action.starts_with("delay") || (action.is_empty() && class == Some('4'));
        delivered |= ["deliver", "relay", "expand"]
            .iter()
            .any(|a| action.starts_with(a));
        recipients.push(ReportRecipient {
            address: to,
            permanent: fails && class != Some('4'),
            status,
            diagnostic: field(group, "diagnostic-code")
                .map(|d| clean::line(after_type(d), MAX_DIAGNOSTIC)),
        });
    }
    let kind = match (failed, delayed, delivered) {
        (true, _, _) => ReportKind::Bounce,
        (_, true, _) => ReportKind::Delayed,
        (_, _, true) => ReportKind::Delivered,
        _ => ReportKind::Bounce,
    };
    Report { kind, recipients }
}

/// The first "d.d.d" of a text.
fn status_code(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|w| w.trim_matches('.'))
        .find(|w| {
            let mut numbers = w.split('.');
            matches!(numbers.next(), Some("2" | "4" | "5"))
                && numbers.clone().count() == 2
                && numbers.all(|n| !n.is_empty() && n.len() <= 3)
        })
        .map(str::to_owned)
}

fn disposition(part: &Part<'_>) -> Option<Report> {
    let groups = groups(part);
    let group = groups.first()?;
    let what = field(group, "disposition")?.to_ascii_lowercase();
    let kind = if what.contains("displayed") {
        ReportKind::Read
    } else {
        // Deleted, processed, dispatched: it arrived, nobody is known to have read it.
        ReportKind::Delivered
    };
    let to = field(group, "original-recipient").or_else(|| field(group, "final-recipient"));
    Some(Report {
        kind,
        recipients: to.map(plain_recipient).into_iter().collect(),
    })
}

fn complaint(part: &Part<'_>) -> Report {
    let groups = groups(part);
    let recipients = groups
        .iter()
        .flatten()
        .filter(|(name, _)| matches!(name.as_str(), "original-rcpt-to" | "removal-recipient"))
        .map(|(_, value)| plain_recipient(value))
        .take(MAX_RECIPIENTS)
        .collect();
    Report {
        kind: ReportKind::Complaint,
        recipients,
    }
}

fn plain_recipient(value: &str) -> ReportRecipient {
    ReportRecipient {
        address: address(value),
        ..ReportRecipient::default()
    }
}

/// Bounces in prose (qmail, old Exchange, Exim): a mailer daemon that names addresses.
fn old_bounce(root: &Part<'_>, head: &Head, text: &str) -> Option<Report> {
    const LOOK: usize = 32 * 1024;
    let mut recipients: Vec<ReportRecipient> = root
        .fields
        .get("X-Failed-Recipients")
        .map(|v| String::from_utf8_lossy(header::cap(v, 16 * 1024)).into_owned())
        .unwrap_or_default()
        .split(',')
        .map(plain_recipient)
        .filter(|r| r.address.contains('@'))
        .take(MAX_RECIPIENTS)
        .collect();
    let from_daemon = head.from.iter().any(|a| {
        let local = a.key();
        local.starts_with("mailer-daemon") || local.starts_with("postmaster")
    });
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    const SUBJECTS: [&str; 10] = [
        "undeliver",
        "failure notice",
        "delivery status notification",
        "delivery failure",
        "delivery failed",
        "mail delivery",
        "returned mail",
        "returned to sender",
        "unzustellbar",
        "non remis",
    ];
    if recipients.is_empty() && !(from_daemon && SUBJECTS.iter().any(|s| subject.contains(s))) {
        return None;
    }
    let start = text
        .get(..clean::floor_boundary(text, LOOK))
        .unwrap_or_default();
    // What follows a copy of the message is not the server's word.
    let start = start
        .split("--- Below this line")
        .next()
        .unwrap_or_default();
    let status = status_code(start);
    let delayed = subject.contains("delay")
        || subject.contains("warning")
        || status.as_deref().is_some_and(|s| s.starts_with('4'));
    if recipients.is_empty() {
        recipients = named_in(start);
    }
    let diagnostic = start
        .lines()
        .map(str::trim)
        .find(|l| status_code(l).is_some() || l.starts_with("550") || l.starts_with("554"))
        .map(|l| clean::line(l, MAX_DIAGNOSTIC));
    for recipient in &mut recipients {
        recipient.status.clone_from(&status);
        recipient.permanent = !delayed;
        recipient.diagnostic.clone_from(&diagnostic);
    }
    Some(Report {
        kind: if delayed {
            ReportKind::Delayed
        } else {
            ReportKind::Bounce
        },
        recipients,
    })
}

/// Addresses that start a line: "<a@b.c>:" (qmail, Postfix) or alone (Exim, Exchange).
fn named_in(text: &str) -> Vec<ReportRecipient> {
    let mut found: Vec<ReportRecipient> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let word = line.split_whitespace().next().unwrap_or_default();
        let marked = word.starts_with('<');
        let word = word.trim_matches(['<', '>', ':', '\'', '"', ',']);
        let whole = marked || line.split_whitespace().count() == 1;
        let like_address = word
            .split_once('@')
            .is_some_and(|(l, d)| !l.is_empty() && d.contains('.') && !d.contains('@'));
        if whole && like_address && found.len() < 20 && found.iter().all(|r| r.address != word) {
            found.push(plain_recipient(word));
        }
    }
    found
}

fn is_auto_reply(root: &Part<'_>, head: &Head) -> bool {
    let submitted = root
        .fields
        .text("Auto-Submitted")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if submitted.starts_with("auto-replied") {
        return true;
    }
    if ["X-Autoreply", "X-Auto-Reply", "X-Autorespond"]
        .iter()
        .any(|n| root.fields.get(n).is_some())
    {
        return true;
    }
    if root
        .fields
        .text("Precedence")
        .is_some_and(|p| p.eq_ignore_ascii_case("auto_reply"))
    {
        return true;
    }
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    const STARTS: [&str; 9] = [
        "automatic reply:",
        "auto:",
        "autoreply:",
        "auto-reply:",
        "out of office:",
        "automatische antwort:",
        "réponse automatique",
        "respuesta automática",
        "risposta automatica",
    ];
    STARTS.iter().any(|s| subject.starts_with(s))
}
