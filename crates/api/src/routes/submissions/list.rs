use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State as Shared;
use model::access::Scope;
use model::submission::{State, Submission};
use serde::Deserialize;
use store::submissions::{self, Filter};

/// Which ones; what is left out does not narrow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Of this mailbox.
    mailbox_id: Option<String>,
    /// States, separated by commas.
    state: Option<String>,
    /// Only what answers this stored message (`msg_…`), to its sender or as an invitation.
    in_reply_to_message_id: Option<String>,
    /// Only what waits for its time (`send_at`).
    #[serde(default)]
    scheduled: bool,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The outbox, newest first: what is sent through the mailboxes that you see, and what you sent through others.
#[utoipa::path(get, path = "/v1/submissions", tag = "submissions", params(Params),
    responses((status = 200, body = Page<Submission>)))]
pub(crate) async fn list_submissions(
    caller: Caller,
    Shared(state): Shared<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Submission>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let before = page::parse_id_cursor(params.cursor.as_deref())?;
    let words = params.state.as_deref().unwrap_or_default().split(',');
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    let states = words.map(|word| {
        word.parse::<State>()
            .map_err(|detail| ApiError::parameter("state", detail))
    });
    let own = caller.visible().map(|_| caller.id().to_owned());
    let (mailbox_ids, or_sent_by) = match params.mailbox_id {
        Some(id) if caller.sees(&id) => (Some(vec![id]), None),
        Some(_) => (Some(Vec::new()), None),
        None => (caller.visible(), own),
    };
    let filter = Filter {
        mailbox_ids,
        or_sent_by,
        states: states.collect::<Result<_>>()?,
        scheduled: params.scheduled,
        answers: params.in_reply_to_message_id,
    };
    let found = submissions::list(&state.store, filter, before, limit).await?;
    Ok(Json(Page::new(found, limit, |submission| {
        page::id_cursor(&submission.id)
    })))
}
