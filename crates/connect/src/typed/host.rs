//! What people type where a host name is wanted: schemes, ports, paths, addresses. Pure.

use model::mailbox::Security;
use std::net::IpAddr;

/// Longest host name (RFC 1035 section 2.3.4).
const HOST_BYTES: usize = 253;
/// What surrounds a name that was copied out of a text.
const AROUND: &[char] = &[
    '"', '\'', '<', '>', '`', ',', ';', '\u{200b}', '\u{feff}', '\u{2060}',
];

/// What a scheme says about the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Imap,
    Pop3,
    Smtp,
}

/// What was found in a host field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) speaks: Option<Speaks>,
    /// What the scheme says; `ssl://` and `tls://` say only that there is encryption.
    pub(super) security: Option<Security>,
    pub(super) encrypted: bool,
    pub(super) username: Option<String>,
    /// As it was typed, in small letters: `pop3s`.
    pub(super) scheme: String,
}

/// Why a text is no host name, what to do, and the action for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoHost {
    pub(super) detail: String,
    pub(super) remedy: Option<String>,
    pub(super) action: Option<String>,
}

/// Reads a host field. `address` is the mail address: people type it here too.
pub(super) fn read(typed: &str, address: &str) -> Result<Host, NoHost> {
    let text = typed.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c));
    if text.is_empty() {
        return no("must not be empty");
    }
    let (mut found, rest, web) = match text.split_once("://") {
        None => (Host::default(), text, false),
        Some((scheme, rest)) => {
            let scheme = scheme.to_ascii_lowercase();
            let web = matches!(scheme.as_str(), "http" | "https");
            let found = Host {
                scheme: scheme.clone(),
                ..of_scheme(&scheme, web)?
            };
            (found, rest, web)
        }
    };
    let with_scheme = rest.len() != text.len();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !with_scheme && !matches!(path, "" | "/") {
        return Err(web_page());
    }
    let authority = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) if with_scheme && !web => {
            if user.contains(':') {
                return no(
                    "may not hold a user name and a password: they have fields of their own",
                );
            }
            found.username = Some(percent_decoded(user)).filter(|user| !user.is_empty());
            host
        }
        Some((local, domain)) => return Err(mail_address(text, local, domain, address)),
    };
    let (name, port) = name_and_port(authority.trim())?;
    if web && !port.is_some_and(|port| matches!(port, 110 | 143 | 465 | 587 | 993 | 995)) {
        return Err(web_page());
    }
    found.port = port;
    found.name = checked(name)?;
    Ok(found)
}

fn of_scheme(scheme: &str, web: bool) -> Result<Host, NoHost> {
    use Speaks::{Imap, Pop3, Smtp};
    let implicit = Some(Security::Tls);
    let (speaks, security, encrypted) = match scheme {
        _ if web => (None, None, false),
        "ssl" | "tls" => (None, None, true),
        "starttls" => (None, Some(Security::Starttls), true),
        "imap" => (Some(Imap), None, false),
        "imaps" | "imap+ssl" | "imap+tls" => (Some(Imap), implicit, true),
        "pop" | "pop3" => (Some(Pop3), None, false),
        "pops" | "pop3s" | "pop+ssl" | "pop3+ssl" => (Some(Pop3), implicit, true),
        "smtp" | "submission" | "smtp+starttls" => (Some(Smtp), None, false),
        "smtps" | "submissions" | "smtp+ssl" | "ssmtp" => (Some(Smtp), implicit, true),
        _ => {
            return no(
                "begins with `://`-words that lead to no mail server: type the host name alone",
            );
        }
    };
    Ok(Host {
        speaks,
        security,
        encrypted,
        ..Host::default()
    })
}

