//! Answers that do not say what they answer but by their subject: `Re: Offer` without In-Reply-To and References, as some
//! programs and web forms write them.
//!
//! Such a lone answer belongs to the messages that say the same, came before it and not long ago, and went between the same
//! people. The rule is about two messages and never about what else is there, and whichever of the two is stored later looks for
//! the other: so the order in which mail arrives does not matter.

use super::NewMessage;
use super::threads::{TRANSIENT, ThreadRefs};
use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap};

/// The longest time between a message and a lone answer to it: 30 days.
const NEAR_MILLIS: i64 = 30 * 86_400_000;
/// Stored messages with the subjects of a batch that are looked at, the newest first.
const CANDIDATES: i64 = 1_000;

/// What one of two messages has to show.
struct Said {
    says: i64,
    lone: bool,
    at: Timestamp,
    people: Option<People>,
}

/// Who wrote a message, and everybody in its header.
struct People {
    author: String,
    all: BTreeSet<String>,
}

/// What the subject says, as a number that an index can hold; each mailbox has its own (FNV-1a, 64 bits).
pub(super) fn key(mailbox_id: &str, says: Option<&str>) -> Option<i64> {
    let text = mailbox_id.bytes().chain([0]).chain(says?.bytes());
    let hash = text.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Some(hash.cast_signed())
}

/// Joins lone answers with what they answer, within the batch and with what is stored.
pub(super) fn join(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    messages: &[NewMessage],
    refs: &mut [ThreadRefs],
    join: &mut impl FnMut(&mut ThreadRefs, String),
) -> Result<()> {
    let mut by_says: HashMap<i64, Vec<usize>> = HashMap::new();
    for (n, refs) in refs.iter().enumerate() {
        if let Some(says) = key(mailbox_id, refs.says.as_deref()) {
            by_says.entry(says).or_default().push(n);
        }
    }
    if by_says.is_empty() {
        return Ok(());
    }
    let mut new: Vec<Said> = Vec::with_capacity(messages.len());
    for (message, refs) in messages.iter().zip(refs.iter()) {
        new.push(Said {
            says: key(mailbox_id, refs.says.as_deref()).unwrap_or_default(),
            lone: refs.lone_answer,
            at: message.received_at,
            people: None,
        });
    }
    for (thread, stored) in candidates(tx, mailbox_id, &new, &by_says)? {
        for n in by_says.get(&stored.says).into_iter().flatten() {
            let (Some(new), Some(message)) = (new.get_mut(*n), messages.get(*n)) else {
                continue;
            };
            if may_belong(&stored, new) {
                let people = new.people.get_or_insert_with(|| People::of(&message.head));
                let same = stored
                    .people
                    .as_ref()
                    .is_some_and(|stored| stored.with(people));
                if let Some(refs) = refs.get_mut(*n).filter(|_| same) {
                    join(refs, thread.clone());
                }
            }
        }
    }
    for group in by_says.values().filter(|group| group.len() > 1) {
        for (i, &a) in group.iter().enumerate() {
            for &b in group.iter().skip(i + 1) {
                if may_belong(&new[a], &new[b])
                    && People::of(&messages[a].head).with(&People::of(&messages[b].head))
                {
                    let name = format!("{TRANSIENT}{a} {b}");
                    refs[a].names.push(name.clone());
                    refs[b].names.push(name);
                }
            }
        }
    }
    Ok(())
}

