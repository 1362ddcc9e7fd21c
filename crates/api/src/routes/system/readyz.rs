use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Requests can be served: the database answers, and the server is not stopping. That a mailbox is
/// ill does not matter here.
#[utoipa::path(get, path = "/readyz", tag = "system", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<&'static str> {
    if state.shutdown.is_cancelled() {
        let detail = "the server is stopping";
        return Err(
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail).retry_after(10),
        );
    }
    let asked = state
        .store
        .db
        .read(|tx| tx.row("SELECT 1", &[]).map(|_| ()));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(store::StoreError::Unavailable("no answer in time".into()).into()),
    }
}
