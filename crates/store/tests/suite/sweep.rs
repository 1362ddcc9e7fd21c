//! The sweep and the compaction of segments.

use crate::common::{Fixture, START, both};
use model::{Clock, Secret};
use store::blobs::{self, BucketConfig, Location, SEGMENT_BYTES};
use store::submissions::{self, NewSubmission};
use store::{Store, sweep};

const HOUR: i64 = 3_600_000;

/// Some submissions, whose bytes are needed for good. Their digests come back with the bytes.
async fn needed(f: &Fixture, store: &Store, texts: &[String]) -> Vec<(String, String)> {
    let mailbox = f.mailbox("ann@example.com").await;
    let mut batch = store.blobs.batch().unwrap();
    let mut all = Vec::new();
    for text in texts {
        batch.begin();
        batch.append(text.as_bytes()).await.unwrap();
        all.push(batch.end());
        // What nobody comes to need.
        batch.begin();
        batch.append(&vec![0; 3 * text.len()]).await.unwrap();
        batch.end();
    }
    batch.sync().await.unwrap();
    let mut digests = Vec::new();
    for (stored, text) in all.into_iter().zip(texts) {
        digests.push((stored.digest.clone(), text.clone()));
        let to = vec!["bob@x.org".to_owned()];
        let from = &mailbox.address;
        let new = NewSubmission::new(&mailbox.id, stored, from, "one@example.com", to);
        submissions::create(store, new).await.unwrap();
    }
    digests
}

fn texts() -> Vec<String> {
    (0..20)
        .map(|n| format!("message {n} ").repeat(50 + n))
        .collect()
}

/// Everything reads back byte for byte.
async fn all_there(store: &Store, digests: &[(String, String)]) {
    for (digest, text) in digests {
        let place = blobs::find(store, digest).await.unwrap();
        assert_eq!(
            store.blobs.read(&place, u64::MAX).await.unwrap(),
            text.as_bytes()
        );
    }
}

