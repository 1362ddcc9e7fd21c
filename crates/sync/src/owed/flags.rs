//! Flags that are owed: set and cleared by name, and read again. What others change meanwhile stays: where the server counts
//! modifications (CONDSTORE), it leaves a message alone that somebody else was faster with, and we look again first.

use super::{Paid, did_nothing, vanished};
use crate::error::Result;
use crate::mailbox::Visit;
use imap_client::{MessageMeta, MetaItems, StoreMode, UidSet};
use model::message::Flags;
use store::owed::{Confirmed, Owed};

/// How often a message is looked at again because somebody else was faster, before it rests.
const ROUNDS: usize = 4;

/// Sets and clears flags. What the wish names counts, whoever changed it before; of the rest nothing is touched.
pub(super) async fn change(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    add: &[String],
    remove: &[String],
) -> Result<Paid> {
    let mut since = change.mod_seq.and_then(|known| u64::try_from(known).ok());
    let (mut add, mut remove) = (add.to_vec(), remove.to_vec());
    for _ in 0..ROUNDS {
        let beaten = store(visit, uid, &add, &remove, since).await?;
        let Some(now) = told(visit, uid).await? else {
            return Ok(vanished());
        };
        let flags = now.flags.unwrap_or_default();
        let has = |flag: &String| flags.iter().any(|there| there.eq_ignore_ascii_case(flag));
        add.retain(|flag| !has(flag));
        remove.retain(has);
        if add.is_empty() && remove.is_empty() {
            return Ok(Paid::Done(Confirmed {
                flags: Some(Flags::from_imap(&flags)),
                mod_seq: now.modseq.and_then(|known| i64::try_from(known).ok()),
                ..Confirmed::default()
            }));
        }
        if !beaten {
            return Ok(did_nothing("change the flags"));
        }
        since = now.modseq;
    }
    let text = "somebody else changes the message again and again in the same moment";
    Ok(Paid::Refused("command_refused", text.to_owned()))
}

/// Asks for both halves of the change. Whether the server left the message alone, because it is newer than what we know.
async fn store(
    visit: &mut Visit<'_>,
    uid: &UidSet,
    add: &[String],
    remove: &[String],
    mut since: Option<u64>,
) -> Result<bool> {
    for (mode, flags) in [(StoreMode::Add, add), (StoreMode::Remove, remove)] {
        if flags.is_empty() {
            continue;
        }
        let answer = visit.session.uid_store(uid, mode, flags, since).await?;
        if !answer.modified.is_empty() {
            return Ok(true);
        }
        // Our own first half is known.
        let ours = answer.updated.iter().rev().find_map(|meta| meta.modseq);
        since = since.and(ours);
    }
    Ok(false)
}

/// What the server says of a message's flags now; `None`: it is not there any more.
pub(super) async fn told(visit: &mut Visit<'_>, uid: &UidSet) -> Result<Option<MessageMeta>> {
    let items = MetaItems {
        flags: true,
        modseq: true,
        ..MetaItems::default()
    };
    let told = visit.session.fetch_meta(uid, &items, None, false).await?;
    Ok(told
        .messages
        .into_iter()
        .find(|meta| meta.uid == uid.first()))
}
