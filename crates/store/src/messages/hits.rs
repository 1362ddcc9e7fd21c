//! The first messages of a search, newest first.
//!
//! From the newest mail back, one stretch of time after the other: the index of words gives the messages of a stretch that
//! match, and of those the page takes what fits the other conditions. Where a stretch has few, the next one is longer (up to
//! all the rest at once, so a rare word takes a handful of looks); where it has too many, a shorter one is tried. So a word
//! that is in every second message costs no more than one that is in a hundred.
//!
//! Where few messages can be meant at all (a small folder, a rare tag, the marked ones), their numbers are known first, and
//! what matches is held against them, or each is asked for its words, whichever costs less.

use super::{After, Filter, Found, Wanted, run};
use crate::Tx;
use crate::db::{Dialect, Value};
use crate::error::Result;
use crate::search::marks::{self, LEVELS, Stretch};
use crate::search::{marked, matching};
use model::Timestamp;
use std::collections::HashSet;

/// Messages of one stretch that are gathered; of more, a shorter one is tried.
const GATHERED: i64 = 1_500;
/// The same, where it is known which few of them can be meant.
const SIFTED: i64 = 20_000;
/// The level of the first look: 36 hours.
const FIRST: usize = 1;
/// How much longer the stretch of the next level is.
const GROWTH: i64 = 32;
/// The most messages of a folder, a tag or a conversation, or of the unread or marked ones, that are known by heart: hits are
/// held against them.
const NARROW: i64 = 5_000;
/// The same of unread or marked ones on SQLite, where an index has their numbers side by side.
const NARROW_SIDE_BY_SIDE: i64 = 25_000;
/// Hits that cost as much as asking the index of words about one message: SQLite opens the lists of all words for it...
const FOR_ONE_SQLITE: usize = 400;
/// ...and PostgreSQL reads the message's own words.
const FOR_ONE_POSTGRES: usize = 10;
/// Hits that are looked at on PostgreSQL before the messages that can be meant are asked about one by one.
const PATIENCE: usize = 4_000;
/// Messages that are looked at for each that is missing on the page.
const CHUNK: usize = 2;
/// Mailboxes that are named to the index of words; of more, its hits are sorted out.
const NAMED: usize = 50;

/// The newest messages that match, at most `limit`; also says whether there may be more.
pub(super) fn newest(
    tx: &mut Tx<'_>,
    filter: &Filter,
    question: &str,
    after: Option<&After>,
    limit: i64,
) -> Result<(Vec<Found>, bool)> {
    let question = marked(tx.dialect(), question, &mailboxes(tx, filter)?);
    let Some((newest, oldest)) = span(tx, filter)? else {
        return Ok((Vec::new(), false));
    };
    // Everything before this time is still to be looked at.
    let newest = after.map_or(newest, |after| after.at.min(newest));
    let mut until = newest.plus_millis(1);
    let wanted = usize::try_from(limit).unwrap_or(0);
    let mut found: Vec<Found> = Vec::new();
    let meant = narrow_set(tx, filter, until)?;
    let most = meant.as_ref().map_or(GATHERED, |_| SIFTED);
    let (mut level, mut examined) = (FIRST, 0);
    // Where the stretches begin that have too much, by their level.
    let mut crowded = [None; LEVELS + 1];
    while found.len() < wanted {
        let left = wanted - found.len();
        if let Some(meant) = &meant
            && examined > patience(tx.dialect(), meant.len())
        {
            let meant: Vec<i64> = meant.iter().copied().collect();
            let rest = by_time(tx, filter, &meant, None, until)?;
            found.extend(sort_out(tx, filter, rest, Some(&question), after, left)?);
            break;
        }
        let (stretch, hits) = look(tx, &question, level, until, most)?;
        let begin = stretch.and_then(Stretch::begin);
        let Some(mut hits) = hits else {
            crowded[level] = Some(begin.unwrap_or(Timestamp(i64::MIN)));
            level -= 1;
            continue;
        };
        examined += hits.len();
        let few = hits.len() as i64 * GROWTH < most * 4;
        if let Some(meant) = &meant {
            hits.retain(|n| meant.contains(n));
        }
        let numbers = by_time(tx, filter, &hits, begin, until)?;
        let some = sort_out(tx, filter, numbers, None, after, left)?;
        let poor = some.len() * 4 < left && few;
        found.extend(some);
        match begin {
            Some(begin) if begin > oldest => until = begin,
            _ => break,
        }
        let longer = crowded.get(level + 1);
        if poor && longer.is_some_and(|crowded| crowded.is_none_or(|begin| until <= begin)) {
            level += 1;
        }
    }
    let more = found.len() >= wanted;
    Ok((found, more))
}

