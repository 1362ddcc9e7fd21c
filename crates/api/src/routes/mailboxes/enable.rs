use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Query};
use crate::proving;
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
        proving::admit(&state, &caller)?;
        let on_step = proving::unheard();
        let proven = proving::prove(&state, &mailbox, None, Trigger::Enable, on_step).await?;
        if !proven.current {
            return Err(ApiError::conflict(
                "the settings were changed while they were tested; nothing was switched on",
            )
            .remedy("Enable the mailbox again: its new settings are then tested."));
        }
        if !super::good_enough(&proven.mailbox) {
            return Err(ApiError::test_failed(&proven.report));
        }
    }
    let mailbox = super::set_lifecycle(&state, &caller, &id, Lifecycle::Enabled).await?;
    Ok(super::tagged(mailbox))
}
