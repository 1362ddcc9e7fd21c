//! Opens a folder and takes in what changed about the messages that we have: flags, and messages
//! that are gone. Every read is by EXAMINE and PEEK: looking changes nothing.

use super::plan::{self, Way};
use crate::Context;
use crate::error::{Result, SyncError};
use crate::mailbox::news::News;
use imap_client::{
    MailboxName, MessageMeta, MetaItems, Mode, QresyncFrom, Selected, Session, UidSet,
};
use model::event::Origin;
use model::message::Flags;
use store::folders::{self, Cursor, Known};
use store::ingest::{self, Changes, FlagUpdate};
use store::leases::Lease;

/// A folder that is open, with what the server said about it.
#[derive(Clone, Debug)]
pub struct Open {
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UIDNEXT, where the server says it.
    pub uid_next: Option<i64>,
    /// EXISTS.
    pub exists: i64,
    /// Whether QRESYNC or CONDSTORE told the changes.
    pub has_mod_seq: bool,
}

/// What the server can do for us.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abilities {
    /// ENABLE QRESYNC was confirmed.
    pub qresync: bool,
    /// CONDSTORE is offered.
    pub condstore: bool,
}

/// How a folder is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What the server can do for us.
    pub abilities: Abilities,
    /// How we come to know.
    pub origin: Origin,
    /// The other UIDVALIDITY that an earlier connection was told: told again, it is believed.
    pub told_before: Option<i64>,
}

/// The folder's name as the server wants it.
pub fn wire_name(known: &Known) -> MailboxName {
    MailboxName::from_wire(&folders::wire_bytes(&known.wire_name))
}

/// Opens the folder and applies what changed since we last looked. A folder whose UIDVALIDITY is
/// another one begins anew (`known` is brought up to date) where an earlier connection was told that number too.
///
/// # Errors
/// The connection or the store failed, the folder has another identity, or changes it again and again.
pub async fn look(
    session: &mut Session,
    context: &Context,
    lease: &Lease,
    known: &mut Known,
    manner: Manner,
    news: &mut News,
) -> Result<Open> {
    let Manner {
        abilities,
        origin,
        told_before,
    } = manner;
    let way = plan::way(known, abilities.qresync, abilities.condstore);
    let since = match (way, known.uid_validity) {
        (Way::Qresync(modseq), Some(validity)) => Some(QresyncFrom {
            uidvalidity: validity as u64,
            modseq,
            known: None,
        }),
        _ => None,
    };
    news.leave_folder();
    let name = wire_name(known);
    let entering = session.select(&name, Mode::Examine, since.as_ref());
    let mut selected = crate::timed("select", entering).await?;
    if selected.uidnext.is_none() {
        // Courier: whoever only reads gets UIDs that nobody writes down, under another UIDVALIDITY every second.
        let entering = session.select(&name, Mode::LastingUids, None);
        selected = crate::timed("select", entering).await?;
    }
    // A server without UIDVALIDITY promises nothing across sessions; one epoch is all we can assume.
    let uid_validity = selected.uidvalidity.unwrap_or(1) as i64;
    let open = Open {
        uid_validity,
        uid_next: selected.uidnext.map(|uid| uid as i64),
        exists: selected.exists as i64,
        has_mod_seq: selected.highestmodseq.is_some() && !selected.no_modseq,
    };
    if known.uid_validity != Some(uid_validity) {
        let believed = known.uid_validity.is_none() || told_before == Some(uid_validity);
        if !believed {
            return Err(SyncError::OtherIdentity {
                folder: known.path.clone(),
                uid_validity,
            });
        }
        begin_anew(context, lease, known, uid_validity).await?;
        return Ok(open);
    }
    let told_against = known.resets > 0 || known.parked_until.is_some();
    if told_against && known.backfilled {
        folders::settled(&context.store, lease, &known.id).await?;
        known.resets = 0;
        known.parked_until = None;
    }
    let now_at = selected.highestmodseq.filter(|_| !selected.no_modseq);
    let way = match (way, now_at) {
        (Way::Qresync(then) | Way::Condstore(then), Some(now)) if now >= then => way,
        // The server's count went back, or is gone: there is no ground to stand on but the whole.
        _ => Way::Compare,
    };
    let (flags, vanished) = match way {
        Way::Qresync(_) => {
            // A list that names other messages than those that are gone agrees with EXISTS: what is told as gone is looked for
            // (0.1 to 3 KB, and only where something is).
            let vanished = match selected.vanished.is_empty() {
                true => Vec::new(),
                false => by_listing(session, context, known).await?,
            };
            (updates(&selected.changed), vanished)
        }
        Way::Condstore(then) => by_condstore(session, context, known, then).await?,
        Way::Compare => by_comparison(session, context, known, &selected).await?,
    };
    let mut changes = Changes {
        folder_id: known.id.clone(),
        uid_validity,
        origin,
        flags,
        vanished,
        cursor: Cursor {
            mod_seq: now_at.map(|seq| seq as i64),
            ..Cursor::default()
        },
    };
    // What the server said unasked about the open folder goes into the same transaction.
    news.collect(session);
    news.drain_into(&mut changes);
    ingest::apply(&context.store, lease, changes).await?;
    known.mod_seq = now_at.map(|seq| seq as i64).or(known.mod_seq);
    Ok(open)
}

