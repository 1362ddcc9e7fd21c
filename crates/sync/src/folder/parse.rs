//! From raw bytes to a row: parsing never decides whether a message is stored, only how it is shown. Should it fail, which no
//! bytes are known to make it, that one message goes into the ledger with its bytes, and the others pass.

use crate::Context;
use crate::error::Result;
use crate::folder::fetch::failure;
use mail_message::ReportKind;
use mail_message::read::{Head, Summary};
use mail_message::search::tokens;
use mail_message::thread::{ThreadInput, names};
use model::Timestamp;
use model::event::Origin;
use model::folder::Role;
use model::limits::{PARSE_BYTES, PARSE_HEAD_BYTES};
use model::message::{Direction, Flags};
use model::returned::{Confidence, Kind, Report, Reported};
use std::collections::HashSet;
use store::StoreError;
use store::blobs::{Batch, Stored};
use store::failures::NewFailure;
use store::ingest::{NewMessage, ThreadRefs};
use store::search::Words;

/// Most references of one message that are kept: a thread is found by its ends.
const REFERENCES: usize = 100;
/// Longest Message-ID that is kept as a key.
const MESSAGE_ID: usize = 900;

/// A message whose bytes are durable and whose facts the server has told.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its UID.
    pub uid: i64,
    /// Its flags.
    pub flags: Flags,
    /// Its MODSEQ; 0 where the server has none.
    pub mod_seq: i64,
    /// INTERNALDATE; `None` where the server's was unreadable.
    pub internal_date: Option<Timestamp>,
    /// The whole message's size, where `stored` is its header alone.
    pub headers_only: Option<u64>,
    /// The raw bytes.
    pub stored: Stored,
    /// EMAILID or X-GM-MSGID.
    pub object_id: Option<String>,
    /// X-GM-LABELS, where the server has them.
    pub labels: Option<Vec<String>>,
    /// THREADID or X-GM-THRID, where the server has conversations.
    pub provider_thread: Option<String>,
}

/// Whose mail it is and where it lies: decides the direction.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The mailbox's address and its aliases, in lower case.
    pub addresses: Vec<String>,
    /// The folder's role.
    pub role: Option<Role>,
}

/// Parses a batch on blocking threads. What is no longer in the batch's memory is read back and
/// parsed one by one, so that a batch of large messages needs the memory of one. The past lets news go first. Returns also what could not be parsed.
///
/// # Errors
/// Bytes that were stored just now cannot be read back.
pub async fn batch(
    context: &Context,
    batch: Batch,
    fetched: Vec<Fetched>,
    owner: Owner,
    origin: Origin,
) -> Result<(Vec<NewMessage>, Vec<NewFailure>)> {
    let now = context.store.now();
    let stopped =
        |e: tokio::task::JoinError| StoreError::Unavailable(format!("parsing stopped: {e}"));
    let (whose, reader) = (owner.clone(), context.reader);
    let way = (origin == Origin::Backfill).then(|| context.way.clone());
    let in_memory = tokio::task::spawn_blocking(move || {
        let mut messages = Vec::with_capacity(fetched.len());
        let mut outside = Vec::new();
        for message in fetched {
            if let Some(way) = &way {
                way.give_on_thread();
            }
            match batch.bytes(&message.stored) {
                Some(raw) => messages.push(careful(reader, message.clone(), raw, &whose, now)),
                None => outside.push(message),
            }
        }
        (messages, outside)
    });
    let (mut messages, outside) = in_memory.await.map_err(stopped)?;
    for message in outside {
        let held = read_back(context, &message.stored).await?;
        let owner = owner.clone();
        let parsed =
            tokio::task::spawn_blocking(move || careful(reader, message, &held.raw, &owner, now));
        messages.push(parsed.await.map_err(stopped)?);
    }
    let mut failures = Vec::new();
    let understood = messages
        .into_iter()
        .filter_map(|parsed| parsed.map_err(|failure| failures.push(failure)).ok());
    Ok((understood.collect(), failures))
}

