use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::signature::Template;
use serde::Deserialize;

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

/// Stored templates, oldest first.
#[utoipa::path(get, path = "/v1/templates", tag = "templates", params(Params),
    responses((status = 200, body = Page<Template>)))]
pub(crate) async fn list_templates(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Template>>> {
    super::may_look(&caller)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let found = store::templates::list(&state.store, caller.visible(), after, limit).await?;
    Ok(Json(Page::new(found, limit, |one| {
        page::id_cursor(&one.id)
    })))
}
