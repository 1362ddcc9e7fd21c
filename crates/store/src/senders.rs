//! Which mailboxes can be sent through, also by those who cannot see them: a mailbox is shared for sending (V-11), and one is
//! the installation's own sender (E-14). Sharing gives sending and nothing else: whoever asks for mail asks [`crate::messages`].

use crate::error::Result;
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::NewEvent;
use serde_json::json;

/// Further mailboxes of a condition: those that everyone may send through.
pub(crate) const SHARED: &str =
    " OR mailbox_id IN (SELECT id FROM mailboxes WHERE send_shared = 1 OR system_sender = 1)";

/// What can send now: it has settings for it and is switched on.
const SENDS: &str =
    "removed_at IS NULL AND outgoing IS NOT NULL AND lifecycle IN ('enabled', 'paused')";

/// Those of these mailboxes that can send now, oldest first; `None`: of all. At most `limit`.
///
/// # Errors
/// The database is out of reach.
pub async fn among(store: &Store, ids: Option<Vec<String>>, limit: i64) -> Result<Vec<String>> {
    store
        .db
        .glance(move |tx| {
            let mut args = vec![limit.into()];
            let mut only = String::new();
            if let Some(ids) = &ids {
                args.push(serde_json::to_string(ids)?.into());
                only = format!(" AND id IN {}", tx.dialect().texts(2));
            }
            let sql = format!("SELECT id FROM mailboxes WHERE {SENDS}{only} ORDER BY id LIMIT $1");
            tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// The installation's own sender, if one is marked so and can send now.
///
/// # Errors
/// The database is out of reach.
pub async fn system(store: &Store) -> Result<Option<String>> {
    store
        .db
        .glance(|tx| {
            let sql = format!("SELECT id FROM mailboxes WHERE system_sender = 1 AND {SENDS}");
            tx.row(&sql, &[])?.map(|row| row.get(0)).transpose()
        })
        .await
}

/// Takes the mark from the installation's present sender, for another one to have it.
pub(crate) fn release_system(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let sql = format!(
        "SELECT id, version FROM mailboxes WHERE system_sender = 1{}",
        tx.dialect().for_update()
    );
    for row in tx.rows(&sql, &[])? {
        let (id, version): (String, i64) = (row.get(0)?, row.get(1)?);
        let sql = "UPDATE mailboxes SET system_sender = 0, version = version + 1 WHERE id = $1";
        tx.exec(sql, &[(&id).into()])?;
        let data = json!({"version": version + 1});
        events::append(tx, &[NewEvent::live("mailbox.changed", &id, data)], now)?;
    }
    Ok(())
}
