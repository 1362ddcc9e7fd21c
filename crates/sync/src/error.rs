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
    /// A folder has another UIDVALIDITY, which nobody has confirmed yet.
    #[error("the server gives folder {folder} another identity (UIDVALIDITY {uid_validity})")]
    OtherIdentity {
        /// The folder's path.
        folder: String,
        /// The new number.
        uid_validity: i64,
    },
    /// The folder that is open was renamed or removed by somebody else: whatever is asked of it is refused.
    #[error("folder {name} is no more what was opened")]
    FolderGone {
        /// Our id of it.
        folder_id: String,
        /// Its name, as the server knew it.
        name: String,
    },
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

#[cfg(test)]
mod tests {
    #[test]
    fn every_problem_that_the_synchronisation_names_is_in_the_catalogue() {
        for id in [
            "command_refused",
            "credentials_missing",
            "disk_full",
            "folder_missing",
            "internal_error",
            "literal_too_large",
            "message_unreadable",
            "message_vanished",
            "quota_exceeded",
            "server_closed",
            "server_nonsense",
            "store_unavailable",
            "timed_out",
            "uid_validity_unstable",
        ] {
            assert!(connect::problems::find(id).is_some(), "{id}");
        }
    }
}
