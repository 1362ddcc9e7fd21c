//! Fetches messages of a maildrop: the network reads the next batch while the last one is parsed and
//! committed. What came whole is kept, whatever happens afterwards.

use super::Read;
use super::plan::Item;
use crate::Context;
use crate::error::{Result, SyncError};
use crate::folder::fetch::failure;
use crate::folder::parse::{self, Fetched, Owner};
use mail_message::read::summarize;
use model::Timestamp;
use model::event::Origin;
use model::limits::{BATCH_BYTES, BATCH_MESSAGES};
use model::message::Flags;
use pop3_client::{Download, Pop3Error, Session};
use std::collections::HashMap;
use store::StoreError;
use store::blobs::{Batch as BlobBatch, Stored};
use store::failures::NewFailure;
use store::folders::Cursor;
use store::ingest::{Batch, Outcome};
use store::leases::Lease;
use store::pop3::{self, Haul, Standing, UID_VALIDITY, content_key};
use tokio::sync::mpsc;

/// Messages that are asked for together. Between two groups the work can stop and leave the session
/// in order.
const GROUP: usize = 50;
/// Broken connections in the middle of one message after which it is left to the ledger.
const STRIKES: i64 = 2;

/// What is fetched, and into which folder it goes.
pub(super) struct Job<'a> {
    pub context: &'a Context,
    pub lease: &'a Lease,
    pub folder_id: &'a str,
    pub owner: Owner,
    pub origin: Origin,
    /// Mail from this time on is wanted.
    pub since: Option<Timestamp>,
    /// What we know, to recognise messages without an id.
    pub known: &'a HashMap<String, Standing>,
}

/// How a stretch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything was fetched.
    Done,
    /// We were told to stop.
    Stopped,
    /// The session had to be given up: the rest needs another one.
    Over,
}

/// Fetches and stores `items` in order, until all are done or `stop` says so between two groups.
///
/// # Errors
/// The connection or the store failed; what was committed stays.
pub(super) async fn run(
    session: &mut Session,
    job: &Job<'_>,
    items: &[Item],
    read: &mut Read,
    stop: impl FnMut() -> bool,
    told: impl Fn(&Pop3Error) -> SyncError,
) -> Result<(Ended, Outcome)> {
    if items.is_empty() {
        return Ok((Ended::Done, Outcome::default()));
    }
    // One batch waits while another is committed: bounded, and enough to keep both sides busy.
    let (sender, receiver) = mpsc::channel(1);
    let (network, stored) = tokio::join!(
        fetch_all(session, job, items, read, stop, sender),
        ingest_all(job, receiver)
    );
    let outcome = stored?;
    match network {
        Ok(ended) => Ok((ended, outcome)),
        Err(Cut::Store(error)) => Err(error.into()),
        Err(Cut::Server(error, item)) => {
            count_strike(job, &item, &error).await?;
            Err(told(&error))
        }
    }
}

/// Why fetching was cut short.
enum Cut {
    /// The connection broke in the middle of this message.
    Server(Pop3Error, Item),
    Store(StoreError),
}

impl From<StoreError> for Cut {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A batch on its way from the network to the store. The UIDs in it are indexes of `keys`.
struct Ready {
    blobs: BlobBatch,
    fetched: Vec<Fetched>,
    failures: Vec<NewFailure>,
    keys: Vec<String>,
    left_out: Vec<(String, Timestamp)>,
    bytes: u64,
}

impl Ready {
    fn new(job: &Job<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            blobs: job.context.store.blobs.batch()?,
            fetched: Vec::new(),
            failures: Vec::new(),
            keys: Vec::new(),
            left_out: Vec::new(),
            bytes: 0,
        })
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.left_out.is_empty()
    }

    fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.keys.len().max(self.left_out.len()) >= BATCH_MESSAGES
    }

    fn fail(&mut self, item: &Item, problem: &'static str, reason: String, read: &mut Read) {
        let key = item.unread_key();
        read.seen.insert(key.clone());
        self.failures
            .push(failure(self.keys.len() as u64, problem, reason));
        self.keys.push(key);
    }

    /// Takes a message in, unless it is one without an id that we know by what it says.
    fn take(&mut self, item: &Item, stored: Stored, job: &Job<'_>, read: &mut Read) {
        let key = match &item.key {
            Some(key) => {
                // Of a header, the bytes are no proof that the message may be deleted.
                if item.too_large.is_none() {
                    read.proven.insert(key.clone(), item.number);
                }
                key.clone()
            }
            None => {
                let nth = read.equal.entry(stored.digest.clone()).or_default();
                *nth += 1;
                let key = content_key(&stored.digest, *nth);
                read.seen.insert(key.clone());
                read.proven.insert(key.clone(), item.number);
                if job.known.get(&key) == Some(&Standing::Stored) {
                    self.blobs.abort();
                    return;
                }
                key
            }
        };
        self.bytes += stored.place.length;
        let length = stored.place.length;
        self.fetched.push(Fetched {
            // A message without a body is its header.
            headers_only: item.too_large.filter(|size| *size != length),
            uid: self.keys.len() as i64,
            // POP3 tells no flags: a message begins unread.
            flags: Flags::default(),
            mod_seq: 0,
            internal_date: None,
            stored,
            object_id: None,
            labels: None,
            provider_thread: None,
        });
        self.keys.push(key);
    }
}

