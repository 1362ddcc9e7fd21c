use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use connect::providers::{Kind, Provider, Wanted};
use model::access::Scope;
use serde::{Deserialize, Serialize};

/// Which providers, and which page of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// The one that has this domain.
    domain: Option<String>,
    /// This kind.
    kind: Option<Kind>,
    /// Words in the id, the name or a domain.
    q: Option<String>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Providers, and how the administrator's file fares.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ProviderPage {
    /// The items.
    data: Vec<Provider>,
    /// Pass it as `cursor` to get the next page; null: this was the last one.
    next_cursor: Option<String>,
    /// The month in which the built-in entries were put together.
    compiled: &'static str,
    /// Why the administrator's file cannot be used; then the last good table is. Null: all is well.
    file_problem: Option<String>,
}

/// All providers: the administrator's entries first, then ours.
#[utoipa::path(get, path = "/v1/providers", tag = "providers", params(Params),
    responses((status = 200, body = ProviderPage)))]
pub(crate) async fn list_providers(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<ProviderPage>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let table = state.providers.current();
    if after.as_ref().is_some_and(|id| table.get(id).is_none()) {
        return Err(ApiError::parameter(
            "cursor",
            "is not a cursor of this list",
        ));
    }
    let wanted = Wanted {
        domain: params.domain,
        kind: params.kind,
        text: params.q,
    };
    let mut found = table.search(&wanted);
    if let Some(after) = after {
        found.by_ref().find(|provider| provider.id == after);
    }
    // One more than asked for shows whether another page follows.
    let mut data: Vec<_> = found.take(limit as usize + 1).cloned().collect();
    let more = data.len() as i64 > limit;
    data.truncate(limit as usize);
    let last = data.last().filter(|_| more);
    let next_cursor = last.map(|provider| page::id_cursor(&provider.id));
    Ok(Json(ProviderPage {
        data,
        next_cursor,
        compiled: table.compiled(),
        file_problem: state.providers.problem(),
    }))
}
