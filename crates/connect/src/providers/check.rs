//! What an entry has to keep to, whoever wrote it.

use super::provider::{Provider, Status};
use super::table::Table;

/// Longest id.
const MAX_ID: usize = 40;

/// What is wrong with an entry: the field, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The field.
    pub(super) field: &'static str,
    /// Why, as a clause.
    pub(super) why: String,
}

/// Checks what serde cannot.
pub(super) fn check(provider: &Provider, table: &Table) -> Result<(), Wrong> {
    let wrong = |field, why: String| Err(Wrong { field, why });
    if !is_id(&provider.id) {
        return wrong(
            "id",
            format!(
                "{:?} is not made of small letters, digits and hyphens",
                provider.id
            ),
        );
    }
    if provider.name.trim().is_empty() {
        return wrong("name", "it is empty".to_owned());
    }
    for (field, names) in [
        ("domains", &provider.domains),
        ("mx_suffixes", &provider.mx_suffixes),
        ("other_hosts", &provider.other_hosts),
    ] {
        let bare = |name: &'_ String| match name.strip_prefix("*.") {
            Some(end) if field == "domains" => is_dns_name(end),
            _ => is_dns_name(name),
        };
        if let Some(name) = names.iter().find(|name| !bare(name)) {
            return wrong(
                field,
                format!("{name:?} is not a name as DNS knows it, such as example.com"),
            );
        }
    }
    for (field, servers) in [
        ("imap", provider.imap.as_slice()),
        ("imap_alternatives", &provider.imap_alternatives),
        ("pop3", provider.pop3.as_slice()),
        ("smtp", provider.smtp.as_slice()),
        ("smtp_alternatives", &provider.smtp_alternatives),
    ] {
        for server in servers {
            if !is_dns_name(&server.host) && server.host.parse::<std::net::IpAddr>().is_err() {
                return wrong(field, format!("{:?} is not a host name", server.host));
            }
            if server.port == 0 {
                return wrong(field, "port 0 is none".to_owned());
            }
        }
    }
    if let Some(name) = &provider.oauth
        && table.oauth(name).is_none()
    {
        let known: Vec<_> = table.oauth_names().collect();
        return wrong(
            "oauth",
            format!("{name:?} is not known; known are {}", known.join(", ")),
        );
    }
    if provider.imap.is_none()
        && matches!(provider.status, Status::NoImap | Status::Pop3Only)
        && provider.no_imap_reason.is_none()
    {
        return wrong(
            "no_imap_reason",
            "it is missing, and there is no IMAP".to_owned(),
        );
    }
    if !is_month(&provider.compiled) {
        return wrong(
            "compiled",
            format!("{:?} is not a month such as 2026-11", provider.compiled),
        );
    }
    for (field, urls) in [
        ("docs", provider.docs.as_slice()),
        (
            "app_password.help_url",
            provider.app_password.help_url.as_slice(),
        ),
        (
            "imap_enable.help_url",
            provider.imap_enable.help_url.as_slice(),
        ),
    ] {
        if let Some(url) = urls.iter().find(|url| !is_web_address(url)) {
            return wrong(field, format!("{url:?} is not a web address"));
        }
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(fits)
}

/// A name of two labels or more (RFC 1123), in small letters.
pub(super) fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address of digits is none.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

fn is_month(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else {
        return false;
    };
    year.len() == 4
        && year.bytes().all(|b| b.is_ascii_digit())
        && month.len() == 2
        && month.bytes().all(|b| b.is_ascii_digit())
        && matches!(month.parse(), Ok(1..=12))
}

/// Links are shown to people, who click on them: nothing but the web.
fn is_web_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_dns_knows_them() {
        for good in [
            "example.com",
            "xn--bcher-kva.example",
            "1and1.com",
            "a.b-c.de",
        ] {
            assert!(is_dns_name(good), "{good}");
        }
        for bad in [
            "",
            "example",
            "Example.com",
            "a..b",
            "-a.com",
            "bücher.example",
            "a b.com",
            "1.2.3.4",
            "a.com.",
        ] {
            assert!(!is_dns_name(bad), "{bad}");
        }
    }

    #[test]
    fn months_and_links_are_what_they_seem() {
        assert!(is_month("2026-11"));
        assert!(!is_month("2026-13") && !is_month("11-2026") && !is_month("+026-01"));
        assert!(is_web_address("https://example.com/a"));
        assert!(!is_web_address("javascript:alert(1)") && !is_web_address("https://a b"));
    }
}
