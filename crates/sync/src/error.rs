//! What ends a round, told by who acts now.

use imap_client::ImapError;
use store::StoreError;

/// Why work on a mailbox stopped.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The server, or the way to it.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// A recognised problem, from opening the connection.
    #[error(transparent)]
    Connect(#[from] connect::Failure),
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder changed its UIDVALIDITY again and again.
    #[error(
        "the server changed the identity (UIDVALIDITY) of folder {folder} {times} times in a row"
    )]
    UidValidity {
        /// The folder's path.
        folder: String,
        /// How often.
        times: i64,
    },
}

/// The result of most functions here.
pub type Result<T, E = SyncError> = std::result::Result<T, E>;
