//! Fetches whole messages in batches, in four stages that work at the same time, each on another batch: the network
//! reads, the bytes are made durable, the messages are parsed, the transaction commits. A batch counts only when the
//! server has said OK; of one that was cut, the messages that came whole are kept all the same, and nothing else.

use super::bodies;
use super::copies;
use super::heads;
use super::parse::{self, Fetched, Owner};
use super::refusals::{Refusals, Verdict};
use super::storing;
use crate::Context;
use crate::error::{Result, SyncError};
use crate::ledger;
use crate::mailbox::asks_for_quiet;
use crate::mailbox::isolation::Isolation;
use connect::problems;
use imap_client::{ImapError, ListOptions, MessageMeta, Session, StatusItem, UidSet};
use model::Timestamp;
use model::event::Origin;
use model::limits::BATCH_MESSAGES;
use model::mailbox::Mailbox;
use model::message::Flags;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::StoreError;
use store::blobs::{Batch as BlobBatch, Places, Stored};
use store::failures::NewFailure;
use store::folders::Cursor;
use store::ingest::{self, NewMessage, Outcome};
use store::leases::Lease;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

/// The length of the message that Courier invents for one that another session removed, which announces just that
/// length. Any other message may be as long: it costs a question.
pub(super) const INVENTED: u64 = 129;

/// Batches whose raw bytes are in memory at a time: one is read, one made durable, one parsed.
pub const RAW_BATCHES: usize = 3;

/// What is fetched, and into which folder it goes.
pub struct Job<'a> {
    /// What all tasks share.
    pub context: &'a Context,
    /// The right to write.
    pub lease: &'a Lease,
    /// Our folder.
    pub folder_id: &'a str,
    /// UIDVALIDITY of the folder that is selected.
    pub uid_validity: i64,
    /// The mailbox, as it was when the connection was opened.
    pub mailbox: &'a Mailbox,
    /// Whose mail it is.
    pub owner: Owner,
    /// How we came to know.
    pub origin: Origin,
    /// Only the headers are wanted.
    pub headers_only: bool,
    /// Batches whose raw bytes may be in memory at a time.
    pub raw_batches: usize,
}

/// How the cursors move with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// New mail: the upper cursor goes behind the batch.
    Up,
    /// The past: the lower cursor goes to the batch's beginning.
    Down,
    /// Messages tried again: no cursor moves.
    Stay,
    /// Messages of which the header is stored and the rest is wanted: no cursor moves.
    Complete,
}

/// A batch on its way from the network to the store.
pub(crate) struct Ready {
    pub(super) blobs: BlobBatch,
    pub(super) fetched: Vec<Fetched>,
    failures: Vec<NewFailure>,
    gone: Vec<i64>,
    cursor: Cursor,
    /// The right to hold raw bytes in memory.
    room: OwnedSemaphorePermit,
}

/// Fetches and stores `batches` in order, until all are done, `stop` says so between two of them, or there is much to settle
/// first. Returns those that were not asked for.
///
/// # Errors
/// The connection or the store failed; what was committed stays.
pub async fn run(
    session: &mut Session,
    job: &Job<'_>,
    batches: Vec<UidSet>,
    direction: Direction,
    isolation: &mut Isolation,
    stop: impl FnMut(&mut Session) -> bool,
) -> Result<(Outcome, Vec<UidSet>)> {
    // Nothing waits between two stages but the batch that the first has just ended: bounded, and enough to keep all busy.
    let (came, to_sync) = mpsc::channel(1);
    let (durable, to_parse) = mpsc::channel(1);
    let (parsed, to_commit) = mpsc::channel(1);
    let doubtful = AtomicUsize::new(0);
    let careful = isolation.is_careful(job.folder_id);
    let mut stop = stop;
    let stop = |session: &mut Session| {
        // Bounded: what may have moved is settled before more is fetched.
        stop(session) || doubtful.load(Ordering::Relaxed) >= BATCH_MESSAGES
    };
    let (network, synced, understood, stored) = tokio::join!(
        fetch_all(session, job, batches, direction, isolation, stop, came),
        sync_all(to_sync, durable),
        parse_all(job, to_parse, parsed),
        commit_all(job, to_commit, &doubtful, careful)
    );
    if let Err(SyncError::Store(StoreError::Corrupt(_))) = &stored {
        isolation.could_not_be_stored(job.folder_id);
    }
    let mut outcome = stored?;
    understood?;
    synced?;
    let (placed, left) = network?;
    outcome.moved += placed;
    Ok((outcome, left))
}

