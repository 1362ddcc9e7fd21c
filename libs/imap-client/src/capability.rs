//! What a server says it can do.

use crate::wire::value::clean;

/// More capabilities than this are not kept.
const MAX_CAPABILITIES: usize = 500;
/// What IMAP4rev2 contains without naming it (RFC 9051 appendix E).
const IN_REV2: [&str; 15] = [
    "NAMESPACE",
    "UNSELECT",
    "UIDPLUS",
    "ESEARCH",
    "SEARCHRES",
    "ENABLE",
    "IDLE",
    "SASL-IR",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "MOVE",
    "LITERAL-",
    "BINARY",
    "STATUS=SIZE",
    "CHILDREN",
];

/// The capability list, in capitals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    names: Vec<String>,
}

impl Capabilities {
    /// From the text behind `CAPABILITY`.
    pub(crate) fn parse(text: &[u8]) -> Capabilities {
        let mut names: Vec<String> = text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .take(MAX_CAPABILITIES)
            .map(|word| clean(word).to_ascii_uppercase())
            .collect();
        names.sort_unstable();
        names.dedup();
        Capabilities { names }
    }

    /// Whether the server has it, by name or because IMAP4rev2 contains it or a larger extension does.
    pub fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        self.listed(&name)
            || (IN_REV2.contains(&name.as_str()) && self.listed("IMAP4REV2"))
            || (name == "CONDSTORE" && self.listed("QRESYNC"))
            || (name == "UTF8=ACCEPT" && self.listed("UTF8=ONLY"))
            || (name == "LITERAL-" && self.listed("LITERAL+"))
    }

    fn listed(&self, name: &str) -> bool {
        self.names
            .binary_search_by(|have| have.as_str().cmp(name))
            .is_ok()
    }

    /// The SASL mechanisms behind `AUTH=`.
    pub fn auth_mechanisms(&self) -> Vec<String> {
        self.names
            .iter()
            .filter_map(|name| name.strip_prefix("AUTH="))
            .map(str::to_owned)
            .collect()
    }

    /// The largest message that APPEND takes, in bytes, where the server says so (RFC 7889).
    pub fn append_limit(&self) -> Option<u64> {
        self.names
            .iter()
            .find_map(|name| name.strip_prefix("APPENDLIMIT="))
            .and_then(|number| number.parse().ok())
    }

    /// All names in capitals, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_found_in_any_case_and_through_what_contains_them() {
        let list =
            Capabilities::parse(b"IMAP4rev1 auth=plain AUTH=XOAUTH2 QRESYNC APPENDLIMIT=35651584");
        assert!(list.has("imap4REV1") && list.has("CONDSTORE") && !list.has("IDLE"));
        assert_eq!(list.auth_mechanisms(), ["PLAIN", "XOAUTH2"]);
        assert_eq!(list.append_limit(), Some(35_651_584));
        let rev2 = Capabilities::parse(b"IMAP4rev2\r\n");
        assert!(rev2.has("IDLE") && rev2.has("MOVE") && !rev2.has("QRESYNC"));
    }
}
