//! Keeps a POP3 mailbox in step: sign in, list, fetch what is not known, sign off, wait.
//!
//! A maildrop becomes one folder, INBOX. POP3 tells nothing by itself and locks the maildrop while we
//! are in it, so each round is a short session of its own. Everything stays on the server, unless the
//! mailbox says otherwise (`delete.rs`), and what the server has no more keeps its copy here (see
//! [`store::pop3`]).
//!
//! Messages are known by the answer to UIDL. Where a server has none, or gives the same id to several
//! messages, they are known by what they say: then they have to be fetched to be recognised, which is
//! done only when STAT changed, for a tenth of the time at most, and for maildrops of a bounded size.
//! An id that a server gives to another message after the first is gone (against RFC 1939 section 7) is
//! seen when the sizes of the two differ (`identity.rs`); of the same size, when an audit that a person asked
//! for compares the headers.
//!
//! Flags live here alone, since POP3 has none. Some servers mark a message as read at RETR or TOP.

mod allowance;
mod audit;
mod delete;
mod fetch;
mod identity;
mod plan;

use crate::Context;
use crate::error::{Result, SyncError};
use crate::folder::parse::Owner;
use crate::mailbox::{StateKeeper, Turn, Work, changed, signed_in};
use crate::meter::{Meter, Purpose};
use crate::seats::Seat;
use connect::Peer;
use delete::Marked;
use fetch::{Ended, Job};
use identity::Sizes;
use model::Timestamp;
use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::{ConnectionState, Incoming, Mailbox};
use plan::{Listed, Plan, Situation, plan};
use pop3_client::{Pop3Error, Session, Stat};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::StoreError;
use store::folders::{self, Cursor, Known, ListChange, NewFolder};
use store::ingest;
use store::leases::Lease;
use store::owed::{self, Intent};
use store::pop3::{Standing, UID_VALIDITY, is_nameless};
use store::wake::{Listener, Topic};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The one folder of a maildrop.
const INBOX: &str = "INBOX";
/// How long the past is filled in one session before we sign in anew, to see new mail.
const SLICE: Duration = Duration::from_secs(30);
/// How long a place among those who fetch is kept while the server lets us wait.
const OPENING: Duration = Duration::from_secs(10);
/// How long we wait for the answer to QUIT where nothing hangs on it, because nothing is deleted.
const GOODBYE: Duration = Duration::from_secs(2);
/// Longest pause between sign-ins that a server may ask for (LOGIN-DELAY, RFC 2449 section 6.5).
const LOGIN_DELAY_MAX: Duration = Duration::from_secs(3600);
/// Changes that are settled at once.
const OWED_BATCH: i64 = 200;
/// Octets of the largest maildrop without ids that is read.
const NAMELESS_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Messages of the largest maildrop without ids that is read.
const NAMELESS_MESSAGES: u32 = 50_000;
/// A reading of messages without ids is followed by a pause of so many times its length.
const NAMELESS_PAUSE: u32 = 9;

/// Polls a maildrop until the connection fails, the mailbox changes, or the work is cancelled. Says
/// whether anything was achieved, and how it ended.
pub(crate) async fn run(
    context: &Context,
    lease: &Lease,
    mailbox: &Mailbox,
    state: &mut StateKeeper,
    wake: &mut Listener,
    cancel: &CancellationToken,
) -> (bool, Result<()>) {
    let Some(incoming) = &mailbox.incoming else {
        return (false, Ok(()));
    };
    let meter = match Meter::new(context, mailbox).await {
        Ok(meter) => meter,
        Err(error) => return (false, Err(error.into())),
    };
    let mut polling = Polling {
        context,
        lease,
        mailbox,
        incoming,
        origin: Origin::CatchUp,
        progress: false,
        login_delay: Duration::ZERO,
        next_sign_in: None,
        next_reading: None,
        deletion: Marked::default(),
        meter,
        turn: Turn::new(context.filling.clone()),
        sizes: HashMap::new(),
    };
    let ended = polling.work(state, wake, cancel).await;
    (polling.progress, ended)
}

struct Polling<'a> {
    context: &'a Context,
    lease: &'a Lease,
    mailbox: &'a Mailbox,
    incoming: &'a Incoming,
    /// How we come to know of new mail: the first round catches up.
    origin: Origin,
    progress: bool,
    /// The least time between two sign-ins, where the server says so.
    login_delay: Duration,
    next_sign_in: Option<Instant>,
    /// When messages without ids may be read again.
    next_reading: Option<Instant>,
    /// What this session's QUIT deletes.
    deletion: Marked,
    /// What the provider allows by the day.
    meter: Meter,
    /// Our place among those who fetch their past.
    turn: Turn,
    /// Octets of messages, by key, as far as this session listed them.
    sizes: HashMap<String, i64>,
}

