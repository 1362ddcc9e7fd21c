use super::input;
use crate::caller::Caller;
use crate::error::Result;
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::event::Origin;
use model::webhook::Webhook;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::idempotency::{Key, Stage};
use store::{audit, webhooks};

/// A new webhook.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where events are posted.
    url: String,
    /// Types wanted (`message.*` stands for a family); empty: all.
    #[serde(default)]
    types: Vec<String>,
    /// Only these mailboxes; empty: all.
    #[serde(default)]
    mailbox_ids: Vec<String>,
    /// Origins wanted; empty: all.
    #[serde(default)]
    origins: Vec<Origin>,
}

/// A new webhook with its signing secret, which is shown this once.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    webhook: Webhook,
    /// The signing secret (Standard Webhooks 1.0); it cannot be read again.
    secret: String,
}

/// Adds a webhook. Its signing secret is in the answer and can never be read again.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = CreatedWebhook)))]
pub(crate) async fn create_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<NewWebhook>,
) -> Result<Response> {
    super::admit(&caller)?;
    let mut checks = Checks::default();
    input::check_url(&mut checks, &value.url);
    input::check_types(&mut checks, &value.types);
    input::check_mailboxes(&state, &mut checks, &value.mailbox_ids).await?;
    checks.end()?;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| create(inner, actor, value, key);
    idempotent::once(&state, &caller, &headers, ("/v1/webhooks", &bytes), work).await
}

async fn create(
    state: ApiState,
    caller: Caller,
    value: NewWebhook,
    key: Option<Key>,
) -> Result<Answer> {
    let new = webhooks::NewWebhook {
        url: value.url,
        types: value.types,
        mailbox_ids: value.mailbox_ids,
        origins: value.origins,
    };
    let store = state.store.clone();
    let work = move |tx: &mut store::Tx<'_>| {
        let (webhook, secret) = webhooks::create_in(&store, tx, &new)?;
        let detail = json!({"url": webhook.url});
        let actor = caller.id();
        audit::append_in(
            tx,
            actor,
            "webhook.created",
            &webhook.id,
            &detail,
            store.now(),
        )?;
        Ok(CreatedWebhook {
            webhook,
            secret: secret.expose().to_owned(),
        })
    };
    let (_, answer) = idempotent::make(&state, key, Stage::Done, StatusCode::CREATED, work).await?;
    Ok(answer)
}
