//! Delivery status notifications (RFC 3464), as they are written in practice.

use super::fields::{self, field};
use super::{Confidence, MAX_RECIPIENTS, Report, ReportKind, ReportRecipient};
use crate::clean;
use crate::mime::Part;

/// Reads the parts of one notification; most have one.
pub(super) fn read(parts: &[&Part<'_>]) -> Report {
    let mut report = Report::new(ReportKind::Bounce, Confidence::Certain);
    for part in parts {
        for group in fields::groups(part) {
            let id = field(&group, "original-envelope-id");
            let id = id.and_then(fields::envelope_id);
            report.envelope_id = report.envelope_id.take().or(id);
            if report.recipients.len() < MAX_RECIPIENTS {
                report.recipients.extend(recipient(&group));
            }
        }
    }
    let any = |kind| report.recipients.iter().any(|r| r.kind == kind);
    let kinds = [
        ReportKind::Bounce,
        ReportKind::Delayed,
        ReportKind::Delivered,
    ];
    report.kind = kinds
        .into_iter()
        .find(|kind| any(*kind))
        .unwrap_or(ReportKind::Bounce);
    report
}

fn recipient(group: &fields::Group) -> Option<ReportRecipient> {
    let address = |name| field(group, name).map(fields::address);
    // Some servers write their own internal names (X.400, LOCAL) where the address should be.
    let names = [
        "original-recipient",
        "final-recipient",
        "x-actual-recipient",
    ];
    let to = names
        .iter()
        .filter_map(|name| address(name))
        .find(|a| a.contains('@'))
        .or_else(|| address("final-recipient"))?;
    let action = field(group, "action")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let diagnostic = field(group, "diagnostic-code").map(fields::after_type);
    let status = field(group, "status").and_then(fields::status_code);
    let class = status.as_deref().and_then(|s| s.chars().next());
    let begins = |words: &[&str]| words.iter().any(|word| action.starts_with(word));
    let kind = if begins(&["delay"]) {
        ReportKind::Delayed
    } else if begins(&["deliver", "relay", "expand"]) {
        ReportKind::Delivered
    } else if begins(&["fail"]) {
        ReportKind::Bounce
    } else {
        match class {
            Some('4') => ReportKind::Delayed,
            Some('2') => ReportKind::Delivered,
            _ => ReportKind::Bounce,
        }
    };
    Some(ReportRecipient {
        permanent: kind == ReportKind::Bounce && class != Some('4'),
        code: diagnostic.and_then(fields::reply_code),
        status: status.map(|status| sharper(status, diagnostic)),
        diagnostic: diagnostic.map(|d| clean::line(d, fields::MAX_DIAGNOSTIC)),
        ..ReportRecipient::new(to, kind)
    })
}

/// "5.0.0" says nothing; the remote server's own words often have the code that it stands for.
fn sharper(status: String, diagnostic: Option<&str>) -> String {
    let found = diagnostic.and_then(fields::status_code);
    match found {
        Some(found) if status.ends_with(".0.0") && found.get(..1) == status.get(..1) => found,
        _ => status,
    }
}
