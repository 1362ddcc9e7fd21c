use crate::caller::Caller;
use crate::error::Result;
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json};
use crate::routes::webhooks::input::check_mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::Timestamp;
use model::access::{Scope, Token};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::idempotency::{Key, Stage};
use store::{access, audit};

/// A new token.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// A name for people.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// The only mailboxes that it sees; empty: all.
    #[serde(default)]
    mailbox_ids: Vec<String>,
    /// When it ends; null: never.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A new token with its secret, which is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    info: Token,
    /// The token itself; it cannot be read again.
    token: String,
}

/// Makes a token. It is in the answer and can never be read again.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = NewToken,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = CreatedToken)))]
pub(crate) async fn create_token(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<NewToken>,
) -> Result<Response> {
    super::admit(&caller)?;
    let mut checks = Checks::default();
    checks.line("/name", &value.name, 1, 200);
    if value.scopes.is_empty() {
        checks.refuse("/scopes", "must name at least one scope");
    }
    if value.scopes.len() > Scope::ALL.len() {
        checks.refuse("/scopes", "names a scope twice");
    }
    if value.expires_at.is_some_and(|at| at <= state.store.now()) {
        checks.refuse("/expires_at", "is in the past");
    }
    check_mailboxes(&state, &mut checks, &value.mailbox_ids).await?;
    checks.end()?;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| create(inner, actor, value, key);
    idempotent::once(&state, &caller, &headers, ("/v1/tokens", &bytes), work).await
}

async fn create(
    state: ApiState,
    caller: Caller,
    value: NewToken,
    key: Option<Key>,
) -> Result<Answer> {
    let NewToken {
        name,
        scopes,
        mailbox_ids,
        expires_at,
    } = value;
    let now = state.store.now();
    let work = move |tx: &mut store::Tx<'_>| {
        let (info, secret) =
            access::create_token_in(tx, &name, &scopes, &mailbox_ids, expires_at, now)?;
        let detail =
            json!({"name": info.name, "scopes": info.scopes, "mailbox_ids": info.mailbox_ids});
        audit::append_in(tx, caller.id(), "token.created", &info.id, &detail, now)?;
        Ok(CreatedToken {
            info,
            token: secret.expose().to_owned(),
        })
    };
    let (_, answer) = idempotent::make(&state, key, Stage::Done, StatusCode::CREATED, work).await?;
    Ok(answer)
}
