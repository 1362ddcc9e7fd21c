//! What may stand in an output string: text is data everywhere, so control characters go.

/// One line for headers: control characters, line breaks and direction-changing characters go,
/// white space collapses, at most `max` characters.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max * 4));
    let mut count = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if c.is_control() || is_bidi_control(c) || is_noncharacter(c) {
            continue;
        }
        if count + usize::from(space) >= max {
            break;
        }
        if space {
            out.push(' ');
            count += 1;
            space = false;
        }
        out.push(c);
        count += 1;
    }
    out
}

/// A body: line ends become LF, other control characters go, the direction of text stays.
/// At most `max` bytes, cut at a character.
pub(crate) fn body(text: String, max: usize) -> (String, bool) {
    let (mut text, cut) = if text.len() > max {
        let end = floor_boundary(&text, max);
        (text.get(..end).unwrap_or_default().to_owned(), true)
    } else {
        (text, false)
    };
    let dirty = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_noncharacter(c);
    if text.contains(dirty) {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => {
                    if chars.peek() != Some(&'\n') {
                        out.push('\n');
                    }
                }
                // Form feed and vertical tab separate pages and lines; NEL is a line end.
                '\u{b}' | '\u{c}' | '\u{85}' => out.push('\n'),
                c if dirty(c) => {}
                c => out.push(c),
            }
        }
        text = out;
    }
    (text, cut)
}

/// Embeddings, overrides, isolates and marks: they make "exe.fdp" look like "pdf.exe".
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without width that newsletters fill their preview with.
pub(crate) fn is_invisible(c: char) -> bool {
    is_bidi_control(c)
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(c as u32 & 0xffff, 0xfffe | 0xffff)
}

/// The largest character boundary of `text` that is not after `at`.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_no_control_characters_and_are_bounded() {
        assert_eq!(line("a\0b\r\n\tc\u{1b}[31m  d\u{202e}", 100), "ab c[31m d");
        assert_eq!(line("abcdef", 3), "abc");
        assert_eq!(line("  x  ", 9), "x");
    }

    #[test]
    fn bodies_keep_lines_and_direction_but_nothing_else_invisible() {
        let (text, cut) = body("a\r\nb\rc\0\u{7}\u{202e}\n".into(), 100);
        assert_eq!((text.as_str(), cut), ("a\nb\nc\u{202e}\n", false));
        assert_eq!(body("ääää".into(), 3), ("ä".into(), true));
    }
}
