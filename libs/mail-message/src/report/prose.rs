//! Bounces in words: what mail systems tell people, where there is no part for machines or where that part says too little.
//!
//! A line that begins with an address begins what is said of that recipient (qmail, Exim, Postfix, Sendmail and most others);
//! otherwise the addresses in the sentences count. What stands behind a copy of the message is not the server's word.

use super::fields::{self, MAX_DIAGNOSTIC};
use super::original::{self, Original};
use super::signals::Signals;
use super::{Confidence, MAX_PROSE, MAX_RECIPIENTS, Report, ReportKind, ReportRecipient};
use super::{field, phrases};
use crate::clean;
use crate::mime::Tree;
use crate::read::Head;
use std::collections::HashSet;

/// Recipients taken from words.
const MAX_NAMED: usize = 50;
/// Lines that may belong to one recipient.
const MAX_BLOCK: usize = 12;
/// Lines of a server's words that are joined.
const MAX_JOINED: usize = 4;

/// As much of a text as is looked at.
pub(super) fn start(text: &str) -> &str {
    text.get(..clean::floor_boundary(text, MAX_PROSE))
        .unwrap_or_default()
}

/// A bounce, a delay or a delivery that only the words tell.
pub(super) fn bounce(
    tree: &Tree<'_>,
    signals: &Signals,
    head: &Head,
    text: &str,
) -> Option<Report> {
    if signals.listed && !signals.null_sender {
        return None;
    }
    let machine = signals.daemon
        || signals.administrator
        || signals.null_sender
        || signals.bounce_field
        || signals.delivery_report;
    if !machine {
        return None;
    }
    let returned = original::in_parts(tree);
    let (end, in_text) = original::in_text(text);
    let words = text.get(..end).unwrap_or_default();
    let lower = words.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let failure = says(phrases::FAILURES);
    let came_back = returned.message_id.is_some() || in_text.message_id.is_some();
    let original = either(returned, in_text);
    let mut recipients = failed_field(tree);
    let named = named_in(words, head, &original);
    let coded = named.iter().any(|r| r.status.is_some() || r.code.is_some());
    let delays = signals.delay_subject || says(phrases::DELAYS);
    let succeeds = says(phrases::SUCCESSES) || signals.success_subject;
    let tells = signals.failure_subject || signals.delay_subject;
    // A name that people use too, or none at all, needs more than one sign.
    let signs = [
        tells,
        failure || delays,
        coded,
        came_back,
        signals.null_sender,
        signals.automatic,
    ];
    let signs = signs.iter().filter(|sign| **sign).count();
    let sure = signals.daemon || signals.bounce_field || signals.delivery_report;
    let (wanted, about_delivery) = if sure {
        (
            1,
            tells || failure || delays || coded || succeeds || signals.bounce_field,
        )
    } else {
        (
            3,
            (tells && (failure || coded || delays)) || (failure && came_back),
        )
    };
    let signs = signs + usize::from(signals.bounce_field || (sure && succeeds));
    if !about_delivery || signs < wanted {
        return None;
    }
    let waits = signals.delay_subject
        || (delays && !signals.failure_subject && !says(phrases::FINAL) && !signals.bounce_field);
    let kind = if waits {
        ReportKind::Delayed
    } else if succeeds && !failure && !tells && !coded && !signals.bounce_field {
        ReportKind::Delivered
    } else {
        ReportKind::Bounce
    };
    // Exim's own list is complete.
    let listed = !recipients.is_empty();
    for found in named {
        match recipients
            .iter_mut()
            .find(|r| r.address.eq_ignore_ascii_case(&found.address))
        {
            Some(recipient) => *recipient = found,
            None if !listed => recipients.push(found),
            None => {}
        }
    }
    for recipient in &mut recipients {
        recipient.kind = kind;
        recipient.permanent = kind == ReportKind::Bounce && !is_temporary(recipient);
    }
    let named = !recipients.is_empty();
    let field_only = signals.bounce_field && named && (signals.daemon || signals.null_sender);
    let confidence = match () {
        () if field_only => Confidence::Certain,
        () if named && (sure || signals.null_sender) && (failure || coded || waits || succeeds) => {
            Confidence::Likely
        }
        () => Confidence::Guess,
    };
    let mut report = Report::new(kind, confidence).about(original);
    report.recipients = recipients;
    Some(report)
}

/// Adds what the words say to a report that names nobody, and the original that only the text shows.
pub(super) fn complete(report: Report, head: &Head, text: &str) -> Report {
    let incomplete = report.recipients.is_empty() || report.original_message_id.is_none();
    if !incomplete {
        return report;
    }
    let (end, in_text) = original::in_text(text);
    let mut report = report.about(in_text);
    if report.recipients.is_empty() {
        let words = text.get(..end).unwrap_or_default();
        let original = Original {
            to: report.original_to.clone(),
            ..Original::default()
        };
        report.recipients = named_in(words, head, &original);
        let kind = report.kind;
        for recipient in &mut report.recipients {
            recipient.kind = kind;
            recipient.permanent = kind == ReportKind::Bounce && !is_temporary(recipient);
        }
    }
    report
}

