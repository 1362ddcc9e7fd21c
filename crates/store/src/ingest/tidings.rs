//! What new messages say of messages that were sent or are being written: reports, answers, and copies under another Message-ID.

use super::{NewMessage, Place};
use crate::Tx;
use crate::drafts::{self, Arrived as Copied};
use crate::error::Result;
use crate::own_copies::Ours;
use crate::submissions::{self, Arrived, Came, Copy, Link, SeenSent};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::folder::Role;
use model::message::Direction;
use serde_json::json;
use std::collections::HashMap;

/// What each new message is about.
pub(super) fn links(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    messages: &[NewMessage],
    origin: Origin,
) -> Result<Vec<Option<Link>>> {
    let came: Vec<Came<'_>> = messages
        .iter()
        .map(|message| Came {
            head: &message.head,
            report: report(message),
            says: message.refs.says.as_deref(),
            received_at: message.received_at,
            incoming: message.direction == Direction::Incoming && !message.flags.draft,
        })
        .collect();
    submissions::find_answered(tx, mailbox_id, &came, origin == Origin::Backfill)
}

/// What a message reports. Of a header alone only answers are believed: what a bounce says stands in its text, and comes with it.
fn report(message: &NewMessage) -> Option<&model::returned::Report> {
    use model::returned::Kind::{AutoReply, OutOfOffice};
    let answers =
        |report: &&model::returned::Report| matches!(report.kind, AutoReply | OutOfOffice);
    let whole = message.headers_only.is_none();
    let incoming = message.direction == Direction::Incoming && !message.flags.draft;
    message
        .report
        .as_ref()
        .filter(|report| incoming && (whole || answers(report)))
}

/// Says in a message's event what it answers.
pub(super) fn tell(event: &mut NewEvent, link: Option<&Link>) {
    if let Some(link) = link {
        event.data["answers_message_id"] = json!(link.answers_message_id);
        if let Some(id) = &link.submission_id {
            event.data["submission_id"] = json!(id);
            event.data["answers_confidence"] = json!(link.confidence);
        }
    }
}

/// Writes down what came back with new messages.
pub(super) fn write(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    new: &[(&str, &NewMessage, Option<&Link>)],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let arrived: Vec<Arrived<'_>> = new
        .iter()
        .map(|(id, message, link)| Arrived {
            message_id: id,
            report: report(message),
            link: *link,
        })
        .collect();
    submissions::came_back(tx, mailbox_id, &arrived, origin, now)
}

/// The rest of messages whose header alone was stored has come: only now can it be read what they report.
pub(super) fn completed(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    whole: &[(String, NewMessage)],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<NewEvent>> {
    let (ids, messages): (Vec<&str>, Vec<NewMessage>) = whole
        .iter()
        .filter(|(_, message)| message.report.is_some())
        .map(|(id, message)| (id.as_str(), message.clone()))
        .unzip();
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let links = links(tx, mailbox_id, &messages, origin)?;
    let new: Vec<_> = ids
        .into_iter()
        .zip(&messages)
        .zip(&links)
        .map(|((id, message), link)| (id, message, link.as_ref()))
        .collect();
    write(tx, mailbox_id, &new, origin, now)
}

/// The owner's messages, for [`submissions::link_sent`]. `ours`: what we brought there, by UID.
pub(super) fn sent(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    new: &[(&str, &NewMessage)],
    ours: &HashMap<i64, Ours>,
    place: &Place,
    origin: Origin,
) -> Result<Vec<SeenSent>> {
    let sql = "SELECT address FROM mailboxes WHERE id = $1";
    let address: String = match place.role {
        Some(Role::Inbox) => tx
            .row(sql, &[mailbox_id.into()])?
            .map_or(Ok(String::new()), |row| row.get(0))?,
        _ => String::new(),
    };
    let address = address.to_lowercase();
    let to_oneself = |message: &NewMessage| {
        place.role == Some(Role::Inbox) && !address.is_empty() && message.sender == address
    };
    let own: Vec<&(&str, &NewMessage)> = new
        .iter()
        .filter(|(_, m)| !m.flags.draft)
        .filter(|(_, m)| m.direction == Direction::Outgoing || to_oneself(m))
        .collect();
    let copies: Vec<Copy<'_>> = own
        .iter()
        .filter(|_| origin != Origin::Backfill)
        .filter_map(|(_, message)| {
            Some(Copy {
                wire_id: message.refs.message_id.as_deref()?,
                subject: &message.subject,
                head: &message.head,
                received_at: message.received_at,
            })
        })
        .collect();
    let learned: HashMap<String, String> = submissions::learn_from_copies(tx, mailbox_id, &copies)?;
    Ok(own
        .iter()
        .filter(|(_, message)| message.direction == Direction::Outgoing)
        .filter_map(|(id, message)| {
            let wire = message.refs.message_id.as_deref()?;
            let own = learned.get(wire).map_or(wire, String::as_str);
            let brought_by = match ours.get(&message.uid) {
                Some(Ours::Brought(owed_id)) => Some(owed_id.clone()),
                Some(Ours::CopyOf(_)) | None => None,
            };
            Some(SeenSent {
                wire_id: own.to_owned(),
                message_id: (*id).to_owned(),
                brought_by,
            })
        })
        .collect())
}

/// What came to a Drafts folder: copies of what is being written here, or what another program made of them.
pub(super) fn drafts(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    new: &[(&str, &NewMessage)],
    ours: &HashMap<i64, Ours>,
    now: Timestamp,
) -> Result<()> {
    let copies = new.iter().filter_map(|(id, message)| {
        Some(Copied {
            internet_id: message.refs.message_id.as_deref()?,
            message_id: id,
            digest: &message.stored.digest,
            brought: ours.contains_key(&message.uid),
        })
    });
    drafts::arrived(tx, mailbox_id, copies, now)
}
