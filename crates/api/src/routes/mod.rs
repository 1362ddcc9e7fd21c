//! Every route, registered once together with its description.

mod audit;
mod auto_replies;
mod connection_tests;
mod detect;
mod events;
mod failures;
mod folders;
mod identities;
mod jobs;
pub(crate) mod mailboxes;
mod messages;
mod owed;
mod problems;
mod providers;
mod server_profiles;
mod session;
mod setup;
mod signatures;
mod stats;
mod submissions;
mod system;
mod tags;
mod templates;
mod threads;
mod tokens;
mod uploads;
mod webhooks;

use crate::error::ApiError;
use crate::state::{ApiState, Setup};
use crate::{layers, openapi};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, extract::Request};
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// All routes with their descriptions.
fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(system::routes())
        .merge(setup::routes())
        .merge(session::routes())
        .merge(mailboxes::routes())
        .merge(server_profiles::routes())
        .merge(connection_tests::routes())
        .merge(detect::routes())
        .merge(folders::routes())
        .merge(failures::routes())
        .merge(owed::routes())
        .merge(messages::routes())
        .merge(threads::routes())
        .merge(tags::routes())
        .merge(submissions::routes())
        .merge(identities::routes())
        .merge(uploads::routes())
        .merge(signatures::routes())
        .merge(templates::routes())
        .merge(jobs::routes())
        .merge(auto_replies::routes())
        .merge(events::routes())
        .merge(webhooks::routes())
        .merge(tokens::routes())
        .merge(problems::routes())
        .merge(providers::routes())
        .merge(audit::routes())
        .merge(stats::routes())
}

/// The whole description (OpenAPI 3.1).
pub fn document() -> OpenApi {
    let (_, document) = described().split_for_parts();
    openapi::complete(document)
}

/// The API as a service.
pub fn router(setup: Setup) -> Router {
    let (router, document) = described().split_for_parts();
    let description = openapi::complete(document).to_json().unwrap_or_default();
    let state = ApiState::new(&setup, description.into());
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(submissions::merging::run(state.clone()));
        runtime.spawn(submissions::copying::run(state.clone()));
    }
    let fallback = setup.fallback;
    let router = router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(move |request: Request| elsewhere(request, fallback.clone()))
        .with_state(state);
    layers::wrap(router)
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} does not know {method}", uri.path()),
    )
}

/// What is no route: a page of the console, or nothing.
async fn elsewhere(request: Request, fallback: Option<Router>) -> Response {
    let path = request.uri().path();
    let ours = path == "/v1" || path.starts_with("/v1/");
    match fallback {
        Some(console) if !ours => console.oneshot(request).await.into_response(),
        _ => ApiError::not_found("the resource").into_response(),
    }
}
