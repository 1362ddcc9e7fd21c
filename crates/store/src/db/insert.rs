//! Many rows into one table. PostgreSQL takes them as one statement, for a way to a server costs more than a row; SQLite
//! is in this process, and takes them one by one from the statement that is ready: making JSON of them and taking it
//! apart again would cost more than the rows.

use super::{Column, Dialect, Row, Tx, Value};
use crate::error::Result;
use serde_json::{Map, Value as Json};

/// Rows that go into one table together.
pub struct Insert<'a> {
    /// The table.
    pub table: &'a str,
    /// Columns that are the same in all rows.
    pub shared: &'a [(&'a str, Value)],
    /// The other columns.
    pub columns: &'a [Column],
    /// Their values, in the order of `columns`.
    pub rows: Vec<Vec<Value>>,
    /// What follows in the statement: `ON CONFLICT`, `RETURNING`.
    pub then: &'a str,
}

impl Tx<'_> {
    /// Inserts rows; gives what `RETURNING` names, in no particular order.
    ///
    /// # Errors
    /// The database's refusal.
    pub fn insert(&mut self, insert: Insert<'_>) -> Result<Vec<Row>> {
        if insert.rows.is_empty() {
            return Ok(Vec::new());
        }
        let names = insert.names().join(", ");
        let (table, then) = (insert.table, insert.then);
        let shared: Vec<Value> = insert.shared.iter().map(|(_, v)| v.clone()).collect();
        match self.dialect() {
            Dialect::Sqlite => {
                let count = shared.len() + insert.columns.len();
                let places: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
                let places = places.join(", ");
                let sql = format!("INSERT INTO {table} ({names}) VALUES ({places}) {then}");
                self.connection.query_each(&sql, &shared, &insert.rows)
            }
            Dialect::Postgres => {
                let mut from: Vec<String> =
                    (2..shared.len() + 2).map(|n| format!("${n}")).collect();
                from.extend(insert.columns.iter().map(|column| column.name().to_owned()));
                let sql = format!(
                    "INSERT INTO {table} ({names}) SELECT {} FROM {} WHERE true {then}",
                    from.join(", "),
                    self.dialect().records(1, insert.columns)
                );
                let mut args = vec![Value::from(serde_json::to_string(&insert.records())?)];
                args.extend(shared);
                self.rows(&sql, &args)
            }
        }
    }
}

impl Insert<'_> {
    fn names(&self) -> Vec<&str> {
        let shared = self.shared.iter().map(|(name, _)| *name);
        shared
            .chain(self.columns.iter().map(|column| column.name()))
            .collect()
    }

    fn records(&self) -> Vec<Json> {
        let record = |row: &Vec<Value>| {
            let cells = self.columns.iter().zip(row);
            let cells = cells.map(|(column, value)| (column.name().to_owned(), json(value)));
            Json::Object(cells.collect::<Map<_, _>>())
        };
        self.rows.iter().map(record).collect()
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Int(Some(value)) => (*value).into(),
        Value::Text(Some(text)) => text.as_str().into(),
        // No column of records is of bytes.
        _ => Json::Null,
    }
}