/// Hits after which it is cheaper to ask about each of so many messages.
fn patience(dialect: Dialect, messages: usize) -> usize {
    match dialect {
        Dialect::Sqlite => messages * FOR_ONE_SQLITE,
        Dialect::Postgres => (messages * FOR_ONE_POSTGRES).min(PATIENCE),
    }
}

/// The mailboxes that can be meant, where they are few.
fn mailboxes(tx: &mut Tx<'_>, filter: &Filter) -> Result<Vec<String>> {
    let mut of_folder = Vec::new();
    if let (None, Some(folder)) = (&filter.mailbox_id, &filter.folder_id) {
        let row = tx.row(
            "SELECT mailbox_id FROM folders WHERE id = $1",
            &[folder.into()],
        )?;
        of_folder.extend(row.map(|row| row.get::<String>(0)).transpose()?);
    }
    let ids = match (&filter.mailbox_id, &filter.visible) {
        (Some(id), _) => std::slice::from_ref(id),
        (None, _) if !of_folder.is_empty() => &of_folder,
        (None, Some(ids)) if ids.len() <= NAMED => ids,
        _ => &[],
    };
    Ok(ids.iter().map(|id| marks::of_mailbox(id)).collect())
}

/// When the newest and the oldest message that can be meant were received.
fn span(tx: &mut Tx<'_>, filter: &Filter) -> Result<Option<(Timestamp, Timestamp)>> {
    let (of, args): (&str, Vec<Value>) = match &filter.mailbox_id {
        Some(id) => (" WHERE mailbox_id = $1", vec![id.into()]),
        None => ("", Vec::new()),
    };
    let mut ends = Vec::with_capacity(2);
    for end in ["max", "min"] {
        let row = tx.row(
            &format!("SELECT {end}(received_at) FROM messages{of}"),
            &args,
        )?;
        let at: Option<Timestamp> = row.map_or(Ok(None), |row| row.get(0))?;
        let Some(at) = at else { return Ok(None) };
        ends.push(at);
    }
    let before = filter
        .before
        .map_or(ends[0], |before| before.plus_millis(-1));
    let newest = ends[0].min(before);
    let oldest = filter.since.map_or(ends[1], |since| since.max(ends[1]));
    Ok((oldest <= newest).then_some((newest, oldest)))
}

/// The stretch that ends before `until` (`None`, at level [`LEVELS`]: all times), and the numbers of its messages that match;
/// `None`: more than `most`, and there is a shorter one.
fn look(
    tx: &mut Tx<'_>,
    question: &str,
    level: usize,
    until: Timestamp,
    most: i64,
) -> Result<(Option<Stretch>, Option<Vec<i64>>)> {
    let stretch = (level < LEVELS).then(|| Stretch::around(level, until.plus_millis(-1)));
    let mark: Vec<String> = stretch.iter().map(|stretch| stretch.mark()).collect();
    let question = marked(tx.dialect(), question, &mark);
    let asked = if level == 0 { i64::MAX } else { most + 1 };
    let sql = format!("{} LIMIT $2", matching(tx.dialect(), 1));
    let rows = tx.rows(&sql, &[question.into(), asked.into()])?;
    if level > 0 && rows.len() as i64 > most {
        return Ok((stretch, None));
    }
    let hits = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    Ok((stretch, Some(hits)))
}

/// Of the hits of a stretch those whose own rows fit the filter, newest first.
fn by_time(
    tx: &mut Tx<'_>,
    filter: &Filter,
    hits: &[i64],
    begin: Option<Timestamp>,
    until: Timestamp,
) -> Result<Vec<i64>> {
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    let mut own = Wanted::numbered(tx.dialect(), hits)?;
    own.and("m.received_at < $", until);
    if let Some(begin) = begin {
        own.and("m.received_at >= $", begin);
    }
    own.narrow_own(tx.dialect(), filter)?;
    sorted(tx, &own)
}

