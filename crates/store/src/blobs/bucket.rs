//! Segments as objects of an S3-compatible bucket: one object for each batch, written once.

use crate::error::{Result, StoreError};
use crate::seal::random;
use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart};
use std::sync::Arc;

/// Parts of one upload that may be under way at once.
const PARTS_IN_FLIGHT: usize = 2;

/// How to reach a bucket.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    /// The bucket.
    pub bucket: String,
    /// Put before every name; may be empty.
    pub prefix: String,
    /// The service's address; `None`: AWS.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The access key.
    pub access_key: Option<String>,
    /// The secret key.
    pub secret_key: Option<model::Secret>,
}

pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    prefix: String,
}

impl Bucket {
    pub(super) fn open(config: &BucketConfig) -> Result<Self> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_virtual_hosted_style_request(false);
        if let Some(endpoint) = &config.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(access), Some(secret)) = (&config.access_key, &config.secret_key) {
            builder = builder
                .with_access_key_id(access)
                .with_secret_access_key(secret.expose());
        }
        let store = builder
            .build()
            .map_err(|error| StoreError::Setup(format!("the bucket cannot be used: {error}")))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: config.prefix.trim_matches('/').to_owned(),
        })
    }

    fn path(&self, segment: &str) -> Path {
        if self.prefix.is_empty() {
            Path::from(segment)
        } else {
            Path::from(format!("{}/{segment}", self.prefix))
        }
    }

    pub(super) fn take(&self) -> Result<Upload> {
        let name = format!("{}.seg", crate::hex::hex(&random::<12>()));
        Ok(Upload {
            store: self.store.clone(),
            path: self.path(&name),
            name,
            position: 0,
            first: None,
            multipart: None,
        })
    }

    pub(super) async fn read(&self, segment: &str, from: u64, to: u64) -> Result<Bytes> {
        self.store
            .get_range(&self.path(segment), from..to)
            .await
            .map_err(to_error)
    }

    pub(super) async fn remove(&self, segment: &str) -> Result<bool> {
        self.store
            .delete(&self.path(segment))
            .await
            .map_err(to_error)?;
        Ok(true)
    }

    /// Objects that are older than `older_than`: none of them is still being referred to for the first time.
    pub(super) async fn list(&self, older_than: model::Timestamp) -> Result<Vec<(String, u64)>> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        let mut listed = self.store.list(prefix.as_ref());
        let mut names = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(to_error)?;
            if object.last_modified.timestamp_millis() < older_than.0
                && let Some(name) = object.location.filename()
                && name.ends_with(".seg")
            {
                names.push((name.to_owned(), object.size));
            }
        }
        Ok(names)
    }
}

/// An object on its way. A small batch is one PUT; a large one goes in parts.
pub(super) struct Upload {
    store: Arc<AmazonS3>,
    path: Path,
    name: String,
    position: u64,
    first: Option<Bytes>,
    multipart: Option<WriteMultipart>,
}

impl Upload {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Takes a piece; the buffer comes back with its bytes.
    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.position += bytes.len() as u64;
        let copy = bytes.clone();
        let piece = Bytes::from(bytes);
        if self.multipart.is_none() && self.first.is_none() {
            self.first = Some(piece);
            return Ok(copy);
        }
        if self.multipart.is_none() {
            let upload = self
                .store
                .put_multipart(&self.path)
                .await
                .map_err(to_error)?;
            let mut multipart = WriteMultipart::new(upload);
            if let Some(first) = self.first.take() {
                multipart.put(first);
            }
            self.multipart = Some(multipart);
        }
        if let Some(multipart) = &mut self.multipart {
            multipart
                .wait_for_capacity(PARTS_IN_FLIGHT)
                .await
                .map_err(to_error)?;
            multipart.put(piece);
        }
        Ok(copy)
    }

    pub(super) async fn complete(&mut self) -> Result<()> {
        if let Some(multipart) = self.multipart.take() {
            multipart.finish().await.map_err(to_error)?;
        } else if let Some(only) = self.first.take() {
            self.store
                .put(&self.path, PutPayload::from_bytes(only))
                .await
                .map_err(to_error)?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        self.complete().await
    }
}

fn to_error(error: object_store::Error) -> StoreError {
    match error {
        object_store::Error::NotFound { path, .. } => {
            StoreError::Corrupt(format!("object {path} is missing from the bucket"))
        }
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => {
            StoreError::Setup(format!("the bucket refuses access: {error}"))
        }
        other => StoreError::Unavailable(format!("the bucket: {other}")),
    }
}
