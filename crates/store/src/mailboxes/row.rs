//! A mailbox as its row and what belongs to it say.

use crate::completeness;
use crate::db::{Row, Value};
use crate::error::Result;
use model::Timestamp;
use model::mailbox::{
    Connection, ConnectionState, Coverage, CoverageState, Kind, Lifecycle, Mailbox, Owner,
    OwnerKind, Proof, Quota, SentCopyFiler,
};

/// What `from_row` reads, of a mailbox `m`.
pub(super) const COLUMNS: &str = "m.id, m.address, m.name, m.kind, m.lifecycle, m.receiving, m.sending,
    m.connection_state, m.proven_alive_at, m.connection_since, m.connection_until, m.connection_problem,
    m.incoming, m.outgoing, m.fetch_since, m.monitored, m.last_report_id, m.version, m.created_at,
    (SELECT CAST(coalesce(sum(f.messages), 0) AS BIGINT) FROM folders f WHERE f.mailbox_id = m.id AND f.mode <> 'off'),
    (SELECT CAST(coalesce(sum(CASE WHEN f.backfilled = 1 THEN f.messages + (SELECT count(*) FROM failures x
       WHERE x.folder_id = f.id AND x.ignored IS NULL) ELSE f.total - (SELECT count(*) FROM failures x
       WHERE x.folder_id = f.id AND x.ignored IS NOT NULL) END), 0) AS BIGINT)
     FROM folders f WHERE f.mailbox_id = m.id AND f.mode <> 'off'),
    (SELECT count(*) FROM failures x WHERE x.mailbox_id = m.id AND x.ignored IS NULL),
    (SELECT count(*) FROM folders f WHERE f.mailbox_id = m.id AND f.mode <> 'off' AND f.backfilled = 0),
    (SELECT count(*) FROM folders f WHERE f.mailbox_id = m.id AND f.mode <> 'off'),
    m.server_profile_id, m.login_formats,
    CAST(CASE WHEN m.incoming_secret IS NULL THEN 0 ELSE 1 END AS BIGINT),
    CAST(CASE WHEN m.outgoing_secret IS NULL THEN 0 ELSE 1 END AS BIGINT), m.pop3_delete_after_days,
     m.read_only, m.size_limit,
    (SELECT count(*) FROM messages q JOIN placements z ON z.message_id = q.id
       JOIN folders f ON f.id = z.folder_id
     WHERE q.mailbox_id = m.id AND q.body <> 'whole' AND q.body = 'asked' AND f.mode = 'full'
       AND q.size <= coalesce(f.size_limit, m.size_limit, 9223372036854775807)),
    m.fill_waits_until, m.fill_per_minute, m.fill_bytes, m.fill_measured_at,
    (SELECT CAST(coalesce(sum(f.bytes_left), 0) AS BIGINT) FROM folders f
     WHERE f.mailbox_id = m.id AND f.mode <> 'off' AND f.backfilled = 0),
    (SELECT c.finished_at FROM completeness c WHERE c.mailbox_id = m.id),
    (SELECT c.outcome FROM completeness c WHERE c.mailbox_id = m.id),
    (SELECT c.differences FROM completeness c WHERE c.mailbox_id = m.id),
    (SELECT c.repaired FROM completeness c WHERE c.mailbox_id = m.id),
    m.quota_used, m.quota_limit, m.quota_told_at, m.owner_kind, m.owner_name, m.limits,
    m.send_shared, m.system_sender, m.sent_copy_by";

/// The problem of a first synchronisation that waits for the provider's limit by the day.
const WAITS: &str = "transfer_limit_reached";

pub(crate) fn json_or_null<T: serde::Serialize>(value: Option<&T>) -> Result<Value> {
    Ok(value.map(serde_json::to_string).transpose()?.into())
}

pub(crate) fn maybe_json<T: serde::de::DeserializeOwned>(
    row: &Row,
    index: usize,
) -> Result<Option<T>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

fn quota(row: &Row, index: usize) -> Result<Option<Quota>> {
    let (used, limit, told_at) = (row.get(index)?, row.get(index + 1)?, row.get(index + 2)?);
    let whole = |((used, limit), told_at): ((i64, i64), Timestamp)| Quota {
        used,
        limit,
        told_at,
    };
    let used: Option<i64> = used;
    Ok(used.zip(limit).zip(told_at).map(whole))
}

