use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::job::Job;
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

/// Your jobs, newest first; all of them for administrators.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(Params),
    responses((status = 200, body = Page<Job>)))]
pub(crate) async fn list_jobs(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Job>>> {
    caller.need(Scope::Send)?;
    let limit = page::limit(params.limit)?;
    let before = page::parse_id_cursor(params.cursor.as_deref())?;
    let owner = (!caller.administers()).then(|| caller.id().to_owned());
    let found = store::jobs::list(&state.store, owner, before, limit).await?;
    Ok(Json(Page::new(found, limit, |job| {
        page::id_cursor(&job.id)
    })))
}
