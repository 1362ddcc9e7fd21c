//! Conversations: messages joined by `References` and `In-Reply-To` (RFC 5322 section 3.6.4).
//!
//! An id that is only referred to is linked too, so the answer may come before the question and
//! two halves of a conversation join when the message between them arrives. The result does not
//! depend on the order or the batching of arrival; only names of threads may differ, and where
//! two threads turn out to be one, the smaller id wins.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

/// References looked at per message: the first and the newest.
pub const MAX_REFERENCES: usize = 200;

/// What threading needs to know of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadInput {
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// `References` without brackets, oldest first.
    pub references: Vec<String>,
    /// `In-Reply-To` without brackets.
    pub in_reply_to: Option<String>,
}

/// Where the messages of a batch belong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The thread of each message, in the order of the batch.
    pub threads: Vec<String>,
    /// (message id, thread id) to be stored: new or changed by this batch.
    pub links: Vec<(String, String)>,
    /// (from, into): threads that turned out to be one; everything in `from` moves. `into` is
    /// never itself moved by the same batch.
    pub merges: Vec<(String, String)>,
}

/// Assigns a batch. `known` must hold the links stored for every id that the batch names (more
/// is welcome); links of other ids in merged threads move by `merges`. `fresh` makes thread ids.
pub fn assign(
    known: &HashMap<String, String>,
    batch: &[ThreadInput],
    mut fresh: impl FnMut() -> String,
) -> Assignment {
    let mut sets = Sets::default();
    // Ids of the batch in order of appearance: node of the set structure.
    let mut nodes: HashMap<&str, usize> = HashMap::new();
    let mut ids: Vec<&str> = Vec::new();
    // One node per stored thread, so that ids of one thread are one set from the start.
    let mut stored: HashMap<&str, usize> = HashMap::new();
    let mut of_message = Vec::with_capacity(batch.len());
    for input in batch {
        let own = sets.add();
        of_message.push(own);
        for id in names(input) {
            let node = *nodes.entry(id).or_insert_with(|| {
                ids.push(id);
                sets.add()
            });
            sets.union(own, node);
            if let Some(thread) = known.get(id) {
                let node = *stored.entry(thread).or_insert_with(|| sets.add());
                sets.union(own, node);
            }
        }
    }
    // The smallest stored thread of a set names it.
    let mut name: HashMap<usize, String> = HashMap::new();
    let mut threads_of_set: Vec<(&str, usize)> = stored
        .iter()
        .map(|(thread, node)| (*thread, *node))
        .collect();
    threads_of_set.sort_unstable();
    let mut merges = Vec::new();
    for (thread, node) in threads_of_set {
        let root = sets.find(node);
        match name.get(&root) {
            Some(into) => merges.push((thread.to_owned(), into.clone())),
            None => {
                name.insert(root, thread.to_owned());
            }
        }
    }
    let threads: Vec<String> = of_message
        .iter()
        .map(|node| {
            let root = sets.find(*node);
            name.entry(root).or_insert_with(&mut fresh).clone()
        })
        .collect();
    let mut links = Vec::new();
    for id in ids {
        let Some(node) = nodes.get(id) else { continue };
        let root = sets.find(*node);
        if let Some(thread) = name.get(&root)
            && known.get(id) != Some(thread)
        {
            links.push((id.to_owned(), thread.clone()));
        }
    }
    Assignment {
        threads,
        links,
        merges,
    }
}

/// Every id that `input` names, once. Forged or broken headers may name thousands.
fn names(input: &ThreadInput) -> Vec<&str> {
    let refs = &input.references;
    let tail = refs.len().saturating_sub(MAX_REFERENCES - 1).max(1);
    let first = refs.first().into_iter();
    let newest = refs.get(tail..).unwrap_or_default().iter();
    let mut seen = HashSet::new();
    input
        .message_id
        .iter()
        .chain(first)
        .chain(newest)
        .chain(input.in_reply_to.iter())
        .map(String::as_str)
        .filter(|id| !id.is_empty() && seen.insert(*id))
        .collect()
}

/// Disjoint sets with path halving; the older node is the root.
#[derive(Default)]
struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    fn add(&mut self) -> usize {
        self.parent.push(self.parent.len());
        self.parent.len() - 1
    }

    fn find(&mut self, mut node: usize) -> usize {
        while let Some(&up) = self.parent.get(node)
            && up != node
        {
            let above = self.parent.get(up).copied().unwrap_or(up);
            if let Some(slot) = self.parent.get_mut(node) {
                *slot = above;
            }
            node = above;
        }
        node
    }

    fn union(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if let Some(slot) = self.parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
}
