//! An administrator's file: entries of one's own, and changes of ours.
//!
//! TOML or JSON, with the same fields as the built-in data. An entry with an id that is known changes only what it names (as a
//! JSON merge patch does, RFC 7396); any other id is a new entry. The file's entries come first: what they claim is theirs.

use super::check;
use super::provider::{Origin, Provider};
use super::table::Table;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt;

/// Largest file, in bytes; ours is a twentieth of it.
pub(super) const MAX_FILE: usize = 4 << 20;

/// What is wrong with a providers file: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The line, where the text itself cannot be read.
    pub line: Option<usize>,
    /// The entry, by its id or, without one, by its place.
    pub entry: Option<String>,
    /// The field in it.
    pub field: Option<String>,
    /// Why, as a clause.
    pub why: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(entry) = &self.entry {
            write!(f, "entry {entry}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.why)
    }
}

impl std::error::Error for TableError {}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The month of every entry that names none.
    #[serde(default)]
    compiled: Option<String>,
    #[serde(default)]
    providers: Vec<Map<String, Value>>,
}

impl Table {
    /// This table with the entries of a providers file (TOML, or JSON if it begins with a brace).
    ///
    /// # Errors
    /// The text cannot be read, or an entry makes no sense; the error names the line or the entry and its field.
    pub fn with_overrides(self, text: &str) -> Result<Self, TableError> {
        let file = read(text)?;
        let mut ours: Vec<Provider> = Vec::with_capacity(file.providers.len());
        for (index, entry) in file.providers.into_iter().enumerate() {
            let made = self.entry(index, entry, file.compiled.as_deref())?;
            if ours.iter().any(|other| other.id == made.id) {
                return Err(in_entry(&made.id, "id", "an entry before has it too"));
            }
            ours.push(made);
        }
        nothing_twice(&ours)?;
        let (built_in, oauth) = self.into_parts();
        let replaced = |id: &str| ours.iter().any(|entry| entry.id == id);
        let rest: Vec<_> = built_in
            .into_iter()
            .filter(|provider| !replaced(&provider.id))
            .collect();
        ours.extend(rest);
        Ok(Self::of(ours, oauth))
    }

    fn entry(
        &self,
        index: usize,
        changes: Map<String, Value>,
        compiled: Option<&str>,
    ) -> Result<Provider, TableError> {
        let Some(id) = changes.get("id").and_then(Value::as_str).map(str::to_owned) else {
            let place = format!("{} of the file", index + 1);
            return Err(in_entry(&place, "id", "it is missing"));
        };
        let mut whole = match self.get(&id).map(serde_json::to_value) {
            Some(Ok(Value::Object(fields))) => fields,
            _ => Map::new(),
        };
        whole.remove("origin");
        if let Some(month) = compiled {
            whole.insert("compiled".to_owned(), month.into());
        }
        merge(&mut whole, changes);
        let mut made: Provider =
            serde_path_to_error::deserialize(Value::Object(whole)).map_err(|error| {
                let path = error.path().to_string();
                let field = (path != ".").then_some(path);
                TableError {
                    line: None,
                    entry: Some(id.clone()),
                    field,
                    why: error.into_inner().to_string(),
                }
            })?;
        made.origin = Origin::Administrator;
        if made.compiled.is_empty() {
            let why =
                "it is missing: say in which month you looked, here or once at the top of the file";
            return Err(in_entry(&id, "compiled", why));
        }
        check::check(&made, self).map_err(|wrong| in_entry(&id, wrong.field, &wrong.why))?;
        Ok(made)
    }
}

fn read(text: &str) -> Result<File, TableError> {
    let at_line = |line, why: String| TableError {
        line,
        entry: None,
        field: None,
        why,
    };
    if text.len() > MAX_FILE {
        let why = format!("the file is larger than {} MiB", MAX_FILE >> 20);
        return Err(at_line(None, why));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| at_line(Some(error.line()), error.to_string()));
    }
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        at_line(line, error.message().to_owned())
    })
}

/// Puts changes into a value: objects field by field, anything else as a whole; null takes the field away.
fn merge(into: &mut Map<String, Value>, changes: Map<String, Value>) {
    for (name, change) in changes {
        match (into.get_mut(&name), change) {
            (_, Value::Null) => {
                into.remove(&name);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, change) => {
                into.insert(name, change);
            }
        }
    }
}

/// Two entries of the file that claim the same thing contradict each other.
fn nothing_twice(entries: &[Provider]) -> Result<(), TableError> {
    for field in ["domains", "mx_suffixes"] {
        let mut holders: HashMap<&str, &str> = HashMap::new();
        for entry in entries {
            let names = if field == "domains" {
                &entry.domains
            } else {
                &entry.mx_suffixes
            };
            for name in names {
                if let Some(holder) = holders.insert(name, &entry.id) {
                    let why = if holder == entry.id {
                        format!("{name} is there twice")
                    } else {
                        format!("{name} is {holder}'s already")
                    };
                    return Err(in_entry(&entry.id, field, &why));
                }
            }
        }
    }
    Ok(())
}

