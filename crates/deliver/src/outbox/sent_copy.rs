//! Which providers file a copy in Sent by themselves when a message goes out through their server.

use connect::providers::{SentCopyBehaviour, Table};
use store::submissions::SentCopyBy;

/// Who files the copy of what goes out through this host, as far as it is known. What the mailbox itself has shown counts more
/// (the store remembers it), and a provider that is believed and does not is found out: the copy stays owed until it is seen.
pub(super) fn by(table: &Table, smtp_host: &str) -> SentCopyBy {
    let files = table
        .all_by_mail_host(smtp_host)
        .any(|provider| provider.sent_copy.behaviour == SentCopyBehaviour::Server);
    if files {
        SentCopyBy::Provider
    } else {
        SentCopyBy::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_providers_are_believed_to_file_copies() {
        let table = Table::built_in();
        for host in [
            "SMTP.gmail.com.",
            "smtp.googlemail.com",
            "smtp.office365.com",
            "outlook.office365.com",
            "smtp-mail.outlook.com",
            "smtp.live.com",
        ] {
            assert_eq!(by(&table, host), SentCopyBy::Provider, "{host}");
        }
        for host in ["smtp.example.com", "smtp.zoho.com", "mail.gmx.net"] {
            assert_eq!(by(&table, host), SentCopyBy::Unknown, "{host}");
        }
    }
}
