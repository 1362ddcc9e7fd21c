//! Ids of what a batch brings. Servers tell a time in whole seconds; of one second the lists show what came last first, which its
//! id tells.

use super::NewMessage;
use model::{Timestamp, fresh_id};

/// An id for each message, in their order, which rises with its UID.
pub(super) fn fresh_ids(prefix: &str, messages: &[NewMessage], now: Timestamp) -> Vec<String> {
    let mut ids: Vec<String> = messages.iter().map(|_| fresh_id(prefix, now)).collect();
    ids.sort_unstable();
    let mut by_uid: Vec<usize> = (0..messages.len()).collect();
    by_uid.sort_unstable_by_key(|at| messages[*at].uid);
    let mut placed = vec![String::new(); messages.len()];
    for (at, id) in by_uid.into_iter().zip(ids) {
        placed[at] = id;
    }
    placed
}
