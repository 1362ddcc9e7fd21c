//! One mailbox's life: connect, bring in step, wait for news; when something breaks, back off, or be
//! held until a person acts.

mod ahead;
mod arrivals;
mod audit;
mod breakdown;
mod counting;
mod doubts;
mod filling;
mod hands;
pub mod isolation;
mod listing;
mod marks;
mod meanwhile;
pub mod news;
mod open;
mod pace;
mod quota;
mod round;
mod state;
mod summons;
mod turn;
mod visit;
mod waiting;

pub(crate) use open::{asks_for_quiet, signed_in};
pub use pace::Compress;
pub(crate) use state::StateKeeper;
pub(crate) use turn::{Turn, Work};
pub(crate) use visit::Visit;

use crate::error::{Result, SyncError};
use crate::{Context, backoff};
use connect::{Failure, problems};
use model::Timestamp;
use model::mailbox::{ConnectionState, Lifecycle, Mailbox, Protocol};
use model::problem::{Problem, Retry};
use model::report::StepStatus;
use std::time::Duration;
use store::StoreError;
use store::leases::Lease;
use store::wake::{Listener, Topic};
use tokio_util::sync::CancellationToken;

/// A refused credential is confirmed once after this pause, and then held.
const CONFIRM: Duration = Duration::from_secs(15);
/// The refusals in a row after which a mailbox is held.
const REFUSALS: u32 = 2;
/// The longest pause that a server may ask for; one that ends later was written by a clock that stood ahead.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// The pause where a server asks for quiet and names no time.
const QUIET: Duration = Duration::from_secs(300);
/// How long a connection may take to leave its work in order when the settings of its mailbox were changed.
const LEAVING: Duration = Duration::from_secs(10);
/// The pause when our own store is the trouble.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Works on a mailbox until it is cancelled, loses its lease, or the mailbox is no longer enabled.
pub fn run(
    context: Context,
    lease: Lease,
    cancel: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let topic = Topic::Mailbox(lease.mailbox_id.clone());
    let mut life = Life {
        wake: context.store.db.wakes().listen(topic),
        state: StateKeeper::new(context.clone(), lease.clone(), cancel.clone()),
        isolation: isolation::Isolation::default(),
        breakdown: breakdown::Breakdown::default(),
        doubts: doubts::Doubts::default(),
        summons: summons::Summons::default(),
        ahead: ahead::Ahead::default(),
        failures: 0,
        refusals: 0,
        context,
        lease,
        cancel,
    };
    // No `async fn`: that would keep room for what it was given beside what it made of it, for as long as the mailbox lives.
    async move {
        loop {
            match life.once().await {
                Ok(Next::Again) => {}
                Ok(Next::End) => return,
                Err(StoreError::Fenced | StoreError::NotFound(_)) => return,
                Err(error) => {
                    tracing::warn!(mailbox = life.lease.mailbox_id, %error, "the store is in the way");
                    life.rest(STORE_PAUSE).await;
                }
            }
            if life.cancel.is_cancelled() {
                return;
            }
        }
    }
}

enum Next {
    Again,
    End,
}

struct Life {
    context: Context,
    lease: Lease,
    cancel: CancellationToken,
    wake: Listener,
    state: StateKeeper,
    isolation: isolation::Isolation,
    breakdown: breakdown::Breakdown,
    doubts: doubts::Doubts,
    summons: summons::Summons,
    ahead: ahead::Ahead,
    /// Failures in a row, without progress between them.
    failures: u32,
    /// Refused sign-ins in a row.
    refusals: u32,
}

impl Life {
    /// One connection, from opening to its end, and what follows from how it ended.
    async fn once(&mut self) -> Result<Next, StoreError> {
        let mailbox = store::mailboxes::get(&self.context.store, &self.lease.mailbox_id);
        let mailbox = Box::pin(mailbox).await?;
        if mailbox.lifecycle != Lifecycle::Enabled {
            return Ok(Next::End);
        }
        match mailbox.connection.state {
            ConnectionState::Held => {
                self.woken().await;
                self.refusals = 0;
                return Ok(Next::Again);
            }
            // A pause that began before a restart goes on after it.
            ConnectionState::Waiting | ConnectionState::Limited => {
                let until = mailbox.connection.until.unwrap_or_default();
                let left = until.0.saturating_sub(self.context.store.now().0);
                if left > 0 && left <= millis(LONGEST_PAUSE) {
                    self.rest(Duration::from_millis(left as u64)).await;
                    return Ok(Next::Again);
                }
            }
            _ => {}
        }
        self.breakdown
            .known(mailbox.connection.problem_id.as_deref());
        let Some(incoming) = mailbox.incoming.clone() else {
            // Send only: there is nothing to watch.
            self.woken().await;
            return Ok(Next::Again);
        };
        Box::pin(self.state.connecting(&mailbox)).await?;
        let ended = match incoming.protocol {
            Protocol::Imap => self.imap(&mailbox).await,
            Protocol::Pop3 => Box::pin(self.pop3(&mailbox)).await,
        };
        match ended {
            Ok(()) => Ok(Next::Again),
            // Other settings, other secrets: begin again with both.
            Err(SyncError::Store(StoreError::Conflict(_)))
                if Box::pin(differs(&self.context, &mailbox)).await? =>
            {
                Ok(Next::Again)
            }
            Err(SyncError::Store(error)) => {
                Box::pin(self.settle(store_failure(&error)?, None)).await?;
                Ok(Next::Again)
            }
            Err(error) => {
                let opening = matches!(error, SyncError::Connect(_));
                let failure = recognise(error, &mailbox, self.context.store.now());
                // A server may repeat what it was told, also long after the sign-in.
                let failure = match Box::pin(open::secret(&self.context, &mailbox)).await {
                    Ok(secret) => failure.without(&secret),
                    Err(_) => failure,
                };
                // A connection that ends is no news; one that cannot be made, or that ends again and again, is.
                let broken = (opening || self.failures > 0).then_some(&mailbox);
                Box::pin(self.settle(failure, broken)).await?;
                Ok(Next::Again)
            }
        }
    }

