//! Several connections that fill the past of one mailbox.
//!
//! The first connection does all there is to do; the others fill the past and nothing else, each another folder. A folder
//! is worked in by one connection at a time, which begins with a look at it, as a connection that was just made would: what
//! holds for one connection after the other holds for them. The first one comes before the others wherever it has to go: a
//! helper leaves a folder that is wanted after the batch that is under way.
//!
//! Another connection is opened only where it is known that the provider allows more than one (invariant 44), where much is
//! left to fetch, and where others do not wait for a place to fetch theirs (invariant 43); when one is sent for again is in
//! [`super::summons`]. What a helper cannot do by itself, such as to find out whether a message moved or was copied, or which
//! message breaks the connection, it leaves to the first.

use super::doubts::Doubts;
use super::isolation::Isolation;
use super::open;
use super::summons::{Ended, Errand, Summons};
use super::turn::MANY;
use super::visit::{Visit, say_goodbye};
use crate::Context;
use crate::error::Result;
use model::event::Origin;
use model::mailbox::Mailbox;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::folders;
use store::leases::Lease;
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections of one mailbox beside the first, at most.
const HELPERS: i64 = 2;
/// Connections that are left to other programs and to reports, of those that the provider allows.
const SPARE: i64 = 1;
/// How long the first connection waits for a helper to leave a folder: then the helper is ended, as a cut line would.
const LEAVING: Duration = Duration::from_secs(5);
/// How often a helper asks for a place while others have all of them, and how many times.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const ASKED_AT_MOST: u32 = 20;
/// How much the newest slice counts for the rate that is told.
const SMOOTHING: f64 = 0.3;

/// What the connections of one mailbox know of each other.
#[derive(Default)]
struct Shared {
    slots: Mutex<HashMap<String, Slot>>,
    pace: Mutex<Pace>,
    /// A helper has ended, or a folder is filled.
    news: Notify,
    /// How each helper is ended, by its number.
    ends: Mutex<HashMap<u64, AbortHandle>>,
    /// When one is sent for.
    summons: Summons,
}

/// A folder that one of them works in.
#[derive(Default)]
struct Slot {
    /// Held by whoever works in it.
    lock: Arc<tokio::sync::Mutex<()>>,
    /// The helper that took it last.
    by: u64,
    /// The first connection waits for it.
    is_wanted: bool,
    /// Tells the helper that works in it to leave.
    leave: CancellationToken,
    /// No helper can fill it.
    is_left: bool,
}

impl Shared {
    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast all of them fetch.
#[derive(Default)]
struct Pace {
    /// When one of them last ended a slice.
    at: Option<Instant>,
    /// Messages in a minute and octets in a second, smoothed.
    rate: Option<(f64, f64)>,
}

/// The right to work in a folder, for as long as it lasts.
struct Claim {
    folder_id: String,
    leave: CancellationToken,
    _held: OwnedMutexGuard<()>,
}

/// One connection among those of its mailbox.
#[derive(Default)]
pub(super) struct Hands {
    shared: Arc<Shared>,
    claim: Option<Claim>,
    /// It fills the past and nothing else.
    pub(super) helps: bool,
    helpers: JoinSet<()>,
    /// Its own number, where it helps.
    number: u64,
}

impl Hands {
    /// Those of a mailbox's first connection.
    pub(super) fn first(summons: Summons) -> Self {
        let shared = Shared {
            summons,
            ..Shared::default()
        };
        Self {
            shared: Arc::new(shared),
            ..Self::default()
        }
    }

    fn helper_of(shared: Arc<Shared>, number: u64) -> Self {
        Self {
            shared,
            number,
            helps: true,
            ..Self::default()
        }
    }

    /// Whether other connections are, or may be, at work.
    pub(super) fn are_many(&self) -> bool {
        self.helps || !self.helpers.is_empty()
    }

