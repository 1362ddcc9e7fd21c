//! Many mailboxes on one node: how they come, and that none is in another's way.

use crate::follower::{context, fresh_store, until};
use mail_sim::{ImapFault, ImapScript, ImapSim, Point};
use model::Secret;
use model::mailbox::{
    Auth, ConnectionState, Credentials, Incoming, Kind, Lifecycle, Protocol, Security,
};
use std::time::Duration;
use store::Store;
use store::mailboxes::NewMailbox;
use testkit::{Fault, Proxy};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections to one server a second, and those that may come together at the beginning.
const RATE: (f64, f64) = (250.0, 13.0);

/// Many mailboxes in one store, and the roster that works on them.
struct Crowd {
    store: Store,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Crowd {
    async fn new() -> Self {
        let (dir, store) = fresh_store().await;
        Self {
            store,
            cancel: CancellationToken::new(),
            task: None,
            _dir: dir,
        }
    }

    /// Adds mailboxes of a server, enabled; returns their ids.
    async fn add(&self, port: u16, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for n in 0..count {
            let address = format!("ann{n}@simulated.test");
            ids.push(self.add_one(port, &address, &address).await);
        }
        ids
    }

    /// Adds a mailbox that signs in with this name.
    async fn add_one(&self, port: u16, address: &str, username: &str) -> String {
        let new = NewMailbox {
            address: address.to_owned(),
            name: "Test".to_owned(),
            kind: Kind::Personal,
            incoming: Some(Incoming {
                protocol: Protocol::Imap,
                host: "127.0.0.1".to_owned(),
                port,
                security: Security::None,
                username: username.to_owned(),
                auth: Auth::Password,
                certificate_sha256: None,
            }),
            outgoing: None,
            credentials: Credentials {
                incoming: Some(Secret::new(mail_sim::PASSWORD)),
                outgoing: None,
            },
            owner: None,
            limits: model::server_profile::ProfileLimits::default(),
            folder_roles: std::collections::BTreeMap::new(),
            login_formats: model::mailbox::Logins::default(),
            server_profile_id: None,
            read_only: false,
            fetch_since: None,
            monitored_folders: None,
            pop3_delete_after_days: None,
            size_limit: None,
        };
        let made = store::mailboxes::create(&self.store, new).await.unwrap();
        let made = store::mailboxes::set_lifecycle(&self.store, &made.id, Lifecycle::Enabled)
            .await
            .unwrap();
        // Tested: a report of each would be one more connection.
        let works = Some(model::mailbox::Proof::Works);
        store::mailboxes::set_proofs(&self.store, &made.id, made.version, works, None, "r")
            .await
            .unwrap();
        made.id
    }

    fn go(&mut self) {
        let context = context(&self.store, Duration::from_secs(60), None);
        self.cancel = CancellationToken::new();
        self.task = Some(tokio::spawn(sync::roster::run(
            context,
            self.cancel.clone(),
        )));
    }

    async fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }

    /// How many of these are in a state.
    async fn count(&self, ids: &[String], state: ConnectionState) -> usize {
        let mut count = 0;
        for id in ids {
            let now = store::mailboxes::get(&self.store, id).await.unwrap();
            count += usize::from(now.connection.state == state);
        }
        count
    }

