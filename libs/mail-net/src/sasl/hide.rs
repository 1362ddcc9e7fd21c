//! Servers were seen that repeat what they were told: raw, in base64, or as the whole SASL message.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What stands in the secret's place.
const HIDDEN: &str = "<hidden>";
/// A shorter secret hides nothing, and taking it out would tear words.
const SHORTEST: usize = 4;
/// Hexadecimal digits of an MD5.
const CRAM_DIGITS: usize = 32;
/// The shortest proof: `p=` and a SHA-1 in base64.
const SCRAM_PROOF: usize = 30;
/// Base64 as servers write it: with padding or without, perhaps cut off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text without the secret, in whatever spelling the server repeated it: as it is, with the backslashes of a quoted
/// string, in base64 (also inside a SASL message, with either alphabet), in hexadecimal digits, percent-encoded, or begun
/// at the end of a text that was cut. What is only made from a password (CRAM-MD5, SCRAM) is hidden too: it can be guessed from.
pub fn hide(text: &str, secret: &str) -> String {
    if secret.chars().count() < SHORTEST {
        return text.to_owned();
    }
    let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let mut shown = text.replace(&quoted, HIDDEN).replace(secret, HIDDEN);
    // The alphabet of URLs takes `-` and `_` as letters; percent-encoding takes nearly everything.
    let alphabets: [fn(char) -> bool; 3] = [
        |c| matches!(c, '+' | '/' | '='),
        |c| matches!(c, '-' | '_' | '='),
        |c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | '"' | ','),
    ];
    for more in alphabets {
        shown = word_by_word(&shown, more, secret);
    }
    let begun = secret
        .char_indices()
        .map(|(at, _)| &secret[..at])
        .rfind(|begun| shown.ends_with(begun));
    match begun.filter(|begun| begun.chars().count() >= SHORTEST) {
        Some(begun) => format!("{}{HIDDEN}", &shown[..shown.len() - begun.len()]),
        None => shown,
    }
}

fn word_by_word(text: &str, more: fn(char) -> bool, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || more(c) {
            word.push(c);
        } else {
            shown.push_str(told(&word, secret));
            word.clear();
            shown.push(c);
        }
    }
    shown.push_str(told(&word, secret));
    shown
}

/// A word, unless it holds the secret, or what is made from one, once it is decoded.
fn told<'w>(word: &'w str, secret: &str) -> &'w str {
    let holds = |bytes: &[u8]| {
        let mut windows = bytes.windows(secret.len());
        windows.any(|window| window == secret.as_bytes())
    };
    // A text that was cut may end within four characters.
    let whole = word.trim_end_matches('=');
    let whole = &whole[..whole.len() - usize::from(whole.is_ascii() && whole.len() % 4 == 1)];
    let whole = whole.replace('-', "+").replace('_', "/");
    let in_base64 = LENIENT
        .decode(whole)
        .is_ok_and(|bytes| holds(&bytes) || is_proof(&bytes));
    if in_base64
        || is_proof(word.as_bytes())
        || hex(word).is_some_and(|bytes| holds(&bytes))
        || holds(&percent_decoded(word))
    {
        HIDDEN
    } else {
        word
    }
}

/// CRAM-MD5's digest, alone or behind a user name (RFC 2195), and the end of SCRAM's last message (RFC 5802 section 7).
fn is_proof(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let last = text.rsplit(' ').next().unwrap_or(text);
    let digest =
        last.len() == CRAM_DIGITS && last.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let proof = text.starts_with("c=") && text.contains(",p=") || text.starts_with("p=");
    digest || (proof && text.len() >= SCRAM_PROOF)
}

fn percent_decoded(word: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        let two = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = two.and_then(|two| u8::from_str_radix(two, 16).ok());
        (rest, _) = match (first, code) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            (b'+', _) => (after, bytes.push(b' ')),
            (other, _) => (after, bytes.push(*other)),
        };
    }
    bytes
}

fn hex(word: &str) -> Option<Vec<u8>> {
    let digits = word.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        for (text, wanted) in [
            ("bad s3cret-pw!", "bad <hidden>!"),
            // s3cret-pw
            ("no czNjcmV0LXB3", "no <hidden>"),
            // \0ann\0s3cret-pw
            ("got AGFubgBzM2NyZXQtcHc= here", "got <hidden> here"),
            ("got AGFubgBzM2NyZXQtcHc, here", "got <hidden>, here"),
            ("hex 7333637265742d7077.", "hex <hidden>."),
            ("cut off: s3cret", "cut off: <hidden>"),
            ("Invalid credentials", "Invalid credentials"),
            ("s3", "s3"),
            ("", ""),
        ] {
            assert_eq!(hide(text, "s3cret-pw"), wanted);
        }
    }

    #[test]
    fn signs_do_not_save_a_secret() {
        let secret = "p\"s w%rd/\\é";
        for spelled in [
            secret,
            r#"p\"s w%rd/\\é"#,
            "p%22s%20w%25rd%2F%5C%C3%A9",
            "p%22s+w%25rd%2f%5c%c3%a9",
            "AGFubgBwInMgdyVyZC9cw6k=",
        ] {
            let shown = hide(&format!("no: {spelled} was wrong"), secret);
            assert_eq!(shown, "no: <hidden> was wrong", "{spelled}");
        }
        // ???>>>xx in the alphabet of URLs, behind a user name
        assert_eq!(hide("AGFubgA_Pz8-Pj54eA", "???>>>xx"), "<hidden>");
    }

    #[test]
    fn what_is_made_from_a_password_is_hidden_too() {
        for spelled in [
            "b913a602c7eda7a495b4e6e7334d3890",
            // tim and the digest
            "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw",
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            // c=biws,r=abc,p=dHzb...
            "Yz1iaXdzLHI9YWJjLHA9ZEh6YlphcFdJazRqVWhOK1V0ZTl5dGFnOXpqZk1IZ3NxbW1pejdBbmRWUT0=",
        ] {
            assert_eq!(hide(&format!("no {spelled}"), "s3cret-pw"), "no <hidden>");
        }
        let harmless = "[AUTH] no, see https://example.com/a?b=c+d%20e [FR3P281CA0001]";
        assert_eq!(hide(harmless, "s3cret-pw"), harmless);
    }

    #[test]
    fn short_secrets_and_letters_of_all_kinds_do_no_harm() {
        assert_eq!(hide("abc", "abc"), "abc");
        assert_eq!(hide("schön geheim", "schön"), "<hidden> geheim");
        assert_eq!(hide("straße strä", "sträfling"), "straße <hidden>");
    }
}