async fn fetch_all(
    session: &mut Session,
    job: &Job<'_>,
    batches: Vec<UidSet>,
    direction: Direction,
    isolation: &mut Isolation,
    mut stop: impl FnMut(&mut Session) -> bool,
    sender: mpsc::Sender<Ready>,
) -> Result<(i64, Vec<UidSet>)> {
    let mut placed = 0;
    let mut refusals = Refusals::default();
    let mut queue: VecDeque<UidSet> = batches.into();
    let rooms = Arc::new(Semaphore::new(job.raw_batches));
    let places = Places::default();
    while let Some(batch) = queue.pop_front() {
        let limit = isolation.batch_limit(job.folder_id);
        if batch.len() > limit {
            let mut parts = split(&batch, limit, direction);
            while let Some(part) = parts.pop() {
                queue.push_front(part);
            }
            continue;
        }
        let stopping = |_| StoreError::Unavailable("the server is stopping".into());
        let room = rooms.clone().acquire_owned().await.map_err(stopping)?;
        let mut ready = Ready {
            blobs: job.context.store.blobs.batch_in(&places)?,
            fetched: Vec::with_capacity(batch.len() as usize),
            failures: isolation.take_given_up(job.folder_id, &batch),
            gone: Vec::new(),
            cursor: Cursor::default(),
            room,
        };
        let mut wanted = batch.clone();
        for failure in &ready.failures {
            wanted.remove(failure.uid as u64);
        }
        if direction != Direction::Complete && copies::can_be_known(session, job).await? {
            let here = copies::place(session, job, &wanted).await?;
            placed += here.len() as i64;
            wanted = wanted.difference(&here);
        }
        let had = isolation.half_of(job, &wanted);
        let began = Instant::now();
        let outcome = fetch_one(session, job, isolation, &wanted, &mut ready).await;
        let came = ready
            .fetched
            .iter()
            .map(|message| message.stored.place.length);
        isolation.pace.note(session, came.sum(), began.elapsed());
        let refused = match outcome {
            Ok(refused) => refused,
            Err(Cut { error, in_body }) => {
                if wanted.len() == 1 && in_body == wanted.first() {
                    isolation.keep_half(job, &wanted, &mut ready).await?;
                }
                // A large message that comes in pieces comes: it is in the way only where nothing more of it came.
                if isolation.half_of(job, &wanted) > had {
                    isolation.grown = true;
                } else {
                    isolation.strike(job.folder_id, &wanted, in_body, &error);
                }
                // What came whole is kept; the cursor stays, so that the rest is asked for again.
                let _ = sender.send(ready).await;
                return Err(error);
            }
        };
        match refused {
            Some(_) if wanted.len() > 1 => {
                // The set is refused because of one of its messages: halve until it stands alone. The
                // cursor stays; it moves with the halves.
                let half = wanted.len().div_ceil(2);
                let mut parts = split(&wanted, half, direction);
                while let Some(part) = parts.pop() {
                    queue.push_front(part);
                }
                tracing::debug!(folder = job.folder_id, "a batch was refused; halving it");
            }
            Some(refused) => {
                still_there(session, job).await?;
                let uid = wanted.first().unwrap_or_default();
                let patient = direction != Direction::Stay && isolation.is_patient(job.folder_id);
                let failure = failure(uid, "message_unreadable", refused.clone());
                match refusals.alone(failure, &mut queue, patient) {
                    Verdict::Open => {}
                    Verdict::Blamed => {
                        ready.failures.extend(refusals.blamed(true));
                        move_cursor(&mut ready, &batch, direction);
                    }
                    Verdict::ServerInTrouble => {
                        let _ = sender.send(ready).await;
                        return Err(unavailable(refused));
                    }
                }
            }
            None => {
                if !wanted.is_empty() {
                    refusals.came();
                    isolation.passed(job.folder_id);
                }
                ready.failures.extend(refusals.blamed(queue.is_empty()));
                if refusals.lets_pass(&batch) {
                    move_cursor(&mut ready, &batch, direction);
                }
            }
        }
        if sender.send(ready).await.is_err() {
            // The store has failed; its error is the one that counts.
            return Ok((placed, Vec::new()));
        }
        if stop(session) {
            break;
        }
    }
    queue.extend(refusals.undecided());
    Ok((placed, queue.into()))
}

/// That the folder that is open still goes by its name; else it is gone. Cyrus refuses everything that is asked of one that was
/// renamed meanwhile, message by message, and none of them is to blame. STATUS of the open folder is refused by some servers
/// (RFC 9051 section 6.3.11 advises against it): the list has the last word.
async fn still_there(session: &mut Session, job: &Job<'_>) -> Result<()> {
    let gone = |name: String| SyncError::FolderGone {
        folder_id: job.folder_id.to_owned(),
        name,
    };
    let Some(name) = session.selected().cloned() else {
        return Err(gone(String::new()));
    };
    let is_there = match session.status(&name, &[StatusItem::UidValidity]).await {
        Ok(now) => now
            .uidvalidity
            .is_none_or(|now| now as i64 == job.uid_validity),
        Err(error) if error.is_fatal() => return Err(error.into()),
        Err(_) => match session.list(&ListOptions::default()).await {
            Ok(entries) => entries.iter().any(|entry| entry.name == name),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(_) => true,
        },
    };
    match is_there {
        true => Ok(()),
        false => Err(gone(name.decoded())),
    }
}

