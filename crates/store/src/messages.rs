//! Messages for the API: pages by keyset, one message, and where its bytes are.
//!
//! A page is one statement: an inner one that walks an index from the cursor on, and around it the
//! placements of what was found. Which index fits depends on what is asked (all mail, a mailbox, a
//! folder, a conversation, a rare word); see [`list`].

mod answered;
mod hits;
mod senders;
mod whole;

pub use answered::answered;
pub(crate) use whole::want_rest;
pub use whole::{ask, asked_folders, asked_uids};

use crate::blobs;
use crate::db::{Dialect, Row, Value};
use crate::error::{Result, StoreError};
use crate::folders::newest_of_role;
use crate::removal::not_removed;
use crate::search::{self, Term};
use crate::{Store, Tx};
use model::Timestamp;
use model::folder::Role;
use model::message::{Direction, Flags, Message, Placement};

/// Folders with one role that are walked one by one; of more, the newest mail is looked through.
const FOLDERS_WALKED: usize = 16;
/// Senders that fit a text and whose mail is walked one by one.
const SENDERS_WALKED: usize = 50;
/// Mail that lies only in folders that a person has switched off is kept, and hidden until they are switched on again. (One that was left
/// behind when its mailbox changed to POP3 is not a person's choice.)
pub(crate) const SWITCHED_OFF: &str =
    "NOT EXISTS (SELECT 1 FROM placements x JOIN folders y ON y.id = x.folder_id
    WHERE x.message_id = m.id AND y.mode = 'off' AND y.mode_fixed = 1
      AND NOT EXISTS (SELECT 1 FROM placements a JOIN folders b ON b.id = a.folder_id
                      WHERE a.message_id = m.id AND b.mode <> 'off'))";

/// What a page needs of each message, behind the time of the order: see [`from_row`].
const COLUMNS: &str =
    "m.id, m.mailbox_id, m.thread_id, m.direction, m.received_at, m.size, m.seen, m.answered, m.flagged,
     m.draft, m.keywords, m.head, m.body, m.labels";

/// Which messages are wanted; what is absent does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of these mailboxes (what the caller may see); `None`: all.
    pub visible: Option<Vec<String>>,
    /// Of this mailbox.
    pub mailbox_id: Option<String>,
    /// In this folder.
    pub folder_id: Option<String>,
    /// In folders with this role.
    pub role: Option<Role>,
    /// Of this conversation.
    pub thread_id: Option<String>,
    /// With all of these own tags and folders.
    pub tags: Vec<String>,
    /// With this label of the server (Gmail); the case of ASCII letters does not matter.
    pub label: Option<String>,
    /// With these words.
    pub terms: Vec<Term>,
    /// From an address with each of these texts in it.
    pub from: Vec<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub before: Option<Timestamp>,
    /// Not yet read, or read.
    pub unread: Option<bool>,
    /// Marked, or not.
    pub flagged: Option<bool>,
    /// With attachments, or without.
    pub has_attachments: Option<bool>,
    /// Received or sent.
    pub direction: Option<Direction>,
}

impl Filter {
    /// Whether it asks for a role and nothing else, in the mailboxes that the caller may see.
    fn is_role_alone(&self) -> bool {
        let alone = Self {
            role: self.role,
            visible: self.visible.clone(),
            ..Self::default()
        };
        self.role.is_some() && *self == alone
    }
}

/// Where a page ended: the next page begins behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Time of the last message, as its folder or the message itself has it.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A page of messages, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where the next page begins; `None`: this was the last one.
    pub next: Option<After>,
}

/// A page of messages, newest first.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, filter: Filter, after: Option<After>, limit: i64) -> Result<Page> {
    store
        .db
        .read(move |tx| page(tx, &filter, after.as_ref(), limit))
        .await
}

