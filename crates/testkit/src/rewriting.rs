//! Puts other words into a server's mouth: its lines are edited, what lies in literals passes untouched (RFC 9051 section 4.3).

use std::sync::Arc;

/// What becomes of a line: `None` leaves it.
pub(crate) type Edit = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// One conversation, as far as it has come.
pub(crate) struct Editor {
    edit: Edit,
    /// The line that has no end yet.
    line: Vec<u8>,
    /// Octets of a literal that are still to come.
    literal: usize,
}

impl Editor {
    pub(crate) fn new(edit: Edit) -> Self {
        Self {
            edit,
            line: Vec::new(),
            literal: 0,
        }
    }

    /// Takes what the server said and returns what the client is told; the beginning of a line waits for its end.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut told = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            if self.literal > 0 {
                let (part, rest) = bytes.split_at(self.literal.min(bytes.len()));
                told.extend_from_slice(part);
                self.literal -= part.len();
                bytes = rest;
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                break;
            };
            let (part, rest) = bytes.split_at(end + 1);
            self.line.extend_from_slice(part);
            bytes = rest;
            let line = std::mem::take(&mut self.line);
            self.literal = literal(&line);
            let other = std::str::from_utf8(&line)
                .ok()
                .and_then(|text| (self.edit)(text));
            told.extend(other.map_or(line, String::into_bytes));
        }
        told
    }
}

/// The length of the literal that a line announces; 0: none.
pub(crate) fn literal(line: &[u8]) -> usize {
    let text = line
        .strip_suffix(b"}\r\n")
        .and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.rsplit_once('{'))
        .and_then(|(_, number)| number.trim_end_matches('+').parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_edited_wherever_the_bytes_are_cut_and_literals_are_not() {
        let said = b"* 1 FETCH (UID 7 BODY[] {9}\r\nUID 7\r\nxx UID 8)\r\n* OK gone\r\nA1 OK\r\n";
        let wanted = "* 1 FETCH (UID 5 BODY[] {9}\r\nUID 7\r\nxx UID 8)\r\nA1 OK\r\n";
        for size in 1..said.len() {
            let mut editor = Editor::new(Arc::new(|line: &str| match line {
                "* OK gone\r\n" => Some(String::new()),
                line => line
                    .contains("UID 7")
                    .then(|| line.replace("UID 7", "UID 5")),
            }));
            let told: Vec<u8> = said
                .chunks(size)
                .flat_map(|part| editor.feed(part))
                .collect();
            assert_eq!(
                String::from_utf8(told).unwrap(),
                wanted,
                "in pieces of {size}"
            );
        }
    }
}
