//! The console's session.

mod change;
mod create;
mod get;
mod remove;

use crate::cookies;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::access::User;
use serde::Serialize;
use std::net::SocketAddr;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(
        get::get_session,
        create::create_session,
        change::change_session,
        remove::remove_session
    ))
}

/// Who is signed in.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Session {
    /// The user.
    user: User,
}

/// Where a request comes from; empty where that is not known.
pub(crate) struct Place(pub(crate) String);

impl FromRequestParts<ApiState> for Place {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Self::Rejection> {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(
            from.map_or_else(String::new, |from| from.ip().to_string()),
        ))
    }
}

/// Begins a session: the cookie, and who is signed in now.
pub(crate) async fn begin(state: &ApiState, user: User, status: StatusCode) -> Result<Response> {
    let secret = store::access::create_session(&state.store, &user.id).await?;
    let cookie = cookies::set(state, secret.expose()).ok_or_else(ApiError::internal)?;
    let mut response = (status, Json(Session { user })).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// A response that takes the cookie away.
fn without_cookie(state: &ApiState) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let cookie = cookies::set(state, "").unwrap_or(HeaderValue::from_static(""));
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
