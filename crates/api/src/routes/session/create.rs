use super::{Place, Session};
use crate::error::{ApiError, Result};
use crate::input::Json;
use crate::passwords;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::Secret;
use serde::Deserialize;
use serde_json::json;
use store::{access, audit};

/// Longest password that is looked at.
const PASSWORD_BYTES: usize = 1_024;

/// An address and its password.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The user's address.
    email: String,
    /// The user's password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Signs in: the answer sets the session's cookie.
#[utoipa::path(post, path = "/v1/session", tag = "session", security(()), request_body = SignIn,
    responses((status = 200, body = Session)))]
pub(crate) async fn create_session(
    State(state): State<ApiState>,
    Place(place): Place,
    Json { value, .. }: Json<SignIn>,
) -> Result<Response> {
    let email = value.email.trim().to_lowercase();
    let email: String = email.chars().take(320).collect();
    let both = format!("{place} {email}");
    for (limiter, key) in [(&state.logins, &both), (&state.logins_of_place, &place)] {
        limiter.check(key).map_err(|wait| {
            ApiError::rate_limited("too many wrong passwords: wait before the next try", wait)
        })?;
    }
    // Counted before the answer is known, so that many tries at once do not pass.
    state.logins.count(&both);
    state.logins_of_place.count(&place);
    if value.password.expose().len() > PASSWORD_BYTES {
        return Err(wrong());
    }
    let found = access::find_user(&state.store, &email).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
    let fits = passwords::verify(&state, value.password, hash).await?;
    match user.filter(|_| fits) {
        Some(user) => {
            state.logins.forget(&both);
            state.logins_of_place.forget(&place);
            let detail = json!({"from": place});
            audit::append(&state.store, &user.id, "session.created", &user.id, detail).await?;
            super::begin(&state, user, StatusCode::OK).await
        }
        None => {
            let detail = json!({"from": place});
            audit::append(&state.store, &email, "session.refused", "", detail).await?;
            Err(wrong())
        }
    }
}

fn wrong() -> ApiError {
    ApiError::unauthorized("the address or the password is wrong")
        .remedy("Check both and try again.")
}
