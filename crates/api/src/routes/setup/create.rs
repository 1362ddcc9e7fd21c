use crate::error::{ApiError, Result};
use crate::input::{Checks, Json};
use crate::passwords;
use crate::routes::session::{self, Place, Session};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::Secret;
use serde::Deserialize;
use serde_json::json;
use store::{StoreError, access, audit};

/// Shortest password.
const PASSWORD_CHARS: usize = 10;
/// Longest password.
const PASSWORD_BYTES: usize = 1_024;

/// The first user.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstUser {
    /// The one-time secret from the set-up link.
    #[schema(value_type = String)]
    token: Secret,
    /// A name for people.
    name: String,
    /// The address to sign in with.
    email: String,
    /// At least 10 characters.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Makes the first user, who owns the installation, and signs in.
#[utoipa::path(post, path = "/v1/setup", tag = "setup", security(()), request_body = FirstUser,
    responses((status = 201, body = Session)))]
pub(crate) async fn create_setup(
    State(state): State<ApiState>,
    Place(place): Place,
    Json { value, .. }: Json<FirstUser>,
) -> Result<Response> {
    let mut checks = Checks::default();
    checks.line("/name", value.name.trim(), 1, 200);
    checks.address("/email", value.email.trim());
    let password = value.password.expose();
    if password.chars().count() < PASSWORD_CHARS {
        checks.refuse(
            "/password",
            format!("must have {PASSWORD_CHARS} characters or more"),
        );
    } else if password.len() > PASSWORD_BYTES {
        checks.refuse(
            "/password",
            format!("may have {PASSWORD_BYTES} bytes at most"),
        );
    }
    checks.end()?;
    let key = format!("{place} set-up");
    state
        .logins_of_place
        .check(&key)
        .map_err(|wait| ApiError::rate_limited("too many tries: wait before the next one", wait))?;
    state.logins_of_place.count(&key);
    let hash = passwords::hash(&state, value.password).await?;
    let (name, email) = (value.name.trim(), value.email.trim());
    let made = access::create_owner(&state.store, &value.token, name, email, hash).await;
    let user = made.map_err(|error| match error {
        StoreError::NotFound(_) => {
            ApiError::forbidden("this set-up link is not the one that was printed last")
                .remedy("Start Postroom again: it prints a new set-up link while there is no user.")
        }
        other => other.into(),
    })?;
    let detail = json!({"email": user.email, "from": place});
    audit::append(&state.store, &user.id, "user.created", &user.id, detail).await?;
    session::begin(&state, user, StatusCode::CREATED).await
}
