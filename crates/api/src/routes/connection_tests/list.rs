use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::report::Report;
use serde::Deserialize;
use store::reports;

/// Which ones.
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

/// Connection reports, newest first: the last 50 of each mailbox. Without the conversations: `GET` of one report has them.
#[utoipa::path(get, path = "/v1/connection-tests", tag = "connection-tests", params(Params),
    responses((status = 200, body = Page<Report>)))]
pub(crate) async fn list_connection_tests(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Report>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let before = page::parse_id_cursor(params.cursor.as_deref())?;
    let mut found = reports::list(
        &state.store,
        params.mailbox_id,
        caller.visible(),
        before,
        limit,
    )
    .await?;
    for step in found.iter_mut().flat_map(|report| &mut report.steps) {
        step.transcript.clear();
        for sub_step in &mut step.steps {
            sub_step.transcript.clear();
        }
    }
    Ok(Json(Page::new(found, limit, |report| {
        page::id_cursor(&report.id)
    })))
}
