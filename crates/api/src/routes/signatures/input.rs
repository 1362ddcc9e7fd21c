//! A signature as it comes in.

use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::variables;
use mail_template::Form;

/// Longest name.
const NAME_CHARS: usize = 100;
/// Longest HTML, pictures included: it goes out with every message.
const HTML_BYTES: usize = 400 * 1024;
/// Longest text.
const TEXT_BYTES: usize = 20 * 1024;

/// Notes what is wrong with what is given of a signature.
pub(super) fn check(
    name: Option<&str>,
    html: Option<&str>,
    text: Option<&str>,
) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    if let Some(name) = name {
        checks.line("/name", name, 1, NAME_CHARS);
    }
    for (pointer, given, most) in [("/html", html, HTML_BYTES), ("/text", text, TEXT_BYTES)] {
        if given.is_some_and(|given| given.len() > most) {
            checks.refuse(pointer, format!("may have {most} bytes at most"));
        }
    }
    checks.end()?;
    for (pointer, given, form) in [("/html", html, Form::Html), ("/text", text, Form::Text)] {
        if let Some(given) = given {
            mail_template::check(given, form)
                .map_err(|error| variables::invalid(pointer, &error))?;
        }
    }
    Ok(())
}
