//! Everything that is kept: rows in SQLite or PostgreSQL, raw bytes in segments.
//!
//! This is the only crate that knows SQL or blobs. A function here is one duty and one transaction;
//! no transaction is ever held across a wait for the network, because transactions are plain
//! synchronous closures that run on the database's own threads (see [`db`]).

pub mod access;
pub mod ahead;
pub mod audit;
pub mod auto_replies;
pub mod blobs;
pub mod completeness;
pub mod db;
pub mod deliveries;
pub mod drafts;
mod durable;
pub mod error;
pub mod events;
pub mod failures;
pub mod folders;
mod hex;
pub mod idempotency;
pub mod identities;
pub mod ingest;
pub mod jobs;
pub mod leases;
pub mod mailboxes;
pub mod messages;
pub mod owed;
mod own_copies;
pub mod plan;
pub mod pop3;
pub mod receipts;
pub mod removal;
pub mod reports;
pub mod seal;
pub mod search;
pub mod senders;
pub mod sending_size;
pub mod server_profiles;
pub mod settings;
pub mod signatures;
pub mod submissions;
pub mod sweep;
pub mod tags;
pub mod templates;
pub mod test_messages;
pub mod threads;
pub mod traffic;
pub mod uploads;
pub mod wake;
pub mod webhooks;

pub use db::{Db, Tx};
pub use error::StoreError;

use model::{Clock, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the store keeps its things.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database: a file for SQLite, or a `postgres://` URL.
    pub database: db::Location,
    /// Where raw bytes go.
    pub blobs: blobs::Location,
    /// The master key of the seal; made at first use.
    pub key_file: PathBuf,
    /// Extra certificate authorities (PEM) for a PostgreSQL over TLS.
    pub extra_ca_file: Option<PathBuf>,
    /// This node's name, unique among those that share a database.
    pub node: String,
}

/// The store: cheap to clone, shared by all.
#[derive(Clone)]
pub struct Store {
    /// The database.
    pub db: Db,
    /// Raw bytes.
    pub blobs: blobs::Blobs,
    /// The seal for secrets.
    pub seal: Arc<seal::Seal>,
    /// The clock that stamps rows.
    pub clock: Clock,
    /// This node's name.
    pub node: Arc<str>,
    /// The rules of the outbox.
    pub sending: submissions::Rules,
    /// When the server's copies of drafts are made.
    pub drafts: drafts::copying::Pace,
}

impl Store {
    /// Opens the store, bringing the schema up to date.
    ///
    /// # Errors
    /// The database cannot be opened, is newer than this program, or the key file is not its own.
    pub async fn open(config: &Config, clock: Clock) -> Result<Self, StoreError> {
        let seal = Arc::new(seal::Seal::open(&config.key_file)?);
        let db = Db::open(&config.database, config.extra_ca_file.as_deref()).await?;
        db::migrate::run(&db).await?;
        settings::check_key(&db, &seal).await?;
        let blobs = blobs::Blobs::open(&config.blobs)?;
        Ok(Self {
            db,
            blobs,
            seal,
            clock,
            node: config.node.as_str().into(),
            sending: submissions::Rules::default(),
            drafts: drafts::copying::Pace::default(),
        })
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
