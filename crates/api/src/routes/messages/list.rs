use super::{MessageShape, query};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::Timestamp;
use model::access::Scope;
use model::folder::Role;
use model::message::Direction;
use serde::Deserialize;
use store::messages::{self, After, Filter};

/// Longest search.
const QUERY_BYTES: usize = 2_000;

/// Tags that one list can ask for.
const TAGS: usize = 20;

/// Which messages; what is left out does not narrow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Of this mailbox.
    mailbox_id: Option<String>,
    /// In this folder.
    folder_id: Option<String>,
    /// In folders with this role.
    role: Option<Role>,
    /// Of this conversation.
    thread_id: Option<String>,
    /// With this own tag, or in this own folder: `tag_…`; several, separated by commas: with all of them.
    tag_id: Option<String>,
    /// With this label, on a server that has labels (Gmail): a name as in `labels`, such as `Customers/Acme` or `\\Important`.
    label: Option<String>,
    /// Words, `"phrases"`, and `from:`, `to:`, `subject:`, `has:attachment`, `is:unread`, `label:`, `before:`, `after:`.
    q: Option<String>,
    /// From an address with this text in it.
    from: Option<String>,
    /// Received at this time or later.
    since: Option<Timestamp>,
    /// Received before this time.
    before: Option<Timestamp>,
    /// Not yet read, or read.
    unread: Option<bool>,
    /// Marked, or not.
    flagged: Option<bool>,
    /// With attachments, or without.
    has_attachments: Option<bool>,
    /// Received or sent.
    direction: Option<Direction>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Messages, newest first, of all mailboxes or narrowed.
#[utoipa::path(get, path = "/v1/messages", tag = "messages", params(Params),
    responses((status = 200, body = Page<MessageShape>)))]
pub(crate) async fn list_messages(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let after = params.cursor.as_deref().map(parse_cursor).transpose()?;
    let filter = filter(params, &caller)?;
    let page = match filter {
        Some(filter) => messages::list(&state.store, filter, after, limit).await?,
        None => messages::Page::default(),
    };
    let mut body = Vec::with_capacity(page.messages.iter().map(|m| m.head.len() + 700).sum());
    body.extend_from_slice(b"{\"data\":");
    super::write_array(&mut body, &page.messages)?;
    body.extend_from_slice(b",\"next_cursor\":");
    let next = page
        .next
        .map(|next| page::cursor(&[&next.at.0.to_string(), &next.id]));
    serde_json::to_writer(&mut body, &next)?;
    body.push(b'}');
    Ok(super::written(body))
}

/// `None`: nothing can be found.
fn filter(params: Params, caller: &Caller) -> Result<Option<Filter>> {
    let mut filter = Filter {
        visible: caller.visible(),
        mailbox_id: params.mailbox_id,
        folder_id: params.folder_id,
        role: params.role,
        thread_id: params.thread_id,
        tags: params
            .tag_id
            .iter()
            .flat_map(|ids| ids.split(','))
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty())
            .take(TAGS)
            .collect(),
        label: params.label.filter(|label| !label.is_empty()),
        from: params
            .from
            .into_iter()
            .filter(|from| !from.is_empty())
            .collect(),
        since: params.since,
        before: params.before,
        unread: params.unread,
        flagged: params.flagged,
        has_attachments: params.has_attachments,
        direction: params.direction,
        ..Filter::default()
    };
    if let Some(q) = params.q {
        if q.len() > QUERY_BYTES {
            return Err(ApiError::parameter(
                "q",
                format!("may have {QUERY_BYTES} bytes at most"),
            ));
        }
        if !query::narrow(&mut filter, &q) {
            return Ok(None);
        }
    }
    if let (Some(visible), Some(id)) = (&filter.visible, &filter.mailbox_id)
        && visible.contains(id)
    {
        // One condition says it all, and lets the mailbox's own index be used.
        filter.visible = None;
    }
    Ok(Some(filter))
}

fn parse_cursor(text: &str) -> Result<After> {
    let [at, id] = page::parse_cursor::<2>(text)?;
    let at = at
        .parse()
        .map_err(|_| ApiError::parameter("cursor", "is not a cursor of this list"))?;
    Ok(After {
        at: Timestamp(at),
        id,
    })
}
