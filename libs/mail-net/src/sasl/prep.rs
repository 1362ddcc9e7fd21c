//! SASLprep (RFC 4013) as far as it changes text: two spellings of one password must give one proof.
//!
//! The prohibited characters are not refused: the server decides what it accepts, and a refusal here would lock out
//! a user whose server never prepared anything.

use unicode_normalization::UnicodeNormalization;

/// Maps, then normalises to NFKC. ASCII comes back unchanged.
pub(super) fn saslprep(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars()
        .filter(|c| !mapped_to_nothing(*c))
        .map(|c| if other_space(c) { ' ' } else { c })
        .nfkc()
        .collect()
}

/// RFC 3454 table B.1.
fn mapped_to_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
        | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// RFC 3454 table C.1.2.
fn other_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4013_come_out_right() {
        assert_eq!(saslprep("I\u{ad}X"), "IX");
        assert_eq!(saslprep("user"), "user");
        assert_eq!(saslprep("USER"), "USER");
        assert_eq!(saslprep("\u{aa}"), "a");
        assert_eq!(saslprep("\u{2168}"), "IX");
        assert_eq!(saslprep("a\u{a0}b"), "a b");
    }
}
