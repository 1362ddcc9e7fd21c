use super::input;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use model::signature::{Kind, Signature};
use serde::Deserialize;
use store::signatures;

/// What may change; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureChange {
    /// A name for people.
    #[serde(default)]
    name: Option<String>,
    /// Everybody's from now on, or the central one instead of the one before.
    #[serde(default)]
    kind: Option<Kind>,
    /// HTML with variables.
    #[serde(default)]
    html: Option<String>,
    /// The text form; null: made from the HTML.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    text: Option<Option<String>>,
}

/// Changes a signature.
#[utoipa::path(patch, path = "/v1/signatures/{id}", tag = "signatures", params(("id" = String, Path)),
    request_body = SignatureChange, responses((status = 200, body = Signature)))]
pub(crate) async fn change_signature(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<SignatureChange>,
) -> Result<axum::Json<Signature>> {
    let old = super::visible(&state, &caller, &id).await?;
    super::may_write(&caller, old.kind)?;
    super::may_write(&caller, value.kind.unwrap_or(old.kind))?;
    if value.kind == Some(Kind::Personal) && old.kind != Kind::Personal {
        let text = "what is everybody's does not become one's own again: make another one";
        return Err(ApiError::field("/kind", text));
    }
    let text = value.text.as_ref().and_then(Option::as_deref);
    input::check(value.name.as_deref(), value.html.as_deref(), text)?;
    let change = signatures::Change {
        name: value.name,
        kind: value.kind,
        html: value.html,
        text: value.text,
    };
    let changed = signatures::change(&state.store, &id, change).await?;
    Ok(axum::Json(changed))
}
