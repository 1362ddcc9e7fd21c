//! Segments as files of one folder. A segment has one writer at a time; idle ones wait in a list.

use super::SEGMENT_BYTES;
use super::buffer::{Buffer, pages};
use crate::durable;
use crate::error::{Result, StoreError};
use crate::seal::random;
use bytes::Bytes;
use rustix::io::ReadWriteFlags;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bytes of the disk that are left to the database: with less, no mail is taken in, so that what a mailbox waits for can
/// still be written down and shown.
const RESERVE: u64 = 32 << 20;
/// Files kept open for reading.
const OPEN_FILES: usize = 64;

pub(super) struct Folder {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Open>>>,
    reading: Mutex<HashMap<String, Arc<File>>>,
}

/// A segment file that can be appended to.
struct Open {
    name: String,
    file: File,
    past_cache: PastCache,
    position: u64,
}

/// The same file, for what goes past the page cache.
enum PastCache {
    NotOpened(PathBuf),
    Open(File),
    /// The file system has no such thing.
    Never,
}

impl PastCache {
    fn file(&mut self) -> Option<&File> {
        if let Self::NotOpened(path) = self {
            let flag = rustix::fs::OFlags::DIRECT.bits().cast_signed();
            let mut options = OpenOptions::new();
            *self = match options.write(true).custom_flags(flag).open(path) {
                Ok(file) => Self::Open(file),
                Err(_) => Self::Never,
            };
        }
        match self {
            Self::Open(file) => Some(file),
            _ => None,
        }
    }
}

impl Open {
    /// Writes, if there is room.
    fn append(&mut self, bytes: &[u8], at: u64) -> std::io::Result<()> {
        rustix::fs::fstatvfs(&self.file)
            .map_err(std::io::Error::from)
            .and_then(|disk| has_room(&disk))
            .and_then(|()| self.write(bytes, at))
    }

    /// Writes; the whole pages of a large batch go straight to the disk. It is [`File::sync_data`] that makes them durable
    /// all the same.
    fn write(&mut self, bytes: &[u8], at: u64) -> std::io::Result<()> {
        if let Some((head, whole, tail)) = pages(bytes, at)
            && let Some(past_cache) = self.past_cache.file()
        {
            let from = at + head.len() as u64;
            match past_cache.write_all_at(whole, from) {
                Ok(()) => {
                    self.file.write_all_at(head, at)?;
                    return self.file.write_all_at(tail, from + whole.len() as u64);
                }
                // Some file systems refuse only here.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                    self.past_cache = PastCache::Never;
                }
                Err(error) => return Err(error),
            }
        }
        self.file.write_all_at(bytes, at)
    }
}

impl Folder {
    /// Opens the folder for reading, and for new segments.
    pub(super) fn open(path: &Path) -> Result<Self> {
        durable::make_folder(path)?;
        Ok(Self {
            path: path.to_owned(),
            idle: Arc::default(),
            reading: Mutex::default(),
        })
    }

