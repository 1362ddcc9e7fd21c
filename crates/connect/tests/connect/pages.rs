//! `docs/problems` is the catalogue as pages, one for each problem. `UPDATE_DOCS=1 cargo nextest run -p connect` writes them anew.

use connect::problems::{Entry, catalogue, sentence};
use connect::providers::Table;
use model::problem::Retry;
use model::report::StepCode;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;

const INDEX: &str = "README.md";

#[test]
fn the_pages_of_problems_say_what_the_catalogue_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems");
    let mut wanted = BTreeMap::from([(INDEX.to_owned(), index())]);
    wanted.extend(catalogue().map(|entry| (file(entry.id), page(entry))));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for old in std::fs::read_dir(&folder).unwrap() {
            std::fs::remove_file(old.unwrap().path()).unwrap();
        }
        for (name, text) in &wanted {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let advice = "run UPDATE_DOCS=1 cargo nextest run -p connect";
    for (name, text) in &wanted {
        let found = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            found == *text,
            "docs/problems/{name} is out of date: {advice}"
        );
    }
    for there in std::fs::read_dir(&folder).unwrap() {
        let name = there.unwrap().file_name().into_string().unwrap();
        assert!(
            wanted.contains_key(&name),
            "docs/problems/{name} is about nothing: {advice}"
        );
    }
}

/// Every error that an entry of the provider table knows can be looked up.
#[test]
fn every_known_error_of_a_provider_has_an_entry() {
    for provider in Table::built_in().iter() {
        for id in &provider.errors {
            assert!(
                connect::problems::find(id).is_some(),
                "{}: {id}",
                provider.id
            );
        }
    }
}

/// A page at a provider is named once more in the provider's entry, which says who vouches for it.
#[test]
fn pages_of_providers_are_those_of_the_provider_table() {
    let table = Table::built_in();
    for entry in catalogue() {
        for id in entry.providers {
            assert!(table.get(id).is_some(), "{}: no provider {id}", entry.id);
        }
        let Some(url) = entry.url else { continue };
        let known = entry.providers.iter().filter_map(|id| table.get(id));
        let known: String = known
            .map(|provider| serde_json::to_string(provider).unwrap())
            .collect();
        assert!(known.contains(url), "{}: {url}", entry.id);
    }
}

/// A misspelled id would quietly become `internal_error`.
#[test]
fn every_id_that_the_code_names_is_in_the_catalogue() {
    let mut known: HashSet<&str> = catalogue().map(|entry| entry.id).collect();
    known.extend(catalogue().filter_map(|entry| entry.action.split(':').next()));
    // A placeholder, a word from Dovecot's mouth, words of RFC 6749 and 6750, and an action of one occurrence only.
    known.extend(["other_port", "mail_max_userip_connections"]);
    known.extend(["error_description", "insufficient_scope", "invalid_token"]);
    known.extend(["invalid_request", "swap_hosts"]);
    // What a Precedence field says.
    known.insert("auto_reply");
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // These name fields and facts, not problems.
                if !["detect", "providers", "typed"]
                    .iter()
                    .any(|other| path.ends_with(other))
                {
                    folders.push(path);
                }
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for literal in source.split('"') {
                let like_an_id = literal.contains('_')
                    && literal.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                assert!(
                    !like_an_id || known.contains(literal),
                    "{}: {literal:?}",
                    path.display()
                );
            }
        }
    }
}

fn file(id: &str) -> String {
    format!("{id}.md")
}

fn index() -> String {
    let mut page = String::from(
        "# Problems\n\n\
         Everything that can stand in the way, with its cause and its remedy. These pages are made from the catalogue in\n\
         `crates/connect/src/problems`; `postroom explain ID` prints the same offline, and `GET /v1/problems/ID` gives it to programs.\n\n\
         **When Postroom tries again**: *by itself* (with growing pauses), *after a pause* (as long as the server said, or minutes to\n\
         an hour where it did not say; until then the mailbox is limited, which needs nobody), *after a change* (once more to be\n\
         sure, then only when a person changed something), *never* (the same again cannot work).\n",
    );
    page.push_str("\n## By step of the connection report\n");
    for code in StepCode::ALL {
        let _ = write!(page, "\n### {} {code}\n\n", code.number());
        table(
            &mut page,
            general().filter(|entry| entry.step == Some(*code)),
        );
    }
    page.push_str("\n### Without a connection\n\n");
    table(&mut page, general().filter(|entry| entry.step.is_none()));
    page.push_str(
        "\n## By provider\n\n\
         What a provider says in words of its own is recognised before the general problems. A problem of this list is a form of\n\
         a general one, and programs that know only the general one find it as `kind_of`.\n",
    );
    let table_of_providers = Table::built_in();
    let mut families: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in catalogue().filter(|entry| entry.id.contains('.')) {
        let names = entry
            .providers
            .iter()
            .filter_map(|id| table_of_providers.get(id));
        let names: Vec<String> = names.map(|provider| provider.name.clone()).collect();
        let names = match names.is_empty() {
            true => "Server software".to_owned(),
            false => names.join(", "),
        };
        families.entry(names).or_default().push(entry);
    }
    for (names, entries) in families {
        let _ = write!(page, "\n### {names}\n\n");
        table(&mut page, entries.into_iter());
    }
    page.push_str(
        "\n## Other names\n\nOther lists of mail errors have these names for the same; each of them is found too.\n\n\
         | name | problem |\n|---|---|\n",
    );
    let mut others: Vec<(&str, &str)> = catalogue()
        .flat_map(|entry| entry.also_known_as.iter().map(|name| (*name, entry.id)))
        .collect();
    others.sort_unstable();
    for (name, id) in others {
        let _ = writeln!(page, "| `{name}` | [`{id}`]({}) |", file(id));
    }
    page
}

