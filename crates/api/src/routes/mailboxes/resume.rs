use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::{Lifecycle, Mailbox};

/// Wakes a paused mailbox.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/resume", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Mailbox)))]
pub(crate) async fn resume_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    match mailbox.lifecycle {
        Lifecycle::Enabled => Ok(super::tagged(mailbox)),
        Lifecycle::Paused => {
            let mailbox = super::set_lifecycle(&state, &caller, &id, Lifecycle::Enabled).await?;
            Ok(super::tagged(mailbox))
        }
        other => Err(ApiError::new(
            StatusCode::CONFLICT,
            "mailbox_not_enabled",
            format!("the mailbox is not paused but {other}: enable it instead"),
        )),
    }
}
