//! Content on its way into a message: base64 lines piece by piece, and what lines are like.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of a line without its end (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;
/// Bytes in one line of base64 (76 characters).
const LINE: usize = 57;

/// Base64 in lines of 76 characters with CR LF (RFC 2045 section 6.8), however the bytes come.
#[derive(Debug, Clone, Default)]
pub struct Base64Lines {
    /// Less than a line.
    kept: Vec<u8>,
}

impl Base64Lines {
    /// Bytes that `length` bytes become.
    #[must_use]
    pub const fn length(length: u64) -> u64 {
        let lines = length.div_ceil(LINE as u64);
        length.div_ceil(3) * 4 + lines * 2
    }

    /// Takes more bytes; whole lines go to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if !self.kept.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(LINE - self.kept.len()));
            self.kept.extend_from_slice(now);
            rest = later;
            if self.kept.len() < LINE {
                return;
            }
            line(&self.kept, out);
            self.kept.clear();
        }
        let whole = rest.len() - rest.len() % LINE;
        let (lines, more) = rest.split_at(whole);
        lines.chunks(LINE).for_each(|bytes| line(bytes, out));
        self.kept.extend_from_slice(more);
    }

    /// The last line.
    pub fn finish(self, out: &mut Vec<u8>) {
        if !self.kept.is_empty() {
            line(&self.kept, out);
        }
    }
}

fn line(bytes: &[u8], out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + bytes.len().div_ceil(3) * 4, 0);
    if let Some(place) = out.get_mut(at..) {
        // The place has exactly the length that it takes.
        let _ = STANDARD.encode_slice(bytes, place);
    }
    out.extend_from_slice(b"\r\n");
}

/// What the lines of something are like, seen piece by piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineScan {
    length: usize,
    previous: u8,
    eight_bit: bool,
    fault: Option<&'static str>,
}

impl LineScan {
    /// Of all these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut scan = Self::default();
        scan.update(bytes);
        scan
    }

    /// Looks at the bytes that come next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.eight_bit |= !bytes.is_ascii();
        if self.fault.is_some() {
            return;
        }
        for &b in bytes {
            match b {
                b'\n' if self.previous != b'\r' => self.fault = Some("a bare line feed"),
                b'\n' => self.length = 0,
                _ if self.previous == b'\r' => self.fault = Some("a bare carriage return"),
                b'\r' => {}
                0 => self.fault = Some("a NUL"),
                _ => self.length += 1,
            }
            if self.length > MAX_LINE {
                self.fault = Some("a line longer than 998 octets");
            }
            if self.fault.is_some() {
                return;
            }
            self.previous = b;
        }
    }

    /// Why it cannot go over the wire as it is, if it cannot: CR LF only, no line over 998 octets, no NUL.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let open = (self.previous == b'\r').then_some("a bare carriage return");
        self.fault.or(open)
    }

    /// Nothing above 127.
    #[must_use]
    pub const fn is_ascii(&self) -> bool {
        !self.eight_bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_lines_are_the_same_however_the_bytes_come() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let mut whole = Vec::new();
        let mut lines = Base64Lines::default();
        lines.push(&bytes, &mut whole);
        lines.finish(&mut whole);
        assert_eq!(whole.len() as u64, Base64Lines::length(1_000));
        assert!(whole.split(|b| *b == b'\n').all(|line| line.len() <= 77));
        for step in [1, 56, 57, 58, 200] {
            let mut out = Vec::new();
            let mut lines = Base64Lines::default();
            bytes
                .chunks(step)
                .for_each(|piece| lines.push(piece, &mut out));
            lines.finish(&mut out);
            assert_eq!(out, whole, "{step}");
        }
        assert_eq!(Base64Lines::length(0), 0);
    }

    #[test]
    fn lines_are_seen_across_pieces() {
        let scan = |pieces: &[&[u8]]| {
            let mut scan = LineScan::default();
            pieces.iter().for_each(|piece| scan.update(piece));
            scan
        };
        assert_eq!(scan(&[b"a\r", b"\nb"]).fault(), None);
        assert!(scan(&[b"a\r", b"b"]).fault().is_some());
        assert!(scan(&[b"a\r\n", b"\n"]).fault().is_some());
        assert!(scan(&[&[b'x'; 600], &[b'x'; 600]]).fault().is_some());
        assert!(scan(&[b"a\r"]).fault().is_some() && scan(&[b"a\0"]).fault().is_some());
        assert!(!scan(&[b"\xe4\r\n"]).is_ascii());
    }
}