fn either(first: Original, second: Original) -> Original {
    if first.message_id.is_some() {
        return first;
    }
    Original {
        message_id: second.message_id,
        subject: first.subject.or(second.subject),
        from: if first.from.is_empty() {
            second.from
        } else {
            first.from
        },
        to: if first.to.is_empty() {
            second.to
        } else {
            first.to
        },
    }
}

fn is_temporary(recipient: &ReportRecipient) -> bool {
    match (&recipient.status, recipient.code) {
        (Some(status), _) => status.starts_with('4'),
        (None, Some(code)) => code < 500,
        _ => false,
    }
}

/// Exim's own field: a list of addresses.
fn failed_field(tree: &Tree<'_>) -> Vec<ReportRecipient> {
    let Some(root) = tree.parts.first() else {
        return Vec::new();
    };
    field(root, "X-Failed-Recipients")
        .split(',')
        .map(fields::address)
        .filter(|address| address.contains('@'))
        .map(|address| ReportRecipient::new(address, ReportKind::Bounce))
        .take(MAX_RECIPIENTS)
        .collect()
}

/// An address in a text: where its line is, and whether the line is about it.
struct Named {
    address: String,
    line: usize,
    leads: bool,
}

/// The recipients that the words name, each with what is said of it.
fn named_in(words: &str, head: &Head, original: &Original) -> Vec<ReportRecipient> {
    const ROLES: [&str; 9] = [
        "postmaster",
        "mailer-daemon",
        "abuse",
        "support",
        "helpdesk",
        "noreply",
        "no-reply",
        "hostmaster",
        "admin",
    ];
    const MAX_LINES: usize = 800;
    let lines: Vec<&str> = words.lines().take(MAX_LINES).collect();
    let known: HashSet<String> = original.to.iter().map(|a| a.to_lowercase()).collect();
    let not: HashSet<String> = head
        .to
        .iter()
        .chain(&head.from)
        .map(crate::Address::key)
        .chain(original.from.iter().map(|a| a.to_lowercase()))
        .collect();
    let mut seen: HashSet<String> = HashSet::new();
    let mut all: Vec<Named> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        for (address, leads) in addresses(line) {
            let key = address.to_lowercase();
            let role = key.split('@').next().is_some_and(|l| ROLES.contains(&l));
            if (role || not.contains(&key)) && !known.contains(&key) {
                continue;
            }
            match all
                .iter_mut()
                .find(|n| n.address.eq_ignore_ascii_case(&address))
            {
                Some(first) if leads && !first.leads => {
                    (first.leads, first.line) = (true, number);
                }
                Some(_) => {}
                None if seen.len() < MAX_NAMED => {
                    seen.insert(key);
                    all.push(Named {
                        address,
                        line: number,
                        leads,
                    });
                }
                None => {}
            }
        }
    }
    let known_too = |n: &Named| known.contains(&n.address.to_lowercase());
    if all.iter().any(|n| n.leads) {
        all.retain(|n| n.leads);
    } else if all.iter().any(known_too) {
        all.retain(known_too);
    }
    all.sort_by_key(|n| n.line);
    let general = words_of_server(&lines, 0, lines.len());
    if all.is_empty() {
        // It says of whom it speaks by the message alone.
        let alone = match original.to.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        return alone
            .map(|address| with_words(address, general))
            .into_iter()
            .collect();
    }
    let starts: Vec<usize> = all.iter().map(|n| n.line).collect();
    let mut found = Vec::with_capacity(all.len());
    for (n, named) in all.into_iter().enumerate() {
        let next = starts.iter().skip(n + 1).find(|s| **s > named.line);
        let end = next
            .copied()
            .unwrap_or(lines.len())
            .min(named.line + MAX_BLOCK);
        let own = words_of_server(&lines, named.line, end)
            .or_else(|| general.clone())
            .or_else(|| said_below(&lines, named.line, end));
        found.push(with_words(named.address, own));
    }
    found
}

fn with_words(address: String, words: Option<String>) -> ReportRecipient {
    let mut recipient = ReportRecipient::new(address, ReportKind::Bounce);
    if let Some(words) = words {
        recipient.status = fields::status_code(&words);
        recipient.code = fields::reply_code(&words);
        recipient.diagnostic = Some(words);
    }
    recipient
}

