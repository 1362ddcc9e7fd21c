//! Message-IDs that servers give our messages on the way. Some replace the one that we wrote; whoever answers then names theirs.
//!
//! They are learned from what the server says when it takes the message, from the header that a report brings back, and from a
//! copy of the message in the mailbox: in Sent, or to oneself.

use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use model::submission::{Recipient, State, Submission};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// The shortest word in a server's answer that can be the left side of a Message-ID: nobody guesses it.
const TOKEN: usize = 24;
/// Longest id.
const LONGEST: usize = 900;
/// Ids learned from one answer.
const PER_ANSWER: usize = 4;
/// How far the `Date` of a copy may be from the one that its message was given.
const DATE_MILLIS: i64 = 60_000;
/// Submissions that are looked through for a copy, the newest first.
const CANDIDATES: i64 = 200;
/// How long after its submission a copy is still recognised.
const NEAR_MILLIS: i64 = 2 * 86_400_000;

/// An id without its angle brackets.
pub(super) fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

/// A Message-ID with its angle brackets and without: both are stored.
pub(super) fn both_forms(bare: &str) -> [String; 2] {
    [bare.to_owned(), format!("<{bare}>")]
}

/// The key of an envelope id among Message-IDs; no Message-ID looks like it.
pub(super) fn envelope(id: &str) -> String {
    format!("\u{1f}{id}")
}

/// Submissions that are known under these ids on the way, by id.
pub(super) fn known(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    ids: &HashSet<&str>,
) -> Result<HashMap<String, String>> {
    let keys: HashMap<String, &str> = ids
        .iter()
        .flat_map(|id| [(Some((*id).to_owned()), *id), (token(id), *id)])
        .filter_map(|(key, id)| Some((key?, id)))
        .collect();
    let sql = format!(
        "SELECT internet_message_id, submission_id FROM wire_ids WHERE mailbox_id = $1 AND internet_message_id IN {}",
        tx.dialect().texts(2)
    );
    let wanted: Vec<&String> = keys.keys().collect();
    let args = [mailbox_id.into(), serde_json::to_string(&wanted)?.into()];
    let mut found = HashMap::new();
    for row in tx.rows(&sql, &args)? {
        if let Some(id) = keys.get(&row.get::<String>(0)?) {
            found.insert((*id).to_owned(), row.get(1)?);
        }
    }
    Ok(found)
}

/// The left side of an id, as it is learned from a server's words.
fn token(id: &str) -> Option<String> {
    let (token, _) = id.split_once('@')?;
    (token.len() >= TOKEN).then(|| format!("{token}@"))
}

/// Writes down an id on the way. What is known stays.
pub(super) fn learn(tx: &mut Tx<'_>, submission: &Submission, id: &str) -> Result<()> {
    let id = bare(id);
    if id.is_empty() || id.len() > LONGEST || id == bare(&submission.internet_message_id) {
        return Ok(());
    }
    tx.exec(
        "INSERT INTO wire_ids (mailbox_id, internet_message_id, submission_id) VALUES ($1, $2, $3)
         ON CONFLICT (mailbox_id, internet_message_id) DO NOTHING",
        &[
            (&submission.mailbox_id).into(),
            id.into(),
            (&submission.id).into(),
        ],
    )?;
    Ok(())
}

/// Learns from the words with which a server took the message: "250 Ok <id@server>", "250 Ok 0102018f...".
pub(super) fn learn_from_words(tx: &mut Tx<'_>, submission: &Submission) -> Result<()> {
    let mut heard: HashSet<&str> = HashSet::new();
    for recipient in &submission.recipients {
        if recipient.state == State::Accepted
            && let Some(text) = recipient.text.as_deref().filter(|text| heard.insert(text))
        {
            for id in ids_in(text, &submission.recipients) {
                learn(tx, submission, &id)?;
            }
        }
    }
    Ok(())
}

/// Ids in a server's words: in angle brackets, or long words of letters and digits (then with an `@` at their end).
fn ids_in(text: &str, recipients: &[Recipient]) -> Vec<String> {
    let is_person = |id: &str| {
        recipients
            .iter()
            .any(|r| r.address.eq_ignore_ascii_case(id))
    };
    let bracketed = text.split('<').skip(1).filter_map(|piece| {
        let (id, _) = piece.split_once('>')?;
        let (left, right) = id.split_once('@')?;
        let plain = !left.is_empty() && right.contains('.') && !id.contains(char::is_whitespace);
        (plain && !is_person(id)).then(|| id.to_owned())
    });
    let tokens = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .filter(|word| word.len() >= TOKEN && word.len() <= LONGEST)
        .filter(|word| word.bytes().filter(u8::is_ascii_digit).count() >= 4)
        .map(|word| format!("{word}@"));
    bracketed.chain(tokens).take(PER_ANSWER).collect()
}

