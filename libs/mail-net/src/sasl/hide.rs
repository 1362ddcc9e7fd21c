//! Servers were seen that repeat what they were told: raw, in base64, or as the whole SASL message.

mod escape;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What stands in the secret's place.
const HIDDEN: &str = "<hidden>";
/// A shorter secret hides nothing, and taking it out would tear words.
const SHORTEST: usize = 4;
/// Fewer characters of base64 than this, in any case, stand in words too.
const SHORTEST_BASE64: usize = 6;
/// How often a word is decoded: base64 of base64 was seen, more was not.
const LAYERS: usize = 2;
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

/// The text without the secret, however the server spelled it: as it is or in other letters' case; with the escapes of quoted
/// strings and JSON, of URLs (percent), of MIME (quoted-printable) or of HTML and XML (entities), also mixed; in base64 with
/// either alphabet, also inside a SASL message, in another case, or encoded twice; in hexadecimal digits; or begun at the end
/// of a text that was cut. What is only made from a password (CRAM-MD5, SCRAM) is hidden too: it can be guessed from.
///
/// A secret of fewer than four characters is not looked for, and a spelling that is not named here is not known.
pub fn hide(text: &str, secret: &str) -> String {
    if secret.chars().count() < SHORTEST {
        return text.to_owned();
    }
    Sought::new(secret).hidden(text, LAYERS)
}

/// A secret, ready to be looked for.
struct Sought {
    /// As it is, in small letters and in capitals: what lies beyond ASCII has no case that bytes could show.
    cases: Vec<String>,
    /// What every base64 text that holds the secret holds too, by where the secret begins within three bytes.
    in_base64: Vec<String>,
}

impl Sought {
    fn new(secret: &str) -> Self {
        let mut cases = vec![
            secret.to_owned(),
            secret.to_lowercase(),
            secret.to_uppercase(),
        ];
        cases.dedup();
        let in_base64 = (0..3).map(|skipped| inner_base64(secret, skipped));
        Self {
            cases,
            in_base64: in_base64
                .filter(|part| part.len() >= SHORTEST_BASE64)
                .collect(),
        }
    }

    /// `layers` is how often a word is decoded before it is believed to be harmless.
    fn hidden(&self, text: &str, layers: usize) -> String {
        let mut shown = self.without_escaped(text);
        // The alphabet of URLs takes `-` and `_` as letters.
        let alphabets: [fn(char) -> bool; 2] = [
            |c| matches!(c, '+' | '/' | '='),
            |c| matches!(c, '-' | '_' | '='),
        ];
        for more in alphabets {
            shown = self.word_by_word(&shown, more, layers);
        }
        let secret = &self.cases[0];
        let begun = secret
            .char_indices()
            .map(|(at, _)| &secret[..at])
            .rfind(|begun| ends_with(&shown, begun));
        match begun.filter(|begun| begun.chars().count() >= SHORTEST) {
            Some(begun) => format!("{}{HIDDEN}", &shown[..shown.len() - begun.len()]),
            None => shown,
        }
    }

    /// Takes the secret out wherever it stands character by character, each as it is or with any escape.
    fn without_escaped(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let found = self
                .cases
                .iter()
                .find_map(|secret| escape::spelled(&text[at..], secret.as_bytes()));
            match found.filter(|length| *length > 0) {
                Some(length) => {
                    shown.push_str(HIDDEN);
                    at += length;
                }
                None => {
                    shown.push(c);
                    at += c.len_utf8();
                }
            }
        }
        shown
    }

    fn word_by_word(&self, text: &str, more: fn(char) -> bool, layers: usize) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() || more(c) {
                word.push(c);
            } else {
                shown.push_str(self.told(&word, layers));
                word.clear();
                shown.push(c);
            }
        }
        shown.push_str(self.told(&word, layers));
        shown
    }

    /// A word, unless it holds the secret, or what is made from one, once it is decoded.
    fn told<'w>(&self, word: &'w str, layers: usize) -> &'w str {
        if word.len() < SHORTEST {
            return word;
        }
        // A text that was cut may end within four characters.
        let whole = word.trim_end_matches('=');
        let whole = &whole[..whole.len() - usize::from(whole.len() % 4 == 1)];
        let whole = whole.replace('-', "+").replace('_', "/");
        let any_case = whole.to_ascii_lowercase();
        let in_base64 = self.in_base64.iter().any(|part| any_case.contains(part))
            || LENIENT
                .decode(whole)
                .is_ok_and(|bytes| self.holds(&bytes, layers) || is_proof(&bytes));
        if in_base64
            || is_proof(word.as_bytes())
            || hex(word).is_some_and(|bytes| self.holds(&bytes, layers))
        {
            HIDDEN
        } else {
            word
        }
    }

    fn holds(&self, bytes: &[u8], layers: usize) -> bool {
        let text = String::from_utf8_lossy(bytes);
        match layers.checked_sub(1) {
            Some(layers) => self.hidden(&text, layers) != *text,
            None => self.without_escaped(&text) != *text,
        }
    }
}

/// The characters of base64 that depend on the secret alone where `skipped` bytes stand before it, in small letters.
fn inner_base64(secret: &str, skipped: usize) -> String {
    let mut bytes = vec![0; skipped];
    bytes.extend_from_slice(secret.as_bytes());
    let coded = LENIENT.encode(&bytes);
    let inner = (skipped * 8).div_ceil(6)..bytes.len() * 8 / 6;
    coded.get(inner).unwrap_or_default().to_ascii_lowercase()
}

fn ends_with(text: &str, end: &str) -> bool {
    let tail = text.len().checked_sub(end.len());
    tail.and_then(|from| text.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
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
    fn escapes_cases_and_layers_do_not_save_a_secret() {
        let secret = "Pa ss\"w%rd+/é?>&9";
        for spelled in [
            "PA SS\"W%RD+/É?>&9",
            "pa ss\"w%rd+/é?>&9",
            "Pa ss&quot;w%rd+/é?&gt;&amp;9",
            "Pa&#32;ss&#x22;w&#37;rd+/&#233;?&#62;&#38;9",
            "Pa=20ss=22w=25rd=2B/=C3=A9?=3E&9",
            "Pa_ss=22w%rd=2b/=c3=a9?>&9",
            r#"Pa\u0020ss\"w%rd+\/\u00e9?>\u00269"#,
            // Base64 of the base64 that AUTH PLAIN sends.
            "QUdGdWJnQlFZU0J6Y3lKM0pYSmtLeS9EcVQ4K0pqaz0=",
            // The base64 itself, in capitals and in small letters.
            "UGEGC3MIDYVYZCSVW6K/PIY5",
            "ugegc3midyvyzcsvw6k/piy5",
        ] {
            let shown = hide(&format!("no: {spelled} was wrong"), secret);
            assert_eq!(shown, "no: <hidden> was wrong", "{spelled}");
        }
        assert_eq!(hide("no: PA SS\"W%", secret), "no: <hidden>");
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
