//! Full-text search. The words are made by us (lower case, accents folded, CJK in pairs), so that
//! SQLite's FTS5 and PostgreSQL's tsvector find the same messages.
//!
//! Beside its words each message has marks: its mailbox, and the stretches of time that it falls in (see [`marks`]). So
//! "this word, in these 36 hours" is one look into the index of either database, and a search goes from the newest mail
//! back without gathering all that has a frequent word ([`crate::messages`] does).

pub(crate) mod marks;

use crate::Tx;
use crate::db::{Dialect, Insert};
use crate::error::Result;
use model::Timestamp;

/// The words of one message, already cut into tokens separated by blanks.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// From the subject.
    pub subject: String,
    /// From names and addresses of those who wrote it.
    pub from: String,
    /// From names and addresses of its recipients.
    pub to: String,
    /// From the text.
    pub body: String,
}

/// Adds words for messages of a mailbox, by their number `n` and when they were received.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    words: &[(i64, Timestamp, &Words)],
) -> Result<()> {
    match tx.dialect() {
        Dialect::Sqlite => {
            use crate::db::Column::{Int, Text};
            let rows = words
                .iter()
                .map(|(n, at, words)| {
                    vec![
                        (*n).into(),
                        marks::of(mailbox_id, *at).into(),
                        (&words.subject).into(),
                        (&words.from).into(),
                        (&words.to).into(),
                        (&words.body).into(),
                    ]
                })
                .collect();
            tx.insert(Insert {
                table: "message_search",
                shared: &[],
                columns: &[
                    Int("rowid"),
                    Text("marks"),
                    Text("subject"),
                    Text("senders"),
                    Text("recipients"),
                    Text("body"),
                ],
                rows,
                then: "",
            })?;
        }
        Dialect::Postgres => {
            use crate::db::Column::{Int, Text};
            let records: Vec<_> = words
                .iter()
                .map(|(n, at, w)| {
                    serde_json::json!({
                        "n": n, "marks": marks::of(mailbox_id, *at), "subject": w.subject, "senders": w.from, "recipients": w.to, "body": w.body})
                })
                .collect();
            let columns = [
                Int("n"),
                Text("marks"),
                Text("subject"),
                Text("senders"),
                Text("recipients"),
                Text("body"),
            ];
            let sql = format!(
                "INSERT INTO message_search (n, words)
                 SELECT n, array_to_tsvector(string_to_array(marks, ' ')) || setweight(to_tsvector('simple', subject), 'A')
                        || setweight(to_tsvector('simple', senders), 'B')
                        || setweight(to_tsvector('simple', recipients), 'C')
                        || setweight(to_tsvector('simple', body), 'D')
                 FROM {} ON CONFLICT (n) DO NOTHING",
                tx.dialect().records(1, &columns)
            );
            tx.exec(&sql, &[serde_json::to_string(&records)?.into()])?;
        }
    }
    Ok(())
}

/// Puts other words in the place of a message's.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    n: i64,
    at: Timestamp,
    words: &Words,
) -> Result<()> {
    let key = match tx.dialect() {
        Dialect::Sqlite => "rowid",
        Dialect::Postgres => "n",
    };
    let sql = format!("DELETE FROM message_search WHERE {key} = $1");
    tx.exec(&sql, &[n.into()])?;
    add(tx, mailbox_id, &[(n, at, words)])
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

/// Where a word is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    /// Everywhere.
    #[default]
    Any,
    /// In the subject.
    Subject,
    /// In names and addresses of those who wrote it.
    From,
    /// In names and addresses of its recipients.
    To,
    /// In the text.
    Body,
}

/// One thing that must, or must not, be in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// Where.
    pub field: Field,
    /// Tokens, made like those of the index, separated by blanks.
    pub tokens: String,
    /// The tokens follow each other.
    pub phrase: bool,
    /// It must not be there.
    pub negated: bool,
    /// The last token may go on.
    pub prefix: bool,
}

/// The statement for the numbers of the messages that match the question in argument `$n`.
pub(crate) fn matching(dialect: Dialect, n: usize) -> String {
    match dialect {
        Dialect::Sqlite => {
            format!("SELECT rowid FROM message_search WHERE message_search MATCH ${n}")
        }
        Dialect::Postgres => {
            format!("SELECT n FROM message_search WHERE words @@ ${n}::text::tsquery")
        }
    }
}

/// The condition that the message `m` matches the question in argument `$n`: looked up for one message after the other.
pub(crate) fn matches(dialect: Dialect, n: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!(
            "EXISTS (SELECT 1 FROM message_search WHERE message_search MATCH ${n} AND rowid = m.n)"
        ),
        // OFFSET keeps PostgreSQL from gathering all that match instead.
        Dialect::Postgres => format!(
            "EXISTS (SELECT 1 FROM message_search s WHERE s.n = m.n AND s.words @@ ${n}::text::tsquery OFFSET 0)"
        ),
    }
}

