//! Servers were seen that repeat what they were told: raw, in base64, or as the whole SASL message.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What stands in the secret's place.
const HIDDEN: &str = "<hidden>";
/// A shorter secret hides nothing, and taking it out would tear words.
const SHORTEST: usize = 4;
/// Base64 as servers write it: with padding or without, perhaps cut off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text without the secret, in whatever spelling the server repeated it: as it is, in base64 (also inside a SASL
/// message), in hexadecimal digits, or begun at the end of a text that was cut.
pub fn hide(text: &str, secret: &str) -> String {
    if secret.chars().count() < SHORTEST {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let raw = text.replace(secret, HIDDEN);
    let mut word = String::new();
    for c in raw.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=') {
            word.push(c);
        } else {
            shown.push_str(told(&word, secret));
            word.clear();
            shown.push(c);
        }
    }
    shown.push_str(told(&word, secret));
    let begun = secret
        .char_indices()
        .map(|(at, _)| &secret[..at])
        .rfind(|begun| shown.ends_with(begun));
    match begun.filter(|begun| begun.chars().count() >= SHORTEST) {
        Some(begun) => format!("{}{HIDDEN}", &shown[..shown.len() - begun.len()]),
        None => shown,
    }
}

/// A word, unless it holds the secret once it is decoded.
fn told<'w>(word: &'w str, secret: &str) -> &'w str {
    let holds = |bytes: &[u8]| {
        let mut windows = bytes.windows(secret.len());
        windows.any(|window| window == secret.as_bytes())
    };
    // A text that was cut may end within four characters.
    let whole = word.trim_end_matches('=');
    let whole = &whole[..whole.len() - usize::from(whole.len() % 4 == 1)];
    let in_base64 = LENIENT.decode(whole).is_ok_and(|bytes| holds(&bytes));
    if in_base64 || hex(word).is_some_and(|bytes| holds(&bytes)) {
        HIDDEN
    } else {
        word
    }
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
    fn short_secrets_and_letters_of_all_kinds_do_no_harm() {
        assert_eq!(hide("abc", "abc"), "abc");
        assert_eq!(hide("schön geheim", "schön"), "<hidden> geheim");
        assert_eq!(hide("straße strä", "sträfling"), "straße <hidden>");
    }
}
