use super::input::{self, Source};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::Json;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::signature::Template;
use serde::Deserialize;
use store::idempotency::Stage;
use store::templates;

/// A new template.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTemplate)]
pub(crate) struct Input {
    /// A name for people, unique.
    name: String,
    /// The mailbox that alone may send it; left out: all.
    #[serde(default)]
    mailbox_id: Option<String>,
    /// The subject, with variables such as `{{ order.number }}`.
    #[serde(default)]
    subject: String,
    /// The HTML, with variables, which are escaped by where they stand.
    #[serde(default)]
    html: Option<String>,
    /// The text, with variables; left out: made from the HTML.
    #[serde(default)]
    text: Option<String>,
}

/// Stores a template of a message.
#[utoipa::path(post, path = "/v1/templates", tag = "templates", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = Template)))]
pub(crate) async fn create_template(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<Input>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let source = Source {
        subject: value.subject,
        html: value.html,
        text: value.text,
    };
    let new = input::checked(&state, &caller, value.name, value.mailbox_id, source).await?;
    let inner = state.clone();
    let work = |key| async move {
        let now = inner.store.now();
        let make = move |tx: &mut store::Tx<'_>| templates::create_in(tx, &new, now);
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, make);
        Ok::<Answer, ApiError>(made.await?.1)
    };
    idempotent::once(&state, &caller, &headers, ("/v1/templates", &bytes), work).await
}