    async fn until_all(&self, ids: &[String], state: ConnectionState) {
        let end = Instant::now() + PATIENCE;
        loop {
            let count = self.count(ids, state).await;
            if count == ids.len() {
                return;
            }
            assert!(
                Instant::now() < end,
                "only {count} of {} are {}",
                ids.len(),
                state.as_str()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Watches how connections come, until dropped: at no time more than the rate allows since now. (Counted from the beginning
/// only: on a busy machine what came evenly may be accepted in heaps, but never early.)
fn watch(count: impl Fn() -> u64 + Send + 'static) -> JoinHandle<()> {
    let (began, before) = (Instant::now(), count());
    tokio::spawn(async move {
        loop {
            let came = count() - before;
            let most = RATE.0 * began.elapsed().as_secs_f64() + RATE.1;
            assert!(came as f64 <= most, "{came} came, {most} may");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

async fn end(watch: JoinHandle<()>) {
    watch.abort();
    if let Err(error) = watch.await {
        assert!(error.is_cancelled(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i29_after_a_restart_and_after_an_outage_sign_ins_come_at_a_bounded_rate() {
    let sim = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: x\r\n\r\nx\r\n"));
    let proxy = std::sync::Arc::new(Proxy::start(sim.port()));
    let mut crowd = Crowd::new().await;
    let ids = crowd.add(proxy.port(), 200).await;
    for _ in 0..2 {
        let counted = proxy.clone();
        let curve = watch(move || counted.connections());
        crowd.go();
        crowd.until_all(&ids, ConnectionState::Live).await;
        end(curve).await;
        crowd.stop().await;
    }
    crowd.go();
    crowd.until_all(&ids, ConnectionState::Live).await;

    proxy.set(Fault::Refuse);
    let end_of_waiting = Instant::now() + PATIENCE;
    while crowd.count(&ids, ConnectionState::Waiting).await < 10 {
        assert!(Instant::now() < end_of_waiting, "the outage is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = proxy.connections();
    let counted = proxy.clone();
    let curve = watch(move || counted.connections());
    proxy.set(Fault::None);
    // It begins with one a second, however many stand in line.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let first = proxy.connections() - before;
    assert!(first <= 12, "{first} came at once");
    crowd.until_all(&ids, ConnectionState::Live).await;
    end(curve).await;
    crowd.stop().await;
    let sign_ins = proxy.connections() - before;
    assert!(sign_ins <= 220, "{sign_ins} connections for 200 mailboxes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_delays_its_own_mailboxes_and_no_others() {
    let silent = ImapSim::start(ImapScript::new().fault(ImapFault::StallAfter(Point::Greeting)));
    let healthy = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: x\r\n\r\nx\r\n"));
    let mut crowd = Crowd::new().await;
    let stuck = crowd.add(silent.port(), 60).await;
    let well = crowd.add(healthy.port(), 20).await;
    crowd.go();
    crowd.until_all(&well, ConnectionState::Live).await;
    // No silent connection was given up meanwhile: nobody waited for one.
    assert_eq!(crowd.count(&stuck, ConnectionState::Waiting).await, 0);
    let tried = silent.connections();
    assert!((1..=12).contains(&tried), "{tried} at once");
    // The end does not wait for the line either.
    let began = Instant::now();
    crowd.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4));
}

/// The most bytes of a task that works on a mailbox: it keeps as many while it waits for news.
const TASK: usize = 12 << 10;

#[tokio::test]
async fn a_mailbox_that_waits_keeps_no_room_for_what_it_did_before() {
    let (_dir, store) = fresh_store().await;
    let context = context(&store, Duration::from_secs(60), None);
    let lease = store::leases::Lease {
        mailbox_id: "mbx_1".to_owned(),
        node: "local".to_owned(),
        epoch: 1,
    };
    let task = sync::mailbox::run(context, lease, CancellationToken::new());
    let size = size_of_val(&task);
    assert!(size <= TASK, "{size} bytes");
}

/// The fourth mailbox is not even tried: the third has shown how many connections the account may have (invariants 28, 44).
#[tokio::test(flavor = "multi_thread")]
async fn i28_a_refused_connection_lowers_the_budget_of_the_account_and_nobody_knocks_again() {
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: one\r\n\r\nx\r\n")
        .fault(mail_sim::ImapFault::TooManyConnections(2));
    let sim = ImapSim::start(script);
    let mut crowd = Crowd::new().await;
    crowd.go();
    let mut ids = Vec::new();
    for n in 0..5 {
        let address = format!("alias{n}@simulated.test");
        ids.push(crowd.add_one(sim.port(), &address, "shared").await);
        let (live, limited) = (2.min(n + 1), (n + 1_usize).saturating_sub(2));
        crate::pop3::until("settled", || async {
            crowd.count(&ids, ConnectionState::Live).await == live
                && crowd.count(&ids, ConnectionState::Limited).await == limited
        })
        .await;
    }
    assert_eq!((sim.logins(), sim.open_connections()), (3, 2));
    for id in &ids[2..] {
        let connection = store::mailboxes::get(&crowd.store, id)
            .await
            .unwrap()
            .connection;
        assert_eq!(
            connection.problem_id.as_deref(),
            Some("too_many_connections")
        );
        assert!(connection.until.is_some());
    }
    crowd.stop().await;
}

/// Four large mailboxes hold all places among those who fetch their past, and their servers fall silent in the middle of a
/// message.
#[tokio::test(flavor = "multi_thread")]
async fn i43_new_mail_of_one_mailbox_comes_while_four_others_hang_in_the_middle_of_their_past() {
    const STALL: u64 = 150_000;
    let mut past = ImapScript::new();
    for n in 0..400 {
        let mail = format!("Subject: {n}\r\n\r\n{}\r\n", "x".repeat(2_000));
        past = past.mail("INBOX", mail.as_bytes());
    }
    let one = ImapSim::start(ImapScript::new());
    let mut crowd = Crowd::new().await;
    let lively = crowd.add_one(one.port(), "bob@simulated.test", "bob").await;
    crowd.go();
    crowd
        .until_all(std::slice::from_ref(&lively), ConnectionState::Live)
        .await;
    let mut hanging = Vec::new();
    for n in 0..4 {
        let sim = ImapSim::start(past.clone());
        let proxy = Proxy::start(sim.port());
        proxy.set(Fault::StallAfter(STALL));
        let address = format!("ann{n}@simulated.test");
        crowd.add_one(proxy.port(), &address, &address).await;
        hanging.push((sim, proxy));
    }
    let all_hang = || {
        hanging
            .iter()
            .all(|(_, proxy)| proxy.bytes_to_client() == STALL)
    };
    until("all four hang", async || all_hang()).await;
    one.deliver("INBOX", b"Subject: at once\r\n\r\nx\r\n");
    until("the new mail comes", async || {
        let events = store::events::list(&crowd.store, Default::default(), 10_000).await;
        let (events, _) = events.expect("events");
        let mut came = events
            .iter()
            .filter(|event| event.kind == "message.received");
        came.any(|event| event.data["subject"] == "at once" && event.origin.as_str() == "live")
    })
    .await;
    // None of the four has got on, or was given up meanwhile.
    assert!(all_hang() && hanging.iter().all(|(_, proxy)| proxy.connections() == 1));
    crowd.stop().await;
}
