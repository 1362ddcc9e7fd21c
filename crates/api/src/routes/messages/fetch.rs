use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::access::Scope;
use store::messages;

/// Fetches the rest of a message whose header alone is stored. 200: it is whole; 202: it is on its way, and
/// `message.changed` tells when it is there.
#[utoipa::path(post, path = "/v1/messages/{id}/fetch", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = super::MessageShape), (status = 202, body = super::MessageShape)))]
pub(crate) async fn fetch_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    super::visible(&state, &caller, &id).await?;
    super::fetched(&state, &id).await?;
    let message = messages::get(&state.store, &id).await?;
    let mut out = Vec::with_capacity(message.head.len() + 1024);
    message.write_json(&mut out)?;
    let status = if message.complete {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, super::written(out)).into_response())
}
