//! Marks of a message in the word index: its mailbox, and the stretches of time that it falls in, short and long ones. A
//! mark begins with a sign that no word has, so nobody can type one.

use model::Timestamp;

/// A stretch of the n-th level is 2 to this power of seconds long: 68 minutes, 36 hours, 48 days, 4 years.
const SHIFTS: [u32; LEVELS] = [12, 17, 22, 27];
/// Levels of stretches.
pub(crate) const LEVELS: usize = 4;
/// Later than any mail: what claims to be later falls in the last stretch, what claims to be before 1970 in the first.
const LAST: i64 = (1 << 33) - 1;

/// All marks of a message, separated by blanks.
pub(super) fn of(mailbox_id: &str, at: Timestamp) -> String {
    let mut marks = of_mailbox(mailbox_id);
    for level in 0..LEVELS {
        marks.push(' ');
        marks.push_str(&Stretch::around(level, at).mark());
    }
    marks
}

/// The mark of a mailbox's messages.
pub(crate) fn of_mailbox(mailbox_id: &str) -> String {
    let letters = mailbox_id.bytes().filter(u8::is_ascii_alphanumeric);
    std::iter::once('_')
        .chain(letters.map(|b| char::from(b.to_ascii_lowercase())))
        .collect()
}

/// A stretch of time with a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    level: usize,
    number: i64,
}

impl Stretch {
    /// The stretch of this level that the time falls in.
    pub(crate) fn around(level: usize, at: Timestamp) -> Self {
        let seconds = at.0.div_euclid(1_000).clamp(0, LAST);
        let number = seconds >> SHIFTS[level];
        Self { level, number }
    }

    /// Its mark.
    pub(crate) fn mark(self) -> String {
        format!("_{}{:x}", ["t", "u", "v", "w"][self.level], self.number)
    }

    /// When it begins; `None`: before it there is nothing.
    pub(crate) fn begin(self) -> Option<Timestamp> {
        (self.number > 0).then(|| Timestamp((self.number << SHIFTS[self.level]) * 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_mark_of_each_stretch_around_it() {
        let at = Timestamp(1_767_323_045_678);
        let marks = of("mbx_01k9", at);
        assert!(marks.starts_with("_mbx01k9 _t"), "{marks}");
        for level in 0..LEVELS {
            let stretch = Stretch::around(level, at);
            assert!(marks.contains(&stretch.mark()));
            let begin = stretch.begin().unwrap();
            assert!(begin <= at);
            assert_eq!(Stretch::around(level, begin), stretch);
            assert_ne!(Stretch::around(level, begin.plus_millis(-1)), stretch);
        }
    }

    #[test]
    fn impossible_times_fall_in_the_first_or_the_last_stretch() {
        for level in 0..LEVELS {
            let long_ago = Stretch::around(level, Timestamp(i64::MIN));
            assert_eq!(long_ago, Stretch::around(level, Timestamp(0)));
            assert_eq!(long_ago.begin(), None);
            let never = Stretch::around(level, Timestamp(i64::MAX));
            assert_eq!(never, Stretch::around(level, Timestamp(LAST * 1_000)));
        }
    }
}
