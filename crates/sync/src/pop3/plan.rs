//! Decides what to fetch from a maildrop, and which ids to forget. Pure.

use model::Timestamp;
use pop3_client::UniqueId;
use std::collections::{HashMap, HashSet};
use store::pop3::{Standing, is_nameless, key, number_key};

/// One message of the maildrop, as this session lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its number, for this session only.
    pub number: u32,
    /// What it is known by; `None`: the server gives it no id of its own.
    pub key: Option<String>,
}

/// A message to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its number, for this session only.
    pub number: u32,
    /// What it is known by; `None`: by what it says.
    pub key: Option<String>,
    /// Whether its date decides if it is wanted.
    pub ask_date: bool,
    /// Its size is above the limit: only its header is fetched. Then this is its size.
    pub too_large: Option<u64>,
}

impl Item {
    /// What it is known by as long as it could not be read.
    pub fn unread_key(&self) -> String {
        self.key.clone().unwrap_or_else(|| number_key(self.number))
    }
}

/// What else decides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Situation {
    /// Mail from this time on is wanted.
    pub since: Option<Timestamp>,
    /// The past is filled.
    pub backfilled: bool,
    /// Messages without an id are read too. Each of them has to be fetched to know it again.
    pub read_nameless: bool,
}

/// What is to be done with a maildrop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Mail that came since we last looked, oldest first.
    pub new: Vec<Item>,
    /// Mail that was there before, newest first.
    pub past: Vec<Item>,
    /// Mail of the ledger whose next try is due, one by one and last: each has broken something before.
    pub again: Vec<Item>,
    /// Ids that the server has no more.
    pub forget: Vec<String>,
    /// Unread messages without an id whose next try is not due: their place in the ledger is kept.
    pub resting: Vec<String>,
    /// How many messages are wanted, fetched or not.
    pub total: i64,
}

impl Plan {
    /// Marks what is larger than the limit. Messages without an id are known by their contents: they are always read whole.
    pub fn limit(&mut self, sizes: &HashMap<String, i64>, limit: Option<i64>) {
        let Some(limit) = limit else {
            return;
        };
        for items in [&mut self.new, &mut self.past, &mut self.again] {
            for item in items {
                let size = item.key.as_ref().and_then(|key| sizes.get(key));
                item.too_large = size
                    .filter(|size| **size > limit)
                    .map(|size| size.unsigned_abs());
            }
        }
    }
}

/// Messages whose header alone is stored, and of which the rest was asked for.
pub(super) fn to_complete(listed: &[Listed], asked: &HashSet<String>) -> Vec<Item> {
    let wanted = |message: &&Listed| message.key.as_ref().is_some_and(|key| asked.contains(key));
    let item = |message: &Listed| Item {
        number: message.number,
        key: message.key.clone(),
        ask_date: false,
        too_large: None,
    };
    listed.iter().filter(wanted).map(item).collect()
}

/// Turns the answer to UIDL into messages, by number. An id that is empty, or that several messages
/// share, is no identity (bad servers give such): its messages are known by what they say.
pub(super) fn by_id(ids: &[UniqueId]) -> Vec<Listed> {
    let mut count: HashMap<&[u8], u32> = HashMap::with_capacity(ids.len());
    for unique in ids {
        *count.entry(&unique.id).or_default() += 1;
    }
    let mut listed: Vec<Listed> = ids
        .iter()
        .map(|unique| Listed {
            number: unique.number,
            key: key(&unique.id).filter(|_| count.get(&unique.id[..]) == Some(&1)),
        })
        .collect();
    listed.sort_by_key(|message| message.number);
    listed.dedup_by_key(|message| message.number);
    listed
}

/// The messages of a server without UIDL.
pub(super) fn without_ids(messages: u32) -> Vec<Listed> {
    (1..=messages)
        .map(|number| Listed { number, key: None })
        .collect()
}