async fn fetch_all(
    session: &mut Session,
    job: &Job<'_>,
    items: &[Item],
    read: &mut Read,
    mut stop: impl FnMut() -> bool,
    sender: mpsc::Sender<Ready>,
) -> Result<Ended, Cut> {
    let mut ready = Ready::new(job)?;
    for group in items.chunks(GROUP) {
        if stop() {
            hand_over(&sender, ready).await;
            return Ok(Ended::Stopped);
        }
        let fetched = fetch_group(session, job, group, read, &mut ready, &sender).await;
        match fetched {
            Ok(Ended::Done) => {}
            // What came whole is kept.
            Ok(ended) => {
                hand_over(&sender, ready).await;
                return Ok(ended);
            }
            Err(cut) => {
                if matches!(cut, Cut::Server(..)) {
                    hand_over(&sender, ready).await;
                }
                return Err(cut);
            }
        }
    }
    hand_over(&sender, ready).await;
    Ok(Ended::Done)
}

/// Where the store has failed, nobody takes the batch: its error is the one that counts.
async fn hand_over(sender: &mpsc::Sender<Ready>, ready: Ready) {
    if !ready.is_empty() {
        let _ = sender.send(ready).await;
    }
}

async fn fetch_group(
    session: &mut Session,
    job: &Job<'_>,
    group: &[Item],
    read: &mut Read,
    ready: &mut Ready,
    sender: &mpsc::Sender<Ready>,
) -> Result<Ended, Cut> {
    let mut wanted = Vec::with_capacity(group.len());
    let mut heads = Vec::new();
    let has_top = session.capabilities().top || !session.capabilities().listed;
    for item in group {
        if is_too_old(session, job, item, ready).await? {
            continue;
        }
        match item.too_large {
            Some(_) if has_top => heads.push(item),
            _ => wanted.push(item),
        }
    }
    for item in heads {
        let header = match session.top(item.number, 0).await {
            Ok(download) => receive(download, ready).await,
            Err(error) => Err(error.into()),
        };
        match header {
            Ok(stored) => ready.take(item, stored, job, read),
            Err(Broken::Store(error)) => return Err(Cut::Store(error)),
            Err(Broken::Server(Pop3Error::Refused { answer, .. })) => {
                let reason = format!("the server does not give the header: {}", answer.text);
                ready.fail(item, "message_unreadable", reason, read);
            }
            Err(Broken::Server(error)) => return Err(Cut::Server(error, item.clone())),
        }
    }
    let mut answers = session.retr_all(wanted.iter().map(|item| item.number));
    for item in wanted {
        let Some(answer) = answers.next().await else {
            break;
        };
        let outcome = match answer {
            Ok(download) => receive(download, ready).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(stored) => ready.take(item, stored, job, read),
            Err(Broken::Store(error)) => return Err(Cut::Store(error)),
            Err(Broken::Server(Pop3Error::Refused { answer, .. })) => {
                let reason = format!("the server does not give the message: {}", answer.text);
                ready.fail(item, "message_unreadable", reason, read);
            }
            Err(Broken::Server(error @ Pop3Error::TooLong { what: "a message" })) => {
                ready.fail(item, "message_too_large", error.to_string(), read);
                return Ok(Ended::Over);
            }
            Err(Broken::Server(error)) => return Err(Cut::Server(error, item.clone())),
        }
        if ready.is_full() {
            let full = std::mem::replace(ready, Ready::new(job)?);
            hand_over(sender, full).await;
            if sender.is_closed() {
                return Ok(Ended::Over);
            }
        }
    }
    Ok(Ended::Done)
}