/// A question that also asks for one of these marks.
pub(crate) fn marked(dialect: Dialect, question: &str, marks: &[String]) -> String {
    let (and, or) = match dialect {
        Dialect::Sqlite => (" AND ", " OR "),
        Dialect::Postgres => (" & ", " | "),
    };
    if marks.is_empty() {
        return question.to_owned();
    }
    let quoted: Vec<String> = marks
        .iter()
        .map(|mark| match dialect {
            Dialect::Sqlite => format!("\"{mark}\""),
            Dialect::Postgres => format!("'{mark}'"),
        })
        .collect();
    // The marks last: of a rare word there is little to compare them with.
    format!("({question}){and}({})", quoted.join(or))
}

/// Words that follow each other, of which the last may go on, are taken as they stand where they stand so somewhere: all
/// the words that begin like `example` are a large part of any index, and a whole address needs none of them.
pub(crate) fn as_exact_as_possible(tx: &mut Tx<'_>, terms: &[Term]) -> Result<Vec<Term>> {
    let mut exact = terms.to_vec();
    for term in &mut exact {
        if !(term.prefix && term.phrase && !term.negated && term.tokens.contains(' ')) {
            continue;
        }
        term.prefix = false;
        let Some(question) = expression(tx.dialect(), term) else {
            continue;
        };
        let sql = format!("{} LIMIT 1", matching(tx.dialect(), 1));
        term.prefix = tx.row(&sql, &[question.into()])?.is_none();
    }
    Ok(exact)
}

/// The questions of a search: what must be there without what must not, and what must not be there where nothing must.
pub(crate) fn questions(dialect: Dialect, terms: &[Term]) -> (Option<String>, Option<String>) {
    let not = match dialect {
        Dialect::Sqlite => "NOT",
        Dialect::Postgres => "& !",
    };
    match expressions(dialect, terms) {
        (Some(wanted), Some(unwanted)) => (Some(format!("({wanted}) {not} ({unwanted})")), None),
        other => other,
    }
}

/// What must be there, and what must not.
fn expressions(dialect: Dialect, terms: &[Term]) -> (Option<String>, Option<String>) {
    let join = |negated: bool, with: &str| {
        let parts: Vec<_> = terms
            .iter()
            .filter(|term| term.negated == negated)
            .filter_map(|term| expression(dialect, term))
            .collect();
        (!parts.is_empty()).then(|| parts.join(with))
    };
    match dialect {
        Dialect::Sqlite => (join(false, " AND "), join(true, " OR ")),
        Dialect::Postgres => (join(false, " & "), join(true, " | ")),
    }
}

fn expression(dialect: Dialect, term: &Term) -> Option<String> {
    // Tokens have no signs in them; whatever has is none of ours.
    let tokens: Vec<String> = term
        .tokens
        .split_whitespace()
        .map(|token| {
            token
                .chars()
                .filter(|c| !matches!(c, '"' | '\'' | '\\' | '\0'))
                .collect()
        })
        .filter(|token: &String| !token.is_empty())
        .collect();
    let last = tokens.len().checked_sub(1)?;
    Some(match dialect {
        Dialect::Sqlite => {
            let star = if term.prefix { " *" } else { "" };
            let inner = if term.phrase {
                format!("\"{}\"{star}", tokens.join(" "))
            } else {
                let words: Vec<_> = tokens
                    .iter()
                    .enumerate()
                    .map(|(i, token)| format!("\"{token}\"{}", if i == last { star } else { "" }))
                    .collect();
                words.join(" AND ")
            };
            let column = match term.field {
                Field::Any => "",
                Field::Subject => "subject : ",
                Field::From => "senders : ",
                Field::To => "recipients : ",
                Field::Body => "body : ",
            };
            format!("{column}({inner})")
        }
        Dialect::Postgres => {
            let weight = match term.field {
                Field::Any => "",
                Field::Subject => "A",
                Field::From => "B",
                Field::To => "C",
                Field::Body => "D",
            };
            let words: Vec<_> = tokens
                .iter()
                .enumerate()
                .map(|(i, token)| {
                    let star = if term.prefix && i == last { "*" } else { "" };
                    match (star, weight) {
                        ("", "") => format!("'{token}'"),
                        _ => format!("'{token}':{star}{weight}"),
                    }
                })
                .collect();
            format!(
                "({})",
                words.join(if term.phrase { " <-> " } else { " & " })
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_becomes_an_expression_of_either_database() {
        let term = Term {
            field: Field::Subject,
            tokens: "hello wor".into(),
            prefix: true,
            ..Term::default()
        };
        let (sqlite, _) = expressions(Dialect::Sqlite, std::slice::from_ref(&term));
        assert_eq!(sqlite.unwrap(), "subject : (\"hello\" AND \"wor\" *)");
        let (postgres, _) = expressions(Dialect::Postgres, &[term]);
        assert_eq!(postgres.unwrap(), "('hello':A & 'wor':*A)");
    }

    #[test]
    fn signs_that_mean_something_to_the_database_do_not_get_there() {
        let term = Term {
            tokens: "a\" OR 'b\\ \0".into(),
            phrase: true,
            negated: true,
            ..Term::default()
        };
        assert_eq!(
            questions(Dialect::Sqlite, std::slice::from_ref(&term)),
            (None, Some("(\"a OR b\")".into()))
        );
    }
}
