use super::MessageShape;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Checks, Ids, Json};
use crate::routes::tags::TagPut;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use model::access::Scope;
use model::message::{FlagChange, LabelChange};
use serde::Deserialize;
use store::{owed, tags};

/// Keywords of one message.
const KEYWORDS: usize = 50;
/// Labels of one change.
const LABELS: usize = 50;
/// Longest label: Gmail's limit.
const LABEL_CHARS: usize = 225;
/// Longest keyword.
const KEYWORD_CHARS: usize = 100;

/// What may change about a message; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageChange {
    /// Flags to set and clear.
    #[serde(default)]
    flags: Option<FlagChange>,
    /// Labels to put on and to take off, on a server that has labels (Gmail).
    #[serde(default)]
    labels: Option<LabelChange>,
    /// Own tags and folders to put on and to take off: here alone, the server does not hear of them.
    #[serde(default)]
    tags: Option<TagPut>,
    /// The folder to move it to.
    #[serde(default)]
    folder_id: Option<String>,
}

/// Changes flags, labels and folder: here at once, and on the server as soon as it can be reached.
#[utoipa::path(patch, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path)),
    request_body = MessageChange, responses((status = 200, body = MessageShape)))]
pub(crate) async fn change_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<MessageChange>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    let before = super::visible(&state, &caller, &id).await?;
    let nothing = value.flags.is_none() && value.labels.is_none();
    if nothing && value.folder_id.is_none() && value.tags.is_none() {
        let text = "must be given, or `labels`, or `folder_id`, or `tags`";
        return Err(ApiError::field("/flags", text));
    }
    if let Some(flags) = &value.flags {
        check_keywords(flags)?;
    }
    if let Some(labels) = &value.labels {
        check_labels(labels)?;
    }
    let put = value.tags.map(TagPut::checked).transpose()?;
    // The move first: it is the one that can be refused.
    if let Some(folder_id) = &value.folder_id {
        owed::move_to(&state.store, &id, folder_id)
            .await
            .map_err(|error| match error {
                store::StoreError::NotFound("the folder") => {
                    ApiError::field("/folder_id", "is no folder of this message's mailbox")
                }
                other => other.into(),
            })?;
    }
    if let Some(put) = put {
        tags::on_message(&state.store, &id, put)
            .await
            .map_err(TagPut::error)?;
    }
    if let Some(labels) = value.labels {
        owed::change_labels(&state.store, &id, labels).await?;
    }
    if let Some(flags) = value.flags {
        owed::change_flags(&state.store, &id, flags).await?;
    }
    if value.folder_id.is_some() {
        super::carried_out(&state, &before).await?;
    }
    // A message that went into a folder that is not stored shows here no more.
    let message = super::visible(&state, &caller, &id).await.unwrap_or(before);
    let mut out = Vec::new();
    message.write_json(&mut out)?;
    Ok(super::written(out))
}

/// Labels go to the server as the names of folders do.
fn check_labels(change: &LabelChange) -> Result<()> {
    let mut checks = Checks::default();
    for (name, labels) in [("add", &change.add), ("remove", &change.remove)] {
        if labels.len() > LABELS {
            let text = format!("may have {LABELS} labels at most");
            checks.refuse(format!("/labels/{name}"), text);
        }
        for (i, label) in labels.iter().take(LABELS).enumerate() {
            checks.line(&format!("/labels/{name}/{i}"), label, 1, LABEL_CHARS);
        }
    }
    checks.end()
}

/// Keywords go to the server as IMAP atoms (RFC 9051 section 9).
pub(super) fn check_keywords(flags: &FlagChange) -> Result<()> {
    let mut checks = Checks::default();
    let keywords = flags.keywords.as_deref().unwrap_or_default();
    if keywords.len() > KEYWORDS {
        checks.refuse(
            "/flags/keywords",
            format!("may have {KEYWORDS} keywords at most"),
        );
    }
    for (i, keyword) in keywords.iter().take(KEYWORDS).enumerate() {
        let atom = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
        if keyword.is_empty() || keyword.len() > KEYWORD_CHARS || !keyword.bytes().all(atom) {
            checks.refuse(
                format!("/flags/keywords/{i}"),
                "is not a keyword: 1 to 100 ASCII characters without blanks and ( ) { % * \" \\ ]",
            );
        }
    }
    checks.end()
}