fn page(tx: &mut Tx<'_>, filter: &Filter, after: Option<&After>, limit: i64) -> Result<Page> {
    let terms = search::as_exact_as_possible(tx, &filter.terms)?;
    let (found, more) = match search::questions(tx.dialect(), &terms).0 {
        Some(question) => hits::newest(tx, filter, &question, after, limit)?,
        None => walk(tx, filter, after, limit)?,
    };
    let next = found.last().filter(|_| more).map(|last| After {
        at: last.at,
        id: last.message.id.clone(),
    });
    Ok(Page {
        messages: found.into_iter().map(|found| found.message).collect(),
        next,
    })
}

/// Walks the index that fits what is asked for, newest first; also says whether there may be more.
fn walk(
    tx: &mut Tx<'_>,
    filter: &Filter,
    after: Option<&After>,
    limit: i64,
) -> Result<(Vec<Found>, bool)> {
    let (mut starts, mut below) = (Vec::new(), false);
    let of_senders = senders::starts(tx, filter)?;
    match (&filter.folder_id, filter.role) {
        _ if of_senders.is_some() => starts.extend(of_senders.into_iter().flatten()),
        (None, None) => starts.push(match filter.tags.first() {
            Some(tag) => Wanted::tagged(tag),
            None => Wanted::all(),
        }),
        (Some(folder_id), _) => {
            let mut wanted = Wanted::in_folder(folder_id);
            wanted.lying_there(filter.role, None);
            starts.push(wanted);
        }
        (None, Some(role)) => {
            let folders = folders_with_role(tx, role, filter)?;
            if folders.len() > FOLDERS_WALKED && filter.is_role_alone() {
                let (folders, floor) = newest_of_role(tx, role, filter, after, limit)?;
                // What is older than the floor is for the pages to come.
                below = floor.is_some();
                for id in folders {
                    let mut wanted = Wanted::in_folder(&id);
                    if let Some(floor) = floor {
                        wanted.and("p.received_at >= $", floor);
                    }
                    starts.push(wanted);
                }
            } else if folders.len() > FOLDERS_WALKED {
                let mut wanted = Wanted::all();
                wanted.lying_there(filter.role, None);
                starts.push(wanted);
            } else {
                starts.extend(folders.iter().map(|id| Wanted::in_folder(id)));
            }
        }
    }
    let walks = starts.len();
    let mut found = Vec::new();
    let mut more = below;
    for mut wanted in starts {
        wanted.narrow(tx.dialect(), filter)?;
        let (some, full) = run(tx, wanted, after, limit)?;
        found.extend(some);
        more |= full;
    }
    if walks > 1 {
        found.sort_by(newest_first);
        let mut seen = std::collections::HashSet::new();
        found.retain(|found| seen.insert(found.message.id.clone()));
        more |= found.len() as i64 > limit;
        found.truncate(limit as usize);
    }
    Ok((found, more))
}

fn folders_with_role(tx: &mut Tx<'_>, role: Role, filter: &Filter) -> Result<Vec<String>> {
    let mut args = vec![role.as_str().into(), (FOLDERS_WALKED as i64 + 1).into()];
    let mut sql = "SELECT id FROM folders WHERE role = $1".to_owned();
    if let Some(id) = &filter.mailbox_id {
        args.push(id.into());
        sql.push_str(&format!(" AND mailbox_id = ${}", args.len()));
    }
    if let Some(ids) = &filter.visible {
        args.push(serde_json::to_string(ids)?.into());
        sql.push_str(&format!(
            " AND mailbox_id IN {}",
            tx.dialect().texts(args.len())
        ));
    }
    sql.push_str(" LIMIT $2");
    tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
}

/// The inner statement as it grows: an index to walk, and conditions.
struct Wanted {
    from: &'static str,
    /// The columns of the order, newest first.
    order: (&'static str, &'static str),
    conditions: Vec<String>,
    args: Vec<Value>,
}

impl Wanted {
    fn all() -> Self {
        let mut wanted = Self {
            from: "messages m",
            order: ("m.received_at", "m.id"),
            conditions: Vec::new(),
            args: Vec::new(),
        };
        wanted.shown();
        wanted
    }

