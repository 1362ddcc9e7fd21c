//! The import table: which of our crates may use which, and why. Dependencies of tests are free.

/// A crate with what it may use.
pub struct Rule {
    /// Its folder.
    pub folder: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The crates of ours that it may use.
    pub may_use: &'static [&'static str],
    /// Why no more.
    pub reason: &'static str,
}

const fn rule(
    folder: &'static str,
    name: &'static str,
    may_use: &'static [&'static str],
    reason: &'static str,
) -> Rule {
    Rule {
        folder,
        name,
        may_use,
        reason,
    }
}

/// The whole table, from the bottom up.
pub const TABLE: &[Rule] = &[
    rule(
        "libs/mail-net",
        "mail-net",
        &[],
        "the way out knows no protocol and no product word",
    ),
    rule(
        "libs/imap-client",
        "imap-client",
        &["mail-net"],
        "a protocol, for whoever speaks it",
    ),
    rule(
        "libs/smtp-client",
        "smtp-client",
        &["mail-net"],
        "a protocol, for whoever speaks it",
    ),
    rule(
        "libs/pop3-client",
        "pop3-client",
        &["mail-net"],
        "a protocol, for whoever speaks it",
    ),
    rule(
        "libs/sieve-client",
        "sieve-client",
        &["mail-net"],
        "a protocol, for whoever speaks it",
    ),
    rule(
        "libs/mail-message",
        "mail-message",
        &[],
        "bytes to values and back: pure",
    ),
    rule(
        "libs/mail-template",
        "mail-template",
        &[],
        "texts with variables: pure, and knows no product word",
    ),
    rule(
        "libs/mail-sim",
        "mail-sim",
        &[],
        "its own parsers on purpose: no bug shared with the clients",
    ),
    rule(
        "crates/model",
        "model",
        &[],
        "what the words mean, without I/O",
    ),
    rule(
        "crates/store",
        "store",
        &["model"],
        "rows and bytes; it parses no mail and knows no network",
    ),
    rule(
        "crates/runner",
        "runner",
        &["model", "store"],
        "how anything runs, not what",
    ),
    rule(
        "crates/connect",
        "connect",
        &[
            "model",
            "mail-net",
            "imap-client",
            "smtp-client",
            "pop3-client",
            "sieve-client",
            "mail-message",
        ],
        "proves settings; stores nothing, so that the command line can use it alone",
    ),
    rule(
        "crates/sync",
        "sync",
        &[
            "model",
            "store",
            "connect",
            "imap-client",
            "pop3-client",
            "mail-net",
            "mail-message",
        ],
        "meets the API and the outbox in tables only, and sends no mail",
    ),
    rule(
        "crates/deliver",
        "deliver",
        &[
            "model",
            "store",
            "runner",
            "connect",
            "smtp-client",
            "mail-net",
            "mail-message",
        ],
        "meets the API and sync in tables only, and opens no mailbox",
    ),
    rule(
        "crates/api",
        "api",
        &["model", "store", "connect", "mail-message", "mail-template"],
        "meets sync and the outbox in tables only; its one connection is the connection report",
    ),
    rule(
        "crates/console",
        "console",
        &[],
        "pages that speak the public API, like everybody else",
    ),
    rule(
        "crates/server",
        "postroom",
        &[
            "model",
            "store",
            "runner",
            "connect",
            "sync",
            "deliver",
            "api",
            "console",
            "mail-message",
            "mail-net",
        ],
        "puts the parts together; protocols stay behind them",
    ),
    rule(
        "crates/testkit",
        "testkit",
        &[],
        "looks at the product from outside, with clients of its own",
    ),
    rule("xtask", "xtask", &[], "looks at files only"),
    rule(
        "benches",
        "benches",
        &["testkit", "mail-net", "mail-sim", "model", "store"],
        "measures from outside; it fills the store of the search itself",
    ),
];

/// What is wrong with one manifest; empty when nothing is.
pub fn check_manifest(rule: &Rule, manifest: &str) -> Vec<String> {
    let place = format!("{}/Cargo.toml", rule.folder);
    let table: toml::Table = match manifest.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{place}: {error}")],
    };
    let name = table.get("package").and_then(|package| package.get("name"));
    if name.and_then(toml::Value::as_str) != Some(rule.name) {
        return vec![format!("{place}: the package's name is not {}", rule.name)];
    }
    let ours: Vec<_> = TABLE.iter().map(|rule| rule.name).collect();
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| table.get(*section)?.as_table())
        .flat_map(toml::Table::keys)
        .filter(|used| ours.contains(&used.as_str()) && !rule.may_use.contains(&used.as_str()))
        .map(|used| {
            format!(
                "{place}: {} must not use {used}: {}",
                rule.name, rule.reason
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_circle() {
        for (index, rule) in TABLE.iter().enumerate() {
            for used in rule.may_use {
                let at = TABLE.iter().position(|other| other.name == *used);
                let below = at.is_some_and(|at| at < index || rule.folder == "benches");
                assert!(
                    below,
                    "{} uses {used}, which does not stand above it",
                    rule.name
                );
            }
        }
    }

    #[test]
    fn an_arrow_in_the_wrong_direction_is_found_and_tests_are_free() {
        let rule = TABLE.iter().find(|rule| rule.name == "store").unwrap();
        let manifest = |section: &str| {
            format!("[package]\nname = 'store'\n[{section}]\nsync.workspace = true\n")
        };
        assert_eq!(check_manifest(rule, &manifest("dependencies")).len(), 1);
        assert_eq!(
            check_manifest(rule, &manifest("build-dependencies")).len(),
            1
        );
        assert!(check_manifest(rule, &manifest("dev-dependencies")).is_empty());
    }
}
