use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::proving;
use crate::routes::connection_tests::stream;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connect::TestRequest;
use model::mailbox::{Credentials, Logins};
use model::report::{Report, Trigger};
use store::server_profiles;

/// Tests the servers of a profile without signing in: steps 1 to 5 for receiving, and the same inside step 9.
/// `Accept: text/event-stream` streams the steps.
#[utoipa::path(post, path = "/v1/server-profiles/{id}/test", tag = "server-profiles", params(("id" = String, Path)),
    responses((status = 200, body = Report)))]
pub(crate) async fn test_server_profile(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
) -> Result<Response> {
    super::admit(&caller)?;
    let profile = server_profiles::get(&state.store, &id).await?;
    proving::admit(&state, &caller)?;
    let request = TestRequest {
        count: None,
        mailbox_id: None,
        address: String::new(),
        incoming: profile.incoming_as(""),
        outgoing: profile.outgoing_as(""),
        credentials: Credentials::default(),
        login: Logins::default(),
        monitored_folders: Vec::new(),
        test_recipient: None,
        read_only: true,
        test_message_id: None,
        trigger: Trigger::Profile,
    };
    let (on_step, steps) = proving::steps();
    let report = async move { proving::run(&state, request, on_step).await };
    stream::answer(&headers, StatusCode::OK, steps, report).await
}
