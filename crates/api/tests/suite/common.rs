//! A router with a store in a folder of its own, and a stand-in for the connection report.

use api::detector::Detect;
use api::reporter::Reporter;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use connect::TestRequest;
use connect::detect::{Address, AddressError, DetectRequest};
use futures_util::future::BoxFuture;
use model::access::Scope;
use model::detection::{Candidate, Confidence, Detection, LoginFormat, Source};
use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::{Auth, Credentials, Incoming, Kind, Lifecycle, Outgoing, Protocol, Security};
use model::message::{Direction, Flags};
use model::report::{Report, Step, StepCode, StepStatus, Verdict};
use model::{Clock, Timestamp, fresh_id};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::Store;
use store::drafts::copying::Pace;
use store::folders::{Cursor, ListChange, NewFolder};
use store::ingest::{Batch, NewMessage, ThreadRefs, Threaded};
use store::leases::Lease;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

/// When every test begins: 2026-01-02T03:04:05Z.
pub const START: Timestamp = Timestamp(1_767_323_045_000);

/// What the stand-in finds broken.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Broken {
    #[default]
    Nothing,
    Receiving,
    Sending,
}

/// For the receiving side, for the sending side.
pub type Passwords = (Option<String>, Option<String>);

#[derive(Clone, Default)]
pub struct StandIn {
    pub broken: Arc<Mutex<Broken>>,
    /// The name for receiving that is accepted where another one is set.
    pub accepts: Arc<Mutex<Option<String>>>,
    /// The passwords that it was handed, incoming and outgoing.
    pub seen: Arc<Mutex<Vec<Passwords>>>,
    /// Whether nothing may be changed on the receiving server, for each test.
    pub read_only: Arc<Mutex<Vec<bool>>>,
    /// The Message-IDs that it was handed for test messages.
    pub test_messages: Arc<Mutex<Vec<String>>>,
    /// Tests that have begun wait for a place here before they end, but for those of the host `quick.example.com`.
    pub gate: Arc<Mutex<Option<Arc<tokio::sync::Semaphore>>>>,
}

impl Reporter for StandIn {
    fn test(
        &self,
        request: TestRequest,
        on_step: mpsc::Sender<Step>,
    ) -> BoxFuture<'static, Report> {
        let secret = |secret: Option<model::Secret>| secret.map(|s| s.expose().to_owned());
        let seen = (
            secret(request.credentials.incoming),
            secret(request.credentials.outgoing),
        );
        self.seen.lock().unwrap().push(seen);
        self.read_only.lock().unwrap().push(request.read_only);
        let given = request.test_message_id.map(|id| id.to_string());
        self.test_messages.lock().unwrap().extend(given);
        let broken = *self.broken.lock().unwrap();
        let accepts = self.accepts.lock().unwrap().clone();
        let found = request.login.incoming == model::mailbox::LoginChoice::Auto
            && broken == Broken::Nothing;
        let accepted = model::report::AcceptedNames {
            incoming: accepts.filter(|_| found),
            outgoing: None,
        };
        let gate = self.gate.lock().unwrap().clone();
        let gate = gate.filter(|_| {
            let incoming = request.incoming.as_ref();
            incoming.is_none_or(|side| side.host != "quick.example.com")
        });
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            let mut steps = Vec::new();
            for code in StepCode::ALL {
                let mut step = Step::running(*code);
                let fails = match broken {
                    Broken::Nothing => false,
                    Broken::Receiving => *code == StepCode::Login,
                    Broken::Sending => *code == StepCode::Smtp,
                };
                step.status = if fails {
                    StepStatus::Fail
                } else {
                    StepStatus::Pass
                };
                step.problem_id = fails.then(|| "password_refused".to_owned());
                let _ = on_step.send(step.clone()).await;
                steps.push(step);
            }
            Report {
                id: fresh_id("rep", START),
                mailbox_id: request.mailbox_id,
                trigger: request.trigger,
                started_at: START,
                finished_at: START,
                verdict: match broken {
                    Broken::Nothing => Verdict::Works,
                    Broken::Receiving => Verdict::Fails,
                    Broken::Sending => Verdict::ReceivesOnly,
                },
                summary: "A sentence.".into(),
                steps,
                accepted,
                folders: Vec::new(),
                megabytes_per_day: None,
                changed: Vec::new(),
                compared_with: None,
            }
        })
    }
}

/// Knows `known.example` at once, and `doubtful.example` and its forged record after a search.
impl Detect for StandIn {
    fn at_once(&self, request: &DetectRequest) -> Result<Option<Detection>, AddressError> {
        let address = Address::read(&request.address)?;
        Ok((address.domain == "known.example").then(|| found(&address, Source::ProviderTable)))
    }

    fn detect(
        &self,
        request: DetectRequest,
    ) -> BoxFuture<'static, Result<Detection, AddressError>> {
        Box::pin(async move {
            let address = Address::read(&request.address)?;
            let mut found = found(&address, Source::Srv);
            if address.domain == "doubtful.example" {
                found.candidates[0].trusted = false;
                found.candidates[0].because = "nobody vouches for it".into();
            } else {
                found.candidates.clear();
            }
            Ok(found)
        })
    }
}

