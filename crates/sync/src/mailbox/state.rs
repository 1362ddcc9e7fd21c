//! Writes what the connection does, when it says something new; and what a connection that works has proven.

use super::breakdown;
use crate::Context;
use model::Timestamp;
use model::mailbox::{Connection, ConnectionState, Mailbox};
use model::problem::Problem;
use store::StoreError;
use store::leases::Lease;
use store::mailboxes::{arrived, set_connection};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Remembers the last state that was written.
pub struct StateKeeper {
    context: Context,
    lease: Lease,
    cancel: CancellationToken,
    written: Option<ConnectionState>,
    /// The mailbox with the settings that the connection is made with.
    tried: Option<Mailbox>,
    /// Those settings work, and no report says so yet.
    unreported: bool,
    /// The report that is being made of it.
    reports: JoinSet<()>,
    /// The settings' version of the last such report, and when it was begun.
    reported: Option<(i64, Instant)>,
}

impl StateKeeper {
    pub(super) fn new(context: Context, lease: Lease, cancel: CancellationToken) -> Self {
        Self {
            context,
            lease,
            cancel,
            written: None,
            tried: None,
            unreported: false,
            reports: JoinSet::new(),
            reported: None,
        }
    }

    /// A connection is being made, with these settings.
    pub async fn connecting(&mut self, mailbox: &Mailbox) -> Result<(), StoreError> {
        // A mailbox that waits or is limited keeps saying so until a connection has succeeded.
        self.written = Some(mailbox.connection.state);
        self.tried = Some(mailbox.clone());
        self.unreported = false;
        if matches!(
            mailbox.connection.state,
            ConnectionState::Waiting | ConnectionState::Limited
        ) {
            return Ok(());
        }
        self.write(ConnectionState::Connecting, None, None, None)
            .await
    }

    /// The server has just proven that it is there: live, or polling.
    pub async fn alive(&mut self, state: ConnectionState) -> Result<(), StoreError> {
        let now = self.context.store.now();
        self.context.alive.note(&self.lease.mailbox_id, now);
        if self.written == Some(state) {
            return Ok(());
        }
        let Some(version) = self.tried.as_ref().map(|tried| tried.version) else {
            return self.write(state, Some(now), None, None).await;
        };
        let connection = Connection {
            state,
            proven_alive_at: Some(now),
            since: None,
            until: None,
            problem_id: None,
        };
        let store = &self.context.store;
        self.unreported |= arrived(store, &self.lease, connection, version).await?;
        self.written = Some(state);
        Ok(())
    }

    /// Makes the report of a mailbox that works where none says so, beside whatever else is done. Not again soon for the same
    /// settings: a server that allows one connection only would be asked for a second at each visit.
    pub fn report(&mut self) {
        while self.reports.try_join_next().is_some() {}
        if !std::mem::take(&mut self.unreported) || !self.reports.is_empty() {
            return;
        }
        let Some(mailbox) = self.tried.clone() else {
            return;
        };
        let now = Instant::now();
        let soon = |(version, at): (i64, Instant)| {
            version == mailbox.version && now.duration_since(at) < breakdown::PAUSE
        };
        if self.reported.is_some_and(soon) {
            return;
        }
        self.reported = Some((mailbox.version, now));
        let (context, cancel) = (self.context.clone(), self.cancel.clone());
        self.reports.spawn(async move {
            tokio::select! {
                () = breakdown::calm(&context) => {}
                () = cancel.cancelled() => return,
            }
            // Boxed: who waits for calm keeps no room for it.
            let made = Box::pin(breakdown::report_at_work(&context, &mailbox, &cancel)).await;
            if let Err(error) = made {
                tracing::info!(mailbox = mailbox.id, %error, "the report of a mailbox that works was not kept");
            }
        });
    }

    /// Trouble that ends by itself.
    pub(super) async fn waiting(
        &mut self,
        problem: &Problem,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(ConnectionState::Waiting, None, Some(until), Some(problem))
            .await
    }

    /// The provider named a time.
    pub(super) async fn limited(
        &mut self,
        problem: &Problem,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(ConnectionState::Limited, None, Some(until), Some(problem))
            .await
    }

    /// A person has to act.
    pub(super) async fn held(&mut self, problem: &Problem) -> Result<(), StoreError> {
        self.write(ConnectionState::Held, None, None, Some(problem))
            .await
    }

    async fn write(
        &mut self,
        state: ConnectionState,
        proven_alive_at: Option<Timestamp>,
        until: Option<Timestamp>,
        problem: Option<&Problem>,
    ) -> Result<(), StoreError> {
        let connection = Connection {
            state,
            proven_alive_at,
            since: None,
            until,
            problem_id: problem.map(|problem| problem.id.clone()),
        };
        set_connection(
            &self.context.store,
            &self.lease,
            connection,
            problem.cloned(),
        )
        .await?;
        self.written = Some(state);
        Ok(())
    }
}
