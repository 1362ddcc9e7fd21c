//! What a subject says without what mail programs put around it: `Re:`, `AW:`, `Fwd:`, `Automatic reply:`, `[list]`, `(fwd)`.
//!
//! Two messages are about the same when the rest has the same letters and digits: blanks, signs and case are changed on the
//! way by too many programs.

/// Words before a colon that say "this answers".
const ANSWERS: &[&str] = &[
    "re",
    "aw",
    "antw",
    "antwort",
    "sv",
    "vs",
    "odp",
    "res",
    "resp",
    "rif",
    "ref",
    "rép",
    "r",
    "ynt",
    "vá",
    "válasz",
    "atb",
    "απ",
    "σχετ",
    "отв",
    "ha",
    "rsp",
    "回复",
    "回覆",
    "答复",
    "答覆",
    "返信",
    "답장",
    "회신",
    "رد",
    "תגובה",
    "השב",
    "trả lời",
    "ad",
    "ang",
];
/// Words before a colon that say "this is passed on".
const PASSED_ON: &[&str] = &[
    "fwd",
    "fw",
    "wg",
    "tr",
    "rv",
    "enc",
    "i",
    "vb",
    "vl",
    "pd",
    "ilt",
    "i̇lt",
    "doorst",
    "fs",
    "továbbítás",
    "πρθ",
    "转发",
    "轉寄",
    "轉發",
    "転送",
    "전달",
    "הועבר",
    "إعادة توجيه",
    "chuyển tiếp",
    "yml",
    "пересл",
];
/// Words before a colon that machines put there.
const MACHINES: &[&str] = &[
    "automatic reply",
    "auto",
    "autoreply",
    "auto-reply",
    "automatische antwort",
    "automatisch antwoord",
    "réponse automatique",
    "respuesta automática",
    "risposta automatica",
    "resposta automática",
    "abwesenheitsnotiz",
    "out of office",
    "undeliverable",
    "unzustellbar",
    "read",
    "gelesen",
    "not read",
    "lu",
    "accepted",
    "declined",
    "tentative",
    "zugesagt",
    "abgelehnt",
    "mit vorbehalt",
    "external",
    "extern",
    "ext",
    "spam",
    "caution",
];
/// Longest such word, with a count such as `[2]`, in characters.
const LONGEST_PREFIX: usize = 32;
/// Longest tag in square brackets, in characters.
const LONGEST_TAG: usize = 64;
/// Prefixes that are taken away at most.
const PREFIXES: usize = 50;

/// A subject without what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare<'a> {
    /// The rest, as it was written.
    pub text: &'a str,
    /// It began with a word that says "this answers".
    pub answers: bool,
}

/// Takes away what mail programs and lists put around a subject; `tags`: also `[...]` at its beginning, unless nothing is left.
#[must_use]
pub fn bare(subject: &str, tags: bool) -> Bare<'_> {
    let mut text = subject.trim();
    let mut answers = false;
    for _ in 0..PREFIXES {
        let rest = match prefix(text) {
            Some((word, rest)) => {
                answers |= ANSWERS.contains(&word.as_str());
                rest
            }
            None => match tag(text).filter(|_| tags) {
                Some(rest) => rest,
                None => break,
            },
        };
        text = rest.trim_start();
    }
    for end in ["(fwd)", "(fw)"] {
        let at = text.len().saturating_sub(end.len());
        if let (Some(rest), Some(last)) = (text.get(..at), text.get(at..))
            && last.eq_ignore_ascii_case(end)
        {
            text = rest.trim_end();
        }
    }
    Bare { text, answers }
}

/// What is compared: lower-case letters and digits.
#[must_use]
pub fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A known word before a colon, without its count, and what follows.
fn prefix(text: &str) -> Option<(String, &str)> {
    let (at, colon) = text
        .char_indices()
        .take(LONGEST_PREFIX)
        .find(|(_, c)| matches!(c, ':' | '：'))?;
    let word = text
        .get(..at)?
        .trim_matches(|c: char| c.is_whitespace() || c == '*');
    let counted = word.trim_end_matches([']', ')']);
    let digits = counted.trim_end_matches(|c: char| c.is_ascii_digit());
    let word = match digits.len() < counted.len() {
        true => digits.trim_end_matches(['[', '(', '^', '*', ' ']),
        false => word,
    };
    let word = word.to_lowercase();
    let known = [ANSWERS, PASSED_ON, MACHINES]
        .iter()
        .any(|words| words.contains(&word.as_str()));
    known.then_some((word, text.get(at + colon.len_utf8()..)?))
}

/// What follows a tag in square brackets at the beginning.
fn tag(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let (at, _) = inside
        .char_indices()
        .take(LONGEST_TAG)
        .find(|(_, c)| *c == ']')?;
    let rest = inside.get(at + 1..)?;
    (!folded(rest).is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mail_programs_put_around_a_subject_is_taken_away() {
        for (subject, text, answers) in [
            ("Offer", "Offer", false),
            ("Re: Offer", "Offer", true),
            ("RE : AW: Fwd: Offer", "Offer", true),
            ("Re[2]: Offer", "Offer", true),
            ("Re (3): Re^2: Offer", "Offer", true),
            ("WG: Offer (fwd)", "Offer", false),
            ("[list] Re: [other] Offer", "Offer", true),
            ("Re：报价", "报价", true),
            ("回复: 报价", "报价", true),
            ("Automatic reply: Offer", "Offer", false),
            ("[EXTERNAL] Re: Offer", "Offer", true),
            ("[only this]", "[only this]", false),
            ("Report: numbers", "Report: numbers", false),
            ("Re:", "", true),
            ("12:30 lunch", "12:30 lunch", false),
        ] {
            assert_eq!(bare(subject, true), Bare { text, answers }, "{subject}");
        }
        assert_eq!(bare("Re: [#12] Offer", false).text, "[#12] Offer");
    }

    #[test]
    fn blanks_signs_and_case_are_not_compared() {
        assert_eq!(folded("The  Offer,\t(2026)!"), folded("the offer 2026"));
        assert_ne!(folded("offer 1"), folded("offer 2"));
    }

    #[test]
    fn endless_prefixes_and_odd_characters_end() {
        let long = "Re: ".repeat(10_000);
        assert!(bare(&long, true).answers);
        for odd in [
            "[",
            "[]",
            ":",
            "：",
            "Re",
            "(fwd)",
            "é(fw)",
            "[[[[]]]] x",
            "\u{130}: x",
        ] {
            let _ = bare(odd, true);
        }
    }
}
