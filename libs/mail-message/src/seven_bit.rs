//! A message with 8-bit content, rewritten on its way into one of plain ASCII, for servers without 8BITMIME (RFC 6152
//! section 3: a client may convert).
//!
//! It goes through line by line: every leaf that is not encoded yet becomes quoted-printable, containers lose their `8bit`, and
//! what is encoded already stays as it is. Memory does not grow with the message. Not everything can be rewritten: a signed
//! part would lose its signature, and a header beyond ASCII needs another extension (SMTPUTF8).

use crate::header::{self, Parameters};

/// The longest line in which a delimiter is looked for, in bytes (RFC 5322 section 2.1.1 allows 998).
const LINE: usize = 2_000;
/// The largest header of one part, in bytes.
const HEADER: usize = 1024 * 1024;
/// Containers inside containers.
const DEPTH: usize = 100;
/// The most characters of a quoted-printable line before its soft end (RFC 2045 section 6.7).
const QUOTED_LINE: usize = 75;

/// Why a message cannot be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSevenBit {
    /// A part is signed as it is (`multipart/signed`).
    #[error("a signed part cannot be rewritten")]
    Signed,
    /// A header, or text outside of any part, is beyond ASCII.
    #[error("a header is beyond ASCII")]
    Header,
    /// A header without end, or containers without end.
    #[error("the message is built too deep or has too large a header")]
    TooLarge,
}

/// The rewriting, piece by piece.
#[derive(Debug)]
pub struct SevenBit {
    /// The open multiparts, outermost first.
    stack: Vec<Open>,
    /// The header that is being read, or none in a body.
    header: Option<Vec<u8>>,
    /// The body is to be encoded.
    encodes: bool,
    /// The start of a line whose end has not come.
    kept: Vec<u8>,
    /// The start of this line is written already: it was too long to wait for its end.
    in_line: bool,
    /// Characters in the present line of quoted-printable.
    column: usize,
}

#[derive(Debug)]
struct Open {
    boundary: Vec<u8>,
    is_digest: bool,
}

impl Default for SevenBit {
    fn default() -> Self {
        Self {
            stack: Vec::new(),
            header: Some(Vec::new()),
            encodes: false,
            kept: Vec::new(),
            in_line: false,
            column: 0,
        }
    }
}

