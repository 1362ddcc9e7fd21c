//! Looking through the table as a person does.

use super::provider::{Kind, Provider};
use super::table::Table;
use crate::detect::ascii_host;

/// What to look for; what is not named does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The provider that has this domain, in any script.
    pub domain: Option<String>,
    /// This kind of provider.
    pub kind: Option<Kind>,
    /// Words that stand in the id, the name, or a domain.
    pub text: Option<String>,
}

impl Table {
    /// The entries that are wanted, in the table's order.
    pub fn search(&self, wanted: &Wanted) -> impl Iterator<Item = &Provider> {
        let holder = wanted.domain.as_deref().map(|domain| {
            let found = ascii_host(domain.trim()).and_then(|ascii| self.by_domain(&ascii));
            found.map(|provider| provider.id.clone())
        });
        let text = wanted.text.as_deref().unwrap_or_default().to_lowercase();
        let kind = wanted.kind;
        self.iter().filter(move |provider| {
            let has_domain = |holder: &Option<String>| holder.as_ref() == Some(&provider.id);
            holder.as_ref().is_none_or(has_domain)
                && kind.is_none_or(|kind| provider.kind == kind)
                && text.split_whitespace().all(|word| mentions(provider, word))
        })
    }
}

fn mentions(provider: &Provider, word: &str) -> bool {
    provider.id.contains(word)
        || provider.name.to_lowercase().contains(word)
        || provider.domains.iter().any(|domain| domain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(domain: Option<&str>, kind: Option<Kind>, text: Option<&str>) -> Vec<String> {
        let wanted = Wanted {
            domain: domain.map(str::to_owned),
            kind,
            text: text.map(str::to_owned),
        };
        let table = Table::built_in();
        table.search(&wanted).map(|p| p.id.clone()).collect()
    }

    #[test]
    fn entries_are_found_by_domain_kind_and_words() {
        assert_eq!(found(Some(" GMX.de "), None, None), ["gmx"]);
        assert!(found(Some("nobody.example"), None, None).is_empty());
        assert!(found(Some("bücher..example"), None, None).is_empty());
        assert!(found(Some("gmx.de"), Some(Kind::Pec), None).is_empty());
        assert_eq!(found(None, None, Some("aruba pec")), ["aruba-pec"]);
        assert!(found(None, None, Some("hotmail.co")).contains(&"outlook".to_owned()));
        assert!(found(None, Some(Kind::Pec), None).len() >= 6);
        assert_eq!(
            found(None, None, None).len(),
            Table::built_in().iter().count()
        );
    }
}
