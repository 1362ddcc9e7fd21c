//! A store and a roster that follow one test user, and the comparison with the server's own view.

use connect::Engine;
use mail_message::read::{Summary, summarize};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use model::event::Event;
use model::mailbox::{
    Auth, Credentials, Incoming, Kind, Lifecycle, Mailbox, Proof, Protocol, Security,
};
use model::{Clock, Secret, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use store::Store;
use store::mailboxes::NewMailbox;
use sync::{Compress, Context, Timing};
use testkit::{Brand, Oracle, TestUser, oracle, servers};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Follower {
    pub store: Store,
    pub mailbox: Mailbox,
    user: TestUser,
    compress: Compress,
    flags_at_once: Option<usize>,
    helped_from: Option<i64>,
    timing: Timing,
    /// How raw bytes are read.
    pub reader: fn(&[u8]) -> Summary,
    dns: Option<SocketAddr>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

/// What a test may choose.
pub struct Choice {
    pub protocol: Protocol,
    pub host: &'static str,
    /// Who is asked for addresses; `None`: the system.
    pub dns: Option<SocketAddr>,
    pub port: u16,
    pub security: Security,
    pub fetch_since: Option<Timestamp>,
    pub monitored: Option<Vec<String>>,
    /// Larger messages are stored as headers.
    pub size_limit: Option<i64>,
    /// What the server profile of the mailbox says that the provider allows.
    pub limits: Option<model::server_profile::ProfileLimits>,
    /// POP3: days after which what is stored is deleted on the server.
    pub delete_after_days: Option<u32>,
    /// Nothing may be changed on the server.
    pub read_only: bool,
    /// The settings were tested before: no report is made of a mailbox that works.
    pub tested: bool,
    /// How often all folders are counted.
    pub poll: Duration,
    /// When connections compress.
    pub compress: Compress,
    /// Messages of which flags are held at once; `None`: as in service.
    pub flags_at_once: Option<usize>,
    /// Messages left to fetch from which on another connection is opened; `None`: as in service.
    pub helped_from: Option<i64>,
    /// How long a server may say nothing, and the first pause after a failure; `None`: as in service.
    pub patience: Option<(Duration, Duration)>,
    /// How raw bytes are read.
    pub reader: fn(&[u8]) -> Summary,
    /// Whose time it is.
    pub clock: Clock,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            protocol: Protocol::Imap,
            host: "localhost",
            dns: None,
            port: servers().imaps_port,
            security: Security::Tls,
            fetch_since: None,
            monitored: None,
            size_limit: None,
            limits: None,
            delete_after_days: None,
            read_only: false,
            tested: false,
            poll: Duration::from_millis(500),
            compress: Compress::default(),
            flags_at_once: None,
            helped_from: None,
            patience: None,
            reader: summarize,
            clock: Clock::system(),
        }
    }
}

impl Choice {
    /// IMAP with TLS on this server.
    pub fn on(server: Brand) -> Self {
        Self {
            port: server.imaps_port(),
            ..Self::default()
        }
    }
}

/// All but junk and trash, as a mailbox without a choice has it.
pub fn wanted(oracle: Oracle) -> Oracle {
    oracle
        .into_iter()
        .filter(|(path, contents)| {
            let name = path.rsplit(['/', '.']).next();
            !contents.is_empty() && !matches!(name, Some("Junk" | "Trash"))
        })
        .collect()
}

/// A store in a folder of its own.
pub async fn fresh_store() -> (tempfile::TempDir, Store) {
    fresh_store_by(Clock::system()).await
}

async fn fresh_store_by(clock: Clock) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a folder");
    let config = store::Config {
        database: store::db::Location::Sqlite(dir.path().join("postroom.db")),
        blobs: store::blobs::Location::Folder(dir.path().join("blobs")),
        key_file: dir.path().join("key"),
        extra_ca_file: None,
        node: "local".to_owned(),
    };
    let store = Store::open(&config, clock).await.expect("the store opens");
    (dir, store)
}

/// What the work on mailboxes needs; all folders are counted this often.
pub fn context(store: &Store, poll: Duration, dns: Option<SocketAddr>) -> Context {
    let timing = Timing {
        poll,
        ..Timing::default()
    };
    context_with(store, timing, dns)
}

fn context_with(store: &Store, timing: Timing, dns: Option<SocketAddr>) -> Context {
    let ca = std::fs::read(&servers().ca_pem_path).expect("the CA");
    let tls = TlsSettings::new(Some(&ca)).expect("TLS settings");
    let mut policy = Policy::public_only();
    policy.allow.push("127.0.0.0/8".parse().expect("a network"));
    policy.allow.push("::1/128".parse().expect("a network"));
    let mut net = Net::new(policy, tls, Timeouts::default());
    if let Some(dns) = dns {
        net = net.using_dns(vec![dns]);
    }
    let engine = Engine::new(net.clone(), Clock::system(), "test.local");
    Context::new(store.clone(), net, engine, timing)
}

