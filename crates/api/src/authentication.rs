//! How a request tells who asks: a token in its header, or the session of its cookie.
//!
//! A token is looked up once a second at most; in between, memory answers. So a revoked token is
//! refused within a second on every node, and at once on the node that revoked it.

use crate::caller::Caller;
use crate::cookies;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use store::access;

/// What a page of ours adds to each request that changes something; a foreign page cannot.
const CSRF: HeaderName = HeaderName::from_static("x-postroom-csrf");

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self> {
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let secret = value.to_str().ok().and_then(bearer);
            let secret = secret.ok_or_else(|| {
                ApiError::unauthorized("the Authorization header is not `Bearer prm_…`")
            })?;
            return by_token(state, secret).await;
        }
        let session = cookies::session(state, &parts.headers).ok_or_else(|| {
            ApiError::unauthorized("the request has neither a token nor a session")
        })?;
        if parts.method != Method::GET && parts.method != Method::HEAD {
            csrf(&parts.headers)?;
        }
        by_session(state, &session).await
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && secret.starts_with(access::TOKEN_PREFIX))
        .then_some(secret)
}

fn csrf(headers: &HeaderMap) -> Result<()> {
    if headers.contains_key(&CSRF) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "a request with the session cookie that changes something needs the header X-Postroom-CSRF: 1",
    ))
}

async fn by_token(state: &ApiState, secret: &str) -> Result<Caller> {
    let digest = access::secret_digest(secret);
    if let Some(caller) = state.callers.find(&digest) {
        return Ok(caller);
    }
    let token = access::token_by_digest(&state.store, &digest).await?;
    let token = token.ok_or_else(|| {
        ApiError::unauthorized("this token is not known, was revoked, or has ended")
    })?;
    let caller = Caller::of_token(&token, &digest);
    state.callers.remember(digest, caller.clone());
    let state = state.clone();
    // Beside the request: a full disk must not keep anyone from reading.
    tokio::spawn(async move {
        if let Err(error) = access::token_used(&state.store, &token).await {
            tracing::warn!(%error, "could not note that a token was used");
        }
    });
    Ok(caller)
}

async fn by_session(state: &ApiState, secret: &str) -> Result<Caller> {
    let digest = access::secret_digest(secret);
    if let Some(caller) = state.callers.find(&digest) {
        return Ok(caller);
    }
    let found = access::session_user(&state.store, &digest).await?;
    let (user, _) =
        found.ok_or_else(|| ApiError::unauthorized("the session has ended: sign in again"))?;
    let caller = Caller::of_user(user, &digest);
    state.callers.remember(digest, caller.clone());
    Ok(caller)
}

/// Whether the token or session still holds: streams ask from time to time.
pub(crate) async fn still_there(state: &ApiState, caller: &Caller) -> bool {
    let known = match caller.user() {
        Some(_) => access::session_user(&state.store, caller.digest())
            .await
            .map(|found| found.is_some()),
        None => access::token_by_digest(&state.store, caller.digest())
            .await
            .map(|found| found.is_some()),
    };
    // A database that does not answer now is no reason to send anyone away.
    known.unwrap_or(true)
}