/// Stored messages that say what some of the batch say, with their threads: all of them for a lone answer, lone answers for
/// the others.
fn candidates(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    new: &[Said],
    by_says: &HashMap<i64, Vec<usize>>,
) -> Result<Vec<(String, Said)>> {
    let lone: BTreeSet<i64> = new.iter().filter(|s| s.lone).map(|s| s.says).collect();
    let rest: BTreeSet<i64> = by_says
        .keys()
        .copied()
        .filter(|n| !lone.contains(n))
        .collect();
    let times = || new.iter().map(|said| said.at.0);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let mut found = Vec::new();
    for (keys, only) in [(&lone, ""), (&rest, " AND m.lone_answer = 1")] {
        if keys.is_empty() {
            continue;
        }
        let sql = format!(
            "SELECT m.says, m.lone_answer, m.received_at, m.thread_id, m.head FROM messages m
             WHERE m.says IN {} AND m.mailbox_id || '' = $2 AND m.received_at >= $3 AND m.received_at <= $4{only}
             ORDER BY m.received_at + 0 DESC LIMIT $5",
            tx.dialect().integers(1)
        );
        let args = [
            serde_json::to_string(keys)?.into(),
            mailbox_id.into(),
            first.saturating_sub(NEAR_MILLIS).into(),
            last.saturating_add(NEAR_MILLIS).into(),
            CANDIDATES.into(),
        ];
        for row in tx.rows(&sql, &args)? {
            let said = Said {
                says: row.get(0)?,
                lone: row.get(1)?,
                at: row.get(2)?,
                people: Some(People::of(&row.get::<String>(4)?)),
            };
            found.push((row.get(3)?, said));
        }
    }
    Ok(found)
}

/// One of the two is a lone answer, and the other came before it, not long ago.
fn may_belong(a: &Said, b: &Said) -> bool {
    let answers = |answer: &Said, to: &Said| {
        let later = answer.at.0.saturating_sub(to.at.0);
        answer.lone && (0..=NEAR_MILLIS).contains(&later)
    };
    answers(a, b) || answers(b, a)
}

impl People {
    /// Those of a parsed head.
    fn of(head: &str) -> Self {
        let head: Json = serde_json::from_str(head).unwrap_or_default();
        let of = |field: &str| -> Vec<String> {
            let list = head[field].as_array().into_iter().flatten();
            let addresses = list.filter_map(|person| person["address"].as_str());
            addresses.map(str::to_lowercase).collect()
        };
        let from = of("from");
        let author = from.first().cloned().unwrap_or_default();
        let fields = ["to", "cc", "bcc", "reply_to"];
        let others = fields.iter().flat_map(|field| of(field));
        let all = from.into_iter().chain(others).collect();
        Self { author, all }
    }

    /// Each author is among the other's people.
    fn with(&self, other: &Self) -> bool {
        let known =
            |author: &String, all: &BTreeSet<String>| !author.is_empty() && all.contains(author);
        known(&self.author, &other.all) && known(&other.author, &self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(from: &str, to: &str) -> People {
        let head = format!(r#"{{"from":[{{"address":"{from}"}}],"to":[{{"address":"{to}"}}]}}"#);
        People::of(&head)
    }

    #[test]
    fn two_messages_went_between_the_same_people_if_each_knows_the_others_author() {
        let question = people("ann@x.test", "Bob@y.test");
        assert!(
            question.with(&people("bob@y.test", "ann@x.test")),
            "the answer"
        );
        assert!(
            question.with(&people("Ann@x.test", "bob@y.test")),
            "asked again"
        );
        assert!(
            !question.with(&people("eve@z.test", "ann@x.test")),
            "somebody else"
        );
        assert!(
            !question.with(&people("bob@y.test", "eve@z.test")),
            "to somebody else"
        );
        assert!(!People::of("{}").with(&People::of("")), "nobody");
    }

    #[test]
    fn a_lone_answer_comes_after_what_it_answers_and_not_long_after() {
        let said = |lone, days: i64| Said {
            says: 1,
            lone,
            at: Timestamp(days * 86_400_000),
            people: None,
        };
        assert!(may_belong(&said(false, 1), &said(true, 31)));
        assert!(may_belong(&said(true, 31), &said(false, 1)));
        assert!(!may_belong(&said(false, 1), &said(true, 32)));
        assert!(!may_belong(&said(false, 2), &said(true, 1)));
        assert!(!may_belong(&said(false, 1), &said(false, 2)));
        assert!(may_belong(&said(true, 1), &said(true, 2)));
    }
}
