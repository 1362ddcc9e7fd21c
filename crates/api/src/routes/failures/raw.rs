use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::routes::{mailboxes, messages};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::access::Scope;
use store::failures;

/// The raw bytes of a message that could not be stored, as the server gave them, where they are kept; ranges are possible.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/failures/{failure_id}/raw", tag = "failures",
    params(("id" = String, Path), ("failure_id" = String, Path), ("Range" = Option<String>, Header)),
    responses((status = 200, body = String, content_type = "message/rfc822"),
              (status = 206, body = String, content_type = "message/rfc822")))]
pub(crate) async fn get_raw_failure(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, failure_id]): Ids<2>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    mailboxes::visible(&state, &caller, &id).await?;
    let (digest, place) = failures::raw(&state.store, &id, &failure_id).await?;
    messages::download(&state.store, &failure_id, place, &digest, &headers).await
}