fn name_and_port(text: &str) -> Result<(&str, Option<u16>), NoHost> {
    if let Some(inner) = text.strip_prefix('[') {
        let Some((name, rest)) = inner.split_once(']') else {
            return no("has a bracket that is not closed");
        };
        if name.parse::<IpAddr>().is_err() {
            return no("has something in brackets that is not an IP address");
        }
        return match rest.strip_prefix(':') {
            _ if rest.is_empty() => Ok((name, None)),
            Some(port) => Ok((name, port_of(port)?)),
            None => no("has something behind the bracket that is not a port"),
        };
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, None));
    }
    // "imap.example.com 993", as tables on help pages have it.
    if let Some((name, port)) = text.rsplit_once(char::is_whitespace)
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
    {
        return Ok((name.trim_end_matches([' ', '\t', ':', ',']), port_of(port)?));
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => no("is not a host name or an IP address"),
        Some((name, port)) => Ok((name.trim_end(), port_of(port.trim())?)),
        None => Ok((text, None)),
    }
}

fn port_of(text: &str) -> Result<Option<u16>, NoHost> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(port)),
        _ => no("has something behind the colon that is not a port (1 to 65535)"),
    }
}

fn checked(name: &str) -> Result<String, NoHost> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.parse::<IpAddr>().is_ok() {
        return Ok(name.to_ascii_lowercase());
    }
    if name.contains(char::is_whitespace) {
        return no("has a blank in the middle: a host name has none");
    }
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.len() > HOST_BYTES
        || !name.chars().all(good)
        || name.split('.').any(str::is_empty)
        || name.starts_with('-')
    {
        return no("is not a host name or an IP address");
    }
    Ok(name.to_lowercase())
}

/// `user%40example.com`; what is no UTF-8 afterwards stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let hex = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let decoded = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = match (byte, decoded) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                &behind[2..]
            }
            _ => {
                bytes.push(byte);
                behind
            }
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// `imap@example.com`, as some guides write it, or the mail address itself.
fn mail_address(text: &str, local: &str, domain: &str, address: &str) -> NoHost {
    let detail = "is a host name such as imap.example.com, not a mail address".to_owned();
    let server = matches!(
        local.to_ascii_lowercase().as_str(),
        "imap" | "pop" | "pop3" | "smtp" | "mail" | "mx"
    );
    let here = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let other = |domain: &str| domain.contains('.') && !domain.eq_ignore_ascii_case(here);
    match checked(domain) {
        Ok(domain) if server && !text.eq_ignore_ascii_case(address) => {
            let host = format!("{}.{domain}", local.to_ascii_lowercase());
            NoHost {
                detail,
                remedy: Some(format!("If {host} was meant, use that: a dot, no @.")),
                action: Some(format!("use_host:{host}")),
            }
        }
        // `ann@mail.example.com`, as for ssh: the user name has a field of its own.
        Ok(domain) if other(&domain) => NoHost {
            detail,
            remedy: Some(format!("If {domain} is the server, type that alone; the user name has a field of its own.")),
            action: Some(format!("use_host:{domain}")),
        },
        _ => NoHost {
            detail,
            remedy: Some(
                "Type the server's name from the provider's help pages, or leave the servers out: Postroom looks for them."
                    .to_owned(),
            ),
            action: Some("detect".to_owned()),
        },
    }
}

fn web_page() -> NoHost {
    NoHost {
        detail: "is the address of a web page; a mail program needs the name of the mail server, such as imap.example.com"
            .to_owned(),
        remedy: Some(
            "Type the server's name from the provider's help pages, or leave the servers out: Postroom looks for them."
                .to_owned(),
        ),
        action: Some("detect".to_owned()),
    }
}

