//! Searches with many hits, held against a plain list of what was stored: the same on both databases.

use crate::common::{Fixture, both};
use crate::reading::{Filled, by_reference, mailbox};
use model::Timestamp;
use model::event::Origin;
use model::folder::Role;
use model::message::{Direction, Flags};
use store::blobs::Stored;
use store::folders::Cursor;
use store::ingest::{self, Batch, NewMessage, ThreadRefs};
use store::messages::{self, Filter};
use store::search::{Term, Words};
use testkit::Random;

/// Messages in each folder: more than a search gathers at once.
const EACH: i64 = 2_300;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// What the test knows of a message.
#[derive(Clone, Debug)]
struct Known {
    mailbox: usize,
    folder: &'static str,
    name: String,
    at: i64,
    seen: bool,
    flagged: bool,
    words: Vec<&'static str>,
}

/// Messages of twenty years: some in every year, half of them in the last days, some of one instant, some of times that cannot be.
fn some(random: &mut Random, mailbox: usize, folder: &'static str, count: i64) -> Vec<Known> {
    let message = |number| {
        let at = match random.below(10) {
            0 => 20_000 * DAY,
            1 => [-1, i64::from(i32::MIN), 4_000_000_000_000][random.index(3)],
            2..5 => random.below(20_700 * DAY as u64) as i64,
            _ => (20_700 * DAY) + random.below(20 * DAY as u64) as i64,
        };
        let mut words = vec!["every"];
        words.extend(random.chance(50).then_some("half"));
        words.extend(random.chance(2).then_some("rare"));
        Known {
            mailbox,
            folder,
            name: format!("{mailbox}-{folder}-{number}"),
            at,
            seen: random.chance(70),
            flagged: random.chance(8),
            words,
        }
    };
    (0..count).map(message).collect()
}

async fn put(fixture: &Fixture, filled: &Filled, folder: &str, known: &[Known], stored: &Stored) {
    let messages = known.iter().zip(1..).map(|(known, uid)| NewMessage {
        headers_only: None,
        object_id: None,
        labels: None,
        uid,
        flags: Flags {
            seen: known.seen,
            flagged: known.flagged,
            ..Flags::default()
        },
        mod_seq: 1,
        received_at: Timestamp(known.at),
        stored: stored.clone(),
        head: format!("{{\"subject\":\"{}\"}}", known.name),
        words: Words {
            subject: known.words.join(" "),
            ..Words::default()
        },
        refs: ThreadRefs::default(),
        direction: Direction::Incoming,
        sender: String::new(),
        subject: String::new(),
        automatic: false,
        report: None,
        has_attachments: false,
    });
    let batch = Batch {
        folder_id: filled.folders[folder].clone(),
        uid_validity: 7,
        origin: Origin::Backfill,
        messages: messages.collect(),
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: false,
    };
    ingest::ingest(&fixture.store, &filled.lease, batch, by_reference)
        .await
        .unwrap();
}

fn term(word: &str, negated: bool) -> Term {
    Term {
        tokens: word.into(),
        negated,
        ..Term::default()
    }
}

/// All pages of a search: times and subjects, in order.
async fn found(fixture: &Fixture, filter: &Filter, page_size: i64) -> Vec<(i64, String)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = messages::list(&fixture.store, filter.clone(), after, page_size)
            .await
            .unwrap();
        assert!(page.messages.len() as i64 <= page_size);
        all.extend(page.messages.iter().map(|message| {
            let head: serde_json::Value = serde_json::from_str(&message.head).unwrap();
            let subject = head["subject"].as_str().unwrap().to_owned();
            (message.received_at.0, subject)
        }));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_exactly_what_was_stored_newest_first_however_many_hits_there_are() {
    both(|fixture| async move {
        let mut random = Random(7);
        let mut mailboxes = Vec::new();
        let mut known = Vec::new();
        for (number, address) in ["a@example.com", "b@example.com"].into_iter().enumerate() {
            let filled = mailbox(&fixture, address).await;
            for (folder, count) in [("INBOX", EACH), ("Archive", 150)] {
                let some = some(&mut random, number, folder, count);
                // Equal bytes in two folders of a mailbox would be copies of one message.
                let stored = fixture.store.blobs.put(folder.as_bytes()).await.unwrap();
                put(&fixture, &filled, folder, &some, &stored).await;
                known.extend(some);
            }
            mailboxes.push(filled);
        }
        let (first, second) = (&mailboxes[0], &mailboxes[1]);
        let all = Filter::default;
        type Fits = fn(&Known) -> bool;
        let cases: Vec<(&str, Filter, Fits)> = vec![
            ("all mail", all(), |_| true),
            (
                "one mailbox",
                Filter {
                    mailbox_id: Some(first.mailbox_id.clone()),
                    ..all()
                },
                |known| known.mailbox == 0,
            ),
            (
                "what a token may see",
                Filter {
                    visible: Some(vec![second.mailbox_id.clone()]),
                    ..all()
                },
                |known| known.mailbox == 1,
            ),
            (
                "nothing may be seen",
                Filter {
                    visible: Some(vec![]),
                    ..all()
                },
                |_| false,
            ),
            (
                "a large folder",
                Filter {
                    folder_id: Some(second.folders["INBOX"].clone()),
                    ..all()
                },
                |known| known.mailbox == 1 && known.folder == "INBOX",
            ),
            (
                "a small folder",
                Filter {
                    folder_id: Some(first.folders["Archive"].clone()),
                    ..all()
                },
                |known| known.mailbox == 0 && known.folder == "Archive",
            ),
            (
                "a role, unread",
                Filter {
                    role: Some(Role::Archive),
                    unread: Some(true),
                    ..all()
                },
                |known| known.folder == "Archive" && !known.seen,
            ),
            (
                "the marked ones",
                Filter {
                    flagged: Some(true),
                    ..all()
                },
                |known| known.flagged,
            ),
            (
                "the marked ones of a large folder",
                Filter {
                    folder_id: Some(first.folders["INBOX"].clone()),
                    flagged: Some(true),
                    ..all()
                },
                |known| known.mailbox == 0 && known.folder == "INBOX" && known.flagged,
            ),
            (
                "a stretch of time",
                Filter {
                    since: Some(Timestamp(10_000 * DAY + 1)),
                    before: Some(Timestamp(20_710 * DAY + 77)),
                    ..all()
                },
                |known| (10_000 * DAY + 1..20_710 * DAY + 77).contains(&known.at),
            ),
        ];
        for (what, filter, fits) in cases {
            for words in ["every", "half", "rare", "-half", "every -half", "half rare"] {
                let word = |word: &str| term(word.trim_start_matches('-'), word.starts_with('-'));
                let filter = Filter {
                    terms: words.split(' ').map(word).collect(),
                    ..filter.clone()
                };
                let mut expected: Vec<_> = known
                    .iter()
                    .filter(|known| fits(known))
                    .filter(|known| {
                        words.split(' ').all(|word| {
                            let has = known.words.contains(&word.trim_start_matches('-'));
                            has != word.starts_with('-')
                        })
                    })
                    .map(|known| (known.at, known.name.clone()))
                    .collect();
                let page_size = [50, 333][random.index(2)];
                let mut found = found(&fixture, &filter, page_size).await;
                assert!(
                    found.windows(2).all(|pair| pair[0].0 >= pair[1].0),
                    "{what}, {words}: not newest first"
                );
                // Messages of one instant are ordered by id, which the test does not know.
                expected.sort();
                found.sort();
                assert_eq!(found.len(), expected.len(), "{what}, {words}");
                assert_eq!(found, expected, "{what}, {words}");
            }
        }
    })
    .await;
}
