//! A tag as it comes in.

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::state::ApiState;
use serde::Deserialize;
use store::StoreError;
use store::tags::{Put, TAGS_OF_MESSAGE};

/// Longest name.
const NAME_CHARS: usize = 100;
/// Mailboxes that one folder can receive from.
const SENDERS: usize = 1_000;

/// Tags to put on and to take off, by their ids. An own folder takes the place of the one before.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagPut {
    /// On.
    #[serde(default)]
    add: Vec<String>,
    /// Off.
    #[serde(default)]
    remove: Vec<String>,
}

impl TagPut {
    /// As the store takes it.
    pub(crate) fn checked(self) -> Result<Put> {
        let mut checks = Checks::default();
        for (name, list) in [("add", &self.add), ("remove", &self.remove)] {
            if list.len() > TAGS_OF_MESSAGE {
                checks.refuse(
                    format!("/tags/{name}"),
                    format!("may name {TAGS_OF_MESSAGE} tags at most"),
                );
            }
        }
        checks.end()?;
        Ok(Put {
            add: self.add,
            remove: self.remove,
        })
    }

    /// A tag that is not there is a mistake of the request, not of its address.
    pub(crate) fn error(error: StoreError) -> ApiError {
        match error {
            StoreError::NotFound("the tag") => {
                ApiError::field("/tags/add", "names what is no tag of this mailbox")
            }
            other => other.into(),
        }
    }
}

pub(super) fn check_name(checks: &mut Checks, name: &str) {
    checks.line("/name", name, 1, NAME_CHARS);
    if name.trim() != name {
        checks.refuse("/name", "may not begin or end with a blank");
    }
}

pub(super) fn check_color(checks: &mut Checks, color: Option<&str>) {
    let good = |color: &str| {
        color.strip_prefix('#').is_some_and(|digits| {
            digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    if color.is_some_and(|color| !good(color)) {
        checks.refuse("/color", "is no colour such as #3366cc");
    }
}

pub(super) async fn check_senders(
    state: &ApiState,
    caller: &Caller,
    checks: &mut Checks,
    ids: &[String],
) -> Result<()> {
    if ids.len() > SENDERS {
        let text = format!("may name {SENDERS} mailboxes at most");
        checks.refuse("/receives_from", text);
        return Ok(());
    }
    for (i, id) in ids.iter().enumerate() {
        let there = caller.sees(id) && store::mailboxes::get(&state.store, id).await.is_ok();
        if !there {
            checks.refuse(format!("/receives_from/{i}"), "is no mailbox");
        }
    }
    Ok(())
}
