//! Ports and what they are for: typing mistakes, other protocols' ports, and ports and security that contradict each other. Pure.

use super::host::Speaks;
use model::mailbox::Security;

const WEB: &[u16] = &[80, 443, 8080, 8443];
const IMAP: &[u16] = &[143, 993];
const POP3: &[u16] = &[110, 995];
const SMTP: &[u16] = &[25, 465, 587, 2525];

/// A port that cannot be meant: why, what to do, and the action for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotThisPort {
    pub(super) detail: String,
    pub(super) remedy: String,
    pub(super) action: String,
}

/// Whether a port can be meant for the protocol. `listed`: the administrator permits it by name, so it is no typing mistake.
pub(super) fn judge(speaks: Speaks, port: u16, listed: bool) -> Result<(), NotThisPort> {
    let (name, usual) = (name(speaks), usual(speaks, Security::Tls));
    let refuse = |port: u16, detail: String| {
        let security = usual_security(speaks, port).unwrap_or(Security::Tls);
        Err(NotThisPort {
            detail,
            remedy: format!("Use {port} with `{security}`."),
            action: format!("use:{port}:{security}"),
        })
    };
    if port == 0 {
        return refuse(usual, "must be 1 to 65535".to_owned());
    }
    if let Some(owner) = owner(port).filter(|owner| *owner != speaks) {
        let other = self::name(owner);
        let mut refused = refuse(usual, format!("is a port of {other}, not of {name}"));
        if let (Err(not), true) = (
            &mut refused,
            speaks != Speaks::Smtp && owner == Speaks::Pop3,
        ) {
            not.remedy = format!("Use {usual} with `tls`, or choose POP3.");
        }
        return refused;
    }
    if listed {
        return Ok(());
    }
    if let Some(meant) = misspelt(speaks, port) {
        return refuse(
            meant,
            format!("is no port of {name}: {meant} is, and was probably meant"),
        );
    }
    if WEB.contains(&port) {
        return refuse(usual, format!("is a port of web servers, not of {name}"));
    }
    Ok(())
}

/// Why port 25 is not for a program that signs in.
pub(super) fn between_servers() -> NotThisPort {
    NotThisPort {
        detail: "is for mail servers among each other; programs that sign in send on 587".to_owned(),
        remedy: "Use 587 with `starttls`; if your server takes sign-ins on 25 all the same, say with which security."
            .to_owned(),
        action: "use:587:starttls".to_owned(),
    }
}

/// What a usual port and a security that contradict each other become: never less safe than what was asked for.
pub(super) fn agree(speaks: Speaks, port: u16, security: Security) -> Option<(Security, String)> {
    let usual = usual_security(speaks, port)?;
    if usual == security || security == Security::None {
        return None;
    }
    let because = match usual {
        Security::Tls => format!("port {port} is encrypted from the first byte (`tls`)"),
        _ => format!("port {port} begins in plain text and is then encrypted (`starttls`)"),
    };
    Some((usual, because))
}

/// What a security is, in words.
pub(super) const fn meaning(security: Security) -> &'static str {
    match security {
        Security::Tls => "that is encryption from the first byte",
        Security::Starttls => "that begins in plain text and is then encrypted",
        Security::None => "that is no encryption",
    }
}

/// The security that goes with a usual port of the protocol.
pub(super) const fn usual_security(speaks: Speaks, port: u16) -> Option<Security> {
    match (speaks, port) {
        (Speaks::Imap, 993) | (Speaks::Pop3, 995) | (Speaks::Smtp, 465) => Some(Security::Tls),
        (Speaks::Imap, 143) | (Speaks::Pop3, 110) | (Speaks::Smtp, 25 | 587) => {
            Some(Security::Starttls)
        }
        _ => None,
    }
}

/// The usual port for a security.
pub(super) const fn usual(speaks: Speaks, security: Security) -> u16 {
    match (speaks, security) {
        (Speaks::Imap, Security::Tls) => 993,
        (Speaks::Imap, _) => 143,
        (Speaks::Pop3, Security::Tls) => 995,
        (Speaks::Pop3, _) => 110,
        (Speaks::Smtp, Security::Tls) => 465,
        (Speaks::Smtp, Security::Starttls) => 587,
        (Speaks::Smtp, Security::None) => 25,
    }
}

