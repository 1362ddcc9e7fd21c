//! Opens the connection of a mailbox when its server's door lets it in.

use super::differs;
use crate::Context;
use crate::error::{Result, SyncError};
use crate::meter;
use crate::seats::Seat;
use connect::{Failure, Peer, problems};
use imap_client::{ImapError, Session};
use model::mailbox::{Incoming, Mailbox};
use model::problem::Retry;
use model::{Secret, Timestamp};
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// A signed-in session with its seat; `None` when the work was cancelled meanwhile, or nothing is received.
pub(super) async fn session(
    context: &Context,
    mailbox: &Mailbox,
    refusal: Refusal,
    cancel: &CancellationToken,
) -> Result<Option<(Session, Seat)>> {
    let Some(incoming) = &mailbox.incoming else {
        return Ok(None);
    };
    // Boxed: a thousand mailboxes that wait for news keep no room for signing in.
    let opening = Box::pin(let_in(
        context,
        mailbox,
        incoming,
        refusal,
        |secret| async move { connect::open::imap(&context.net, incoming, &secret).await },
    ));
    tokio::select! {
        opened = opening => {
            let (mut session, seat) = opened?;
            session.patience(context.timing.answer);
            Ok(Some((session, seat)))
        }
        () = cancel.cancelled() => Ok(None),
    }
}

/// What it says about the server that no more connections are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It wants to be left alone, by other mailboxes too.
    Trouble,
    /// It answers: the mailbox has a connection, and one more was asked for.
    Answer,
}

/// Stands in line at the server's door, takes one of the account's seats, signs in, and tells the door how it went.
pub(crate) async fn signed_in<S, F>(
    context: &Context,
    mailbox: &Mailbox,
    incoming: &Incoming,
    open: impl FnOnce(Secret) -> F,
) -> Result<(S, Seat)>
where
    F: Future<Output = Result<S, Failure>>,
{
    let_in(context, mailbox, incoming, Refusal::Trouble, open).await
}

async fn let_in<S, F>(
    context: &Context,
    mailbox: &Mailbox,
    incoming: &Incoming,
    refusal: Refusal,
    open: impl FnOnce(Secret) -> F,
) -> Result<(S, Seat)>
where
    F: Future<Output = Result<S, Failure>>,
{
    let mut pass = context.doors.enter(&incoming.host, incoming.port).await;
    // The wait may have been long: the connection would be one with old settings, or one that nobody wants any more.
    if differs(context, mailbox).await? {
        return Err(StoreError::Conflict("the mailbox was changed meanwhile".into()).into());
    }
    let secret = secret(context, mailbox).await?;
    let allowed = meter::allowed(context, mailbox).await?.connections;
    let seat = context
        .seats
        .take(incoming, allowed, context.store.now())
        .map_err(SyncError::Connect)?;
    let opened = pass.open(open(secret)).await;
    if let Err(failure) = &opened {
        seat.refused(failure);
    }
    match &opened {
        Err(failure) if refusal == Refusal::Answer && says_full(failure) => pass.answered(),
        Err(failure) if is_the_servers(failure) => pass.failed(),
        _ => pass.answered(),
    }
    let session = opened.map_err(SyncError::Connect)?;
    Ok((session, seat))
}

/// Whether a failure says that the server is away, or wants to be left alone; a refused password does not.
fn is_the_servers(failure: &Failure) -> bool {
    matches!(failure.problem.retry, Retry::Backoff | Retry::PauseUntil)
}

fn says_full(failure: &Failure) -> bool {
    problems::kind(&failure.problem.id) == "too_many_connections"
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

/// Whether a refusal asks for a pause of the whole mailbox, and says nothing about the folder or message that was asked for.
pub(crate) fn asks_for_quiet(error: &ImapError, mailbox: &Mailbox, now: Timestamp) -> bool {
    matches!(error, ImapError::No { .. } | ImapError::Bad { .. })
        && recognise(error, mailbox, now).problem.retry == Retry::PauseUntil
}
