//! Hands the threading of the mail library to the store's transaction.

use mail_message::thread::{ThreadInput, assign};
use std::collections::HashMap;
use store::ingest::{ThreadRefs, Threaded};

/// Decides the threads of a batch (see [`store::ingest::Threader`]).
pub(crate) fn threader(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let inputs: Vec<ThreadInput> = batch
        .iter()
        .map(|refs| ThreadInput {
            message_id: refs.message_id.clone(),
            references: refs.references.clone(),
            in_reply_to: refs.in_reply_to.clone(),
        })
        .collect();
    let decided = assign(known, &inputs, fresh);
    Threaded {
        threads: decided.threads,
        links: decided.links,
        merges: decided.merges,
    }
}
