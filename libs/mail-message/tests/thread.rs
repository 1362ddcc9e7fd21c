//! Threading: the same messages give the same conversations, however they arrive.

use mail_message::thread::{ThreadInput, assign};
use std::collections::HashMap;

fn message(id: &str, refs: &[&str], reply: Option<&str>) -> ThreadInput {
    ThreadInput {
        message_id: (!id.is_empty()).then(|| id.to_owned()),
        references: refs.iter().map(|r| (*r).to_owned()).collect(),
        in_reply_to: reply.map(str::to_owned),
    }
}

/// A store as the synchroniser keeps it: links and the thread of each message.
#[derive(Default)]
struct Store {
    links: HashMap<String, String>,
    threads: Vec<(usize, String)>,
    next: usize,
}

impl Store {
    fn add(&mut self, batch: &[(usize, ThreadInput)]) {
        let inputs: Vec<ThreadInput> = batch.iter().map(|(_, m)| m.clone()).collect();
        let next = &mut self.next;
        let got = assign(&self.links, &inputs, || {
            *next += 1;
            format!("thr_{next:04}")
        });
        for (from, into) in &got.merges {
            assert!(into < from, "the smaller id wins");
            for thread in self
                .links
                .values_mut()
                .chain(self.threads.iter_mut().map(|t| &mut t.1))
            {
                if thread == from {
                    thread.clone_from(into);
                }
            }
        }
        self.links.extend(got.links);
        self.threads
            .extend(batch.iter().map(|(n, _)| *n).zip(got.threads));
    }

    /// Sets of message numbers that are one thread, sorted.
    fn partition(&self) -> Vec<Vec<usize>> {
        let mut by: HashMap<&str, Vec<usize>> = HashMap::new();
        for (n, thread) in &self.threads {
            by.entry(thread).or_default().push(*n);
        }
        let mut sets: Vec<Vec<usize>> = by.into_values().collect();
        sets.iter_mut().for_each(|s| s.sort_unstable());
        sets.sort_unstable();
        sets
    }
}

#[test]
fn answers_join_their_question_in_any_order() {
    let mut store = Store::default();
    store.add(&[(0, message("c", &["a", "b"], None))]);
    store.add(&[
        (1, message("x", &[], None)),
        (2, message("b", &[], Some("a"))),
    ]);
    store.add(&[
        (3, message("a", &[], None)),
        (4, message("", &[], None)),
        (5, message("", &[], None)),
    ]);
    assert_eq!(
        store.partition(),
        [vec![0, 2, 3], vec![1], vec![4], vec![5]]
    );
    // A message that joins two threads merges them.
    store.add(&[(6, message("y", &["x"], Some("c")))]);
    assert_eq!(store.partition(), [vec![0, 1, 2, 3, 6], vec![4], vec![5]]);
}

#[test]
fn nothing_is_linked_twice() {
    let known = HashMap::from([("a".to_owned(), "t1".to_owned())]);
    let got = assign(&known, &[message("a", &[], None)], || "new".to_owned());
    assert_eq!(
        (got.threads, got.links, got.merges),
        (vec!["t1".to_owned()], vec![], vec![])
    );
}

#[test]
fn ten_thousand_references_are_bounded() {
    let refs: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let input = ThreadInput {
        message_id: Some("m".into()),
        references: refs,
        in_reply_to: None,
    };
    let got = assign(&HashMap::new(), &[input], || "t".into());
    assert!(got.links.len() <= 202);
    assert!(got.links.iter().any(|l| l.0 == "0") && got.links.iter().any(|l| l.0 == "9999"));
}

proptest::proptest! {
    #[test]
    fn any_order_and_batching_gives_the_same_partition(
        shape in proptest::collection::vec((0..12u8, proptest::collection::vec(0..12u8, 0..3), proptest::option::of(0..12u8)), 1..16),
        order in proptest::collection::vec(proptest::num::usize::ANY, 16),
        cuts in proptest::collection::vec(1..5usize, 16),
    ) {
        let all: Vec<(usize, ThreadInput)> = shape
            .iter()
            .enumerate()
            .map(|(n, (id, refs, reply))| {
                let name = |i: &u8| format!("id{i}");
                (n, ThreadInput {
                    // Id 0 stands for "none".
                    message_id: (*id > 0).then(|| name(id)),
                    references: refs.iter().map(name).collect(),
                    in_reply_to: reply.as_ref().map(name),
                })
            })
            .collect();
        let mut whole = Store::default();
        whole.add(&all);
        let mut shuffled: Vec<_> = all.into_iter().zip(order).collect();
        shuffled.sort_by_key(|(_, key)| *key);
        let shuffled: Vec<_> = shuffled.into_iter().map(|(m, _)| m).collect();
        let mut pieces = Store::default();
        let mut rest = &shuffled[..];
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at(cut.min(rest.len()));
            pieces.add(now);
            rest = later;
        }
        proptest::prop_assert_eq!(whole.partition(), pieces.partition());
    }
}