    /// Only what is shown at all. A message that was taken out of its last folder is about to turn up elsewhere or to go.
    fn shown(&mut self) {
        self.conditions.push("m.vanished_at IS NULL".to_owned());
        self.conditions.push(not_removed("m.mailbox_id"));
        self.conditions.push(SWITCHED_OFF.to_owned());
    }

    fn in_folder(folder_id: &str) -> Self {
        let mut wanted = Self::all();
        wanted.from = "placements p JOIN messages m ON m.id = p.message_id";
        wanted.order = ("p.received_at", "p.message_id");
        wanted.and("p.folder_id = $", folder_id);
        wanted
    }

    fn tagged(tag_id: &str) -> Self {
        let mut wanted = Self::all();
        wanted.from = "message_tags g JOIN messages m ON m.id = g.message_id";
        wanted.order = ("g.received_at", "g.message_id");
        wanted.and("g.tag_id = $", tag_id);
        wanted
    }

    fn from_sender(address: &str) -> Self {
        let mut wanted = Self::all();
        wanted.and("m.sender = $", address);
        wanted
    }

    /// The messages with these numbers. They are fetched first, whatever the database expects of the other conditions.
    fn numbered(dialect: Dialect, numbers: &[i64]) -> Result<Self> {
        let (from, condition) = match dialect {
            Dialect::Sqlite => ("messages m", format!("m.n IN {}", dialect.integers(1))),
            // OFFSET keeps PostgreSQL from beginning with anything else.
            Dialect::Postgres => (
                "(SELECT x.* FROM jsonb_array_elements_text(($1::text)::jsonb) AS t(v)
                  JOIN messages x ON x.n = t.v::bigint OFFSET 0) m",
                "true".to_owned(),
            ),
        };
        Ok(Self {
            from,
            // `+ 0` keeps from walking all messages in order instead of fetching these.
            order: ("m.received_at + 0", "m.id"),
            conditions: vec![condition],
            args: vec![serde_json::to_string(numbers)?.into()],
        })
    }

    /// Only what lies in a folder with this role, and in this folder.
    fn lying_there(&mut self, role: Option<Role>, folder_id: Option<&str>) {
        if let Some(id) = folder_id {
            // `|| ''` keeps from going through the whole folder for each message.
            self.and_in_folder("x.folder_id || '' = $", id);
        }
        if let Some(role) = role {
            self.and_in_folder("y.role = $", role.as_str());
        }
    }

    /// Adds a condition; `$` in it stands for the argument.
    fn and(&mut self, condition: &str, arg: impl Into<Value>) {
        self.args.push(arg.into());
        let place = format!("${}", self.args.len());
        self.conditions.push(condition.replace('$', &place));
    }

    /// Only what lies in a folder (`y`, by its placement `x`) with this condition.
    fn and_in_folder(&mut self, condition: &str, arg: &str) {
        // OFFSET keeps PostgreSQL from beginning with all that lies in the folder.
        let exists = format!(
            "EXISTS (SELECT 1 FROM placements x JOIN folders y ON y.id = x.folder_id
                     WHERE x.message_id = m.id AND {condition} LIMIT 1 OFFSET 0)"
        );
        self.and(&exists, arg);
    }

    /// All conditions but those about folders, and those about words that must be there.
    fn narrow(&mut self, dialect: Dialect, filter: &Filter) -> Result<()> {
        self.narrow_own(dialect, filter)?;
        for tag in &filter.tags {
            let has =
                "EXISTS (SELECT 1 FROM message_tags h WHERE h.message_id = m.id AND h.tag_id = $)";
            self.and(has, tag);
        }
        if let (None, Some(unwanted)) = search::questions(dialect, &filter.terms) {
            self.args.push(unwanted.into());
            let matches = search::matches(dialect, self.args.len());
            self.conditions.push(format!("NOT {matches}"));
        }
        Ok(())
    }

    /// The conditions that a message's own row answers.
    fn narrow_own(&mut self, dialect: Dialect, filter: &Filter) -> Result<()> {
        if let Some(id) = &filter.mailbox_id {
            let walked = !self.order.0.ends_with("+ 0");
            self.and(
                if walked {
                    "m.mailbox_id = $"
                } else {
                    "m.mailbox_id || '' = $"
                },
                id,
            );
        }
        if let Some(ids) = &filter.visible {
            let n = self.args.len() + 1;
            self.args.push(serde_json::to_string(ids)?.into());
            // `|| ''` keeps from walking mailbox by mailbox, and sorting everything.
            self.conditions
                .push(format!("m.mailbox_id || '' IN {}", dialect.texts(n)));
        }
        if let Some(id) = &filter.thread_id {
            self.and("m.thread_id = $", id);
        }
        if let Some(label) = &filter.label {
            let n = self.args.len() + 1;
            self.args.push(label.into());
            self.conditions.push(dialect.among("m.labels", n));
        }
        for part in &filter.from {
            let pattern = senders::containing(part);
            self.and("m.sender LIKE $ ESCAPE '\\'", pattern);
        }
        if let Some(at) = filter.since {
            self.and("m.received_at >= $", at);
        }
        if let Some(at) = filter.before {
            self.and("m.received_at < $", at);
        }
        // As literals, so that an index of the unread or of the marked alone can serve.
        let literals = [
            (filter.unread, "m.seen = 0", "m.seen = 1"),
            (filter.flagged, "m.flagged = 1", "m.flagged = 0"),
        ];
        for (asked, yes, no) in literals {
            if let Some(asked) = asked {
                self.conditions
                    .push(if asked { yes } else { no }.to_owned());
            }
        }
        if let Some(has) = filter.has_attachments {
            self.and("m.has_attachments = $", has);
        }
        if let Some(direction) = filter.direction {
            self.and("m.direction = $", direction.as_str());
        }
        Ok(())
    }
}