    async fn imap(&mut self, mailbox: &Mailbox) -> Result<()> {
        let topic = Topic::Mailbox(mailbox.id.clone());
        let mut changes = self.context.store.db.wakes().listen(topic);
        let session = tokio::select! {
            session = open::session(&self.context, mailbox, open::Refusal::Trouble, &self.cancel) => session?,
            () = changed(&self.context, mailbox, &mut changes) => return Ok(()),
        };
        // Kept as long as the connection.
        let Some((session, _seat)) = session else {
            return Ok(());
        };
        self.refusals = 0;
        // Other settings end the connection also in the middle of a long round: in order if it can, and else as a cut would.
        let stop = self.cancel.child_token();
        let visit = Box::pin(async {
            let hands = hands::Hands::first(self.summons.clone());
            let (context, lease, doubts) = (&self.context, &self.lease, &mut self.doubts);
            let stop = stop.clone();
            let visit = Visit::new(context, lease, mailbox, session, stop, doubts, hands).await;
            visit.map(|visit| visit.with(self.ahead.clone()))
        })
        .await?;
        let changed = async {
            changed(&self.context, mailbox, &mut changes).await;
            stop.cancel();
            tokio::time::sleep(LEAVING).await;
        };
        let staying = visit.stay(&mut self.state, &mut self.isolation, &mut self.wake, &stop);
        let (progress, ended) = tokio::select! {
            stayed = staying => stayed,
            () = changed => (true, Ok(())),
        };
        if progress {
            self.failures = 0;
            self.breakdown.over();
        }
        ended
    }

    async fn pop3(&mut self, mailbox: &Mailbox) -> Result<()> {
        let (progress, ended) = crate::pop3::run(
            &self.context,
            &self.lease,
            mailbox,
            &mut self.state,
            &mut self.wake,
            &self.cancel,
        )
        .await;
        if progress {
            self.refusals = 0;
            self.failures = 0;
            self.breakdown.over();
        }
        ended
    }

    /// What a failure leads to: a pause that ends by itself, one that the server named, or a hold. A mailbox that is broken
    /// gets a report too.
    async fn settle(
        &mut self,
        failure: Failure,
        broken: Option<&Mailbox>,
    ) -> Result<(), StoreError> {
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        let mut problem = *failure.problem;
        metrics::counter!("postroom_problems_total", "problem" => problem.id.clone()).increment(1);
        tracing::info!(
            mailbox = self.lease.mailbox_id,
            problem = problem.id,
            said = problem.server_said,
            "the connection failed"
        );
        let now = self.context.store.now();
        let timing = &self.context.timing;
        match problem.retry {
            Retry::AfterChange => {
                self.refusals += 1;
                if self.refusals < REFUSALS {
                    let pause = CONFIRM.min(timing.backoff * 4);
                    self.state
                        .waiting(&problem, now.plus_millis(millis(pause)))
                        .await?;
                    if self.rest(pause).await {
                        self.confirm(&problem, broken).await?;
                    }
                } else {
                    self.state.held(&problem).await?;
                }
            }
            Retry::Never => {
                self.state.held(&problem).await?;
                self.report(&problem, broken).await?;
            }
            // The server asked for quiet: a report would be noise.
            Retry::PauseUntil => {
                let unclear = problems::may_be_the_secret(&problem.id);
                if unclear {
                    self.refusals += 1;
                    if self.refusals >= REFUSALS {
                        problem.until = None;
                        return self.state.held(&problem).await;
                    }
                }
                let quiet = now.plus_millis(millis(QUIET));
                let last = now.plus_millis(millis(LONGEST_PAUSE));
                let until = problem.until.unwrap_or(quiet).clamp(now, last);
                problem.until = Some(until);
                self.state.limited(&problem, until).await?;
                let pause = Duration::from_millis((until.0 - now.0).max(0) as u64);
                if self.rest(pause).await && unclear {
                    self.confirm(&problem, broken).await?;
                }
            }
            Retry::Backoff => {
                self.failures += 1;
                let pause = backoff::pause(
                    self.failures,
                    timing.backoff,
                    timing.backoff_max,
                    backoff::dice(),
                );
                self.state
                    .waiting(&problem, now.plus_millis(millis(pause)))
                    .await?;
                let began = tokio::time::Instant::now();
                self.report(&problem, broken).await?;
                self.rest(pause.saturating_sub(began.elapsed())).await;
            }
        }
        Ok(())
    }

