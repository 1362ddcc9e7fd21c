//! When the server's copy of a draft is made, and by whom. Each change puts it off a little, up to a bound: who writes for an hour
//! with a large file beside the text sends that file now and then, and not with each pause for thought.
//!
//! The row is the truth: it says when a copy is due. Whoever takes it ([`take`]) builds the message, and [`made`] owes it to the
//! server if the draft still is one. A crash in between leaves the copy due; a draft that is sent or thrown away has no row.

use super::{Draft, OnServer, changed_meanwhile, forgotten_before, hold, place};
use crate::blobs::Stored;
use crate::error::{Result, StoreError};
use crate::owed::{self, Brought};
use crate::removal::not_removed;
use crate::{Store, Tx, leases};
use model::Timestamp;
use serde_json::Value as Json;

/// After so many times the pause of [`Pace`] a copy is made of what goes on being changed.
const MOST_PAUSES: i64 = 6;
/// How long a node may work on a copy.
const CLAIM_MILLIS: i64 = 120_000;
/// How long a copy rests that could not be made: as long as it has been due, within these bounds.
const REST_MILLIS: std::ops::RangeInclusive<i64> = 10_000..=3_600_000;

/// How long after a change its copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So long after the last change, in milliseconds; after six times that in any case.
    pub after_millis: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            after_millis: 10_000,
        }
    }
}

impl Pace {
    /// When the copy is due of what was changed at this time for the last time; `since`: the first change that has no copy.
    pub(super) fn due(self, changed: Timestamp, since: Timestamp) -> Timestamp {
        let most = self.after_millis.saturating_mul(MOST_PAUSES);
        let last = changed.plus_millis(self.after_millis);
        last.min(since.plus_millis(most))
    }
}

/// A copy that is to be made, for the one who took it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The draft.
    pub id: String,
    /// The version that the copy is of.
    pub version: i64,
    /// What was written.
    pub content: Json,
    /// Who wrote it, as they were then.
    pub caller: Json,
    mailbox_id: String,
    changed_since: Timestamp,
    taken_at: Timestamp,
}

/// A copy as a message whose bytes are durable here.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Its bytes.
    pub stored: Stored,
    /// Its Message-ID (see [`super::unique`]).
    pub internet_message_id: String,
    /// Its subject.
    pub subject: String,
}

/// When the next copy is due, whoever makes it.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>> {
    let look = |tx: &mut Tx<'_>| {
        let sql = format!(
            "SELECT min(copy_due) FROM drafts WHERE copy_due IS NOT NULL AND {}",
            not_removed("mailbox_id")
        );
        tx.row(&sql, &[])?.map_or(Ok(None), |row| row.get(0))
    };
    store.db.glance(look).await
}

/// Takes the copy that has been due for the longest time, for two minutes at most.
///
/// # Errors
/// The database is out of reach.
pub async fn take(store: &Store) -> Result<Option<Work>> {
    let (now, node) = (store.now(), store.node.to_string());
    // Mostly nothing is due, and that costs no writing.
    match next_due(store).await? {
        Some(due) if due <= now => {}
        _ => return Ok(None),
    }
    let claim = move |tx: &mut Tx<'_>| {
        leases::show_life(tx, &node, now)?;
        let (free, args) = leases::claimable(tx, &node, now);
        let sql = format!(
            "SELECT id, version, content, caller, mailbox_id, changed_since FROM drafts
             WHERE copy_due <= $1 AND {free} AND {} ORDER BY copy_due, id LIMIT 1{}",
            not_removed("mailbox_id"),
            tx.dialect().for_update_skip_locked()
        );
        let Some(row) = tx.row(&sql, &args)? else {
            return Ok(None);
        };
        let work = Work {
            id: row.get(0)?,
            version: row.get(1)?,
            content: row.json(2)?,
            caller: row.json(3)?,
            mailbox_id: row.get(4)?,
            changed_since: row.get::<Option<Timestamp>>(5)?.unwrap_or(now),
            taken_at: now,
        };
        tx.exec(
            "UPDATE drafts SET claimed_by = $2, claimed_until = $3 WHERE id = $1",
            &[
                (&work.id).into(),
                (&node).into(),
                now.plus_millis(CLAIM_MILLIS).into(),
            ],
        )?;
        Ok(Some(work))
    };
    store.db.write(claim).await
}

/// The only server of a store begins: nobody works on anything (see [`leases::enter_alone`]).
pub(crate) fn enter_alone_in(tx: &mut Tx<'_>) -> Result<()> {
    let sql =
        "UPDATE drafts SET claimed_until = NULL, claimed_by = NULL WHERE claimed_by IS NOT NULL";
    tx.exec(sql, &[]).map(drop)
}

/// Owes the server a copy that was made, and the removal of the one before. Nothing, where the draft was sent or thrown away
/// meanwhile, went to another mailbox, was changed by another program, or has this copy already. `true`: it is owed.
///
/// # Errors
/// The database is out of reach.
pub async fn made(store: &Store, work: &Work, copy: Copy) -> Result<bool> {
    let (pace, now, work) = (store.drafts, store.now(), work.clone());
    let owe = move |tx: &mut Tx<'_>| match hold(tx, &work.id) {
        Ok(draft) if draft.wants(&work) => owe(tx, &draft, &work, &copy, (pace, now)),
        Ok(_) => give_back(tx, &work).map(|()| false),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    };
    store.db.write(owe).await
}

