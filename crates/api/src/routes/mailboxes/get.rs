use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::Mailbox;

/// One mailbox with the four facts about it.
#[utoipa::path(get, path = "/v1/mailboxes/{id}", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Mailbox, headers(("ETag" = String)))))]
pub(crate) async fn get_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    Ok(super::tagged(super::visible(&state, &caller, &id).await?))
}
