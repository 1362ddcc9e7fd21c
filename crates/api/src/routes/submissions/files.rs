//! The files of a new message: in the request itself, uploaded before, or of a stored message.

use super::answer::{lines_of, of_message, stored};
use super::compose::Parts;
use super::input::File;
use super::ready::Source;
use crate::caller::Caller;
use crate::decode::base64;
use crate::error::{ApiError, Result};
use crate::routes::messages;
use crate::state::ApiState;
use mail_message::{DraftAttachment, LineScan, Outside};
use store::StoreError;

/// What a file is where nobody says.
const UNKNOWN: &str = "application/octet-stream";

/// Takes the files of a request.
pub(super) async fn take(
    state: &ApiState,
    caller: &Caller,
    parts: &mut Parts,
    files: Vec<File>,
) -> Result<()> {
    for (i, file) in files.into_iter().enumerate() {
        let pointer = format!("/attachments/{i}");
        match &file {
            File {
                content_base64: Some(_),
                blob_id: None,
                message_id: None,
                attachment_id: None,
                ..
            } => parts.add(given(&pointer, file)?, None),
            File {
                content_base64: None,
                blob_id: Some(id),
                message_id: None,
                attachment_id: None,
                ..
            } => {
                let (found, source) = uploaded(state, caller, &pointer, id).await?;
                parts.add(named(file, found), Some(source));
            }
            File {
                content_base64: None,
                blob_id: None,
                message_id: Some(message),
                attachment_id: Some(attachment),
                ..
            } => {
                let found = of_stored_message(state, caller, &pointer, message, attachment).await?;
                parts.add(named(file, found), None);
            }
            _ => {
                let text = "has its content in exactly one way: content_base64, blob_id, or message_id with attachment_id";
                return Err(ApiError::field(pointer, text));
            }
        }
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
fn named(file: File, found: DraftAttachment) -> DraftAttachment {
    DraftAttachment {
        filename: file.filename.unwrap_or(found.filename),
        content_type: file.content_type.unwrap_or(found.content_type),
        content_id: file.content_id,
        inline: file.inline,
        ..found
    }
}

/// A file that the caller has uploaded.
async fn uploaded(
    state: &ApiState,
    caller: &Caller,
    pointer: &str,
    id: &str,
) -> Result<(DraftAttachment, Source)> {
    let found = store::uploads::find(&state.store, caller.keys_of(), id).await;
    let (upload, place) = found.map_err(|error| match error {
        StoreError::NotFound(_) => {
            let text = "is no upload of yours, or it has expired: upload the file once more";
            ApiError::field(format!("{pointer}/blob_id"), text)
        }
        other => other.into(),
    })?;
    let is_message = upload.content_type.starts_with("message/");
    let lines = if is_message {
        lines_of(state, &place).await?
    } else {
        LineScan::default()
    };
    let file = DraftAttachment {
        filename: upload.filename,
        content_type: upload.content_type,
        outside: Some(Outside {
            length: place.length,
            lines,
        }),
        ..DraftAttachment::default()
    };
    Ok((file, Source::Stored(place)))
}

async fn of_stored_message(
    state: &ApiState,
    caller: &Caller,
    pointer: &str,
    message: &str,
    attachment: &str,
) -> Result<DraftAttachment> {
    let raw = stored(
        state,
        caller,
        message,
        &format!("{pointer}/message_id"),
        true,
    )
    .await?;
    let file = messages::file(state, &raw, attachment).await?;
    let missing = || ApiError::field(format!("{pointer}/attachment_id"), "is no file of it");
    file.map(of_message).ok_or_else(missing)
}
