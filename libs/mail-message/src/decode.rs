//! Transfer encodings, read leniently: damage costs characters, never the message.

/// Base64 (RFC 2045 section 6.8): foreign characters are skipped, padding may stand in the
/// middle (joined parts), a cut end gives what is whole. At most `max` bytes come out.
pub(crate) fn base64(raw: &[u8], max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity((raw.len() / 4 * 3 + 3).min(max));
    let mut chunk = 0u32;
    let mut have = 0u8;
    let mut rest = raw;
    while out.len() < max {
        // Whole groups of four, the common case.
        while have == 0
            && let [a, b, c, d, tail @ ..] = rest
        {
            let (a, b, c, d) = (value(*a), value(*b), value(*c), value(*d));
            if a | b | c | d >= 64 || out.len() >= max {
                break;
            }
            let word = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
            let [_, x, y, z] = word.to_be_bytes();
            out.extend_from_slice(&[x, y, z]);
            rest = tail;
        }
        let Some((&byte, tail)) = rest.split_first() else {
            break;
        };
        rest = tail;
        let v = value(byte);
        if v < 64 {
            chunk = chunk << 6 | u32::from(v);
            have += 1;
            if have == 4 {
                let [_, x, y, z] = chunk.to_be_bytes();
                out.extend_from_slice(&[x, y, z]);
                (chunk, have) = (0, 0);
            }
        } else if byte == b'=' {
            partial(chunk, have, &mut out);
            (chunk, have) = (0, 0);
        }
    }
    partial(chunk, have, &mut out);
    out.truncate(max);
    out
}

fn partial(chunk: u32, have: u8, out: &mut Vec<u8>) {
    match have {
        2 => out.push((chunk >> 4) as u8),
        3 => out.extend_from_slice(&[(chunk >> 10) as u8, (chunk >> 2) as u8]),
        _ => {}
    }
}

fn value(byte: u8) -> u8 {
    const TABLE: [u8; 256] = {
        let mut table = [0xff; 256];
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut i = 0;
        while i < 64 {
            table[alphabet[i] as usize] = i as u8;
            i += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

/// Quoted-printable (RFC 2045 section 6.7): a wrong escape stays as written, blanks before a
/// line end go. At most `max` bytes come out.
pub(crate) fn quoted_printable(raw: &[u8], max: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len().min(max));
    // Blanks are kept back until something follows them on their line.
    for line in raw.split_inclusive(|&b| b == b'\n') {
        if out.len() >= max {
            break;
        }
        let ended = line.ends_with(b"\n");
        let mut content = line;
        while let [head @ .., b' ' | b'\t' | b'\r' | b'\n'] = content {
            content = head;
        }
        // A soft break is "=" at the end of the line; at the end of the text it is a cut.
        let soft = content.ends_with(b"=");
        if soft {
            content = content.get(..content.len() - 1).unwrap_or_default();
        } else if !ended {
            content = line;
        }
        escapes(content, false, &mut out);
        if ended && !soft {
            if line.ends_with(b"\r\n") {
                out.push(b'\r');
            }
            out.push(b'\n');
        }
    }
    out.truncate(max);
    out
}

/// The Q encoding of a header word: underscore is a blank (RFC 2047 section 4.2).
pub(crate) fn q_word(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    escapes(raw, true, &mut out);
    out
}

fn escapes(mut raw: &[u8], underscore: bool, out: &mut Vec<u8>) {
    while let Some((&byte, tail)) = raw.split_first() {
        raw = tail;
        match byte {
            b'=' => match tail {
                [high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                    out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                    raw = after;
                }
                _ => out.push(b'='),
            },
            b'_' if underscore => out.push(b' '),
            // A folded word: its line break is not part of the text.
            b'\r' | b'\n' if underscore => {}
            other => out.push(other),
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_survives_damage() {
        let table: [(&[u8], &[u8]); 6] = [
            (b"aGVsbG8=", b"hello"),
            (b"aGVs\r\nbG8=", b"hello"),
            (b"aGVs*bG8", b"hello"),
            (b"aGVsbG8=aGVsbG8=", b"hellohello"),
            (b"a", b""),
            (b"", b""),
        ];
        for (given, want) in table {
            assert_eq!(base64(given, usize::MAX), want);
        }
        assert_eq!(base64(b"aGVsbG8=", 2), b"he");
    }

    #[test]
    fn quoted_printable_survives_damage() {
        let table: [(&[u8], &[u8]); 7] = [
            (b"a=3Db", b"a=b"),
            (b"soft=\r\nbreak", b"softbreak"),
            (b"soft= \nbreak", b"softbreak"),
            (b"blank  \r\nnext", b"blank\r\nnext"),
            (b"bad=ZZ=4", b"bad=ZZ=4"),
            (b"cut=", b"cut"),
            (b"=c3=A4", "ä".as_bytes()),
        ];
        for (given, want) in table {
            assert_eq!(
                String::from_utf8_lossy(&quoted_printable(given, usize::MAX)),
                String::from_utf8_lossy(want)
            );
        }
    }
}