async fn begin_anew(
    context: &Context,
    lease: &Lease,
    known: &mut Known,
    uid_validity: i64,
) -> Result<()> {
    if known.resets >= plan::RESETS_MAX {
        return Err(SyncError::UidValidity {
            folder: known.path.clone(),
            times: known.resets,
        });
    }
    folders::reset(&context.store, lease, &known.id, uid_validity).await?;
    known.resets += i64::from(known.uid_validity.is_some());
    known.uid_validity = Some(uid_validity);
    known.high_uid = 1;
    known.low_uid = None;
    known.mod_seq = None;
    known.server_messages = None;
    known.messages = 0;
    known.backfilled = false;
    Ok(())
}

type Found = (Vec<FlagUpdate>, Vec<(i64, i64)>);

async fn by_condstore(
    session: &mut Session,
    context: &Context,
    known: &Known,
    then: u64,
) -> Result<Found> {
    let items = MetaItems {
        flags: true,
        labels: true,
        modseq: true,
        ..MetaItems::default()
    };
    let all = UidSet::starting_at(1);
    let changed = session.fetch_meta(&all, &items, Some(then), false).await?;
    let vanished = by_listing(session, context, known).await?;
    Ok((updates(&changed.messages), vanished))
}

/// What is gone, by asking for all UIDs (in a few hundred bytes where ESEARCH packs them).
async fn by_listing(
    session: &mut Session,
    context: &Context,
    known: &Known,
) -> Result<Vec<(i64, i64)>> {
    let ours = ours(context, known).await?;
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let servers = session.uid_search("ALL").await?;
    Ok(plan::vanished(&ours, &servers))
}

async fn by_comparison(
    session: &mut Session,
    context: &Context,
    known: &Known,
    selected: &Selected,
) -> Result<Found> {
    let validity = known.uid_validity.unwrap_or(0);
    let ours = folders::stored_flags(&context.store, &known.id, validity).await?;
    if ours.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut servers = UidSet::new();
    let mut seen = Vec::new();
    if selected.exists > 0 {
        let items = MetaItems {
            flags: true,
            labels: true,
            ..MetaItems::default()
        };
        let all = UidSet::starting_at(1);
        let told = session
            .fetch_meta_with(&all, &items, None, false, |meta| {
                if let Some(uid) = meta.uid {
                    servers.insert(uid);
                }
                seen.extend(update(&meta));
            })
            .await;
        match told {
            // Refused because of one of them, perhaps: what is gone can be told all the same.
            Err(error) if !error.is_fatal() => {
                tracing::debug!(folder = known.path, %error, "no flags");
                return Ok((Vec::new(), by_listing(session, context, known).await?));
            }
            told => {
                told?;
            }
        }
    }
    let mut have: UidSet = UidSet::new();
    for uid in ours.keys() {
        have.insert(*uid as u64);
    }
    Ok((
        plan::changed_flags(&ours, seen),
        plan::vanished(&have, &servers),
    ))
}

/// The UIDs that we have of this folder.
pub(crate) async fn ours(context: &Context, known: &Known) -> Result<UidSet> {
    let validity = known.uid_validity.unwrap_or(0);
    let uids = folders::stored_uids(&context.store, &known.id, validity).await?;
    Ok(to_set(&uids))
}

/// A set of stored numbers.
pub(crate) fn to_set(uids: &[i64]) -> UidSet {
    let mut set = UidSet::new();
    for uid in uids {
        set.insert(*uid as u64);
    }
    set
}

fn updates(metas: &[MessageMeta]) -> Vec<FlagUpdate> {
    metas.iter().filter_map(update).collect()
}

/// The flags in a FETCH response, if it names a UID and flags.
pub(crate) fn update(meta: &MessageMeta) -> Option<FlagUpdate> {
    Some(FlagUpdate {
        uid: meta.uid? as i64,
        flags: Flags::from_imap(meta.flags.as_ref()?),
        mod_seq: meta.modseq.unwrap_or(0) as i64,
        labels: meta.labels.clone(),
    })
}
