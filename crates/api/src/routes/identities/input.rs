//! An identity as it comes in.

use crate::input::Checks;
use model::identity::{Limits, UsableBy};
use std::collections::BTreeMap;

/// Longest name.
const NAME_CHARS: usize = 200;
/// Users or tokens that one identity can name.
const NAMED: usize = 500;
/// Fields of one identity.
const FIELDS: usize = 50;
/// Longest name of a field.
const KEY_CHARS: usize = 50;
/// Longest text of a field.
const FIELD_CHARS: usize = 500;

/// What is given of an identity.
#[derive(Default)]
pub(super) struct Given<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    pub(super) reply_to: Option<&'a str>,
    pub(super) fields: Option<&'a BTreeMap<String, String>>,
    pub(super) usable_by: Option<&'a UsableBy>,
    pub(super) limits: Option<&'a Limits>,
}

/// Notes what is wrong with it.
pub(super) fn check(checks: &mut Checks, given: &Given<'_>) {
    if let Some(name) = given.name {
        checks.line("/name", name, 0, NAME_CHARS);
    }
    if let Some(address) = given.address {
        checks.address("/address", address);
    }
    if let Some(address) = given.reply_to {
        checks.address("/reply_to", address);
    }
    if let Some(fields) = given.fields {
        check_fields(checks, fields);
    }
    if let Some(limits) = given.limits {
        for (name, limit) in [
            ("messages_per_minute", limits.messages_per_minute),
            ("recipients_per_day", limits.recipients_per_day),
        ] {
            if limit == Some(0) {
                checks.refuse(format!("/limits/{name}"), "is 1 at least; null: no limit");
            }
        }
    }
    if let Some(usable_by) = given.usable_by {
        for (name, prefix, ids) in [
            ("user_ids", "usr", &usable_by.user_ids),
            ("token_ids", "tok", &usable_by.token_ids),
        ] {
            if ids.len() > NAMED {
                let text = format!("may name {NAMED} at most");
                checks.refuse(format!("/usable_by/{name}"), text);
            }
            for (i, id) in ids.iter().enumerate().take(NAMED) {
                if !model::id::has_prefix(id, prefix) {
                    let text = format!("is no id such as {prefix}_…");
                    checks.refuse(format!("/usable_by/{name}/{i}"), text);
                }
            }
        }
    }
}

fn check_fields(checks: &mut Checks, fields: &BTreeMap<String, String>) {
    if fields.len() > FIELDS {
        checks.refuse("/fields", format!("may have {FIELDS} fields at most"));
    }
    for (key, text) in fields.iter().take(FIELDS) {
        let pointer = format!("/fields/{}", key.replace('~', "~0").replace('/', "~1"));
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = key.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !key.chars().all(letters) || key.len() > KEY_CHARS {
            let text = "is named by small letters, digits and _, such as job_title";
            checks.refuse(&*pointer, text);
        }
        checks.line(&pointer, text, 0, FIELD_CHARS);
    }
}
