//! Segments as objects of an S3-compatible bucket: one object for each batch, written once.

use super::upload::{Upload, abort};
use crate::error::{Result, StoreError};
use crate::seal::random;
use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use std::sync::Arc;

/// The object that says whose mail lies under a prefix.
const OWNER: &str = "installation";
/// Where the notes of uploads under way are, and how their names end.
const NOTES: &str = "uploads";
const NOTE_ENDING: &str = ".upload";

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
    name: String,
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
            name: config.bucket.clone(),
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

    fn note(&self, segment: &str) -> Path {
        self.path(&format!("{NOTES}/{segment}{NOTE_ENDING}"))
    }

    /// Marks the prefix as this installation's at its first start. Two that share one would each take away
    /// what the other stores, because no row of their own points at it.
    pub(super) async fn claim(&self, installation: &str) -> Result<()> {
        let mark = self.path(OWNER);
        let mut owner = self.text(&mark).await?;
        if owner.is_none() {
            let payload = || PutPayload::from(installation.to_owned());
            match self
                .store
                .put_opts(&mark, payload(), PutMode::Create.into())
                .await
            {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                // A service without conditional writes: who comes last is seen below.
                Err(
                    object_store::Error::NotImplemented { .. }
                    | object_store::Error::NotSupported { .. },
                ) => {
                    self.store
                        .put(&mark, payload())
                        .await
                        .map_err(StoreError::from)?;
                }
                Err(error) => return Err(StoreError::from(error)),
            }
            owner = self.text(&mark).await?;
        }
        match owner {
            Some(owner) if owner != installation => Err(StoreError::Setup(format!(
                "the bucket {} holds under \"{}\" the mail of another Postroom installation ({owner}; this one is \
                 {installation}): name another prefix (s3://BUCKET/PREFIX), or, if this database has replaced the \
                 other one, remove the object {mark}",
                self.name, self.prefix
            ))),
            _ => Ok(()),
        }
    }

    /// A small object's text, if it is there.
    async fn text(&self, path: &Path) -> Result<Option<String>> {
        let found = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(StoreError::from)?,
        };
        let text = found.bytes().await.map_err(StoreError::from)?;
        Ok(Some(String::from_utf8_lossy(&text).trim().to_owned()))
    }

    /// Aborts uploads that were begun before `older_than`: whoever began them is gone.
    pub(super) async fn abort_uploads(&self, older_than: model::Timestamp) -> Result<()> {
        let notes = self.path(NOTES);
        let mut listed = self.store.list(Some(&notes));
        while let Some(object) = listed.next().await {
            let object = object.map_err(StoreError::from)?;
            let segment = object.location.filename();
            let segment = segment.and_then(|name| name.strip_suffix(NOTE_ENDING));
            let (Some(segment), true) = (
                segment,
                object.last_modified.timestamp_millis() < older_than.0,
            ) else {
                continue;
            };
            if let Some(id) = self.text(&object.location).await? {
                abort(&self.store, &self.path(segment), &id, &object.location).await?;
            }
        }
        Ok(())
    }

    pub(super) fn take(&self) -> Result<Upload> {
        let name = format!("{}.seg", crate::hex::hex(&random::<12>()));
        let (path, note) = (self.path(&name), self.note(&name));
        Ok(Upload::new(self.store.clone(), name, path, note))
    }

    pub(super) async fn read(&self, segment: &str, from: u64, to: u64) -> Result<Bytes> {
        self.store
            .get_range(&self.path(segment), from..to)
            .await
            .map_err(StoreError::from)
    }

    pub(super) async fn remove(&self, segment: &str) -> Result<bool> {
        self.store
            .delete(&self.path(segment))
            .await
            .map_err(StoreError::from)?;
        Ok(true)
    }

    /// Objects that are older than `older_than`: none of them is still being referred to for the first time.
    pub(super) async fn list(&self, older_than: model::Timestamp) -> Result<Vec<(String, u64)>> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        let mut listed = self.store.list(prefix.as_ref());
        let mut names = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(StoreError::from)?;
            if object.last_modified.timestamp_millis() < older_than.0
                && let Some(name) = object.location.filename()
                && name.ends_with(".seg")
                // Not what lies deeper: a prefix may have others in it.
                && object.location == self.path(name)
            {
                names.push((name.to_owned(), object.size));
            }
        }
        Ok(names)
    }
}
