//! The one ordered log. A position is given to each event as the last act of the transaction that
//! caused it, under the lock of one counter row; so positions become visible in order, and whoever
//! has read up to a position has missed nothing before it. (A counter per mailbox would need a
//! vector as cursor; the lock is held only for the time of a commit.)

use crate::db::Column::{Int, Text};
use crate::db::{Insert, Row};
use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx};
use model::event::{Event, NewEvent, Origin};
use model::{Timestamp, fresh_id};

/// Appends events to the log: to be called last in a transaction.
pub(crate) fn append(tx: &mut Tx<'_>, events: &[NewEvent], now: Timestamp) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let count = events.len() as i64;
    let row = tx.row(
        "UPDATE counters SET value = value + $1 WHERE name = 'events' RETURNING value",
        &[count.into()],
    )?;
    let last: i64 = row.map_or(Ok(count), |row| row.get(0))?;
    let rows = events
        .iter()
        .zip(last - count + 1..)
        .map(|(event, position)| {
            vec![
                position.into(),
                fresh_id("evt", now).into(),
                event.kind.into(),
                event.mailbox_id.clone().into(),
                event.origin.as_str().into(),
                event.data.to_string().into(),
            ]
        })
        .collect();
    tx.insert(Insert {
        table: "events",
        shared: &[("occurred_at", now.into())],
        columns: &[
            Int("position"),
            Text("id"),
            Text("kind"),
            Text("mailbox_id"),
            Text("origin"),
            Text("data"),
        ],
        rows,
        then: "",
    })?;
    tx.wake(Topic::Events);
    Ok(())
}

/// Logs one event by itself.
///
/// # Errors
/// The database is out of reach.
pub async fn log(store: &Store, event: NewEvent) -> Result<()> {
    let now = store.now();
    store.db.write(move |tx| append(tx, &[event], now)).await
}

/// Events that one look examines, wanted or not (or as many as it may return, if that is more).
pub const EXAMINED: i64 = 10_000;
/// Events that are read at once.
const READ_AT_ONCE: i64 = 200;
/// Events that are read at once where news is waited for.
pub const NEWS: i64 = 50;

const COLUMNS: &str = "position, id, kind, mailbox_id, origin, occurred_at, data";

/// Which events are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only after this position.
    pub after: i64,
    /// Types; `message.*` stands for a family. Empty: all.
    pub types: Vec<String>,
    /// Only these mailboxes; `None`: all.
    pub mailbox_ids: Option<Vec<String>>,
}

/// Events in order, at most `limit` of them, and the position up to which the log was looked at. Where few events are
/// wanted, a look ends after [`EXAMINED`] events, found or not: whoever gets a further position looks again from there.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, filter: Filter, limit: i64) -> Result<(Vec<Event>, i64)> {
    store.db.read(move |tx| read(tx, &filter, limit)).await
}

/// The same for whoever waits for news: what has come behind its position, a few events at a time, wanted or not.
///
/// # Errors
/// The database is out of reach.
pub async fn news(store: &Store, filter: Filter) -> Result<(Vec<Event>, i64)> {
    let few = move |tx: &mut Tx<'_>| read_some(tx, &filter, NEWS, NEWS, NEWS);
    store.db.glance(few).await
}

pub(crate) fn read(tx: &mut Tx<'_>, filter: &Filter, limit: i64) -> Result<(Vec<Event>, i64)> {
    // Filters are applied here and not in SQL, so that the cursor moves over what was not wanted.
    let page = limit.clamp(READ_AT_ONCE, EXAMINED);
    read_some(tx, filter, limit, page, limit.max(EXAMINED))
}

