//! Address lists (RFC 5322 section 3.4) as a flat list of names and addresses.

use crate::{clean, words};
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Addresses kept of one header field; the list is marked truncated beyond.
pub const MAX_ADDRESSES: usize = 2_000;
/// Bytes read of one address field.
const MAX_FIELD: usize = 256 * 1024;
const MAX_NAME: usize = 500;
const MAX_ADDRESS: usize = 1_000;

/// A person or machine in a header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// Display name, decoded; null where the header has none.
    pub name: Option<String>,
    /// The address as written (case kept); empty where only a name was given.
    pub address: String,
}

impl Address {
    /// The address in lower case, for comparing mailboxes.
    #[must_use]
    pub fn key(&self) -> String {
        self.address.to_lowercase()
    }
}

/// Parses one or more fields of the same name into one list. The second value says whether
/// something was left out.
pub(crate) fn list<'a>(fields: impl Iterator<Item = &'a [u8]>) -> (Vec<Address>, bool) {
    let mut out = Vec::new();
    let mut truncated = false;
    for field in fields {
        let mut value = field;
        if value.len() > MAX_FIELD {
            truncated = true;
            let cut = value.get(..MAX_FIELD).unwrap_or_default();
            let end = cut.iter().rposition(|&b| b == b',').unwrap_or(cut.len());
            value = cut.get(..end).unwrap_or_default();
        }
        let mut text = words::normalised(value);
        text.push('\n');
        let HeaderValue::Address(parsed) = MessageStream::new(text.as_bytes()).parse_address()
        else {
            continue;
        };
        for addr in parsed.iter() {
            if out.len() >= MAX_ADDRESSES {
                return (out, true);
            }
            if let Some(address) = tidy(addr) {
                out.push(address);
            }
        }
    }
    (out, truncated)
}

fn tidy(addr: &Addr<'_>) -> Option<Address> {
    let mut address: String = addr
        .address
        .as_deref()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && !clean::is_bidi_control(*c))
        .take(MAX_ADDRESS)
        .collect::<String>()
        .trim()
        .trim_matches(['<', '>'])
        .to_owned();
    let name = addr
        .name
        .as_deref()
        .map(|n| clean::line(n, MAX_NAME))
        .map(
            |n| match n.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
                Some(inner) => inner.trim().to_owned(),
                None => n,
            },
        )
        .filter(|n| !n.is_empty());
    if address.is_empty() {
        // "ann@example.com" in quotes or encoded as a word: still an address.
        let name = name?;
        if name.contains('@') && !name.contains(' ') {
            address = name;
            return Some(Address {
                name: None,
                address,
            });
        }
        return Some(Address {
            name: Some(name),
            address,
        });
    }
    Some(Address { name, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Vec<(String, String)> {
        list(std::iter::once(value.as_bytes()))
            .0
            .into_iter()
            .map(|a| (a.name.unwrap_or_default(), a.address))
            .collect()
    }

    #[test]
    fn lists_are_read_in_every_dialect() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("a@b.c", &[("", "a@b.c")]),
            ("Ann B <a@b.c>, c@d.e", &[("Ann B", "a@b.c"), ("", "c@d.e")]),
            ("\"B, Ann\" <a@b.c>", &[("B, Ann", "a@b.c")]),
            ("=?utf-8?Q?J=C3=B6rg?= <j@b.c>", &[("Jörg", "j@b.c")]),
            (
                "=?utf-8?Q?J=C3?=\r\n =?utf-8?Q?=B6rg?= <j@b.c>",
                &[("Jörg", "j@b.c")],
            ),
            ("\"=?utf-8?Q?J=C3=B6rg?=\" <j@b.c>", &[("Jörg", "j@b.c")]),
            ("a@b.c (Ann)", &[("Ann", "a@b.c")]),
            ("team: a@b.c, d@e.f;", &[("", "a@b.c"), ("", "d@e.f")]),
            ("undisclosed-recipients:;", &[]),
            ("a@b.c; d@e.f", &[("", "a@b.c"), ("", "d@e.f")]),
            ("", &[]),
            ("<a@b.c>", &[("", "a@b.c")]),
            ("Jürgen <j@müller.de>", &[("Jürgen", "j@müller.de")]),
        ];
        for (given, want) in table {
            let want: Vec<(String, String)> = want
                .iter()
                .map(|(n, a)| ((*n).to_owned(), (*a).to_owned()))
                .collect();
            assert_eq!(parse(given), want, "{given:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_recipients_are_bounded_and_marked() {
        let many = vec!["someone@example.com"; 100_000].join(", ");
        let (list, truncated) = list(std::iter::once(many.as_bytes()));
        assert_eq!((list.len(), truncated), (MAX_ADDRESSES, true));
    }
}
