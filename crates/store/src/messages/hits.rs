//! The first messages of a search, newest first.
//!
//! From the newest mail back, one stretch of time after the other: the index of words gives the messages of a stretch that
//! match, and of those the page takes what fits the other conditions. Where a stretch has few, the next one is longer (up to
//! all the rest at once, so a rare word takes a handful of looks); where it has too many, a shorter one is tried. So a word
//! that is in every second message costs no more than one that is in a hundred.

use super::{After, Filter, Found, Wanted, run};
use crate::Tx;
use crate::db::Value;
use crate::error::Result;
use crate::search::marks::{self, LEVELS, Stretch};
use crate::search::{marked, matching};
use model::Timestamp;

/// Messages of one stretch that are gathered; of more, a shorter one is tried.
const GATHERED: i64 = 1_500;
/// The level of the first look: 36 hours.
const FIRST: usize = 1;
/// How much longer the stretch of the next level is.
const GROWTH: usize = 32;
/// Hits after which a search in a folder, a tag, a conversation, the unread or the marked looks there instead...
const PATIENCE: usize = 4_000;
/// ...where there are not more messages than this.
const NARROW: i64 = 5_000;
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
    let question = marked(tx.dialect(), question, &mailboxes(filter));
    let Some((newest, oldest)) = span(tx, filter)? else {
        return Ok((Vec::new(), false));
    };
    // Everything before this time is still to be looked at.
    let newest = after.map_or(newest, |after| after.at.min(newest));
    let mut until = newest.plus_millis(1);
    let wanted = usize::try_from(limit).unwrap_or(0);
    let mut found: Vec<Found> = Vec::new();
    let (mut level, mut examined, mut narrow) = (FIRST, 0, true);
    while found.len() < wanted {
        let left = wanted - found.len();
        if narrow && examined > PATIENCE {
            narrow = false;
            if let Some(numbers) = narrow_set(tx, filter, until)? {
                found.extend(sort_out(tx, filter, numbers, Some(&question), after, left)?);
                break;
            }
        }
        let Some((hits, begin)) = look(tx, &question, level, until)? else {
            level -= 1;
            continue;
        };
        examined += hits.len();
        let few = hits.len() * GROWTH < GATHERED as usize * 4;
        let numbers = by_time(tx, filter, &hits, begin, until)?;
        let some = sort_out(tx, filter, numbers, None, after, left)?;
        if some.len() * 4 < left && few && level < LEVELS {
            level += 1;
        }
        found.extend(some);
        match begin {
            Some(begin) if begin > oldest => until = begin,
            _ => break,
        }
    }
    let more = found.len() >= wanted;
    Ok((found, more))
}

/// The mailboxes that can be meant, where they are few.
fn mailboxes(filter: &Filter) -> Vec<String> {
    let ids = match (&filter.mailbox_id, &filter.visible) {
        (Some(id), _) => std::slice::from_ref(id),
        (None, Some(ids)) if ids.len() <= NAMED => ids,
        _ => &[],
    };
    ids.iter().map(|id| marks::of_mailbox(id)).collect()
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

/// The numbers of the messages that match, of the stretch that ends before `until` (level [`LEVELS`]: of all times), and when
/// it begins. `None`: too many, and there is a shorter one.
fn look(
    tx: &mut Tx<'_>,
    question: &str,
    level: usize,
    until: Timestamp,
) -> Result<Option<(Vec<i64>, Option<Timestamp>)>> {
    let stretch = (level < LEVELS).then(|| Stretch::around(level, until.plus_millis(-1)));
    let mark: Vec<String> = stretch.iter().map(|stretch| stretch.mark()).collect();
    let question = marked(tx.dialect(), question, &mark);
    let most = if level == 0 { i64::MAX } else { GATHERED + 1 };
    let sql = format!("{} LIMIT $2", matching(tx.dialect(), 1));
    let rows = tx.rows(&sql, &[question.into(), most.into()])?;
    if level > 0 && rows.len() as i64 > GATHERED {
        return Ok(None);
    }
    let hits = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    Ok(Some((hits, stretch.and_then(Stretch::begin))))
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
    sorted(tx, "messages m", &own, i64::MAX)
}

/// The messages before `until` of what the filter narrows to, newest first, where they are few.
fn narrow_set(tx: &mut Tx<'_>, filter: &Filter, until: Timestamp) -> Result<Option<Vec<i64>>> {
    let mut own = Wanted::all();
    let from = if filter.thread_id.is_some() {
        "messages m"
    } else if let Some(tag) = filter.tags.first() {
        own.and("g.tag_id = $", tag);
        "message_tags g JOIN messages m ON m.id = g.message_id"
    } else if let Some(folder) = &filter.folder_id {
        own.and("p.folder_id = $", folder);
        "placements p JOIN messages m ON m.id = p.message_id"
    } else if let Some(role) = filter.role {
        own.and("f.role = $", role.as_str());
        "folders f JOIN placements p ON p.folder_id = f.id JOIN messages m ON m.id = p.message_id"
    } else if filter.unread == Some(true) || filter.flagged == Some(true) {
        "messages m"
    } else {
        return Ok(None);
    };
    own.and("m.received_at < $", until);
    own.narrow_own(tx.dialect(), filter)?;
    let numbers = sorted(tx, from, &own, NARROW + 1)?;
    Ok((numbers.len() as i64 <= NARROW).then_some(numbers))
}

/// Numbers of messages, newest first. They are sorted here: the databases would rather walk all messages in order.
fn sorted(tx: &mut Tx<'_>, from: &str, wanted: &Wanted, limit: i64) -> Result<Vec<i64>> {
    let mut args = wanted.args.clone();
    args.push(limit.into());
    let sql = format!(
        "SELECT m.received_at, m.id, m.n FROM {from} WHERE {} LIMIT ${}",
        wanted.conditions.join(" AND "),
        args.len()
    );
    let mut rows: Vec<(Timestamp, String, i64)> = tx
        .rows(&sql, &args)?
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
