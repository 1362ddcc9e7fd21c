//! Invariant 33: whatever moment the power goes at, what was acknowledged is there, whole, and what was not is done again
//! without a trace of the first time.
//!
//! A program that stores mail runs with its writes written down ([`testkit::WriteLog`]); then the folder is made as a power
//! cut at some moment would have left it, and opened. `POSTROOM_POWER_CUTS=2000` tries more moments.

use crate::common::{Fixture, START};
use crate::ingest::{alone, batch, count, message_of, set_up};
use model::Clock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::ingest::{self, NewMessage};
use store::{Store, blobs, folders, leases};
use testkit::{Change, Left, Random, WriteLog, power_cut, sha256_hex};

/// Where the program works; set, it is one.
const FOLDER: &str = "POSTROOM_POWER_CUT_FOLDER";
/// In this file it says what it has acknowledged.
const MARKS: &str = "marks";
const BATCHES: i64 = 10;
const MESSAGES: i64 = 6;
/// Moments that are tried.
const CUTS: usize = 90;

/// The bytes of a message: of all sizes, one so large that it goes past the page cache.
fn bytes_of(uid: i64) -> Vec<u8> {
    let size = match uid {
        20 => 3_000_000,
        _ => 200 + (uid * 7_919 % 30_000) as usize,
    };
    let line = format!("Message {uid} of the power cut.\r\n");
    line.bytes().cycle().take(size).collect()
}

/// Stores one batch as the synchronisation does: bytes first, then rows.
async fn store_batch(store: &Store, lease: &leases::Lease, inbox: &str, n: i64) {
    let mut raw = store.blobs.batch().expect("a segment");
    let mut messages: Vec<NewMessage> = Vec::new();
    for uid in n * MESSAGES + 1..=(n + 1) * MESSAGES {
        raw.begin();
        raw.append(&bytes_of(uid)).await.expect("room");
        messages.push(message_of(uid, &format!("m{uid}"), raw.end()));
    }
    raw.sync_keeping().await.expect("synced");
    ingest::ingest(store, lease, batch(inbox, messages), alone)
        .await
        .expect("stored");
}