/// Compares what is listed with what we know.
pub(super) fn plan(
    listed: &[Listed],
    known: &HashMap<String, Standing>,
    situation: Situation,
) -> Plan {
    let mut plan = Plan {
        forget: vanished(listed, known),
        ..Plan::default()
    };
    // A maildrop grows at its end: what lies behind the newest message that we know came after it.
    let newest_known = listed.iter().rev().find(|message| {
        let key = message.key.as_ref();
        key.and_then(|key| known.get(key))
            .is_some_and(|standing| *standing != Standing::Open)
    });
    let newest_known = newest_known.map_or(u32::MAX, |message| message.number);
    for message in listed {
        let mut item = Item {
            number: message.number,
            key: message.key.clone(),
            ask_date: situation.since.is_some(),
            too_large: None,
        };
        let standing = known.get(&item.unread_key());
        plan.total += 1;
        // The date of a message that was left out is known. It is compared anew, because another one
        // may be asked for now.
        if let Some(Standing::LeftOut(date)) = standing {
            if situation.since.is_some_and(|since| *date < since) {
                plan.total -= 1;
                continue;
            }
            item.ask_date = false;
        }
        match standing {
            Some(Standing::Stored) => {}
            _ if item.key.is_none() && !situation.read_nameless => {}
            Some(Standing::Failed { due: true }) => plan.again.push(Item {
                ask_date: false,
                ..item
            }),
            Some(Standing::Failed { due: false }) => {
                if item.key.is_none() {
                    plan.resting.push(item.unread_key());
                }
            }
            _ if situation.backfilled || message.number > newest_known => plan.new.push(item),
            _ => plan.past.push(item),
        }
    }
    plan.past.reverse();
    plan
}

