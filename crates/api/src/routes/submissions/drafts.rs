//! Messages that are being written: kept here as a submission takes them, with a copy in the server's Drafts folder, which
//! [`super::copying`] makes a while after the last change.

use super::author::{self, Sender};
use super::input::NewSubmission;
use super::ready::{Ready, Stamp, fits};
use super::{compose, create};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::etag;
use crate::idempotent;
use crate::input::{self, Checks, Ids, Json, LargeJson, Query};
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use model::Timestamp;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::drafts::{self, OnServer, Version};
use store::idempotency::Stage;

/// What was written, as a submission takes it.
type Content = Map<String, Value>;
/// The ETag of a draft that was just begun.
const FIRST_VERSION: HeaderValue = HeaderValue::from_static("\"1\"");
/// What only a finished message has.
const NOT_YET: [&str; 5] = [
    "raw_base64",
    "envelope",
    "send_at",
    "draft_id",
    "draft_version",
];

/// Where the copy of a draft's newest version is.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Copied {
    /// On its way: it is made a while after the last change.
    Owed,
    /// In the Drafts folder.
    Stored,
    /// Another program wrote another text in its place, which is the message `message_id`.
    Changed,
    /// It was there, and somebody took it away.
    Gone,
    /// The mailbox has no Drafts folder that can be written to.
    None,
}

/// A message that is being written.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Draft {
    /// `drf_…`
    id: String,
    /// The mailbox that is to send it.
    mailbox_id: String,
    /// What was written: the fields of a submission.
    #[schema(value_type = Object)]
    content: Value,
    /// Grows with each change.
    version: i64,
    /// What lies in the Drafts folder, once it is known here: the copy (while a newer one is `owed`, what that takes the place of),
    /// or what another program made of it.
    message_id: Option<String>,
    /// Where the copy is.
    on_server: Copied,
    /// When it was begun.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl From<drafts::Draft> for Draft {
    fn from(draft: drafts::Draft) -> Self {
        Self {
            id: draft.id,
            mailbox_id: draft.mailbox_id,
            content: draft.content,
            version: draft.version,
            message_id: draft.message_id,
            on_server: match draft.on_server {
                OnServer::Owed => Copied::Owed,
                OnServer::Stored => Copied::Stored,
                OnServer::Changed => Copied::Changed,
                OnServer::Gone => Copied::Gone,
                OnServer::None => Copied::None,
            },
            created_at: draft.created_at,
            updated_at: draft.updated_at,
        }
    }
}

/// Which drafts are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only of this mailbox.
    mailbox_id: Option<String>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The messages that are being written here, what was begun last first.
#[utoipa::path(get, path = "/v1/drafts", tag = "submissions", params(Asked), responses((status = 200, body = Page<Draft>)))]
pub(crate) async fn list_drafts(
    caller: Caller,
    State(state): State<ApiState>,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<Page<Draft>>> {
    caller.need(Scope::Read)?;
    let limit = page::limit(asked.limit)?;
    let before = page::parse_id_cursor(asked.cursor.as_deref())?;
    let only = match asked.mailbox_id {
        Some(id) if caller.sees(&id) => Some(vec![id]),
        Some(_) => Some(Vec::new()),
        None => caller.visible(),
    };
    let found = drafts::list(&state.store, only, before, limit).await?;
    let found = found.into_iter().map(Draft::from).collect();
    Ok(axum::Json(Page::new(found, limit, |draft: &Draft| {
        page::id_cursor(&draft.id)
    })))
}

/// Begins a draft: the fields of a submission, whatever is there of them yet. Its files are uploaded before. A copy goes to the
/// Drafts folder of the mailbox's server a while after the last change; with `replaces_message_id` (a message of that folder, from another program) in its place.
#[utoipa::path(post, path = "/v1/drafts", tag = "submissions", request_body = NewSubmission,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = Draft)))]
pub(crate) async fn create_draft(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    LargeJson { json, place }: LargeJson<Content>,
) -> Result<Response> {
    let Json { mut value, bytes } = json;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| async move {
        let replaces = replaced(&inner, &actor, &mut value).await?;
        let (pace, now) = (inner.store.drafts, inner.store.now());
        let version = prepared(&inner, &actor, drafts::fresh(now), 0, value, replaces).await?;
        let begin = move |tx: &mut store::Tx<'_>| {
            Ok(Draft::from(drafts::save_in(tx, &version, pace, now)?))
        };
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, begin).await;
        drop(place);
        Ok(made?.1)
    };
    let made = idempotent::once_in_one(&state, &caller, &headers, ("/v1/drafts", &bytes), work);
    let mut made = made.await?;
    if made.status() == StatusCode::CREATED {
        made.headers_mut().insert(header::ETAG, FIRST_VERSION);
    }
    Ok(made)
}