fn general() -> impl Iterator<Item = &'static Entry> {
    catalogue().filter(|entry| !entry.id.contains('.'))
}

fn table<'e>(page: &mut String, entries: impl Iterator<Item = &'e Entry>) {
    page.push_str("| problem | what it is | tried again |\n|---|---|---|\n");
    for entry in entries {
        let _ = writeln!(
            page,
            "| [`{}`]({}) | {} | {} |",
            entry.id,
            file(entry.id),
            entry.title,
            again(entry.retry)
        );
    }
}

fn page(entry: &Entry) -> String {
    let mut page = format!(
        "# {}\n\n`{}`\n\n{}\n\n## What to do\n\n{}\n",
        entry.title,
        entry.id,
        sentence(entry.cause, &[]),
        sentence(entry.remedy, &[])
    );
    if let Some(url) = entry.url {
        let _ = write!(page, "\nThe provider's page: <{url}>\n");
    }
    if !entry.likely_others.is_empty() {
        page.push_str("\n## Other causes, the likeliest first\n\n");
        for other in entry.likely_others {
            let _ = writeln!(page, "- {}", sentence(other, &[]));
        }
    }
    page.push_str("\n## More\n\n");
    let step = entry.step.map_or_else(
        || "it is not about a connection".to_owned(),
        |step| format!("step {} of the connection report ({step})", step.number()),
    );
    let _ = writeln!(page, "- Where it shows: {step}");
    let _ = writeln!(page, "- Tried again: {}", again_in_full(entry));
    let _ = writeln!(
        page,
        "- Action for a program: `{}`{}",
        connect::problems::fill(entry.action, &[]),
        match entry.action.contains("port}") {
            true => " (an occurrence names the port)",
            false => "",
        }
    );
    if !entry.providers.is_empty() {
        let _ = writeln!(page, "- Said by: {}", entry.providers.join(", "));
    }
    if let Some(kind) = entry.kind_of {
        let _ = writeln!(page, "- A form of: [`{kind}`]({})", file(kind));
    }
    let forms: Vec<String> = catalogue()
        .filter(|form| form.kind_of == Some(entry.id))
        .map(|form| format!("[`{}`]({})", form.id, file(form.id)))
        .collect();
    if !forms.is_empty() {
        let _ = writeln!(page, "- Forms of it: {}", forms.join(", "));
    }
    if !entry.also_known_as.is_empty() {
        let _ = writeln!(page, "- Also known as: {}", entry.also_known_as.join(", "));
    }
    page.push_str("\n[All problems](README.md)\n");
    page
}

/// What the word of the list means here.
fn again_in_full(entry: &Entry) -> &'static str {
    match entry.retry {
        // Nobody is connected: it is the caller who tries again.
        retry if entry.step.is_none() => again(retry),
        Retry::Backoff => "by itself, with growing pauses",
        Retry::AfterChange => {
            "after a change: it is tried once more to be sure, then what needs it is held until a person changed something"
        }
        Retry::PauseUntil if connect::problems::may_be_the_secret(entry.id) => {
            "once, after a pause; if it comes again, the mailbox is held until a person changed something"
        }
        Retry::PauseUntil => {
            "after a pause: as long as the server said, or minutes to an hour where it did not say; then by itself"
        }
        Retry::Never => "never: the same again cannot work",
    }
}

const fn again(retry: Retry) -> &'static str {
    match retry {
        Retry::Backoff => "by itself",
        Retry::AfterChange => "after a change",
        Retry::PauseUntil => "after a pause",
        Retry::Never => "never",
    }
}
