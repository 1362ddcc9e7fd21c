//! The body as it goes over the wire: lines end in CR LF. After DATA dots are doubled and one dot alone ends it
//! (RFC 5321 4.5.2, 2.3.8); in the chunks of BDAT a dot is a dot, because they are counted (RFC 3030).
//!
//! Servers differ in what they take for a line end. A message that holds `\n.\n` or `\r.\r` is one message to us and two to
//! some of them ("SMTP smuggling"). So no bare CR and no bare LF ever leaves: each becomes CR LF, and what follows is the
//! start of a line, where a dot is doubled.

/// What ends a message, when its last line is complete.
const END: &[u8] = b".\r\n";

/// Turns a body, given in pieces of any size, into its form on the wire.
#[derive(Debug)]
pub(crate) struct WireForm {
    /// A dot at the start of a line is doubled.
    doubles_dots: bool,
    line_start: bool,
    /// The last byte was a CR that is not written yet: a LF may follow.
    held_cr: bool,
}

impl WireForm {
    /// The form after DATA.
    pub(crate) fn dotted() -> WireForm {
        WireForm {
            doubles_dots: true,
            line_start: true,
            held_cr: false,
        }
    }

    /// The form in chunks that are counted.
    pub(crate) fn counted() -> WireForm {
        WireForm {
            doubles_dots: false,
            ..WireForm::dotted()
        }
    }

    /// Appends the wire form of `input` to `out`. At most twice as many bytes, plus two.
    pub(crate) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = input.first() {
            if self.held_cr {
                self.end_line(out);
                if first == b'\n' {
                    input = &input[1..];
                }
                continue;
            }
            match first {
                b'\r' => {
                    self.held_cr = true;
                    input = &input[1..];
                }
                b'\n' => {
                    self.end_line(out);
                    input = &input[1..];
                }
                _ => {
                    if self.doubles_dots && self.line_start && first == b'.' {
                        out.push(b'.');
                    }
                    let text = input
                        .iter()
                        .position(|b| matches!(b, b'\r' | b'\n'))
                        .unwrap_or(input.len());
                    out.extend_from_slice(&input[..text]);
                    self.line_start = false;
                    input = &input[text..];
                }
            }
        }
    }

    /// Completes the last line.
    pub(crate) fn complete(&mut self, out: &mut Vec<u8>) {
        if self.held_cr || !self.line_start {
            self.end_line(out);
        }
    }

    /// Completes the last line and appends the final dot; gives the place of that dot in `out`.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> usize {
        self.complete(out);
        out.extend_from_slice(END);
        out.len() - END.len()
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.held_cr = false;
        self.line_start = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(body: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut stuffer = WireForm::dotted();
        for part in body.chunks(piece.max(1)) {
            stuffer.push(part, &mut out);
        }
        let dot = stuffer.finish(&mut out);
        assert_eq!(&out[dot..], END);
        out
    }

    /// What a server of the laxest kind would take for line ends: CR LF, bare CR, bare LF.
    fn lax_lines(wire: &[u8]) -> Vec<Vec<u8>> {
        let text = String::from_utf8_lossy(wire)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        text.split('\n')
            .map(|line| line.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn bodies_get_their_wire_form() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b".\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
            (b"a\n", b"a\r\n.\r\n"),
            (b"a\r", b"a\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b"..", b"...\r\n.\r\n"),
            (b".a\r\n.b\r\n", b"..a\r\n..b\r\n.\r\n"),
            (b"a.b\r\n", b"a.b\r\n.\r\n"),
            (b"a\nb", b"a\r\nb\r\n.\r\n"),
            (b"a\rb", b"a\r\nb\r\n.\r\n"),
            (b"a\r\rb", b"a\r\n\r\nb\r\n.\r\n"),
            (b"a\r\r\nb", b"a\r\n\r\nb\r\n.\r\n"),
            (b"a\n\rb", b"a\r\n\r\nb\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
            (b"\n.\n", b"\r\n..\r\n.\r\n"),
            (b"\r.\r", b"\r\n..\r\n.\r\n"),
            (b"\0\xff\r\n", b"\0\xff\r\n.\r\n"),
        ];
        for (body, wire) in table {
            for piece in 1..=body.len().max(1) {
                assert_eq!(stuffed(body, piece), *wire, "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_counted_has_the_same_lines_and_no_doubled_dots() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"a", b"a\r\n"),
            (b"a\r", b"a\r\n"),
            (b".\n..\r.", b".\r\n..\r\n.\r\n"),
            (b"a\r\r\nb\n\rc\0\xff\r\n", b"a\r\n\r\nb\r\n\r\nc\0\xff\r\n"),
        ];
        for (body, wire) in table {
            for piece in 1..=body.len().max(1) {
                let (mut out, mut form) = (Vec::new(), WireForm::counted());
                for part in body.chunks(piece) {
                    form.push(part, &mut out);
                }
                form.complete(&mut out);
                assert_eq!(out, *wire, "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn no_message_can_smuggle_a_second_one() {
        // Every end-of-data that some server has been seen to take for one (2023's list and our own), in every piece size.
        let ends = ["\r\n", "\r", "\n", "\r\r\n", "\n\r", "\r\n\n", "\r\0\n"];
        for before in ends {
            for after in ends {
                let body = format!(
                    "Subject: x\r\n\r\nhello{before}.{after}MAIL FROM:<evil@example.org>{after}"
                );
                for piece in [1, 2, 3, 7, body.len()] {
                    let wire = stuffed(body.as_bytes(), piece);
                    for (at, byte) in wire.iter().enumerate() {
                        match byte {
                            b'\r' => {
                                assert_eq!(wire.get(at + 1), Some(&b'\n'), "bare CR from {body:?}")
                            }
                            b'\n' => assert_eq!(wire[at - 1], b'\r', "bare LF from {body:?}"),
                            _ => {}
                        }
                    }
                    let lines = lax_lines(&wire);
                    let dots = lines.iter().filter(|line| *line == b".").count();
                    assert_eq!(dots, 1, "{body:?}");
                    assert_eq!(
                        lines[lines.len() - 2],
                        b".",
                        "the only dot alone is the last line: {body:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_server_unstuffs_is_the_message() {
        let body = b".one\r\n..two\r\n\r\n.\r\nthree\r\n";
        let wire = stuffed(body, 4);
        let text = wire.strip_suffix(END).expect("an end");
        let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
        let back: Vec<u8> = lines
            .iter()
            .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
            .copied()
            .collect();
        assert_eq!(back, body);
    }
}