/// One draft.
#[utoipa::path(get, path = "/v1/drafts/{id}", tag = "submissions", params(("id" = String, Path)),
    responses((status = 200, body = Draft)))]
pub(crate) async fn get_draft(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let draft = Draft::from(visible(&state, &caller, &id).await?);
    Ok(etag::tagged(draft.version, draft))
}

/// Changes a draft, by any of the fields of a submission: those that are given take the place of what was there, null takes one away. With `version`
/// or `If-Match`, only where it is still that one. What another program has changed on the server (`on_server` is `changed`) is
/// written over only with `replaces_message_id`, which names what it made of the draft.
#[utoipa::path(patch, path = "/v1/drafts/{id}", tag = "submissions", params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = NewSubmission, responses((status = 200, body = Draft)))]
pub(crate) async fn change_draft(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    LargeJson {
        json: Json { mut value, .. },
        place: _place,
    }: LargeJson<Content>,
) -> Result<Response> {
    caller.need(Scope::Send)?;
    let old = visible(&state, &caller, &id).await?;
    etag::wanted(&headers, old.version)?;
    let version = version(&mut value)?.unwrap_or(old.version);
    let replaces = replaced(&state, &caller, &mut value).await?;
    let mut content = match old.content {
        Value::Object(content) => content,
        _ => Content::new(),
    };
    for (name, change) in value {
        if change.is_null() {
            content.remove(&name);
        } else {
            content.insert(name, change);
        }
    }
    let version = prepared(&state, &caller, id, version, content, replaces).await?;
    let draft = Draft::from(drafts::save(&state.store, version).await?);
    Ok(etag::tagged(draft.version, draft))
}

/// The version that the request names, taken out of it.
fn version(value: &mut Content) -> Result<Option<i64>> {
    let version = match value.remove("version") {
        None | Some(Value::Null) => return Ok(None),
        Some(version) => version.as_i64().filter(|version| *version > 0),
    };
    let refuse = || ApiError::field("/version", "is no version");
    version.map(Some).ok_or_else(refuse)
}

/// Throws a draft away, its copy on the server too; what another program made of that stays. With `If-Match`, only where it is
/// still that version.
#[utoipa::path(delete, path = "/v1/drafts/{id}", tag = "submissions", params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204)))]
pub(crate) async fn remove_draft(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    caller.need(Scope::Send)?;
    let draft = visible(&state, &caller, &id).await?;
    let seen = etag::wanted(&headers, draft.version)?;
    drafts::remove(&state.store, &id, seen).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Queues a draft as it is, and with that it is no draft any more. Fields that are given come on top, such as `send_at`. With
/// `version` or `If-Match`, only where it is still that one.
#[utoipa::path(post, path = "/v1/drafts/{id}/send", tag = "submissions",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    request_body = NewSubmission, responses((status = 202, body = model::submission::Submission)))]
pub(crate) async fn send_draft(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { mut value, bytes }: Json<Content>,
) -> Result<Response> {
    caller.need(Scope::Send)?;
    let named = version(&mut value)?;
    let (inner, actor, draft_id) = (state.clone(), caller.clone(), id.clone());
    let seen = headers.clone();
    let work = |key| async move {
        let draft = visible(&inner, &actor, &draft_id).await?;
        etag::wanted(&seen, draft.version)?;
        let Value::Object(mut content) = draft.content else {
            return Err(ApiError::not_found("the draft"));
        };
        content.extend(value);
        content.insert("draft_id".to_owned(), draft_id.into());
        let version = named.unwrap_or(draft.version);
        content.insert("draft_version".to_owned(), version.into());
        let value: NewSubmission = parsed(&content)?;
        create::queue(inner, actor, value, key).await
    };
    // The key stands for this draft too.
    let request = [id.as_bytes(), b"\n", &bytes].concat();
    idempotent::once_in_one(
        &state,
        &caller,
        &headers,
        ("/v1/submissions", &request),
        work,
    )
    .await
}

/// The draft, if it exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<drafts::Draft> {
    let draft = drafts::get(&state.store, id).await?;
    caller.must_see(&draft.mailbox_id, "the draft")?;
    Ok(draft)
}

