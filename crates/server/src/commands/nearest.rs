//! Which known names are nearest to one that nobody knows. Pure.

/// Ids that are offered in the place of an unknown one.
const OFFERED: usize = 5;
/// What is looked at of an unknown id.
const LONGEST: usize = 60;
/// Characters that may be wrong, missing or too many where an id was misspelt.
const SLIPS: usize = 3;

/// The ids that are nearest to what was typed: by their words, then by their letters.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let typed: String = typed
        .to_lowercase()
        .chars()
        .take(LONGEST)
        .map(|c| if c == '-' || c == ' ' { '_' } else { c })
        .collect();
    let words = |text: &str| -> Vec<String> {
        text.split(['_', '.'])
            .filter(|word| word.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    let wanted = words(&typed);
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|id| {
            let slips = distance(&typed, id);
            let shared = words(id)
                .iter()
                .filter(|word| wanted.contains(word))
                .count();
            let close = slips <= SLIPS.min(typed.len() / 2);
            let contains = typed.len() > 3 && id.contains(&typed);
            // A slip of the finger, then a part of the id, then words in common.
            let rank = match (close, contains, shared) {
                (true, _, _) => slips,
                (_, true, _) => SLIPS + 1,
                (_, _, 0) => return None,
                (_, _, shared) => (LONGEST * 2 + slips).saturating_sub(shared * LONGEST / 2),
            };
            Some((rank, id))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(OFFERED).map(|(_, id)| id).collect()
}

/// Characters to insert, take away or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect::problems;

    #[test]
    fn an_unknown_id_gets_the_nearest_ones() {
        let ids = || problems::catalogue().map(|entry| entry.id);
        for (typed, first) in [
            ("pasword_refused", "password_refused"),
            ("refused-password", "password_refused"),
            ("PASSWORD REFUSED", "password_refused"),
            ("certificate_expird", "certificate_expired"),
            ("imap_disable", "imap_disabled"),
        ] {
            let near = nearest(typed, ids());
            assert_eq!(near.first(), Some(&first), "{typed}: {near:?}");
            assert!(near.len() <= OFFERED);
        }
        assert_eq!(nearest("qqqqqqqqqqqqqqqq", ids()), Vec::<&str>::new());
        assert_eq!(nearest("", ids()), Vec::<&str>::new());
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