/// Parses one message, or says which one it is that cannot be parsed.
fn careful(
    reader: fn(&[u8]) -> Summary,
    fetched: Fetched,
    raw: &[u8],
    owner: &Owner,
    now: Timestamp,
) -> Result<NewMessage, NewFailure> {
    // A mistake of ours in one message must not stop the mailbox for ever.
    let read = std::panic::catch_unwind(|| reader(raw));
    match read {
        Ok(summary) => Ok(one(fetched, summary, owner, now)),
        Err(_) => Err(kept(fetched.uid, &fetched.stored, "read")),
    }
}

/// A row of the ledger for a message whose bytes are durable.
pub(crate) fn kept(uid: i64, stored: &Stored, what: &str) -> NewFailure {
    let reason = format!("Postroom could not {what} the message; its bytes are kept");
    NewFailure {
        raw: Some(stored.clone()),
        ..failure(uid.unsigned_abs(), "message_unreadable", reason)
    }
}

struct Held {
    raw: Vec<u8>,
    _memory: tokio::sync::OwnedSemaphorePermit,
}

/// A message too large for the batch's memory is read back from its segment, within a bound that
/// all mailboxes share.
async fn read_back(context: &Context, stored: &Stored) -> Result<Held> {
    let length = stored.place.length;
    let wanted = if length > PARSE_BYTES {
        PARSE_HEAD_BYTES
    } else {
        length
    };
    let mib = (wanted.div_ceil(1024 * 1024) as u32 * 2).clamp(1, crate::PARSE_MIB as u32);
    let memory = context
        .parsing
        .clone()
        .acquire_many_owned(mib)
        .await
        .map_err(|_| StoreError::Unavailable("the server is stopping".into()))?;
    let raw = context.store.blobs.read(&stored.place, wanted).await?;
    Ok(Held {
        raw,
        _memory: memory,
    })
}

fn one(fetched: Fetched, summary: Summary, owner: &Owner, now: Timestamp) -> NewMessage {
    let Summary {
        head,
        search,
        date_ms,
        machine_answer,
        report,
        ..
    } = summary;
    let sender = head
        .from
        .first()
        .map(|from| from.address.to_lowercase())
        .unwrap_or_default();
    // What lies in the inbox has arrived, also from oneself: a contact form, a copy to oneself.
    let own =
        !sender.is_empty() && owner.addresses.contains(&sender) && owner.role != Some(Role::Inbox);
    let outgoing = own || matches!(owner.role, Some(Role::Sent | Role::Drafts));
    let received_at = fetched
        .internal_date
        .or_else(|| date_ms.map(Timestamp))
        .unwrap_or(now);
    NewMessage {
        uid: fetched.uid,
        flags: fetched.flags,
        mod_seq: fetched.mod_seq,
        received_at,
        refs: thread_refs(&head, machine_answer, fetched.provider_thread),
        direction: if outgoing {
            Direction::Outgoing
        } else {
            Direction::Incoming
        },
        sender,
        subject: head.subject.clone().unwrap_or_default(),
        automatic: head.automatic,
        report: report.map(reported),
        has_attachments: head.has_attachments,
        words: Words {
            subject: tokens(&search.subject),
            from: tokens(&search.from),
            to: tokens(&search.to),
            body: tokens(&search.body),
        },
        // A head is made of texts and lists: it always has a JSON form.
        head: serde_json::to_string(&head).unwrap_or_else(|_| "{}".to_owned()),
        headers_only: fetched.headers_only,
        stored: fetched.stored,
        object_id: fetched.object_id,
        labels: fetched.labels,
    }
}

/// What a message reports, in the words of the store.
fn reported(report: mail_message::Report) -> Report {
    Report {
        kind: kind(report.kind),
        confidence: match report.confidence {
            mail_message::Confidence::Guess => Confidence::Guess,
            mail_message::Confidence::Likely => Confidence::Likely,
            mail_message::Confidence::Certain => Confidence::Certain,
        },
        recipients: report
            .recipients
            .into_iter()
            .map(|r| Reported {
                address: r.address,
                kind: kind(r.kind),
                status: r.status,
                code: r.code,
                permanent: r.permanent,
                diagnostic: r.diagnostic,
            })
            .collect(),
        envelope_id: report.envelope_id,
        original_message_id: report.original_message_id,
        original_subject: report.original_subject,
    }
}

