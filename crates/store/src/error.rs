//! What can go wrong in the store, told by who acts now.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing asked for is not there.
    #[error("{0} was not found")]
    NotFound(&'static str),
    /// The state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The state does not allow it, for a reason of the catalogue.
    #[error("{detail}")]
    Refused {
        /// The catalogue's id.
        problem_id: &'static str,
        /// This occurrence.
        detail: String,
    },
    /// The mailbox may only be read.
    #[error("the mailbox is set to be read only, and Postroom changes nothing on its server")]
    ReadOnly,
    /// Another node has taken over: this worker's writes are refused.
    #[error("another node works on this mailbox now")]
    Fenced,
    /// Passing: the database is busy, restarting, or out of reach. Try again.
    #[error("the database is not available now: {0}")]
    Unavailable(String),
    /// The disk is full or cannot be written.
    #[error("the store cannot be written: {0}")]
    Full(String),
    /// What is stored does not make sense: a bug, or someone else wrote there.
    #[error("the store holds something unexpected: {0}")]
    Corrupt(String),
    /// The set-up is wrong: a person has to act.
    #[error("{0}")]
    Setup(String),
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::ReadOnlyFilesystem
            | std::io::ErrorKind::FileTooLarge => Self::Full(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => {
                Self::Corrupt(format!("object {path} is missing from the bucket"))
            }
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => {
                Self::Setup(format!("the bucket refuses access: {error}"))
            }
            other => Self::Unavailable(format!("the bucket: {other}")),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// The result of most functions here.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