impl SevenBit {
    /// Takes more of the message; what is ready goes to `out`.
    ///
    /// # Errors
    /// [`NotSevenBit`]; what is in `out` is of no use then.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.kept.extend_from_slice(piece);
            let is_whole = piece.ends_with(b"\n");
            // Not between CR and LF.
            let room = LINE + usize::from(self.kept.ends_with(b"\r"));
            if is_whole || self.kept.len() > room {
                let line = std::mem::take(&mut self.kept);
                self.line(&line, is_whole, out)?;
                self.kept = line;
                self.kept.clear();
            }
        }
        Ok(())
    }

    /// The message has ended.
    ///
    /// # Errors
    /// [`NotSevenBit`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
        let line = std::mem::take(&mut self.kept);
        if !line.is_empty() {
            self.line(&line, false, out)?;
        }
        match self.header.take() {
            Some(block) => plain(&block, out),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8], is_whole: bool, out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
        let starts = !std::mem::replace(&mut self.in_line, !is_whole);
        if starts && let Some((level, closes)) = self.delimiter(line) {
            // A part that is all header.
            if let Some(block) = self.header.take() {
                plain(&block, out)?;
            }
            out.extend_from_slice(line);
            self.column = 0;
            self.stack.truncate(if closes { level } else { level + 1 });
            self.encodes = false;
            self.header = (!closes).then(Vec::new);
            return Ok(());
        }
        let Some(block) = &mut self.header else {
            return if self.encodes {
                self.quoted(line, is_whole, out);
                Ok(())
            } else {
                plain(line, out)
            };
        };
        if starts && is_whole && line.trim_ascii().is_empty() {
            let block = std::mem::take(block);
            return self.end_header(&block, out);
        }
        block.extend_from_slice(line);
        if block.len() > HEADER {
            return Err(NotSevenBit::TooLarge);
        }
        Ok(())
    }

    /// Which open multipart a delimiter line belongs to, innermost first, and whether it closes it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        self.stack
            .iter()
            .enumerate()
            .rev()
            .find_map(|(level, open)| {
                let rest = line.strip_prefix(open.boundary.as_slice())?;
                match rest {
                    b"" => Some((level, false)),
                    b"--" => Some((level, true)),
                    _ => None,
                }
            })
    }

    /// Writes a header with the encoding that its body gets, and goes on to that body.
    fn end_header(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
        let (fields, _) = header::block(block, |_| false);
        let is_digest = self.stack.last().is_some_and(|open| open.is_digest);
        let content_type = fields.get("Content-Type").map(header::parameters);
        let kind = match &content_type {
            Some(parameters) => parameters.value.as_str(),
            None if is_digest => "message/rfc822",
            None => "text/plain",
        };
        let encoding = fields.get("Content-Transfer-Encoding").unwrap_or_default();
        let is_encoded = [&b"base64"[..], b"quoted-printable"].iter().any(|known| {
            encoding
                .trim_ascii()
                .to_ascii_lowercase()
                .starts_with(known)
        });
        let boundary = content_type.as_ref().and_then(boundary);
        self.header = None;
        self.column = 0;
        if is_encoded || kind.starts_with("message/") && !is_message(kind) {
            plain(block, out)?;
        } else if let Some(boundary) = boundary {
            if kind == "multipart/signed" {
                return Err(NotSevenBit::Signed);
            }
            if self.stack.len() == DEPTH {
                return Err(NotSevenBit::TooLarge);
            }
            without_encoding(block, out)?;
            self.stack.push(Open {
                boundary,
                is_digest: kind == "multipart/digest",
            });
        } else if is_message(kind) {
            without_encoding(block, out)?;
            self.header = Some(Vec::new());
        } else {
            without_encoding(block, out)?;
            out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
            self.encodes = true;
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// A line, or a part of one, as quoted-printable.
    fn quoted(&mut self, line: &[u8], is_whole: bool, out: &mut Vec<u8>) {
        let text = match line.strip_suffix(b"\n") {
            Some(text) if is_whole => text.strip_suffix(b"\r").unwrap_or(text),
            _ => line,
        };
        for (at, &byte) in text.iter().enumerate() {
            // A blank at the end of a line is lost on the way.
            let is_last = at + 1 == text.len();
            let stays = match byte {
                b'=' => false,
                b' ' | b'\t' => !is_last,
                _ => byte.is_ascii_graphic(),
            };
            let width = if stays { 1 } else { 3 };
            if self.column + width > QUOTED_LINE {
                out.extend_from_slice(b"=\r\n");
                self.column = 0;
            }
            if stays {
                out.push(byte);
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
            }
            self.column += width;
        }
        if is_whole {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
    }
}

fn is_message(kind: &str) -> bool {
    matches!(kind, "message/rfc822" | "message/global")
}

fn boundary(content_type: &Parameters) -> Option<Vec<u8>> {
    let boundary = content_type.get("boundary")?.trim_end();
    let is_one = content_type.value.starts_with("multipart/") && !boundary.is_empty();
    (is_one && boundary.len() < LINE / 2).then(|| boundary.as_bytes().to_vec())
}

/// What must be ASCII already.
fn plain(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
    if !bytes.is_ascii() {
        return Err(NotSevenBit::Header);
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// A header without the field that names the encoding.
fn without_encoding(block: &[u8], out: &mut Vec<u8>) -> Result<(), NotSevenBit> {
    const NAME: &[u8] = b"content-transfer-encoding";
    let mut left_out = false;
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            left_out = name.trim_ascii().eq_ignore_ascii_case(NAME);
        }
        if !left_out {
            plain(line, out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    fn rewritten(raw: &[u8], piece: usize) -> Result<Vec<u8>, NotSevenBit> {
        let (mut out, mut seven) = (Vec::new(), SevenBit::default());
        for part in raw.chunks(piece) {
            seven.push(part, &mut out)?;
        }
        seven.finish(&mut out)?;
        Ok(out)
    }

    const MIXED: &str = "Subject: x\r\nContent-Type: multipart/mixed;\r\n boundary=\"out er\"\r\nContent-Transfer-Encoding:\r\n 8bit\r\n\r\n\
        nothing\r\n--out er\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Kept: yes\r\n\r\n\
        caf\u{e9} = \u{1F600}  \r\n.\r\n--no delimiter\r\nlast \r\n--out er\r\nContent-Type: message/rfc822\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\n\
        \u{e4}\u{f6}\u{fc}\r\n--in\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--in--\r\n\
        --out er--\r\n";

    #[test]
    fn every_part_reads_as_before_and_all_is_ascii_however_it_comes() {
        let whole = rewritten(MIXED.as_bytes(), MIXED.len()).expect("rewritten");
        assert!(whole.is_ascii());
        for piece in [1, 2, 3, 7, 64] {
            assert_eq!(
                rewritten(MIXED.as_bytes(), piece).expect("rewritten"),
                whole,
                "in pieces of {piece}"
            );
        }
        let text = String::from_utf8(whole.clone()).expect("ASCII");
        assert!(!text.to_lowercase().contains("8bit"), "{text}");
        assert!(
            text.contains(
                "caf=C3=A9 =3D =F0=9F=98=80 =20\r\n.\r\n--no delimiter\r\nlast=20\r\n--out er\r\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("X-Kept: yes\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"),
            "{text}"
        );
        assert!(text.contains("base64\r\n\r\nPGI+\r\n--in--\r\n"), "{text}");
        let (before, after) = (read(MIXED.as_bytes()), read(&whole));
        assert_eq!(before.text, after.text);
        assert_eq!(before.attachments.len(), after.attachments.len());
    }

    #[test]
    fn a_message_without_parts_is_rewritten_too() {
        for (raw, wanted) in [
            (
                "Subject: x\r\n\r\n\u{e9}\r\n",
                "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
            ),
            (
                "Subject: x\n\na\n\u{e9}",
                "Subject: x\nContent-Transfer-Encoding: quoted-printable\r\n\r\na\r\n=C3=A9",
            ),
            ("Subject: x\r\n", "Subject: x\r\n"),
            ("", ""),
        ] {
            for piece in [1, 1000] {
                let out = rewritten(raw.as_bytes(), piece).expect("rewritten");
                assert_eq!(String::from_utf8_lossy(&out), wanted, "{raw:?}");
            }
        }
    }

    #[test]
    fn lines_without_end_stay_within_their_length() {
        let long = format!(
            "Subject: x\r\n\r\n{}\r\n{}",
            "\u{e9}".repeat(5_000),
            "--".repeat(4_000)
        );
        for piece in [1, 999, 100_000] {
            let out = rewritten(long.as_bytes(), piece).expect("rewritten");
            let text = String::from_utf8(out).expect("ASCII");
            assert!(text.lines().all(|line| line.len() <= QUOTED_LINE + 1));
            let body = text.split_once("\r\n\r\n").expect("a body").1;
            let decoded = crate::decode::quoted_printable(body.as_bytes(), usize::MAX);
            assert_eq!(
                decoded,
                long.split_once("\r\n\r\n").expect("a body").1.as_bytes()
            );
        }
    }

    #[test]
    fn what_would_be_spoilt_is_refused() {
        let signed =
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u{e9}\r\n--b--\r\n";
        assert_eq!(rewritten(signed.as_bytes(), 9), Err(NotSevenBit::Signed));
        for header in [
            "Subject: \u{e9}\r\n\r\nx\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{e9}\r\n--b--\r\n",
            "Content-Transfer-Encoding: base64\r\n\r\n\u{e9}\r\n",
        ] {
            assert_eq!(
                rewritten(header.as_bytes(), 9),
                Err(NotSevenBit::Header),
                "{header}"
            );
        }
        let deep = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(200);
        assert_eq!(rewritten(deep.as_bytes(), 4096), Err(NotSevenBit::TooLarge));
        let endless = "x".repeat(2 * HEADER);
        assert_eq!(
            rewritten(endless.as_bytes(), 4096),
            Err(NotSevenBit::TooLarge)
        );
    }
}
