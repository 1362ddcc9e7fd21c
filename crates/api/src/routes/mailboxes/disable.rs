use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::{Lifecycle, Mailbox};

/// Switches a mailbox off: nothing is fetched or sent until it is enabled again.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/disable", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Mailbox)))]
pub(crate) async fn disable_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    super::visible(&state, &caller, &id).await?;
    let mailbox = super::set_lifecycle(&state, &caller, &id, Lifecycle::Disabled).await?;
    Ok(super::tagged(mailbox))
}
