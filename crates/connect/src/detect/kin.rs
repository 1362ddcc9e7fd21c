//! Whose a host is: the domain's own, its mail provider's, or somebody else's.
//!
//! DNS answers can be forged and files can be wrong, so a password does not go to a foreign host that only such a
//! source has named (RFC 6186 section 6): a person has to look at the name first.

/// How a host is related to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kin {
    /// It is the address's domain, or below it.
    Own,
    /// It belongs to whoever takes the domain's mail, or to a provider of the table.
    Provider,
    /// Somebody else's.
    Foreign,
}

/// What a host can be compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    domain: String,
    /// The mail servers' own domains.
    mail: Vec<String>,
}

impl Family {
    /// Of a domain and the hosts that take its mail.
    pub(super) fn new<'a>(domain: &str, mx: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mail: Vec<String> = Vec::new();
        for host in mx {
            let owner = owner_of(host);
            if !mail.iter().any(|known| known == owner) {
                mail.push(owner.to_owned());
            }
        }
        Self {
            domain: domain.to_owned(),
            mail,
        }
    }

    /// Compares a host; `known` says whether the provider table has it.
    pub(super) fn relation(&self, host: &str, known: bool) -> Kin {
        if is_inside(host, &self.domain) {
            Kin::Own
        } else if known || self.mail.iter().any(|domain| is_inside(host, domain)) {
            Kin::Provider
        } else {
            Kin::Foreign
        }
    }
}

/// Whether a host is a domain or below it: by labels, so that `evilexample.com` is not inside `example.com`.
pub(super) fn is_inside(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The domain of a mail server's owner: the name without its first label, unless that would be a domain under which
/// anyone can have a name (`co.uk`), in which case it is the name itself. There is no list of such domains here; the
/// rule errs on the narrow side.
pub(super) fn owner_of(host: &str) -> &str {
    match host.split_once('.') {
        Some((_, rest)) if !is_public(rest) => rest,
        _ => host,
    }
}

/// Second labels that are registries' under two-letter top-level domains.
const REGISTRY_LABELS: &[&str] = &[
    "asso",
    "biz",
    "blog",
    "city",
    "club",
    "coop",
    "edu",
    "firm",
    "gob",
    "gouv",
    "gouvfr",
    "gov",
    "govt",
    "gub",
    "idf",
    "idv",
    "ind",
    "info",
    "int",
    "iwi",
    "kiev",
    "ltd",
    "mil",
    "muni",
    "name",
    "net",
    "nhs",
    "nom",
    "org",
    "parliament",
    "plc",
    "police",
    "press",
    "priv",
    "pro",
    "sch",
    "school",
    "store",
    "tokyo",
    "osaka",
    "kyoto",
    "web",
    "wiki",
];

fn is_public(domain: &str) -> bool {
    let mut labels = domain.rsplit('.');
    let (Some(top), Some(second)) = (labels.next(), labels.next()) else {
        return true;
    };
    if labels.next().is_some() {
        return false;
    }
    top.len() == 2 && (second.len() <= 3 || REGISTRY_LABELS.contains(&second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_by_labels() {
        let family = Family::new("example.com", ["mx1.hoster.example", "mx2.hoster.example"]);
        for (host, known, kin) in [
            ("example.com", false, Kin::Own),
            ("imap.example.com", false, Kin::Own),
            ("evilexample.com", false, Kin::Foreign),
            ("imap.hoster.example", false, Kin::Provider),
            ("imap.evilhoster.example", false, Kin::Foreign),
            ("imap.gmail.com", true, Kin::Provider),
            ("com", false, Kin::Foreign),
        ] {
            assert_eq!(family.relation(host, known), kin, "{host}");
        }
    }

    #[test]
    fn the_owner_of_a_mail_server_is_never_a_registry() {
        for (host, owner) in [
            ("mx.hoster.example", "hoster.example"),
            ("a.mx.hoster.example", "mx.hoster.example"),
            ("mx.hoster.co.uk", "hoster.co.uk"),
            ("hoster.co.uk", "hoster.co.uk"),
            ("hoster.com.br", "hoster.com.br"),
            ("hoster.org.au", "hoster.org.au"),
            ("mx.gmx.de", "mx.gmx.de"),
            ("hoster.com", "hoster.com"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(owner_of(host), owner, "{host}");
        }
    }
}