/// Waits until something holds, pauses after a refusal included.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "not yet: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

impl Follower {
    /// Follows the one mailbox of a simulator, in plain text.
    pub async fn simulated(sim: &mail_sim::ImapSim, choice: Choice) -> Self {
        let user = TestUser {
            address: "ann@simulated.test".to_owned(),
            password: mail_sim::PASSWORD.to_owned(),
        };
        let choice = Choice {
            port: sim.port(),
            security: Security::None,
            ..choice
        };
        Self::start(&user, choice).await
    }

    pub async fn start(user: &TestUser, choice: Choice) -> Self {
        let (dir, store) = fresh_store_by(choice.clock).await;
        let mut timing = Timing {
            poll: choice.poll,
            ..Timing::default()
        };
        if let Some((answer, backoff)) = choice.patience {
            (timing.answer, timing.backoff) = (answer, backoff);
        }
        let profile = match choice.limits {
            Some(limits) => Some(profile(&store, limits).await),
            None => None,
        };
        let new = NewMailbox {
            owner: None,
            limits: model::server_profile::ProfileLimits::default(),
            folder_roles: std::collections::BTreeMap::new(),
            address: user.address.clone(),
            name: "Test".to_owned(),
            kind: Kind::Personal,
            incoming: Some(Incoming {
                protocol: choice.protocol,
                host: choice.host.to_owned(),
                port: choice.port,
                security: choice.security,
                username: user.address.clone(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            outgoing: None,
            credentials: Credentials {
                incoming: Some(Secret::new(&user.password)),
                outgoing: None,
            },
            login_formats: model::mailbox::Logins::default(),
            server_profile_id: profile,
            fetch_since: choice.fetch_since,
            monitored_folders: choice.monitored,
            pop3_delete_after_days: choice.delete_after_days,
            read_only: choice.read_only,
            size_limit: choice.size_limit,
        };
        let mailbox = store::mailboxes::create(&store, new)
            .await
            .expect("a mailbox");
        let mailbox = store::mailboxes::set_lifecycle(&store, &mailbox.id, Lifecycle::Enabled)
            .await
            .expect("enabled");
        if choice.tested {
            let works = Some(Proof::Works);
            let (id, version) = (&mailbox.id, mailbox.version);
            store::mailboxes::set_proofs(&store, id, version, works, None, "rep_before")
                .await
                .expect("the proof");
        }
        let mut follower = Self {
            store,
            mailbox,
            user: user.clone(),
            compress: choice.compress,
            flags_at_once: choice.flags_at_once,
            helped_from: choice.helped_from,
            timing,
            reader: choice.reader,
            dns: choice.dns,
            cancel: CancellationToken::new(),
            task: None,
            _dir: dir,
        };
        follower.go();
        follower
    }

    /// Starts the work (again).
    pub fn go(&mut self) {
        let mut context = context_with(&self.store, self.timing.clone(), self.dns);
        context.compress = self.compress;
        context.flags_at_once = self.flags_at_once.unwrap_or(context.flags_at_once);
        context.helped_from = self.helped_from.unwrap_or(context.helped_from);
        context.reader = self.reader;
        self.cancel = CancellationToken::new();
        self.task = Some(tokio::spawn(sync::roster::run(
            context,
            self.cancel.clone(),
        )));
    }

    /// Stops the work cleanly.
    pub async fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            task.await.expect("the roster ends without a panic");
        }
    }

    /// Stops the work as a crash would: nothing is finished.
    pub async fn crash(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
        // The runtime's tasks of the mailbox end with their roster's handles only in a real crash;
        // here the lease is taken away, so that whatever still runs is fenced.
        self.store
            .db
            .write(|tx| {
                tx.exec(
                    "UPDATE leases SET expires_at = 0, node = '', epoch = epoch + 1",
                    &[],
                )
            })
            .await
            .expect("the lease");
    }

    /// What we have: folder, UID, flags, digest.
    pub async fn view(&self) -> Oracle {
        let id = self.mailbox.id.clone();
        let rows = self
            .store
            .db
            .read(move |tx| {
                tx.rows(
                    "SELECT f.path, p.uid, m.seen, m.answered, m.flagged, m.draft, m.keywords, m.digest
                     FROM placements p JOIN folders f ON f.id = p.folder_id JOIN messages m ON m.id = p.message_id
                     WHERE f.mailbox_id = $1",
                    &[id.into()],
                )
            })
            .await
            .expect("rows");
        let mut view: Oracle = BTreeMap::new();
        for row in rows {
            let flags = model::message::Flags {
                seen: row.get(2).unwrap(),
                answered: row.get(3).unwrap(),
                flagged: row.get(4).unwrap(),
                draft: row.get(5).unwrap(),
                keywords: row.json(6).unwrap(),
            };
            let flags: BTreeSet<String> = flags.to_imap().into_iter().collect();
            let uid = u32::try_from(row.get::<i64>(1).unwrap()).unwrap();
            view.entry(row.get(0).unwrap())
                .or_default()
                .insert(uid, (flags, row.get(7).unwrap()));
        }
        view
    }

    /// Waits until the store equals the server.
    pub async fn in_step(&self) {
        let wanted = wanted(self.servers_view().await);
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let ours = self.view().await;
            if ours == wanted && self.now().await.coverage.state.as_str() == "complete" {
                return;
            }
            if tokio::time::Instant::now() > end {
                let counts = |view: &Oracle| {
                    view.iter()
                        .map(|(path, c)| (path.clone(), c.len()))
                        .collect::<Vec<_>>()
                };
                let uids = |view: &Oracle| {
                    view.iter()
                        .map(|(path, c)| (path.clone(), c.keys().copied().collect::<Vec<_>>()))
                        .filter(|one| one.1.len() < 50)
                        .collect::<Vec<_>>()
                };
                let ledger = store::failures::list(&self.store, &self.mailbox.id, None, 100).await;
                panic!(
                    "not in step: we have {:?}, the server has {:?}; UIDs {:?} and {:?}; ledger {ledger:?}; folders {:?}; mailbox {:?}",
                    counts(&ours),
                    counts(&wanted),
                    uids(&ours),
                    uids(&wanted),
                    store::folders::known(&self.store, &self.mailbox.id).await,
                    self.now().await
                );
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    pub async fn servers_view(&self) -> Oracle {
        let user = self.user.clone();
        tokio::task::spawn_blocking(move || oracle(&user))
            .await
            .expect("the oracle")
    }

    pub async fn now(&self) -> Mailbox {
        store::mailboxes::get(&self.store, &self.mailbox.id)
            .await
            .expect("the mailbox")
    }

    /// All events so far.
    pub async fn events(&self) -> Vec<Event> {
        store::events::list(&self.store, store::events::Filter::default(), 100_000)
            .await
            .expect("events")
            .0
    }

    /// Waits for the first event that fits.
    pub async fn event(&self, kind: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = self
                .events()
                .await
                .into_iter()
                .find(|e| e.kind == kind && fits(e));
            if let Some(event) = found {
                return event;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "no event {kind}; there are {:?}",
                self.events()
                    .await
                    .iter()
                    .map(|e| e.kind.clone())
                    .collect::<Vec<_>>()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn count(&self, kind: &str) -> usize {
        self.events()
            .await
            .iter()
            .filter(|event| event.kind == kind)
            .count()
    }
}

/// A server profile that says what the provider allows.
async fn profile(store: &Store, limits: model::server_profile::ProfileLimits) -> String {
    let new = store::server_profiles::NewProfile {
        name: "Limited".to_owned(),
        kind: model::server_profile::ProfileKind::OtherImapPopSmtp,
        incoming: None,
        outgoing: None,
        login_format: model::mailbox::LoginChoice::Email,
        auth: Auth::Password,
        domains: Vec::new(),
        limits,
        fetch_since: None,
        is_default: false,
    };
    let made = store::server_profiles::create(store, new).await;
    made.expect("a profile").id
}

/// Asks for a copy, as the API does; gives the id of what is owed.
pub async fn copy_to(
    store: &Store,
    message: &str,
    folder: &str,
) -> Result<String, store::StoreError> {
    let (message, folder, now) = (message.to_owned(), folder.to_owned(), store.now());
    let owed = store
        .db
        .write(move |tx| store::owed::copy_in(tx, &message, &folder, false, now));
    Ok(owed.await?.id)
}

/// Asks for a new folder, as the API does; gives the id of what is owed.
pub async fn create_folder(
    store: &Store,
    mailbox: &str,
    parent: Option<String>,
    name: &str,
) -> Result<String, store::StoreError> {
    let (mailbox, name, now) = (mailbox.to_owned(), name.to_owned(), store.now());
    let owed = store
        .db
        .write(move |tx| store::owed::create_folder_in(tx, &mailbox, parent.clone(), &name, now));
    Ok(owed.await?.id)
}
