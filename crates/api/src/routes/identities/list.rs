use super::SeenIdentity;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store::identities::{self, Filter};

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Only of this mailbox.
    mailbox_id: Option<String>,
    /// Only with this address.
    address: Option<String>,
    /// Only those that whoever asks may send as.
    #[serde(default)]
    usable: bool,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Identities of the mailboxes that you see or may send through, oldest first.
#[utoipa::path(get, path = "/v1/identities", tag = "identities", params(Params),
    responses((status = 200, body = Page<SeenIdentity>)))]
pub(crate) async fn list_identities(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<SeenIdentity>>> {
    super::may_look(&caller)?;
    let limit = page::limit(params.limit)?;
    let mut after = page::parse_id_cursor(params.cursor.as_deref())?;
    let filter = Filter {
        mailbox_ids: caller.visible(),
        or_shared: true,
        of_mailbox: params.mailbox_id,
        address: params.address.map(|address| address.trim().to_owned()),
    };
    // Who may use one is a rule, no column: those that are not for this caller are passed over, page by page of the table.
    let mut found = Vec::new();
    loop {
        let more = identities::list(&state.store, filter.clone(), after.clone(), limit).await?;
        let whole = more.len() as i64 == limit;
        after = more.last().map(|identity| identity.id.clone());
        let seen = more.into_iter().map(|one| super::seen(&caller, one));
        found.extend(seen.filter(|one| one.usable || !params.usable));
        if !whole || found.len() as i64 >= limit {
            break;
        }
    }
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Json(Page::new(found, limit, |one| {
        page::id_cursor(&one.identity.id)
    })))
}
