use super::input;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Checks, Ids, Json};
use crate::state::ApiState;
use axum::extract::State;
use model::event::Origin;
use model::webhook::Webhook;
use serde::Deserialize;
use serde_json::json;
use store::{audit, webhooks};

/// What may change about a webhook; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Where events are posted.
    #[serde(default)]
    url: Option<String>,
    /// Types wanted; empty: all.
    #[serde(default)]
    types: Option<Vec<String>>,
    /// Only these mailboxes; empty: all.
    #[serde(default)]
    mailbox_ids: Option<Vec<String>>,
    /// Origins wanted; empty: all.
    #[serde(default)]
    origins: Option<Vec<Origin>>,
    /// On or off. Switching it on sends what is pending.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Changes a webhook, or switches it on and off.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = WebhookChange, responses((status = 200, body = Webhook)))]
pub(crate) async fn change_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<WebhookChange>,
) -> Result<axum::Json<Webhook>> {
    super::admit(&caller)?;
    let mut checks = Checks::default();
    if let Some(url) = &value.url {
        input::check_url(&mut checks, url);
    }
    input::check_types(&mut checks, value.types.as_deref().unwrap_or_default());
    let ids = value.mailbox_ids.as_deref().unwrap_or_default();
    input::check_mailboxes(&state, &mut checks, ids).await?;
    checks.end()?;
    let change = webhooks::Change {
        url: value.url,
        types: value.types,
        mailbox_ids: value.mailbox_ids,
        origins: value.origins,
        enabled: value.enabled,
    };
    let webhook = webhooks::change(&state.store, &id, change).await?;
    let detail = json!({"url": webhook.url, "enabled": webhook.enabled});
    audit::append(&state.store, caller.id(), "webhook.changed", &id, detail).await?;
    Ok(axum::Json(webhook))
}
