//! The outbox: which mailboxes have something to send, and one courier for each of them.
//!
//! A courier has the mailbox's connection for itself, and one that waits for its server takes no place from
//! others ([`places`]), so a slow server holds nobody else's mail. It sends what is due, one message after the
//! other, and ends; the next look starts another.

mod body;
mod breakdown;
mod budget;
mod courier;
mod places;
mod sent_copy;
mod seven_bit;
mod unsettled;
pub mod verdict;
mod wishes;

use breakdown::Breakdown;
use connect::Engine;
use connect::providers::Providers;
use mail_net::Net;
use model::Timestamp;
pub use places::{MAILBOXES_AT_ONCE, SLOW};
use places::{Place, Places};
use runner::{CancellationToken, Next, StepError, Supervisor, Task};
use std::time::{Duration, Instant};
use store::wake::Topic;
use store::{Store, StoreError, submissions};

/// How long a mailbox is left alone after its courier has stumbled over something of our own.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(30);
/// Claims are looked through for ended ones so often at most.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);
/// The shortest time from one look to the next.
const PACE: Duration = Duration::from_millis(20);

/// Starts a courier for every mailbox that has something to send.
pub struct Outbox {
    store: Store,
    net: Net,
    supervisor: Supervisor,
    places: Places,
    providers: Providers,
    breakdown: Option<Breakdown>,
    expired_at: Option<Instant>,
}

impl Outbox {
    /// The outbox of a store. With an engine, a mailbox that cannot send any more gets a report by it.
    pub fn new(
        store: &Store,
        net: &Net,
        supervisor: &Supervisor,
        providers: Providers,
        engine: Option<Engine>,
    ) -> Self {
        Self {
            store: store.clone(),
            net: net.clone(),
            supervisor: supervisor.clone(),
            places: Places::default(),
            providers,
            breakdown: engine.map(Breakdown::new),
            expired_at: None,
        }
    }

    /// Ends claims whose holder is gone, unless that was done just now: then it returns when it may be done again.
    async fn expire_claims(&mut self) -> Result<Option<Duration>, StoreError> {
        if let Some(since) = self.expired_at
            && let Some(left) = EXPIRE_EVERY.checked_sub(since.elapsed())
        {
            return Ok(Some(left));
        }
        let expired = submissions::expire_claims(&self.store).await?;
        if expired > 0 {
            tracing::warn!(
                submissions = expired,
                "whoever was sending these has not been heard of: they are unclear"
            );
        }
        self.expired_at = Some(Instant::now());
        Ok(None)
    }

    fn start(&self, mailbox_id: String) {
        let Some(place) = self.places.take(mailbox_id.clone()) else {
            return;
        };
        let (store, net) = (self.store.clone(), self.net.clone());
        let (providers, breakdown) = (self.providers.clone(), self.breakdown.clone());
        self.supervisor
            .run(format!("outbox {mailbox_id}"), |stop| async move {
                if let Err(error) = work(
                    &store,
                    &net,
                    &providers,
                    breakdown.as_ref(),
                    &place,
                    &stop,
                )
                .await
                {
                    tracing::warn!(mailbox_id = place.mailbox_id(), %error, "sending for this mailbox pauses");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE_AFTER_ERROR) => {}
                        () = stop.cancelled() => {}
                    }
                }
                drop(place);
                // There is room again, and perhaps more to send.
                store.db.wakes().send_all(&[Topic::Submissions]);
            });
    }
}

/// Sends for a mailbox, unless another node does.
async fn work(
    store: &Store,
    net: &Net,
    providers: &Providers,
    breakdown: Option<&Breakdown>,
    place: &Place,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let mailbox_id = place.mailbox_id();
    if !submissions::take_mailbox(store, mailbox_id).await? {
        return Ok(());
    }
    let served = courier::serve(store, net, providers, breakdown, place, stop).await;
    submissions::give_back_mailbox(store, mailbox_id).await?;
    served
}

impl Task for Outbox {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        let put_off = self.expire_claims().await?;
        let (busy, room) = self.places.look();
        let mut full = room == 0;
        if room > 0 {
            let due = submissions::due_mailboxes(&self.store, busy, room as i64).await?;
            full = due.len() == room;
            for mailbox_id in due {
                self.start(mailbox_id);
            }
        }
        let next = submissions::next_due(&self.store).await?;
        let next = next.map(|at| until(at, self.store.now()));
        // Whoever turns out to be slow makes room without telling.
        let look_again = full.then_some(SLOW);
        let next = [next, look_again, put_off].into_iter().flatten().min();
        Ok(next.map_or(Next::Idle, Next::After))
    }

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Submissions]
    }

    fn pace(&self) -> Duration {
        PACE
    }
}

/// How long it is until a time; never nothing, so that nobody looks in a busy loop.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(at.0.saturating_sub(now.0).max(10).unsigned_abs())
}
