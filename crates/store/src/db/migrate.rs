//! Brings the schema up to date, step by step, each step in a transaction of its own.

use super::{Db, Dialect, Tx, Value};
use crate::error::{Result, StoreError};

/// The steps, in order; a step is never changed once it was released.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// Full-text search is where the two differ most: see [`crate::search`].
const SEARCH_SQLITE: &str = "CREATE VIRTUAL TABLE message_search USING fts5(
    marks, subject, senders, recipients, body, content='', contentless_delete=1, detail=full,
    tokenize=\"unicode61 remove_diacritics 0 tokenchars _\")";
const SEARCH_POSTGRES: &str = "CREATE TABLE message_search (
    n BIGINT PRIMARY KEY REFERENCES messages (n) ON DELETE CASCADE, words TSVECTOR NOT NULL);
    CREATE INDEX message_search_words ON message_search USING GIN (words)";

/// Applies the steps that are missing.
///
/// # Errors
/// The database is newer than this program, or a step fails.
pub async fn run(db: &Db) -> Result<()> {
    db.write(|tx| {
        lock(tx)?;
        tx.batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
        let row = tx.row("SELECT max(version) FROM schema_version", &[])?;
        let done = row
            .map_or(Ok(None), |row| row.get::<Option<i64>>(0))?
            .unwrap_or(0) as usize;
        if done > STEPS.len() {
            return Err(StoreError::Setup(format!(
                "the database has schema {done}; this program knows only {}: use a newer one",
                STEPS.len()
            )));
        }
        for (i, step) in STEPS.iter().enumerate().skip(done) {
            let text = tx.dialect().schema(step);
            tx.batch(&text)?;
            if i == 0 {
                tx.batch(match tx.dialect() {
                    Dialect::Sqlite => SEARCH_SQLITE,
                    Dialect::Postgres => SEARCH_POSTGRES,
                })?;
            }
            tx.exec(
                "INSERT INTO schema_version (version) VALUES ($1)",
                &[Value::from(i as i64 + 1)],
            )?;
        }
        Ok(())
    })
    .await
}

/// Two nodes that start at once must not both migrate.
fn lock(tx: &mut Tx<'_>) -> Result<()> {
    if tx.dialect() == Dialect::Postgres {
        tx.rows("SELECT 1 FROM pg_advisory_xact_lock(20250821)", &[])?;
    }
    Ok(())
}
