use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::server_profile::ServerProfile;
use serde::Deserialize;
use store::server_profiles;

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

/// Server profiles, oldest first.
#[utoipa::path(get, path = "/v1/server-profiles", tag = "server-profiles", params(Params),
    responses((status = 200, body = Page<ServerProfile>)))]
pub(crate) async fn list_server_profiles(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<ServerProfile>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = page::parse_id_cursor(params.cursor.as_deref())?;
    let found = server_profiles::list(&state.store, after, limit).await?;
    Ok(Json(Page::new(found, limit, |profile| {
        page::id_cursor(&profile.id)
    })))
}