/// At most `limit` events among the next `left`, read `page` at a time.
fn read_some(
    tx: &mut Tx<'_>,
    filter: &Filter,
    limit: i64,
    page: i64,
    mut left: i64,
) -> Result<(Vec<Event>, i64)> {
    let mut position = filter.after;
    let mut found = Vec::new();
    while left > 0 {
        let ask = page.min(left);
        let sql =
            format!("SELECT {COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
        let rows = tx.rows(&sql, &[position.into(), ask.into()])?;
        let seen = rows.len() as i64;
        for row in &rows {
            position = row.get(0)?;
            if !filter.wants_one(
                &row.get::<String>(2)?,
                row.get::<Option<String>>(3)?.as_deref(),
            ) {
                continue;
            }
            found.push(from_row(row)?);
            if found.len() as i64 == limit {
                return Ok((found, position));
            }
        }
        if seen < ask {
            break;
        }
        left -= seen;
    }
    Ok((found, position))
}

impl Filter {
    /// Whether this event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        self.wants_one(&event.kind, event.mailbox_id.as_deref())
    }

    fn wants_one(&self, kind: &str, mailbox_id: Option<&str>) -> bool {
        matches_type(&self.types, kind)
            && self.mailbox_ids.as_ref().is_none_or(|ids| {
                mailbox_id.is_some_and(|mailbox| ids.iter().any(|id| id == mailbox))
            })
    }
}

/// Whether a type is among the wanted ones; `message.*` stands for a family, nothing for all.
pub fn matches_type(wanted: &[String], kind: &str) -> bool {
    wanted.is_empty()
        || wanted.iter().any(|want| match want.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => want == kind,
        })
}

/// The newest position, inside a transaction.
pub(crate) fn newest_position(tx: &mut Tx<'_>) -> Result<i64> {
    let row = tx.row("SELECT value FROM counters WHERE name = 'events'", &[])?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// The newest position.
///
/// # Errors
/// The database is out of reach.
pub async fn newest(store: &Store) -> Result<i64> {
    store.db.read(newest_position).await
}

/// How a position that somebody kept stands to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything behind it is there, or still to come.
    Within,
    /// Events behind it are kept no more: whoever went on from there would miss them.
    Expired,
    /// No event has come so far: it is not from this log.
    Ahead,
}

/// How the position `after` stands to what the log keeps.
///
/// # Errors
/// The database is out of reach.
pub async fn standing(store: &Store, after: i64) -> Result<Standing> {
    store
        .db
        .read(move |tx| {
            // The counter first: what is appended between the two looks can only make the oldest appear, never go.
            let row = tx.row("SELECT value FROM counters WHERE name = 'events'", &[])?;
            let newest: i64 = row.map_or(Ok(0), |row| row.get(0))?;
            let row = tx.row("SELECT min(position) FROM events", &[])?;
            let oldest: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
            Ok(match oldest {
                _ if after > newest => Standing::Ahead,
                Some(oldest) if after < oldest - 1 => Standing::Expired,
                None if after < newest => Standing::Expired,
                Some(_) | None => Standing::Within,
            })
        })
        .await
}

/// The cursor text of a position; opaque to clients.
pub fn cursor(position: i64) -> String {
    format!("e{position:x}")
}

/// The position of a cursor text.
pub fn parse_cursor(cursor: &str) -> Option<i64> {
    i64::from_str_radix(cursor.strip_prefix('e')?, 16)
        .ok()
        .filter(|position| *position >= 0)
}

fn from_row(row: &Row) -> Result<Event> {
    Ok(Event {
        cursor: cursor(row.get(0)?),
        id: row.get(1)?,
        kind: row.get(2)?,
        mailbox_id: row.get(3)?,
        origin: row.word(4, Origin::parse)?,
        occurred_at: row.get(5)?,
        data: row.json(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_and_a_single_type_match() {
        let wanted = vec!["message.*".to_owned(), "mailbox.held".to_owned()];
        assert!(matches_type(&wanted, "message.received"));
        assert!(matches_type(&wanted, "mailbox.held"));
        assert!(!matches_type(&wanted, "mailbox.live"));
        assert!(matches_type(&[], "anything"));
    }

    #[test]
    fn cursors_round_trip_and_refuse_nonsense() {
        assert_eq!(parse_cursor(&cursor(4711)), Some(4711));
        assert_eq!(parse_cursor("e-5"), None);
        assert_eq!(parse_cursor("4711"), None);
    }
}