/// The message in the Drafts folder that a draft takes the place of, taken out of the request: whoever may not remove it may not
/// write over it.
async fn replaced(
    state: &ApiState,
    caller: &Caller,
    value: &mut Content,
) -> Result<Option<String>> {
    let id = match value.remove("replaces_message_id") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(id)) => id,
        Some(_) => return Err(ApiError::field("/replaces_message_id", "is no message")),
    };
    caller.need(Scope::Write)?;
    let message = crate::routes::messages::visible(state, caller, &id).await?;
    if message.flags.draft {
        return Ok(Some(id));
    }
    let text = "is no draft of another program";
    Err(ApiError::field("/replaces_message_id", text))
}

/// What was written, as a submission.
pub(super) fn parsed(content: &Content) -> Result<NewSubmission> {
    input::parse(&serde_json::to_vec(content)?)
}

/// The next version of a draft; what is left is to write it down.
async fn prepared(
    state: &ApiState,
    caller: &Caller,
    id: String,
    after: i64,
    mut content: Content,
    replaces: Option<String>,
) -> Result<Version> {
    caller.need(Scope::Send)?;
    let mut checks = Checks::default();
    for name in NOT_YET.iter().filter(|name| content.contains_key(**name)) {
        checks.refuse(format!("/{name}"), "is given when the draft is sent");
    }
    let value = parsed(&content)?;
    for (i, file) in value.attachments.iter().enumerate() {
        if file.content_base64.is_some() {
            let pointer = format!("/attachments/{i}/content_base64");
            checks.refuse(
                pointer,
                "a draft keeps files that were uploaded (`blob_id`)",
            );
        }
    }
    checks.end()?;
    value.check_what_is_there()?;
    let uploads = value.attachments.iter().filter_map(|f| f.blob_id.clone());
    let uploads = uploads.collect();
    // The copy is made later; what is wrong with it is said now.
    let (sender, _) = composed(state, caller, value, (&id, after + 1)).await?;
    let mailbox_id = sender.mailbox.id;
    content.insert("mailbox_id".to_owned(), mailbox_id.clone().into());
    Ok(Version {
        id,
        mailbox_id,
        after,
        content: Value::Object(content),
        uploads,
        caller: caller.snapshot(),
        replaces,
    })
}

/// A version of a draft as a message, through the mailbox that is to send it.
pub(super) async fn composed(
    state: &ApiState,
    caller: &Caller,
    mut value: NewSubmission,
    (id, version): (&str, i64),
) -> Result<(Sender, Ready)> {
    let sender: Sender = author::sender(state, caller, &value).await?;
    caller.must_see(&sender.mailbox.id, "the mailbox")?;
    let unique = drafts::unique(id, version);
    let stamp = Stamp {
        unique: &unique,
        date: state.store.now(),
    };
    // Who goes on with a draft may use the files that somebody else has brought for it.
    value.draft_id = Some(id.to_owned());
    let ready = compose::copy(state, caller, &sender, value, stamp).await?;
    fits(ready.length)?;
    Ok((sender, ready))
}
