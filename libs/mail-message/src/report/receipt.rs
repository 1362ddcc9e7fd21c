//! Reading receipts: message disposition notifications (RFC 8098), and those that old programs write in words.

use super::answer_phrases;
use super::fields::{self, field};
use super::signals::Signals;
use super::{Confidence, Disposition, Report, ReportKind, ReportRecipient};
use crate::header;
use crate::mime::Part;
use crate::read::Head;

/// Reads the part; none where it does not say what happened.
pub(super) fn read(part: &Part<'_>) -> Option<Report> {
    let groups = fields::groups(part);
    let get = |name| groups.iter().find_map(|group| field(group, name));
    // "manual-action/MDN-sent-manually; displayed/error": the type stands after the mode.
    let what = get("disposition")?.to_ascii_lowercase();
    let what = what.rsplit(';').next().unwrap_or_default().trim();
    let disposition = match what.split('/').next().unwrap_or_default().trim() {
        "displayed" => Disposition::Displayed,
        "deleted" => Disposition::Deleted,
        "denied" => Disposition::Denied,
        "failed" => Disposition::Failed,
        _ => Disposition::Processed,
    };
    let kind = kind(disposition);
    let mut report = Report::new(kind, Confidence::Certain);
    report.disposition = Some(disposition);
    let to = get("original-recipient").or_else(|| get("final-recipient"));
    let to = to.map(fields::address).filter(|to| !to.is_empty());
    report.recipients = to
        .map(|to| ReportRecipient::new(to, kind))
        .into_iter()
        .collect();
    report.original_message_id =
        get("original-message-id").and_then(|id| header::message_ids(id.as_bytes(), 1).pop());
    Some(report)
}

/// Deleted, denied, processed: it arrived, and nobody is known to have read it.
fn kind(disposition: Disposition) -> ReportKind {
    match disposition {
        Disposition::Displayed => ReportKind::Read,
        _ => ReportKind::Delivered,
    }
}

/// "Your message ... was read on ...": old Exchange and Notes, without a part for machines.
pub(super) fn in_words(signals: &Signals, head: &Head, text: &str) -> Option<Report> {
    if signals.listed {
        return None;
    }
    let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
    let (word, _) = subject.split_once(':')?;
    let word = word.trim();
    let known = [
        answer_phrases::UNREAD_SUBJECTS,
        answer_phrases::READ_SUBJECTS,
    ];
    if !known.iter().any(|words| words.contains(&word)) {
        return None;
    }
    let lower = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|p| lower.contains(p));
    if !says(answer_phrases::YOUR_MESSAGE) {
        return None;
    }
    let disposition = if answer_phrases::UNREAD_SUBJECTS.contains(&word)
        && says(answer_phrases::DELETED_UNREAD)
    {
        Disposition::Deleted
    } else if answer_phrases::READ_SUBJECTS.contains(&word) && says(answer_phrases::WAS_READ) {
        Disposition::Displayed
    } else {
        return None;
    };
    let kind = kind(disposition);
    let mut report = Report::new(kind, Confidence::Likely);
    report.disposition = Some(disposition);
    report.recipients = head
        .from
        .first()
        .map(|from| ReportRecipient::new(from.address.clone(), kind))
        .into_iter()
        .collect();
    Some(report)
}
