//! One side: its fields read, filled in, and made to agree with each other. Pure.

use super::host::{self, Host, Speaks};
use super::{Refused, Rules, Settled, Side, addresses, begins, port};
use model::mailbox::{Auth, Incoming, LoginChoice, Outgoing, Protocol, Security};

/// Longest user name, in characters.
const USERNAME: usize = 500;

/// What both sides have, as it was before.
struct Old<'a> {
    host: &'a str,
    port: u16,
    security: Security,
    username: &'a str,
    auth: Auth,
    pin: Option<&'a str>,
}

/// What both sides have, now.
struct Road {
    host: String,
    port: u16,
    security: Security,
    username: String,
    auth: Auth,
    pin: Option<String>,
    login: LoginChoice,
}

/// The receiving side.
pub(super) fn incoming(
    side: Side,
    before: Option<&Incoming>,
    address: &str,
    rules: &Rules,
    settled: &mut Settled,
) -> Incoming {
    let pointer = "/incoming";
    let found = read_host(
        &side,
        pointer,
        address,
        before.map(|old| old.host.as_str()),
        settled,
    );
    let protocol = protocol(&side, &found, before, settled);
    let speaks = speaks_of(protocol);
    let old = before.map(|old| Old {
        host: &old.host,
        port: old.port,
        security: old.security,
        username: &old.username,
        auth: old.auth,
        pin: old.certificate_sha256.as_deref(),
    });
    let same_protocol = before.is_some_and(|old| old.protocol == protocol);
    let road = road(
        side,
        found,
        speaks,
        (old, same_protocol),
        address,
        rules,
        settled,
    );
    if road.auth == Auth::None {
        let detail = "must be `password` or `oauth2`: no mailbox is read without a sign-in";
        settled.refuse(format!("{pointer}/auth"), detail);
    }
    settled.login.incoming = road.login;
    Incoming {
        protocol,
        host: road.host,
        port: road.port,
        security: road.security,
        username: road.username,
        auth: road.auth,
        certificate_sha256: road.pin,
    }
}

/// The sending side.
pub(super) fn outgoing(
    side: Side,
    before: Option<&Outgoing>,
    address: &str,
    rules: &Rules,
    settled: &mut Settled,
) -> Outgoing {
    let found = read_host(
        &side,
        "/outgoing",
        address,
        before.map(|old| old.host.as_str()),
        settled,
    );
    let old = before.map(|old| Old {
        host: &old.host,
        port: old.port,
        security: old.security,
        username: &old.username,
        auth: old.auth,
        pin: old.certificate_sha256.as_deref(),
    });
    let road = road(
        side,
        found,
        Speaks::Smtp,
        (old, true),
        address,
        rules,
        settled,
    );
    settled.login.outgoing = road.login;
    Outgoing {
        host: road.host,
        port: road.port,
        security: road.security,
        username: road.username,
        auth: road.auth,
        certificate_sha256: road.pin,
    }
}

/// The host field, or the host as it was.
fn read_host(
    side: &Side,
    pointer: &str,
    address: &str,
    before: Option<&str>,
    settled: &mut Settled,
) -> Host {
    let pointer = format!("{pointer}/host");
    let Some(typed) = &side.host else {
        if before.is_none() {
            settled.refuse(pointer, "must be given");
        }
        return Host {
            name: before.unwrap_or_default().to_owned(),
            ..Host::default()
        };
    };
    match host::read(typed, address) {
        Ok(host) => {
            if host.name != *typed {
                let because = "this field holds the host name alone";
                settled.note(pointer, Some(shortened(typed)), &host.name, because);
            }
            host
        }
        Err(no) => {
            settled.refused.push(Refused {
                pointer,
                detail: no.detail,
                remedy: no.remedy,
                action: no.action,
            });
            Host::default()
        }
    }
}

