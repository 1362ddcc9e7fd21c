//! SQLite: one file, write-ahead log, synced at each commit.

use super::{Cell, Connection, Dialect, Row, Value};
use crate::error::{Result, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags, params_from_iter};
use std::path::Path;
use std::sync::mpsc;

/// Prepared statements kept for each connection.
const STATEMENTS: usize = 400;
/// How long a connection waits for another process (a command beside a running server).
const BUSY_MILLIS: u64 = 10_000;
/// Page cache of a connection that reads, in KiB.
const READ_CACHE_KIB: i64 = 8_192;
/// Page cache of the connection that writes: digests and Message-IDs fall anywhere in their indexes, and every page that
/// is not here is read again for each batch.
const WRITE_CACHE_KIB: i64 = 32_768;

/// The same of one for glances: a few rows at a time.
const GLANCE_CACHE_KIB: i64 = 2_048;

/// Pages in the write-ahead log from which on it is copied into the file: 16 MB.
const LOG_PAGES: i32 = 4_000;
/// And from which on the writer does it: 64 MB.
const LOG_PAGES_MAX: i32 = 16_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The one that writes.
    Writing,
    /// Reading, whatever it takes.
    Reading,
    /// Looks at a few rows.
    Glances,
    /// Copying the log into the file.
    Copying,
}

/// One connection.
pub(super) struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub(super) fn open(path: &Path, purpose: For) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        make_private(path)?;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(to_error)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // One plan for a statement, whatever is bound to it: else each run of one whose table has an index over a part of its
        // rows would be prepared anew, for the case that this value lies in that part.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(to_error)?;
        connection
            .busy_timeout(std::time::Duration::from_millis(BUSY_MILLIS))
            .map_err(to_error)?;
        let cache = match purpose {
            For::Writing => WRITE_CACHE_KIB,
            For::Reading => READ_CACHE_KIB,
            For::Glances | For::Copying => GLANCE_CACHE_KIB,
        };
        let pragmas = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{cache};
             PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0;
             PRAGMA query_only = {};",
            if matches!(purpose, For::Writing | For::Copying) {
                "OFF"
            } else {
                "ON"
            }
        );
        connection.execute_batch(&pragmas).map_err(to_error)?;
        let mut opened = Self(connection);
        if purpose == For::Writing {
            opened.keep_log_short(path)?;
        }
        Ok(opened)
    }

    /// Has the write-ahead log copied into the file by a thread of its own, so that nobody who writes waits for that: while it
    /// goes on, commits go behind what is copied. The writer does it where the log grew all the same, because the copying
    /// was never through before the next commit: nothing is written meanwhile, and the log begins anew.
    fn keep_log_short(&mut self, path: &Path) -> Result<()> {
        let copier = Self::open(path, For::Copying)?;
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("sqlite-copy".to_owned())
            .spawn(move || copy_log(&copier, &told))?;
        let mut next = LOG_PAGES;
        let hook = move |log: &mut rusqlite::hooks::Wal, pages: i32| {
            if pages < LOG_PAGES {
                next = LOG_PAGES;
            } else if pages >= LOG_PAGES_MAX {
                // A reader may be in the way: the next commit tries again.
                let _ = log.checkpoint();
            } else if pages >= next {
                next = pages + LOG_PAGES;
                let _ = tell.try_send(());
            }
            Ok(())
        };
        self.0.wal_hook(Some(hook)).map_err(to_error)
    }
}

impl Sqlite {
    fn run_bare(&self, sql: &str) -> Result<()> {
        let mut statement = self.0.prepare_cached(sql).map_err(to_error)?;
        statement.execute([]).map_err(to_error)?;
        Ok(())
    }
}

/// Copies the log whenever it is told to, until the writer is gone.
fn copy_log(copier: &Sqlite, told: &mpsc::Receiver<()>) {
    while told.recv().is_ok() {
        let copied = copier.0.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
        if let Err(error) = copied {
            // What fills the disk stops the next commit, which says so.
            tracing::debug!(%error, "the log was not copied");
        }
    }
}

/// Makes the file for its owner alone; SQLite gives the log beside it the same rights.
fn make_private(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        StoreError::Setup(format!("{} cannot be made: {error}", path.display()))
    })?;
    Ok(())
}

/// `$1` is a name to SQLite; `?1` is the position that we mean.
fn positional(sql: &str) -> String {
    sql.replace('$', "?").replace("'?.", "'$.")
}

impl Connection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn begin(&mut self) -> Result<()> {
        self.run_bare("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<()> {
        self.run_bare("COMMIT")
    }

    fn roll_back(&mut self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "SQLite could not roll back");
        }
    }

    fn collided(&self) -> bool {
        // There is one writer.
        false
    }

    fn written(&self) -> Option<u64> {
        (!self.0.is_autocommit()).then(|| self.0.total_changes())
    }

    fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64> {
        let mut statement = self.0.prepare_cached(&positional(sql)).map_err(to_error)?;
        let touched = statement
            .execute(params_from_iter(args.iter().map(Bound)))
            .map_err(to_error)?;
        Ok(touched as u64)
    }

    fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(&positional(sql)).map_err(to_error)?;
        let mut found = Vec::new();
        run(&mut statement, args.iter(), &mut found)?;
        Ok(found)
    }

    fn query_each(&mut self, sql: &str, shared: &[Value], rows: &[Vec<Value>]) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(&positional(sql)).map_err(to_error)?;
        let mut found = Vec::new();
        for row in rows {
            run(&mut statement, shared.iter().chain(row), &mut found)?;
        }
        Ok(found)
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.0.execute_batch(sql).map_err(to_error)
    }
}

/// Runs a statement to its end, and adds its rows to `found`.
fn run<'a>(
    statement: &mut rusqlite::Statement<'_>,
    args: impl Iterator<Item = &'a Value>,
    found: &mut Vec<Row>,
) -> Result<()> {
    let columns = statement.column_count();
    let mut rows = statement
        .query(params_from_iter(args.map(Bound)))
        .map_err(to_error)?;
    while let Some(row) = rows.next().map_err(to_error)? {
        let mut cells = Vec::with_capacity(columns);
        for i in 0..columns {
            cells.push(match row.get_ref(i).map_err(to_error)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Int(value),
                ValueRef::Real(value) => Cell::Int(value as i64),
                ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
            });
        }
        found.push(Row(cells));
    }
    Ok(())
}

struct Bound<'a>(&'a Value);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::Borrowed;
        Ok(Borrowed(match self.0 {
            Value::Int(Some(value)) => ValueRef::Integer(*value),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            _ => ValueRef::Null,
        }))
    }
}

fn to_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable("another process holds the database".into())
        }
        Some(ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure) => {
            StoreError::Full(error.to_string())
        }
        Some(ErrorCode::CannotOpen) => {
            StoreError::Setup(format!("cannot open the database: {error}"))
        }
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(error.to_string()),
        _ => StoreError::Corrupt(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_become_positions_and_json_paths_stay() {
        assert_eq!(
            super::positional("SELECT value->>'$.id' FROM json_each($2)"),
            "SELECT value->>'$.id' FROM json_each(?2)"
        );
    }
}
