use crate::state::ApiState;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "system", security(()),
    responses((status = 200, body = Object)))]
pub(crate) async fn openapi(State(state): State<ApiState>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        state.openapi.clone(),
    )
}