/// The first lines from `from` to `to` with a code of a mail server.
fn words_of_server(lines: &[&str], from: usize, to: usize) -> Option<String> {
    let range = lines.get(from..to)?;
    let has_code = |l: &&str| fields::status_code(l).is_some() || fields::reply_code(l).is_some();
    let at = range.iter().position(|line| has_code(&line.trim()))?;
    let block: Vec<&str> = range
        .iter()
        .skip(at)
        .map(|l| l.trim())
        .take_while(|l| !l.is_empty())
        .take(MAX_JOINED)
        .collect();
    Some(clean::line(&block.join(" "), MAX_DIAGNOSTIC))
}

/// The words right below or beside an address, where nobody gives a code.
fn said_below(lines: &[&str], from: usize, to: usize) -> Option<String> {
    let beside = lines
        .get(from)?
        .split_once(['>', ':'])
        .map(|(_, rest)| rest);
    let beside = beside.map(|rest| rest.trim_matches(|c: char| !c.is_alphanumeric()));
    if let Some(beside) = beside.filter(|b| b.split_whitespace().count() > 1 && !b.contains('@')) {
        return Some(clean::line(beside, MAX_DIAGNOSTIC));
    }
    let below = lines.get(from + 1..to)?;
    let block: Vec<&str> = below
        .iter()
        .map(|l| l.trim())
        .skip_while(|l| l.is_empty())
        .take_while(|l| !l.is_empty())
        .take(MAX_JOINED)
        .collect();
    let text = clean::line(&block.join(" "), MAX_DIAGNOSTIC);
    (!text.is_empty()).then_some(text)
}

/// The addresses of a line, and whether the line is about each: it begins with it, or with a short label before it.
fn addresses(line: &str) -> Vec<(String, bool)> {
    const MAX_LINE: usize = 2_000;
    const MAX_IN_LINE: usize = 20;
    const LABEL: usize = 32;
    let mut found = Vec::new();
    if line.len() > MAX_LINE || !line.contains('@') {
        return found;
    }
    let between = |c: char| {
        c.is_whitespace() || "<>()[]{}\"'`,;|*\u{2018}\u{2019}\u{201c}\u{201d}".contains(c)
    };
    for word in line.split(between) {
        let at = word.as_ptr() as usize - line.as_ptr() as usize;
        let bare = word.trim_matches(|c: char| matches!(c, ':' | '.' | '!' | '?' | '-' | '='));
        let bare = bare.rsplit([':', '\u{ff1a}']).next().unwrap_or_default();
        if !is_address(bare) {
            continue;
        }
        let before = line.get(..at).unwrap_or_default();
        let before = before.trim_start_matches(|c: char| !c.is_alphanumeric());
        let label = before.trim_end_matches(|c: char| c.is_whitespace() || between(c));
        let labelled =
            label.ends_with(':') && label.chars().count() <= LABEL && !is_transcript(label);
        let first = before.is_empty() && !line.trim_start().starts_with(">>>");
        // "smtp:bob@b.example", "RFC822;bob@b.example": the type stands in front of the address.
        let typed =
            label.is_empty() || matches!(label.to_ascii_lowercase().as_str(), "smtp" | "rfc822");
        found.push((
            clean::line(bare, 320),
            first || labelled || (typed && before.len() <= LABEL),
        ));
        if found.len() >= MAX_IN_LINE {
            break;
        }
    }
    found
}

/// Lines of a conversation with a server name the sender too.
fn is_transcript(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    ["mail from", "from:", "from", "sender", "reply-to", "cc"]
        .iter()
        .any(|word| {
            lower
                .trim_end_matches(':')
                .ends_with(word.trim_end_matches(':'))
        })
}

fn is_address(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else {
        return false;
    };
    let host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
    !local.is_empty()
        && local.len() <= 64
        && !local.contains(['@', '/', '\\', '%', '&'])
        && domain.len() <= 255
        && domain.contains('.')
        && domain.chars().all(host)
        && !domain.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_the_address_that_it_begins_with() {
        for (line, want) in [
            ("<bob@b.example>:", Some(("bob@b.example", true))),
            ("  bob@b.example", Some(("bob@b.example", true))),
            ("* bob@b.example - unknown", Some(("bob@b.example", true))),
            ("Recipient: <bob@b.example>", Some(("bob@b.example", true))),
            ("An: bob@b.example", Some(("bob@b.example", true))),
            ("RCPT TO:<bob@b.example>", Some(("bob@b.example", true))),
            ("MAIL FROM:<ann@a.example>", Some(("ann@a.example", false))),
            (
                "Your mail to bob@b.example failed.",
                Some(("bob@b.example", false)),
            ),
            ("see https://x.example/a@b", None),
            ("nobody @ home", None),
        ] {
            let found = addresses(line);
            let got = found.first().map(|(a, l)| (a.as_str(), *l));
            assert_eq!(got, want, "{line}");
        }
    }
}
