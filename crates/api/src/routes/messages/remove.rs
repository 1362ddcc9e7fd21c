use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use store::owed;

/// Moves a message to the trash; one that is there already is removed for good. The server is told
/// as soon as it can be reached.
#[utoipa::path(delete, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    caller.need(Scope::Write)?;
    let message = super::visible(&state, &caller, &id).await?;
    owed::trash(&state.store, &id).await?;
    super::carried_out(&state, &message).await?;
    Ok(StatusCode::NO_CONTENT)
}
