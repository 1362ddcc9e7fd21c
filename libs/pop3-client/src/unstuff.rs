//! Takes the doubled dots out of a multi-line answer and finds its end, byte for byte (RFC 1939 section 3).
//!
//! Only CR LF is a line end here. A message may hold a bare LF followed by `.` CR LF; a client that took that for the end
//! would read the rest of the message as the server's next answers.

/// Where in a line we are, as far as it matters for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    /// A dot at the start of a line: dropped, unless the line was the end.
    Dot,
    /// That dot and a CR: the end, if a LF follows.
    DotCr,
    Text,
    Cr,
}

/// How much of its input [`Unstuffer::push`] used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it, and the end has not come yet.
    More,
    /// This many bytes; the last of them ended the answer.
    End(usize),
}

/// The state between two pieces of one answer.
#[derive(Debug)]
pub(crate) struct Unstuffer(State);

impl Unstuffer {
    pub(crate) fn new() -> Unstuffer {
        Unstuffer(State::LineStart)
    }

    /// Appends to `out` what `input` holds of the message.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Progress {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match (self.0, byte) {
                (State::LineStart, b'.') => self.0 = State::Dot,
                (State::Dot, b'\r') => self.0 = State::DotCr,
                (State::DotCr, b'\n') => {
                    self.0 = State::LineStart;
                    return Progress::End(at + 1);
                }
                (State::DotCr, _) => {
                    // The dot stood before a bare CR: a line like any other, and this byte is still to be looked at.
                    out.push(b'\r');
                    self.0 = State::Cr;
                    continue;
                }
                (State::Cr, b'\n') => {
                    out.push(b'\n');
                    self.0 = State::LineStart;
                }
                (_, b'\r') => {
                    out.push(b'\r');
                    self.0 = State::Cr;
                }
                _ => {
                    let rest = &input[at..];
                    let text = rest.iter().position(|b| *b == b'\r').unwrap_or(rest.len());
                    out.extend_from_slice(&rest[..text]);
                    self.0 = State::Text;
                    at += text;
                    continue;
                }
            }
            at += 1;
        }
        Progress::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is on the wire, the message, and what is left after its end, if that comes.
    type Row = (&'static [u8], &'static [u8], Option<&'static [u8]>);

    /// Feeds pieces of one size; gives the message and what was left after its end.
    fn unstuffed(wire: &[u8], piece: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut out = Vec::new();
        let mut unstuffer = Unstuffer::new();
        let mut at = 0;
        for part in wire.chunks(piece) {
            if let Progress::End(used) = unstuffer.push(part, &mut out) {
                return (out, Some(wire[at + used..].to_vec()));
            }
            at += part.len();
        }
        (out, None)
    }

    #[test]
    fn messages_come_out_byte_for_byte_in_pieces_of_any_size() {
        let table: &[Row] = &[
            (b".\r\n", b"", Some(b"")),
            (b"a\r\n.\r\n", b"a\r\n", Some(b"")),
            (b"a\r\n.\r\n+OK next\r\n", b"a\r\n", Some(b"+OK next\r\n")),
            (b"..\r\n.\r\n", b".\r\n", Some(b"")),
            (b"...a\r\n.\r\n", b"..a\r\n", Some(b"")),
            (b"..\r\n..\r\n.\r\n", b".\r\n.\r\n", Some(b"")),
            (b"a.b\r\n.\r\n", b"a.b\r\n", Some(b"")),
            (b"\r\n\r\n.\r\n", b"\r\n\r\n", Some(b"")),
            (b"\n.\r\nx\r\n.\r\n", b"\n.\r\nx\r\n", Some(b"")),
            (b"a\n.\n.\r\n.\r\n", b"a\n.\n.\r\n", Some(b"")),
            (b"a\r.\r\n.\r\n", b"a\r.\r\n", Some(b"")),
            (b"a\r\r\n.\r\n", b"a\r\r\n", Some(b"")),
            (b".\r\r\n.\r\n", b"\r\r\n", Some(b"")),
            (b".\rx\r\n.\r\n", b"\rx\r\n", Some(b"")),
            (b".x\r\n.\r\n", b"x\r\n", Some(b"")),
            (b"\0\xff\r\n.\r\n", b"\0\xff\r\n", Some(b"")),
            (b"a\r\n.\n", b"a\r\n\n", None),
            (b"no end", b"no end", None),
        ];
        for (wire, message, rest) in table {
            for piece in 1..=wire.len() {
                let (got, left) = unstuffed(wire, piece);
                assert_eq!(
                    (got.as_slice(), left.as_deref()),
                    (*message, *rest),
                    "{wire:?} in pieces of {piece}"
                );
            }
        }
    }
}
