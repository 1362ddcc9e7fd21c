//! The one door to mail servers: connection reports, made by the engine or, in tests, by a stand-in;
//! and what they mean for a mailbox.

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use connect::TestRequest;
use futures_util::future::BoxFuture;
use model::mailbox::Mailbox;
use model::report::{Report, Step, Trigger};
use store::{mailboxes, reports};
use tokio::sync::mpsc;

/// Steps that wait to be read by a caller; a slow one only slows its own report.
const STEPS: usize = 32;

/// Makes connection reports.
pub trait Reporter: Send + Sync {
    /// Runs the steps, telling each as it begins and ends.
    fn test(&self, request: TestRequest, on_step: mpsc::Sender<Step>)
    -> BoxFuture<'static, Report>;
}

impl Reporter for connect::Engine {
    fn test(
        &self,
        request: TestRequest,
        on_step: mpsc::Sender<Step>,
    ) -> BoxFuture<'static, Report> {
        let engine = self.clone();
        Box::pin(async move { engine.test(request, on_step).await })
    }
}

/// A channel for steps that a caller follows.
pub(crate) fn steps() -> (mpsc::Sender<Step>, mpsc::Receiver<Step>) {
    mpsc::channel(STEPS)
}

/// A channel for steps that nobody follows.
pub(crate) fn unheard() -> mpsc::Sender<Step> {
    steps().0
}

/// Counts one more test by this caller: without a limit it would be a port scanner (S21).
pub(crate) fn admit(state: &ApiState, caller: &Caller) -> Result<()> {
    state
        .tests
        .check(caller.id())
        .map_err(|wait| ApiError::rate_limited("too many connection tests in a minute", wait))?;
    state.tests.count(caller.id());
    Ok(())
}

/// Makes a report and keeps it.
pub(crate) async fn run(
    state: &ApiState,
    request: TestRequest,
    on_step: mpsc::Sender<Step>,
) -> Result<Report> {
    let _place = state.tests_at_once.acquire().await;
    let report = state.reporter.test(request, on_step).await;
    Ok(reports::insert(&state.store, report).await?)
}

/// A mailbox after its test.
pub(crate) struct Proven {
    /// With what was proven.
    pub(crate) mailbox: Mailbox,
    /// The report.
    pub(crate) report: Report,
    /// Whether the settings that were tested are still the mailbox's; if not, nothing was proven of it.
    pub(crate) current: bool,
}

/// Tests a mailbox with its stored settings, and takes note of what that proves.
pub(crate) async fn prove(
    state: &ApiState,
    mailbox: &Mailbox,
    test_recipient: Option<String>,
    trigger: Trigger,
    on_step: mpsc::Sender<Step>,
) -> Result<Proven> {
    let request = TestRequest {
        count: None,
        mailbox_id: Some(mailbox.id.clone()),
        address: mailbox.address.clone(),
        incoming: mailbox.incoming.clone(),
        outgoing: mailbox.outgoing.clone(),
        credentials: mailboxes::credentials_of(&state.store, mailbox).await?,
        login: mailbox.login_formats,
        monitored_folders: mailbox.monitored_folders.clone().unwrap_or_default(),
        test_recipient,
        test_message_id: None,
        trigger,
    };
    let report = run(state, request, on_step).await?;
    let (has_incoming, has_outgoing) = (mailbox.incoming.is_some(), mailbox.outgoing.is_some());
    let (receiving, sending) = connect::proofs(&report, has_incoming, has_outgoing);
    let (proven, current) = mailboxes::set_proofs(
        &state.store,
        &mailbox.id,
        mailbox.version,
        has_incoming.then_some(receiving),
        has_outgoing.then_some(sending),
        &report.id,
    )
    .await?;
    if !current {
        return Ok(Proven {
            mailbox: proven,
            report,
            current,
        });
    }
    let found = mailbox.login_formats.found(receiving, sending);
    let names = report.accepted.clone();
    let mailbox =
        mailboxes::set_names(&state.store, &mailbox.id, mailbox.version, names, found).await?;
    Ok(Proven {
        mailbox,
        report,
        current,
    })
}