fn owner(row: &Row, index: usize) -> Result<Option<Owner>> {
    let kind = row.maybe_word(index, OwnerKind::parse)?;
    let name: Option<String> = row.get(index + 1)?;
    Ok(kind.zip(name).map(|(kind, name)| Owner { kind, name }))
}

fn days(row: &Row, index: usize) -> Result<Option<u32>> {
    let days: Option<i64> = row.get(index)?;
    Ok(days.and_then(|days| u32::try_from(days).ok()))
}

pub(super) fn from_row(row: &Row) -> Result<Mailbox> {
    let (done, total, holes) = (
        row.get::<i64>(19)?,
        row.get::<i64>(20)?,
        row.get::<i64>(21)?,
    );
    let (unfilled, folders) = (row.get::<i64>(22)?, row.get::<i64>(23)?);
    let fetch_since: Option<Timestamp> = row.get(14)?;
    let waits_until: Option<Timestamp> = row.get(32)?;
    // Of messages whose rest is wanted and not there yet, the header alone is stored.
    let lacking: i64 = row.get(31)?;
    let unfilled = unfilled + lacking;
    let state = match (folders, unfilled, holes) {
        (0, ..) => CoverageState::None,
        (_, 1.., _) => CoverageState::Filling,
        (_, _, 1..) => CoverageState::Holes,
        _ => CoverageState::Complete,
    };
    let filling = state == CoverageState::Filling;
    let waits_until = waits_until.filter(|_| filling);
    let measured: Option<Timestamp> = row.get(35)?;
    // A rate says something while the work goes on.
    let connected = ConnectionState::parse(&row.get::<String>(7)?);
    let at_work = matches!(
        connected,
        Some(ConnectionState::Live | ConnectionState::Polling)
    );
    let measured = measured.filter(|_| filling && at_work && waits_until.is_none());
    let rate = |column: usize| -> Result<Option<i64>> {
        let rate: Option<i64> = row.get(column)?;
        Ok(rate.filter(|rate| measured.is_some() && *rate > 0))
    };
    let (messages_per_minute, bytes_per_second) = (rate(33)?, rate(34)?);
    let bytes_left: i64 = row.get(36)?;
    let left = total.max(done) - done;
    // Large messages take longer than small ones: octets tell more, where they are known.
    let millis = match (bytes_per_second, messages_per_minute) {
        (Some(rate), _) if bytes_left > 0 => bytes_left.checked_mul(1_000).map(|n| n / rate),
        (_, Some(rate)) => left.checked_mul(60_000).map(|n| n / rate),
        _ => None,
    };
    let ends_at = measured.zip(millis);
    let ends_at = ends_at.map(|(at, millis)| at.plus_millis(millis));
    let mut mailbox = Mailbox {
        id: row.get(0)?,
        address: row.get(1)?,
        name: row.get(2)?,
        kind: row.word(3, Kind::parse)?,
        owner: owner(row, 44)?,
        lifecycle: row.word(4, Lifecycle::parse)?,
        receiving: row.word(5, Proof::parse)?,
        sending: row.word(6, Proof::parse)?,
        connection: Connection {
            state: row.word(7, ConnectionState::parse)?,
            proven_alive_at: row.get(8)?,
            since: row.get(9)?,
            until: row.get(10)?,
            problem_id: row.get(11)?,
        },
        coverage: Coverage {
            state,
            done: done - lacking,
            total: total.max(done),
            since: fetch_since,
            holes,
            problem_id: waits_until.map(|_: Timestamp| WAITS.to_owned()),
            waits_until,
            messages_per_minute,
            bytes_per_second,
            ends_at,
        },
        incoming: maybe_json(row, 12)?,
        outgoing: maybe_json(row, 13)?,
        fetch_since,
        monitored_folders: maybe_json(row, 15)?,
        pop3_delete_after_days: days(row, 28)?,
        read_only: row.get(29)?,
        size_limit: row.get(30)?,
        limits: row.json(46)?,
        send_shared: row.get(47)?,
        system_sender: row.get(48)?,
        sent_copy_by: row
            .get::<Option<String>>(49)?
            .as_deref()
            .and_then(SentCopyFiler::parse),
        last_report_id: row.get(16)?,
        last_audit: completeness::last(row, 37)?,
        quota: quota(row, 41)?,
        version: row.get(17)?,
        created_at: row.get(18)?,
        server_profile_id: row.get(24)?,
        login_formats: row.json(25)?,
        missing: Vec::new(),
    };
    mailbox.missing = mailbox.lacks((row.get(26)?, row.get(27)?));
    Ok(mailbox)
}
