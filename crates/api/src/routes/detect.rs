//! From an address to settings.

use crate::caller::Caller;
use crate::detection;
use crate::error::Result;
use crate::input::Json;
use crate::state::ApiState;
use axum::extract::State;
use connect::detect::DetectRequest;
use model::access::Scope;
use model::detection::Detection;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(detect))
}

/// Whose settings are wanted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectInput {
    /// The mail address.
    address: String,
    /// Whether the public directory may be told the domain; it is asked only where the administrator allows it, too.
    #[serde(default)]
    directory: bool,
    /// Ask every source, even where the best has answered; takes up to 8 s.
    #[serde(default)]
    all: bool,
}

/// Finds the settings for an address, says where they come from and what to do before the first sign-in. No password is
/// needed, and none is sent.
#[utoipa::path(post, path = "/v1/detect", tag = "detect", request_body = DetectInput,
    responses((status = 200, body = Detection)))]
async fn detect(
    caller: Caller,
    State(state): State<ApiState>,
    Json { value, .. }: Json<DetectInput>,
) -> Result<axum::Json<Detection>> {
    caller.need(Scope::Manage)?;
    caller.need_all_mailboxes()?;
    let profiles = detection::profiles(&state, &value.address).await?;
    let request = DetectRequest {
        address: value.address,
        directory: value.directory,
        all: value.all,
        profiles,
    };
    detection::run(&state, &caller, request)
        .await
        .map(axum::Json)
}
