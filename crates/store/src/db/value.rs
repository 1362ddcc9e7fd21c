//! Values that go into statements and cells that come out.

use crate::error::{Result, StoreError};
use model::Timestamp;

/// An argument of a statement. A null keeps its type, which PostgreSQL wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 64-bit integer, or null.
    Int(Option<i64>),
    /// A text, or null.
    Text(Option<String>),
    /// Bytes, or null.
    Blob(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($convert:expr)),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let convert: fn($from) -> _ = $convert;
                Self::$variant(convert(value))
            }
        })+
    };
}

value_from! {
    i64 => Int(Some),
    Option<i64> => Int(|v| v),
    bool => Int(|v| Some(i64::from(v))),
    Timestamp => Int(|v| Some(v.0)),
    Option<Timestamp> => Int(|v| v.map(|t| t.0)),
    String => Text(Some),
    &String => Text(|v| Some(v.clone())),
    &str => Text(|v| Some(v.to_owned())),
    Option<String> => Text(|v| v),
    Option<&str> => Text(|v| v.map(str::to_owned)),
    Vec<u8> => Blob(Some),
    Option<Vec<u8>> => Blob(|v| v),
}

/// One cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A 64-bit integer (also a boolean).
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A row, read by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// The cell at `index` as the wanted type.
    ///
    /// # Errors
    /// The cell is of another type: the schema and the code do not agree.
    pub fn get<T: FromCell>(&self, index: usize) -> Result<T> {
        let cell = self.0.get(index).unwrap_or(&Cell::Null);
        T::from_cell(cell)
            .ok_or_else(|| StoreError::Corrupt(format!("column {index} is not what was expected")))
    }

    /// The cell at `index` parsed as one of our words.
    ///
    /// # Errors
    /// The word is unknown.
    pub fn word<T>(&self, index: usize, parse: fn(&str) -> Option<T>) -> Result<T> {
        let text: String = self.get(index)?;
        parse(&text).ok_or_else(|| StoreError::Corrupt(format!("unknown word {text:?}")))
    }

    /// The cell at `index` parsed as one of our words, or nothing.
    ///
    /// # Errors
    /// The word is unknown.
    pub fn maybe_word<T>(&self, index: usize, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
        match self.0.get(index) {
            None | Some(Cell::Null) => Ok(None),
            Some(_) => self.word(index, parse).map(Some),
        }
    }

    /// The cell at `index` parsed from JSON.
    ///
    /// # Errors
    /// It is not that JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, index: usize) -> Result<T> {
        let text: String = self.get(index)?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// What can be read out of a cell.
pub trait FromCell: Sized {
    /// `None` when the cell is of another type.
    fn from_cell(cell: &Cell) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Int(value) = cell {
            Some(*value)
        } else {
            None
        }
    }
}

impl FromCell for bool {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(|value| value != 0)
    }
}

impl FromCell for Timestamp {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(Timestamp)
    }
}

impl FromCell for String {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Text(value) = cell {
            Some(value.clone())
        } else {
            None
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if let Cell::Blob(value) = cell {
            Some(value.clone())
        } else {
            None
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        if *cell == Cell::Null {
            Some(None)
        } else {
            T::from_cell(cell).map(Some)
        }
    }
}
