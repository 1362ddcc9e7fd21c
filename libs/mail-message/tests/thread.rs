//! Threading: the same messages give the same conversations, however they arrive.

use mail_message::thread::{Names, ThreadInput, assign, names};
use std::collections::HashMap;

fn message(id: &str, refs: &[&str], reply: Option<&str>) -> ThreadInput {
    ThreadInput {
        message_id: (!id.is_empty()).then(|| id.to_owned()),
        references: refs.iter().map(|r| (*r).to_owned()).collect(),
        in_reply_to: reply.map(str::to_owned),
        subject: Some("A subject".to_owned()),
        ..ThreadInput::default()
    }
}

fn about(subject: &str, message: ThreadInput) -> ThreadInput {
    ThreadInput {
        subject: Some(subject.to_owned()),
        ..message
    }
}

/// A store as the synchroniser keeps it: links, and the thread and Message-ID of each message.
#[derive(Default)]
struct Store {
    links: HashMap<String, String>,
    threads: Vec<(usize, String)>,
    ids: HashMap<usize, String>,
    next: usize,
}

impl Store {
    fn add(&mut self, batch: &[(usize, ThreadInput)]) {
        let mut named: Vec<Names> = batch.iter().map(|(_, m)| names(m)).collect();
        let mut known = self.links.clone();
        // What the store looks up: the message that a bounce belongs to.
        for names in &mut named {
            let Some(parent) = &names.parent else {
                continue;
            };
            for (n, thread) in &self.threads {
                if self.ids.get(n) == Some(parent) {
                    known.insert(format!("thread {thread}"), thread.clone());
                    names.also.push(format!("thread {thread}"));
                }
            }
        }
        let ids = batch
            .iter()
            .filter_map(|(n, m)| Some((*n, m.message_id.clone()?)));
        self.ids.extend(ids);
        let next = &mut self.next;
        let got = assign(&known, &named, || {
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
    let named = names(&message("a", &[], None));
    let known = HashMap::from([(named.names[0].clone(), "t1".to_owned())]);
    let got = assign(&known, &[named], || "new".to_owned());
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
        subject: Some("long".into()),
        ..ThreadInput::default()
    };
    let got = assign(&HashMap::new(), &[names(&input)], || "t".into());
    assert!(got.links.len() <= 202);
    let has = |id: &str| {
        got.links
            .iter()
            .any(|link| link.0.starts_with(&format!("{id}\u{1f}")))
    };
    assert!(has("0") && has("9999"));
}

#[test]
fn an_answer_under_another_subject_begins_a_conversation_of_its_own() {
    let mut store = Store::default();
    store.add(&[
        (0, about("Offer", message("a", &[], None))),
        (1, about("Re: [list] offer", message("b", &["a"], None))),
        (2, about("Holidays", message("c", &["a", "b"], Some("b")))),
    ]);
    store.add(&[
        (
            3,
            about("AW: Holidays", message("d", &["a", "b", "c"], None)),
        ),
        (4, about("WG: Offer", message("e", &["a"], None))),
    ]);
    assert_eq!(store.partition(), [vec![0, 1, 4], vec![2, 3]]);
}

#[test]
fn what_a_machine_answers_and_what_has_no_subject_goes_with_what_it_answers() {
    let bounce = |id| ThreadInput {
        machine_answer: true,
        ..about(
            "Undelivered Mail Returned to Sender",
            message(id, &[], Some("a")),
        )
    };
    for first in [0, 1] {
        let mut messages = vec![
            (0, about("Offer", message("a", &[], None))),
            (1, bounce("b")),
            (2, about("", message("c", &["a"], None))),
            (3, about("Re: Offer", message("d", &["a"], None))),
            (4, about("Other", message("e", &["a"], None))),
        ];
        messages.rotate_left(first);
        let mut store = Store::default();
        for message in messages {
            store.add(&[message]);
        }
        assert_eq!(store.partition(), [vec![0, 1, 2, 3], vec![4]]);
    }
}

#[test]
fn the_providers_conversation_joins_what_headers_do_not() {
    let of = |thread: &str, message| ThreadInput {
        provider_thread: Some(thread.to_owned()),
        ..message
    };
    let mut store = Store::default();
    store.add(&[
        (0, of("T1", about("Offer", message("a", &[], None)))),
        (1, of("T2", about("Offer", message("b", &[], None)))),
    ]);
    store.add(&[(
        2,
        of("T1", about("Something else", message("c", &[], None))),
    )]);
    assert_eq!(store.partition(), [vec![0, 2], vec![1]]);
}

#[test]
fn an_answer_that_refers_to_nothing_says_so() {
    let says = |message| {
        let names = names(&message);
        (names.says, names.lone_answer)
    };
    let offer = Some("theoffer".to_owned());
    assert_eq!(
        says(about("The offer", message("a", &[], None))),
        (offer.clone(), false)
    );
    assert_eq!(
        says(about("Re: the offer", message("b", &[], None))),
        (offer.clone(), true)
    );
    assert_eq!(
        says(about("Re: the offer", message("b", &["a"], None))),
        (offer.clone(), false)
    );
    assert_eq!(
        says(about("Fwd: the offer", message("c", &[], None))),
        (offer, false)
    );
    assert_eq!(
        says(about("Re: hi", message("d", &[], None))),
        (None, false)
    );
}

proptest::proptest! {
    #[test]
    fn any_order_and_batching_gives_the_same_partition(
        shape in proptest::collection::vec((0..12u8, proptest::collection::vec(0..12u8, 0..3), proptest::option::of(0..12u8), 0..14u8), 1..16),
        order in proptest::collection::vec(proptest::num::usize::ANY, 16),
        cuts in proptest::collection::vec(1..5usize, 16),
    ) {
        let all: Vec<(usize, ThreadInput)> = shape
            .iter()
            .enumerate()
            .map(|(n, (id, refs, reply, about))| {
                let name = |i: &u8| format!("id{i}");
                (n, ThreadInput {
                    // Id 0 stands for "none".
                    message_id: (*id > 0).then(|| name(id)),
                    references: refs.iter().map(name).collect(),
                    in_reply_to: reply.as_ref().map(name),
                    subject: Some(["Offer", "Re: Offer", "Other", ""][usize::from(about % 4)].to_owned()),
                    machine_answer: *about >= 12,
                    provider_thread: (*about % 5 == 0).then(|| format!("T{}", id % 3)),
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