/// IMAP or POP3: as it was said, as the host's scheme has it, as it was; a host called `pop` on a port of POP3 speaks that.
fn protocol(
    side: &Side,
    found: &Host,
    before: Option<&Incoming>,
    settled: &mut Settled,
) -> Protocol {
    let scheme = match found.speaks {
        Some(Speaks::Imap) => Some(Protocol::Imap),
        Some(Speaks::Pop3) => Some(Protocol::Pop3),
        Some(Speaks::Smtp) | None => None,
    };
    let named = begins(&found.name, &["pop"]);
    match (side.protocol, scheme) {
        (Some(protocol), Some(scheme)) if protocol != scheme => {
            settled.refused.push(Refused {
                pointer: "/incoming/protocol".to_owned(),
                detail: format!(
                    "asks for `{protocol}`, but the host was typed with {}://",
                    found.scheme
                ),
                remedy: Some(format!(
                    "Choose {}, or type the host name alone.",
                    port::name(speaks_of(scheme))
                )),
                action: Some(format!("choose_protocol:{scheme}")),
            });
            protocol
        }
        (Some(protocol), _) => protocol,
        (None, Some(scheme)) => {
            if scheme == Protocol::Pop3 {
                settled.note(
                    "/incoming/protocol".to_owned(),
                    None,
                    scheme.as_str(),
                    format!("the host was typed with {}://", found.scheme),
                );
            }
            scheme
        }
        (None, None) => match before {
            Some(old) => old.protocol,
            None if named
                && side
                    .port
                    .or(found.port)
                    .is_none_or(|port| port::owner(port) == Some(Speaks::Pop3)) =>
            {
                let because = "the host is called so";
                settled.note(
                    "/incoming/protocol".to_owned(),
                    None,
                    Protocol::Pop3.as_str(),
                    because,
                );
                Protocol::Pop3
            }
            None => Protocol::Imap,
        },
    }
}

const fn speaks_of(protocol: Protocol) -> Speaks {
    match protocol {
        Protocol::Imap => Speaks::Imap,
        Protocol::Pop3 => Speaks::Pop3,
    }
}

