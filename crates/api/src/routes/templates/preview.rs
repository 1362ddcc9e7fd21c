use super::fill::{Filled, fill};
use super::input::Source;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Json;
use crate::routes::identities;
use crate::state::ApiState;
use crate::variables;
use axum::extract::State;
use mail_message::sanitize::{Options, RemoteImages, sanitize};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A template, stored or as it is being written, with data.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplatePreviewInput)]
pub(crate) struct Input {
    /// A stored template; left out: what follows.
    #[serde(default)]
    template_id: Option<String>,
    /// The subject.
    #[serde(default)]
    subject: String,
    /// The HTML.
    #[serde(default)]
    html: Option<String>,
    /// The text.
    #[serde(default)]
    text: Option<String>,
    /// What it is filled with.
    #[serde(default)]
    data: Map<String, Value>,
    /// As which identity it would be sent; left out: the first that you may use.
    #[serde(default)]
    identity_id: Option<String>,
}

/// What a message of a template looks like.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TemplatePreview {
    /// The subject.
    subject: String,
    /// The HTML, made inert.
    html: Option<String>,
    /// The text.
    text: String,
    /// The variables that the template takes.
    variables: Vec<String>,
}

/// Shows the message that a template and data make. Nothing is stored or sent.
#[utoipa::path(post, path = "/v1/templates/preview", tag = "templates", request_body = Input,
    responses((status = 200, body = TemplatePreview)))]
pub(crate) async fn preview_template(
    caller: Caller,
    State(state): State<ApiState>,
    Json { value, .. }: Json<Input>,
) -> Result<axum::Json<TemplatePreview>> {
    super::may_look(&caller)?;
    let source = match &value.template_id {
        Some(id) => {
            let stored = super::visible(&state, &caller, id).await;
            let missing = |_| ApiError::field("/template_id", "is no template");
            stored.map_err(missing)?.into()
        }
        None => Source {
            subject: value.subject,
            html: value.html,
            text: value.text,
        },
    };
    let variables = source.variables()?;
    let identity = identities::for_preview(&state, &caller, value.identity_id.as_deref()).await?;
    let mailbox = store::mailboxes::get(&state.store, &identity.mailbox_id).await?;
    let values = variables::of_sender(&caller, &mailbox, &identity, state.store.now());
    let work = move || fill(&source, value.data, values);
    let filled = tokio::task::spawn_blocking(work).await;
    let Filled {
        subject,
        text,
        html,
    } = filled.map_err(|_| ApiError::internal())??;
    let options = Options {
        remote_images: RemoteImages::Allowed,
        cid: None,
    };
    let made = |html: &String| mail_message::html_text::text(html);
    Ok(axum::Json(TemplatePreview {
        subject,
        text: text.unwrap_or_else(|| html.as_ref().map(made).unwrap_or_default()),
        html: html.map(|html| sanitize(&html, &options).html),
        variables,
    }))
}
