use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;

/// Removes a template. What was sent with it stays.
#[utoipa::path(delete, path = "/v1/templates/{id}", tag = "templates", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_template(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    let old = super::visible(&state, &caller, &id).await?;
    super::may_write(&caller, old.mailbox_id.as_deref())?;
    store::templates::remove(&state.store, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
