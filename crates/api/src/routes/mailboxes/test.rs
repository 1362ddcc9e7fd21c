use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::proving;
use crate::routes::connection_tests::stream;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::access::Scope;
use model::report::{Report, Trigger};

/// Tests a mailbox with its stored settings. `Accept: text/event-stream` streams the steps.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/test", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Report)))]
pub(crate) async fn test_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    proving::admit(&state, &caller)?;
    let (on_step, steps) = proving::steps();
    let report = async move {
        let proven = proving::prove(&state, &mailbox, None, Trigger::Button, on_step).await;
        proven.map(|proven| proven.report)
    };
    stream::answer(&headers, axum::http::StatusCode::OK, steps, report).await
}
