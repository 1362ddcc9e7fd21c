use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use serde::Serialize;
use std::collections::BTreeMap;
use store::{mailboxes, submissions};

/// Numbers for an overview.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Stats {
    /// Mailboxes by the state of their connection.
    mailboxes: BTreeMap<String, i64>,
    /// Messages in the outbox that have not reached their end.
    outbox_depth: i64,
}

/// Numbers for an overview.
#[utoipa::path(get, path = "/v1/stats", tag = "stats", responses((status = 200, body = Stats)))]
pub(crate) async fn get_stats(
    caller: Caller,
    State(state): State<ApiState>,
) -> Result<Json<Stats>> {
    caller.need(Scope::Read)?;
    caller.need_all_mailboxes()?;
    let counts = mailboxes::count_by_connection(&state.store).await?;
    Ok(Json(Stats {
        mailboxes: counts.into_iter().collect(),
        outbox_depth: submissions::depth(&state.store).await?,
    }))
}
