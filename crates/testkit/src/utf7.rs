//! Folder names on the wire and on disk: modified UTF-7 (RFC 3501 section 5.1.3).

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// `Entwürfe` becomes `Entw&APw-rfe`.
pub fn utf7_encode(name: &str) -> String {
    let mut out = String::new();
    let mut wide = Vec::new();
    let flush = |wide: &mut Vec<u8>, out: &mut String| {
        if !wide.is_empty() {
            out.push('&');
            ENGINE.encode_string(&*wide, out);
            out.push('-');
            wide.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut wide, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            wide.extend(
                c.encode_utf16(&mut [0; 2])
                    .iter()
                    .flat_map(|unit| unit.to_be_bytes()),
            );
        }
    }
    flush(&mut wide, &mut out);
    out
}

/// `Entw&APw-rfe` becomes `Entwürfe`; what is not modified UTF-7 stays as it is.
pub fn utf7_decode(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('-') else {
            return name.to_owned();
        };
        let coded = &rest[start + 1..start + length];
        if coded.is_empty() {
            out.push('&');
        } else {
            let Ok(bytes) = ENGINE.decode(coded) else {
                return name.to_owned();
            };
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            let Ok(text) = String::from_utf16(&units) else {
                return name.to_owned();
            };
            out.push_str(&text);
        }
        rest = &rest[start + length + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::{utf7_decode, utf7_encode};

    #[test]
    fn names_survive_the_round_trip() {
        for (name, coded) in [
            ("Entwürfe", "Entw&APw-rfe"),
            ("台北日本語", "&U,BTFw-&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("plain", "plain"),
            ("😀/x", "&2D3eAA-/x"),
        ] {
            // RFC 3501's own example joins two runs; one run means the same.
            assert_eq!(utf7_decode(coded), name);
            assert_eq!(utf7_decode(&utf7_encode(name)), name);
        }
        assert_eq!(utf7_encode("Entwürfe"), "Entw&APw-rfe");
    }
}
