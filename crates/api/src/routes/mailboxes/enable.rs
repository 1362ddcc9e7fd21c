use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Query};
use crate::reporter;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::{Lifecycle, Mailbox};
use model::report::Trigger;
use serde::Deserialize;

/// How.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// `false` switches it on without a test.
    test: Option<bool>,
}

/// Tests a mailbox and switches it on if receiving works (or sending, where it only sends). If it
/// does not work: 409 with the words of the step that failed.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/enable", tag = "mailboxes",
    params(("id" = String, Path), Params), responses((status = 200, body = Mailbox)))]
pub(crate) async fn enable_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    if params.test != Some(false) {
        reporter::admit(&state, &caller)?;
        let on_step = reporter::unheard();
        let (proven, report) =
            reporter::prove(&state, &mailbox, None, Trigger::Enable, on_step).await?;
        if !super::good_enough(&proven) {
            return Err(ApiError::test_failed(&report));
        }
    }
    let mailbox = super::set_lifecycle(&state, &caller, &id, Lifecycle::Enabled).await?;
    Ok(super::tagged(mailbox))
}