fn found(address: &Address, source: Source) -> Detection {
    let host = |service: &str| format!("{service}.{}", address.domain);
    let candidate = Candidate {
        source,
        because: "the test says so".into(),
        confidence: Confidence::High,
        provider_id: None,
        server_profile_id: None,
        login_format: LoginFormat::LocalPart,
        incoming: Some(Incoming {
            protocol: Protocol::Imap,
            host: host("imap"),
            port: 993,
            security: Security::Tls,
            username: address.local.clone(),
            auth: Auth::Password,
            certificate_sha256: None,
        }),
        outgoing: Some(Outgoing {
            host: host("smtp"),
            port: 465,
            security: Security::Tls,
            username: address.local.clone(),
            auth: Auth::Password,
            certificate_sha256: None,
        }),
        alternatives: Vec::new(),
        trusted: true,
    };
    Detection {
        address: address.whole.clone(),
        domain: address.domain.clone(),
        unicode_domain: address.unicode_domain(),
        normalised: Vec::new(),
        suggestion: None,
        provider: None,
        candidates: vec![candidate],
        preparation: Vec::new(),
        searched: Vec::new(),
        ms: 0,
    }
}

pub struct Fixture {
    pub router: Router,
    pub store: Store,
    pub clock: Clock,
    pub reporter: StandIn,
    pub shutdown: tokio_util::sync::CancellationToken,
    /// A token that may do everything.
    pub token: String,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The problem document of an error, its form checked.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/v1/problems/{code}"));
        assert_eq!(problem["status"], status);
        for text in ["title", "detail", "remedy", "trace_id"] {
            assert_ne!(problem[text].as_str().unwrap(), "", "{text} of {problem}");
        }
        assert_eq!(problem["trace_id"], self.header("x-request-id"));
        problem
    }
}

impl Fixture {
    pub async fn new() -> Self {
        Self::at("http://127.0.0.1:8025").await
    }

    pub async fn at(public_url: &str) -> Self {
        Self::with_pace(public_url, Pace::default()).await
    }

    /// One that looks at once for copies of drafts that are due.
    pub async fn copying() -> Self {
        Self::with_pace("http://127.0.0.1:8025", Pace { after_millis: 50 }).await
    }

    async fn with_pace(public_url: &str, pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = store::Config {
            database: store::db::Location::Sqlite(dir.path().join("postroom.db")),
            blobs: store::blobs::Location::Folder(dir.path().join("blobs")),
            key_file: dir.path().join("key"),
            extra_ca_file: None,
            node: "here".into(),
        };
        let clock = Clock::manual(START);
        let mut store = Store::open(&config, clock.clone()).await.unwrap();
        store.drafts = pace;
        let reporter = StandIn::default();
        let shutdown = tokio_util::sync::CancellationToken::new();
        let router = api::router(api::Setup {
            store: store.clone(),
            reporter: Arc::new(reporter.clone()),
            rules: connect::typed::Rules::default(),
            detector: Arc::new(reporter.clone()),
            providers: connect::providers::Providers::new(None),
            public_url: public_url.parse().unwrap(),
            shutdown: shutdown.clone(),
            metrics: Arc::new(|| "postroom_build_info 1\n".to_owned()),
            fallback: None,
        });
        let (_, secret) = store::access::create_token(&store, "all", &[Scope::All], &[], None)
            .await
            .unwrap();
        Self {
            router,
            store,
            clock,
            reporter,
            shutdown,
            token: secret.expose().to_owned(),
            _dir: dir,
        }
    }