/// What both sides have. The `bool` says whether port and security of before are still of use.
fn road(
    side: Side,
    found: Host,
    speaks: Speaks,
    (old, same_protocol): (Option<Old<'_>>, bool),
    address: &str,
    rules: &Rules,
    settled: &mut Settled,
) -> Road {
    let pointer = if speaks == Speaks::Smtp {
        "/outgoing"
    } else {
        "/incoming"
    };
    refuse_other_scheme(&found, speaks, pointer, settled);
    let auth = side
        .auth
        .or(old.as_ref().map(|old| old.auth))
        .unwrap_or(Auth::Password);
    let kept = old
        .as_ref()
        .filter(|_| same_protocol)
        .map(|old| (old.port, old.security));
    let typed_port = port_of_both(&side, &found, pointer, settled);
    let typed_security = security_of_both(&side, &found, pointer, settled);
    let known = match (typed_port, typed_security, kept) {
        (None, None, None) => rules.road_of(&found.name, speaks),
        _ => None,
    };
    let (port, security) = filled_in(speaks, (typed_port, typed_security), kept.or(known));
    let security = if found.encrypted && security == Security::None {
        Security::Tls
    } else {
        security
    };

    let mut refused = false;
    if let Some((provider, right)) = rules.other_server(&found.name, speaks) {
        let (for_this, for_that) = match speaks {
            Speaks::Smtp => ("sending", "receiving"),
            Speaks::Imap | Speaks::Pop3 => ("receiving", "sending"),
        };
        // Where both sides are so, that was said once.
        if !settled.refused.iter().any(is_swap) {
            settled.refused.push(Refused {
                pointer: format!("{pointer}/host"),
                detail: format!("is the server of {provider} for {for_that}, not for {for_this}"),
                remedy: Some(format!("Use {}, port {}.", right.host, right.port)),
                action: Some(format!("use_host:{}", right.host)),
            });
        }
    }
    if let Err(not) = port::judge(speaks, port, rules.lists(&found.name, port)) {
        refused = true;
        settled.refused.push(of_port(pointer, not));
    } else if speaks == Speaks::Smtp
        && typed_port == Some(25)
        && typed_security.is_none()
        && auth != Auth::None
        && kept.is_none_or(|(before, _)| before != 25)
    {
        refused = true;
        settled
            .refused
            .push(of_port(pointer, port::between_servers()));
    } else if !found.name.is_empty() && !rules.may_connect(&found.name, port) {
        refused = true;
        settled.refused.push(not_permitted(pointer, port, rules));
    }
    let word = side.words.security.clone();
    let security = match port::agree(speaks, port, security) {
        Some((agreed, because)) if !refused => {
            let pointer = format!("{pointer}/security");
            let was = word.unwrap_or_else(|| security.to_string());
            settled.note(pointer, Some(was), agreed.as_str(), because);
            agreed
        }
        _ => {
            if let Some(word) = word.filter(|_| side.security == Some(security)) {
                let because = port::meaning(security);
                let pointer = format!("{pointer}/security");
                settled.note(pointer, Some(word), security.as_str(), because);
            }
            security
        }
    };
    let plain_before = old
        .as_ref()
        .is_some_and(|old| old.security == Security::None && old.host == found.name);
    if security == Security::None
        && auth != Auth::None
        && !side.allow_plaintext
        && !plain_before
        && !is_this_machine(&found.name)
    {
        settled.refused.push(plaintext(speaks, pointer, port));
    }
    let (username, login) = match auth {
        Auth::None => (String::new(), LoginChoice::Custom),
        Auth::Password | Auth::Oauth2 => {
            username(&side, &found, old.as_ref(), address, pointer, settled)
        }
    };
    let same_host = old.as_ref().filter(|old| old.host == found.name);
    let pin = side
        .certificate_sha256
        .unwrap_or_else(|| same_host.and_then(|old| old.pin.map(str::to_owned)));
    Road {
        pin: pin.map(|pin| fingerprint(&pin, pointer, settled)),
        host: found.name,
        port,
        security,
        username,
        auth,
        login,
    }
}

fn refuse_other_scheme(found: &Host, speaks: Speaks, pointer: &str, settled: &mut Settled) {
    let wrong = match (found.speaks, speaks) {
        (Some(Speaks::Smtp), Speaks::Imap | Speaks::Pop3) => "is a server for sending",
        (Some(Speaks::Imap | Speaks::Pop3), Speaks::Smtp) => "is a server for receiving",
        _ => return,
    };
    let pointer = format!("{pointer}/host");
    // Where both sides are so, that was said once.
    if !settled.refused.iter().any(is_swap) {
        settled.refused.push(Refused {
            pointer,
            detail: format!("{wrong}: it was typed with {}://", found.scheme),
            remedy: Some("Type the other server's name here.".to_owned()),
            action: Some("edit_host".to_owned()),
        });
    }
}

fn is_swap(refused: &Refused) -> bool {
    refused.action.as_deref() == Some("swap_hosts")
}

/// The port of its own field, or the one behind the host name.
fn port_of_both(side: &Side, found: &Host, pointer: &str, settled: &mut Settled) -> Option<u16> {
    match (side.port, found.port) {
        (Some(own), Some(behind)) if own != behind => {
            settled.refused.push(Refused {
                pointer: format!("{pointer}/port"),
                detail: format!("is {own}, but {behind} was typed behind the host name"),
                remedy: Some("Give the port once.".to_owned()),
                action: Some(match side.security {
                    Some(security) => format!("use:{behind}:{security}"),
                    None => format!("use:{behind}"),
                }),
            });
            Some(own)
        }
        (None, Some(behind)) => {
            let because = "it was typed behind the host name";
            settled.note(format!("{pointer}/port"), None, behind.to_string(), because);
            Some(behind)
        }
        (own, _) => {
            if let (Some(own), Some(word)) = (own, &side.words.port) {
                let because = "a port is a number";
                let word = Some(format!("\"{word}\""));
                settled.note(format!("{pointer}/port"), word, own.to_string(), because);
            }
            own
        }
    }
}

/// The security of its own field, or the scheme's. What was typed as encrypted is never left open.
fn security_of_both(
    side: &Side,
    found: &Host,
    pointer: &str,
    settled: &mut Settled,
) -> Option<Security> {
    let scheme = "the host was typed with a scheme that encrypts";
    let pointer = format!("{pointer}/security");
    match (side.security, found.security) {
        (Some(Security::None), with) if found.encrypted => {
            let became = with.map_or("encrypted", Security::as_str);
            settled.note(pointer, Some("none".to_owned()), became, scheme);
            with
        }
        (None, Some(with)) => Some(with),
        (own, _) => own,
    }
}

/// Port and security, where one of them, or both, may have been left out.
fn filled_in(
    speaks: Speaks,
    typed: (Option<u16>, Option<Security>),
    kept: Option<(u16, Security)>,
) -> (u16, Security) {
    match (typed, kept) {
        ((Some(port), Some(security)), _) => (port, security),
        ((Some(port), None), Some((before, security))) if port == before => (port, security),
        ((Some(port), None), kept) => {
            let usual = port::usual_security(speaks, port);
            // A relay on another port of submission than the usual begins in plain text, too.
            let usual =
                usual.or((speaks == Speaks::Smtp && port == 2525).then_some(Security::Starttls));
            let security = usual.or(kept.map(|(_, security)| security));
            (port, security.unwrap_or(Security::Tls))
        }
        ((None, Some(security)), Some((port, before))) if security == before => (port, security),
        ((None, Some(security)), _) => (port::usual(speaks, security), security),
        ((None, None), Some(kept)) => kept,
        ((None, None), None) => (port::usual(speaks, Security::Tls), Security::Tls),
    }
}

fn of_port(pointer: &str, not: port::NotThisPort) -> Refused {
    Refused {
        pointer: format!("{pointer}/port"),
        detail: not.detail,
        remedy: Some(not.remedy),
        action: Some(not.action),
    }
}

fn not_permitted(pointer: &str, port: u16, rules: &Rules) -> Refused {
    Refused {
        pointer: format!("{pointer}/port"),
        detail: format!(
            "{port} is not among the ports that Postroom's administrator permits: {}",
            rules.permitted_ports()
        ),
        remedy: Some(format!(
            "If it is right, the administrator adds {port} to `network.mail_ports`, or the server's network to `network.allow`."
        )),
        action: Some("allow_network".to_owned()),
    }
}

fn plaintext(speaks: Speaks, pointer: &str, port: u16) -> Refused {
    let usual = port::usual_security(speaks, port);
    let (port, security) = match usual {
        Some(security) => (port, security),
        None => (port::usual(speaks, Security::Tls), Security::Tls),
    };
    Refused {
        pointer: format!("{pointer}/security"),
        detail: "without encryption anyone on the way reads the password".to_owned(),
        remedy: Some(format!(
            "Use port {port} with `{security}`; in a network of your own, `allow_plaintext: true` lets it go all the same."
        )),
        action: Some(format!("use:{port}:{security}")),
    }
}

fn is_this_machine(host: &str) -> bool {
    addresses(host).is_some_and(|ips| ips.iter().all(std::net::IpAddr::is_loopback))
}

/// The name to sign in with, and whether others are to be tried.
fn username(
    side: &Side,
    found: &Host,
    old: Option<&Old<'_>>,
    address: &str,
    pointer: &str,
    settled: &mut Settled,
) -> (String, LoginChoice) {
    let pointer = format!("{pointer}/username");
    let typed = side.username.clone().map(|typed| {
        let trimmed = typed.trim_matches(|c: char| c == ' ' || c == '\t' || c == '\u{a0}');
        let bare = trimmed
            .strip_prefix("mailto:")
            .unwrap_or(trimmed)
            .to_owned();
        if bare != typed {
            settled.note(
                pointer.clone(),
                Some(shortened(&typed)),
                &bare,
                "blanks around a user name are not part of it",
            );
        }
        bare
    });
    let typed = typed.or_else(|| {
        let behind = found.username.clone()?;
        settled.note(
            pointer.clone(),
            None,
            &behind,
            "it was typed before the host name",
        );
        Some(behind)
    });
    let before = || {
        old.map(|old| old.username.to_owned())
            .filter(|name| !name.is_empty())
    };
    let (name, login) = match (typed, side.login_format) {
        (Some(name), format) => (name, format.filter(|format| *format == LoginChoice::Auto)),
        (None, Some(LoginChoice::Custom)) => match before() {
            Some(name) => (name, None),
            None => {
                settled.refuse(pointer, "must be given where `login_format` is `custom`");
                return (String::new(), LoginChoice::Custom);
            }
        },
        (None, Some(format)) => {
            let name = format.names(address, "").into_iter().next();
            (name.unwrap_or_default(), Some(format))
        }
        (None, None) => (before().unwrap_or_else(|| address.to_owned()), None),
    };
    let length = name.chars().count();
    if length == 0 {
        settled.refuse(pointer, "must not be empty");
    } else if length > USERNAME {
        settled.refuse(pointer, format!("may have {USERNAME} characters at most"));
    } else if name.chars().any(char::is_control) {
        settled.refuse(
            pointer,
            "may not hold line breaks or other control characters",
        );
    }
    // A name that follows from the address is settled here.
    let open = login.filter(|login| *login == LoginChoice::Auto);
    (name, open.unwrap_or_default())
}

/// A SHA-256 in the forms that programs show it in: with colons, blanks, capitals, or `sha256:` before it.
fn fingerprint(typed: &str, pointer: &str, settled: &mut Settled) -> String {
    let lower = typed.trim().to_ascii_lowercase();
    let bare = lower
        .strip_prefix("sha256:")
        .or(lower.strip_prefix("sha256 fingerprint="))
        .unwrap_or(&lower);
    let pin: String = bare
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .collect();
    if pin.len() != 64 || !pin.bytes().all(|b| b.is_ascii_hexdigit()) {
        settled.refuse(
            format!("{pointer}/certificate_sha256"),
            "must be a SHA-256 fingerprint: 64 hexadecimal digits",
        );
    }
    pin
}

/// What was typed, as much of it as a note needs.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
