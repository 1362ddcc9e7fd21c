use super::input::{self, Source};
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use model::signature::Template;
use serde::Deserialize;
use store::templates;

/// What may change; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateChange {
    /// A name for people, unique.
    #[serde(default)]
    name: Option<String>,
    /// The mailbox that alone may send it; null: all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    mailbox_id: Option<Option<String>>,
    /// The subject.
    #[serde(default)]
    subject: Option<String>,
    /// The HTML; null: none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    html: Option<Option<String>>,
    /// The text; null: made from the HTML.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    text: Option<Option<String>>,
}

/// Changes a template.
#[utoipa::path(patch, path = "/v1/templates/{id}", tag = "templates", params(("id" = String, Path)),
    request_body = TemplateChange, responses((status = 200, body = Template)))]
pub(crate) async fn change_template(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<TemplateChange>,
) -> Result<axum::Json<Template>> {
    let old = super::visible(&state, &caller, &id).await?;
    super::may_write(&caller, old.mailbox_id.as_deref())?;
    let name = value.name.unwrap_or_else(|| old.name.clone());
    let mailbox_id = value.mailbox_id.unwrap_or_else(|| old.mailbox_id.clone());
    let source = Source {
        subject: value.subject.unwrap_or(old.subject),
        html: value.html.unwrap_or(old.html),
        text: value.text.unwrap_or(old.text),
    };
    let new = input::checked(&state, &caller, name, mailbox_id, source).await?;
    Ok(axum::Json(templates::change(&state.store, &id, new).await?))
}
