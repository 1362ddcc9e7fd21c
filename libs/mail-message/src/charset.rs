//! Bytes of a body or a header to text, whatever the label says.
//!
//! Labels lie: 8-bit text arrives as `us-ascii` or without any label, UTF-8 arrives as
//! `iso-8859-1`. A label is followed where it can be true and repaired where it cannot.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes `bytes` by their `label`; without a usable label by what the bytes look like.
/// A byte order mark at the start is dropped. Never fails: what cannot be read is U+FFFD.
pub(crate) fn decode(bytes: &[u8], label: Option<&str>) -> String {
    let label = label
        .map(|l| l.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
        .unwrap_or_default();
    let text = decode_as(bytes, &label);
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn decode_as(bytes: &[u8], label: &str) -> String {
    match label {
        "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "unknown-8bit" | "unknown" | "default"
        | "8bit" | "x-unknown" => guess(bytes),
        "utf-8" | "utf8" | "unicode-1-1-utf-8" => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => mostly_utf8(bytes).unwrap_or_else(|| windows_1252(bytes)),
        },
        // Real Latin-1 text with letters above 127 is practically never valid UTF-8.
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "l1" | "windows-1252" | "cp1252"
        | "cp819" => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => windows_1252(bytes),
        },
        // Old Chinese labels for what GB18030 contains; old Japanese and Korean vendor labels.
        "gb2312" | "gb_2312-80" | "gbk" | "cp936" | "x-gbk" => by_name(bytes, "gb18030"),
        "cp932" | "ms932" | "x-sjis" | "windows-31j" | "sjis" | "shift-jis" => {
            by_name(bytes, "shift_jis")
        }
        "ks_c_5601-1987" | "ks_c_5601" | "cp949" | "uhc" | "ms949" | "windows-949"
        | "x-windows-949" => by_name(bytes, "euc-kr"),
        "cp50220" | "cp50221" | "iso-2022-jp-ms" | "iso-2022-jp-1" | "iso-2022-jp-2" => {
            by_name(bytes, "iso-2022-jp")
        }
        "cp65001" => by_name(bytes, "utf-8"),
        "unicode-1-1-utf-7" | "utf7" => by_name(bytes, "utf-7"),
        other => by_name(bytes, other),
    }
}

fn by_name(bytes: &[u8], name: &str) -> String {
    match charset_decoder(name.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => guess(bytes),
    }
}

/// No label: UTF-8 where valid, ISO-2022-JP where its escapes are there, else windows-1252.
pub(crate) fn guess(bytes: &[u8]) -> String {
    if bytes.contains(&0x1b) && has_japanese_escape(bytes) {
        return by_name(bytes, "iso-2022-jp");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => mostly_utf8(bytes).unwrap_or_else(|| windows_1252(bytes)),
    }
}

fn has_japanese_escape(bytes: &[u8]) -> bool {
    bytes
        .windows(3)
        .any(|w| matches!(w, b"\x1b$B" | b"\x1b$@" | b"\x1b(J"))
}

fn windows_1252(bytes: &[u8]) -> String {
    match charset_decoder(b"windows-1252") {
        Some(decoder) => decoder(bytes),
        None => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

/// UTF-8 with a few damaged places (a cut at the end, a stray byte) is still UTF-8: accepted
/// when whole multi-byte characters outnumber the damaged places by far.
fn mostly_utf8(bytes: &[u8]) -> Option<String> {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    (good > 0 && good >= bad * 4).then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_followed_where_true_and_repaired_where_not() {
        let table: &[(&[u8], Option<&str>, &str)] = &[
            (b"plain", None, "plain"),
            ("caf\u{e9}".as_bytes(), None, "caf\u{e9}"),
            (b"caf\xe9", None, "caf\u{e9}"),
            (b"caf\xe9", Some("us-ascii"), "caf\u{e9}"),
            (b"caf\xe9", Some("utf-8"), "caf\u{e9}"),
            (b"caf\xe9 \x80", Some("iso-8859-1"), "caf\u{e9} \u{20ac}"),
            ("gr\u{fc}n".as_bytes(), Some("ISO-8859-1"), "gr\u{fc}n"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2", Some("windows-1251"), "Привет"),
            (b"\xc4\xe3\xba\xc3", Some("gb2312"), "你好"),
            (b"\x1b$B%O%m\x1b(B", None, "ハロ"),
            (b"\x83n\x83\x8d", Some("cp932"), "ハロ"),
            (b"\xbe\xc8\xb3\xe7", Some("ks_c_5601-1987"), "안녕"),
            (b"caf\xe9", Some("x-no-such-charset"), "caf\u{e9}"),
            (b"\xef\xbb\xbfhi", Some("utf-8"), "hi"),
        ];
        for (bytes, label, want) in table {
            assert_eq!(&decode(bytes, *label), want, "{label:?}");
        }
        let mut cut = "äöüäöüäöü".as_bytes().to_vec();
        cut.pop();
        assert_eq!(decode(&cut, None), "äöüäöüäö\u{fffd}");
    }
}
