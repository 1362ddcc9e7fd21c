//! Answering machines: automatic answers (RFC 3834), absences told apart, and challenges.

use super::answer_phrases;
use super::signals::Signals;
use super::{Confidence, Report, ReportKind, ReportRecipient, field};
use crate::mime::Tree;
use crate::read::Head;

/// Bytes of text that are looked at for an absence or a challenge: it says so at once.
const LOOK: usize = 4 * 1024;

/// An automatic answer, and whether it says that somebody is away.
pub(super) fn answer(tree: &Tree<'_>, head: &Head, text: &str) -> Option<Report> {
    let confidence = is_answer(tree, head)?;
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    let start = beginning(text);
    let away = answer_phrases::AWAY_SUBJECTS
        .iter()
        .any(|p| subject.contains(p))
        || answer_phrases::AWAY.iter().any(|p| start.contains(p));
    let kind = if away {
        ReportKind::OutOfOffice
    } else {
        ReportKind::AutoReply
    };
    Some(by(head, kind, confidence))
}

/// Whether it is one, without the text.
pub(super) fn is_answer(tree: &Tree<'_>, head: &Head) -> Option<Confidence> {
    let root = tree.parts.first()?;
    let submitted = field(root, "Auto-Submitted").trim().to_ascii_lowercase();
    if submitted.starts_with("auto-replied") {
        return Some(Confidence::Certain);
    }
    const FIELDS: [&str; 9] = [
        "X-Autoreply",
        "X-Auto-Reply",
        "X-Autorespond",
        "X-Autoresponder",
        "X-Autoreply-From",
        "X-Auto-Reply-From",
        "X-Mail-Autoreply",
        "X-Vacation",
        "X-FreeMail-Autoreply",
    ];
    if FIELDS.iter().any(|name| root.fields.get(name).is_some()) {
        return Some(Confidence::Certain);
    }
    let precedence = field(root, "Precedence").trim().to_ascii_lowercase();
    if matches!(precedence.as_str(), "auto_reply" | "auto-reply") {
        return Some(Confidence::Certain);
    }
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    let says = answer_phrases::ANSWER_STARTS
        .iter()
        .any(|s| subject.starts_with(s));
    if !says {
        // "Ann Example is out of the office": Notes, and a person's own subject. A machine must have written it.
        let null: String = field(root, "Return-Path").split_whitespace().collect();
        let machine = null == "<>" || (!submitted.is_empty() && !submitted.starts_with("no"));
        let away = answer_phrases::AWAY_SUBJECTS
            .iter()
            .any(|p| subject.contains(p));
        let listed = root.fields.get("List-Id").is_some();
        return (machine && away && !listed).then_some(Confidence::Likely);
    }
    // An answer to an automatic answer ("Re: ...") begins otherwise; a newsletter that plays with the words is from a list.
    let listed = ["List-Id", "List-Unsubscribe"];
    if listed.iter().any(|name| root.fields.get(name).is_some()) {
        return None;
    }
    let machine = head.automatic || head.in_reply_to.is_some();
    Some(if machine {
        Confidence::Likely
    } else {
        Confidence::Guess
    })
}

/// A machine that keeps the message back until its sender has proved to be a person.
pub(super) fn challenge(signals: &Signals, head: &Head, text: &str) -> Option<Report> {
    const FIELDS_SAY: [&str; 6] = [
        "boxtrapper",
        "please confirm your message",
        "verify#",
        "confirm your e-mail to",
        "sender verification",
        "sender authentication",
    ];
    if signals.listed {
        return None;
    }
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    let named = FIELDS_SAY.iter().any(|p| subject.contains(p));
    // It answers a message: who signs up somewhere is asked to confirm too, and has sent nothing.
    let machine = signals.null_sender || signals.automatic;
    if !(signals.answers || machine || named) {
        return None;
    }
    let start = beginning(text);
    let says = |phrases: &[&str]| phrases.iter().any(|p| start.contains(p));
    if !(says(answer_phrases::PROVE) && says(answer_phrases::HELD)) {
        return None;
    }
    let confidence = if machine || named {
        Confidence::Likely
    } else {
        Confidence::Guess
    };
    Some(by(head, ReportKind::Challenge, confidence))
}

/// Its author is the recipient whom it is about.
fn by(head: &Head, kind: ReportKind, confidence: Confidence) -> Report {
    let mut report = Report::new(kind, confidence);
    let author = head.from.first().filter(|from| from.address.contains('@'));
    report.recipients = author
        .map(|from| ReportRecipient::new(from.address.clone(), kind))
        .into_iter()
        .collect();
    // "Automatic reply: Offer": what is left of the subject is the other one's.
    let subject = head.subject.as_deref().unwrap_or_default();
    let bare = crate::subject::bare(subject, true).text;
    report.original_subject = (bare != subject.trim() && !bare.is_empty()).then(|| bare.to_owned());
    report
}

fn beginning(text: &str) -> String {
    let end = crate::clean::floor_boundary(text, LOOK);
    let start = text.get(..end).unwrap_or_default().to_lowercase();
    // Sentences run over lines.
    start.split_whitespace().collect::<Vec<_>>().join(" ")
}
