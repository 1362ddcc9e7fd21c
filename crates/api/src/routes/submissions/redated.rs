//! A scheduled message that goes out before its time: its `Date` was that time, and is the present one then.

use super::ready::append;
use crate::error::Result;
use crate::state::ApiState;
use model::submission::{State, Submission};
use store::blobs::READ_BYTES;
use store::submissions::{self, Redated};

/// The message as it goes out now, if it waits for its time and has the `Date` that it got from that; one that its writer has
/// dated is sent as it is.
pub(super) async fn of(state: &ApiState, submission: &Submission) -> Result<Option<Redated>> {
    let now = state.store.now();
    let Some(send_at) = submission.send_at.filter(|at| *at > now) else {
        return Ok(None);
    };
    if submission.state != State::Queued {
        return Ok(None);
    }
    let blobs = &state.store.blobs;
    let digest = submissions::digest(&state.store, &submission.id).await?;
    let place = store::blobs::find(&state.store, &digest).await?;
    let beginning = blobs.read_some(&place, 0..READ_BYTES).await?;
    let line = |at: i64| format!("Date: {}\r\n", mail_message::date_field(at)).into_bytes();
    let old = line(send_at.0);
    let Some(at) = line_in_head(&beginning, &old) else {
        return Ok(None);
    };
    let mut batch = blobs.batch()?;
    batch.begin();
    let (before, rest) = beginning.split_at(at);
    append(&mut batch, before).await?;
    append(&mut batch, &line(now.0)).await?;
    append(&mut batch, rest.get(old.len()..).unwrap_or_default()).await?;
    let mut read = beginning.len() as u64;
    while read < place.length {
        let piece = blobs.read_some(&place, read..place.length).await?;
        if piece.is_empty() {
            return Err(store::StoreError::Corrupt("a stored message is too short".into()).into());
        }
        append(&mut batch, &piece).await?;
        read += piece.len() as u64;
    }
    let message = batch.end();
    batch.sync().await?;
    Ok(Some(Redated {
        was: digest,
        message,
    }))
}

/// Where this whole line begins in the header of a message.
fn line_in_head(message: &[u8], line: &[u8]) -> Option<usize> {
    let mut at = 0;
    for one in message.split_inclusive(|b| *b == b'\n') {
        if one == b"\r\n" {
            return None;
        }
        if one == line {
            return Some(at);
        }
        at += one.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::line_in_head;

    #[test]
    fn a_line_is_found_in_the_header_only_and_whole() {
        let message = b"A: b\r\nX-Date: x\r\nDate: x\r\n\r\nDate: y\r\n";
        assert_eq!(line_in_head(message, b"Date: x\r\n"), Some(17));
        assert_eq!(line_in_head(message, b"Date: y\r\n"), None);
        assert_eq!(line_in_head(b"A: b\r\n", b"Date: x\r\n"), None);
    }
}
