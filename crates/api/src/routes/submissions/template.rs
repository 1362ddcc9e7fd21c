//! A message from a stored template: its subject, text and HTML, filled with the request's data.

use super::input::NewSubmission;
use super::signature::Writer;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::routes::templates::{self, Filled};
use crate::state::ApiState;
use model::signature::Template;

fn missing() -> ApiError {
    ApiError::field("/template_id", "is no template of this mailbox")
}

/// The stored template, as it is now.
pub(super) async fn stored(state: &ApiState, caller: &Caller, id: &str) -> Result<Template> {
    let found = templates::visible(state, caller, id).await;
    found.map_err(|error| error.or_missing(missing))
}

/// Fills the template that the request names. A subject of the request's own comes before the template's.
pub(super) async fn fill(writer: &Writer<'_>, value: &mut NewSubmission) -> Result<()> {
    let Some(id) = &value.template_id else {
        return match value.data {
            Some(_) => Err(ApiError::field("/data", "goes with `template_id` only")),
            None => Ok(()),
        };
    };
    let mut checks = Checks::default();
    for (pointer, given) in [
        ("/text", value.text.is_some()),
        ("/html", value.html.is_some()),
    ] {
        if given {
            checks.refuse(pointer, "cannot stand beside `template_id`");
        }
    }
    checks.end()?;
    let template = match value.frozen.take() {
        Some(frozen) => frozen,
        None => stored(writer.state, writer.caller, id).await?,
    };
    let only = template.mailbox_id.as_ref();
    if only.is_some_and(|only| *only != writer.mailbox.id) {
        return Err(missing());
    }
    let data = value.data.take().unwrap_or_default();
    let work = move |values| templates::fill(&template.into(), data, values);
    let values = writer.values();
    let filled = tokio::task::spawn_blocking(move || work(values)).await;
    let Filled {
        subject,
        text,
        html,
    } = filled.map_err(|_| ApiError::internal())??;
    value.subject.get_or_insert(subject);
    (value.text, value.html) = (text, html);
    Ok(())
}
