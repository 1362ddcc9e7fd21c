//! All providers, and how one is found.

use super::oauth::OauthService;
use super::provider::Provider;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

/// The month in which the built-in facts were put together.
const COMPILED: &str = "2026-11";

/// The built-in entries, a file for each part of the world.
pub(super) const FILES: [&str; 9] = [
    include_str!("../../data/providers/global.json"),
    include_str!("../../data/providers/german-speaking.json"),
    include_str!("../../data/providers/italy.json"),
    include_str!("../../data/providers/france-benelux.json"),
    include_str!("../../data/providers/british-isles-and-pacific.json"),
    include_str!("../../data/providers/north-and-east-europe.json"),
    include_str!("../../data/providers/portuguese.json"),
    include_str!("../../data/providers/north-america.json"),
    include_str!("../../data/providers/asia.json"),
];

/// The OAuth services by name.
pub(super) const OAUTH: &str = include_str!("../../data/oauth.json");

/// All providers that are known.
#[derive(Clone, Debug, Default)]
pub struct Table {
    providers: Vec<Provider>,
    oauth: BTreeMap<String, OauthService>,
    by_id: HashMap<String, usize>,
    by_domain: HashMap<String, usize>,
    by_mx_suffix: HashMap<String, usize>,
    by_host: HashMap<String, Vec<usize>>,
}

impl Table {
    /// The table that came with Postroom. It is read once.
    pub fn built_in() -> Arc<Self> {
        static TABLE: OnceLock<Arc<Table>> = OnceLock::new();
        TABLE
            .get_or_init(|| Arc::new(Self::read_built_in()))
            .clone()
    }

    fn read_built_in() -> Self {
        let mut providers: Vec<Provider> = Vec::new();
        for file in FILES {
            // Tests prove that the files are well-formed; without them Postroom still runs, and knows no provider.
            let mut read: Vec<Provider> = serde_json::from_str(file).unwrap_or_default();
            providers.append(&mut read);
        }
        for provider in &mut providers {
            if provider.compiled.is_empty() {
                COMPILED.clone_into(&mut provider.compiled);
            }
        }
        let oauth = serde_json::from_str(OAUTH).unwrap_or_default();
        Self::of(providers, oauth)
    }

    /// Indexes the entries. Where two claim the same domain or suffix the first has it.
    pub(super) fn of(providers: Vec<Provider>, oauth: BTreeMap<String, OauthService>) -> Self {
        let mut table = Self {
            oauth,
            ..Self::default()
        };
        for (index, provider) in providers.iter().enumerate() {
            table.by_id.entry(provider.id.clone()).or_insert(index);
            for domain in &provider.domains {
                table.by_domain.entry(plain(domain)).or_insert(index);
            }
            for suffix in &provider.mx_suffixes {
                table.by_mx_suffix.entry(plain(suffix)).or_insert(index);
            }
            for host in provider.hosts() {
                let holders = table.by_host.entry(plain(host)).or_default();
                if holders.last() != Some(&index) {
                    holders.push(index);
                }
            }
        }
        table.providers = providers;
        table
    }

    /// The provider that has this domain, which is as DNS knows it: by its own name, else by `*.` and the longest end of it.
    pub fn by_domain(&self, ascii_domain: &str) -> Option<&Provider> {
        let domain = plain(ascii_domain);
        if let Some(index) = self.by_domain.get(&domain) {
            return self.at(*index);
        }
        let mut rest = domain.as_str();
        loop {
            rest = rest.split_once('.')?.1;
            if let Some(index) = self.by_domain.get(&format!("*.{rest}")) {
                return self.at(*index);
            }
        }
    }

