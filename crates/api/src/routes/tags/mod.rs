//! Tags and folders of the application's own, beside the server's.

mod change;
mod create;
mod get;
mod input;
mod list;
mod remove;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::tag::Tag;
use serde::Serialize;
use store::tags;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use input::TagPut;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_tags, create::create_tag))
        .routes(routes!(
            get::get_tag,
            change::change_tag,
            remove::remove_tag
        ))
}

/// A tag or an own folder, with its counts where they were asked for.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct CountedTag {
    #[serde(flatten)]
    tag: Tag,
    /// Messages that have it, of the newest 10,000; with `counts=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<i64>,
    /// Of those, the unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<i64>,
}

/// The tag, if it exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Tag> {
    let mut tag = tags::get(&state.store, id).await?;
    if let Some(mailbox_id) = &tag.mailbox_id {
        caller.must_see(mailbox_id, "the tag")?;
    }
    tag.receives_from.retain(|id| caller.sees(id));
    Ok(tag)
}

/// What is for all mailboxes is not for a token that sees only some to make, change or remove.
fn may_change(caller: &Caller, mailbox_id: Option<&str>) -> Result<()> {
    match mailbox_id {
        Some(id) => caller.must_see(id, "the mailbox"),
        None => caller.need_all_mailboxes(),
    }
}
