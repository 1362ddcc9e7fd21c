//! The bytes of a batch in memory, placed so that the disk can take them from there.
//!
//! What goes to a file past the page cache has to begin at the same offset of a page in memory as in the file. A batch of a
//! first synchronisation is written once and not read again soon: copying it into the page cache costs more than all
//! that is done with it before, and drives out what is worth keeping there.

use std::sync::{Arc, Mutex, PoisonError};

/// Bytes held in memory before they go to the segment. A batch that stays below is parsed from memory.
pub(super) const BUFFER: usize = 12 * 1024 * 1024;
/// What one append may bring beyond it.
const BEYOND: usize = 1024 * 1024;
/// From here on a batch is a large one, and gets a place of its own.
const LARGE: usize = 512 * 1024;
/// Files and memory are measured in pages of this size, whatever the system's are: it is a multiple of every disk's blocks.
pub(super) const PAGE: u64 = 4096;

/// Places of large batches that are over, to be used again: memory that is new to the process is dear. They live as long as
/// the work that needs them.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<Vec<Vec<u8>>>>);

impl Places {
    fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, mut place: Vec<u8>) {
        place.clear();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(place);
    }
}

/// Bytes, and where in a file they will lie.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Bytes at the front that mean nothing.
    lead: usize,
    places: Option<Places>,
}

impl Buffer {
    /// One that is placed as soon as it is large.
    pub(super) fn placed(places: Places) -> Self {
        Self {
            bytes: Vec::new(),
            lead: 0,
            places: Some(places),
        }
    }

    /// One that is not placed.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            lead: 0,
            places: None,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.lead..).unwrap_or_default()
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.lead
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends; `base` is the position in the file of the first byte.
    pub(super) fn append(&mut self, more: &[u8], base: u64) {
        let wanted = self.len() + more.len();
        if wanted > LARGE && self.bytes.capacity() < BUFFER && self.places.is_some() {
            self.place(base);
        }
        self.bytes.extend_from_slice(more);
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(self.lead + length);
    }

    /// Empties it; what comes next lies at `base`.
    pub(super) fn clear(&mut self, base: u64) {
        self.bytes.clear();
        self.lead = 0;
        if self.bytes.capacity() >= BUFFER && self.places.is_some() {
            self.lead = lead(&self.bytes, base);
            self.bytes.resize(self.lead, 0);
        }
    }

    fn place(&mut self, base: u64) {
        let found = self.places.as_ref().and_then(Places::take);
        let mut place =
            found.unwrap_or_else(|| Vec::with_capacity(BUFFER + BEYOND + PAGE as usize));
        let lead = lead(&place, base);
        place.resize(lead, 0);
        place.extend_from_slice(self.bytes());
        self.bytes = place;
        self.lead = lead;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(places) = &self.places
            && self.bytes.capacity() >= BUFFER
        {
            places.put(std::mem::take(&mut self.bytes));
        }
    }
}

/// How many bytes to leave out so that the next one lies in its page as it will in the file.
fn lead(place: &[u8], base: u64) -> usize {
    let at = place.as_ptr().addr() as u64 % PAGE;
    ((base % PAGE + PAGE - at) % PAGE) as usize
}

/// Cuts bytes that belong to `at` in a file into those before the first whole page, the whole pages, and the rest. `None`
/// when they do not lie in memory as in the file, or when the pages are not worth it.
pub(super) fn pages(bytes: &[u8], at: u64) -> Option<(&[u8], &[u8], &[u8])> {
    let head = ((PAGE - at % PAGE) % PAGE) as usize;
    let (head, rest) = bytes.split_at_checked(head)?;
    let whole = rest.len() - rest.len() % PAGE as usize;
    let (pages, tail) = rest.split_at_checked(whole)?;
    let aligned = (pages.as_ptr().addr() as u64).is_multiple_of(PAGE);
    (aligned && pages.len() >= LARGE).then_some((head, pages, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_batch_lies_in_memory_as_in_the_file_wherever_it_begins() {
        let places = Places::default();
        for base in [0, 1, 4095, 4096, 70_001] {
            let mut buffer = Buffer::placed(places.clone());
            let mut sent = Vec::new();
            for n in 0..300_u32 {
                let piece = vec![n as u8; 7_001];
                buffer.append(&piece, base);
                sent.extend(piece);
            }
            assert_eq!(buffer.bytes(), sent);
            let (head, whole, tail) = pages(buffer.bytes(), base).expect("it is placed");
            assert_eq!([head, whole, tail].concat(), sent);
            assert_eq!((base + head.len() as u64) % PAGE, 0);
            buffer.truncate(10);
            assert_eq!(buffer.bytes(), &sent[..10]);
            buffer.clear(base + 5);
            buffer.append(&sent, base + 5);
            assert!(pages(buffer.bytes(), base + 5).is_some());
        }
        assert_eq!(places.0.lock().expect("a lock").len(), 1);
    }

    #[test]
    fn a_small_batch_takes_no_large_place() {
        let places = Places::default();
        let mut buffer = Buffer::placed(places.clone());
        buffer.append(&[1; 2_000], 3);
        assert!(pages(buffer.bytes(), 3).is_none());
        assert!(buffer.bytes.capacity() < 10_000);
        drop(buffer);
        assert!(places.take().is_none());
    }
}
