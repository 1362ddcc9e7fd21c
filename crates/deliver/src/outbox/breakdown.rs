//! A mailbox that cannot send any more gets a connection report by itself, about the sending side only.
//!
//! One report for a problem: as long as something waits because of it, it is not new. A refusal is confirmed by the report,
//! after a pause; so a refused password is shown twice and never again.

use connect::{Engine, Logins, TestRequest};
use model::mailbox::{Mailbox, Proof};
use model::problem::{Problem, Retry};
use model::report::{Report, Trigger};
use runner::CancellationToken;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError, mailboxes, reports};
use tokio::sync::{Semaphore, mpsc};

/// Reports that are made at once, over all mailboxes.
const AT_ONCE: usize = 4;
/// The pause before a refusal is confirmed: some servers refuse everybody for a moment.
const CONFIRM: Duration = Duration::from_secs(10);

/// Makes the reports.
#[derive(Clone)]
pub(super) struct Breakdown {
    engine: Engine,
    places: Arc<Semaphore>,
}

impl Breakdown {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Makes and keeps a report of a new problem. True when it confirms that a person has to act.
    pub(super) async fn confirms(
        &self,
        store: &Store,
        mailbox: &Mailbox,
        problem: &Problem,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let Ok(_place) = self.places.try_acquire() else {
            return Ok(false);
        };
        let pause = match problem.retry {
            // The server asked for quiet: a report would be noise.
            Retry::PauseUntil => return Ok(false),
            Retry::AfterChange => CONFIRM,
            Retry::Backoff | Retry::Never => Duration::ZERO,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return Ok(false),
        }
        let report = tokio::select! {
            report = self.report(store, mailbox) => match report {
                // The settings are others by now: their problem is not confirmed by this.
                Err(StoreError::Conflict(_)) => return Ok(false),
                report => report?,
            },
            () = stop.cancelled() => return Ok(false),
        };
        Ok(connect::for_a_person(&report).is_some())
    }

    async fn report(&self, store: &Store, mailbox: &Mailbox) -> Result<Report, StoreError> {
        let request = TestRequest {
            count: None,
            mailbox_id: Some(mailbox.id.clone()),
            address: mailbox.address.clone(),
            incoming: None,
            outgoing: mailbox.outgoing.clone(),
            credentials: mailboxes::credentials_of(store, mailbox).await?,
            login: Logins::default(),
            monitored_folders: Vec::new(),
            test_recipient: None,
            read_only: mailbox.read_only,
            test_message_id: None,
            trigger: Trigger::Runtime,
        };
        let (unheard, _) = mpsc::channel(1);
        let report = self.engine.test(request, unheard).await;
        let report = reports::insert(store, report).await?;
        let (_, sending) = connect::proofs(&report, false, true);
        let sending = Some(sending).filter(|proof| *proof != Proof::Untested);
        mailboxes::set_proofs(
            store,
            &mailbox.id,
            mailbox.version,
            None,
            sending,
            &report.id,
        )
        .await?;
        Ok(report)
    }
}
