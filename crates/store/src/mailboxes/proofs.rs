//! What a mailbox has proven: by tests of its settings, and by work with them that succeeded.

use super::{lock, read};
use crate::error::{Result, StoreError};
use crate::{Store, Tx};
use model::mailbox::{Mailbox, Proof, SentCopyFiler};

/// One of the two sides of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// IMAP or POP3.
    Receiving,
    /// SMTP.
    Sending,
}

/// Takes note of what a test of the settings of version `tested` proved. Settings that were changed meanwhile are not proven
/// by it: then only the report is kept, and the answer is false.
///
/// # Errors
/// No such mailbox.
pub async fn set_proofs(
    store: &Store,
    id: &str,
    tested: i64,
    receiving: Option<Proof>,
    sending: Option<Proof>,
    report_id: &str,
) -> Result<(Mailbox, bool)> {
    let (id, report_id) = (id.to_owned(), report_id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            let current = old.version == tested;
            let proof = |new: Option<Proof>, old: Proof| new.filter(|_| current).unwrap_or(old).as_str();
            tx.exec(
                "UPDATE mailboxes SET receiving = $2, sending = $3, last_report_id = $4 WHERE id = $1",
                &[
                    (&id).into(),
                    proof(receiving, old.receiving).into(),
                    proof(sending, old.sending).into(),
                    report_id.into(),
                ],
            )?;
            Ok((read(tx, &id)?, current))
        })
        .await
}

/// Takes note of who was seen to file the copies of what a mailbox sends.
///
/// # Errors
/// No such mailbox.
pub async fn files_copies(store: &Store, id: &str, by: SentCopyFiler) -> Result<Mailbox> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            lock(tx, &id)?;
            crate::submissions::learn_sent_copy(tx, &id, by)?;
            read(tx, &id)
        })
        .await
}

/// Takes note that one side of a mailbox was seen at work with the settings of version `tested`: what was untested, or had failed
/// before, works. Settings that were changed meanwhile are not proven by it. Returns whether a connection report is wanted:
/// this is news, or there is no report yet.
///
/// # Errors
/// No such mailbox.
pub async fn works(store: &Store, id: &str, tested: i64, side: Side) -> Result<bool> {
    let id = id.to_owned();
    store.db.write(move |tx| note(tx, &id, tested, side)).await
}

/// The same inside a transaction. The mailbox's row is held until it ends.
pub(super) fn note(tx: &mut Tx<'_>, id: &str, tested: i64, side: Side) -> Result<bool> {
    let column = match side {
        Side::Receiving => "receiving",
        Side::Sending => "sending",
    };
    let sql = format!(
        "SELECT version, {column}, last_report_id FROM mailboxes WHERE id = $1 AND removed_at IS NULL{}",
        tx.dialect().for_update()
    );
    let row = tx.row(&sql, &[id.into()])?;
    let row = row.ok_or(StoreError::NotFound("the mailbox"))?;
    if row.get::<i64>(0)? != tested {
        return Ok(false);
    }
    let news = matches!(row.word(1, Proof::parse)?, Proof::Untested | Proof::Fails);
    if news {
        let sql = format!("UPDATE mailboxes SET {column} = $2 WHERE id = $1");
        tx.exec(&sql, &[id.into(), Proof::Works.as_str().into()])?;
    }
    Ok(news || row.get::<Option<String>>(2)?.is_none())
}