/// A message with the time by which it is ordered.
struct Found {
    at: Timestamp,
    message: Message,
}

fn newest_first(a: &Found, b: &Found) -> std::cmp::Ordering {
    (b.at, &b.message.id).cmp(&(a.at, &a.message.id))
}

/// Runs one walk; also says whether there may be more behind its end.
fn run(
    tx: &mut Tx<'_>,
    mut wanted: Wanted,
    after: Option<&After>,
    limit: i64,
) -> Result<(Vec<Found>, bool)> {
    let (at, id) = wanted.order;
    if let Some(after) = after {
        wanted.args.push(after.at.into());
        wanted.args.push((&after.id).into());
        let n = wanted.args.len();
        wanted
            .conditions
            .push(format!("({at}, {id}) < (${}, ${n})", n - 1));
    }
    wanted.args.push(limit.into());
    let inner = format!(
        "SELECT {at} AS at, {COLUMNS} FROM {} WHERE {} ORDER BY {at} DESC, {id} DESC LIMIT ${}",
        wanted.from,
        wanted.conditions.join(" AND "),
        wanted.args.len()
    );
    let (found, doubled) = with_placements(tx, &inner, &wanted.args)?;
    let full = doubled || found.len() as i64 == limit;
    Ok((found, full))
}

/// Messages of an inner statement with their placements, newest first; also says whether one came
/// twice (two UIDs of one folder).
fn with_placements(tx: &mut Tx<'_>, inner: &str, args: &[Value]) -> Result<(Vec<Found>, bool)> {
    let sql = format!(
        "SELECT page.*, p.folder_id, f.path, f.role FROM ({inner}) page
         LEFT JOIN placements p ON p.message_id = page.id LEFT JOIN folders f ON f.id = p.folder_id"
    );
    let mut found: Vec<Found> = Vec::new();
    let mut doubled = false;
    for row in tx.rows(&sql, args)? {
        let id: String = row.get(1)?;
        let index = match found.iter().rposition(|found| found.message.id == id) {
            Some(index) => index,
            None => {
                let (at, message) = (row.get(0)?, from_row(&row)?);
                found.push(Found { at, message });
                found.len() - 1
            }
        };
        let Some(folder_id) = row.get::<Option<String>>(15)? else {
            continue;
        };
        let placements = &mut found[index].message.folders;
        if placements.iter().any(|p| p.folder_id == folder_id) {
            doubled = true;
            continue;
        }
        placements.push(Placement {
            folder_id,
            path: row.get(16)?,
            role: row.maybe_word(17, Role::parse)?,
        });
    }
    crate::tags::onto(tx, found.iter_mut().map(|found| &mut found.message))?;
    found.sort_by(newest_first);
    Ok((found, doubled))
}

