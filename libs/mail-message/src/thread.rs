//! Conversations: messages joined by `References` and `In-Reply-To` (RFC 5322 section 3.6.4) while they are about the same
//! (RFC 8621 section 3), and by the id of the conversation that a provider gives.
//!
//! Each message has [`Names`]; messages that share one are of one conversation. A name is an id together with what the subject
//! says, so an answer under another subject begins a conversation of its own. An id that is only referred to is a name too: the
//! answer may come before the question, and two halves of a conversation join when the message between them arrives. The
//! result does not depend on the order or the batching of arrival; only ids of threads may differ, and where two threads turn
//! out to be one, the smaller id wins.

use crate::subject::{bare, folded};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::ToSchema;

/// References looked at per message: the first and the newest.
pub const MAX_REFERENCES: usize = 200;
/// Letters and digits that a subject needs so that it alone can tell an answer.
const TELLING: usize = 4;
/// Stands between an id and what the subject says; no id has it.
const BETWEEN: char = '\u{1f}';
/// In the place of what the subject says: whatever it says.
const WHATEVER: &str = "*";

/// What threading needs to know of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadInput {
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// `References` without brackets, oldest first.
    pub references: Vec<String>,
    /// `In-Reply-To` without brackets.
    pub in_reply_to: Option<String>,
    /// The subject, as it was written.
    pub subject: Option<String>,
    /// A machine's answer (a bounce, a receipt, an absence): its subject says nothing about the conversation.
    pub machine_answer: bool,
    /// What the provider calls the conversation: THREADID (RFC 8474) or X-GM-THRID.
    pub provider_thread: Option<String>,
}

/// By what a message belongs to a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Names {
    /// Whoever has one of these too is of the same conversation.
    pub names: Vec<String>,
    /// Names that it has if somebody else has them, and that need not be kept for it.
    pub also: Vec<String>,
    /// The Message-ID of the message that it belongs to, whatever that is about.
    pub parent: Option<String>,
    /// What the subject says, without `Re:` and the like, where that is enough to tell what it answers.
    pub says: Option<String>,
    /// It answers something, and does not say what but by its subject.
    pub lone_answer: bool,
}

/// The names of a message.
#[must_use]
pub fn names(input: &ThreadInput) -> Names {
    let subject = input.subject.as_deref().unwrap_or_default();
    let about = folded(bare(subject, true).text);
    let ids = ids(input);
    let mut names = Names::default();
    if about.is_empty() || input.machine_answer {
        names.parent = direct_parent(input);
        let parent = names.parent.iter().map(|id| name(id, WHATEVER));
        names.names.extend(parent);
    } else {
        let about = digest(&about);
        names.names.extend(ids.iter().map(|id| name(id, &about)));
        let plain = bare(subject, false);
        let says = folded(plain.text);
        names.lone_answer = plain.answers && !answers_by_id(input);
        names.says = (says.chars().count() >= TELLING).then_some(says);
        names.lone_answer &= names.says.is_some();
    }
    if let Some(id) = input.message_id.as_deref().filter(|id| !id.is_empty()) {
        if input.machine_answer && !about.is_empty() {
            names.names.push(name(id, &digest(&about)));
        }
        names.also.push(name(id, WHATEVER));
    }
    if let Some(id) = &input.provider_thread {
        // No Message-ID begins like this.
        names.names.push(format!("{BETWEEN}{id}"));
    }
    names
}

fn name(id: &str, about: &str) -> String {
    format!("{id}{BETWEEN}{about}")
}

/// FNV-1a, 32 bits: it stands beside an id, so it only has to tell a few subjects apart.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

fn direct_parent(input: &ThreadInput) -> Option<String> {
    let parent = input.in_reply_to.as_ref().or(input.references.last());
    parent.filter(|id| !id.is_empty()).cloned()
}

fn answers_by_id(input: &ThreadInput) -> bool {
    direct_parent(input).is_some()
}

/// Where the messages of a batch belong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    /// The thread of each message, in the order of the batch.
    pub threads: Vec<String>,
    /// (name, thread id) to be stored: new or changed by this batch.
    pub links: Vec<(String, String)>,
    /// (from, into): threads that turned out to be one; everything in `from` moves. `into` is
    /// never itself moved by the same batch.
    pub merges: Vec<(String, String)>,
}

/// Assigns a batch. `known` must hold the threads stored for every name in `names` and `also` (more is welcome); links of
/// other names in merged threads move by `merges`. `fresh` makes thread ids. What `parent` and `says` ask for is looked up by
/// the caller, and comes as further names in `also`.
pub fn assign(
    known: &HashMap<String, String>,
    batch: &[Names],
    mut fresh: impl FnMut() -> String,
) -> Assignment {
    let mut sets = Sets::default();
    // Names of the batch in order of appearance: node of the set structure, and whether it is to be stored.
    let mut nodes: HashMap<&str, usize> = HashMap::new();
    let mut kept: Vec<&str> = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    // One node per stored thread, so that names of one thread are one set from the start.
    let mut stored: HashMap<&str, usize> = HashMap::new();
    let mut of_message = Vec::with_capacity(batch.len());
    let had: HashSet<&str> = batch
        .iter()
        .flat_map(|input| input.names.iter().map(String::as_str))
        .collect();
    for input in batch {
        let own = sets.add();
        of_message.push(own);
        let also = input.also.iter();
        let also = also.filter(|name| known.contains_key(*name) || had.contains(name.as_str()));
        for name in input.names.iter().chain(also) {
            let node = *nodes.entry(name).or_insert_with(|| sets.add());
            sets.union(own, node);
            if let Some(thread) = known.get(name) {
                let node = *stored.entry(thread).or_insert_with(|| sets.add());
                sets.union(own, node);
            }
        }
        let new = input.names.iter().map(String::as_str);
        kept.extend(new.filter(|name| seen.insert(*name)));
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
    for id in kept {
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

/// Every id that `input` has or refers to, once. Forged or broken headers may name thousands.
fn ids(input: &ThreadInput) -> Vec<&str> {
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
