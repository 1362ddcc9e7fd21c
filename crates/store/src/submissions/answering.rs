//! Which of our submissions a message that came is about: a report of it, or an answer to it.
//!
//! Only within the mailbox: an id of another mailbox's message says nothing here. What says it, in this order: the envelope id
//! that a report brings back, the Message-ID, and a Message-ID that a server gave the message on the way ([`super::wire_ids`]).
//! Where none is known, the recipient and the subject together can make a guess, if they fit one message only.
//! A wrong link is worse than none.

use super::wire_ids;
use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use model::returned::{Confidence, Report};
use model::submission::Recipient;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// The longest time between a message and an answer that only its subject tells.
const NEAR_MILLIS: i64 = 30 * 86_400_000;
/// How far the clocks of two servers may be apart.
const CLOCKS_MILLIS: i64 = 300_000;
/// Submissions that are looked through for a guess, the newest first.
const CANDIDATES: i64 = 500;
/// Letters and digits that a subject needs so that it can tell a message.
const TELLING: usize = 4;
/// Letters that an answer's mark (`Re`, `Antw`) has at most.
const MARK: usize = 5;

/// A message that came, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came<'m> {
    /// Its head, as JSON.
    pub(crate) head: &'m str,
    /// What it reports.
    pub(crate) report: Option<&'m Report>,
    /// What its subject says without what mail programs put around it, if that is telling.
    pub(crate) says: Option<&'m str>,
    /// When it came.
    pub(crate) received_at: Timestamp,
    /// Somebody else sent it, and it is no draft.
    pub(crate) incoming: bool,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The submission, if it was one.
    pub(crate) submission_id: Option<String>,
    /// The stored message.
    pub(crate) answers_message_id: Option<String>,
    /// The conversation of that.
    pub(crate) thread_id: Option<String>,
    /// How sure it is.
    pub(crate) confidence: Confidence,
}

/// Parts of a message's head.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    in_reply_to: Option<String>,
    references: Vec<String>,
    from: Vec<Person>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person {
    address: String,
}

/// What a message says of the one that it is about.
#[derive(Default)]
struct Asks {
    envelope_id: Option<String>,
    /// Message-IDs without brackets.
    ids: Vec<String>,
    /// Recipients of the other message.
    people: HashSet<String>,
    /// Its subject, folded.
    about: Option<String>,
}

/// A submission that may be the one.
#[derive(Clone)]
struct Sent {
    id: String,
    message_id: Option<String>,
    recipients: HashSet<String>,
}

/// What each message is about. `past`: it is mail of the past, of which nothing is guessed and only submissions are looked for.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    came: &[Came<'_>],
    past: bool,
) -> Result<Vec<Option<Link>>> {
    let mut links = vec![None; came.len()];
    let sends = "SELECT 1 FROM submissions WHERE mailbox_id = $1 LIMIT 1";
    let sends = tx.row(sends, &[mailbox_id.into()])?.is_some();
    if came.iter().all(|came| !came.incoming) || (past && !sends) {
        return Ok(links);
    }
    let asks: Vec<Asks> = came.iter().map(Asks::of).collect();
    let ids: HashSet<&str> = asks
        .iter()
        .flat_map(|asks| asks.ids.iter().map(String::as_str))
        .collect();
    let sent = match sends {
        true => by_id(tx, mailbox_id, &asks, &ids)?,
        false => HashMap::new(),
    };
    let stored = match past {
        true => HashMap::new(),
        false => stored(tx, mailbox_id, &ids)?,
    };
    for ((link, came), asks) in links.iter_mut().zip(came).zip(&asks) {
        let keys = asks.envelope_id.iter().map(|id| wire_ids::envelope(id));
        let keys = keys.chain(asks.ids.iter().cloned());
        let known = keys
            .filter_map(|key| sent.get(&key))
            .find_map(|all| asks.best(all));
        let parent = || asks.ids.iter().find_map(|id| stored.get(id));
        *link = match (known, parent()) {
            (Some(sent), _) => Some(Link::to(sent, Confidence::Certain)),
            (None, Some((id, thread))) => Some(Link {
                submission_id: None,
                answers_message_id: Some(id.clone()),
                thread_id: Some(thread.clone()),
                confidence: Confidence::Certain,
            }),
            (None, None) if sends && !past && came.incoming => guess(tx, mailbox_id, came, asks)?,
            (None, None) => None,
        };
    }
    threads(tx, &mut links)?;
    Ok(links)
}

