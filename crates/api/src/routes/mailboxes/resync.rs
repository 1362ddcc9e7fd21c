use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::Mailbox;
use store::folders;

/// Looks through all folders again from the beginning; what is stored is not fetched twice.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/resync", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Mailbox)))]
pub(crate) async fn resync_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    super::visible(&state, &caller, &id).await?;
    folders::resync(&state.store, &id).await?;
    Ok(super::tagged(super::visible(&state, &caller, &id).await?))
}
