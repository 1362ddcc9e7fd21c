//! Domains that are one slip of a finger away from a provider's: offered, never taken silently. Pure.
//!
//! Such domains often exist, and some take mail and passwords that were meant for others.

use super::address::tidy;
use crate::providers::{Provider, Table};
use model::detection::{Candidate, Confidence, Suggestion};

/// A shorter domain is one slip away from too many.
const SHORTEST: usize = 5;

/// The address at the provider that was probably meant.
pub fn suggestion(table: &Table, typed: &str) -> Option<Suggestion> {
    let (address, _) = tidy(typed);
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain.to_ascii_lowercase();
    let unknown = table.by_domain(&domain).is_none();
    if local.is_empty() || domain.len() < SHORTEST || !domain.is_ascii() || !unknown {
        return None;
    }
    let all = || {
        let domains = |provider| pairs(provider);
        table.iter().flat_map(domains)
    };
    // `ann@gmail`: the ending is missing.
    let is_label = |known: &str| {
        known
            .split_once('.')
            .is_some_and(|(label, _)| label == domain)
    };
    let (provider, meant) = all()
        .find(|(_, known)| is_one_slip(&domain, known))
        .or_else(|| all().find(|(_, known)| is_label(known)))?;
    Some(Suggestion {
        address: format!("{local}@{meant}"),
        domain: meant.to_owned(),
        provider: provider.name.clone(),
    })
}

fn pairs(provider: &Provider) -> impl Iterator<Item = (&Provider, &str)> {
    let domains = provider
        .domains
        .iter()
        .filter(|domain| !domain.starts_with("*."));
    domains.map(move |domain| (provider, domain.as_str()))
}

/// Whether what was found leaves it open that the domain is misspelt.
pub(super) fn is_doubtful(best: Option<&Candidate>) -> bool {
    best.is_none_or(|best| best.confidence == Confidence::Low || !best.trusted)
}

/// One character more, less or other, or two that changed places.
fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match (&a[same..], &b[same..]) {
        ([], []) => false,
        ([_, rest @ ..], [_, other @ ..]) if rest == other => true,
        ([x, y, rest @ ..], [v, w, other @ ..]) if (x, y) == (w, v) && rest == other => true,
        ([_, rest @ ..], other) if rest == other => true,
        (rest, [_, other @ ..]) => rest == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_away_from_a_provider_is_offered() {
        let table = Table::built_in();
        for (typed, meant) in [
            ("ann@gmial.com", Some("ann@gmail.com")),
            ("ann@gnail.com", Some("ann@gmail.com")),
            ("ann@gmail.con", Some("ann@gmail.com")),
            ("ann@gmail.co", Some("ann@gmail.com")),
            ("Ann@Gmaill.com", Some("Ann@gmail.com")),
            ("ann@gmailcom", Some("ann@gmail.com")),
            ("ann@gmail", Some("ann@gmail.com")),
            ("<ann@hotmial.com>", Some("ann@hotmail.com")),
            ("ann@outlok.com", Some("ann@outlook.com")),
            ("ann@yahooo.com", Some("ann@yahoo.com")),
            ("ann@gmail.com", None),
            ("ann@gmal.cm", None),
            ("ann@example.com", None),
            ("ann@qs.c", None),
            ("ann", None),
        ] {
            let found = suggestion(&table, typed).map(|found| found.address);
            assert_eq!(found.as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn a_slip_is_one_character() {
        for (a, b, is) in [
            ("abc", "abc", false),
            ("abc", "ab", true),
            ("ab", "abc", true),
            ("abc", "axc", true),
            ("abc", "acb", true),
            ("abc", "bca", false),
            ("abcd", "ab", false),
            ("", "a", true),
        ] {
            assert_eq!(is_one_slip(a, b), is, "{a} {b}");
        }
    }
}
