//! Opens a folder and takes in what changed about the messages that we have: flags, and messages
//! that are gone. Every read is by EXAMINE and PEEK: looking changes nothing.

use super::plan::{self, Way};
use crate::Context;
use crate::error::{Result, SyncError};
use crate::mailbox::asks_for_quiet;
use crate::mailbox::news::News;
use imap_client::{
    ImapError, MailboxName, MessageMeta, MetaItems, Mode, QresyncFrom, Selected, Session, UidSet,
};
use model::event::Origin;
use model::mailbox::Mailbox;
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
    /// Whether the flags of all messages were told; where some were refused, they are asked for at the next look.
    pub has_all_flags: bool,
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
pub struct Manner<'a> {
    /// Whose folder it is.
    pub mailbox: &'a Mailbox,
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

/// Stands for a HIGHESTMODSEQ from which nothing can be told: all is compared.
const NO_GROUND: i64 = 0;

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
    manner: Manner<'_>,
    news: &mut News,
) -> Result<Open> {
    let Manner {
        mailbox,
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
    let mut told = Told::at_most(context.flags_at_once);
    let entering = session.select_with(
        &name,
        Mode::Examine,
        since.as_ref(),
        |changed| match changed {
            Some(meta) => told.note(meta),
            None => told.forget(),
        },
    );
    let mut selected = crate::timed("select", entering).await?;
    if selected.uidnext.is_none() {
        // Courier: whoever only reads gets UIDs that nobody writes down, under another UIDVALIDITY every second.
        let entering = session.select(&name, Mode::LastingUids, None);
        selected = crate::timed("select", entering).await?;
    }
    // A server without UIDVALIDITY promises nothing across sessions; one epoch is all we can assume.
    let uid_validity = selected.uidvalidity.unwrap_or(1) as i64;
    let mut open = Open {
        uid_validity,
        uid_next: selected.uidnext.map(|uid| uid as i64),
        exists: selected.exists as i64,
        has_mod_seq: selected.highestmodseq.is_some() && !selected.no_modseq,
        has_all_flags: true,
    };
    if known.uid_validity != Some(uid_validity) {
        let mod_seq = selected.highestmodseq.filter(|_| open.has_mod_seq);
        let mod_seq = mod_seq.map(|seq| seq as i64);
        // Two sessions that were the first in a new folder at the same moment may each be told a number of its own (Dovecot).
        let never_used = known.uid_validity.is_some() && known.high_uid <= 1 && known.messages == 0;
        if never_used && open.has_mod_seq {
            folders::adopt(&context.store, lease, &known.id, uid_validity, mod_seq).await?;
            known.uid_validity = Some(uid_validity);
            known.mod_seq = mod_seq;
            known.low_uid = None;
            known.backfilled = false;
            return Ok(open);
        }
        let believed = known.uid_validity.is_none() || told_before == Some(uid_validity);
        if !believed {
            return Err(SyncError::OtherIdentity {
                folder: known.path.clone(),
                uid_validity,
            });
        }
        begin_anew(context, lease, known, uid_validity, mod_seq).await?;
        return Ok(open);
    }
    // What was counted against its identity is forgotten when it is whole; that it was left alone, now.
    if known.parked_until.is_some() || known.resets > 0 && known.backfilled {
        folders::settled(&context.store, lease, &known.id, known.backfilled).await?;
        known.parked_until = None;
        if known.backfilled {
            known.resets = 0;
        }
    }
    let now_at = selected.highestmodseq.filter(|_| !selected.no_modseq);
    let way = match (way, now_at) {
        (Way::Qresync(then) | Way::Condstore(then), Some(now)) if now >= then => way,
        // The server's count went back, or is gone: there is no ground to stand on but the whole.
        _ => Way::Compare,
    };
    if way == Way::Compare && known.mod_seq.is_some_and(|then| then > NO_GROUND) {
        // Not even until all is compared: the server's count would pass ours, and what is refused now lie below.
        let cursor = Cursor {
            mod_seq: Some(NO_GROUND),
            ..Cursor::default()
        };
        folders::move_cursor(&context.store, lease, &known.id, cursor).await?;
        known.mod_seq = Some(NO_GROUND);
    }
    let found = match way {
        Way::Qresync(then) | Way::Condstore(then) if told.is_too_much() => {
            // One act on all messages of a large folder: told once more, a part at a time.
            by_windows(session, (context, lease), known, manner, Some(then)).await?
        }
        Way::Qresync(_) => {
            // A list that names other messages than those that are gone agrees with EXISTS: what is told as gone is looked for
            // (0.1 to 3 KB, and only where something is).
            let vanished = match selected.vanished.is_empty() {
                true => Vec::new(),
                false => by_listing(session, context, known).await?,
            };
            Found {
                flags: told.updates,
                vanished,
                has_all_flags: true,
            }
        }
        Way::Condstore(then) => match by_condstore(session, context, known, then).await? {
            Some(found) => found,
            None => by_windows(session, (context, lease), known, manner, Some(then)).await?,
        },
        Way::Compare
            if selected.exists.max(known.messages.unsigned_abs())
                <= context.flags_at_once as u64 =>
        {
            by_comparison(session, context, known, &selected, mailbox).await?
        }
        Way::Compare => by_windows(session, (context, lease), known, manner, None).await?,
    };
    open.has_all_flags = found.has_all_flags;
    // The cursor stays before changes that were not told.
    let mod_seq = now_at.filter(|_| found.has_all_flags);
    let mod_seq = mod_seq.map(|seq| seq as i64);
    let mut changes = Changes {
        folder_id: known.id.clone(),
        uid_validity,
        origin,
        flags: found.flags,
        vanished: found.vanished,
        cursor: Cursor {
            mod_seq,
            ..Cursor::default()
        },
    };
    // What the server said unasked about the open folder goes into the same transaction.
    news.collect(session);
    news.drain_into(&mut changes);
    ingest::apply(&context.store, lease, changes).await?;
    known.mod_seq = mod_seq.or(known.mod_seq);
    Ok(open)
}

async fn begin_anew(
    context: &Context,
    lease: &Lease,
    known: &mut Known,
    uid_validity: i64,
    mod_seq: Option<i64>,
) -> Result<()> {
    if known.resets >= plan::RESETS_MAX {
        return Err(SyncError::UidValidity {
            folder: known.path.clone(),
            times: known.resets,
        });
    }
    folders::begin(&context.store, lease, &known.id, uid_validity, mod_seq).await?;
    known.resets += i64::from(known.uid_validity.is_some());
    known.uid_validity = Some(uid_validity);
    known.high_uid = 1;
    known.low_uid = None;
    known.mod_seq = mod_seq;
    known.server_messages = None;
    known.messages = 0;
    known.backfilled = false;
    Ok(())
}

/// What changed in a folder.
struct Found {
    flags: Vec<FlagUpdate>,
    /// UIDs that are gone, as ranges.
    vanished: Vec<(i64, i64)>,
    /// Whether no flags were refused.
    has_all_flags: bool,
}

/// A refusal to tell flags, perhaps because of one message: what else can be told is asked for all the same. It ends the look
/// where the server asks for quiet.
fn pass_over(
    refusal: ImapError,
    known: &Known,
    mailbox: &Mailbox,
    context: &Context,
) -> Result<()> {
    if refusal.is_fatal() || asks_for_quiet(&refusal, mailbox, context.store.now()) {
        return Err(refusal.into());
    }
    tracing::debug!(folder = known.path, "no flags");
    Ok(())
}

/// What changed by CONDSTORE; `None`: too much for once.
async fn by_condstore(
    session: &mut Session,
    context: &Context,
    known: &Known,
    then: u64,
) -> Result<Option<Found>> {
    let mut told = Told::at_most(context.flags_at_once);
    let all = UidSet::starting_at(1);
    session
        .fetch_meta_with(&all, &flags_of_interest(true), Some(then), false, |meta| {
            told.note(meta);
        })
        .await?;
    if told.is_too_much() {
        return Ok(None);
    }
    Ok(Some(Found {
        flags: told.updates,
        vanished: by_listing(session, context, known).await?,
        has_all_flags: true,
    }))
}

/// Flags of a large folder, a part of its messages at a time, each part in a transaction of its own: those that changed since
/// a MODSEQ, or all, compared. The cursor is left to the caller, who moves it behind all parts. Memory is bounded by the part,
/// whatever the server sends.
async fn by_windows(
    session: &mut Session,
    (context, lease): (&Context, &Lease),
    known: &Known,
    manner: Manner<'_>,
    since: Option<u64>,
) -> Result<Found> {
    let validity = known.uid_validity.unwrap_or(0);
    let mut has_all_flags = true;
    let ours = ours(context, known).await?;
    for window in plan::windows(&ours, context.flags_at_once) {
        let mut told = Told::at_most(context.flags_at_once);
        let asked = UidSet::range(window.0, window.1);
        let items = flags_of_interest(since.is_some());
        let heard = session
            .fetch_meta_with(&asked, &items, since, false, |meta| {
                // Only of messages that we have: new ones between them come with the new mail.
                if meta.uid.is_some_and(|uid| ours.contains(uid)) {
                    told.note(meta);
                }
            })
            .await;
        if let Err(refusal) = heard {
            pass_over(refusal, known, manner.mailbox, context)?;
            has_all_flags = false;
            continue;
        }
        let mut flags = told.updates;
        if since.is_none() {
            let bounds = (window.0 as i64, window.1 as i64);
            let held = folders::stored_flags(&context.store, &known.id, validity, bounds).await?;
            flags = plan::changed_flags(&held, flags);
        }
        if flags.is_empty() {
            continue;
        }
        let changes = Changes {
            folder_id: known.id.clone(),
            uid_validity: validity,
            origin: manner.origin,
            flags,
            vanished: Vec::new(),
            cursor: Cursor::default(),
        };
        ingest::apply(&context.store, lease, changes).await?;
    }
    Ok(Found {
        flags: Vec::new(),
        vanished: by_listing(session, context, known).await?,
        has_all_flags,
    })
}

fn flags_of_interest(modseq: bool) -> MetaItems {
    MetaItems {
        flags: true,
        labels: true,
        modseq,
        ..MetaItems::default()
    }
}

/// Flags that the server told, up to as many as are held at once.
struct Told {
    updates: Vec<FlagUpdate>,
    most: usize,
    dropped: bool,
}

impl Told {
    const fn at_most(most: usize) -> Self {
        Self {
            updates: Vec::new(),
            most,
            dropped: false,
        }
    }

    fn note(&mut self, meta: MessageMeta) {
        if self.updates.len() >= self.most {
            self.dropped = true;
        } else {
            self.updates.extend(update(&meta));
        }
    }

    /// What was told was about another folder.
    fn forget(&mut self) {
        self.updates.clear();
        self.dropped = false;
    }

    fn is_too_much(&self) -> bool {
        self.dropped
    }
}

/// What is gone, by asking for all UIDs (in a few hundred bytes where ESEARCH packs them).
async fn by_listing(
    session: &mut Session,
    context: &Context,
    known: &Known,
) -> Result<Vec<(i64, i64)>> {
    let accounted = accounted(context, known).await?;
    if accounted.is_empty() {
        return Ok(Vec::new());
    }
    let servers = session.uid_search("ALL").await?;
    Ok(plan::vanished(&accounted, &servers))
}

async fn by_comparison(
    session: &mut Session,
    context: &Context,
    known: &Known,
    selected: &Selected,
    mailbox: &Mailbox,
) -> Result<Found> {
    let validity = known.uid_validity.unwrap_or(0);
    let all = (0, i64::from(u32::MAX));
    let ours = folders::stored_flags(&context.store, &known.id, validity, all).await?;
    if ours.is_empty() {
        return Ok(Found {
            flags: Vec::new(),
            vanished: Vec::new(),
            has_all_flags: true,
        });
    }
    let mut servers = UidSet::new();
    let mut seen = Vec::new();
    if selected.exists > 0 {
        let all = UidSet::starting_at(1);
        let told = session
            .fetch_meta_with(&all, &flags_of_interest(false), None, false, |meta| {
                let Some(uid) = meta.uid else {
                    return;
                };
                // Once each: a server that repeats itself fills no memory.
                if !servers.contains(uid) {
                    servers.insert(uid);
                    seen.extend(update(&meta).filter(|told| ours.contains_key(&told.uid)));
                }
            })
            .await;
        if let Err(refusal) = told {
            pass_over(refusal, known, mailbox, context)?;
            return Ok(Found {
                flags: Vec::new(),
                vanished: by_listing(session, context, known).await?,
                has_all_flags: false,
            });
        }
    }
    let accounted = accounted(context, known).await?;
    Ok(Found {
        flags: plan::changed_flags(&ours, seen),
        vanished: plan::vanished(&accounted, &servers),
        has_all_flags: true,
    })
}

/// The UIDs that we have of this folder.
pub(crate) async fn ours(context: &Context, known: &Known) -> Result<UidSet> {
    let validity = known.uid_validity.unwrap_or(0);
    let uids = folders::stored_uids(&context.store, &known.id, validity).await?;
    Ok(to_set(&uids))
}

/// The UIDs that are stored or in the ledger: what the server has no more of these is gone.
pub(crate) async fn accounted(context: &Context, known: &Known) -> Result<UidSet> {
    let validity = known.uid_validity.unwrap_or(0);
    let mut all = ours(context, known).await?;
    let failed = folders::failed_uids(&context.store, &known.id, validity).await?;
    all.extend(&to_set(&failed));
    Ok(all)
}

/// A set of stored numbers.
pub(crate) fn to_set(uids: &[i64]) -> UidSet {
    let mut set = UidSet::new();
    for uid in uids {
        set.insert(*uid as u64);
    }
    set
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
