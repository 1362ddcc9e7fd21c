//! From a template and data to subject, text and HTML. Pure.

use super::input::Source;
use crate::error::{ApiError, Result};
use crate::variables::{self, GIVEN};
use mail_template::{Form, Missing};
use serde_json::{Map, Value};

/// What comes of a template.
pub(crate) struct Filled {
    pub(crate) subject: String,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
}

/// Fills a template with the request's data and with what Postroom gives itself.
pub(crate) fn fill(
    source: &Source,
    data: Map<String, Value>,
    given: Map<String, Value>,
) -> Result<Filled> {
    if let Some(name) = GIVEN.iter().find(|name| data.contains_key(**name)) {
        let text = "is given by Postroom itself: use another name";
        return Err(ApiError::field(format!("/data/{name}"), text));
    }
    let values = Value::Object(data.into_iter().chain(given).collect());
    let render = |what: &str, source: &str, form| {
        mail_template::render(source, form, &values, Missing::Refused).map_err(|error| {
            let mut error = error;
            error.message = format!("{what} of the template: {}", error.message);
            variables::invalid("/data", &error)
        })
    };
    let html = source.html.as_deref();
    let text = source.text.as_deref();
    Ok(Filled {
        subject: render("the subject", &source.subject, Form::Line)?,
        html: html
            .map(|html| render("the HTML", html, Form::Html))
            .transpose()?,
        text: text
            .map(|text| render("the text", text, Form::Text))
            .transpose()?,
    })
}