    pub async fn token(&self, scopes: &[Scope], mailbox_ids: &[String]) -> String {
        let made = store::access::create_token(&self.store, "t", scopes, mailbox_ids, None);
        made.await.unwrap().1.expose().to_owned()
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    /// A request with a token.
    pub async fn with(&self, token: &str, method: &str, uri: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {token}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.with(&self.token, "GET", uri, None).await
    }

    pub async fn post(&self, uri: &str, body: &Value) -> Answer {
        self.with(&self.token, "POST", uri, Some(body)).await
    }

    pub async fn patch(&self, uri: &str, body: &Value) -> Answer {
        self.with(&self.token, "PATCH", uri, Some(body)).await
    }

    pub async fn delete(&self, uri: &str) -> Answer {
        self.with(&self.token, "DELETE", uri, None).await
    }

    /// An enabled mailbox with INBOX, Archive and Trash, straight in the store.
    pub async fn mailbox(&self, address: &str) -> Filled {
        let incoming = Incoming {
            protocol: Protocol::Imap,
            host: "mail.example.com".into(),
            port: 993,
            security: Security::Tls,
            username: address.into(),
            auth: Auth::Password,
            certificate_sha256: None,
        };
        let outgoing = Outgoing {
            host: "mail.example.com".into(),
            port: 465,
            security: Security::Tls,
            username: address.into(),
            auth: Auth::Password,
            certificate_sha256: None,
        };
        let new = store::mailboxes::NewMailbox {
            owner: None,
            limits: model::server_profile::ProfileLimits::default(),
            folder_roles: std::collections::BTreeMap::new(),
            address: address.into(),
            name: "Ann".into(),
            kind: Kind::Personal,
            incoming: Some(incoming),
            outgoing: Some(outgoing),
            credentials: Credentials::default(),
            login_formats: model::mailbox::Logins::default(),
            server_profile_id: None,
            fetch_since: None,
            monitored_folders: None,
            pop3_delete_after_days: None,
            read_only: false,
            size_limit: None,
        };
        let mailbox = store::mailboxes::create(&self.store, new).await.unwrap();
        let id = mailbox.id;
        store::mailboxes::set_lifecycle(&self.store, &id, Lifecycle::Enabled)
            .await
            .unwrap();
        store::leases::renew(&self.store).await.unwrap();
        let leases = store::leases::acquire(&self.store, 100).await.unwrap();
        let lease = leases
            .into_iter()
            .find(|lease| lease.mailbox_id == id)
            .unwrap();
        let folder = |path: &str, role| {
            ListChange::Created(NewFolder {
                wire_name: path.into(),
                path: path.into(),
                delimiter: Some("/".into()),
                role: Some(role),
                mode: Mode::Full,
                object_id: None,
                empty: None,
            })
        };
        let changes = vec![
            folder("INBOX", Role::Inbox),
            folder("Archive", Role::Archive),
            folder("Trash", Role::Trash),
        ];
        store::folders::apply_list(&self.store, &lease, changes)
            .await
            .unwrap();
        let known = store::folders::known(&self.store, &id).await.unwrap();
        let mut folders = HashMap::new();
        for folder in known {
            store::folders::reset(&self.store, &lease, &folder.id, 7)
                .await
                .unwrap();
            folders.insert(folder.path, folder.id);
        }
        Filled { id, lease, folders }
    }

    /// Stores raw messages in a folder, as the synchronisation would.
    pub async fn fill(&self, mailbox: &Filled, folder: &str, messages: &[(i64, &str)]) {
        self.fill_with(mailbox, folder, messages, false).await;
    }

    /// Stores their headers alone, as the synchronisation would of a folder that is watched.
    pub async fn fill_heads(&self, mailbox: &Filled, folder: &str, messages: &[(i64, &str)]) {
        self.fill_with(mailbox, folder, messages, true).await;
    }

    async fn fill_with(
        &self,
        mailbox: &Filled,
        folder: &str,
        messages: &[(i64, &str)],
        heads: bool,
    ) {
        let mut batch = Vec::new();
        for (uid, whole) in messages {
            let header = whole.find("\r\n\r\n").map_or(whole.len(), |end| end + 4);
            let raw = if heads { &whole[..header] } else { *whole };
            let stored = self.store.blobs.put(raw.as_bytes()).await.unwrap();
            let summary = mail_message::summarize(raw.as_bytes());
            let head = &summary.head;
            let tokens = mail_message::search::tokens;
            batch.push(NewMessage {
                headers_only: heads.then_some(whole.len() as u64),
                uid: *uid,
                flags: Flags::default(),
                mod_seq: 1,
                received_at: Timestamp(START.0 + uid * 1000),
                stored,
                head: serde_json::to_string(head).unwrap(),
                words: store::search::Words {
                    subject: tokens(&summary.search.subject),
                    from: tokens(&summary.search.from),
                    to: tokens(&summary.search.to),
                    body: tokens(&summary.search.body),
                },
                refs: ThreadRefs {
                    message_id: head.internet_message_id.clone(),
                    ..ThreadRefs::default()
                },
                direction: Direction::Incoming,
                sender: head
                    .from
                    .first()
                    .map_or_else(String::new, |a| a.address.clone()),
                subject: head.subject.clone().unwrap_or_default(),
                automatic: head.automatic,
                report: None,
                has_attachments: head.has_attachments,
                object_id: None,
                labels: None,
            });
        }
        let batch = Batch {
            folder_id: mailbox.folders[folder].clone(),
            uid_validity: 7,
            origin: Origin::Live,
            messages: batch,
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            copies_too: false,
        };
        store::ingest::ingest(&self.store, &mailbox.lease, batch, alone)
            .await
            .unwrap();
    }
}

/// A mailbox with folders.
pub struct Filled {
    pub id: String,
    pub lease: Lease,
    pub folders: HashMap<String, String>,
}

fn alone(
    _: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let mut threaded = Threaded::default();
    for refs in batch {
        let thread = fresh();
        threaded.threads.push(thread.clone());
        if let Some(id) = refs.message_id.clone() {
            threaded.links.push((id, thread));
        }
    }
    threaded
}

/// A small message.
pub fn raw(n: i64, subject: &str) -> String {
    format!(
        "From: Bob <bob@example.com>\r\nTo: ann@example.com\r\nSubject: {subject}\r\n\
         Message-ID: <m{n}@example.com>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\n\r\nHello {subject}\r\n"
    )
}