impl Draft {
    /// Whether this copy is still to go to the server.
    fn wants(&self, work: &Work) -> bool {
        self.copy_due.is_some()
            && self.on_server == OnServer::Owed
            && self.mailbox_id == work.mailbox_id
            && self.copied < work.version
    }
}

fn owe(
    tx: &mut Tx<'_>,
    draft: &Draft,
    work: &Work,
    copy: &Copy,
    (pace, now): (Pace, Timestamp),
) -> Result<bool> {
    draft.withdraw(tx)?;
    let Some(folder_id) = place(tx, &draft.mailbox_id)? else {
        let sql = "UPDATE drafts SET on_server = 'none', message_id = NULL, owed_id = NULL, copied = 0, over = '[]', copy_due = NULL,
               changed_since = NULL, claimed_by = NULL, claimed_until = NULL WHERE id = $1";
        return tx.exec(sql, &[(&work.id).into()]).map(|_| false);
    };
    let brought = Brought {
        folder_id,
        stored: copy.stored.clone(),
        internet_message_id: Some(copy.internet_message_id.clone()),
        subject: copy.subject.clone(),
        flags: vec!["\\Draft".to_owned(), "\\Seen".to_owned()],
        received_at: now,
    };
    // First the new copy, then away with the old one.
    let entry = owed::append_in(tx, &brought, now)?;
    wrote(tx, work, &copy.stored.digest, now)?;
    for message_id in draft.last_id.iter().chain(&draft.over) {
        owed::expunge_in(tx, message_id, now)?;
    }
    // Who went on writing meanwhile did so after this was taken: that is the first change without a copy now.
    let since = (draft.version > work.version).then_some(work.taken_at);
    let due = since.map(|since| pace.due(draft.updated_at, since));
    let kept = tx.exec(
        "UPDATE drafts SET copied = $3, owed_id = $4, copy_due = $5, changed_since = $6, message_id = NULL, over = '[]',
           claimed_by = NULL, claimed_until = NULL WHERE id = $1 AND version = $2",
        &[
            (&work.id).into(),
            draft.version.into(),
            work.version.into(),
            entry.id.into(),
            due.into(),
            since.into(),
        ],
    )?;
    match kept {
        1 => Ok(true),
        _ => Err(changed_meanwhile()),
    }
}

/// Remembers the bytes of a copy, so that it is known when it turns up.
fn wrote(tx: &mut Tx<'_>, work: &Work, digest: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "DELETE FROM draft_copies WHERE made_at < $1",
        &[forgotten_before(now).into()],
    )?;
    tx.exec(
        "INSERT INTO draft_copies (draft_id, version, digest, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (draft_id, version) DO UPDATE SET digest = excluded.digest",
        &[
            (&work.id).into(),
            work.version.into(),
            digest.into(),
            now.into(),
        ],
    )
    .map(drop)
}

/// A copy could not be made: it rests, each time longer, and is tried again. A change of the draft makes it sooner.
///
/// # Errors
/// The database is out of reach: then it is tried again when the claim has ended.
pub async fn postpone(store: &Store, work: &Work) -> Result<()> {
    let (now, work) = (store.now(), work.clone());
    let waited = now.0.saturating_sub(work.changed_since.0);
    let rest = waited.clamp(*REST_MILLIS.start(), *REST_MILLIS.end());
    let later = move |tx: &mut Tx<'_>| {
        tx.exec(
            "UPDATE drafts SET copy_due = $3 WHERE id = $1 AND version = $2 AND copy_due IS NOT NULL",
            &[
                (&work.id).into(),
                work.version.into(),
                now.plus_millis(rest).into(),
            ],
        )?;
        give_back(tx, &work)
    };
    store.db.write(later).await
}

/// A clock that stood ahead must not put copies off until its time has come. Returns how many were.
pub(crate) fn cut_in(tx: &mut Tx<'_>, pace: Pace, now: Timestamp, rows: i64) -> Result<u64> {
    let most = pace.after_millis.max(*REST_MILLIS.end());
    tx.exec(
        "UPDATE drafts SET copy_due = $2, changed_since = $3 WHERE id IN (
           SELECT id FROM drafts WHERE copy_due > $1 ORDER BY id LIMIT $4)",
        &[
            now.plus_millis(most).into(),
            pace.due(now, now).into(),
            now.into(),
            rows.into(),
        ],
    )
}

fn give_back(tx: &mut Tx<'_>, work: &Work) -> Result<()> {
    let sql = "UPDATE drafts SET claimed_by = NULL, claimed_until = NULL WHERE id = $1";
    tx.exec(sql, &[(&work.id).into()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_waits_for_a_pause_and_not_for_ever() {
        let (pace, begun) = (Pace::default(), Timestamp(1_000_000));
        let after = |millis| begun.plus_millis(millis);
        assert_eq!(pace.due(begun, begun), after(10_000));
        assert_eq!(pace.due(after(40_000), begun), after(50_000));
        assert_eq!(pace.due(after(55_000), begun), after(60_000));
        assert_eq!(pace.due(after(90_000), begun), after(60_000));
    }
}
