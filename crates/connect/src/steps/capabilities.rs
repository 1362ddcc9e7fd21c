//! Step 5: what the server can do, in words that say what it is good for.

use super::count;
use crate::open::{Conversation, Opening};
use crate::recognise::Failure;
use crate::report::Good;
use model::Secret;
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
    Ok(match &opening.conversation {
        Some(Conversation::Imap(_)) | None => Good::did(ways(opening)),
        Some(Conversation::Pop3(session)) => {
            let found = session.capabilities();
            Good::did(format!(
                "lasting numbers {}; {}",
                yes(found.uidl || !found.listed),
                ways(opening)
            ))
        }
        Some(Conversation::Smtp(_)) => Good::did(format!("{}; {}", size(opening), ways(opening))),
    })
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
    ));
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