/// The messages before `until` that lie in the folder, have the tag, or are unread or marked, as the filter asks: where they
/// are few. Indexes alone answer; the other conditions are looked at later, of those that match.
fn narrow_set(tx: &mut Tx<'_>, filter: &Filter, until: Timestamp) -> Result<Option<HashSet<i64>>> {
    if folders_hold(tx, filter)?.is_some_and(|messages| messages > NARROW) {
        return Ok(None);
    }
    let (from, condition, arg): (_, _, Option<&str>) = if let Some(id) = &filter.thread_id {
        ("messages m", "m.thread_id = $2", Some(id))
    } else if let Some(tag) = filter.tags.first() {
        (
            "(SELECT message_id FROM message_tags WHERE tag_id = $2 ORDER BY received_at DESC LIMIT $1) g
             JOIN messages m ON m.id = g.message_id",
            "true",
            Some(tag),
        )
    } else if let Some(folder) = &filter.folder_id {
        (
            "placements p JOIN messages m ON m.id = p.message_id",
            "p.folder_id = $2",
            Some(folder),
        )
    } else if let Some(role) = filter.role {
        (
            "folders f JOIN placements p ON p.folder_id = f.id JOIN messages m ON m.id = p.message_id",
            "f.role = $2",
            Some(role.as_str()),
        )
    } else if filter.flagged == Some(true) {
        ("messages m", "m.flagged = 1", None)
    } else if filter.unread == Some(true) {
        ("messages m", "m.seen = 0", None)
    } else {
        return Ok(None);
    };
    let most = match (tx.dialect(), arg) {
        (Dialect::Sqlite, None) => NARROW_SIDE_BY_SIDE,
        _ => NARROW,
    };
    let mut args: Vec<Value> = vec![(most + 1).into()];
    args.extend(arg.map(Value::from));
    let mut sql = format!("SELECT m.n FROM {from} WHERE {condition}");
    // The indexes of tags and folders do not know it.
    if from == "messages m" {
        args.push(until.into());
        sql.push_str(&format!(" AND m.received_at < ${}", args.len()));
    }
    sql.push_str(" LIMIT $1");
    let numbers = tx.rows(&sql, &args)?;
    if numbers.len() as i64 > most {
        return Ok(None);
    }
    let numbers = numbers.iter().map(|row| row.get(0));
    numbers.collect::<Result<_>>().map(Some)
}

/// Messages in the folders that the filter asks for, as they are counted there.
fn folders_hold(tx: &mut Tx<'_>, filter: &Filter) -> Result<Option<i64>> {
    let (condition, arg) = match (&filter.folder_id, filter.role) {
        (Some(id), _) => ("id = $1", id.as_str()),
        (None, Some(role)) => ("role = $1", role.as_str()),
        (None, None) => return Ok(None),
    };
    let sql = format!("SELECT CAST(sum(messages) AS BIGINT) FROM folders WHERE {condition}");
    let row = tx.row(&sql, &[arg.into()])?;
    row.map_or(Ok(None), |row| row.get(0))
}

/// Numbers of messages, newest first. They are sorted here: the databases would rather walk all messages in order.
fn sorted(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT m.received_at, m.id, m.n FROM {} WHERE {}",
        wanted.from,
        wanted.conditions.join(" AND "),
    );
    let mut rows: Vec<(Timestamp, String, i64)> = tx
        .rows(&sql, &wanted.args)?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .collect::<Result<_>>()?;
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows.dedup();
    Ok(rows.into_iter().map(|(_, _, n)| n).collect())
}

/// Of these messages, newest first, those that the whole filter wants, and that match the question if there is one: at
/// most so many.
fn sort_out(
    tx: &mut Tx<'_>,
    filter: &Filter,
    numbers: Vec<i64>,
    question: Option<&str>,
    after: Option<&After>,
    limit: usize,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut numbers = numbers.into_iter();
    while found.len() < limit {
        let left = limit - found.len();
        let chunk: Vec<i64> = numbers.by_ref().take(left * CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        let mut wanted = Wanted::numbered(tx.dialect(), &chunk)?;
        wanted.shown();
        wanted.narrow(tx.dialect(), filter)?;
        wanted.lying_there(filter.role, filter.folder_id.as_deref());
        if let Some(question) = question {
            wanted.args.push(question.into());
            let matches = crate::search::matches(tx.dialect(), wanted.args.len());
            wanted.conditions.push(matches);
        }
        let (some, _) = run(tx, wanted, after, left as i64)?;
        found.extend(some);
    }
    Ok(found)
}
