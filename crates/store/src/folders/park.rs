//! A folder whose identity changes again and again is left alone, and says why.

use crate::error::Result;
use crate::leases::{self, Lease};
use crate::{Store, mailboxes};
use model::Timestamp;

/// The problem of a folder whose identity changes again and again.
pub const UNSTABLE: &str = "uid_validity_unstable";

/// Leaves a folder alone until a time, and says why. What is stored of it stays.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn park(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    problem_id: &'static str,
    until: Timestamp,
) -> Result<()> {
    let (lease, id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            // One more change of identity is allowed when the time has come: with that one the folder is tried again.
            let allowed = i64::from(problem_id == UNSTABLE);
            tx.exec(
                "UPDATE folders SET problem_id = $2, parked_until = $3,
                   resets = CASE WHEN resets > $4 THEN resets - $4 ELSE 0 END WHERE id = $1",
                &[id.into(), problem_id.into(), until.into(), allowed.into()],
            )?;
            Ok(())
        })
        .await
}

/// A folder was found with the same identity again, and is left alone no more. If it is whole, what was counted against its
/// identity is forgotten.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn settled(store: &Store, lease: &Lease, folder_id: &str, whole: bool) -> Result<()> {
    let (lease, id) = (lease.clone(), folder_id.to_owned());
    let sql = "UPDATE folders SET resets = CASE WHEN $2 = 1 THEN 0 ELSE resets END, problem_id = NULL, parked_until = NULL
         WHERE id = $1";
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            tx.exec(sql, &[id.into(), whole.into()])?;
            Ok(())
        })
        .await
}
