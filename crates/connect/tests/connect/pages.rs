//! `docs/problems/README.md` is the catalogue as a page. `UPDATE_DOCS=1 cargo nextest run -p connect` writes it anew.

use connect::problems::{Entry, catalogue, sentence};
use model::problem::Retry;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;

#[test]
fn the_page_of_problems_says_what_the_catalogue_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems/README.md");
    let wanted = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/problems/README.md is out of date: run UPDATE_DOCS=1 cargo nextest run -p connect"
    );
}

/// A misspelled id would quietly become `internal_error`.
#[test]
fn every_id_that_the_code_names_is_in_the_catalogue() {
    let mut known: HashSet<&str> = catalogue().map(|entry| entry.id).collect();
    known.extend(catalogue().filter_map(|entry| entry.action.split(':').next()));
    // A placeholder, and a word from Dovecot's mouth.
    known.extend(["other_port", "mail_max_userip_connections"]);
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
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

fn page() -> String {
    let mut page = String::from(
        "# Problems\n\n\
         Everything that can stand in the way, with its cause and its remedy. This page is made from the catalogue in\n\
         `crates/connect/src/problems`; `postroom explain ID` prints the same offline.\n\n\
         **When Postroom tries again**: *by itself* (with growing pauses), *after a pause* (at a time that the server named, or a\n\
         usual one), *after a change* (only when a person changed something), *never* (this input cannot work).\n\n\
         | problem | what it is | step | tried again |\n|---|---|---|---|\n",
    );
    for entry in catalogue() {
        let step = entry
            .step
            .map_or(String::new(), |step| format!("{} {step}", step.number()));
        let _ = writeln!(
            page,
            "| [`{id}`](#{id}) | {} | {step} | {} |",
            entry.title,
            again(entry.retry),
            id = entry.id
        );
    }
    for entry in catalogue() {
        section(&mut page, entry);
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let _ = write!(
        page,
        "\n## {}\n\n**{}.** {}\n\n- What to do: {}\n",
        entry.id,
        entry.title,
        sentence(entry.cause, &[]),
        sentence(entry.remedy, &[])
    );
    for other in entry.likely_others {
        let _ = writeln!(page, "- It may also be: {}", sentence(other, &[]));
    }
    let _ = writeln!(page, "- Tried again: {}", again(entry.retry));
}

const fn again(retry: Retry) -> &'static str {
    match retry {
        Retry::Backoff => "by itself",
        Retry::AfterChange => "after a change",
        Retry::PauseUntil => "after a pause",
        Retry::Never => "never",
    }
}
