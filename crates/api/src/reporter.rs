//! The one door to mail servers: connection reports, made by the engine or, in tests, by a stand-in;
//! and what they mean for a mailbox.

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use connect::{TestMessageId, TestRequest};
use futures_util::future::BoxFuture;
use model::mailbox::Mailbox;
use model::report::{Report, Step, Trigger};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{mailboxes, reports, test_messages};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Steps that wait to be read by a caller; a slow one only slows its own report.
const STEPS: usize = 32;

/// Tests at once of one host: the engine makes no more, and whoever waits for it holds no place that others could use.
const TESTS_AT_ONE_HOST: usize = 4;
/// Hosts that are remembered before those without a test are forgotten.
const HOSTS_REMEMBERED: usize = 256;

/// The places for tests: first one at the host, then one of all, so that a slow host does not hold up the tests of others.
pub(crate) struct Places {
    at_hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    in_all: Arc<Semaphore>,
}

impl Places {
    /// So many tests at once, over all hosts.
    pub(crate) fn new(in_all: usize) -> Self {
        Self {
            at_hosts: Mutex::default(),
            in_all: Arc::new(Semaphore::new(in_all)),
        }
    }

    /// Waits for both places. They are free again when what is returned is dropped.
    async fn take(&self, request: &TestRequest) -> [Option<OwnedSemaphorePermit>; 2] {
        let incoming = request.incoming.as_ref().map(|side| &side.host);
        let outgoing = request.outgoing.as_ref().map(|side| &side.host);
        let at_host = match incoming.or(outgoing) {
            Some(host) => self.at_host(host).acquire_owned().await.ok(),
            None => None,
        };
        [at_host, self.in_all.clone().acquire_owned().await.ok()]
    }

    fn at_host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.at_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_REMEMBERED {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = hosts.entry(host.to_lowercase());
        let fresh = || Arc::new(Semaphore::new(TESTS_AT_ONE_HOST));
        Arc::clone(places.or_insert_with(fresh))
    }
}

/// Makes connection reports.
pub trait Reporter: Send + Sync {
    /// Runs the steps, telling each as it begins and ends.
    fn test(&self, request: TestRequest, on_step: mpsc::Sender<Step>)
    -> BoxFuture<'static, Report>;

    /// The host in the Message-ID of a test message.
    fn host(&self) -> &str {
        ""
    }
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

    fn host(&self) -> &str {
        self.ehlo_name()
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
