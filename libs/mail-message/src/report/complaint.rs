//! Complaints in the abuse reporting format (RFC 5965).

use super::fields;
use super::original;
use super::{Confidence, MAX_RECIPIENTS, Report, ReportKind, ReportRecipient};
use crate::mime::{Part, Tree};

/// Reads the part. Many providers hide who complained; then the message that came with the complaint says whom it was for,
/// and that stays with it ([`Report::original_to`]).
pub(super) fn read(part: &Part<'_>, tree: &Tree<'_>) -> Report {
    let groups = fields::groups(part);
    let mut report = Report::new(ReportKind::Complaint, Confidence::Certain);
    report.recipients = groups
        .iter()
        .flatten()
        .filter(|(name, _)| matches!(name.as_str(), "original-rcpt-to" | "removal-recipient"))
        .map(|(_, value)| fields::address(value))
        .filter(|address| address.contains('@'))
        .map(|address| ReportRecipient::new(address, ReportKind::Complaint))
        .take(MAX_RECIPIENTS)
        .collect();
    report.envelope_id = groups
        .iter()
        .find_map(|group| fields::field(group, "original-envelope-id"))
        .and_then(fields::envelope_id);
    report.about(original::in_parts(tree))
}
