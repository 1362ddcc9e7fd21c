use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::Mailbox;
use store::mailboxes;

/// Tries a held or waiting mailbox again at once.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/try-again", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Mailbox)))]
pub(crate) async fn try_mailbox_again(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    super::visible(&state, &caller, &id).await?;
    Ok(super::tagged(
        mailboxes::try_again(&state.store, &id).await?,
    ))
}
