use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use store::tags;

/// Removes a tag or an own folder. Its messages stay, without it.
#[utoipa::path(delete, path = "/v1/tags/{id}", tag = "tags", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_tag(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    caller.need(Scope::Write)?;
    let tag = super::visible(&state, &caller, &id).await?;
    super::may_change(&caller, tag.mailbox_id.as_deref())?;
    tags::remove(&state.store, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
