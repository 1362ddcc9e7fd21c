use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Token;
use serde::Deserialize;
use store::access;

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

/// Tokens without their secrets, oldest first.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", params(Params),
    responses((status = 200, body = Page<Token>)))]
pub(crate) async fn list_tokens(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Token>>> {
    super::admit(&caller)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let found = access::list_tokens(&state.store, after, limit).await?;
    Ok(Json(Page::new(found, limit, |token| {
        page::id_cursor(&token.id)
    })))
}
