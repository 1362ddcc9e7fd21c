//! Which of the folders there are may be the one that was meant.

/// Suggestions shown.
const SHOWN: usize = 3;
/// Names longer than this are compared by their beginning only.
const COMPARED_CHARS: usize = 64;

/// The paths that look most like `wanted`, best first; none when nothing is similar.
pub(crate) fn alike<'p>(wanted: &str, paths: impl IntoIterator<Item = &'p str>) -> Vec<&'p str> {
    let wanted = simple(wanted);
    let mut found: Vec<(usize, &str)> = paths
        .into_iter()
        .filter_map(|path| distance(&wanted, &simple(path)).map(|distance| (distance, path)))
        .collect();
    found.sort_by(|a, b| {
        a.0.cmp(&b.0)
            .then(a.1.len().cmp(&b.1.len()))
            .then(a.1.cmp(b.1))
    });
    found
        .into_iter()
        .take(SHOWN)
        .map(|(_, path)| path)
        .collect()
}

/// The last part of a path, in lower case, letters and digits only.
fn simple(path: &str) -> Vec<char> {
    let last = path
        .rsplit(['/', '.', '\\', '|'])
        .find(|part| !part.is_empty())
        .unwrap_or(path);
    last.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .take(COMPARED_CHARS)
        .collect()
}

/// 0 for the same, small for similar, none for unlike.
fn distance(a: &[char], b: &[char]) -> Option<usize> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let edits = edits(a, b);
    let shorter = a.len().min(b.len());
    // A third of the letters may differ; a name inside a longer one is similar too.
    let tolerated = shorter.div_ceil(3);
    if edits <= tolerated {
        Some(edits)
    } else if shorter >= 4 && (contains(a, b) || contains(b, a)) {
        Some(tolerated + 1)
    } else {
        None
    }
}

fn contains(longer: &[char], shorter: &[char]) -> bool {
    longer
        .windows(shorter.len())
        .any(|window| window == shorter)
}

/// Levenshtein's distance, one row at a time.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_and_moved_folders_are_found() {
        let there = ["INBOX", "Sent", "Drafts", "Projects/Kunden", "Archive/2025"];
        for (wanted, best) in [
            ("Inbox", Some("INBOX")),
            ("INBOX.Sent", Some("Sent")),
            ("Customers", None),
            ("kunden", Some("Projects/Kunden")),
            ("Draft", Some("Drafts")),
            ("Archive", None),
            ("Kundn", Some("Projects/Kunden")),
            ("", None),
        ] {
            assert_eq!(alike(wanted, there).first().copied(), best, "{wanted}");
        }
    }

    #[test]
    fn endless_names_cost_little() {
        let long = "x".repeat(100_000);
        assert_eq!(alike(&long, [long.as_str()]).len(), 1);
    }
}
