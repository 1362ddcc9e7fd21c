//! Long lines of plain text, made to travel and put together again: format=flowed (RFC 3676).
//!
//! A line that ends with a blank goes on in the next one of the same quote depth. Programs that
//! know this show paragraphs as wide as the window is, all others show lines of a good length.

/// Lines are broken before they get longer, their blank at the end included (RFC 3676 section 4.2).
const WIDTH: usize = 76;
/// Lines longer than this are broken at all.
const LONG: usize = 78;
/// A longer word cannot be a line of its own on the wire (RFC 5322 section 2.1.1).
const LONGEST_WORD: usize = 900;
/// What stands before a signature; its blank joins nothing (RFC 3676 section 4.3).
const SIGNATURE: &str = "-- ";

/// The text with its long lines broken softly, lines ended by LF. None where no line is long, or
/// where it cannot travel as 7-bit lines: quoted-printable fits such a text better.
pub(crate) fn flow(text: &str) -> Option<String> {
    let long = text.lines().any(|line| line.len() > LONG);
    let sendable = |text: &str| {
        text.is_ascii()
            && text
                .split_ascii_whitespace()
                .all(|word| word.len() <= LONGEST_WORD)
    };
    if !long || !sendable(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    for line in text.lines() {
        let (depth, content) = quote(line);
        // Only what we break ends with a blank: blanks that end a line mean nothing to a reader.
        let content = match content {
            SIGNATURE => content,
            content => content.trim_end(),
        };
        let room = WIDTH.saturating_sub(depth + 1).max(20);
        let mut rest = content;
        loop {
            let end = match content {
                SIGNATURE => rest.len(),
                _ => line_end(rest, room),
            };
            let (piece, after) = rest.split_at(end);
            put(&mut out, depth, piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    Some(out)
}

/// Flowed text as it was written: soft breaks are gone. `delsp`: the blank before a soft break is
/// not the text's own.
pub(crate) fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The depth of the paragraph that goes on, if one does.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let (depth, content) = marks(line);
        let content = content.strip_prefix(' ').unwrap_or(content);
        let soft = content.ends_with(' ') && content != SIGNATURE;
        let joins = open == Some(depth) && content != SIGNATURE;
        if !joins {
            if open.is_some() {
                end_line(&mut out);
            }
            (0..depth).for_each(|_| out.push('>'));
            if depth > 0 && !content.is_empty() {
                out.push(' ');
            }
        }
        let shown = if soft && delsp {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        };
        out.push_str(shown);
        open = soft.then_some(depth);
        if !soft {
            out.push('\n');
        }
    }
    if open.is_some() {
        end_line(&mut out);
    }
    out
}

/// A paragraph that was to go on and does not.
fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// Writes one line with its marks; a content that could be read as marks or stuffing gets a blank
/// (RFC 3676 section 4.4), and "From " too, which mail stores would change.
fn put(out: &mut String, depth: usize, content: &str) {
    (0..depth).for_each(|_| out.push('>'));
    let stuffed = content.starts_with([' ', '>']) || content.starts_with("From ");
    if stuffed || (depth > 0 && !content.is_empty()) {
        out.push(' ');
    }
    out.push_str(content);
    out.push('\n');
}

/// How much of `rest` makes a line: up to the last run of blanks that begins within `room`, or up
/// to the first one at all. All of it where it is short enough.
fn line_end(rest: &str, room: usize) -> usize {
    if rest.len() <= room {
        return rest.len();
    }
    let bytes = rest.as_bytes();
    let mut best = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes.get(at) != Some(&b' ') {
            at += 1;
            continue;
        }
        let begin = at;
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        // A break before the first word would leave a line of blanks.
        let is_indent = begin == 0;
        if at >= bytes.len() || is_indent {
            continue;
        }
        if at > room && best.is_some() {
            break;
        }
        best = Some(at);
        if at > room {
            break;
        }
    }
    best.unwrap_or(rest.len())
}

/// The depth of a line's quote and what it says, without the one blank between.
fn quote(line: &str) -> (usize, &str) {
    let (depth, content) = marks(line);
    let content = if depth > 0 {
        content.strip_prefix(' ').unwrap_or(content)
    } else {
        content
    };
    (depth, content)
}

fn marks(line: &str) -> (usize, &str) {
    let content = line.trim_start_matches('>');
    (line.len() - content.len(), content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_blanks_and_come_back_whole() {
        let text = format!(
            "{}\n\n> {}\n>> short\n From here\nFrom there\n-- \nAnn\n{} > {}\n",
            "one two  three ".repeat(20).trim_end(),
            "quoted words ".repeat(20).trim_end(),
            "a".repeat(70),
            "b".repeat(60)
        );
        let flowed = flow(&text).expect("it has long lines");
        assert!(flowed.lines().all(|l| l.len() <= LONG), "{flowed}");
        assert!(flowed.contains("\n From there\n") && flowed.contains("\n  From here\n"));
        assert!(flowed.contains("\n-- \nAnn\n") && flowed.contains("\n> quoted words "));
        assert_eq!(unflow(&flowed, false), text);
    }

    #[test]
    fn only_long_lines_that_can_be_broken_are_flowed() {
        assert_eq!(flow("short\nlines \n"), None);
        assert_eq!(flow(&"x".repeat(2_000)), None);
        assert_eq!(flow(&"ünd so weiter ".repeat(20)), None);
    }

    #[test]
    fn what_others_flowed_is_read() {
        assert_eq!(unflow("a \nb\n", false), "a b\n");
        assert_eq!(unflow("a \nb\n", true), "ab\n");
        assert_eq!(
            unflow("> a \n> b\n>> c \n> d\n", false),
            "> a b\n>> c\n> d\n"
        );
        assert_eq!(unflow("text \n-- \nAnn\n", false), "text\n-- \nAnn\n");
        assert_eq!(unflow(" > no quote\n", false), "> no quote\n");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_flowed_comes_back(lines in proptest::collection::vec("[>]{0,3} ?[a-zF>][a-z >-]{0,150}", 1..6)) {
            let lines: Vec<String> = lines.iter().map(|line| {
                // As it is read: the marks together, one blank behind them, none at the end.
                let (depth, content) = quote(line.trim_end());
                let blank = if depth > 0 && !content.is_empty() { " " } else { "" };
                format!("{}{blank}{content}", ">".repeat(depth))
            }).collect();
            let text = lines.join("\n") + "\n";
            if let Some(flowed) = flow(&text) {
                proptest::prop_assert_eq!(unflow(&flowed, false), text);
            }
        }
    }
}