/// Every message is refused: that is the server's trouble, which passes.
fn unavailable(text: String) -> SyncError {
    let error = ImapError::No {
        command: "UID FETCH",
        code: Some("UNAVAILABLE".to_owned()),
        text,
    };
    error.into()
}

fn move_cursor(ready: &mut Ready, batch: &UidSet, direction: Direction) {
    match (direction, batch.first(), batch.last()) {
        (Direction::Up, _, Some(last)) => ready.cursor.high_uid = Some(last as i64 + 1),
        (Direction::Down, Some(first), _) => ready.cursor.low_uid = Some(first as i64),
        _ => {}
    }
}

/// Parts of at most `size` messages, in the order of travel.
fn split(set: &UidSet, size: u64, direction: Direction) -> Vec<UidSet> {
    let mut parts = super::plan::newest_first(set, size.max(1) as usize);
    if direction == Direction::Up {
        parts.reverse();
    }
    parts
}

/// A connection that broke, and the message that was on the wire, if we know.
struct Cut {
    error: SyncError,
    in_body: Option<u64>,
}

/// Fetches one set. Returns the server's words when it refused.
async fn fetch_one(
    session: &mut Session,
    job: &Job<'_>,
    isolation: &mut Isolation,
    wanted: &UidSet,
    ready: &mut Ready,
) -> Result<Option<String>, Cut> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut in_body = None;
    let kept = &mut isolation.half;
    let half = kept.take_if(|half| !job.headers_only && half.is_of(job, wanted));
    if let Some(half) = half {
        let going_on = crate::timed("fetch", half.go_on(session, kept)).await;
        let whole = going_on.map_err(|error| Cut {
            error,
            in_body: wanted.first(),
        })?;
        if let (Some(whole), Some(uid)) = (whole, wanted.first()) {
            ready.blobs = whole.blobs;
            ready
                .fetched
                .push(fetched(uid, &whole.meta, whole.stored, None));
            return Ok(None);
        }
    }
    let mut doubtful = UidSet::new();
    let outcome = if job.headers_only {
        let reading = heads::read(session, wanted, ready, &mut doubtful);
        crate::timed("fetch", reading).await
    } else {
        let reading = bodies::read(
            session,
            wanted,
            ready,
            &mut doubtful,
            &mut in_body,
            (job.origin == Origin::Backfill).then_some(&job.context.way),
        );
        crate::timed("fetch", reading).await
    };
    if !matches!(outcome, Ok(None)) {
        // What is in doubt is not asked about any more now: it is fetched again with what did not come.
        ready
            .fetched
            .retain(|message| !doubtful.contains(message.uid as u64));
    }
    let refused = match outcome.map_err(|error| Cut { error, in_body })? {
        // No message is to blame, and asking for each of them alone would be the opposite of quiet.
        Some(error) if asks_for_quiet(&error, job.mailbox, job.context.store.now()) => {
            return Err(Cut {
                error: error.into(),
                in_body: None,
            });
        }
        Some(ImapError::No { text, .. } | ImapError::Bad { text, .. }) => Some(text),
        Some(error) => Some(error.to_string()),
        None => None,
    };
    let came: UidSet = ready
        .fetched
        .iter()
        .fold(UidSet::new(), |mut set, message| {
            set.insert(message.uid as u64);
            set
        });
    let missing = wanted.difference(&came);
    if refused.is_none() && !(missing.is_empty() && doubtful.is_empty()) {
        let mut asked = missing.clone();
        asked.extend(&doubtful);
        // Only then does every server know what other sessions have removed.
        let heard = session.noop().await;
        heard.map_err(|error| Cut {
            error: error.into(),
            in_body: None,
        })?;
        let there = session
            .uid_search(&format!("UID {asked}"))
            .await
            .map_err(|error| Cut {
                error: error.into(),
                in_body: None,
            })?;
        judge(ready, &missing, &doubtful, &there);
    }
    Ok(refused)
}

/// A message that did not come, or came with another size than announced, was perhaps expunged
/// meanwhile: what the server no longer lists leaves no trace. (Courier invents a message then.)
fn judge(ready: &mut Ready, missing: &UidSet, doubtful: &UidSet, there: &UidSet) {
    for uid in missing.iter() {
        if there.contains(uid) {
            let text = "the server lists the message, but sent no body for it".to_owned();
            ready
                .failures
                .push(failure(uid, "message_unreadable", text));
        } else {
            ready.gone.push(uid as i64);
        }
    }
    ready.fetched.retain(|message| {
        let uid = message.uid as u64;
        let invented = doubtful.contains(uid) && !there.contains(uid);
        if invented {
            ready.gone.push(message.uid);
        }
        !invented
    });
}

