//! The rules that the compiler does not know, checked on every file under version control.

use crate::imports;
use std::path::Path;
use std::process::Command;

/// Folders whose code may start programs: tests of the real thing, measurements, and these chores.
const MAY_SPAWN: &[&str] = &[
    "crates/testkit/",
    "xtask/",
    "benches/",
    "crates/server/tests/",
    // It kills itself in the middle of a compaction.
    "crates/store/tests/suite/sweep.rs",
    // Its writes are written down by a library that is preloaded.
    "crates/store/tests/suite/power_cut.rs",
];
/// Files that other tools write.
const WRITTEN_BY_TOOLS: &[&str] = &["Cargo.lock"];

/// Everything that is untidy, one line each.
pub fn check(root: &Path) -> Vec<String> {
    let mut found = import_table(root);
    found.extend(module_headers(root));
    for file in tracked(root) {
        // A file that is removed but not yet committed, or no text.
        let Ok(text) = std::fs::read_to_string(root.join(&file)) else {
            continue;
        };
        found.extend(check_file(&file, &text));
    }
    found
}

/// Names of the files under version control.
fn tracked(root: &Path) -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output();
    let names = listed.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&names)
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn import_table(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for rule in imports::TABLE {
        match std::fs::read_to_string(root.join(rule.folder).join("Cargo.toml")) {
            Ok(manifest) => found.extend(imports::check_manifest(rule, &manifest)),
            Err(error) => found.push(format!("{}/Cargo.toml: {error}", rule.folder)),
        }
    }
    for parent in ["libs", "crates"] {
        for entry in std::fs::read_dir(root.join(parent))
            .into_iter()
            .flatten()
            .flatten()
        {
            let folder = format!("{parent}/{}", entry.file_name().to_string_lossy());
            let known = imports::TABLE.iter().any(|rule| rule.folder == folder);
            if entry.path().join("Cargo.toml").exists() && !known {
                found.push(format!(
                    "{folder}: not in the import table of xtask/src/imports.rs"
                ));
            }
        }
    }
    found
}

fn module_headers(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for rule in imports::TABLE {
        let roots = ["src/lib.rs", "src/main.rs"].map(|file| root.join(rule.folder).join(file));
        for path in roots.iter().filter(|path| path.exists()) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if !has_header(&text) {
                found.push(format!(
                    "{}: begin with a module header that tells the story (//! ...)",
                    path.display()
                ));
            }
        }
    }
    found
}

/// A header says something of its own.
fn has_header(text: &str) -> bool {
    let header: Vec<_> = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .collect();
    header.iter().map(|line| line.len()).sum::<usize>() > 40
}

fn check_file(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |number: usize, what: &str| found.push(format!("{file}:{}: {what}", number + 1));
    for (number, line) in text.lines().enumerate() {
        if file.ends_with(".rs") {
            if has_unchecked_code(line) {
                say(number, "the project has no unchecked code of its own");
            }
            if spawns(line) && !MAY_SPAWN.iter().any(|folder| file.starts_with(folder)) {
                say(
                    number,
                    "only the testkit, the benches, xtask and tests that have to be killed start programs",
                );
            }
        }
        if let Some(name) = names_a_place(line)
            && !WRITTEN_BY_TOOLS.contains(&file)
        {
            say(
                number,
                &format!("{name} belongs to one machine, not to the project"),
            );
        }
    }
    found
}

/// The keyword that switches the compiler's checks off, or an attribute that allows it.
fn has_unchecked_code(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let keyword = concat!("uns", "afe");
    let starts = ["{", "fn ", "impl ", "trait ", "extern "];
    let used = code.split(keyword).skip(1).any(|rest| {
        let rest = rest.trim_start();
        starts.iter().any(|start| rest.starts_with(start))
    });
    used || code.contains(concat!("allow(uns", "afe_code"))
}

fn spawns(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let listed = code.contains("process::{") && code.contains("Command");
    listed || code.contains(concat!("process::", "Command"))
}

/// Hosts of package registries and folders of a workplace. The project names packages; where they come from
/// is each machine's own setting.
fn names_a_place(line: &str) -> Option<&'static str> {
    const PLACES: &[&str] = &[
        concat!("registry.", "npmjs.org"),
        concat!("registry.", "yarnpkg.com"),
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("proxy.golang", ".org"),
        concat!("files.python", "hosted.org"),
        concat!("/work/", "main"),
        concat!("/work/", "shared"),
        concat!("/root/", "."),
    ];
    PLACES.iter().find(|place| line.contains(**place)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let found = check(crate::root());
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn unchecked_code_is_found_in_code_only() {
        let keyword = concat!("uns", "afe");
        assert!(has_unchecked_code(&format!("let x = {keyword} {{ f() }};")));
        assert!(has_unchecked_code(&format!("pub {keyword} fn f() {{}}")));
        assert!(has_unchecked_code(&format!("#[allow({keyword}_code)]")));
        assert!(!has_unchecked_code(&format!("// no {keyword} {{ here")));
        assert!(!has_unchecked_code(&format!(
            "style-src '{keyword}-inline'"
        )));
    }

    #[test]
    fn programs_are_started_by_few() {
        let line = concat!("use std::process::", "Command;");
        assert_eq!(check_file("crates/api/src/lib.rs", line).len(), 1);
        assert!(check_file("crates/testkit/src/lib.rs", line).is_empty());
        assert!(check_file("crates/server/src/commands/mod.rs", "use clap::Command;").is_empty());
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let line = concat!("\"resolved\": \"https://registry.", "npmjs.org/x\"");
        assert_eq!(
            check_file("crates/console/web/package-lock.json", line).len(),
            1
        );
        assert!(check_file("Cargo.lock", line).is_empty());
    }

    #[test]
    fn a_header_says_something_of_its_own() {
        assert!(has_header(
            "//! Mail servers that misbehave on demand, over real sockets.\n"
        ));
        assert!(!has_header("//! See elsewhere.\nfn main() {}\n"));
        assert!(!has_header("fn main() {}\n"));
    }
}
