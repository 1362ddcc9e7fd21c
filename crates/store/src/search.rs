//! Full-text search. The words are made by us (lower case, accents folded, CJK in pairs), so that
//! SQLite's FTS5 and PostgreSQL's tsvector find the same messages.

use crate::Tx;
use crate::db::Dialect;
use crate::error::Result;

/// The words of one message, already cut into tokens separated by blanks.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// From the subject.
    pub subject: String,
    /// From names and addresses.
    pub people: String,
    /// From the text.
    pub body: String,
}

/// Adds words for messages, by their number `n`.
pub(crate) fn add(tx: &mut Tx<'_>, words: &[(i64, &Words)]) -> Result<()> {
    match tx.dialect() {
        Dialect::Sqlite => {
            for (n, words) in words {
                tx.exec(
                    "INSERT INTO message_search (rowid, subject, people, body) VALUES ($1, $2, $3, $4)",
                    &[(*n).into(), (&words.subject).into(), (&words.people).into(), (&words.body).into()],
                )?;
            }
        }
        Dialect::Postgres => {
            use crate::db::Column::{Int, Text};
            let records: Vec<_> = words
                .iter()
                .map(|(n, w)| serde_json::json!({"n": n, "subject": w.subject, "people": w.people, "body": w.body}))
                .collect();
            let columns = [Int("n"), Text("subject"), Text("people"), Text("body")];
            let sql = format!(
                "INSERT INTO message_search (n, words)
                 SELECT n, setweight(to_tsvector('simple', subject), 'A')
                        || setweight(to_tsvector('simple', people), 'B') || setweight(to_tsvector('simple', body), 'C')
                 FROM {} ON CONFLICT (n) DO NOTHING",
                tx.dialect().records(1, &columns)
            );
            tx.exec(&sql, &[serde_json::to_string(&records)?.into()])?;
        }
    }
    Ok(())
}

/// Removes the words of messages. (PostgreSQL's rows go with the message rows.)
pub(crate) fn remove(tx: &mut Tx<'_>, numbers: &[i64]) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        for n in numbers {
            tx.exec(
                "DELETE FROM message_search WHERE rowid = $1",
                &[(*n).into()],
            )?;
        }
    }
    Ok(())
}

/// Removes the words of a mailbox's messages.
pub(crate) fn remove_mailbox(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        tx.exec(
            "DELETE FROM message_search WHERE rowid IN (SELECT n FROM messages WHERE mailbox_id = $1)",
            &[mailbox_id.into()],
        )?;
    }
    Ok(())
}
