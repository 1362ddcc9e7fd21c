use super::Thread;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::Timestamp;
use model::access::Scope;
use model::folder::Role;
use serde::Deserialize;
use store::threads::{self, Filter};

/// Which conversations; what is left out does not narrow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Of this mailbox.
    mailbox_id: Option<String>,
    /// With a message in a folder with this role.
    role: Option<Role>,
    /// With a message that has this own tag, or lies in this own folder: `tag_…`.
    tag_id: Option<String>,
    /// With unread messages, or without.
    unread: Option<bool>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Conversations, the one with the newest message first.
#[utoipa::path(get, path = "/v1/threads", tag = "threads", params(Params),
    responses((status = 200, body = Page<Thread>)))]
pub(crate) async fn list_threads(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Thread>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = params.cursor.as_deref().map(parse_cursor).transpose()?;
    let filter = Filter {
        visible: caller.visible(),
        mailbox_id: params.mailbox_id,
        role: params.role,
        tag: params.tag_id,
        unread: params.unread,
    };
    let found = threads::list(&state.store, filter, after, limit).await?;
    let cursor =
        |found: &threads::Found| page::cursor(&[&found.order.0.to_string(), &found.thread.id]);
    let page = Page::new(found, limit, cursor);
    let data = page.data.into_iter();
    Ok(Json(Page {
        data: data
            .map(|found| Thread::new(found.thread, &found.heads, found.flagged, found.tags))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

fn parse_cursor(text: &str) -> Result<(Timestamp, String)> {
    let [at, id] = page::parse_cursor::<2>(text)?;
    let at = at
        .parse()
        .map_err(|_| ApiError::parameter("cursor", "is not a cursor of this list"))?;
    Ok((Timestamp(at), id))
}