/// The protocol that a port belongs to.
pub(super) fn owner(port: u16) -> Option<Speaks> {
    [
        (IMAP, Speaks::Imap),
        (POP3, Speaks::Pop3),
        (SMTP, Speaks::Smtp),
    ]
    .into_iter()
    .find_map(|(ports, owner)| ports.contains(&port).then_some(owner))
}

/// The protocol's name for people.
pub(super) const fn name(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Imap => "IMAP",
        Speaks::Pop3 => "POP3",
        Speaks::Smtp => "SMTP",
    }
}

/// 455 stands in printed guides; the others are one slip of a finger away.
const fn misspelt(speaks: Speaks, port: u16) -> Option<u16> {
    match (speaks, port) {
        (Speaks::Smtp, 455 | 456 | 645) => Some(465),
        (Speaks::Smtp, 578 | 857) => Some(587),
        (Speaks::Imap, 933 | 939 | 999) => Some(993),
        (Speaks::Imap, 134 | 413) => Some(143),
        (Speaks::Pop3, 955 | 959 | 999) => Some(995),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_be_meant_is_refused_with_the_right_one() {
        use Speaks::{Imap, Pop3, Smtp};
        for (speaks, port, action) in [
            (Smtp, 455, "use:465:tls"),
            (Smtp, 578, "use:587:starttls"),
            (Smtp, 443, "use:465:tls"),
            (Smtp, 993, "use:465:tls"),
            (Smtp, 110, "use:465:tls"),
            (Imap, 80, "use:993:tls"),
            (Imap, 443, "use:993:tls"),
            (Imap, 8080, "use:993:tls"),
            (Imap, 995, "use:993:tls"),
            (Imap, 110, "use:993:tls"),
            (Imap, 587, "use:993:tls"),
            (Imap, 25, "use:993:tls"),
            (Imap, 134, "use:143:starttls"),
            (Pop3, 993, "use:995:tls"),
            (Pop3, 143, "use:995:tls"),
            (Pop3, 465, "use:995:tls"),
            (Imap, 0, "use:993:tls"),
        ] {
            let refused = judge(speaks, port, false).unwrap_err();
            assert_eq!(refused.action, action, "{speaks:?} {port}");
        }
    }

    #[test]
    fn usual_ports_odd_ports_and_those_that_the_administrator_lists_are_good() {
        use Speaks::{Imap, Pop3, Smtp};
        for (speaks, port) in [
            (Imap, 993),
            (Imap, 143),
            (Imap, 1993),
            (Imap, 40_001),
            (Pop3, 995),
            (Pop3, 110),
            (Smtp, 465),
            (Smtp, 587),
            (Smtp, 25),
            (Smtp, 2525),
            (Smtp, 1025),
        ] {
            assert!(judge(speaks, port, false).is_ok(), "{speaks:?} {port}");
        }
        assert!(judge(Imap, 443, true).is_ok());
        assert!(judge(Smtp, 455, true).is_ok());
        assert!(judge(Smtp, 993, true).is_err());
    }

    #[test]
    fn a_contradiction_goes_by_the_port() {
        use Security::{None, Starttls, Tls};
        use Speaks::{Imap, Pop3, Smtp};
        for (speaks, port, security, becomes) in [
            (Imap, 993, Starttls, Some(Tls)),
            (Imap, 143, Tls, Some(Starttls)),
            (Pop3, 995, Starttls, Some(Tls)),
            (Pop3, 110, Tls, Some(Starttls)),
            (Smtp, 465, Starttls, Some(Tls)),
            (Smtp, 587, Tls, Some(Starttls)),
            (Smtp, 25, Tls, Some(Starttls)),
            (Imap, 993, Tls, Option::None),
            (Imap, 1993, Starttls, Option::None),
            (Smtp, 2525, Tls, Option::None),
            (Imap, 143, None, Option::None),
        ] {
            let agreed = agree(speaks, port, security).map(|(security, _)| security);
            assert_eq!(agreed, becomes, "{speaks:?} {port} {security}");
        }
    }
}
