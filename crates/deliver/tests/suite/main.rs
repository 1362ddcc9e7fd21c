//! Delivery over real sockets, against servers that misbehave on demand.

mod auto_reply;
mod breakdown;
mod budget;
mod cuts;
mod outbox;
mod verdict;
mod webhook;
mod wishes;

use connect::providers::Providers;
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use model::mailbox::{
    Auth, Credentials, Incoming, Kind, Lifecycle, Mailbox, Outgoing, Protocol, Security,
};
use model::{Clock, Secret, Timestamp};
use runner::Supervisor;
use std::future::Future;
use std::time::Duration;
use store::Store;
use store::wake::Topic;

/// When every test begins.
pub const START: Timestamp = Timestamp(1_767_323_045_000);
/// How long a test waits for what must happen.
pub const SOON: Duration = Duration::from_secs(60);

/// A store with running couriers.
pub struct Fixture {
    /// The store.
    pub store: Store,
    /// Its clock, moved by hand.
    pub clock: Clock,
    /// The way out; this machine is permitted.
    pub net: Net,
    /// Whoever runs the couriers.
    pub supervisor: Supervisor,
    dir: tempfile::TempDir,
}

impl Fixture {
    /// Everything but the couriers.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = store::Config {
            database: store::db::Location::Sqlite(dir.path().join("postroom.db")),
            blobs: store::blobs::Location::Folder(dir.path().join("blobs")),
            key_file: dir.path().join("key"),
            extra_ca_file: None,
            node: "here".to_owned(),
        };
        let clock = Clock::manual(START);
        let store = Store::open(&config, clock.clone()).await.expect("a store");
        let supervisor = Supervisor::new(store.db.wakes().clone());
        Self {
            store,
            clock,
            net: net(&["127.0.0.0/8"]),
            supervisor,
            dir,
        }
    }

    /// The folder of the segments.
    pub fn blobs(&self) -> std::path::PathBuf {
        self.dir.path().join("blobs")
    }

    /// With running couriers.
    pub async fn started() -> Self {
        let fixture = Self::new().await;
        fixture.start().await;
        fixture
    }

    /// Starts the couriers.
    pub async fn start(&self) {
        deliver::spawn(
            &self.supervisor,
            &self.store,
            &self.net,
            Providers::new(None),
            None,
        )
        .await
        .expect("the couriers");
    }

    /// Starts the couriers; a mailbox that cannot send any more gets a report.
    pub async fn start_with_reports(&self) {
        let engine = connect::Engine::new(self.net.clone(), self.clock.clone(), "test.example");
        deliver::spawn(
            &self.supervisor,
            &self.store,
            &self.net,
            Providers::new(None),
            Some(engine),
        )
        .await
        .expect("the couriers");
    }

    /// Moves the clock and lets everyone look.
    pub fn advance(&self, millis: i64) {
        self.clock.advance(millis);
        self.store
            .db
            .wakes()
            .send_all(&[Topic::Submissions, Topic::Deliveries, Topic::Events]);
    }

    /// Asks again after each wake-up until there is an answer.
    pub async fn until<T, F, Fut>(&self, topic: Topic, ask: F) -> T
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Option<T>>,
    {
        let mut listener = self.store.db.wakes().listen(topic);
        let found = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                listener.next().await;
            }
        };
        tokio::time::timeout(SOON, found)
            .await
            .expect("what was waited for has happened")
    }

    /// An enabled mailbox that sends through a server on this machine.
    pub async fn mailbox(&self, smtp_port: u16, auth: Auth) -> Mailbox {
        self.mailbox_over(smtp_port, auth, Security::None).await
    }

    /// The same with this kind of encryption.
    pub async fn mailbox_over(&self, smtp_port: u16, auth: Auth, security: Security) -> Mailbox {
        let new = store::mailboxes::NewMailbox {
            owner: None,
            limits: model::server_profile::ProfileLimits::default(),
            folder_roles: std::collections::BTreeMap::new(),
            address: "ann@example.com".to_owned(),
            name: "Ann".to_owned(),
            kind: Kind::Personal,
            incoming: Some(Incoming {
                protocol: Protocol::Imap,
                host: "127.0.0.1".to_owned(),
                port: 1,
                security: Security::Tls,
                username: "ann".to_owned(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            outgoing: Some(Outgoing {
                host: "127.0.0.1".to_owned(),
                port: smtp_port,
                security,
                username: "ann".to_owned(),
                auth,
                certificate_sha256: None,
            }),
            credentials: Credentials {
                incoming: None,
                outgoing: Some(Secret::new("secret")),
            },
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

    /// Ends the couriers; none of them may have to be dropped.
    pub async fn end(self) {
        assert!(self.supervisor.shutdown(SOON).await.is_empty());
    }
}

/// A way out that permits these networks besides public ones.
pub fn net(allow: &[&str]) -> Net {
    net_trusting(allow, None)
}

/// The same with one more authority, as PEM.
pub fn net_trusting(allow: &[&str], authority: Option<&str>) -> Net {
    let policy = Policy {
        allow: allow
            .iter()
            .map(|a| a.parse().expect("a network"))
            .collect(),
        ..Policy::public_only()
    };
    Net::new(
        policy,
        TlsSettings::new(authority.map(str::as_bytes)).expect("settings"),
        Timeouts::default(),
    )
}
