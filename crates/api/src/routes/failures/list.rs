use super::Failure;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::page::{self, Page};
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use serde::Deserialize;
use store::failures;

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The ledger of a mailbox: messages that could not be stored, and why.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/failures", tag = "failures", params(("id" = String, Path), Params),
    responses((status = 200, body = Page<Failure>)))]
pub(crate) async fn list_failures(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Failure>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    mailboxes::visible(&state, &caller, &id).await?;
    let found = failures::list(&state.store, &id, after, limit).await?;
    let page = Page::new(found, limit, |failure| page::id_cursor(&failure.id));
    Ok(Json(Page {
        data: page.data.into_iter().map(Failure::from).collect(),
        next_cursor: page.next_cursor,
    }))
}