    /// Takes note of helpers that have ended. A connection that is alone keeps no room for what it does where.
    fn look_round(&mut self) {
        while self.helpers.try_join_next().is_some() {}
        self.shared.ends().retain(|_, end| !end.is_finished());
        if self.helpers.is_empty() {
            self.claim = None;
            *self.shared.slots() = HashMap::new();
        }
    }

    /// Waits for the right to work in a folder, and gives back that to the one before. A helper has taken it already.
    pub(super) async fn hold(&mut self, folder_id: &str) {
        if self.helps
            || self
                .claim
                .as_ref()
                .is_some_and(|c| c.folder_id == folder_id)
        {
            return;
        }
        self.claim = None;
        let lock = {
            let mut slots = self.shared.slots();
            let slot = slots.entry(folder_id.to_owned()).or_default();
            slot.is_wanted = true;
            slot.leave.cancel();
            slot.lock.clone()
        };
        let held = match tokio::time::timeout(LEAVING, lock.clone().lock_owned()).await {
            Ok(held) => held,
            Err(_) => {
                tracing::info!("another connection does not get on, and is ended");
                self.end_the_one_in(folder_id);
                lock.lock_owned().await
            }
        };
        let mut slots = self.shared.slots();
        let slot = slots.entry(folder_id.to_owned()).or_default();
        slot.is_wanted = false;
        self.claim = Some(Claim {
            folder_id: folder_id.to_owned(),
            leave: slot.leave.clone(),
            _held: held,
        });
    }

    /// Ends the helper that works in a folder, and no other.
    fn end_the_one_in(&mut self, folder_id: &str) {
        let by = self.shared.slots().get(folder_id).map(|slot| slot.by);
        let end = by.and_then(|by| self.shared.ends().remove(&by));
        match end {
            Some(end) => end.abort(),
            None => self.helpers.abort_all(),
        }
    }

    /// Whether nobody else works in a folder.
    pub(super) fn is_free(&self, folder_id: &str) -> bool {
        let ours = self
            .claim
            .as_ref()
            .is_some_and(|c| c.folder_id == folder_id);
        let slots = self.shared.slots();
        let slot = slots.get(folder_id);
        ours || slot.is_none_or(|slot| slot.lock.try_lock().is_ok())
    }

    /// Takes a folder for a helper, if nobody works in it or wants to. Returns what tells to leave it.
    fn take(&mut self, folder_id: &str) -> Option<CancellationToken> {
        let mut slots = self.shared.slots();
        let slot = slots.entry(folder_id.to_owned()).or_default();
        if slot.is_wanted || slot.is_left {
            return None;
        }
        let held = slot.lock.clone().try_lock_owned().ok()?;
        slot.leave = CancellationToken::new();
        slot.by = self.number;
        self.claim = Some(Claim {
            folder_id: folder_id.to_owned(),
            leave: slot.leave.clone(),
            _held: held,
        });
        Some(slot.leave.clone())
    }

    /// Leaves a folder to the first connection.
    pub(super) fn leave_to_the_first(&self, folder_id: &str) {
        let mut slots = self.shared.slots();
        slots.entry(folder_id.to_owned()).or_default().is_left = true;
        if let Some(claim) = self.claim.as_ref().filter(|c| c.folder_id == folder_id) {
            claim.leave.cancel();
        }
    }

    /// A slice begins.
    pub(super) fn begin_slice(&self) {
        let mut pace = self
            .shared
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        pace.at.get_or_insert_with(Instant::now);
    }

    /// A slice has ended that brought so much. Returns messages in a minute and octets in a second, of all of them.
    pub(super) fn rate(&self, messages: u64, octets: u64) -> (f64, f64) {
        let mut pace = self
            .shared
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = pace.at.replace(now).unwrap_or(now);
        let seconds = now.duration_since(since).as_secs_f64().max(0.001);
        let newly = (messages as f64 * 60.0 / seconds, octets as f64 / seconds);
        let smooth = |old: f64, new: f64| old + (new - old) * SMOOTHING;
        let rate = pace.rate.map_or(newly, |old| {
            (smooth(old.0, newly.0), smooth(old.1, newly.1))
        });
        pace.rate = Some(rate);
        rate
    }

