//! What goes out: mail through the mailboxes' own servers, and events to webhooks.
//!
//! Both are queues in the store with a courier before them. A courier claims (and commits), acts,
//! and settles (and commits); what the outcome means is decided by a pure function beside it. A
//! process that dies between any two of these steps leaves nothing that the next one cannot go on with.
//!
//! - [`outbox`]: submissions, over SMTP. Nothing is sent twice by mistake: what is not known is said to be unclear.
//! - [`auto_reply`]: out of office; once for each sender and period, into the same queue.
//! - [`webhook`]: events, over HTTP. At least once: what is not known is sent again under the same id.

pub mod auto_reply;
pub mod outbox;
pub mod webhook;

use connect::Engine;
use connect::providers::Providers;
use mail_net::Net;
use runner::Supervisor;
use store::Store;

/// Starts all couriers. The providers say who files copies in Sent. With an engine, mailboxes that cannot send any more get a connection report by it.
///
/// # Errors
/// The HTTP client cannot be made, or the database is out of reach.
pub async fn spawn(
    supervisor: &Supervisor,
    store: &Store,
    net: &Net,
    providers: Providers,
    engine: Option<Engine>,
) -> Result<(), StartError> {
    let ended = store::submissions::recover(store).await?;
    if ended > 0 {
        tracing::warn!(
            submissions = ended,
            "the server ended while mail was being sent: it is not known whether that mail went out"
        );
    }
    supervisor.spawn(
        "outbox",
        outbox::Outbox::new(store, net, supervisor, providers, engine),
    );
    supervisor.spawn("auto-replies", auto_reply::AutoReplies::new(store));
    supervisor.spawn("webhook-fan-out", webhook::FanOut::new(store));
    supervisor.spawn("webhooks", webhook::Courier::new(store, net, supervisor)?);
    supervisor.spawn("webhook-sweep", webhook::Sweep::new(store));
    Ok(())
}

/// Why the couriers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The HTTP client.
    #[error("the HTTP client for webhooks cannot be made: {0}")]
    Http(String),
}