impl Link {
    fn to(sent: &Sent, confidence: Confidence) -> Self {
        Self {
            submission_id: Some(sent.id.clone()),
            answers_message_id: sent.message_id.clone(),
            thread_id: None,
            confidence,
        }
    }
}

impl Asks {
    fn of(came: &Came<'_>) -> Self {
        if !came.incoming {
            return Self::default();
        }
        let head: Head = serde_json::from_str(came.head).unwrap_or_default();
        let mut ids: Vec<String> = Vec::new();
        let mut push = |id: Option<&String>| {
            if let Some(id) = id.map(|id| wire_ids::bare(id)).filter(|id| !id.is_empty())
                && !ids.iter().any(|known| known == id)
            {
                ids.push(id.to_owned());
            }
        };
        push(
            came.report
                .and_then(|report| report.original_message_id.as_ref()),
        );
        push(head.in_reply_to.as_ref());
        // The last reference is what is answered; the others are what that one answered.
        if head.in_reply_to.is_none() || came.report.is_some() {
            push(head.references.last());
        }
        let authors = head.from.iter().map(|from| from.address.to_lowercase());
        let (people, about) = match came.report {
            Some(report) => (
                report
                    .recipients
                    .iter()
                    .map(|r| r.address.to_lowercase())
                    .collect(),
                report.original_subject.as_deref().map(folded),
            ),
            None => (authors.collect(), came.says.map(str::to_owned)),
        };
        Self {
            envelope_id: came.report.and_then(|report| report.envelope_id.clone()),
            ids,
            people,
            about: about.filter(|about| about.chars().count() >= TELLING),
        }
    }

    /// Of several submissions with one id, the one that went to whom this is about; else the newest.
    fn best<'s>(&self, all: &'s [Sent]) -> Option<&'s Sent> {
        all.iter()
            .rev()
            .find(|sent| !sent.recipients.is_disjoint(&self.people))
            .or(all.last())
    }
}

/// Submissions by what was asked for: Message-ID, id on the way, envelope id.
fn by_id(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    asks: &[Asks],
    ids: &HashSet<&str>,
) -> Result<HashMap<String, Vec<Sent>>> {
    let mut found: HashMap<String, Vec<Sent>> = HashMap::new();
    if !ids.is_empty() {
        let both: Vec<String> = ids.iter().flat_map(|id| wire_ids::both_forms(id)).collect();
        let sql = format!(
            "SELECT id, message_id, recipients, internet_message_id FROM submissions
             WHERE mailbox_id = $1 AND internet_message_id IN {} ORDER BY id",
            tx.dialect().texts(2)
        );
        let args = [mailbox_id.into(), serde_json::to_string(&both)?.into()];
        for row in tx.rows(&sql, &args)? {
            let own: String = row.get(3)?;
            let key = wire_ids::bare(&own).to_owned();
            found.entry(key).or_default().push(sent(&row)?);
        }
        for (id, submission_id) in wire_ids::known(tx, mailbox_id, ids)? {
            let row = tx.row(
                "SELECT id, message_id, recipients FROM submissions WHERE id = $1 AND mailbox_id = $2",
                &[submission_id.into(), mailbox_id.into()],
            )?;
            // Our own Message-ID is never somebody else's.
            if let (Some(row), false) = (row, found.contains_key(&id)) {
                let sent = sent(&row)?;
                found.entry(id).or_default().push(sent);
            }
        }
    }
    let envelopes: HashSet<&str> = asks
        .iter()
        .filter_map(|asks| asks.envelope_id.as_deref())
        .collect();
    if !envelopes.is_empty() {
        let sql = format!(
            "SELECT id, message_id, recipients FROM submissions WHERE mailbox_id = $1 AND id IN {}",
            tx.dialect().texts(2)
        );
        let args = [mailbox_id.into(), serde_json::to_string(&envelopes)?.into()];
        for row in tx.rows(&sql, &args)? {
            let sent = sent(&row)?;
            found
                .entry(wire_ids::envelope(&sent.id))
                .or_default()
                .push(sent);
        }
    }
    Ok(found)
}

