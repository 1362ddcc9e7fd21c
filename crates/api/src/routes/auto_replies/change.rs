use super::input::AutoReplyInput;
use super::on_server;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Json};
use crate::proving;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use model::auto_reply::AutoReply;
use serde_json::json;
use store::{audit, auto_replies};

/// Changes an out of office; what is left out stays. Switched on, or handed to the mailbox's server or back, it begins anew: who had
/// an answer before gets another. Where the mailbox's server answers (`place: server`) the change is made there first: if the server
/// does not take it, nothing is changed.
#[utoipa::path(patch, path = "/v1/auto-replies/{id}", tag = "auto-replies", params(("id" = String, Path)),
    request_body = AutoReplyInput, responses((status = 200, body = AutoReply)))]
pub(crate) async fn change_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<AutoReplyInput>,
) -> Result<axum::Json<AutoReply>> {
    super::may_set(&caller)?;
    let old = super::visible(&state, &caller, &id).await?;
    if value
        .mailbox_id
        .as_ref()
        .is_some_and(|id| *id != old.mailbox_id)
    {
        let text = "stays as it is: make one for the other mailbox";
        return Err(ApiError::field("/mailbox_id", text));
    }
    let mailbox = mailboxes::visible(&state, &caller, &old.mailbox_id).await?;
    let new = value.settings(Some(&old.settings), &mailbox.address)?;
    let changed = if on_server::concerned(&old, &new) {
        proving::admit(&state, &caller)?;
        on_server::change(&state, &mailbox, old, new).await?
    } else {
        let change = move |old: &AutoReply| {
            let new = value.settings(Some(&old.settings), &mailbox.address)?;
            if on_server::concerned(old, &new) {
                let text = "somebody has changed the out of office meanwhile: read it again";
                return Err(ApiError::conflict(text));
            }
            Ok(new)
        };
        auto_replies::change::<ApiError>(&state.store, &id, change).await?
    };
    let detail = json!({"mailbox_id": changed.mailbox_id, "enabled": changed.settings.enabled});
    audit::append(&state.store, caller.id(), "auto_reply.changed", &id, detail).await?;
    Ok(axum::Json(changed))
}
