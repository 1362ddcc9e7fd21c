use super::Owed;
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
use store::owed;

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

/// Changes that the mailbox's server has not confirmed, in the order in which they were asked for, and those that failed in
/// the last 30 days.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/owed", tag = "owed", params(("id" = String, Path), Params),
    responses((status = 200, body = Page<Owed>)))]
pub(crate) async fn list_owed(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Owed>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    mailboxes::visible(&state, &caller, &id).await?;
    let found = owed::list(&state.store, &id, after, limit).await?;
    let page = Page::new(found, limit, |entry| page::id_cursor(&entry.id));
    Ok(Json(Page {
        data: page.data.into_iter().map(Owed::from).collect(),
        next_cursor: page.next_cursor,
    }))
}