/// The program whose power is cut; a test only so that it is in this executable.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_loses_its_power() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let mut marks = std::fs::File::options()
        .append(true)
        .create(true)
        .open(folder.join(MARKS))
        .expect("the marks");
    let mut mark = |text: String| std::io::Write::write_all(&mut marks, text.as_bytes());
    let fixture = Fixture::in_folder(&folder, "here", Clock::manual(START)).await;
    let a = set_up(&fixture).await;
    mark("mailbox".into()).expect("a mark");
    let (mut store, config) = (fixture.store.clone(), fixture.config.clone());
    drop(fixture);
    for n in 0..BATCHES {
        store_batch(&store, &a.lease, &a.inbox, n).await;
        mark(format!("batch {n}")).expect("a mark");
        if n == BATCHES / 2 {
            // The last connection puts the log into the database.
            drop(store);
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let opened = Store::open(&config, Clock::manual(START)).await;
            store = opened.expect("it opens");
            store.blobs.take_over(&store.db).await.expect("taken over");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i33_a_power_cut_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("data");
    std::fs::create_dir(&folder).expect("a folder");
    let log = WriteLog::new(&folder, dir.path());
    let mut program = std::process::Command::new(std::env::current_exe().expect("this test"));
    program
        .args(["--exact", "power_cut::the_program_that_loses_its_power"])
        .env(FOLDER, &folder);
    let ended = log.watch(&mut program).output().expect("it runs");
    assert!(ended.status.success(), "{ended:?}");
    let changes = log.changes();
    let syncs = changes.iter().filter(|change| change.is_sync()).count();
    assert!(syncs > BATCHES as usize * 2, "{syncs} syncs are too few");
    let cuts = std::env::var("POSTROOM_POWER_CUTS").map_or(CUTS, |n| n.parse().expect("a number"));
    let mut random = Random(33);
    // Around each sync, where the power makes a difference, and anywhere.
    let near: Vec<usize> = (0..changes.len())
        .filter(|at| changes[*at].is_sync())
        .collect();
    for cut in 0..cuts {
        let at = match cut % 2 {
            0 => near[random.index(near.len())] + random.index(2),
            _ => random.index(changes.len() + 1),
        };
        let left = [Left::Nothing, Left::Some, Left::All][cut % 3];
        let after = tempfile::tempdir().expect("a folder");
        // The memory that SQLite's connections share is no file of the disk's.
        power_cut(
            &changes,
            at,
            left,
            &mut random,
            &["-shm", MARKS],
            after.path(),
        );
        let when = format!("{left:?} after change {at} of {}", changes.len());
        it_is_all_there(after.path(), &changes[..at], &when).await;
    }
}

async fn it_is_all_there(folder: &Path, before: &[Change], when: &str) {
    let marks: Vec<String> = before.iter().filter_map(|c| c.text_of(MARKS)).collect();
    let clock = Clock::manual(START);
    clock.advance(3_600_000);
    // It opens with the key that it was sealed with, or not at all.
    let fixture = Fixture::in_folder(folder, "after", clock).await;
    let store = &fixture.store;
    store.blobs.take_over(&store.db).await.expect(when);
    let whole = store
        .db
        .read(|tx| tx.row("PRAGMA integrity_check", &[]))
        .await;
    let whole: String = whole.expect(when).expect("an answer").get(0).expect("text");
    assert_eq!(whole, "ok", "{when}");
    let lease = leases::acquire(store, 10).await.expect(when).pop();
    let Some(lease) = lease else {
        assert!(marks.is_empty(), "{when}: the mailbox is gone");
        return;
    };
    let known = folders::known(store, &lease.mailbox_id).await.expect(when);
    let inbox = known.iter().find(|folder| folder.path == "INBOX");
    let Some(inbox) = inbox.filter(|folder| folder.uid_validity.is_some()) else {
        assert!(marks.is_empty(), "{when}: the folder is gone");
        return;
    };
    let stored = stored(store, &inbox.id).await;
    for n in 0..BATCHES {
        let uids = n * MESSAGES + 1..=(n + 1) * MESSAGES;
        let there = uids.clone().filter(|uid| stored.contains_key(uid)).count() as i64;
        let acknowledged = marks.contains(&format!("batch {n}"));
        assert!(
            there == MESSAGES || !acknowledged,
            "{when}: batch {n} is gone"
        );
        assert!(there == 0 || there == MESSAGES, "{when}: half of batch {n}");
        store_batch(store, &lease, &inbox.id, n).await;
    }
    for (uid, digest) in self::stored(store, &inbox.id).await {
        let place = blobs::find(store, &digest).await.expect(when);
        let bytes = store.blobs.read(&place, u64::MAX).await.expect(when);
        assert!(bytes == bytes_of(uid), "{when}: the bytes of {uid}");
        assert_eq!(sha256_hex(&bytes), digest, "{when}");
    }
    let all = (BATCHES * MESSAGES) as usize;
    assert_eq!(self::stored(store, &inbox.id).await.len(), all, "{when}");
    assert_eq!(count(store, "message.received").await, all, "{when}");
}

/// UIDs with the digests of their bytes.
async fn stored(store: &Store, folder: &str) -> BTreeMap<i64, String> {
    let folder = folder.to_owned();
    let rows = store.db.read(move |tx| {
        tx.rows(
            "SELECT p.uid, m.digest FROM placements p JOIN messages m ON m.id = p.message_id WHERE p.folder_id = $1",
            &[folder.into()],
        )
    });
    let rows = rows.await.expect("the messages");
    let pair = |row: &store::db::Row| (row.get(0).expect("a UID"), row.get(1).expect("a digest"));
    rows.iter().map(pair).collect()
}
