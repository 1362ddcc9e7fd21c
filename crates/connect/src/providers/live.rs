//! The table in use: the built-in entries and the administrator's file, read anew when it changed.

use super::overrides::{MAX_FILE, TableError};
use super::table::Table;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A handle on the table in use; clones share it.
#[derive(Clone, Debug)]
pub struct Providers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    table: Arc<Table>,
    /// What the file was like when it was last read.
    stamp: Option<Stamp>,
    problem: Option<String>,
}

/// A file that is the same in both has not changed, or was written twice within one tick of the clock with the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Providers {
    /// The built-in entries with those of a file, if there is one. A file that is missing or broken leaves the built-in ones
    /// and a [`problem`](Self::problem).
    pub fn new(file: Option<PathBuf>) -> Self {
        let providers = Self(Arc::new(Inner {
            file,
            state: Mutex::new(State {
                table: Table::built_in(),
                stamp: None,
                problem: None,
            }),
        }));
        drop(providers.current());
        providers
    }

    /// The table as it is now. It looks whether the file changed, which takes microseconds.
    pub fn current(&self) -> Arc<Table> {
        let mut state = self.state();
        if let Some(path) = &self.0.file {
            look(path, &mut state);
        }
        state.table.clone()
    }

    /// What is wrong with the file, in one sentence; then the last good table is in use.
    pub fn problem(&self) -> Option<String> {
        drop(self.current());
        self.state().problem.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each field is replaced as a whole, so that a panic elsewhere leaves a state that holds.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(path: &Path, state: &mut State) {
    let stamp = std::fs::metadata(path).ok().map(|metadata| Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
    });
    if stamp.is_some() && stamp == state.stamp {
        return;
    }
    match read(path) {
        Ok(table) => {
            tracing::info!(file = %path.display(), "the providers file was read");
            state.table = Arc::new(table);
            state.problem = None;
        }
        Err(why) => {
            let problem = format!("{}: {why}", path.display());
            // A file that stays away would be told of at every look.
            if state.problem.as_ref() != Some(&problem) {
                tracing::warn!(
                    "the providers file cannot be used, the table stays as it was: {problem}"
                );
            }
            state.problem = Some(problem);
        }
    }
    state.stamp = stamp;
}

fn read(path: &Path) -> Result<Table, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    // One byte more than allowed, so that a file too large is seen to be.
    file.take(MAX_FILE as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Table::clone(&Table::built_in())
        .with_overrides(&text)
        .map_err(|error: TableError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "compiled = \"2026-11\"\n[[providers]]\nid = \"acme\"\nname = \"Acme\"\nkind = \"business\"\n";

    #[test]
    fn a_file_is_read_anew_when_it_changed_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("providers.toml");
        let providers = Providers::new(Some(path.clone()));
        assert!(providers.problem().unwrap().contains("No such file"));
        assert!(providers.current().get("gmail").is_some());

        std::fs::write(&path, format!("{ENTRY}domains = [\"acme.example\"]\n")).unwrap();
        let held = providers.clone();
        assert!(held.current().by_domain("acme.example").is_some());
        assert_eq!(providers.problem(), None);

        std::fs::write(&path, format!("{ENTRY}domains = 7\n")).unwrap();
        assert!(held.current().by_domain("acme.example").is_some());
        let problem = providers.problem().unwrap();
        assert!(
            problem.contains("entry acme: domains: invalid type"),
            "{problem}"
        );

        std::fs::write(&path, ENTRY).unwrap();
        assert!(held.current().by_domain("acme.example").is_none());
        assert_eq!(providers.problem(), None);
    }
}