pub(super) fn fetched(
    uid: u64,
    meta: &MessageMeta,
    stored: Stored,
    headers_only: Option<u64>,
) -> Fetched {
    Fetched {
        uid: uid as i64,
        flags: Flags::from_imap(meta.flags.as_deref().unwrap_or_default()),
        mod_seq: meta.modseq.unwrap_or(0) as i64,
        internal_date: meta
            .internal_date
            .map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        headers_only,
        stored,
        object_id: meta.email_id.clone(),
        labels: meta.labels.clone(),
        provider_thread: meta.thread_id.clone(),
    }
}

/// A row for the ledger.
pub(crate) fn failure(uid: u64, problem_id: &'static str, reason: String) -> NewFailure {
    debug_assert!(problems::find(problem_id).is_some());
    NewFailure {
        uid: uid as i64,
        problem_id: problem_id.to_owned(),
        reason,
        raw: None,
    }
}

/// Makes the bytes of each batch durable. When a later stage has failed, its error is the one that counts.
async fn sync_all(mut came: mpsc::Receiver<Ready>, durable: mpsc::Sender<Ready>) -> Result<()> {
    while let Some(mut ready) = came.recv().await {
        ready.blobs.sync_keeping().await?;
        if durable.send(ready).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A batch whose messages are understood as far as they can be.
struct Parsed {
    messages: Vec<NewMessage>,
    /// Octets of all of them.
    bytes: u64,
    failures: Vec<NewFailure>,
    gone: Vec<i64>,
    cursor: Cursor,
}

/// Parses each batch. When the last stage has failed, its error is the one that counts.
async fn parse_all(
    job: &Job<'_>,
    mut durable: mpsc::Receiver<Ready>,
    parsed: mpsc::Sender<Parsed>,
) -> Result<()> {
    while let Some(ready) = durable.recv().await {
        let sizes = ready
            .fetched
            .iter()
            .map(|message| message.stored.place.length);
        let bytes = sizes.sum();
        let owner = job.owner.clone();
        if job.origin == Origin::Live {
            // On a long way to the server, the moment that IDLE asked for is over by now.
            job.context.way.ask();
        }
        // New mail finds a processor that is free of the past.
        let place = match job.origin {
            Origin::Backfill => job.context.parsing_past.acquire().await.ok(),
            _ => None,
        };
        let parsed_batch = parse::batch(job.context, ready.blobs, ready.fetched, owner, job.origin);
        let (messages, unread) = parsed_batch.await?;
        drop((place, ready.room));
        let mut failures = ready.failures;
        failures.extend(unread);
        let batch = Parsed {
            messages,
            bytes,
            failures,
            gone: ready.gone,
            cursor: ready.cursor,
        };
        if parsed.send(batch).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Commits each batch, in their order.
async fn commit_all(
    job: &Job<'_>,
    mut parsed: mpsc::Receiver<Parsed>,
    doubtful: &AtomicUsize,
    careful: bool,
) -> Result<Outcome> {
    let mut total = Outcome::default();
    while let Some(ready) = parsed.recv().await {
        let (messages, bytes) = (ready.messages, ready.bytes);
        let received: Vec<Timestamp> = messages.iter().map(|m| m.received_at).collect();
        let batch = ingest::Batch {
            folder_id: job.folder_id.to_owned(),
            uid_validity: job.uid_validity,
            origin: job.origin,
            messages,
            failures: ledger::without_secret(job.context, &job.lease.mailbox_id, ready.failures)
                .await,
            gone: ready.gone,
            // Behind messages that are not settled yet the cursor must not move: they would be lost to a cut.
            cursor: if total.doubtful.is_empty() {
                ready.cursor
            } else {
                Default::default()
            },
            copies_too: false,
        };
        let outcome = match careful {
            true => storing::carefully(job, batch).await?,
            false => storing::store(job, batch).await?,
        };
        metrics::counter!("postroom_messages_stored_total", "origin" => job.origin.as_str())
            .increment(outcome.stored as u64);
        metrics::counter!("postroom_ingest_bytes_total").increment(bytes);
        if job.origin == Origin::Live {
            let now = job.context.store.now();
            for at in received {
                let delay = now.0.saturating_sub(at.0).max(0) as f64 / 1000.0;
                metrics::histogram!("postroom_arrival_delay_seconds").record(delay);
            }
        }
        total.add(outcome);
        doubtful.store(total.doubtful.len(), Ordering::Relaxed);
    }
    Ok(total)
}

impl From<StoreError> for Cut {
    fn from(error: StoreError) -> Self {
        Self {
            error: error.into(),
            in_body: None,
        }
    }
}
