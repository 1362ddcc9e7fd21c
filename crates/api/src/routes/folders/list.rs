use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::page::{self, Page};
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::folder::Folder;
use serde::Deserialize;
use store::folders;

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

/// The folders of a mailbox, by path, with their counts and progress.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/folders", tag = "folders", params(("id" = String, Path), Params),
    responses((status = 200, body = Page<Folder>)))]
pub(crate) async fn list_folders(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Folder>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    mailboxes::visible(&state, &caller, &id).await?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let mut all = folders::list(&state.store, &id).await?;
    all.sort_by(|a, b| (&a.path, &a.id).cmp(&(&b.path, &b.id)));
    let start = match after {
        None => 0,
        // A folder that is gone meanwhile: the list begins again rather than ending early.
        Some(id) => all
            .iter()
            .position(|folder| folder.id == id)
            .map_or(0, |i| i + 1),
    };
    let found: Vec<_> = all.into_iter().skip(start).take(limit as usize).collect();
    Ok(Json(Page::new(found, limit, |folder| {
        page::id_cursor(&folder.id)
    })))
}