fn from_row(row: &Row) -> Result<Message> {
    let keywords: String = row.get(11)?;
    let labels: Option<String> = row.get(14)?;
    Ok(Message {
        id: row.get(1)?,
        mailbox_id: row.get(2)?,
        thread_id: row.get(3)?,
        folders: Vec::new(),
        direction: row.word(4, Direction::parse)?,
        received_at: row.get(5)?,
        size: row.get(6)?,
        flags: Flags {
            seen: row.get(7)?,
            answered: row.get(8)?,
            flagged: row.get(9)?,
            draft: row.get(10)?,
            keywords: match keywords.as_str() {
                "[]" => Vec::new(),
                other => serde_json::from_str(other)?,
            },
        },
        tags: Vec::new(),
        takes_labels: labels.is_some(),
        labels: match labels {
            None => Vec::new(),
            Some(labels) => serde_json::from_str(&labels)?,
        },
        head: row.get(12)?,
        complete: row.get::<String>(13)? == "whole",
    })
}

/// One message, also one that has just left its last folder.
///
/// # Errors
/// No such message.
pub async fn get(store: &Store, id: &str) -> Result<Message> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<Message> {
    let inner = format!(
        "SELECT m.received_at AS at, {COLUMNS} FROM messages m WHERE m.id = $1 AND {}",
        not_removed("m.mailbox_id")
    );
    let (mut found, _) = with_placements(tx, &inner, &[id.into()])?;
    found
        .pop()
        .map(|found| found.message)
        .ok_or(StoreError::NotFound("the message"))
}

/// The messages of a conversation, oldest first, at most `limit`.
pub(crate) fn of_thread(tx: &mut Tx<'_>, thread_id: &str, limit: i64) -> Result<Vec<Message>> {
    let inner = format!(
        "SELECT m.received_at AS at, {COLUMNS} FROM messages m WHERE m.thread_id = $1 AND m.vanished_at IS NULL AND {SWITCHED_OFF}
         ORDER BY m.received_at DESC, m.id DESC LIMIT $2"
    );
    let (found, _) = with_placements(tx, &inner, &[thread_id.into(), limit.into()])?;
    Ok(found.into_iter().rev().map(|found| found.message).collect())
}

/// The raw bytes of a message: whose they are, under which digest, and where.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The mailbox.
    pub mailbox_id: String,
    /// SHA-256, in hex.
    pub digest: String,
    /// Where the bytes are.
    pub place: blobs::Place,
    /// They are the whole message; otherwise they are its header.
    pub complete: bool,
    /// They are the header, and the rest was asked for.
    pub asked: bool,
}

/// Where the raw bytes of a message are.
///
/// # Errors
/// No such message.
pub async fn raw(store: &Store, id: &str) -> Result<Raw> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT m.mailbox_id, m.digest, b.segment, b.position, b.length, m.body
                 FROM messages m JOIN blobs b ON b.digest = m.digest WHERE m.id = $1 AND {}",
                not_removed("m.mailbox_id")
            );
            let row = tx
                .row(&sql, &[id.into()])?
                .ok_or(StoreError::NotFound("the message"))?;
            let body: String = row.get(5)?;
            Ok(Raw {
                mailbox_id: row.get(0)?,
                digest: row.get(1)?,
                place: blobs::Place {
                    segment: row.get(2)?,
                    position: row.get::<i64>(3)? as u64,
                    length: row.get::<i64>(4)? as u64,
                },
                complete: body == "whole",
                asked: body == "asked",
            })
        })
        .await
}