    /// The second try after a refusal is a connection report: so a refused password is shown twice and never again, and what
    /// holds the mailbox is written down step by step.
    async fn confirm(
        &mut self,
        problem: &Problem,
        broken: Option<&Mailbox>,
    ) -> Result<(), StoreError> {
        let report = match broken {
            Some(mailbox) => {
                let made = self
                    .breakdown
                    .report(&self.context, mailbox, &problem.id, &self.cancel);
                made.await?
            }
            None => None,
        };
        // Without a report, because too many are being made, the next connection is the second try.
        let Some(report) = report else {
            return Ok(());
        };
        if let Some(found) = connect::for_a_person(&report) {
            return self.state.held(&found).await;
        }
        let failed = report
            .steps
            .iter()
            .find(|step| step.status == StepStatus::Fail);
        let again = failed.and_then(|step| step.problem_id.as_deref());
        if again.is_some_and(problems::may_be_the_secret) {
            return self.state.held(problem).await;
        }
        self.refusals = 0;
        Ok(())
    }

    /// A report of a problem that was not there before.
    async fn report(
        &mut self,
        problem: &Problem,
        broken: Option<&Mailbox>,
    ) -> Result<(), StoreError> {
        if let Some(mailbox) = broken
            && self
                .breakdown
                .is_new(&problem.id, tokio::time::Instant::now())
        {
            self.breakdown
                .report(&self.context, mailbox, &problem.id, &self.cancel)
                .await?;
        }
        Ok(())
    }

    /// Waits for a wake-up or the end.
    async fn woken(&mut self) {
        tokio::select! {
            () = self.wake.next() => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Waits for the time, unless somebody changes the mailbox or asks to try again. `true`: the time has passed.
    async fn rest(&mut self, pause: Duration) -> bool {
        let end = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return true,
                () = self.cancel.cancelled() => return false,
                () = self.wake.next() => {
                    // An owed change wakes too, but is no reason to storm a server that is down.
                    let mailbox =
                        store::mailboxes::get(&self.context.store, &self.lease.mailbox_id).await;
                    let waiting = mailbox.is_ok_and(|mailbox| {
                        mailbox.lifecycle == Lifecycle::Enabled
                            && matches!(
                                mailbox.connection.state,
                                ConnectionState::Waiting | ConnectionState::Limited
                            )
                    });
                    if !waiting {
                        self.failures = 0;
                        return false;
                    }
                }
            }
        }
    }
}

/// Waits until a mailbox has other settings, or another stage of its life.
pub(crate) async fn changed(context: &Context, mailbox: &Mailbox, changes: &mut Listener) {
    loop {
        changes.next().await;
        if Box::pin(differs(context, mailbox)).await.unwrap_or(false) {
            return;
        }
    }
}

/// Whether a mailbox has other settings by now, or another stage of its life.
async fn differs(context: &Context, mailbox: &Mailbox) -> Result<bool, StoreError> {
    let now = store::mailboxes::stand(&context.store, &mailbox.id).await?;
    Ok(now != (mailbox.version, mailbox.lifecycle))
}

/// What ended a connection, in the words of the catalogue.
fn recognise(error: SyncError, mailbox: &Mailbox, now: Timestamp) -> Failure {
    match error {
        SyncError::Connect(failure) => failure,
        SyncError::Imap(error) => open::recognise(&error, mailbox, now),
        SyncError::FolderGone { .. } => {
            Failure::new("folder_missing", &[], Some(&error.to_string()))
        }
        SyncError::OtherIdentity { .. } | SyncError::UidValidity { .. } => {
            Failure::new("uid_validity_unstable", &[], Some(&error.to_string()))
        }
        SyncError::Store(error) => Failure::new("store_unavailable", &[], Some(&error.to_string())),
    }
}

/// A failure of our own store as a problem; being fenced or gone is not for the mailbox to show.
fn store_failure(error: &StoreError) -> Result<Failure, StoreError> {
    let id = match error {
        StoreError::Fenced => return Err(StoreError::Fenced),
        StoreError::NotFound(what) => return Err(StoreError::NotFound(what)),
        StoreError::Full(_) => "disk_full",
        _ => "store_unavailable",
    };
    Ok(Failure::new(id, &[], Some(&error.to_string())))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