const fn kind(kind: ReportKind) -> Kind {
    match kind {
        ReportKind::Bounce => Kind::Bounce,
        ReportKind::Delayed => Kind::Delayed,
        ReportKind::Delivered => Kind::Delivered,
        ReportKind::Complaint => Kind::Complaint,
        ReportKind::Accepted => Kind::Accepted,
        ReportKind::Read => Kind::Read,
        ReportKind::AutoReply => Kind::AutoReply,
        ReportKind::OutOfOffice => Kind::OutOfOffice,
        ReportKind::Challenge => Kind::Challenge,
    }
}

fn thread_refs(head: &Head, machine_answer: bool, provider_thread: Option<String>) -> ThreadRefs {
    let short = |id: &Option<String>| id.clone().filter(|id| id.len() <= MESSAGE_ID);
    let input = ThreadInput {
        message_id: short(&head.internet_message_id),
        references: references(&head.references),
        in_reply_to: short(&head.in_reply_to),
        subject: head.subject.clone(),
        machine_answer,
        provider_thread: provider_thread.filter(|id| id.len() <= MESSAGE_ID),
    };
    let names = names(&input);
    ThreadRefs {
        message_id: input.message_id,
        names: names.names,
        also: names.also,
        parent: names.parent,
        says: names.says,
        lone_answer: names.lone_answer,
    }
}

/// The first reference and the last ones, each once.
fn references(all: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let skip = all.len().saturating_sub(REFERENCES - 1);
    all.iter()
        .enumerate()
        .filter(|(i, id)| (*i == 0 || *i >= skip) && id.len() <= MESSAGE_ID && seen.insert(*id))
        .map(|(_, id)| id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_message::read::summarize;

    fn fetched() -> Fetched {
        Fetched {
            uid: 1,
            flags: Flags::default(),
            mod_seq: 0,
            internal_date: None,
            headers_only: None,
            stored: Stored {
                digest: "d".into(),
                place: store::blobs::Place {
                    segment: "s".into(),
                    position: 0,
                    length: 0,
                },
            },
            object_id: None,
            labels: None,
            provider_thread: None,
        }
    }

    #[test]
    fn mail_from_oneself_is_outgoing_outside_the_inbox_and_so_is_all_in_sent() {
        let raw = b"From: Ann <Ann@example.test>\r\nSubject: x\r\n\r\ny";
        let owner = |address: &str, role| Owner {
            addresses: vec!["other@example.test".into(), address.into()],
            role,
        };
        let direction = |owner| one(fetched(), summarize(raw), &owner, Timestamp(0)).direction;
        assert_eq!(
            direction(owner("ann@example.test", None)),
            Direction::Outgoing
        );
        assert_eq!(
            direction(owner("ann@example.test", Some(Role::Inbox))),
            Direction::Incoming
        );
        assert_eq!(
            direction(owner("bob@example.test", None)),
            Direction::Incoming
        );
        assert_eq!(
            direction(owner("bob@example.test", Some(Role::Sent))),
            Direction::Outgoing
        );
    }

    #[test]
    fn an_empty_message_is_a_message() {
        let message = one(
            fetched(),
            summarize(b""),
            &Owner {
                addresses: Vec::new(),
                role: None,
            },
            Timestamp(5),
        );
        assert_eq!(message.received_at, Timestamp(5));
        assert!(message.head.starts_with('{'));
    }

    #[test]
    fn a_long_chain_keeps_its_ends() {
        let all: Vec<String> = (0..500).map(|i| format!("{i}@x")).collect();
        let kept = references(&all);
        assert_eq!(kept.len(), REFERENCES);
        assert_eq!(
            (kept[0].as_str(), kept[REFERENCES - 1].as_str()),
            ("0@x", "499@x")
        );
    }
}