fn sent(row: &crate::db::Row) -> Result<Sent> {
    let recipients: Vec<Recipient> = row.json(2)?;
    Ok(Sent {
        id: row.get(0)?,
        message_id: row.get(1)?,
        recipients: recipients
            .iter()
            .map(|r| r.address.to_lowercase())
            .collect(),
    })
}

/// Stored messages by Message-ID: id and conversation.
fn stored(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    ids: &HashSet<&str>,
) -> Result<HashMap<String, (String, String)>> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT internet_message_id, id, thread_id FROM messages
         WHERE mailbox_id = $1 AND internet_message_id IN {} ORDER BY n",
        tx.dialect().texts(2)
    );
    let args = [mailbox_id.into(), serde_json::to_string(ids)?.into()];
    for row in tx.rows(&sql, &args)? {
        found
            .entry(row.get(0)?)
            .or_insert((row.get(1)?, row.get(2)?));
    }
    Ok(found)
}

/// The only submission not long ago that went to this recipient under this subject.
fn guess(tx: &mut Tx<'_>, mailbox_id: &str, came: &Came<'_>, asks: &Asks) -> Result<Option<Link>> {
    // A message that names nothing and answers nothing is about nothing.
    let Some(about) = asks.about.as_deref() else {
        return Ok(None);
    };
    if asks.people.is_empty() || (came.report.is_none() && asks.ids.is_empty()) {
        return Ok(None);
    }
    let rows = tx.rows(
        "SELECT id, message_id, recipients, subject FROM submissions
         WHERE mailbox_id = $1 AND created_at >= $2 AND created_at <= $3 AND attempts > 0 ORDER BY id DESC LIMIT $4",
        &[
            mailbox_id.into(),
            came.received_at.plus_millis(-NEAR_MILLIS).into(),
            came.received_at.plus_millis(CLOCKS_MILLIS).into(),
            CANDIDATES.into(),
        ],
    )?;
    let mut only = None;
    for row in &rows {
        if !is_about(&folded(&row.get::<String>(3)?), about) {
            continue;
        }
        let sent = sent(row)?;
        if sent.recipients.is_disjoint(&asks.people) {
            continue;
        }
        if only.is_some() {
            return Ok(None);
        }
        only = Some(sent);
    }
    Ok(only.map(|sent| Link::to(&sent, Confidence::Guess)))
}

/// Whether a submission's subject is the one that is meant: the same, or the same behind its own `Re:`.
fn is_about(subject: &str, about: &str) -> bool {
    subject
        .strip_suffix(about)
        .is_some_and(|mark| mark.chars().count() <= MARK)
}

/// Lower-case letters and digits.
fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The conversations of linked messages.
fn threads(tx: &mut Tx<'_>, links: &mut [Option<Link>]) -> Result<()> {
    for link in links.iter_mut().flatten() {
        if let (Some(id), None) = (&link.answers_message_id, &link.thread_id) {
            let row = tx.row("SELECT thread_id FROM messages WHERE id = $1", &[id.into()])?;
            link.thread_id = row.map(|row| row.get(0)).transpose()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_meant_with_and_without_its_mark() {
        assert!(is_about(&folded("Offer 12"), "offer12"));
        assert!(is_about(&folded("Re: Offer 12"), "offer12"));
        assert!(is_about(&folded("Antw: Offer 12"), "offer12"));
        assert!(!is_about(&folded("Another offer 12"), "offer12"));
        assert!(!is_about(&folded("Offer 1"), "offer12"));
    }
}
