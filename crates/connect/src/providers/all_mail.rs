//! Whether a provider's folder of all mail is stored.

/// Whether the provider with this receiving server wants its folder of all mail stored, as its entry says (`store_all`). That
/// takes labels (X-GM-EXT-1): elsewhere such a folder shows every message a second time.
pub fn stores_all_mail(host: &str) -> bool {
    let table = crate::recognise::table();
    let known = table.by_mail_host(host);
    known.is_some_and(|provider| provider.folders.store_all)
}

#[cfg(test)]
mod tests {
    use super::stores_all_mail;

    #[test]
    fn all_mail_of_gmail_is_stored_and_nobody_elses() {
        assert!(stores_all_mail("imap.gmail.com"));
        assert!(!stores_all_mail("outlook.office365.com"));
        assert!(!stores_all_mail("mail.example.com"));
    }
}
