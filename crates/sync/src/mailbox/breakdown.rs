//! A mailbox that breaks gets a connection report by itself, about the receiving side only: a refused password is not shown
//! to the sending server as well.
//!
//! Bounded three ways: one report for a problem, one in ten minutes for a mailbox (but for the one that ends in a hold), and
//! a few at a time over all mailboxes, so that a provider's outage does not become a storm.

use crate::Context;
use connect::{Logins, TestRequest};
use model::mailbox::{Mailbox, Proof};
use model::report::{Report, Trigger};
use std::time::Duration;
use store::{StoreError, mailboxes};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The least time between two reports of one mailbox.
pub(super) const PAUSE: Duration = Duration::from_secs(600);

/// What was reported last.
#[derive(Debug, Default)]
pub(super) struct Breakdown {
    /// What was shown before this task began has been asked for.
    begun: bool,
    problem_id: Option<String>,
    at: Option<Instant>,
}

impl Breakdown {
    /// A problem that was already shown before this task began was reported then.
    pub(super) fn known(&mut self, problem_id: Option<&str>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.problem_id = problem_id.map(str::to_owned);
        }
    }

    /// The mailbox works again: the next failure is a new one.
    pub(super) fn over(&mut self) {
        self.problem_id = None;
    }

    /// Whether this problem is worth a report now.
    pub(super) fn is_new(&self, problem_id: &str, now: Instant) -> bool {
        self.problem_id.as_deref() != Some(problem_id)
            && self.at.is_none_or(|at| now.duration_since(at) >= PAUSE)
    }

    /// Makes the report, keeps it and what it proves. `None`: too many are being made, the settings were changed meanwhile, or
    /// the work was cancelled.
    pub(super) async fn report(
        &mut self,
        context: &Context,
        mailbox: &Mailbox,
        problem_id: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Report>, StoreError> {
        // Many mailboxes fail there: what is wrong is not this one, and reports would be connections beside the line.
        let incoming = mailbox.incoming.as_ref();
        if incoming.is_some_and(|at| context.doors.in_trouble(&at.host, at.port)) {
            return Ok(None);
        }
        let Some(report) = make(context, mailbox, cancel).await? else {
            return Ok(None);
        };
        self.problem_id = Some(problem_id.to_owned());
        self.at = Some(Instant::now());
        keep(context, mailbox, report).await.map(Some)
    }
}

/// How long, and how often, a report that nobody asked for waits for calm.
const CALM_AT_LAST: Duration = Duration::from_secs(60);
const LOOK_FOR_CALM: Duration = Duration::from_millis(500);

/// Waits while many mailboxes come in and are filled: a report signs in once more, and they go first.
pub(super) async fn calm(context: &Context) {
    let end = Instant::now() + CALM_AT_LAST;
    while Instant::now() < end && !(context.doors.are_calm() && context.has_places()) {
        tokio::time::sleep(LOOK_FOR_CALM).await;
    }
}

/// The report of a mailbox that works, where there is none that says so. One that fails all the same (a server may allow one
/// connection only) says nothing about a mailbox that was seen at work, and is forgotten.
pub(super) async fn report_at_work(
    context: &Context,
    mailbox: &Mailbox,
    cancel: &CancellationToken,
) -> Result<(), StoreError> {
    if let Some(report) = make(context, mailbox, cancel).await?
        && matches!(proof(&report), Proof::Works | Proof::WorksWithWarnings)
    {
        keep(context, mailbox, report).await?;
    }
    Ok(())
}

/// `None`: too many are being made, the settings were changed meanwhile, or the work was cancelled.
async fn make(
    context: &Context,
    mailbox: &Mailbox,
    cancel: &CancellationToken,
) -> Result<Option<Report>, StoreError> {
    let Ok(_place) = context.reporting.try_acquire() else {
        return Ok(None);
    };
    // It signs in too: where the server allows no more connections, it would find out nothing else.
    let room = |incoming| context.seats.has_room(incoming);
    if !mailbox.incoming.as_ref().is_none_or(room) {
        return Ok(None);
    }
    let credentials = match mailboxes::credentials_of(&context.store, mailbox).await {
        Err(StoreError::Conflict(_)) => return Ok(None),
        found => found?,
    };
    let request = TestRequest {
        count: None,
        mailbox_id: Some(mailbox.id.clone()),
        address: mailbox.address.clone(),
        incoming: mailbox.incoming.clone(),
        outgoing: None,
        credentials,
        login: Logins::default(),
        monitored_folders: mailbox.monitored_folders.clone().unwrap_or_default(),
        test_recipient: None,
        read_only: mailbox.read_only,
        test_message_id: None,
        trigger: Trigger::Runtime,
    };
    let (unheard, _) = mpsc::channel(1);
    tokio::select! {
        report = context.engine.test(request, unheard) => Ok(Some(report)),
        () = cancel.cancelled() => Ok(None),
    }
}

/// Keeps a report and what it proves.
async fn keep(context: &Context, mailbox: &Mailbox, report: Report) -> Result<Report, StoreError> {
    let report = store::reports::insert(&context.store, report).await?;
    mailboxes::set_proofs(
        &context.store,
        &mailbox.id,
        mailbox.version,
        Some(proof(&report)).filter(|proof| *proof != Proof::Untested),
        None,
        &report.id,
    )
    .await?;
    Ok(report)
}

fn proof(report: &Report) -> Proof {
    connect::proofs(report, true, false).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_reported_once_and_not_soon_after_another() {
        let now = Instant::now();
        let mut breakdown = Breakdown::default();
        assert!(breakdown.is_new("dns_failed", now));
        breakdown.problem_id = Some("dns_failed".to_owned());
        breakdown.at = Some(now);
        let later = now + PAUSE;
        assert!(!breakdown.is_new("dns_failed", later));
        assert!(!breakdown.is_new("connection_refused", now));
        assert!(breakdown.is_new("connection_refused", later));
        breakdown.over();
        assert!(breakdown.is_new("dns_failed", later) && !breakdown.is_new("dns_failed", now));
    }

    #[test]
    fn what_was_shown_before_a_restart_is_not_new() {
        let mut breakdown = Breakdown::default();
        breakdown.known(Some("dns_failed"));
        assert!(!breakdown.is_new("dns_failed", Instant::now()));
        assert!(breakdown.is_new("connection_refused", Instant::now()));
    }
}
