//! Opens the connection of a mailbox, a bounded number at a time.

use crate::Context;
use crate::error::{Result, SyncError};
use connect::{Failure, Peer};
use imap_client::{ImapError, Session};
use model::mailbox::Mailbox;
use model::{Secret, Timestamp};
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// A signed-in session; `None` when the work was cancelled meanwhile.
pub(super) async fn session(
    context: &Context,
    mailbox: &Mailbox,
    cancel: &CancellationToken,
) -> Result<Option<Session>> {
    let Some(incoming) = &mailbox.incoming else {
        return Ok(None);
    };
    let secret = secret(context, mailbox).await?;
    let stopping = |_| StoreError::Unavailable("the server is stopping".into());
    let _place = context.connecting.acquire().await.map_err(stopping)?;
    tokio::select! {
        opened = connect::open::imap(&context.net, incoming, &secret) => {
            Ok(Some(opened.map_err(SyncError::Connect)?))
        }
        () = cancel.cancelled() => Ok(None),
    }
}

/// The secret of the receiving side that belongs to these settings: a later one may be for another server.
pub(crate) async fn secret(context: &Context, mailbox: &Mailbox) -> Result<Secret> {
    let credentials = store::mailboxes::credentials_of(&context.store, mailbox).await?;
    credentials.incoming.ok_or_else(|| {
        SyncError::Connect(Failure::new(
            "credentials_missing",
            &[],
            Some("no password is stored for the receiving side"),
        ))
    })
}

/// What an error of the running session is, in the words of the catalogue.
pub(super) fn recognise(error: &ImapError, mailbox: &Mailbox, now: Timestamp) -> Failure {
    match &mailbox.incoming {
        Some(incoming) => connect::recognise::imap(error, &Peer::incoming(incoming, now)),
        None => Failure::new("internal_error", &[], None),
    }
}
