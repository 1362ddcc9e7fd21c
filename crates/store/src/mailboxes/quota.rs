//! How full a mailbox is on its server.

use crate::Store;
use crate::error::Result;
use crate::leases::{self, Lease};

/// Notes octets in use and octets allowed, as the server tells them; `None`: it tells of no limit. Writes only what is new.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn set_quota(store: &Store, lease: &Lease, told: Option<(i64, i64)>) -> Result<()> {
    let known = super::get(store, &lease.mailbox_id).await?.quota;
    if known.map(|quota| (quota.used, quota.limit)) == told {
        return Ok(());
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let args = [
                (&lease.mailbox_id).into(),
                told.map(|told| told.0).into(),
                told.map(|told| told.1).into(),
                told.map(|_| now).into(),
            ];
            let sql = "UPDATE mailboxes SET quota_used = $2, quota_limit = $3, quota_told_at = $4 WHERE id = $1";
            tx.exec(sql, &args).map(drop)
        })
        .await
}
