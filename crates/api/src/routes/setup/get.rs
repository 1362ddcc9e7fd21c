use crate::error::Result;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use store::access;

/// Whether the first user is still to be made.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Setup {
    /// There is no user yet.
    needed: bool,
}

/// Whether the first user is still to be made.
#[utoipa::path(get, path = "/v1/setup", tag = "setup", security(()), responses((status = 200, body = Setup)))]
pub(crate) async fn get_setup(State(state): State<ApiState>) -> Result<Json<Setup>> {
    let needed = access::setup_needed(&state.store).await?;
    Ok(Json(Setup { needed }))
}
