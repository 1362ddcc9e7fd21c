//! What a stored message says of one that was sent.

use crate::Store;
use crate::error::Result;
use model::returned::{Answered, Confidence};

/// What a message reports or answers; none where it does neither.
///
/// # Errors
/// The database is out of reach.
pub async fn answered(store: &Store, id: &str) -> Result<Option<Answered>> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            // The copy in Sent may have come later than what is about it.
            let sql = "SELECT r.kind, r.confidence, r.submission_id, coalesce(r.answers_message_id, s.message_id)
                       FROM returns r LEFT JOIN submissions s ON s.id = r.submission_id WHERE r.message_id = $1";
            let Some(row) = tx.row(sql, &[id.into()])? else {
                return Ok(None);
            };
            Ok(Some(Answered {
                kind: row.get(0)?,
                confidence: row.word(1, Confidence::parse)?,
                submission_id: row.get(2)?,
                message_id: row.get(3)?,
            }))
        })
        .await
}
