//! A text that spells bytes one by one: as they are, or with the escapes of quoted strings, JSON, URLs, MIME, HTML and XML.

/// A longer entity is none.
const ENTITY: usize = 10;

/// How many bytes of the text, from its beginning, spell `wanted`; none: they spell something else. Letters of ASCII count
/// as the same in either case. A byte can often be read in two ways (a percent sign is one, or begins an escape): all are
/// tried, and the longest spelling that fits is the one that is found first.
pub(super) fn spelled(text: &str, wanted: &[u8]) -> Option<usize> {
    // Most texts are over here.
    let (first, begins) = (*text.as_bytes().first()?, *wanted.first()?);
    if !first.eq_ignore_ascii_case(&begins) && !b"%=+_&\\".contains(&first) {
        return None;
    }
    // Each entry: where the text is to be read on, and how much of `wanted` has been read.
    let mut open = vec![(0, 0)];
    let mut steps = 0;
    while let Some((at, read)) = open.pop() {
        if read == wanted.len() {
            return text.is_char_boundary(at).then_some(at);
        }
        // Only a text made for it has more than a few readings.
        steps += 1;
        if steps > 8 * (wanted.len() + 8) {
            return None;
        }
        let rest = &text.as_bytes()[at..];
        for (meant, length) in readings(rest) {
            let meant = meant.as_bytes();
            let next = wanted.get(read..read + meant.len());
            if next.is_some_and(|next| next.eq_ignore_ascii_case(meant)) {
                open.push((at + length, read + meant.len()));
            }
        }
    }
    None
}

/// What one reading of the next bytes means.
#[derive(Clone, Copy)]
struct Meant {
    bytes: [u8; 4],
    length: usize,
}

impl Meant {
    const NOTHING: Self = Self {
        bytes: [0; 4],
        length: 0,
    };

    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    fn char(c: char) -> Self {
        let mut bytes = [0; 4];
        let length = c.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Every way to read what comes next, with the number of bytes it takes; the literal one first.
fn readings(rest: &[u8]) -> impl Iterator<Item = (Meant, usize)> {
    let first = rest.first().copied();
    let literal = first.map(|byte| (Meant::byte(byte), 1));
    let escaped = match (first, rest) {
        (Some(b'%' | b'='), [_, high, low, ..]) => code(&[*high, *low], 16)
            .and_then(|code| Some((Meant::byte(u8::try_from(code).ok()?), 3))),
        // A space in a form, and in a MIME header.
        (Some(b'+' | b'_'), _) => Some((Meant::byte(b' '), 1)),
        (Some(b'&'), _) => entity(rest),
        (Some(b'\\'), [_, b'u', digits @ ..]) => digits
            .get(..4)
            .and_then(|digits| Some((Meant::char(char::from_u32(code(digits, 16)?)?), 6))),
        (Some(b'\\'), [_, next, ..]) => Some((Meant::byte(*next), 2)),
        _ => None,
    };
    // A line that MIME broke goes on.
    let broken = match rest {
        [b'=', b'\r', b'\n', ..] => Some((Meant::NOTHING, 3)),
        [b'=', b'\n', ..] => Some((Meant::NOTHING, 2)),
        _ => None,
    };
    [literal, escaped, broken].into_iter().flatten()
}

fn entity(rest: &[u8]) -> Option<(Meant, usize)> {
    let end = rest.iter().take(ENTITY).position(|byte| *byte == b';')?;
    let meant = match &rest[1..end] {
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(code(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(code(digits, 10)?)?,
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" => '\u{a0}',
        _ => return None,
    };
    Some((Meant::char(meant), end + 1))
}

fn code(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_read_and_a_sign_may_be_itself() {
        for (text, wanted) in [
            ("100%25 sure", Some(6)),
            ("100% sure", Some(4)),
            ("100=25 sure", Some(6)),
            ("100&#37; sure", Some(8)),
            ("10=\r\n0%", Some(7)),
            (r"100\u0025", Some(9)),
            ("100& sure", None),
            ("99%", None),
        ] {
            assert_eq!(spelled(text, b"100%"), wanted, "{text}");
        }
        assert_eq!(spelled("%4&amp;", b"%4&"), Some(7));
        assert_eq!(spelled("%zz", b"%zz"), Some(3));
    }

    #[test]
    fn a_text_made_to_be_read_in_many_ways_costs_little() {
        let text = "+".repeat(4_000);
        assert_eq!(spelled(&text, " ".repeat(3_000).as_bytes()), Some(3_000));
        assert_eq!(
            spelled(&text, &[b" ".repeat(3_000), b"x".to_vec()].concat()),
            None
        );
    }
}
