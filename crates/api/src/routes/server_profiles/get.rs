use crate::caller::Caller;
use crate::error::Result;
use crate::etag;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::server_profile::ServerProfile;
use store::server_profiles;

/// One server profile.
#[utoipa::path(get, path = "/v1/server-profiles/{id}", tag = "server-profiles", params(("id" = String, Path)),
    responses((status = 200, body = ServerProfile, headers(("ETag" = String)))))]
pub(crate) async fn get_server_profile(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let profile = server_profiles::get(&state.store, &id).await?;
    Ok(etag::tagged(profile.version, profile))
}
