//! Small blobs that are stored at the same moment lie in one batch and share its sync.

use super::{Blobs, Stored};
use crate::error::Result;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Most bytes of a blob that shares its sync.
pub(super) const SMALL: usize = 64 * 1024;
/// Blobs of one batch.
const MOST: usize = 64;

/// Blobs that wait for the next batch. Whoever has the turn stores those of the others too.
#[derive(Default)]
pub(super) struct Shared {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    bytes: Bytes,
    answer: oneshot::Sender<Stored>,
}

impl Shared {
    /// Stores one blob durably. Where the batch that it is in fails, it is stored by itself, and meets its own failure.
    pub(super) async fn put(&self, blobs: &Blobs, bytes: Bytes) -> Result<Stored> {
        let (answer, mut stored) = oneshot::channel();
        let waiting = Waiting {
            bytes: bytes.clone(),
            answer,
        };
        self.line(|line| line.push_back(waiting));
        loop {
            let turn = tokio::select! {
                biased;
                stored = &mut stored => {
                    return match stored {
                        Ok(stored) => Ok(stored),
                        Err(_) => blobs.put_alone(&bytes).await,
                    };
                }
                turn = self.turn.lock() => turn,
            };
            let group = self.line(|line| {
                let most = line.len().min(MOST);
                line.drain(..most).collect::<Vec<_>>()
            });
            if let Err(error) = store(blobs, group).await {
                tracing::info!(%error, "blobs are stored one by one");
            }
            drop(turn);
        }
    }

    fn line<T>(&self, work: impl FnOnce(&mut VecDeque<Waiting>) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Stores a group, and answers each one of it. After an error nobody of it is answered.
async fn store(blobs: &Blobs, group: Vec<Waiting>) -> Result<()> {
    let mut batch = blobs.batch()?;
    let mut stored = Vec::with_capacity(group.len());
    for waiting in &group {
        batch.begin();
        batch.append(&waiting.bytes).await?;
        stored.push(batch.end());
    }
    batch.sync().await?;
    for (waiting, stored) in group.into_iter().zip(stored) {
        // Whoever went away does not want it; the bytes are waste then.
        let _ = waiting.answer.send(stored);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::Location;
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    fn opened() -> (Blobs, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Folder(folder.path().join("blobs"));
        (Blobs::open(&location).unwrap(), folder)
    }

    #[tokio::test]
    async fn many_at_once_lie_in_few_segments_and_each_is_whole() {
        let (blobs, _folder) = opened();
        let texts: Vec<String> = (0..200)
            .map(|n| format!("number {n}\r\n").repeat(n))
            .collect();
        let all = texts.iter().map(|text| blobs.put(text.as_bytes()));
        let stored: Vec<Stored> = join_all(all)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        for (text, stored) in texts.iter().zip(&stored) {
            let read = blobs.read(&stored.place, u64::MAX).await.unwrap();
            assert_eq!(read, text.as_bytes());
        }
        let first = &stored[0].place.segment;
        assert!(stored.iter().all(|one| one.place.segment == *first));
    }

    #[tokio::test]
    async fn who_goes_away_with_the_turn_takes_nobody_along() {
        let (blobs, _folder) = opened();
        let mut leader = Box::pin(blobs.put(b"first"));
        // It has the turn and writes.
        assert!((&mut leader).now_or_never().is_none());
        let mut second = Box::pin(blobs.put(b"second"));
        assert!((&mut second).now_or_never().is_none());
        drop(leader);
        let place = second.await.unwrap().place;
        assert_eq!(blobs.read(&place, 10).await.unwrap(), b"second");
    }
}
