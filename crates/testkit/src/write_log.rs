//! What a power cut leaves of a folder: a library that is preloaded into a program writes down every change that the
//! program makes there, and from that log any moment can be had again, without what was not synced by then.
//!
//! A file's bytes are safe once the file was synced, its name once its folder was. Of the rest some may have reached the
//! disk and some not, in any order, and a write in part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Random;

/// The library, in C: it stands between a program and its C library.
const SOURCE: &str = include_str!("write_log.c");
/// What a disk writes at once.
const SECTOR: usize = 512;

/// A folder whose changes are written down.
pub struct WriteLog {
    library: PathBuf,
    folder: PathBuf,
    file: PathBuf,
}

/// What of the unsynced changes a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// All.
    All,
    /// Some, by chance.
    Some,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    kind: Kind,
    path: String,
    at: u64,
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Created,
    FolderMade,
    Written,
    Resized,
    Synced,
    Renamed,
    Linked,
    Removed,
}

impl Change {
    /// Whether it made something safe.
    pub fn is_sync(&self) -> bool {
        self.kind == Kind::Synced
    }

    /// The text that was written to this file, if that is what the change is.
    pub fn text_of(&self, path: &str) -> Option<String> {
        let fits = self.kind == Kind::Written && self.path == path;
        fits.then(|| String::from_utf8_lossy(&self.data).into_owned())
    }
}

impl WriteLog {
    /// Prepares to write down the changes to `folder`, in files of `beside`.
    ///
    /// # Panics
    /// Without a C compiler.
    pub fn new(folder: &Path, beside: &Path) -> Self {
        let (source, library) = (beside.join("write_log.c"), beside.join("write_log.so"));
        std::fs::write(&source, SOURCE).expect("a file for the source");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .status();
        assert!(
            compiled.is_ok_and(|status| status.success()),
            "the C compiler `cc` is needed: the library that writes changes down could not be made"
        );
        Self {
            library,
            folder: folder.canonicalize().expect("the folder exists"),
            file: beside.join("write_log"),
        }
    }

    /// Has a program's changes written down.
    pub fn watch<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("WRITE_LOG_FOLDER", &self.folder)
            .env("WRITE_LOG_FILE", &self.file)
    }

    /// What was written down so far.
    pub fn changes(&self) -> Vec<Change> {
        let log = std::fs::read(&self.file).expect("the log of a program that ran");
        let mut rest = log.as_slice();
        let mut changes = Vec::new();
        while let Some((change, after)) = read(rest) {
            changes.push(change);
            rest = after;
        }
        changes
    }
}

