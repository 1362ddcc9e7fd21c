//! Raw bytes in a folder and in a bucket.

use crate::common::Fixture;
use model::{Clock, Secret};
use store::blobs::{Batch, BucketConfig, Location};
use store::{Store, StoreError};

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

async fn fresh_bucket() -> testkit::S3Bucket {
    // The bucket's client speaks through rustls with the process's provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::task::spawn_blocking(testkit::bucket)
        .await
        .expect("a bucket")
}

fn in_bucket(fixture: &Fixture, bucket: &testkit::S3Bucket, prefix: &str) -> store::Config {
    store::Config {
        blobs: Location::Bucket(BucketConfig {
            bucket: bucket.bucket.clone(),
            prefix: prefix.into(),
            endpoint: Some(bucket.endpoint.clone()),
            region: bucket.region.clone(),
            access_key: Some(bucket.access_key.clone()),
            secret_key: Some(Secret::new(bucket.secret_key.clone())),
        }),
        ..fixture.config.clone()
    }
}

/// How many uploads in parts the bucket knows, asked by plain HTTP.
fn uploads(bucket: &testkit::S3Bucket) -> usize {
    use std::io::{Read as _, Write as _};
    let address = bucket
        .endpoint
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(address).expect("the bucket's server");
    write!(
        stream,
        "GET /{}?uploads HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
        bucket.bucket
    )
    .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("ListMultipartUploadsResult"), "{answer}");
    answer.matches("<UploadId>").count()
}

/// A batch of which parts are in the bucket already.
async fn half_sent(store: &Store) -> Batch {
    let mut batch = store.blobs.batch().unwrap();
    batch.begin();
    for _ in 0..40 {
        batch.append(&vec![7; 1 << 20]).await.unwrap();
    }
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_or_cut_off_leaves_no_parts_in_the_bucket() {
    let fixture = Fixture::sqlite().await;
    let bucket = fresh_bucket().await;
    let config = in_bucket(&fixture, &bucket, "mail");
    let store = Store::open(&config, Clock::system()).await.unwrap();
    let batch = half_sent(&store).await;
    assert_eq!(uploads(&bucket), 1);
    drop(batch);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while uploads(&bucket) > 0 {
        assert!(std::time::Instant::now() < end, "it is still there");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    // As a crash leaves it: nobody ends it.
    std::mem::forget(half_sent(&store).await);
    let done = half_sent(&store).await;
    done.sync().await.unwrap();
    store::sweep::run(&store).await.unwrap();
    assert_eq!(uploads(&bucket), 1, "it may be under way");
    let tomorrow = Clock::manual(Clock::system().now().plus_millis(25 * 3_600_000));
    let store = Store::open(&config, tomorrow).await.unwrap();
    store::sweep::run(&store).await.unwrap();
    assert_eq!(uploads(&bucket), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_of_a_bucket_belongs_to_one_installation() {
    let (one, two) = (Fixture::sqlite().await, Fixture::sqlite().await);
    let bucket = fresh_bucket().await;
    let start = async |fixture: &Fixture, prefix: &str| {
        let config = in_bucket(fixture, &bucket, prefix);
        let store = Store::open(&config, Clock::system()).await.unwrap();
        store.blobs.take_over(&store.db).await
    };
    start(&one, "mail").await.unwrap();
    start(&one, "mail").await.unwrap();
    let refused = start(&two, "mail").await.unwrap_err();
    assert!(matches!(refused, StoreError::Setup(_)), "{refused:?}");
    let words = refused.to_string();
    assert!(
        words.contains("another Postroom installation") && words.contains("mail/installation"),
        "{words}"
    );
    start(&two, "other").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_in_a_bucket_reads_back_byte_for_byte() {
    let fixture = Fixture::sqlite().await;
    let config = in_bucket(&fixture, &fresh_bucket().await, "mail");
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
