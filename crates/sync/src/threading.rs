//! Hands the threading of the mail library to the store's transaction.

use mail_message::thread::{Names, assign};
use std::collections::HashMap;
use store::ingest::{ThreadRefs, Threaded};

/// Decides the threads of a batch (see [`store::ingest::Threader`]).
pub(crate) fn threader(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let named: Vec<Names> = batch
        .iter()
        .map(|refs| Names {
            names: refs.names.clone(),
            also: refs.also.clone(),
            ..Names::default()
        })
        .collect();
    let decided = assign(known, &named, fresh);
    Threaded {
        threads: decided.threads,
        links: decided.links,
        merges: decided.merges,
    }
}