/// Ids that are not listed. Those that we made of contents are judged only after all messages without
/// an id were read; if there are none of these, nothing can have such an id any more.
fn vanished(listed: &[Listed], known: &HashMap<String, Standing>) -> Vec<String> {
    let there: HashSet<&str> = listed.iter().filter_map(|m| m.key.as_deref()).collect();
    let some_nameless = listed.iter().any(|message| message.key.is_none());
    let mut gone: Vec<String> = known
        .keys()
        .filter(|key| !there.contains(key.as_str()))
        .filter(|key| !some_nameless || !is_nameless(key))
        .cloned()
        .collect();
    gone.sort();
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::pop3::content_key;

    const FAILED: Standing = Standing::Failed { due: false };
    const DUE: Standing = Standing::Failed { due: true };

    fn listed(ids: &[&str]) -> Vec<Listed> {
        let ids: Vec<UniqueId> = (1..)
            .zip(ids)
            .map(|(number, id)| UniqueId {
                number,
                id: id.as_bytes().to_vec(),
            })
            .collect();
        by_id(&ids)
    }

    fn known(rows: &[(&str, Standing)]) -> HashMap<String, Standing> {
        rows.iter()
            .map(|(key, standing)| ((*key).to_owned(), *standing))
            .collect()
    }

    fn numbers(items: &[Item]) -> Vec<u32> {
        items.iter().map(|item| item.number).collect()
    }

    #[test]
    fn what_is_known_and_what_is_listed_decide_what_is_fetched() {
        use Standing::{LeftOut, Open, Stored};
        type Case<'a> = (
            &'a str,
            &'a [&'a str],
            &'a [(&'a str, Standing)],
            bool,
            (&'a [u32], &'a [u32], &'a [u32], &'a [&'a str]),
        );
        let old = LeftOut(Timestamp(5));
        let table: &[Case] = &[
            ("an empty maildrop", &[], &[], false, (&[], &[], &[], &[])),
            (
                "a first look: newest first",
                &["a", "b", "c"],
                &[],
                false,
                (&[], &[3, 2, 1], &[], &[]),
            ),
            (
                "new mail: oldest first",
                &["a", "b", "c"],
                &[("a", Stored)],
                true,
                (&[2, 3], &[], &[], &[]),
            ),
            (
                "new mail while the past is filled",
                &["a", "b", "c", "d"],
                &[("c", Stored)],
                false,
                (&[4], &[2, 1], &[], &[]),
            ),
            (
                "new mail that is listed before old mail",
                &["n", "a"],
                &[("a", Stored)],
                true,
                (&[1], &[], &[], &[]),
            ),
            (
                "mail that is gone",
                &["b"],
                &[("a", Stored), ("b", Stored), ("x", FAILED)],
                true,
                (&[], &[], &[], &["a", "x"]),
            ),
            (
                "failures rest until they are due",
                &["a", "b"],
                &[("a", FAILED), ("b", DUE)],
                true,
                (&[], &[], &[2], &[]),
            ),
            (
                "a message that broke the connection is fetched again",
                &["a", "b"],
                &[("a", Stored), ("b", Open)],
                true,
                (&[2], &[], &[], &[]),
            ),
            (
                "mail left out comes in when no date is asked for",
                &["a"],
                &[("a", old)],
                true,
                (&[1], &[], &[], &[]),
            ),
            (
                "all ids are others now",
                &["x", "y"],
                &[("a", Stored), ("b", Stored)],
                true,
                (&[1, 2], &[], &[], &["a", "b"]),
            ),
        ];
        for (name, ids, rows, backfilled, (new, past, again, forget)) in table {
            let situation = Situation {
                backfilled: *backfilled,
                ..Situation::default()
            };
            let plan = plan(&listed(ids), &known(rows), situation);
            assert_eq!(numbers(&plan.new), *new, "{name}");
            assert_eq!(numbers(&plan.past), *past, "{name}");
            assert_eq!(numbers(&plan.again), *again, "{name}");
            assert_eq!(plan.forget, *forget, "{name}");
            assert_eq!(plan.total, ids.len() as i64, "{name}");
        }
    }

    #[test]
    fn a_date_is_asked_once_and_compared_again() {
        let rows = known(&[
            ("a", Standing::LeftOut(Timestamp(5))),
            ("b", Standing::LeftOut(Timestamp(15))),
            ("c", Standing::Stored),
        ]);
        let situation = Situation {
            since: Some(Timestamp(10)),
            backfilled: true,
            read_nameless: false,
        };
        let plan = plan(&listed(&["a", "b", "c", "d"]), &rows, situation);
        let asked: Vec<(u32, bool)> = plan.new.iter().map(|i| (i.number, i.ask_date)).collect();
        assert_eq!(asked, [(2, false), (4, true)]);
        assert_eq!(plan.total, 3);
    }

    #[test]
    fn an_id_that_two_messages_share_or_that_is_empty_is_none() {
        let keys: Vec<Option<String>> = listed(&["a", "x", "", "x", "b"])
            .into_iter()
            .map(|message| message.key)
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(keys, [some("a"), None, None, None, some("b")]);
    }

    #[test]
    fn a_number_that_is_listed_twice_counts_once() {
        let twice = [("a", 2), ("b", 1), ("c", 2)].map(|(id, number)| UniqueId {
            number,
            id: id.as_bytes().to_vec(),
        });
        let found: Vec<u32> = by_id(&twice).iter().map(|m| m.number).collect();
        assert_eq!(found, [1, 2]);
    }

    #[test]
    fn messages_without_ids_are_read_only_when_asked_for_and_never_judged_by_the_list() {
        let content = content_key("d", 1);
        let resting = number_key(2);
        let due = number_key(3);
        let rows = known(&[
            (content.as_str(), Standing::Stored),
            (resting.as_str(), FAILED),
            (due.as_str(), DUE),
        ]);
        let listed = without_ids(4);
        let quiet = plan(&listed, &rows, Situation::default());
        assert_eq!((quiet.new.len(), quiet.past.len()), (0, 0));
        let read = Situation {
            backfilled: true,
            read_nameless: true,
            since: None,
        };
        let plan = plan(&listed, &rows, read);
        assert_eq!(numbers(&plan.new), [1, 4]);
        assert_eq!(numbers(&plan.again), [3]);
        assert_eq!(plan.resting, [resting]);
        assert!(plan.forget.is_empty());
    }

    #[test]
    fn ids_made_of_contents_end_when_every_message_has_an_id() {
        let content = content_key("d", 1);
        let rows = known(&[(content.as_str(), Standing::Stored)]);
        let plan = plan(&listed(&["a"]), &rows, Situation::default());
        assert_eq!(plan.forget, [content]);
    }
}
