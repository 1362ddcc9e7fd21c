//! What a mailbox may send: as it or its server profile says, and else as is known of its provider.

use connect::providers::Table;
use model::server_profile::ProfileLimits;
use store::submissions::Budget;

/// How many recipients one message may have at the provider whose host this is; `None`: the server knows best.
pub(super) fn recipients_per_message(table: &Table, smtp_host: &str) -> Option<u32> {
    table.by_mail_host(smtp_host)?.limits.recipients_per_message
}

/// The budget of a mailbox that sends through this host.
pub(super) fn of(limits: ProfileLimits, table: &Table, smtp_host: &str) -> Budget {
    let known = table
        .by_mail_host(smtp_host)
        .map(|provider| &provider.limits);
    Budget {
        messages_per_minute: limits
            .sends_per_minute
            .or_else(|| known?.smtp_messages_per_minute),
        recipients_per_day: limits
            .recipients_per_day
            .or_else(|| known?.recipients_per_day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_says_more_than_what_is_known_of_the_provider() {
        let table = Table::built_in();
        let of = |limits| super::of(limits, &table, "smtp.office365.com");
        let known = of(ProfileLimits::default());
        assert_eq!(known.messages_per_minute, Some(30));
        assert_eq!(known.recipients_per_day, Some(10_000));
        let own = ProfileLimits {
            sends_per_minute: Some(5),
            ..ProfileLimits::default()
        };
        assert_eq!(of(own).messages_per_minute, Some(5));
        assert_eq!(
            recipients_per_message(&table, "smtp.office365.com"),
            Some(500)
        );
        assert_eq!(recipients_per_message(&table, "smtp.example.com"), None);
        let elsewhere = super::of(ProfileLimits::default(), &table, "smtp.example.com");
        assert_eq!(elsewhere, Budget::default());
    }
}