/// The first change of a log, and what follows it.
fn read(log: &[u8]) -> Option<(Change, &[u8])> {
    let (kind, rest) = log.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (path, rest) = rest.split_at_checked(u32::from_ne_bytes(*length) as usize)?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let kind = match kind {
        b'C' => Kind::Created,
        b'M' => Kind::FolderMade,
        b'W' => Kind::Written,
        b'T' => Kind::Resized,
        b'S' => Kind::Synced,
        b'R' => Kind::Renamed,
        b'L' => Kind::Linked,
        _ => Kind::Removed,
    };
    let has_data = matches!(kind, Kind::Written | Kind::Renamed | Kind::Linked);
    let length = usize::try_from(u64::from_ne_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(if has_data { length } else { 0 })?;
    let change = Change {
        kind,
        path: String::from_utf8_lossy(path).into_owned(),
        at: u64::from_ne_bytes(*at),
        data: data.to_vec(),
    };
    Some((change, rest))
}

/// A file or folder, whatever its name.
#[derive(Debug, Default, Clone)]
struct Node {
    is_folder: bool,
    safe: Vec<u8>,
    /// Changes since it was last synced.
    unsafe_changes: Vec<Change>,
}

/// A change of names in one folder.
#[derive(Debug, Clone)]
enum Naming {
    Is(String, usize),
    Gone(String),
}

/// The folder as the disk has it.
#[derive(Debug, Default)]
struct Disk {
    nodes: Vec<Node>,
    /// Names as the program sees them.
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    /// Changes of names since their folder was last synced, with the folder.
    unsafe_names: Vec<(String, Naming)>,
}

/// Writes into `into` what a power cut after the first `count` changes leaves. Files whose names end in one of `lost` never
/// last.
///
/// # Panics
/// When `into` cannot be written to.
pub fn power_cut(
    changes: &[Change],
    count: usize,
    left: Left,
    random: &mut Random,
    lost: &[&str],
    into: &Path,
) {
    let mut disk = Disk::default();
    for change in &changes[..count] {
        disk.apply(change);
    }
    for (name, node) in disk.names_left(left, random) {
        if lost.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let path = into.join(&name);
        let node = &disk.nodes[node];
        if node.is_folder {
            std::fs::create_dir_all(&path).expect("a folder");
        } else if path.parent().is_some_and(Path::exists) {
            // Without its folder a file cannot be found.
            std::fs::write(&path, node.bytes_left(left, random)).expect("a file");
        }
    }
}

impl Disk {
    fn apply(&mut self, change: &Change) {
        let path = &change.path;
        match change.kind {
            Kind::Created | Kind::FolderMade => {
                self.nodes.push(Node {
                    is_folder: change.kind == Kind::FolderMade,
                    ..Node::default()
                });
                self.name(path, self.nodes.len() - 1);
            }
            Kind::Written | Kind::Resized => {
                if let Some(node) = self.names.get(path) {
                    self.nodes[*node].unsafe_changes.push(change.clone());
                }
            }
            Kind::Synced => self.sync(path),
            Kind::Renamed | Kind::Linked => {
                let to = String::from_utf8_lossy(&change.data).into_owned();
                if let Some(node) = self.names.get(path).copied() {
                    if change.kind == Kind::Renamed {
                        self.forget(path);
                    }
                    self.name(&to, node);
                }
            }
            Kind::Removed => self.forget(path),
        }
    }

    fn name(&mut self, path: &str, node: usize) {
        self.names.insert(path.to_owned(), node);
        let naming = Naming::Is(path.to_owned(), node);
        self.unsafe_names.push((parent(path).to_owned(), naming));
    }

    fn forget(&mut self, path: &str) {
        self.names.remove(path);
        let naming = Naming::Gone(path.to_owned());
        self.unsafe_names.push((parent(path).to_owned(), naming));
    }

    fn sync(&mut self, path: &str) {
        let is_folder = path.is_empty()
            || self
                .names
                .get(path)
                .is_some_and(|node| self.nodes[*node].is_folder);
        if is_folder {
            let (here, elsewhere) = std::mem::take(&mut self.unsafe_names)
                .into_iter()
                .partition(|(folder, _)| folder == path);
            self.unsafe_names = elsewhere;
            let here: Vec<(String, Naming)> = here;
            for (_, naming) in &here {
                naming.apply(&mut self.safe_names);
            }
        } else if let Some(node) = self.names.get(path) {
            let node = &mut self.nodes[*node];
            for change in std::mem::take(&mut node.unsafe_changes) {
                write(&mut node.safe, &change, change.data.len());
            }
        }
    }

    /// Names are kept in the order in which they were changed: a file system that journals does so.
    fn names_left(&self, left: Left, random: &mut Random) -> BTreeMap<String, usize> {
        let count = match left {
            Left::Nothing => 0,
            Left::All => self.unsafe_names.len(),
            Left::Some => random.index(self.unsafe_names.len() + 1),
        };
        let mut names = self.safe_names.clone();
        for (_, naming) in &self.unsafe_names[..count] {
            naming.apply(&mut names);
        }
        names
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Is(name, node) => names.insert(name.clone(), *node),
            Self::Gone(name) => names.remove(name),
        };
    }
}

impl Node {
    fn bytes_left(&self, left: Left, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.safe.clone();
        for change in &self.unsafe_changes {
            let whole = change.data.len();
            match left {
                Left::Nothing => break,
                Left::All => write(&mut bytes, change, whole),
                Left::Some if random.chance(50) => {
                    let sectors = random.index(whole / SECTOR + 2);
                    write(&mut bytes, change, (sectors * SECTOR).min(whole));
                }
                Left::Some => {}
            }
        }
        bytes
    }
}

/// Does a change, or its first `length` bytes.
fn write(bytes: &mut Vec<u8>, change: &Change, length: usize) {
    let at = usize::try_from(change.at).expect("a file that fits into memory");
    if change.kind == Kind::Resized {
        return bytes.resize(at, 0);
    }
    let end = at + length;
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(&change.data[..length]);
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_synced_is_gone_and_what_is_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let watched = dir.path().join("watched");
        std::fs::create_dir(&watched).expect("a folder");
        let log = WriteLog::new(&watched, dir.path());
        let script = "import os, sys\nd = sys.argv[1]\n\
            def write(name, text):\n\
            \x20 f = os.open(d + '/' + name, os.O_WRONLY | os.O_CREAT); os.pwrite(f, text, 0); return f\n\
            os.fsync(write('kept', b'one'))\n\
            os.fsync(os.open(d, os.O_RDONLY))\n\
            write('kept', b'two')\n\
            os.fsync(write('nameless', b'x'))\n\
            write('marks', b'end')\n";
        let mut python = Command::new("python3");
        let ended = log
            .watch(python.args(["-c", script]).arg(&watched))
            .status();
        assert!(ended.is_ok_and(|status| status.success()));
        let changes = log.changes();
        let end = changes.iter().position(|c| c.text_of("marks").is_some());
        let end = end.expect("the mark");
        let cut = |left| {
            let into = tempfile::tempdir().expect("a folder");
            power_cut(&changes, end, left, &mut Random(1), &["marks"], into.path());
            let read = |name: &str| std::fs::read_to_string(into.path().join(name)).ok();
            (read("kept"), read("nameless"))
        };
        assert_eq!(cut(Left::Nothing), (Some("one".to_owned()), None));
        let both = (Some("two".to_owned()), Some("x".to_owned()));
        assert_eq!(cut(Left::All), both);
    }
}
