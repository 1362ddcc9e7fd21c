//! The scripts that are ours, and whether they still are as we wrote them. Pure.
//!
//! A webmail edits the active script, which may be one of ours: the owner's rules are in it from then on. Such a script is nobody's
//! to overwrite or delete. Each of ours can be recognised from its own text.

use super::script::quoted;
use ring::digest::{SHA256, digest};

/// The script that answers.
pub(super) const ANSWERS: &str = "postroom-vacation";
/// The script that includes [`ANSWERS`] and the owner's.
pub(super) const FRONT: &str = "postroom-active";
/// What [`ANSWERS`] says where it stays without a task.
pub(super) const IDLE: &str = "# Switched off by Postroom.\r\nkeep;\r\n";
/// How the first line of [`FRONT`] begins; the name of the script that was active before follows in quotation marks.
const BEFORE: &str = "# Written by Postroom. Active before: ";
/// How the first line of [`ANSWERS`] begins; the digest of the rest follows.
const SEALED: &str = "# Written by Postroom. Do not change it. SHA-256 of the rest: ";

/// A script of ours as it is on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is not there.
    Absent,
    /// As we wrote it. Of [`FRONT`]: which script was active before.
    Whole(Option<String>),
    /// Somebody else has changed it, or written it.
    Changed,
}

impl Kept {
    /// What a text is under one of our names.
    pub(super) fn read(name: &str, text: &str) -> Self {
        if name == FRONT {
            return match before(text) {
                Some(before) if plain(&front(&before)) == plain(text) => Self::Whole(Some(before)),
                _ => Self::Changed,
            };
        }
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        match first.trim_end().strip_prefix(SEALED) {
            Some(said) if said == hash(rest) => Self::Whole(None),
            _ => Self::Changed,
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        *self == Self::Changed
    }
}

/// A text for [`ANSWERS`], recognisable.
pub(super) fn sealed(text: &str) -> String {
    format!("{SEALED}{}\r\n{text}", hash(text))
}

/// Whether this text of [`ANSWERS`] stays there without a task.
pub(super) fn is_idle(text: &str) -> bool {
    plain(text) == plain(&sealed(IDLE))
}

/// The text for [`FRONT`].
pub(super) fn front(theirs: &str) -> String {
    let name = quoted(theirs);
    format!(
        "{BEFORE}{name}\r\nrequire [\"include\"];\r\ninclude :personal {};\r\ninclude :personal {name};\r\n",
        quoted(ANSWERS)
    )
}

/// The script that was active before, by the first line of [`FRONT`].
fn before(front: &str) -> Option<String> {
    let line = front.lines().next()?.strip_prefix(BEFORE)?;
    let inner = line.trim_end().strip_prefix('"')?.strip_suffix('"')?;
    let mut name = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        name.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    Some(name)
}

/// A text as every server gives it back: some change the ends of lines, or the last one.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn hash(text: &str) -> String {
    let digest = digest(&SHA256, plain(text).as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_remembers_what_was_active_before() {
        for name in ["main", "Regeln \"1\" \\ gr\u{fc}n"] {
            let whole = Kept::Whole(Some(name.to_owned()));
            let text = front(name);
            assert_eq!(Kept::read(FRONT, &text), whole);
            assert_eq!(Kept::read(FRONT, &text.replace("\r\n", "\n")), whole);
            let more = format!("{text}discard;\r\n");
            assert!(Kept::read(FRONT, &more).is_changed(), "{more}");
            let less = text.replace("include :personal \"postroom-vacation\";\r\n", "");
            assert!(Kept::read(FRONT, &less).is_changed(), "{less}");
        }
        assert!(Kept::read(FRONT, "keep;\r\n").is_changed());
    }

    #[test]
    fn a_script_of_ours_that_somebody_changed_is_seen() {
        let text = sealed("vacation \"Away.\r\nBob helps.\";\r\n");
        for same in [
            text.clone(),
            text.replace("\r\n", "\n"),
            text.trim_end().to_owned(),
        ] {
            assert_eq!(Kept::read(ANSWERS, &same), Kept::Whole(None), "{same}");
        }
        let added = format!("{text}discard;\r\n");
        let headless = text.split_once('\n').map(|(_, rest)| rest.to_owned());
        for other in [added, text.replace("Bob", "Carol"), headless.unwrap()] {
            assert!(Kept::read(ANSWERS, &other).is_changed(), "{other}");
        }
        assert_eq!(Kept::read(ANSWERS, &sealed(IDLE)), Kept::Whole(None));
    }
}
