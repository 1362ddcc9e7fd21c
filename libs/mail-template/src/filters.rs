//! The filters and tests of templates: those that make no text grow.

use crate::places::is_safe_address;
use jiff::civil::Date;
use minijinja::{Environment, Error, ErrorKind, Value, filters, tests};

/// Longest pattern of a date.
const PATTERN: usize = 64;
/// Longest text that a list becomes.
const JOINED: usize = 64 * 1024;

/// Adds all of them.
pub(crate) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("default", filters::default);
    environment.add_filter("length", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("round", filters::round);
    environment.add_filter("urlencode", filters::urlencode);
    environment.add_filter("join", join);
    environment.add_filter("date", date);
    environment.add_filter("address", address);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
}

/// `{{ list|join(", ") }}`.
fn join(list: &Value, between: Option<&str>) -> Result<String, Error> {
    let mut out = String::new();
    for (i, one) in list.try_iter()?.enumerate() {
        if i > 0 {
            out.push_str(between.unwrap_or_default());
        }
        out.push_str(&one.to_string());
        if out.len() > JOINED {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                "the list is too long for one text",
            ));
        }
    }
    Ok(out)
}

/// `{{ date|date("%d.%m.%Y") }}`: a day such as 2026-03-02, or a time that begins with one, in another form (strftime).
fn date(value: &str, pattern: &str) -> Result<String, Error> {
    let wrong = |text: String| Error::new(ErrorKind::InvalidOperation, text);
    let day = value.get(..10).and_then(|day| day.parse::<Date>().ok());
    let day = day.ok_or_else(|| wrong(format!("{value:?} is no day such as 2026-03-02")))?;
    if pattern.len() > PATTERN {
        return Err(wrong(format!(
            "the form of a date may have {PATTERN} bytes"
        )));
    }
    jiff::fmt::strtime::format(pattern, day)
        .map_err(|_| wrong(format!("{pattern:?} is no form of a date")))
}

/// Put around what a whole web address is filled in with: a script must never be one.
fn address(value: String) -> Result<String, Error> {
    if is_safe_address(&value) {
        return Ok(value);
    }
    Err(Error::new(
        ErrorKind::InvalidOperation,
        "a link may only go to http, https, mailto and tel addresses",
    ))
}
