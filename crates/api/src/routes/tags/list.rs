use super::CountedTag;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use serde::Deserialize;
use store::tags;

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// With `messages` and `unread`, counted among the newest 10,000 messages of each.
    counts: Option<bool>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Tags and own folders, oldest first.
#[utoipa::path(get, path = "/v1/tags", tag = "tags", params(Params),
    responses((status = 200, body = Page<CountedTag>)))]
pub(crate) async fn list_tags(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<CountedTag>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let found = tags::list(&state.store, caller.visible(), after, limit).await?;
    let mut counts = std::collections::HashMap::new();
    if params.counts == Some(true) {
        let ids = found.iter().map(|tag| tag.id.clone()).collect();
        counts = tags::count(&state.store, ids, caller.visible()).await?;
    }
    let counted = found.into_iter().map(|tag| {
        let count = counts.get(&tag.id);
        CountedTag {
            messages: count.map(|count| count.messages),
            unread: count.map(|count| count.unread),
            tag,
        }
    });
    let page = Page::new(counted.collect(), limit, |tag| page::id_cursor(&tag.tag.id));
    Ok(Json(page))
}
