//! A fresh store for a test, on each of the two databases.
#![allow(dead_code, reason = "each test executable uses what it needs of this")]

use model::mailbox::{
    Auth, Credentials, Incoming, Kind, Lifecycle, Mailbox, Outgoing, Protocol, Security,
};
use model::{Clock, Timestamp};
use std::future::Future;
use std::path::Path;
use store::Store;

/// When every test begins: 2026-01-02T03:04:05Z.
pub const START: Timestamp = Timestamp(1_767_323_045_000);

/// A store with a clock that is moved by hand; gone with its folder at the end.
pub struct Fixture {
    /// The store, as the node `here`.
    pub store: Store,
    /// Its clock.
    pub clock: Clock,
    /// Where it lives.
    pub config: store::Config,
    dir: tempfile::TempDir,
}

impl Fixture {
    async fn new(database: Option<String>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = config(dir.path(), "here");
        if let Some(url) = database {
            config.database = store::db::Location::Postgres(url);
        }
        Self::open(config, Clock::manual(START), dir).await
    }

    /// A store on SQLite in a folder that stays, as this node.
    pub async fn in_folder(folder: &Path, node: &str, clock: Clock) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self::open(config(folder, node), clock, dir).await
    }

    async fn open(config: store::Config, clock: Clock, dir: tempfile::TempDir) -> Self {
        let store = Store::open(&config, clock.clone())
            .await
            .expect("the store opens");
        Self {
            store,
            clock,
            config,
            dir,
        }
    }

    /// A store on SQLite alone, for what does not depend on the database.
    pub async fn sqlite() -> Self {
        Self::new(None).await
    }

    /// Closes the store; the folder stays until what is returned is dropped.
    pub fn close(self) -> tempfile::TempDir {
        self.dir
    }

    /// The same store as seen by a second node.
    pub fn node(&self, name: &str) -> Store {
        Store {
            node: name.into(),
            ..self.store.clone()
        }
    }

    /// An enabled mailbox that receives by IMAP and sends by SMTP.
    pub async fn mailbox(&self, address: &str) -> Mailbox {
        self.mailbox_with(address, Some(Protocol::Imap)).await
    }

    /// An enabled mailbox that sends by SMTP and receives as said, or not at all.
    pub async fn mailbox_with(&self, address: &str, protocol: Option<Protocol>) -> Mailbox {
        let new = store::mailboxes::NewMailbox {
            owner: None,
            limits: model::server_profile::ProfileLimits::default(),
            folder_roles: std::collections::BTreeMap::new(),
            address: address.to_owned(),
            name: "Ann".to_owned(),
            kind: Kind::Personal,
            incoming: protocol.map(|protocol| Incoming {
                protocol,
                host: "mail.example.com".to_owned(),
                port: 993,
                security: Security::Tls,
                username: address.to_owned(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            outgoing: Some(Outgoing {
                host: "mail.example.com".to_owned(),
                port: 465,
                security: Security::Tls,
                username: address.to_owned(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            credentials: Credentials::default(),
            login_formats: model::mailbox::Logins::default(),
            server_profile_id: None,
            fetch_since: None,
            monitored_folders: None,
            pop3_delete_after_days: None,
            read_only: false,
            size_limit: None,
        };
        let mailbox = store::mailboxes::create(&self.store, new)
            .await
            .expect("a mailbox");
        store::mailboxes::set_lifecycle(&self.store, &mailbox.id, Lifecycle::Enabled)
            .await
            .expect("an enabled mailbox")
    }

    /// The types of all events so far, in order.
    pub async fn event_types(&self) -> Vec<String> {
        let (events, _) = store::events::list(&self.store, Default::default(), 10_000)
            .await
            .expect("the events");
        events.into_iter().map(|event| event.kind).collect()
    }
}

fn config(folder: &Path, node: &str) -> store::Config {
    store::Config {
        database: store::db::Location::Sqlite(folder.join("postroom.db")),
        blobs: store::blobs::Location::Folder(folder.join("blobs")),
        key_file: folder.join("key"),
        extra_ca_file: None,
        node: node.to_owned(),
    }
}

/// Runs a test on SQLite and on PostgreSQL.
pub async fn both<F, Fut>(test: F)
where
    F: Fn(Fixture) -> Fut,
    Fut: Future<Output = ()>,
{
    eprintln!("on SQLite");
    test(Fixture::new(None).await).await;
    eprintln!("on PostgreSQL");
    let url = tokio::task::spawn_blocking(testkit::postgres_database)
        .await
        .expect("a database");
    test(Fixture::new(Some(url)).await).await;
}
