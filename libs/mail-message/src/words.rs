//! Encoded words in headers (RFC 2047), also the broken ones.
//!
//! Adjacent words of one charset are joined as bytes before decoding, because many mailers cut
//! a character in two; a word that decodes to another encoded word is decoded once more.

use crate::{charset, decode};
use base64::Engine as _;

/// Decodes an unstructured header value: unfolded, words decoded, raw 8-bit text repaired.
pub(crate) fn text(value: &[u8]) -> String {
    let once = decode_words(value, &mut |text| text);
    if once.contains("=?") && once.contains("?=") {
        return decode_words(once.as_bytes(), &mut |text| text);
    }
    once
}

/// For structured headers: every run of words becomes one UTF-8 word that a structured parser
/// reads whole; everything else becomes UTF-8 on one line.
pub(crate) fn normalised(value: &[u8]) -> String {
    decode_words(value, &mut |text| {
        let text = if text.contains("=?") && text.contains("?=") {
            decode_words(text.as_bytes(), &mut |t| t)
        } else {
            text
        };
        let packed = base64::engine::general_purpose::STANDARD.encode(text.as_bytes());
        format!("=?utf-8?B?{packed}?=")
    })
}

fn decode_words(value: &[u8], wrap: &mut dyn FnMut(String) -> String) -> String {
    let mut out = String::with_capacity(value.len());
    // The run of words being joined: charset label and bytes so far.
    let mut run: Vec<(String, Vec<u8>)> = Vec::new();
    let mut rest = value;
    while let Some(at) = find(rest, b"=?") {
        let (before, from) = rest.split_at(at);
        let Some((charset, bytes, used)) = word(from) else {
            flush(&mut run, &mut out, wrap);
            push_raw(&mut out, rest.get(..at + 2).unwrap_or_default());
            rest = rest.get(at + 2..).unwrap_or_default();
            continue;
        };
        let only_blank = before.iter().all(u8::is_ascii_whitespace);
        if run.is_empty() || !only_blank {
            flush(&mut run, &mut out, wrap);
            push_raw(&mut out, before);
        }
        match run.last_mut() {
            Some((same, joined)) if same.eq_ignore_ascii_case(&charset) => joined.extend(bytes),
            _ => run.push((charset, bytes)),
        }
        rest = from.get(used..).unwrap_or_default();
    }
    flush(&mut run, &mut out, wrap);
    push_raw(&mut out, rest);
    out
}

fn flush(
    run: &mut Vec<(String, Vec<u8>)>,
    out: &mut String,
    wrap: &mut dyn FnMut(String) -> String,
) {
    if run.is_empty() {
        return;
    }
    let text: String = run
        .drain(..)
        .map(|(charset, bytes)| charset::decode(&bytes, Some(&charset)))
        .collect();
    out.push_str(&wrap(text));
}

/// Unfolds: line breaks go, the white space after them stays (RFC 5322 section 2.2.3).
fn push_raw(out: &mut String, raw: &[u8]) {
    if raw.is_empty() {
        return;
    }
    if raw.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        let kept: Vec<u8> = raw
            .iter()
            .copied()
            .filter(|b| !matches!(b, b'\r' | b'\n'))
            .collect();
        out.push_str(&charset::guess(&kept));
    } else {
        out.push_str(&charset::guess(raw));
    }
}

/// One word at the start of `from`: charset, decoded bytes, length used.
fn word(from: &[u8]) -> Option<(String, Vec<u8>, usize)> {
    // RFC 2047 allows 75 octets; senders write whole headers into one word.
    const CHARSET_MAX: usize = 80;
    let body = from.get(2..)?;
    let q1 = body.iter().take(CHARSET_MAX).position(|&b| b == b'?')?;
    let charset = std::str::from_utf8(body.get(..q1)?).ok()?;
    // RFC 2231 section 5: a language may follow the charset.
    let charset = charset.split('*').next().unwrap_or_default();
    if charset.is_empty() || !charset.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let encoding = *body.get(q1 + 1)?;
    if *body.get(q1 + 2)? != b'?' {
        return None;
    }
    let data = body.get(q1 + 3..)?;
    let end = find(data, b"?=")?;
    let raw = data.get(..end)?;
    let bytes = match encoding {
        b'B' | b'b' => decode::base64(raw, usize::MAX),
        b'Q' | b'q' => decode::q_word(raw),
        _ => return None,
    };
    Some((charset.to_owned(), bytes, 2 + q1 + 3 + end + 2))
}

pub(crate) fn find(haystack: &[u8], needle: &[u8; 2]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = haystack.get(from..)?.iter().position(|&b| b == needle[0]) {
        let at = from + at;
        if haystack.get(at + 1) == Some(&needle[1]) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_joined_and_tolerated() {
        let table = [
            ("plain", "plain"),
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
            ("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=", "Grüße"),
            ("=?UTF-8?B?R3LD?=\r\n =?utf-8?B?vMOfZQ==?= now", "Grüße now"),
            ("=?iso-8859-1?q?a_b?= c =?iso-8859-1?q?d?=", "a b c d"),
            ("=?utf-8*de?Q?x?=", "x"),
            ("a =?broken b", "a =?broken b"),
            ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
            ("=?utf-8?Q?two words?=", "two words"),
            ("=?utf-8?B?PT91dGYtOD9RP0dyPUMzPUJDbj89?=", "Grün"),
            ("=?no-such?Q?caf=E9?=", "café"),
            ("folded\r\n line", "folded line"),
        ];
        for (given, want) in table {
            assert_eq!(text(given.as_bytes()), want);
        }
        assert_eq!(text(b"caf\xe9"), "café");
        assert_eq!(
            normalised(b"=?utf-8?Q?J=C3?= =?utf-8?Q?=B6?= <a@b>"),
            "=?utf-8?B?SsO2?= <a@b>"
        );
    }
}
