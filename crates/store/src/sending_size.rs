//! How large a message a sending server takes, as it said when we were last connected (RFC 1870): so that a message that is
//! too large for it is refused at once, and not hours later.

use crate::Store;
use crate::error::Result;

/// What the server with this name takes at most, in bytes; `None`: it is not known, or there is no limit.
///
/// # Errors
/// The database is out of reach.
pub async fn known(store: &Store, mailbox_id: &str, host: &str) -> Result<Option<u64>> {
    let (mailbox_id, host) = (mailbox_id.to_owned(), host.to_owned());
    store
        .db
        .read(move |tx| {
            let sql = "SELECT size FROM sending_sizes WHERE mailbox_id = $1 AND host = $2";
            let row = tx.row(sql, &[mailbox_id.into(), host.into()])?;
            row.map_or(Ok(None), |row| Ok(Some(row.get::<i64>(0)?.unsigned_abs())))
        })
        .await
}

/// Takes note of what a server said. Writes only what is new.
///
/// # Errors
/// The database is out of reach, or the mailbox is gone.
pub async fn note(store: &Store, mailbox_id: &str, host: &str, size: Option<u64>) -> Result<()> {
    if known(store, mailbox_id, host).await? == size {
        return Ok(());
    }
    let (mailbox_id, host) = (mailbox_id.to_owned(), host.to_owned());
    store
        .db
        .write(move |tx| {
            let Some(size) = size else {
                let sql = "DELETE FROM sending_sizes WHERE mailbox_id = $1";
                return tx.exec(sql, &[(&mailbox_id).into()]).map(drop);
            };
            tx.exec(
                "INSERT INTO sending_sizes (mailbox_id, host, size) VALUES ($1, $2, $3)
                 ON CONFLICT (mailbox_id) DO UPDATE SET host = excluded.host, size = excluded.size",
                &[
                    (&mailbox_id).into(),
                    (&host).into(),
                    i64::try_from(size).unwrap_or(i64::MAX).into(),
                ],
            )
            .map(drop)
        })
        .await
}
