use super::input;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Json;
use crate::routes::identities;
use crate::state::ApiState;
use crate::variables;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::mailboxes;

/// A signature, stored or as it is being written, and for whom.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewInput {
    /// A stored signature; left out: what follows.
    #[serde(default)]
    signature_id: Option<String>,
    /// HTML with variables.
    #[serde(default)]
    html: String,
    /// The text form; left out: made from the HTML.
    #[serde(default)]
    text: Option<String>,
    /// For which identity; left out: the first that you may use.
    #[serde(default)]
    identity_id: Option<String>,
}

/// What a signature looks like.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignaturePreview {
    /// Filled and made inert.
    html: String,
    /// The text form.
    text: String,
    /// The identity that it was filled for.
    identity_id: String,
}

/// Shows a signature as it goes out. Nothing is stored.
#[utoipa::path(post, path = "/v1/signatures/preview", tag = "signatures", request_body = PreviewInput,
    responses((status = 200, body = SignaturePreview)))]
pub(crate) async fn preview_signature(
    caller: Caller,
    State(state): State<ApiState>,
    Json { value, .. }: Json<PreviewInput>,
) -> Result<axum::Json<SignaturePreview>> {
    super::may_look(&caller)?;
    let (html, text) = match &value.signature_id {
        Some(id) => {
            let stored = super::visible(&state, &caller, id).await;
            let stored = stored.map_err(|_| ApiError::field("/signature_id", "is no signature"))?;
            (stored.html, stored.text)
        }
        None => {
            input::check(None, Some(&value.html), value.text.as_deref())?;
            (value.html, value.text)
        }
    };
    let identity = identities::for_preview(&state, &caller, value.identity_id.as_deref()).await?;
    let mailbox = mailboxes::get(&state.store, &identity.mailbox_id).await?;
    let values = variables::of_sender(&caller, &mailbox, &identity, state.store.now());
    let work = move || variables::signature(&html, text.as_deref(), values);
    let made = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(|error| variables::invalid("/html", &error))?;
    Ok(axum::Json(SignaturePreview {
        html: made.html,
        text: made.text,
        identity_id: identity.id,
    }))
}