fn no<T>(detail: &str) -> Result<T, NoHost> {
    Err(NoHost {
        detail: detail.to_owned(),
        remedy: None,
        action: Some("edit_host".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(typed: &str) -> Host {
        read(typed, "ann@example.com").unwrap_or_else(|no| panic!("{typed}: {no:?}"))
    }

    #[test]
    fn what_surrounds_a_host_name_is_taken_off() {
        for typed in [
            "imap.example.com",
            "  imap.example.com ",
            "imap.example.com.",
            "IMAP.Example.COM",
            "\u{a0}imap.example.com\u{200b}",
            "\"imap.example.com\"",
            "<imap.example.com>,",
            "imap.example.com/",
            "imap.example.com:",
            "ssl://imap.example.com",
            "imaps://imap.example.com/",
            "imap://imap.example.com/INBOX",
        ] {
            assert_eq!(good(typed).name, "imap.example.com", "{typed}");
        }
    }

    #[test]
    fn ports_and_schemes_are_split_off() {
        use Security::{Starttls, Tls};
        let cases = [
            ("host.example:993", Some(993), None, None, false),
            ("host.example 993", Some(993), None, None, false),
            ("host.example: 993", Some(993), None, None, false),
            ("ssl://host.example:465", Some(465), None, None, true),
            ("tls://host.example:587", Some(587), None, None, true),
            ("STARTTLS://host.example", None, None, Some(Starttls), true),
            (
                "imaps://host.example:993/",
                Some(993),
                Some(Speaks::Imap),
                Some(Tls),
                true,
            ),
            (
                "pop3s://host.example",
                None,
                Some(Speaks::Pop3),
                Some(Tls),
                true,
            ),
            ("smtp://host.example", None, Some(Speaks::Smtp), None, false),
            (
                "smtps://host.example:465",
                Some(465),
                Some(Speaks::Smtp),
                Some(Tls),
                true,
            ),
            ("https://host.example:993", Some(993), None, None, false),
        ];
        for (typed, port, speaks, security, encrypted) in cases {
            let host = good(typed);
            let found = (host.port, host.speaks, host.security, host.encrypted);
            assert_eq!(found, (port, speaks, security, encrypted), "{typed}");
            assert_eq!(host.name, "host.example", "{typed}");
        }
    }

    #[test]
    fn ip_addresses_stay_whole() {
        for (typed, name, port) in [
            ("[::1]:993", "::1", Some(993)),
            ("[2001:DB8::1]", "2001:db8::1", None),
            ("::1", "::1", None),
            ("192.0.2.1:143", "192.0.2.1", Some(143)),
            ("192.0.2.1", "192.0.2.1", None),
            ("imaps://[::1]:993/", "::1", Some(993)),
        ] {
            let host = good(typed);
            assert_eq!((host.name.as_str(), host.port), (name, port), "{typed}");
        }
    }

    #[test]
    fn a_user_in_a_mail_url_is_the_user_name_and_a_password_there_is_refused_unseen() {
        let host = good("imap://ann%40example.com@mail.example.com/");
        assert_eq!(host.username.as_deref(), Some("ann@example.com"));
        let refused = read("imap://ann:hunter2@mail.example.com", "").unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_host_is_refused_with_what_helps() {
        for (typed, action) in [
            ("ann@example.com", "detect"),
            ("bob@example.com", "detect"),
            ("ann@mail.hoster.example", "use_host:mail.hoster.example"),
            ("ann@Hoster.example", "use_host:hoster.example"),
            ("ann@hoster", "detect"),
            ("imap@example.com", "use_host:imap.example.com"),
            ("SMTP@Example.com", "use_host:smtp.example.com"),
            ("https://mail.example.com/webmail", "detect"),
            ("http://imap.example.com", "detect"),
            ("mail.google.com/mail/u/0", "detect"),
            ("", "edit_host"),
            (" . ", "edit_host"),
            ("imap. example.com", "edit_host"),
            ("imap..example.com", "edit_host"),
            ("host:port", "edit_host"),
            ("host:99999", "edit_host"),
            ("host:0", "edit_host"),
            ("host:+993", "edit_host"),
            ("[::1", "edit_host"),
            ("[host]:993", "edit_host"),
            ("1::2::3", "edit_host"),
            ("ftp://host.example", "edit_host"),
            ("a\u{0}b", "edit_host"),
            ("host;rm", "edit_host"),
        ] {
            let refused = read(typed, "ann@example.com").unwrap_err();
            assert_eq!(
                refused.action.as_deref(),
                Some(action),
                "{typed}: {refused:?}"
            );
        }
        assert!(read(&"a".repeat(300), "").is_err());
    }
}