    /// Segments that are not full and that no process appends to.
    pub(super) fn unfinished(&self) -> Result<Vec<(String, File)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".seg") || entry.metadata()?.len() >= SEGMENT_BYTES {
                continue;
            }
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(entry.path())?;
            if file.try_lock().is_ok() {
                found.push((name, file));
            }
        }
        Ok(found)
    }

    /// Fills a segment further, behind `end`. What lies there was never referred to (a crash came
    /// between the sync and the transaction) and is cut off.
    pub(super) fn reclaim(&self, name: String, file: File, end: u64) -> Result<()> {
        let length = file.metadata()?.len();
        if length < end {
            return Err(StoreError::Corrupt(format!(
                "{} has {length} bytes, but {end} were stored in it",
                self.path.join(&name).display()
            )));
        }
        if length > end {
            file.set_len(end)?;
        }
        let open = Open {
            past_cache: PastCache::NotOpened(self.path.join(&name)),
            name,
            file,
            position: end,
        };
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(open);
        Ok(())
    }

    /// Takes a segment to append to: an idle one, or a new one.
    pub(super) fn take(&self) -> Result<Segment> {
        has_room(&rustix::fs::statvfs(&self.path).map_err(std::io::Error::from)?)?;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let open = match idle {
            Some(open) => open,
            None => {
                let name = format!("{}.seg", crate::hex::hex(&random::<12>()));
                let path = self.path.join(&name);
                let file = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                file.try_lock()
                    .map_err(|e| StoreError::Unavailable(e.to_string()))?;
                // The new name must be as durable as what will be written under it.
                durable::sync_folder(&self.path)?;
                Open {
                    name,
                    file,
                    past_cache: PastCache::NotOpened(path),
                    position: 0,
                }
            }
        };
        Ok(Segment {
            name: open.name.clone(),
            position: open.position,
            synced: open.position,
            open: Some(open),
            idle: Arc::downgrade(&self.idle),
        })
    }

    pub(super) fn read(&self, segment: &str, from: u64, to: u64) -> Result<Bytes> {
        let file = self.file(segment)?;
        let mut bytes = vec![0u8; (to - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes.into())
    }

    /// Reads what the page cache has, without waiting for the disk; `None` where it has not all of it.
    pub(super) fn read_cached(&self, segment: &str, from: u64, to: u64) -> Option<Bytes> {
        let file = self.file(segment).ok()?;
        let mut bytes = vec![0u8; (to - from) as usize];
        let into = &mut [std::io::IoSliceMut::new(&mut bytes)];
        let read = rustix::io::preadv2(&*file, into, from, ReadWriteFlags::NOWAIT).ok()?;
        (read == bytes.len()).then(|| bytes.into())
    }

    fn file(&self, segment: &str) -> Result<Arc<File>> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = reading.get(segment) {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(self.path.join(segment))?);
        if reading.len() >= OPEN_FILES {
            reading.clear();
        }
        reading.insert(segment.to_owned(), file.clone());
        Ok(file)
    }

    /// Whether a segment is missing from the folder.
    pub(super) fn lacks(&self, segment: &str) -> bool {
        self.path.is_dir() && matches!(self.path.join(segment).try_exists(), Ok(false))
    }

    /// Full segments that were last written before `older_than`, with their sizes.
    pub(super) fn closed(&self, older_than: model::Timestamp) -> Result<Vec<(String, u64)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let about = entry.metadata()?;
            let written = about.modified()?.duration_since(std::time::UNIX_EPOCH);
            let written = written.map_or(0, |since| since.as_millis() as i64);
            if name.ends_with(".seg") && about.len() >= SEGMENT_BYTES && written < older_than.0 {
                names.push((name, about.len()));
            }
        }
        Ok(names)
    }

    pub(super) fn remove(&self, segment: &str) -> Result<bool> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().any(|open| open.name == segment) {
            return Ok(false);
        }
        self.reading
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(segment);
        match std::fs::remove_file(self.path.join(segment)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A segment in the hands of one batch. While a thread writes or syncs, the thread owns it: whoever gives
/// up waiting gives the segment up with it, and no later batch writes where that thread still may.
pub(super) struct Segment {
    name: String,
    position: u64,
    open: Option<Open>,
    synced: u64,
    idle: Weak<Mutex<Vec<Open>>>,
}

impl Segment {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Appends and gives the buffer back.
    pub(super) async fn write(&mut self, buffer: Buffer) -> Result<Buffer> {
        let (mut open, at) = (self.take()?, self.position);
        let (open, buffer, written) = blocking(move || {
            let written = open.append(buffer.bytes(), at);
            (open, buffer, written)
        })
        .await?;
        // After a refusal (a full disk) what lies behind `synced` is waste that the next batch overwrites.
        self.open = Some(open);
        written?;
        self.position += buffer.len() as u64;
        Ok(buffer)
    }

    /// Appends, makes durable, and gives the buffer back: one thread does both.
    pub(super) async fn write_durably(&mut self, buffer: Buffer) -> Result<Buffer> {
        let (mut open, at) = (self.take()?, self.position);
        let (open, buffer, written, synced) = blocking(move || {
            let written = open.append(buffer.bytes(), at);
            let synced = match written {
                Ok(()) => open.file.sync_data(),
                Err(_) => Ok(()),
            };
            (open, buffer, written, synced)
        })
        .await?;
        // After a failed sync nobody knows what is on the disk: such a segment is not written to again.
        synced?;
        self.open = Some(open);
        written?;
        self.position += buffer.len() as u64;
        self.synced = self.position;
        Ok(buffer)
    }

    pub(super) async fn sync_data(&mut self) -> Result<()> {
        let open = self.take()?;
        let (open, synced) = blocking(move || {
            let synced = open.file.sync_data();
            (open, synced)
        })
        .await?;
        // After a failed sync nobody knows what is on the disk: such a segment is not written to again.
        synced?;
        self.open = Some(open);
        self.synced = self.position;
        Ok(())
    }

    fn take(&mut self) -> Result<Open> {
        self.open
            .take()
            .ok_or_else(|| StoreError::Unavailable(format!("segment {} was given up", self.name)))
    }
}

impl Drop for Segment {
    /// Back to the idle ones. What was not synced is overwritten by the next batch.
    fn drop(&mut self) {
        let (Some(mut open), Some(idle)) = (self.open.take(), self.idle.upgrade()) else {
            return;
        };
        open.position = self.synced;
        if open.position < SEGMENT_BYTES {
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(open);
        }
    }
}

/// Refuses where only the reserve is left.
fn has_room(disk: &rustix::fs::StatVfs) -> std::io::Result<()> {
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= RESERVE {
        return Ok(());
    }
    Err(std::io::Error::new(
        std::io::ErrorKind::StorageFull,
        format!("the disk has {} MiB left", free >> 20),
    ))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| StoreError::Unavailable(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_segment_whose_write_was_given_up_is_not_written_to_again() {
        // One thread for file work, and that one is busy until we say so.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a folder");
            let folder = Folder::open(dir.path()).expect("it opens");
            let mut segment = folder.take().expect("a segment");
            let name = segment.name().to_owned();
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            assert!(
                segment
                    .write(Buffer::from_bytes(vec![1; 10]))
                    .now_or_never()
                    .is_none()
            );
            drop(segment);
            assert_ne!(folder.take().expect("another").name(), name);
            go.send(()).expect("it waits");
            busy.await.expect("it ends").expect("it heard");
        });
    }

    #[tokio::test]
    async fn a_segment_that_was_written_in_peace_is_used_again_behind_what_was_synced() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(dir.path()).expect("it opens");
        let mut segment = folder.take().expect("a segment");
        let name = segment.name().to_owned();
        segment
            .write(Buffer::from_bytes(vec![1; 10]))
            .await
            .expect("written");
        segment.sync_data().await.expect("synced");
        segment
            .write(Buffer::from_bytes(vec![2; 10]))
            .await
            .expect("written");
        drop(segment);
        let again = folder.take().expect("the same");
        assert_eq!((again.name(), again.position()), (name.as_str(), 10));
    }
}
