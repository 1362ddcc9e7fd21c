//! Which providers file a copy in Sent by themselves when a message goes out through their server.

use store::submissions::SentCopyBy;

/// Sending hosts that do, and whose word for it: Google ("Gmail automatically saves messages sent through SMTP"),
/// Microsoft (Exchange Online and Outlook.com; an administrator can switch it off for a mailbox).
const FILING_HOSTS: &[&str] = &[
    "smtp.gmail.com",
    "smtp.googlemail.com",
    "smtp.office365.com",
    "outlook.office365.com",
    "smtp-mail.outlook.com",
    "smtp.live.com",
];

/// Who files the copy of what goes out through this host. A provider that is believed and does not
/// is found out: the copy stays owed until it is seen.
pub(super) fn by(smtp_host: &str) -> SentCopyBy {
    let host = smtp_host.trim_end_matches('.');
    if FILING_HOSTS
        .iter()
        .any(|known| host.eq_ignore_ascii_case(known))
    {
        SentCopyBy::Provider
    } else {
        SentCopyBy::Us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_providers_are_believed_to_file_copies() {
        assert_eq!(by("SMTP.gmail.com."), SentCopyBy::Provider);
        assert_eq!(by("smtp.example.com"), SentCopyBy::Us);
    }
}
