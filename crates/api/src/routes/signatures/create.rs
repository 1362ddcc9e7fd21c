use super::input;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::Json;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::signature::{Kind, Signature};
use serde::Deserialize;
use store::idempotency::Stage;
use store::signatures;

/// A new signature.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSignature)]
pub(crate) struct Input {
    /// A name for people.
    name: String,
    /// Left out: `personal`.
    #[serde(default)]
    kind: Option<Kind>,
    /// HTML with variables such as `{{ identity.name }}`, 400 KiB at most; pictures as `data:` addresses.
    html: String,
    /// The text form with variables; left out: made from the HTML.
    #[serde(default)]
    text: Option<String>,
}

/// Makes a signature: your own, everybody's, or the central one, which every identity has that names no other.
#[utoipa::path(post, path = "/v1/signatures", tag = "signatures", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = Signature)))]
pub(crate) async fn create_signature(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<Input>,
) -> Result<Response> {
    let kind = value.kind.unwrap_or(Kind::Personal);
    super::may_write(&caller, kind)?;
    input::check(Some(&value.name), Some(&value.html), value.text.as_deref())?;
    let new = signatures::NewSignature {
        name: value.name,
        kind,
        owner: (kind == Kind::Personal).then(|| caller.id().to_owned()),
        html: value.html,
        text: value.text,
    };
    let inner = state.clone();
    let work = |key| async move {
        let now = inner.store.now();
        let make = move |tx: &mut store::Tx<'_>| signatures::create_in(tx, &new, now);
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, make);
        Ok::<Answer, ApiError>(made.await?.1)
    };
    idempotent::once(&state, &caller, &headers, ("/v1/signatures", &bytes), work).await
}
