use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{self, Ids};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::completeness::Audit;
use model::mailbox::Lifecycle;
use serde::Deserialize;
use store::completeness;

/// What the audit is to do.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditWish {
    /// Whether differences are repaired.
    #[serde(default)]
    repair: bool,
}

/// Has everything compared with the server: each folder's messages, their flags and sizes. The answer comes at once; the
/// audit has ended when `asked_at` is null.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/audit", tag = "mailboxes", params(("id" = String, Path)),
    request_body = AuditWish, responses((status = 202, body = Audit)))]
pub(crate) async fn audit_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    wish: input::Json<AuditWish>,
) -> Result<(StatusCode, Json<Audit>)> {
    caller.need(Scope::Manage)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    if mailbox.incoming.is_none() {
        return Err(ApiError::conflict(
            "the mailbox receives nothing, so there is nothing to compare",
        ));
    }
    if mailbox.lifecycle != Lifecycle::Enabled {
        return Err(ApiError::conflict(
            "the mailbox is not enabled, so nobody asks its server",
        ));
    }
    let audit = completeness::ask(&state.store, &id, wish.value.repair).await?;
    Ok((StatusCode::ACCEPTED, Json(audit)))
}

/// The last audit, folder by folder, and whether one is asked for.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/audit", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Audit)))]
pub(crate) async fn get_audit(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Audit>> {
    caller.need(Scope::Read)?;
    super::visible(&state, &caller, &id).await?;
    Ok(Json(completeness::get(&state.store, &id).await?))
}
