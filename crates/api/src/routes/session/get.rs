use super::Session;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use axum::Json;

/// Who is signed in.
#[utoipa::path(get, path = "/v1/session", tag = "session", responses((status = 200, body = Session)))]
pub(crate) async fn get_session(caller: Caller) -> Result<Json<Session>> {
    match caller.user() {
        Some(user) => Ok(Json(Session { user: user.clone() })),
        None => Err(ApiError::unauthorized("a token is no session")),
    }
}