/// A message of the owner's that was seen in the mailbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy<'m> {
    /// Its Message-ID there.
    pub(crate) wire_id: &'m str,
    /// Its subject.
    pub(crate) subject: &'m str,
    /// Its head, as JSON.
    pub(crate) head: &'m str,
    /// When it came to the mailbox.
    pub(crate) received_at: Timestamp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    to: Vec<Person>,
    cc: Vec<Person>,
    date: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person {
    address: String,
}

/// Recognises copies whose Message-ID was replaced: the same subject, the same people, the same time, and one submission only.
/// Learns their ids, and returns the submission's own Message-ID for each.
pub(crate) fn learn_from_copies(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    copies: &[Copy<'_>],
) -> Result<HashMap<String, String>> {
    let mut learned = HashMap::new();
    let Some(first) = copies.iter().map(|copy| copy.received_at).min() else {
        return Ok(learned);
    };
    let args = [
        mailbox_id.into(),
        first.plus_millis(-NEAR_MILLIS).into(),
        CANDIDATES.into(),
    ];
    let mut sent = Vec::new();
    for row in tx.rows(&unseen_sql(), &args)? {
        sent.push(super::from_row(&row)?.submission);
    }
    for copy in copies {
        let own = |s: &&Submission| bare(&s.internet_message_id) == bare(copy.wire_id);
        if sent.iter().any(|s| own(&s)) {
            continue;
        }
        let mut same = sent.iter().filter(|s| is_copy(copy, s));
        if let (Some(submission), None) = (same.next(), same.next()) {
            learn(tx, submission, copy.wire_id)?;
            learned.insert(
                copy.wire_id.to_owned(),
                bare(&submission.internet_message_id).to_owned(),
            );
        }
    }
    Ok(learned)
}

/// What the `Date` of a submission says, as the index has it: when it was queued, or its `send_at` if that is later.
const DATED: &str = "(CASE WHEN send_at > created_at THEN send_at ELSE created_at END)";

/// The same of one that was read.
fn dated(submission: &Submission) -> Timestamp {
    let queued = submission.created_at;
    submission.send_at.map_or(queued, |at| at.max(queued))
}

/// What a mailbox has sent since a time, and whose copy was not seen yet: the newest first.
pub(super) fn unseen_sql() -> String {
    format!(
        "SELECT {} FROM submissions WHERE mailbox_id = $1 AND message_id IS NULL AND attempts > 0 AND {DATED} >= $2
         ORDER BY {DATED} DESC LIMIT $3",
        super::COLUMNS
    )
}

fn is_copy(copy: &Copy<'_>, submission: &Submission) -> bool {
    if copy.subject.trim() != submission.subject.trim() {
        return false;
    }
    let head: Head = serde_json::from_str(copy.head).unwrap_or_default();
    // One that its writer has dated has the time of writing, whenever it goes out.
    let near = head.date.is_some_and(|date| {
        let is_near = |other: Timestamp| (date.0 - other.0).abs() <= DATE_MILLIS;
        is_near(dated(submission)) || is_near(submission.created_at)
    });
    let recipients: HashSet<String> = submission
        .recipients
        .iter()
        .map(|r| r.address.to_lowercase())
        .collect();
    let mut people = head.to.iter().chain(&head.cc).peekable();
    near && people.peek().is_some()
        && people.all(|person| recipients.contains(&person.address.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_the_words_of_servers_and_people_are_not() {
        let bob = Recipient {
            state: State::Accepted,
            ..Recipient::new("bob@x.org")
        };
        let bob = [bob];
        for (text, want) in [
            ("2.0.0 Ok: queued as 4F1A2B3C", Vec::new()),
            (
                "2.0.0 OK <new@relay.example> [Hostname=x]",
                vec!["new@relay.example"],
            ),
            (
                "Ok 0102018f2a3b4c5d-6e7f8091-a2b3-000000",
                vec!["0102018f2a3b4c5d-6e7f8091-a2b3-000000@"],
            ),
            ("2.1.5 <bob@x.org> recipient ok", Vec::new()),
            ("thank you for your contribution to this", Vec::new()),
        ] {
            assert_eq!(ids_in(text, &bob), want, "{text}");
        }
    }
}
