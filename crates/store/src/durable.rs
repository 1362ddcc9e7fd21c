//! Names that outlast a power cut: a file's bytes are safe when the file was synced, its name when its folder was.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in a folder safe.
///
/// # Errors
/// The folder cannot be opened or synced.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a bare name.
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    File::open(folder)?.sync_all()
}

/// Makes a folder for its owner alone, with those above it, and makes their names safe.
///
/// # Errors
/// A folder cannot be made or synced.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .collect();
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    for made in missing.iter().rev() {
        if let Some(parent) = made.parent() {
            sync_folder(parent)?;
        }
    }
    Ok(())
}

/// Makes a file for its owner alone, whole or not at all, unless there is one of that name.
///
/// # Errors
/// `AlreadyExists`; the file cannot be written or synced.
pub(crate) fn make_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let half = path.with_file_name(name);
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&half)
        .and_then(|mut file| {
            io::Write::write_all(&mut file, bytes)?;
            file.sync_all()?;
            // Unlike a rename this never takes the place of another file.
            std::fs::hard_link(&half, path)
        });
    let _ = std::fs::remove_file(&half);
    made?;
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_by_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let deep = dir.path().join("a/b/c");
        make_folder(&deep).expect("made");
        make_folder(&deep).expect("it is there");
        let path = deep.join("key");
        make_file(&path, b"one").expect("made");
        let again = make_file(&path, b"two").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).expect("read"), b"one");
        assert_eq!(std::fs::read_dir(&deep).expect("a list").count(), 1);
    }
}
