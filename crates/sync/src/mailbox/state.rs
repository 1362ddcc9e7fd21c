//! Writes what the connection does, when it says something new.

use crate::Context;
use model::Timestamp;
use model::mailbox::{Connection, ConnectionState};
use model::problem::Problem;
use store::StoreError;
use store::leases::Lease;
use store::mailboxes::set_connection;

/// Remembers the last state that was written.
pub struct StateKeeper {
    context: Context,
    lease: Lease,
    written: Option<ConnectionState>,
}

impl StateKeeper {
    pub(super) fn new(context: Context, lease: Lease) -> Self {
        Self {
            context,
            lease,
            written: None,
        }
    }

    /// A connection is being made.
    pub async fn connecting(&mut self) -> Result<(), StoreError> {
        // A mailbox that waits or is limited keeps saying so until a connection has succeeded.
        let mailbox = store::mailboxes::get(&self.context.store, &self.lease.mailbox_id).await?;
        self.written = Some(mailbox.connection.state);
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
        self.write(state, Some(now), None, None).await
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
