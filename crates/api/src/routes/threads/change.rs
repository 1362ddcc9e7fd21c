use super::ThreadDetail;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Json};
use crate::routes::tags::TagPut;
use crate::state::ApiState;
use axum::extract::State;
use model::access::Scope;
use serde::Deserialize;
use store::{tags, threads};

/// What may change about a conversation.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThreadChange {
    /// Own tags and folders to put on each of its messages, and to take off.
    tags: TagPut,
}

/// Puts own tags on every message of a conversation, or takes them off.
#[utoipa::path(patch, path = "/v1/threads/{id}", tag = "threads", params(("id" = String, Path)),
    request_body = ThreadChange, responses((status = 200, body = ThreadDetail)))]
pub(crate) async fn change_thread(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<ThreadChange>,
) -> Result<axum::Json<ThreadDetail>> {
    caller.need(Scope::Write)?;
    let (thread, _) = threads::get(&state.store, &id).await?;
    caller.must_see(&thread.mailbox_id, "the thread")?;
    let put = value.tags.checked()?;
    tags::on_thread(&state.store, &id, put)
        .await
        .map_err(TagPut::error)?;
    super::get::detail(&state, &id).await.map(axum::Json)
}