fn in_entry(entry: &str, field: &str, why: &str) -> TableError {
    TableError {
        line: None,
        entry: Some(entry.to_owned()),
        field: Some(field.to_owned()),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::mailbox::Security;

    fn with(text: &str) -> Result<Table, String> {
        let table = Table::clone(&Table::built_in());
        table.with_overrides(text).map_err(|e| e.to_string())
    }

    #[test]
    fn an_entry_of_ones_own_is_found_and_takes_what_it_claims() {
        let table = with(
            r#"
            compiled = "2026-10"

            [[providers]]
            id = "acme"
            name = "Acme"
            kind = "business"
            domains = ["acme.example", "gmail.com"]
            mx_suffixes = ["google.com"]
            imap = { host = "imap.acme.example", port = 993, security = "tls" }
            "#,
        )
        .unwrap();
        let acme = table.by_domain("gmail.com").unwrap();
        assert_eq!(
            (acme.id.as_str(), acme.origin),
            ("acme", Origin::Administrator)
        );
        assert_eq!(acme.compiled, "2026-10");
        assert_eq!(table.by_mx("mx.google.com").unwrap().id, "acme");
        assert_eq!(table.by_domain("googlemail.com").unwrap().id, "gmail");
        assert_eq!(table.iter().next().unwrap().id, "acme");
    }

    #[test]
    fn a_known_id_changes_only_what_the_entry_names() {
        let json = r#"{ "providers": [ { "id": "gmail", "imap": { "host": "imap.proxy.example" }, "pop3": null,
            "limits": { "imap_connections": 5 } } ] }"#;
        let table = with(json).unwrap();
        let gmail = table.get("gmail").unwrap();
        let imap = gmail.imap.as_ref().unwrap();
        assert_eq!((imap.host.as_str(), imap.port), ("imap.proxy.example", 993));
        assert_eq!(imap.security, Security::Tls);
        assert_eq!(gmail.pop3, None);
        assert_eq!(gmail.limits.imap_connections, Some(5));
        assert_eq!(gmail.limits.message_mb, Some(25));
        assert_eq!(gmail.origin, Origin::Administrator);
        assert_eq!(table.by_domain("gmail.com").unwrap().id, "gmail");
        assert_eq!(table.iter().count(), Table::built_in().iter().count());
    }

    #[test]
    fn a_mistake_is_named_with_its_entry_and_field() {
        let new = |fields: &str| {
            format!(
                "compiled = \"2026-11\"\n[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"\n{fields}"
            )
        };
        for (text, wanted) in [
            ("[[providers]\nid = 1", "line 1: "),
            ("{\n\"providers\": [}", "line 2: "),
            (
                "[[providers]]\nname = \"x\"",
                "entry 1 of the file: id: it is missing",
            ),
            ("provider = []", "line 1: unknown field `provider`"),
            (
                "[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"",
                "entry acme: compiled: it is missing: say",
            ),
            (
                &new("imap = { host = \"imap.acme.example\", port = \"993\", security = \"tls\" }"),
                "entry acme: imap.port: invalid type",
            ),
            (
                &new("imap = { host = \"imap.acme.example\", port = 993, security = \"ssl\" }"),
                "entry acme: imap.security: unknown variant `ssl`",
            ),
            (
                &new("imap = { host = \"imaps://acme\", port = 993, security = \"tls\" }"),
                "entry acme: imap: \"imaps://acme\" is not a host name",
            ),
            (
                &new("domain = [\"acme.example\"]"),
                "entry acme: domain: unknown field `domain`",
            ),
            (
                &new("domains = [\"Acme.example\"]"),
                "entry acme: domains: \"Acme.example\" is not a name",
            ),
            (
                &new("domains = [\"a.example\", \"a.example\"]"),
                "entry acme: domains: a.example is there twice",
            ),
            (
                &new("oauth = \"nobody\""),
                "entry acme: oauth: \"nobody\" is not known; known are aol, ",
            ),
            (
                &new("origin = \"built_in\""),
                "entry acme: origin: unknown field `origin`",
            ),
            (
                &new("[[providers]]\nid = \"acme\"\nname = \"B\"\nkind = \"isp\""),
                "entry acme: id: an entry before has it too",
            ),
            (
                &new("docs = [\"javascript:alert(1)\"]"),
                "entry acme: docs: \"javascript:alert(1)\" is not a web address",
            ),
        ] {
            let error = with(text).unwrap_err();
            assert!(error.starts_with(wanted), "{text}\n{error}");
        }
    }
}
