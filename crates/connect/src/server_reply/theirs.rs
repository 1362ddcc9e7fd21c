//! The owner's own scripts: what they do, as far as it concerns an out of office. Pure.

use super::ours::ANSWERS;
use super::script::quoted;

/// A script with one of these may itself answer or refuse messages, which the server does not do twice for one message
/// (RFC 5230 section 4.7), or does on top of our answer.
const CONFLICTS: [(&str, &str); 4] = [
    ("vacation", "answers by itself"),
    ("vacation-seconds", "answers by itself"),
    ("reject", "refuses messages"),
    ("ereject", "refuses messages"),
];

/// A script with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Theirs {
    pub(super) name: String,
    pub(super) text: String,
}

impl Theirs {
    /// Whether it includes the script that answers.
    pub(super) fn includes_ours(&self) -> bool {
        self.may_include(ANSWERS)
    }

    /// Whether it may include this script: it includes some, and has the name.
    pub(super) fn may_include(&self, name: &str) -> bool {
        let code = without_comments(&self.text);
        code.to_ascii_lowercase().contains("include") && code.contains(&quoted(name))
    }

    /// What it does that stands in the way, in words.
    pub(super) fn conflict(&self) -> Option<String> {
        let text = self.text.to_lowercase();
        let found = CONFLICTS
            .iter()
            .find(|(extension, _)| text.contains(&format!("\"{extension}\"")));
        found.map(|(_, does)| format!("the script {:?} {does}", self.name))
    }
}

/// A script without its comments (RFC 5228 section 2.3), and without its texts of several lines, which may look like some.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => {
                let end = end_of_quoted(rest);
                kept.push_str(&rest[..end]);
                end
            }
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                kept.push(' ');
                rest[2..].find("*/").map_or(rest.len(), |at| at + 4)
            }
            't' | 'T' if starts_lines(&kept, rest) => {
                let end = ["\n.\r\n", "\n.\n"]
                    .iter()
                    .filter_map(|end| Some(rest.find(end)? + end.len()))
                    .min();
                end.unwrap_or(rest.len())
            }
            other => {
                kept.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    kept
}

/// Where a text in quotation marks ends that begins here.
fn end_of_quoted(rest: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Whether a text of several lines begins here (`text:`, RFC 5228 section 2.4.2).
fn starts_lines(before: &str, rest: &str) -> bool {
    let new_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let Some((word, after)) = rest.split_at_checked(5) else {
        return false;
    };
    let line = after.lines().next().unwrap_or_default().trim();
    new_word && word.eq_ignore_ascii_case("text:") && (line.is_empty() || line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Theirs {
        Theirs {
            name: "m".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_is_only_a_comment_includes_nothing() {
        let ours = "include :personal \"postroom-vacation\";";
        for (text, includes) in [
            (format!("{ours}\r\n"), true),
            (format!("# {ours}\r\nkeep;"), false),
            (format!("# a\r\n{ours}"), true),
            (format!("/* {ours} */ keep;"), false),
            (format!("/* a */ {ours}"), true),
            (format!("fileinto \"# no \\\" comment\"; {ours}"), true),
            (format!("fileinto \"/*\"; {ours}"), true),
            (
                format!("vacation text: # it's\r\n\"\r\n.\r\n;\r\n{ours}"),
                true,
            ),
            (format!("vacation text:\r\n{ours}\r\n.\r\n;"), false),
            ("fileinto \"postroom-vacation\";".to_owned(), false),
            (format!("# {ours}"), false),
            (format!("/* {ours}"), false),
        ] {
            assert_eq!(script(&text).includes_ours(), includes, "{text}");
        }
        assert_eq!(without_comments("a/*"), "a ");
        assert_eq!(without_comments("\"\\"), "\"\\");
    }

    #[test]
    fn an_owners_script_is_in_the_way_where_it_answers() {
        assert_eq!(script("require \"fileinto\"; keep;").conflict(), None);
        let said = script("require [\"fileinto\", \"Vacation\"];").conflict();
        assert!(said.unwrap().contains("answers by itself"));
        let said = script("require \"reject\";").conflict();
        assert!(said.unwrap().contains("refuses messages"));
    }
}
