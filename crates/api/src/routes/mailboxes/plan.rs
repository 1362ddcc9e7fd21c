use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use model::access::Scope;
use model::plan::Plan;
use model::traffic::Allowed;

/// What the first synchronisation of a mailbox means: messages and octets by folder, what the provider allows by the day and
/// what was used of it, how fast it goes and when it ends. Before it begins, as its last connection report counted.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/plan", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 200, body = Plan)))]
pub(crate) async fn get_plan(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<axum::Json<Plan>> {
    caller.need(Scope::Read)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    let limits = store::server_profiles::limits_of(&state.store, &mailbox).await?;
    let incoming = mailbox.incoming.as_ref();
    let allowed = incoming.map_or_else(Allowed::default, |side| {
        connect::providers::allowed(side, limits)
    });
    Ok(axum::Json(
        store::plan::of(&state.store, &id, allowed).await?,
    ))
}
