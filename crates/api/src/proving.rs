//! Connection reports that callers ask for: admitted, made, kept, and what they prove of a mailbox.

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use connect::{TestMessageId, TestRequest};
use model::mailbox::{Mailbox, SentCopyFiler};
use model::report::{DetailName, Report, Step, Trigger};
use store::{mailboxes, reports, test_messages};
use tokio::sync::mpsc;

/// Steps that wait to be read by a caller; a slow one only slows its own report.
const STEPS: usize = 32;

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
    let mut request = request;
    if request.test_recipient.is_some() {
        // Noted before it is sent, so that no import takes it in.
        let id = TestMessageId::fresh(state.reporter.host(), state.store.now());
        test_messages::note(&state.store, &id.to_string()).await?;
        request.test_message_id = Some(id);
    }
    let _places = state.test_places.take(&request).await;
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
        read_only: mailbox.read_only,
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
    let mut mailbox =
        mailboxes::set_names(&state.store, &mailbox.id, mailbox.version, names, found).await?;
    if let Some(by) = sent_copy_by(&report) {
        mailbox = mailboxes::files_copies(&state.store, &mailbox.id, by).await?;
    }
    Ok(Proven {
        mailbox,
        report,
        current,
    })
}

/// Who was seen to file the copy of the test message. That nobody did in a short while proves nothing.
fn sent_copy_by(report: &Report) -> Option<SentCopyFiler> {
    let mut details = report.steps.iter().flat_map(|step| &step.details);
    let found = details.find(|detail| detail.name == DetailName::SentCopyBy)?;
    SentCopyFiler::parse(found.values.first()?)
}
