//! Raw bytes in a folder and in a bucket.

use crate::common::Fixture;
use model::{Clock, Secret};
use store::Store;
use store::blobs::{BucketConfig, Location};

async fn round_trip(store: &Store) {
    let large: Vec<u8> = (0..30_000_000u32).map(|i| (i % 251) as u8).collect();
    let mut batch = store.blobs.batch().unwrap();
    let mut stored = Vec::new();
    for part in [&b"first"[..], &large, b"", b"last"] {
        batch.begin();
        for chunk in part.chunks(65_536) {
            batch.append(chunk).await.unwrap();
        }
        stored.push((batch.end(), part.len()));
    }
    batch.begin();
    batch.append(b"given up").await.unwrap();
    batch.abort();
    batch.sync().await.unwrap();
    let read = async |i: usize| {
        store
            .blobs
            .read(&stored[i].0.place, u64::MAX)
            .await
            .unwrap()
    };
    assert_eq!(read(0).await, b"first");
    assert!(read(1).await == large, "the large blob came back changed");
    assert_eq!(read(2).await, b"");
    assert_eq!(read(3).await, b"last");
    let some = store
        .blobs
        .read_some(&stored[1].0.place, 12_000_000..12_000_010)
        .await
        .unwrap();
    assert_eq!(some[..], large[12_000_000..12_000_010]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_a_folder_reads_back_byte_for_byte() {
    let fixture = Fixture::sqlite().await;
    round_trip(&fixture.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_a_bucket_reads_back_byte_for_byte() {
    let fixture = Fixture::sqlite().await;
    let bucket = tokio::task::spawn_blocking(testkit::bucket)
        .await
        .expect("a bucket");
    let config = store::Config {
        blobs: Location::Bucket(BucketConfig {
            bucket: bucket.bucket,
            prefix: "mail".into(),
            endpoint: Some(bucket.endpoint),
            region: bucket.region,
            access_key: Some(bucket.access_key),
            secret_key: Some(Secret::new(bucket.secret_key)),
        }),
        ..fixture.config.clone()
    };
    // The bucket's client speaks through rustls with the process's provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = Store::open(&config, Clock::system())
        .await
        .expect("the store opens");
    round_trip(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_server_cuts_off_what_was_never_referred_to_and_a_command_does_not() {
    let fixture = Fixture::sqlite().await;
    fixture.store.blobs.put(b"never referred to").await.unwrap();
    let folder = match &fixture.config.blobs {
        Location::Folder(path) => path.clone(),
        Location::Bucket(_) => unreachable!("a folder was asked for"),
    };
    let size = || {
        let files = std::fs::read_dir(&folder).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    assert_eq!(size(), 17);
    let config = fixture.config.clone();
    let _dir = fixture.close();
    let store = Store::open(&config, Clock::system()).await.unwrap();
    assert_eq!(size(), 17);
    store.blobs.take_over(&store.db).await.unwrap();
    assert_eq!(size(), 0);
    drop(store);
}