async fn segment_of(store: &Store, digest: &str) -> String {
    blobs::find(store, digest).await.unwrap().segment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_takes_away_a_bounded_piece_at_a_time_and_only_what_is_unused() {
    both(|f| async move {
        let kept = needed(&f, &f.store, &texts()).await;
        let insert = f.store.db.write(|tx| {
            for n in 0..4_500i64 {
                tx.exec(
                    "INSERT INTO blobs (digest, segment, position, length, touched_at) VALUES ($1, 'none.seg', 0, 1, $2)",
                    &[format!("unused-{n}").into(), START.plus_millis(n % 7).into()],
                )?;
            }
            Ok(())
        });
        insert.await.unwrap();
        let rows = async || {
            let sql = "SELECT count(*) FROM blobs";
            let read = f.store.db.read(move |tx| {
                let row = tx.row(sql, &[])?;
                row.map_or(Ok(0), |row| row.get::<i64>(0))
            });
            read.await.unwrap()
        };
        assert_eq!(sweep::run(&f.store).await.unwrap().rows, 0, "all are young");
        f.clock.advance(2 * HOUR);
        let mut round = sweep::Round::new();
        let mut before = rows().await;
        assert_eq!(before, 4_520);
        let swept = loop {
            let step = round.step(&f.store).await.unwrap();
            let now = rows().await;
            assert!(before - now <= 2_000, "{before} -> {now} in one step");
            before = now;
            if let Some(swept) = step {
                break swept;
            }
        };
        assert_eq!((swept.rows, before), (4_500, 20));
        all_there(&f.store, &kept).await;
    })
    .await;
}

/// Makes a segment of a folder as long as a full one, without writing to the disk.
fn fill_up(f: &Fixture, segment: &str) {
    let Location::Folder(folder) = &f.config.blobs else {
        unreachable!("the blobs are in a folder");
    };
    let file = std::fs::File::options()
        .write(true)
        .open(folder.join(segment));
    file.unwrap().set_len(SEGMENT_BYTES).unwrap();
}

fn exists(f: &Fixture, segment: &str) -> bool {
    let Location::Folder(folder) = &f.config.blobs else {
        unreachable!("the blobs are in a folder");
    };
    folder.join(segment).exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_segment_is_copied_and_removed_after_the_grace_time() {
    let f = Fixture::sqlite().await;
    let kept = needed(&f, &f.store, &texts()).await;
    let old = segment_of(&f.store, &kept[0].0).await;
    fill_up(&f, &old);
    // A new start: the full segment is nobody's to write to any more.
    let store = Store::open(&f.config, later(1)).await.unwrap();
    store.blobs.take_over(&store.db).await.unwrap();
    assert_eq!(
        sweep::run(&store).await.unwrap().moved,
        0,
        "it was written just now"
    );

    let store = Store::open(&f.config, later(2 * HOUR)).await.unwrap();
    let swept = sweep::run(&store).await.unwrap();
    let bytes: usize = kept.iter().map(|(_, text)| text.len()).sum();
    assert_eq!(swept.moved, bytes as u64);
    assert_ne!(segment_of(&store, &kept[0].0).await, old);
    all_there(&store, &kept).await;
    for _ in 0..2 {
        assert_eq!(sweep::run(&store).await.unwrap().segments, 0);
        assert!(exists(&f, &old), "somebody may be reading from it");
    }
    let store = Store::open(&f.config, later(27 * HOUR)).await.unwrap();
    assert_eq!(sweep::run(&store).await.unwrap().segments, 1);
    assert!(!exists(&f, &old));
    all_there(&store, &kept).await;
}

/// A clock that runs this long after the real one, by which files are dated.
fn later(millis: i64) -> Clock {
    Clock::manual(Clock::system().now().plus_millis(millis))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_left_alone() {
    let f = Fixture::sqlite().await;
    let kept = needed(&f, &f.store, &texts()).await;
    let old = segment_of(&f.store, &kept[0].0).await;
    fill_up(&f, &old);
    let Location::Folder(folder) = &f.config.blobs else {
        unreachable!("the blobs are in a folder");
    };
    let file = std::fs::File::options()
        .write(true)
        .open(folder.join(&old))
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"?", 3).unwrap();
    let store = Store::open(&f.config, later(2 * HOUR)).await.unwrap();
    assert_eq!(sweep::run(&store).await.unwrap().moved, 0);
    assert_eq!(segment_of(&store, &kept[0].0).await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_object_of_a_bucket_is_copied_and_removed_after_the_grace_time() {
    let f = Fixture::sqlite().await;
    let bucket = tokio::task::spawn_blocking(testkit::bucket).await.unwrap();
    let location = Location::Bucket(BucketConfig {
        bucket: bucket.bucket,
        prefix: "mail".into(),
        endpoint: Some(bucket.endpoint),
        region: bucket.region,
        access_key: Some(bucket.access_key),
        secret_key: Some(Secret::new(bucket.secret_key)),
    });
    let config = store::Config {
        blobs: location,
        ..f.config.clone()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::open(&config, Clock::system()).await.unwrap();
    let kept = needed(&f, &store, &texts()).await;
    let old = blobs::find(&store, &kept[0].0).await.unwrap();
    let store = Store::open(&config, later(2 * HOUR)).await.unwrap();
    assert!(sweep::run(&store).await.unwrap().moved > 0);
    assert_ne!(segment_of(&store, &kept[0].0).await, old.segment);
    all_there(&store, &kept).await;
    assert_eq!(sweep::run(&store).await.unwrap().segments, 0);
    assert!(
        store.blobs.read(&old, 10).await.is_ok(),
        "somebody may be reading from it"
    );
    let store = Store::open(&config, later(27 * HOUR)).await.unwrap();
    assert_eq!(sweep::run(&store).await.unwrap().segments, 1);
    assert!(store.blobs.read(&old, 10).await.is_err());
    all_there(&store, &kept).await;
}

/// Where the killed process of the next test finds its store.
const KILLED: &str = "POSTROOM_TEST_COMPACTION";

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_the_compaction_loses_nothing() {
    if let Some(dir) = std::env::var_os(KILLED) {
        return compact_for_ever(dir.into()).await;
    }
    let f = Fixture::sqlite().await;
    let texts: Vec<String> = (0..3_000)
        .map(|n| format!("message {n} ").repeat(40))
        .collect();
    let kept = needed(&f, &f.store, &texts).await;
    let old = segment_of(&f.store, &kept[0].0).await;
    fill_up(&f, &old);
    let config = f.config.clone();
    let dir = f.close();
    for kill in 0..10u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sweep::killed_at_any_moment_the_compaction_loses_nothing",
            ])
            .env(KILLED, dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30 + 17 * kill));
        if kill == 9 {
            // The last one lives until it has got somewhere, unless one before it has.
            let store = open_beside(&config).await;
            while segment_of(&store, &kept[0].0).await == old {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&config, Clock::system()).await.unwrap();
        store.blobs.take_over(&store.db).await.unwrap();
        all_there(&store, &kept).await;
        // What is written next lies behind it all.
        store.blobs.put(b"something else").await.unwrap();
        all_there(&store, &kept).await;
    }
}

/// Opens a store that another process opens and closes again and again: SQLite refuses whoever comes in the middle of a closing.
/// In service only one process has it.
async fn open_beside(config: &store::Config) -> Store {
    loop {
        match Store::open(config, Clock::system()).await {
            Err(store::StoreError::Unavailable(_)) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            opened => return opened.unwrap(),
        }
    }
}

/// Another process: sweeps as if hours went by, until it is killed.
async fn compact_for_ever(dir: std::path::PathBuf) {
    let config = store::Config {
        database: store::db::Location::Sqlite(dir.join("postroom.db")),
        blobs: Location::Folder(dir.join("blobs")),
        key_file: dir.join("key"),
        extra_ca_file: None,
        node: "killed".to_owned(),
    };
    for hours in 2.. {
        let store = Store::open(&config, later(hours * HOUR)).await.unwrap();
        store.blobs.take_over(&store.db).await.unwrap();
        sweep::run(&store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_tries_again_at_this_moment_is_not_swept() {
    both(|f| async move {
        let store = &f.store;
        let mailbox = f.mailbox("ann@example.com").await;
        let digest = store.blobs.put(b"Subject: x\r\n\r\nx\r\n").await.unwrap();
        let to = vec!["bob@x.org".to_owned()];
        let new = NewSubmission::new(&mailbox.id, digest, &mailbox.address, "one@example.com", to);
        let id = submissions::create(store, new).await.unwrap().id;
        let now = store.now();
        let settled = "UPDATE submissions SET state = 'failed', next_attempt_at = NULL, settled_at = $2 WHERE id = $1";
        let args = [id.as_str().into(), now.into()];
        store.db.write(move |tx| tx.exec(settled, &args)).await.unwrap();
        f.clock.advance(store.sending.kept_millis + 1_000);
        // Its row is held while the sweep goes by; with one writer only the sweep comes first or last.
        let (held, is_held) = std::sync::mpsc::channel::<()>();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let waits = std::sync::Arc::new(std::sync::Mutex::new((held, may_go_on)));
        let (other, row) = (store.clone(), id.clone());
        let again = tokio::spawn(async move {
            let retry = move |tx: &mut store::Tx<'_>| {
                let sql = "UPDATE submissions SET state = 'queued', settled_at = NULL, next_attempt_at = $2 WHERE id = $1";
                tx.exec(sql, &[(&row).into(), now.into()])?;
                if tx.dialect() == store::db::Dialect::Postgres {
                    let (held, may_go_on) = &*waits.lock().unwrap();
                    held.send(()).unwrap();
                    may_go_on.recv().unwrap();
                }
                Ok(())
            };
            other.db.write(retry).await.unwrap();
        });
        let postgres = tokio::task::spawn_blocking(move || is_held.recv().is_ok());
        if postgres.await.unwrap() {
            sweep::run(store).await.unwrap();
            go_on.send(()).unwrap();
        }
        again.await.unwrap();
        sweep::run(store).await.unwrap();
        let kept = submissions::get(store, &id).await.unwrap();
        assert_eq!(kept.state, model::submission::State::Queued);
    })
    .await;
}
