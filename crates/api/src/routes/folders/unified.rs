use crate::caller::Caller;
use crate::error::Result;
use crate::page::Page;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::folder::Unified;
use store::folders;

/// The folders of each role over all mailboxes that the caller sees, with their counts. `GET /v1/messages?role=inbox` and
/// `GET /v1/threads?role=inbox` list what is in them.
#[utoipa::path(get, path = "/v1/unified-folders", tag = "folders", responses((status = 200, body = Page<Unified>)))]
pub(crate) async fn list_unified_folders(
    caller: Caller,
    State(state): State<ApiState>,
) -> Result<Json<Page<Unified>>> {
    caller.need(Scope::Read)?;
    let data = folders::unified(&state.store, caller.visible()).await?;
    Ok(Json(Page {
        data,
        next_cursor: None,
    }))
}