/// What one reading of the messages without ids has seen.
#[derive(Default)]
struct Read {
    /// How many messages with these bytes, by digest.
    equal: HashMap<String, u32>,
    /// The keys of all of them.
    seen: HashSet<String>,
    /// The numbers, by key, of messages whose bytes were read in this session: what these keys stand for is proven.
    proven: HashMap<String, u32>,
}

impl Polling<'_> {
    async fn work(
        &mut self,
        state: &mut StateKeeper,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let topic = Topic::Mailbox(self.mailbox.id.clone());
        let mut changes = self.context.store.db.wakes().listen(topic);
        loop {
            // Whatever is dropped here in the middle is fetched again: the same as after a crash. Of a QUIT that deletes it is
            // not known then what it did, as where no answer comes: the next look shows it.
            let (context, mailbox) = (self.context, self.mailbox);
            let in_step = tokio::select! {
                round = self.round(state) => round?,
                () = changed(context, mailbox, &mut changes) => return Ok(()),
                () = cancel.cancelled() => return Ok(()),
            };
            if !self.wait(in_step, wake, cancel).await? {
                return Ok(());
            }
        }
    }

    /// One session. Returns whether everything that is wanted was fetched.
    async fn round(&mut self, state: &mut StateKeeper) -> Result<bool> {
        self.settle_owed().await?;
        let folder = self.folder().await?;
        // Before signing in: a maildrop is locked while we are in it. Without a place, this session is about new mail.
        let filling = folder.mode == Mode::Full && !folder.backfilled;
        let mut place = match filling {
            true => self.turn.take(Work::Large).await?,
            false => None,
        };
        let (mut session, _seat) = {
            let signing_in = self.sign_in();
            tokio::pin!(signing_in);
            match tokio::time::timeout(OPENING, &mut signing_in).await {
                Ok(session) => session?,
                // Others fetch while a server that is away, or has a line at its door, lets us wait.
                Err(_) => {
                    place = None;
                    signing_in.await?
                }
            }
        };
        if filling && place.is_none() {
            place = self.turn.take(Work::Large).await?;
        }
        self.meter = Meter::new(self.context, self.mailbox).await?;
        let looked = if folder.mode == Mode::Full {
            self.look(&mut session, &folder, place, state).await
        } else {
            self.is_alive(state).await.map(|()| true)
        };
        self.meter
            .settle(self.context, self.lease, session.traffic())
            .await?;
        if looked.is_ok() && self.deletion.messages > 0 {
            self.quit_and_delete(session).await;
        } else if looked.is_ok() && session.is_usable() {
            let _ = tokio::time::timeout(GOODBYE, session.quit()).await;
        } else {
            drop(session);
        }
        // Not while we are in the maildrop, which is locked; and not where each sign-in has its time.
        if self.login_delay.is_zero() {
            state.report();
        }
        Ok(looked? && !std::mem::take(&mut self.deletion).more)
    }

    /// POP3 changes nothing on the server. Flags were changed here already, and that is all there is to
    /// do; moves and deletions are refused when they are asked for, and what was owed before the mailbox
    /// spoke POP3 is dropped. Returns how many changes there were.
    async fn settle_owed(&mut self) -> Result<usize> {
        let store = &self.context.store;
        let due = owed::take(store, self.lease, OWED_BATCH).await?;
        for change in &due {
            match change.intent {
                Intent::Flags { .. } => {
                    owed::done(store, self.lease, change, owed::Confirmed::default()).await?
                }
                _ => {
                    tracing::info!(
                        change = change.id,
                        "POP3 cannot make this change on the server"
                    );
                    let refusal = owed::Refusal {
                        problem_id: "command_refused",
                        reason: "POP3 cannot make this change".to_owned(),
                    };
                    owed::failed(store, self.lease, change, refusal, None).await?;
                }
            }
        }
        Ok(due.len())
    }

    /// The folder of the maildrop, made at the first round.
    async fn folder(&self) -> Result<Known> {
        let store = &self.context.store;
        for _ in 0..3 {
            let known = folders::known(store, &self.mailbox.id).await?;
            let Some(inbox) = known.iter().find(|folder| folder.wire_name == INBOX) else {
                let created = ListChange::Created(NewFolder {
                    wire_name: INBOX.to_owned(),
                    path: INBOX.to_owned(),
                    delimiter: None,
                    role: Some(Role::Inbox),
                    mode: Mode::Full,
                    object_id: None,
                    empty: None,
                });
                folders::apply_list(store, self.lease, vec![created]).await?;
                continue;
            };
            if inbox.uid_validity != Some(UID_VALIDITY) {
                store::pop3::begin(store, self.lease, &inbox.id).await?;
                continue;
            }
            folders::apply_list(store, self.lease, left_behind(&known)).await?;
            return Ok(inbox.clone());
        }
        Err(StoreError::NotFound("the folder").into())
    }

    async fn sign_in(&mut self) -> Result<(Session, Seat)> {
        let (context, incoming) = (self.context, self.incoming);
        let opening = signed_in(context, self.mailbox, incoming, |secret| async move {
            connect::open::pop3(&context.net, incoming, &secret).await
        });
        let (session, seat) = Box::pin(opening).await?;
        let seconds = session.capabilities().login_delay_seconds.unwrap_or(0);
        self.login_delay = Duration::from_secs(seconds.into()).min(LOGIN_DELAY_MAX);
        self.next_sign_in = Some(Instant::now() + self.login_delay);
        Ok((session, seat))
    }

    /// Compares the maildrop with what we know, and fetches the difference.
    async fn look(
        &mut self,
        session: &mut Session,
        folder: &Known,
        place: Option<OwnedSemaphorePermit>,
        state: &mut StateKeeper,
    ) -> Result<bool> {
        let store = &self.context.store;
        let began = (Instant::now(), store.now());
        // In this order: what is read of the folder is never older than the mark that the end is compared with.
        let asked = store::folders::asked(store, &folder.id, self.mailbox.version).await?;
        let folders = store::folders::known(store, &self.mailbox.id).await?;
        let folder = folders
            .iter()
            .find(|now| now.id == folder.id)
            .unwrap_or(folder);
        self.deletion = Marked::default();
        let (listed, stat, changed) = self.list(session, folder).await?;
        let mut known = store::pop3::known(store, &folder.id).await?;
        let compares = self.is_asked_to_compare().await?;
        if compares {
            self.compare_heads(session, folder, &listed, &mut known)
                .await?;
        }
        let sizes = match changed {
            Some(_) => {
                self.check_sizes(session, folder, &listed, &mut known)
                    .await?
            }
            None => Sizes::default(),
        };
        let nameless_due = stat.is_some() && self.is_nameless_due(folder).await?;
        let reading =
            stat.filter(|stat| compares || nameless_due || self.must_read(folder, stat, &known));
        let situation = Situation {
            since: folder.since.or(self.mailbox.fetch_since),
            backfilled: folder.backfilled,
            read_nameless: reading.is_some(),
        };
        let mut todo = plan(&listed, &known, situation);
        let limit = folder.size_limit.or(self.mailbox.size_limit);
        todo.limit(&sizes.listed, limit);
        self.sizes.clone_from(&sizes.listed);
        let forget = std::mem::take(&mut todo.forget);
        store::pop3::forget(store, self.lease, &folder.id, forget).await?;
        if !(folder.backfilled && todo.new.is_empty()) {
            self.move_cursor(folder, total(&todo)).await?;
        }
        let own = store::identities::own_addresses(store, &self.mailbox.id).await?;
        let mut job = Job {
            context: self.context,
            lease: self.lease,
            folder_id: &folder.id,
            owner: Owner {
                addresses: own,
                role: folder.role,
            },
            origin: self.origin,
            since: situation.since,
            known: &known,
        };
        let mut read = Read::default();
        read.seen.extend(std::mem::take(&mut todo.resting));
        for items in [&todo.new, &todo.again] {
            let purpose = Purpose::New;
            let (ended, _) = self
                .fetch(session, &job, items, &mut read, (None, purpose))
                .await?;
            if ended != Ended::Done {
                if self.meter.new_waits.is_some() {
                    self.is_alive(state).await?;
                }
                return Ok(false);
            }
        }
        self.end_of_catching_up().await?;
        self.is_alive(state).await?;
        job.origin = Origin::Backfill;
        // A reading of messages without ids has to come to its end in one session to be of use, and a
        // server that allows few sign-ins is not left half way.
        let sliced = reading.is_none() && self.login_delay.is_zero();
        let place = match sliced {
            true => place,
            // It may take hours: those who fetch in slices do not wait for it.
            false => self.context.lasting.clone().try_acquire_owned().ok(),
        };
        if place.is_none() && !folder.backfilled {
            return Ok(true);
        }
        let end = sliced.then(|| Instant::now() + SLICE);
        let before = (Instant::now(), session.traffic().0);
        let past = self
            .fetch(session, &job, &todo.past, &mut read, (end, Purpose::Past))
            .await?;
        self.tell_rate(before, session.traffic().0, &past.1).await?;
        if past.0 != Ended::Done {
            return Ok(false);
        }
        let asked_for = store::pop3::asked(store, &folder.id).await?;
        let rest = plan::to_complete(&listed, &asked_for);
        let completed = self
            .fetch(session, &job, &rest, &mut read, (None, Purpose::New))
            .await?;
        if completed.0 != Ended::Done {
            return Ok(false);
        }
        if let Some(stat) = reading {
            self.finish_reading(folder, &known, &read, stat, began.0)
                .await?;
        }
        if !folder.backfilled && (stat.is_none() || reading.is_some()) {
            let done = Cursor {
                low_uid: Some(1),
                filled: Some(asked),
                ..total(&todo)
            };
            self.move_cursor(folder, done).await?;
        }
        self.finish_vanished(began.1).await?;
        store::pop3::note_sizes(store, self.lease, &folder.id, &sizes.listed).await?;
        if let Some(stat) = changed.filter(|_| !sizes.more) {
            self.move_cursor(folder, counted(&stat)).await?;
        }
        // What messages without an id say is known as long as STAT is the same as when they were read.
        if stat.is_none_or(|stat| reading.is_some() || !is_another(folder, &stat)) {
            self.audit_if_due(folder, &listed, &known).await?;
        }
        self.deletion = self.mark(session, folder, &listed, &read).await?;
        Ok(true)
    }

    /// Notes how fast the past comes.
    async fn tell_rate(
        &self,
        (began, before): (Instant, u64),
        received: u64,
        outcome: &store::ingest::Outcome,
    ) -> Result<()> {
        let messages = outcome.stored + outcome.moved + outcome.known + outcome.failed;
        if messages == 0 {
            return Ok(());
        }
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        let per_minute = (messages as f64 * 60.0 / seconds) as i64;
        let octets = (received.saturating_sub(before) as f64 / seconds) as i64;
        let store = &self.context.store;
        Ok(store::traffic::filling_rate(store, self.lease, per_minute, octets).await?)
    }

    /// The messages; STAT where some of them have no id; and STAT where all have one and it is another than
    /// at the last look.
    async fn list(
        &self,
        session: &mut Session,
        folder: &Known,
    ) -> Result<(Vec<Listed>, Option<Stat>, Option<Stat>)> {
        let ids = match session.uidl().await {
            Ok(ids) => Some(ids),
            Err(Pop3Error::Unsupported { .. }) => None,
            Err(error) => return Err(self.told(&error)),
        };
        let listed = ids.map(|ids| plan::by_id(&ids));
        if let Some(listed) = &listed
            && listed.iter().all(|message| message.key.is_some())
        {
            let stat = match session.stat().await {
                Ok(stat) => Some(stat),
                Err(Pop3Error::Refused { .. }) => None,
                Err(error) => return Err(self.told(&error)),
            };
            let changed = stat.filter(|stat| is_another(folder, stat));
            return Ok((listed.clone(), None, changed));
        }
        let stat = session.stat().await.map_err(|error| self.told(&error))?;
        if stat.messages > NAMELESS_MESSAGES || stat.bytes > NAMELESS_BYTES {
            return Err(SyncError::Connect(self.peer().failure(
                "listing_unsupported",
                &[],
                None,
            )));
        }
        let listed = listed.unwrap_or_else(|| plan::without_ids(stat.messages));
        Ok((listed, Some(stat), None))
    }

    /// Whether messages without ids are read in this round: when STAT says that something changed, or
    /// one that failed is due.
    fn must_read(&self, folder: &Known, stat: &Stat, known: &HashMap<String, Standing>) -> bool {
        let changed = !folder.backfilled || is_another(folder, stat);
        let due = known.iter().any(|(key, standing)| {
            is_nameless(key) && matches!(standing, Standing::Failed { due: true } | Standing::Open)
        });
        (changed || due) && self.next_reading.is_none_or(|at| Instant::now() >= at)
    }

    /// All messages without ids were read: what none of them has said any more is forgotten, and STAT
    /// tells from now on when to read again.
    async fn finish_reading(
        &mut self,
        folder: &Known,
        known: &HashMap<String, Standing>,
        read: &Read,
        stat: Stat,
        began: Instant,
    ) -> Result<()> {
        let gone = known
            .keys()
            .filter(|key| is_nameless(key) && !read.seen.contains(*key))
            .cloned()
            .collect();
        store::pop3::forget(&self.context.store, self.lease, &folder.id, gone).await?;
        self.move_cursor(folder, counted(&stat)).await?;
        let now = Instant::now();
        self.next_reading = Some(now + now.duration_since(began) * NAMELESS_PAUSE);
        Ok(())
    }

    async fn move_cursor(&self, folder: &Known, cursor: Cursor) -> Result<()> {
        folders::move_cursor(&self.context.store, self.lease, &folder.id, cursor).await?;
        Ok(())
    }

    /// What lost its place when the folder became a maildrop, and was not in it, is gone.
    async fn finish_vanished(&self, before: Timestamp) -> Result<()> {
        let store = &self.context.store;
        if ingest::vanished_since(store, &self.mailbox.id, Timestamp(0)).await? {
            ingest::finish_vanished(store, self.lease, before, self.origin).await?;
        }
        Ok(())
    }

    /// From here on, what comes is live. A gap that was filled is told.
    async fn end_of_catching_up(&mut self) -> Result<()> {
        self.progress = true;
        if self.origin != Origin::CatchUp {
            return Ok(());
        }
        // An earlier connection may have broken in the middle of the gap: what it stored is counted with the mailbox.
        ingest::tell_gap(&self.context.store, self.lease).await?;
        self.origin = Origin::Live;
        Ok(())
    }

    async fn is_alive(&self, state: &mut StateKeeper) -> Result<()> {
        Ok(state.alive(ConnectionState::Polling).await?)
    }

    /// Waits until the next round is due, which is at once when there is more to fetch. Returns whether
    /// there is to be one.
    async fn wait(
        &mut self,
        in_step: bool,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        if !in_step && self.mailbox_changed().await? {
            return Ok(false);
        }
        let mut end = Instant::now();
        let now = self.context.store.now();
        let waits = self.meter.waits(Purpose::New, now) || self.meter.waits(Purpose::Past, now);
        if in_step || waits {
            end += match self.meter.allowed().poll_minutes {
                Some(minutes) => Duration::from_secs(minutes.unsigned_abs() * 60),
                None => self.context.timing.poll,
            };
        }
        loop {
            let allowed = self.next_sign_in.unwrap_or(end);
            tokio::select! {
                () = cancel.cancelled() => return Ok(false),
                () = tokio::time::sleep_until(end.max(allowed)) => return Ok(true),
                // A place that comes before we may sign in again is kept until then.
                () = self.turn.come() => end = Instant::now(),
                () = wake.next() => {
                    if self.mailbox_changed().await? {
                        return Ok(false);
                    }
                    // A change of flags wakes too, and is no reason to sign in.
                    if self.settle_owed().await? == 0 {
                        end = Instant::now();
                    }
                }
            }
        }
    }

    async fn mailbox_changed(&self) -> Result<bool> {
        let now = store::mailboxes::stand(&self.context.store, &self.mailbox.id).await?;
        Ok(now != (self.mailbox.version, self.mailbox.lifecycle))
    }

    fn peer(&self) -> Peer<'_> {
        Peer::incoming(self.incoming, self.context.store.now())
    }

    fn told(&self, error: &Pop3Error) -> SyncError {
        SyncError::Connect(connect::recognise::pop3(error, &self.peer()))
    }
}

