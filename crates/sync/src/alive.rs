//! Proofs of life, collected and written together: a thousand idle mailboxes cost one statement.

use model::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Store, StoreError};

/// Mailboxes whose server answered since the last flush.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<Mutex<HashMap<String, Timestamp>>>);

impl Alive {
    /// The server of this mailbox has just answered.
    pub(crate) fn note(&self, mailbox_id: &str, now: Timestamp) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(mailbox_id.to_owned(), now);
    }

    /// Writes what was collected.
    pub(crate) async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        store::mailboxes::proven_alive(store, noted.into_iter().collect()).await
    }
}
