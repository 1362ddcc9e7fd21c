use crate::caller::Caller;
use crate::error::{ApiError, InUseBy, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use store::audit;
use store::server_profiles::{self, Removal};

/// Removes a server profile. While mailboxes use it: 409 with their list.
#[utoipa::path(delete, path = "/v1/server-profiles/{id}", tag = "server-profiles", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_server_profile(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    super::admit(&caller)?;
    match server_profiles::remove(&state.store, &id).await? {
        Removal::Removed => {}
        Removal::InUse(users, count) => {
            let detail = match count {
                1 => "a mailbox uses this server profile".to_owned(),
                many => format!("{many} mailboxes use this server profile"),
            };
            let users = users.into_iter().map(|user| InUseBy {
                id: user.id,
                address: user.address,
            });
            return Err(ApiError::in_use(detail, users.collect()));
        }
    }
    audit::append(
        &state.store,
        caller.id(),
        "server_profile.removed",
        &id,
        json!({}),
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