/// Folders from a time when the mailbox spoke IMAP: what is stored of them stays, and what is missing
/// will never come.
fn left_behind(known: &[Known]) -> Vec<ListChange> {
    known
        .iter()
        .filter(|folder| {
            folder.wire_name != INBOX && folder.mode != Mode::Off && !folder.backfilled
        })
        .filter(|folder| !folder.mode_fixed)
        .map(|folder| ListChange::Adjusted {
            id: folder.id.clone(),
            role: folder.role,
            mode: Mode::Off,
            object_id: folder.object_id.clone(),
        })
        .collect()
}

fn total(plan: &Plan) -> Cursor {
    Cursor {
        total: Some(plan.total),
        ..Cursor::default()
    }
}

/// Whether STAT is another than at the last look.
fn is_another(folder: &Known, stat: &Stat) -> bool {
    folder.server_messages != Some(i64::from(stat.messages)) || folder.mod_seq != Some(octets(stat))
}

/// STAT, to compare the next one with. (A maildrop has no MODSEQ; its octets take that place.)
fn counted(stat: &Stat) -> Cursor {
    Cursor {
        server_messages: Some(i64::from(stat.messages)),
        mod_seq: Some(octets(stat)),
        ..Cursor::default()
    }
}

fn octets(stat: &Stat) -> i64 {
    i64::try_from(stat.bytes).unwrap_or(i64::MAX)
}