/// Whether the date of a message is before the time from which mail is wanted. POP3 has no search:
/// TOP gives the header, and its Date decides. A message without a readable date is wanted, and so are
/// all where the server has no TOP.
async fn is_too_old(
    session: &mut Session,
    job: &Job<'_>,
    item: &Item,
    ready: &mut Ready,
) -> Result<bool, Cut> {
    let capabilities = session.capabilities();
    let Some(since) = job.since.filter(|_| item.ask_date) else {
        return Ok(false);
    };
    if capabilities.listed && !capabilities.top {
        return Ok(false);
    }
    let header = match session.top(item.number, 0).await {
        Ok(download) => download.read_all().await,
        Err(error) => Err(error),
    };
    let header = match header {
        Ok(header) => header,
        // What the matter is, RETR will tell.
        Err(Pop3Error::Refused { .. } | Pop3Error::Unsupported { .. }) => return Ok(false),
        Err(error) => return Err(Cut::Server(error, item.clone())),
    };
    let date = summarize(&header).date_ms.map(Timestamp);
    let Some(date) = date.filter(|date| *date < since) else {
        return Ok(false);
    };
    if let Some(key) = &item.key {
        ready.left_out.push((key.clone(), date));
    }
    Ok(true)
}

enum Broken {
    Server(Pop3Error),
    Store(StoreError),
}

impl From<Pop3Error> for Broken {
    fn from(error: Pop3Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn receive(mut download: Download<'_>, ready: &mut Ready) -> Result<Stored, Broken> {
    ready.blobs.begin();
    loop {
        match download.next_chunk().await {
            Ok(Some(chunk)) => ready.blobs.append(chunk).await?,
            Ok(None) => return Ok(ready.blobs.end()),
            Err(error) => {
                ready.blobs.abort();
                return Err(error.into());
            }
        }
    }
}

async fn ingest_all(job: &Job<'_>, mut batches: mpsc::Receiver<Ready>) -> Result<Outcome> {
    let mut total = Outcome::default();
    while let Some(mut ready) = batches.recv().await {
        ready.blobs.sync_keeping().await?;
        let parsed = parse::batch(
            job.context,
            ready.blobs,
            ready.fetched,
            job.owner.clone(),
            job.origin,
        );
        let (messages, unread) = parsed.await?;
        ready.failures.extend(unread);
        let batch = batch(job, messages, ready.failures);
        let haul = Haul {
            batch,
            keys: ready.keys,
            left_out: ready.left_out,
        };
        let outcome = store(job, haul).await?;
        metrics::counter!("postroom_messages_stored_total", "origin" => job.origin.as_str())
            .increment(outcome.stored as u64);
        metrics::counter!("postroom_ingest_bytes_total").increment(ready.bytes);
        total.stored += outcome.stored;
        total.moved += outcome.moved;
        total.known += outcome.known;
        total.failed += outcome.failed;
    }
    Ok(total)
}

fn batch(
    job: &Job<'_>,
    messages: Vec<store::ingest::NewMessage>,
    failures: Vec<NewFailure>,
) -> Batch {
    Batch {
        folder_id: job.folder_id.to_owned(),
        uid_validity: UID_VALIDITY,
        origin: job.origin,
        messages,
        failures,
        gone: Vec::new(),
        cursor: Cursor::default(),
        // There is one folder: nothing can be on the move.
        copies_too: true,
    }
}

async fn store(job: &Job<'_>, mut haul: Haul) -> Result<Outcome> {
    let failures = std::mem::take(&mut haul.batch.failures);
    haul.batch.failures =
        crate::ledger::without_secret(job.context, &job.lease.mailbox_id, failures).await;
    let stored = pop3::ingest(
        &job.context.store,
        job.lease,
        haul,
        crate::threading::threader,
    );
    Ok(stored.await?)
}

/// Remembers on which message the connection broke; one that breaks it again and again is left to the
/// ledger, so that the others pass.
async fn count_strike(job: &Job<'_>, item: &Item, error: &Pop3Error) -> Result<()> {
    let problem = match error {
        Pop3Error::TimedOut { .. } => "timed_out",
        Pop3Error::Nonsense { .. } => "server_nonsense",
        Pop3Error::TooLong { .. } => "server_line_too_long",
        _ => "server_closed",
    };
    let key = item.unread_key();
    let strikes = pop3::strike(&job.context.store, job.lease, job.folder_id, &key).await?;
    if strikes >= STRIKES {
        let failures = vec![failure(0, problem, error.to_string())];
        let haul = Haul {
            batch: batch(job, Vec::new(), failures),
            keys: vec![key],
            left_out: Vec::new(),
        };
        store(job, haul).await?;
    }
    Ok(())
}
