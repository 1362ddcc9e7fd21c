use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::auto_reply::AutoReply;
use serde::Deserialize;

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Only of this mailbox.
    mailbox_id: Option<String>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What mailboxes answer by themselves, oldest first.
#[utoipa::path(get, path = "/v1/auto-replies", tag = "auto-replies", params(Params),
    responses((status = 200, body = Page<AutoReply>)))]
pub(crate) async fn list_auto_replies(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<AutoReply>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let only = match params.mailbox_id {
        Some(id) if caller.sees(&id) => Some(vec![id]),
        Some(_) => Some(Vec::new()),
        None => caller.visible(),
    };
    let found = store::auto_replies::list(&state.store, only, after, limit).await?;
    Ok(Json(Page::new(found, limit, |one| {
        page::id_cursor(&one.id)
    })))
}
