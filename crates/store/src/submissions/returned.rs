//! What came back: what a stored message reports of a submission, or that it answers one.
//!
//! That the server took the message stays a fact ([`State::Accepted`]); what came back is another one, at each recipient. Only
//! where it was unclear whether the server took it does a report settle that, too: who sends word of a message has it.

use super::answering::Link;
use super::evidence::{is_under_way, settled, shares_its_id};
use super::filing::{Filing, SentCopyBy};
use super::settle::{Settlement, apply};
use super::{COLUMNS, Claimed, event, from_row, wire_ids};
use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::returned::{Confidence, Kind, Report, Reported, Returned};
use model::submission::{Recipient, State};
use serde_json::json;

/// Recipients that an event names.
const TOLD: usize = 50;

/// A stored message that reports something, or answers something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'m> {
    /// Its id.
    pub(crate) message_id: &'m str,
    /// What it reports.
    pub(crate) report: Option<&'m Report>,
    /// What it is about.
    pub(crate) link: Option<&'m Link>,
}

/// Writes down what came back. Returns the events; the caller holds the mailbox's row, and appends them last.
pub(crate) fn came_back(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    arrived: &[Arrived<'_>],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let mut news = Vec::new();
    for arrived in arrived {
        if arrived.report.is_none() && arrived.link.is_none_or(|l| l.submission_id.is_none()) {
            continue;
        }
        remember(tx, arrived)?;
        if let Some(report) = arrived.report.filter(|r| r.kind == Kind::Bounce) {
            news.push(NewEvent {
                kind: "message.bounced",
                mailbox_id: Some(mailbox_id.to_owned()),
                origin,
                data: told(arrived, report),
            });
        }
        news.extend(note(tx, mailbox_id, arrived, origin, now)?);
    }
    Ok(news)
}

fn remember(tx: &mut Tx<'_>, arrived: &Arrived<'_>) -> Result<()> {
    let link = arrived.link;
    let (kind, said) = match arrived.report {
        Some(report) => (report.kind.as_str(), report.confidence),
        None => ("reply", Confidence::Certain),
    };
    // As sure as the weaker of the two: that it is a report, and what it is about.
    let confidence = match link.map(|link| link.confidence) {
        Some(Confidence::Guess) => Confidence::Guess,
        _ => said,
    };
    tx.exec(
        "INSERT INTO returns (message_id, kind, confidence, submission_id, answers_message_id) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (message_id) DO UPDATE SET kind = excluded.kind, confidence = excluded.confidence,
           submission_id = excluded.submission_id, answers_message_id = excluded.answers_message_id",
        &[
            arrived.message_id.into(),
            kind.into(),
            confidence.as_str().into(),
            link.and_then(|link| link.submission_id.clone()).into(),
            link.and_then(|link| link.answers_message_id.clone()).into(),
        ],
    )?;
    Ok(())
}

fn told(arrived: &Arrived<'_>, report: &Report) -> serde_json::Value {
    let link = arrived.link;
    json!({
        "message_id": arrived.message_id, "kind": report.kind, "confidence": report.confidence,
        "recipients": report.recipients.iter().take(TOLD).collect::<Vec<_>>(),
        "original_message_id": report.original_message_id, "original_subject": report.original_subject,
        "submission_id": link.and_then(|l| l.submission_id.as_ref()),
        "answers_message_id": link.and_then(|l| l.answers_message_id.as_ref()),
        "link": link.map(|l| l.confidence),
    })
}

/// What it means for the submission.
fn note(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    arrived: &Arrived<'_>,
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let mut news = Vec::new();
    let Some(link) = arrived.link else {
        return Ok(news);
    };
    let Some(id) = &link.submission_id else {
        return Ok(news);
    };
    let Some(mut found) = read(tx, mailbox_id, id)? else {
        return Ok(news);
    };
    let reported = arrived.report.map_or(&[][..], |report| &report.recipients);
    // By a Message-ID that another submission has too it may be about that one.
    let envelope_id = arrived.report.and_then(|r| r.envelope_id.as_deref());
    let is_guess = link.confidence == Confidence::Guess
        || envelope_id != Some(id) && shares_its_id(tx, &found)?;
    if !is_guess {
        if let Some(id) = arrived
            .report
            .and_then(|r| r.original_message_id.as_deref())
        {
            wire_ids::learn(tx, &found.submission, id)?;
        }
        if !is_under_way(&found) {
            news.extend(settle(tx, &found, reported, now)?);
        }
        if !news.is_empty() {
            found = read(tx, mailbox_id, &found.submission.id)?.unwrap_or(found);
        }
    }
    let Some(report) = arrived.report else {
        return Ok(news);
    };
    if matches!(report.kind, Kind::AutoReply | Kind::OutOfOffice) {
        return Ok(news);
    }
    let confidence = match is_guess {
        true => Confidence::Guess,
        false => report.confidence,
    };
    let mut recipients = found.submission.recipients.clone();
    let mut changed = false;
    for said in reported {
        let Some(recipient) = whom(&mut recipients, said, reported.len()) else {
            continue;
        };
        let returned = Returned {
            kind: said.kind,
            status: said.status.clone(),
            diagnostic: said.diagnostic.clone(),
            permanent: said.permanent,
            confidence,
            message_id: arrived.message_id.to_owned(),
            at: now,
        };
        let counts = match &recipient.returned {
            Some(known) => {
                let same = known.kind == returned.kind && known.message_id == returned.message_id;
                !same && returned.outweighs(known)
            }
            None => true,
        };
        if counts {
            recipient.returned = Some(returned);
            changed = true;
        }
    }
    if changed {
        tx.exec(
            "UPDATE submissions SET recipients = $2 WHERE id = $1",
            &[
                (&found.submission.id).into(),
                serde_json::to_string(&recipients)?.into(),
            ],
        )?;
        found.submission.recipients = recipients;
    }
    // What is known already is no news; a report that names nobody of ours is.
    let known = !changed
        && found
            .submission
            .recipients
            .iter()
            .any(|r| r.returned.is_some());
    if !known {
        let mut returned = event("submission.returned", &found.submission);
        returned.origin = origin;
        returned.data["returned"] = told(arrived, report);
        news.push(returned);
    }
    Ok(news)
}

fn read(tx: &mut Tx<'_>, mailbox_id: &str, id: &str) -> Result<Option<Claimed>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions WHERE id = $1 AND mailbox_id = $2{}",
        tx.dialect().for_update()
    );
    tx.row(&sql, &[id.into(), mailbox_id.into()])?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// Nobody could say whether the server took the message: it did, for those at least of whom the report speaks. Whom it did not reach
/// for good has not got it.
fn settle(
    tx: &mut Tx<'_>,
    found: &Claimed,
    reported: &[Reported],
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let before = &found.submission.recipients;
    let is_meant = |recipient: &Recipient| {
        let mut all = reported.iter();
        all.any(|said| means(before, recipient, said, reported.len()))
    };
    let Some(mut recipients) = settled(before, i64::MAX, is_meant) else {
        return Ok(Vec::new());
    };
    let doubted: Vec<bool> = before
        .iter()
        .zip(&recipients)
        .map(|(before, after)| before.state != after.state)
        .collect();
    for said in reported {
        if said.kind != Kind::Bounce {
            continue;
        }
        if let Some(recipient) = whom(&mut recipients, said, reported.len()) {
            recipient.state = State::Failed;
            recipient.code = said.code;
            recipient.enhanced_code.clone_from(&said.status);
            recipient.text.clone_from(&said.diagnostic);
        }
    }
    // Only what was in doubt is settled here.
    for ((recipient, doubted), before) in recipients.iter_mut().zip(doubted).zip(before) {
        if !doubted {
            recipient.clone_from(before);
        }
    }
    let settlement = Settlement::of(recipients, SentCopyBy::Unknown);
    let filing = Filing::lock(tx, &found.submission.mailbox_id)?;
    Ok(apply(tx, &filing, found, settlement, now)?.1)
}

/// The recipient whom a report means: the one with its address, or the only one where it speaks of one only (aliases and
/// forwards report another address).
fn whom<'r>(
    recipients: &'r mut [Recipient],
    said: &Reported,
    speaks_of: usize,
) -> Option<&'r mut Recipient> {
    let at = recipients
        .iter()
        .position(|r| means(recipients, r, said, speaks_of))?;
    recipients.get_mut(at)
}

/// Whether a report means this one of the recipients.
fn means(all: &[Recipient], one: &Recipient, said: &Reported, speaks_of: usize) -> bool {
    let alone = all.len() == 1 && speaks_of == 1;
    alone || one.address.eq_ignore_ascii_case(&said.address)
}

/// What came back is not forgotten by an attempt that began before it came, nor what it has shown.
pub(super) fn keep(before: &[Recipient], after: &mut [Recipient]) {
    for recipient in after {
        let Some(known) = before.iter().find(|r| r.address == recipient.address) else {
            continue;
        };
        if known.state == State::Accepted && !recipient.state.is_final() {
            recipient.clone_from(known);
        } else if recipient.returned.is_none() {
            recipient.returned.clone_from(&known.returned);
        }
    }
}
