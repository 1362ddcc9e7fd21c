//! A webhook as it comes in.

use crate::error::Result;
use crate::input::Checks;
use crate::routes::events::is_type;
use crate::state::ApiState;

/// Types, and mailboxes, that may be named.
const NAMED: usize = 1_000;
/// Longest address.
const URL_BYTES: usize = 2_000;

pub(super) fn check_url(checks: &mut Checks, url: &str) {
    let Ok(parsed) = url::Url::parse(url) else {
        checks.refuse("/url", "is not a URL such as https://example.com/hook");
        return;
    };
    if url.len() > URL_BYTES {
        checks.refuse("/url", format!("may have {URL_BYTES} bytes at most"));
    } else if !matches!(parsed.scheme(), "https" | "http")
        || parsed.host_str().is_none_or(str::is_empty)
    {
        checks.refuse(
            "/url",
            "must begin with https:// or http:// and name a host",
        );
    } else if !parsed.username().is_empty() || parsed.password().is_some() {
        checks.refuse(
            "/url",
            "may not hold a user name or a password: every delivery is signed",
        );
    } else if parsed.fragment().is_some() {
        checks.refuse("/url", "may not have a fragment (#…)");
    }
}

pub(super) fn check_types(checks: &mut Checks, types: &[String]) {
    if types.len() > NAMED {
        checks.refuse("/types", format!("may name {NAMED} types at most"));
    }
    for (i, word) in types.iter().take(NAMED).enumerate() {
        if !is_type(word) {
            checks.refuse(
                format!("/types/{i}"),
                format!("{word:?} is no type of event"),
            );
        }
    }
}

/// Mailboxes that are named must be there.
pub(crate) async fn check_mailboxes(
    state: &ApiState,
    checks: &mut Checks,
    ids: &[String],
) -> Result<()> {
    if ids.len() > NAMED {
        checks.refuse(
            "/mailbox_ids",
            format!("may name {NAMED} mailboxes at most"),
        );
        return Ok(());
    }
    for (i, id) in ids.iter().enumerate() {
        match store::mailboxes::get(&state.store, id).await {
            Ok(_) => {}
            Err(store::StoreError::NotFound(_)) => {
                checks.refuse(format!("/mailbox_ids/{i}"), "is no mailbox");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
