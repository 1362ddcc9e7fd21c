use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::mailbox::{Mailbox, OwnerKind};
use serde::Deserialize;
use store::mailboxes;

/// Which ones; what is left out does not narrow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Of owners of this kind.
    owner_kind: Option<OwnerKind>,
    /// Of the owner with this name.
    owner: Option<String>,
}

/// Mailboxes, oldest first.
#[utoipa::path(get, path = "/v1/mailboxes", tag = "mailboxes", params(Params),
    responses((status = 200, body = Page<Mailbox>)))]
pub(crate) async fn list_mailboxes(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Mailbox>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let filter = mailboxes::Filter {
        ids: caller.visible(),
        owner_kind: params.owner_kind,
        owner: params.owner,
    };
    let found = mailboxes::list(&state.store, filter, after, limit).await?;
    Ok(Json(Page::new(found, limit, |mailbox| {
        page::id_cursor(&mailbox.id)
    })))
}
