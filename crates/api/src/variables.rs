//! What signatures and templates can say of whoever sends: `user`, `identity`, `mailbox` and the date; and their mistakes as
//! problems of the catalogue.

use crate::caller::Caller;
use crate::error::ApiError;
use mail_message::sanitize::{Options, RemoteImages, sanitize};
use mail_template::{Form, Missing, TemplateError};
use model::Timestamp;
use model::identity::Identity;
use model::mailbox::Mailbox;
use serde_json::{Map, Value, json};

/// The names that Postroom gives itself: data may not have them.
pub(crate) const GIVEN: [&str; 5] = ["user", "identity", "mailbox", "date", "year"];

/// Their values.
pub(crate) fn of_sender(
    caller: &Caller,
    mailbox: &Mailbox,
    identity: &Identity,
    now: Timestamp,
) -> Map<String, Value> {
    let name = match identity.name.as_str() {
        "" => identity.address.as_str(),
        name => name,
    };
    // A token is nobody: then it is the identity that writes.
    let (user, email) = match caller.user() {
        Some(user) => (user.name.as_str(), user.email.as_str()),
        None => (name, identity.address.as_str()),
    };
    let day: String = now.to_string().chars().take(10).collect();
    let year: String = day.chars().take(4).collect();
    let values = json!({
        "user": {"name": user, "email": email},
        "identity": {
            "name": name, "address": identity.address, "reply_to": identity.reply_to.as_deref().unwrap_or(&identity.address),
            "fields": identity.fields,
        },
        "mailbox": {"name": mailbox.name, "address": mailbox.address},
        "date": day, "year": year,
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// HTML and text of a signature.
pub(crate) struct Made {
    pub(crate) html: String,
    pub(crate) text: String,
}

/// Fills a signature. What the sender does not have is empty: nobody's mail stays behind for a telephone number.
pub(crate) fn signature(
    html: &str,
    text: Option<&str>,
    values: Map<String, Value>,
) -> Result<Made, TemplateError> {
    let values = Value::Object(values);
    let html = mail_template::render(html, Form::Html, &values, Missing::Empty)?;
    let options = Options {
        remote_images: RemoteImages::Allowed,
        cid: None,
    };
    let html = sanitize(&html, &options).html;
    let text = match text {
        Some(text) => mail_template::render(text, Form::Text, &values, Missing::Empty)?,
        None => mail_message::html_text::text(&html),
    };
    Ok(Made {
        html,
        text: text.trim_end().to_owned(),
    })
}

/// A template that is none, or does not fit its data.
pub(crate) fn invalid(pointer: &str, error: &TemplateError) -> ApiError {
    ApiError::field(pointer, error.to_string()).called("template_invalid")
}
