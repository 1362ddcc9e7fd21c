//! The files of a new message: in the request itself, uploaded before, or of a stored message.

use super::answer::{lines_of, stored};
use super::compose::Parts;
use super::input::File;
use super::ready::{Source, fits, set_aside};
use crate::caller::Caller;
use crate::decode::base64;
use crate::error::{ApiError, Result};
use crate::routes::messages;
use crate::state::ApiState;
use mail_message::compose::MAX_ATTACHMENTS;
use mail_message::{DraftAttachment, LineScan, Outside};
use std::collections::HashMap;
use store::StoreError;
use store::blobs::Place;

/// What a file is where nobody says.
const UNKNOWN: &str = "application/octet-stream";

/// A file whose content lies in the blob store.
#[derive(Clone)]
struct Found {
    filename: String,
    content_type: String,
    place: Place,
}

/// Takes the files of a request: one at a time is in memory, but for those that came with it. `draft_id`: the draft in hand, which
/// the caller sees; who goes on with it may use the uploads that it names.
pub(super) async fn take(
    state: &ApiState,
    caller: &Caller,
    parts: &mut Parts,
    files: Vec<File>,
    draft_id: Option<&str>,
) -> Result<()> {
    if files.len() > MAX_ATTACHMENTS {
        let text = format!("more than {MAX_ATTACHMENTS} attachments");
        return Err(ApiError::field("/attachments", text));
    }
    // A file of a stored message that is named twice is decoded once.
    let mut decoded: HashMap<(String, String), Found> = HashMap::new();
    let mut length = 0;
    for (i, file) in files.into_iter().enumerate() {
        let pointer = format!("/attachments/{i}");
        let (file, source) = match &file {
            File {
                content_base64: Some(_),
                blob_id: None,
                message_id: None,
                attachment_id: None,
                ..
            } => (given(&pointer, file)?, None),
            File {
                content_base64: None,
                blob_id: Some(id),
                message_id: None,
                attachment_id: None,
                ..
            } => {
                let found = uploaded(state, caller, &pointer, draft_id, id).await?;
                named(state, file, found).await?
            }
            File {
                content_base64: None,
                blob_id: None,
                message_id: Some(message),
                attachment_id: Some(attachment),
                ..
            } => {
                let key = (message.clone(), attachment.clone());
                let found = match decoded.get(&key) {
                    Some(found) => found.clone(),
                    None => of_stored_message(state, caller, &pointer, &key).await?,
                };
                decoded.insert(key, found.clone());
                named(state, file, found).await?
            }
            _ => {
                let text = "has its content in exactly one way: content_base64, blob_id, or message_id with attachment_id";
                return Err(ApiError::field(pointer, text));
            }
        };
        // What would be refused in the end is not read to its end.
        length += file.length();
        fits(length)?;
        parts.add(file, source);
    }
    Ok(())
}

fn given(pointer: &str, file: File) -> Result<DraftAttachment> {
    let content = file.content_base64.as_deref().unwrap_or_default();
    let bytes = base64(&format!("{pointer}/content_base64"), content)?;
    let Some(filename) = file.filename else {
        let pointer = format!("{pointer}/filename");
        return Err(ApiError::field(pointer, "a file has a name"));
    };
    Ok(DraftAttachment {
        filename,
        content_type: file.content_type.unwrap_or_else(|| UNKNOWN.to_owned()),
        bytes,
        content_id: file.content_id,
        inline: file.inline,
        outside: None,
    })
}

/// What the request says of a file comes before what is known of it.
async fn named(
    state: &ApiState,
    file: File,
    found: Found,
) -> Result<(DraftAttachment, Option<Source>)> {
    let content_type = file.content_type.unwrap_or(found.content_type);
    let lines = match content_type.to_ascii_lowercase().starts_with("message/") {
        true => lines_of(state, &found.place).await?,
        false => LineScan::default(),
    };
    let file = DraftAttachment {
        filename: file.filename.unwrap_or(found.filename),
        content_type,
        bytes: Vec::new(),
        content_id: file.content_id,
        inline: file.inline,
        outside: Some(Outside {
            length: found.place.length,
            lines,
        }),
    };
    Ok((file, Some(Source::Stored(found.place))))
}

/// A file that the caller has uploaded, or somebody who wrote at the draft in hand.
async fn uploaded(
    state: &ApiState,
    caller: &Caller,
    pointer: &str,
    draft_id: Option<&str>,
    id: &str,
) -> Result<Found> {
    let found = store::uploads::find(&state.store, caller.keys_of(), draft_id, id).await;
    let (upload, place) = found.map_err(|error| match error {
        StoreError::NotFound(_) => {
            let text = "is no upload of yours, or it has expired: upload the file once more";
            ApiError::field(format!("{pointer}/blob_id"), text)
        }
        other => other.into(),
    })?;
    Ok(Found {
        filename: upload.filename,
        content_type: upload.content_type,
        place,
    })
}

/// A file of a stored message, decoded into the blob store.
async fn of_stored_message(
    state: &ApiState,
    caller: &Caller,
    pointer: &str,
    (message, attachment): &(String, String),
) -> Result<Found> {
    let at_message = format!("{pointer}/message_id");
    let raw = stored(state, caller, message, &at_message, true).await?;
    let Some(file) = messages::file(state, &raw, attachment).await? else {
        let pointer = format!("{pointer}/attachment_id");
        return Err(ApiError::field(pointer, "is no file of it"));
    };
    Ok(Found {
        place: set_aside(state, &file.bytes).await?,
        filename: file.meta.filename,
        content_type: file.meta.content_type,
    })
}