    /// The provider whose server this is that takes a domain's mail: the longest suffix that ends at a dot.
    pub fn by_mx(&self, mx_host: &str) -> Option<&Provider> {
        let host = plain(mx_host);
        let mut rest = host.as_str();
        loop {
            if let Some(index) = self.by_mx_suffix.get(rest) {
                return self.at(*index);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The provider whose IMAP, POP3 or sending server this is; the first of several.
    pub fn by_mail_host(&self, host: &str) -> Option<&Provider> {
        self.all_by_mail_host(host).next()
    }

    /// Every provider whose server this is: some share theirs, such as Outlook.com and Microsoft 365.
    pub fn all_by_mail_host(&self, host: &str) -> impl Iterator<Item = &Provider> {
        let found = self.by_host.get(&plain(host));
        found
            .into_iter()
            .flatten()
            .filter_map(|index| self.at(*index))
    }

    /// The provider with this id.
    pub fn get(&self, id: &str) -> Option<&Provider> {
        self.at(*self.by_id.get(id)?)
    }

    /// All entries: the administrator's first, then ours from the best known to the least.
    pub fn iter(&self) -> std::slice::Iter<'_, Provider> {
        self.providers.iter()
    }

    /// An OAuth service by its name.
    pub fn oauth(&self, name: &str) -> Option<&OauthService> {
        self.oauth.get(name)
    }

    /// The names of all OAuth services.
    pub fn oauth_names(&self) -> impl Iterator<Item = &str> {
        self.oauth.keys().map(String::as_str)
    }

    /// The month in which the built-in facts were put together, such as `2026-11`.
    pub const fn compiled(&self) -> &'static str {
        COMPILED
    }

    pub(super) fn into_parts(self) -> (Vec<Provider>, BTreeMap<String, OauthService>) {
        (self.providers, self.oauth)
    }

    fn at(&self, index: usize) -> Option<&Provider> {
        self.providers.get(index)
    }
}

impl<'a> IntoIterator for &'a Table {
    type Item = &'a Provider;
    type IntoIter = std::slice::Iter<'a, Provider>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A name as it is compared: small letters, no dot at its end.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(provider: Option<&Provider>) -> &str {
        provider.map_or("", |provider| provider.id.as_str())
    }

    #[test]
    fn a_provider_is_found_by_domain_by_mail_exchanger_and_by_server() {
        let table = Table::built_in();
        assert_eq!(id(table.by_domain("GMail.com.")), "gmail");
        assert_eq!(id(table.by_domain("mail.gmail.com")), "");
        for (domain, wanted) in [
            ("acme.onmicrosoft.com", "microsoft-365"),
            ("acme.mail.OnMicrosoft.com", "microsoft-365"),
            ("evilonmicrosoft.com", ""),
            ("onmicrosoft.com.example.org", ""),
        ] {
            assert_eq!(id(table.by_domain(domain)), wanted, "{domain}");
        }
        for (mx, wanted) in [
            ("aspmx.l.google.com.", "google-workspace"),
            ("acme-com.mail.protection.outlook.com", "microsoft-365"),
            ("outlook-com.olc.protection.outlook.com", "outlook"),
            ("acme-com.r-v1.mx.microsoft", "microsoft-365"),
            ("mta7.am0.yahoodns.net", "yahoo"),
            ("mx-aol.mail.gm0.yahoodns.net", "aol"),
            ("in1-smtp.messagingengine.com", "fastmail"),
            ("mx.zoho.com", "zoho-workplace"),
            // Not at a dot.
            ("mail.notgoogle.com", ""),
            ("google.com.example.org", ""),
            ("", ""),
        ] {
            assert_eq!(id(table.by_mx(mx)), wanted, "{mx}");
        }
        assert_eq!(id(table.by_mail_host("smtp.googlemail.com")), "gmail");
        assert_eq!(id(table.by_mail_host("IMAP.gmx.net")), "gmx");
        let sharing: Vec<_> = table
            .all_by_mail_host("outlook.office365.com")
            .map(|provider| provider.id.as_str())
            .collect();
        assert_eq!(sharing, ["outlook", "microsoft-365"]);
    }
}
