//! What the mailbox proves: a message with the submission's Message-ID that is seen among the
//! mailbox's outgoing mail has gone out, whatever was known before.

use super::claim::{SentCopyBy, Settlement, owed_id, write};
use super::{COLUMNS, from_row};
use crate::Tx;
use crate::error::Result;
use crate::wake::Topic;
use model::Timestamp;
use model::event::NewEvent;
use model::submission::{SentCopyState, State};

/// An outgoing message with this Message-ID was seen in the mailbox: links it to its submission,
/// takes the copy in Sent as filed (and off the list of what we owe), and settles an unclear
/// submission as accepted. Returns the events; the caller appends them last.
pub(crate) fn link_sent(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    internet_message_id: &str,
    message_id: &str,
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let bare = internet_message_id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>');
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions
         WHERE mailbox_id = $1 AND internet_message_id IN ($2, $3) AND message_id IS NULL ORDER BY id{}",
        tx.dialect().for_update()
    );
    let args = [mailbox_id.into(), bare.into(), format!("<{bare}>").into()];
    let mut news = Vec::new();
    for row in tx.rows(&sql, &args)? {
        let mut found = from_row(&row)?;
        tx.exec(
            "DELETE FROM owed WHERE id = $1",
            &[owed_id(&found.submission.id).into()],
        )?;
        tx.exec(
            "UPDATE submissions SET message_id = $2, sent_copy = 'filed' WHERE id = $1",
            &[(&found.submission.id).into(), message_id.into()],
        )?;
        if found.submission.state == State::Unclear {
            let settlement = Settlement {
                recipients: found.submission.recipients.clone(),
                next_attempt_at: None,
                held: false,
                problem_id: None,
                sent_copy_by: SentCopyBy::Provider,
            };
            found.submission.message_id = Some(message_id.to_owned());
            news.extend(write(tx, &found, settlement, SentCopyState::Filed, now)?.1);
        }
    }
    Ok(news)
}

/// Somebody changed the mailbox's settings or wants another try: what was held for it is due now.
pub(crate) fn release_held(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE submissions SET held = 0, next_attempt_at = $2 WHERE mailbox_id = $1 AND held = 1",
        &[mailbox_id.into(), now.into()],
    )?;
    tx.wake(Topic::Submissions);
    Ok(())
}
