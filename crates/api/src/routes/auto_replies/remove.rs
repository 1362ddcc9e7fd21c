use super::on_server;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::proving;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use store::{audit, auto_replies};

/// What becomes of it on the mailbox's server.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Leaves it on the mailbox's server, which goes on answering: for a server that is gone for good. Postroom answers for the
    /// mailbox again once that server, or the mailbox's next one, is known to have none.
    #[serde(default)]
    leave_on_server: bool,
}

/// Removes an out of office, with what it knows of who got an answer; on the mailbox's server first, where it stands there.
#[utoipa::path(delete, path = "/v1/auto-replies/{id}", tag = "auto-replies", params(("id" = String, Path), Params),
    responses((status = 204)))]
pub(crate) async fn remove_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<StatusCode> {
    super::may_set(&caller)?;
    let old = super::visible(&state, &caller, &id).await?;
    let detail = json!({"mailbox_id": old.mailbox_id, "on_server": old.on_server});
    if old.on_server.is_some() && !params.leave_on_server {
        let mailbox = mailboxes::visible(&state, &caller, &old.mailbox_id).await?;
        proving::admit(&state, &caller)?;
        on_server::take_away(&state, &mailbox, old).await?;
    }
    auto_replies::remove(&state.store, &id, params.leave_on_server).await?;
    audit::append(&state.store, caller.id(), "auto_reply.removed", &id, detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