    /// Ends when a helper has ended; never, where there is none.
    pub(super) async fn heard(&self) {
        match self.helpers.is_empty() {
            true => std::future::pending().await,
            false => self.shared.news.notified().await,
        }
    }

    /// Waits for the helpers, which were told to end.
    pub(super) async fn join(&mut self) {
        while self.helpers.join_next().await.is_some() {}
    }
}

/// Tells the first connection when a helper ends, however it does.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.news.notify_one();
    }
}

impl Visit<'_> {
    /// Opens another connection, where it is allowed and worth it.
    pub(super) async fn send_for_helpers(&mut self) -> Result<()> {
        self.hands.look_round();
        let (Some(allowed), Some(incoming)) =
            (self.meter.allowed().connections, &self.mailbox.incoming)
        else {
            return Ok(());
        };
        let most = (allowed - 1 - SPARE).clamp(0, HELPERS);
        if self.hands.helpers.len() as i64 >= most
            || !self.hands.shared.summons.is_open(self.mailbox.version)
            // It would come for nothing.
            || self.context.filling.available_permits() == 0
            // Limits by the day are counted by one connection; labels show one message in many folders at once.
            || self.meter.is_on()
            || self.session.supports("X-GM-EXT-1")
            || !self.context.seats.has_room(incoming)
            || self.context.doors.in_trouble(&incoming.host, incoming.port)
        {
            return Ok(());
        }
        let left = folders::to_come(&self.context.store, &self.mailbox.id).await?;
        let at_work: HashSet<&str> = self
            .unfilled()
            .iter()
            .map(|i| &*self.known[*i].id)
            .collect();
        let free = left
            .iter()
            .filter(|(id, _)| at_work.contains(&**id) && self.can_be_helped(id));
        let messages: i64 = free.map(|(_, messages)| *messages).sum();
        if messages < self.context.helped_from.max(1) {
            return Ok(());
        }
        tracing::info!(
            mailbox = self.mailbox.id,
            messages,
            "another connection fills the past"
        );
        if let Some(open) = self.open.clone() {
            self.hands.hold(&open).await;
        }
        let shared = self.hands.shared.clone();
        let (context, lease) = (self.context.clone(), self.lease.clone());
        let (mailbox, stop) = (self.mailbox.clone(), self.stop.child_token());
        let errand = self
            .hands
            .shared
            .summons
            .send(mailbox.version, stop.clone());
        let number = errand.number;
        let end = self.hands.helpers.spawn(async move {
            let _ending = Ending(shared.clone());
            match help(&context, &lease, &mailbox, stop, shared, &errand).await {
                Ok(true) => errand.end(Ended::Well),
                Ok(false) => {}
                Err(error) => {
                    errand.end(Ended::by(&error));
                    let failure = super::recognise(error, &mailbox, context.store.now());
                    // Never the server's words: it may repeat what it was told.
                    let problem = failure.id();
                    tracing::info!(
                        mailbox = mailbox.id,
                        problem,
                        "the other connection has ended"
                    );
                }
            }
        });
        self.hands.shared.ends().insert(number, end);
        Ok(())
    }

    /// Whether a helper could take a folder: it is not the one that this connection works in.
    fn can_be_helped(&self, folder_id: &str) -> bool {
        let ours = self.open.as_deref() == Some(folder_id);
        let slots = self.hands.shared.slots();
        let slot = slots.get(folder_id);
        !ours && slot.is_none_or(|slot| !slot.is_left && slot.lock.try_lock().is_ok())
    }

    /// Fills folders that nobody works in, until there is none. Returns whether there was one.
    async fn help_out(&mut self, isolation: &mut Isolation) -> Result<bool> {
        let mut asked = 0;
        let mut helped = false;
        while !self.stop.is_cancelled() {
            self.known = folders::known(&self.context.store, &self.mailbox.id).await?;
            self.hands.claim = None;
            let free = self.unfilled().into_iter().find_map(|i| {
                let begun = self.known[i].uid_validity.is_some() && self.known[i].high_uid > 1;
                let id = self.known[i].id.clone();
                Some((i, self.hands.take(&id).filter(|_| begun)?))
            });
            let Some((i, leave)) = free else {
                return Ok(helped);
            };
            // Whoever stands in line goes first.
            let Ok(_place) = self.context.filling.clone().try_acquire_many_owned(MANY) else {
                self.hands.claim = None;
                asked += 1;
                if asked > ASKED_AT_MOST {
                    return Ok(helped);
                }
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            };
            asked = 0;
            // Another connection may have been there: it is looked at again.
            self.open = None;
            let (id, validity) = (self.known[i].id.clone(), self.known[i].uid_validity);
            let filled = match self.ensure_open(i).await {
                Ok(true) if self.known[i].uid_validity == validity => {
                    let filled = self.fill(i, isolation, &leave).await;
                    helped |= filled.is_ok();
                    filled
                }
                Ok(_) => {
                    self.hands.leave_to_the_first(&id);
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = filled {
                self.hands.leave_to_the_first(&id);
                return Err(error);
            }
            self.hands.shared.news.notify_one();
        }
        Ok(helped)
    }
}

/// Another connection, from its beginning to its end. Returns whether it filled anything.
async fn help(
    context: &Context,
    lease: &Lease,
    mailbox: &Mailbox,
    stop: CancellationToken,
    shared: Arc<Shared>,
    errand: &Errand,
) -> Result<bool> {
    let opened = open::session(context, mailbox, open::Refusal::Answer, &stop).await?;
    let Some((session, _seat)) = opened else {
        return Ok(false);
    };
    errand.arrived();
    let mut doubts = Doubts::default();
    let hands = Hands::helper_of(shared, errand.number);
    let mut visit = Visit::new(context, lease, mailbox, session, stop, &mut doubts, hands).await?;
    visit.origin = Origin::Live;
    let mut isolation = Isolation::default();
    let helped = visit.help_out(&mut isolation).await;
    visit.hands.claim = None;
    if helped.is_ok() {
        say_goodbye(visit.session).await;
    }
    helped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_worked_in_by_one_and_the_first_comes_first() {
        let mut first = Hands::default();
        let mut helper = Hands::helper_of(first.shared.clone(), 1);
        first.hold("inbox").await;
        assert!(helper.take("inbox").is_none());
        let leave = helper.take("work").expect("it is free");
        assert!(!first.is_free("work") && first.is_free("inbox") && first.is_free("other"));
        // It waits until the helper has left, and the helper is told to.
        let waits = tokio::time::timeout(Duration::from_millis(20), first.hold("work"));
        assert!(waits.await.is_err() && leave.is_cancelled());
        helper.claim = None;
        assert!(helper.take("work").is_none());
        first.hold("work").await;
        // Not at two places at once.
        assert!(helper.take("inbox").is_some());
        first.hold("elsewhere").await;
        helper.claim = None;
        assert!(helper.take("work").is_some());
        helper.leave_to_the_first("work");
        helper.claim = None;
        assert!(helper.take("work").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_all_together() {
        let first = Hands::default();
        let helper = Hands::helper_of(first.shared.clone(), 1);
        first.begin_slice();
        let mut rate = (0.0, 0.0);
        for _ in 0..50 {
            tokio::time::advance(Duration::from_secs(1)).await;
            first.rate(100, 1_000);
            tokio::time::advance(Duration::from_secs(1)).await;
            rate = helper.rate(100, 1_000);
        }
        // Each brings a hundred in two seconds.
        assert!((rate.0 - 6_000.0).abs() < 1.0 && (rate.1 - 1_000.0).abs() < 1.0);
    }
}
