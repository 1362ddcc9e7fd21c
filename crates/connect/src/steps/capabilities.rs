//! Step 5: what the server can do, in words that say what it is good for.

use super::count;
use crate::open::{Conversation, Opening};
use crate::recognise::Failure;
use crate::report::Good;
use model::Secret;
use model::report::DetailName;
use smtp_client::SizeLimit;

pub(crate) async fn run(
    opening: &mut Opening<'_>,
    secret: Option<&Secret>,
) -> Result<Good, Failure> {
    opening.ask().await?;
    if let Some(secret) = secret
        && opening.wants_sign_in()
        && let Some(failure) = opening.no_way_to_sign_in(secret)
    {
        return Err(failure);
    }
    let good = match &opening.conversation {
        Some(Conversation::Imap(_) | Conversation::Sieve(_)) | None => Good::did(ways(opening)),
        Some(Conversation::Pop3(session)) => {
            let found = session.capabilities();
            Good::did(format!(
                "lasting numbers {}, headers alone {}; {}",
                yes(found.uidl || !found.listed),
                yes(found.top || !found.listed),
                ways(opening)
            ))
        }
        Some(Conversation::Smtp(_)) => Good::did(format!("{}; {}", size(opening), ways(opening))),
    };
    Ok(details(good, opening))
}

/// The server's own words, and the ways to sign in.
fn details(good: Good, opening: &Opening<'_>) -> Good {
    let Some(conversation) = &opening.conversation else {
        return good;
    };
    let (ways, _) = conversation.ways_to_sign_in();
    good.with(DetailName::Capabilities, listed(conversation))
        .with(DetailName::SignInMethods, ways)
}

fn listed(conversation: &Conversation) -> Vec<String> {
    let named = |pairs: &[(bool, &str)]| -> Vec<String> {
        let these = pairs.iter().filter(|(has, _)| *has);
        these.map(|(_, name)| (*name).to_owned()).collect()
    };
    match conversation {
        Conversation::Imap(talk) => {
            let names = talk.capabilities.names().iter();
            // The ways to sign in have a place of their own, and are gone after the sign-in.
            names
                .filter(|name| !name.starts_with("AUTH="))
                .cloned()
                .collect()
        }
        Conversation::Pop3(session) => {
            let found = session.capabilities();
            named(&[
                (found.uidl, "UIDL"),
                (found.top, "TOP"),
                (found.pipelining, "PIPELINING"),
                (found.utf8, "UTF8"),
                (found.resp_codes, "RESP-CODES"),
            ])
        }
        Conversation::Sieve(session) => session.capabilities().sieve.clone(),
        Conversation::Smtp(session) => {
            let found = session.capabilities();
            let mut names = named(&[
                (found.pipelining, "PIPELINING"),
                (found.eight_bit_mime, "8BITMIME"),
                (found.smtputf8, "SMTPUTF8"),
                (found.dsn, "DSN"),
                (found.chunking, "CHUNKING"),
                (found.require_tls, "REQUIRETLS"),
                (found.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
            ]);
            if let SizeLimit::Bytes(bytes) = found.size {
                names.push(format!("SIZE {bytes}"));
            }
            for (name, limit) in [
                ("MAILMAX", found.limits.mails),
                ("RCPTMAX", found.limits.recipients),
                ("RCPTDOMAINMAX", found.limits.recipient_domains),
            ] {
                names.extend(limit.map(|limit| format!("{name} {limit}")));
            }
            names
        }
    }
}

/// The same for IMAP after the sign-in, when servers tell the rest.
pub(crate) fn after_sign_in(opening: &Opening<'_>) -> Option<Good> {
    let Some(Conversation::Imap(talk)) = &opening.conversation else {
        return None;
    };
    let has = |name| talk.capabilities.has(name);
    let resync = match (has("QRESYNC"), has("CONDSTORE")) {
        (true, _) => "yes",
        (false, true) => "for marks only",
        (false, false) => "no",
    };
    let good = Good::did(format!(
        "push {}, fast resync {resync}, move {}, folder marks {}",
        yes(has("IDLE") || has("NOTIFY")),
        yes(has("MOVE")),
        yes(has("SPECIAL-USE") || has("XLIST")),
    ))
    .with(
        DetailName::Capabilities,
        listed(opening.conversation.as_ref()?),
    );
    let without_push = !has("IDLE") && !has("NOTIFY");
    Some(if without_push {
        good.but(
            "The server does not tell of new mail (no push): Postroom looks at intervals.",
            None,
        )
    } else {
        good
    })
}

/// "up to 35 MB"
pub(crate) fn size(opening: &Opening<'_>) -> String {
    match &opening.conversation {
        Some(Conversation::Smtp(session)) => match session.capabilities().size {
            SizeLimit::Bytes(bytes) if bytes >= 1_000_000 => {
                format!("messages up to {}", count(bytes / 1_000_000, "MB", "MB"))
            }
            SizeLimit::Bytes(bytes) => format!("messages up to {}", count(bytes, "byte", "bytes")),
            SizeLimit::NoFixedLimit | SizeLimit::NotOffered => "no limit of size named".to_owned(),
        },
        _ => String::new(),
    }
}

fn ways(opening: &Opening<'_>) -> String {
    let Some(conversation) = &opening.conversation else {
        return String::new();
    };
    let (mut ways, password_command) = conversation.ways_to_sign_in();
    if password_command && ways.is_empty() {
        ways.push("user name and password".to_owned());
    }
    if ways.is_empty() {
        "no sign-in on offer".to_owned()
    } else {
        format!("sign-in by {}", ways.join(", "))
    }
}

const fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
