//! What every handler can reach.

use crate::caller::Callers;
use crate::detector::Detect;
use crate::limiter::Limiter;
use crate::reporter::Reporter;
use connect::providers::Providers;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Wrong passwords for one address from one place, in [`LOGIN_WINDOW`].
const LOGIN_FAILURES: u32 = 5;
/// Wrong passwords from one place, whatever the address, in [`LOGIN_WINDOW`].
const LOGIN_FAILURES_OF_PLACE: u32 = 30;
/// Time over which wrong passwords are counted.
const LOGIN_WINDOW: Duration = Duration::from_secs(300);
/// Connection tests that one caller may start in a minute.
const TESTS_PER_MINUTE: u32 = 600;
/// Connection tests at the same time; more wait.
const TESTS_AT_ONCE: usize = 16;
/// Passwords hashed at the same time: each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;
/// Large bodies (submissions) in memory at the same time.
const LARGE_AT_ONCE: usize = 4;
/// Messages parsed for a reader at the same time: each may take tens of MiB.
const PARSES_AT_ONCE: usize = 4;
/// Files being uploaded at the same time: each may have 12 MiB in memory.
const UPLOADS_AT_ONCE: usize = 4;
/// Event streams at the same time.
const STREAMS_AT_ONCE: usize = 512;

/// What the server gives the API.
pub struct Setup {
    /// Where everything is kept.
    pub store: Store,
    /// Who makes connection reports.
    pub reporter: Arc<dyn Reporter>,
    /// Who finds settings.
    pub detector: Arc<dyn Detect>,
    /// What may be typed as settings: ports and networks that are permitted, providers that are known.
    pub rules: connect::typed::Rules,
    /// What is known of mail providers.
    pub providers: Providers,
    /// The address under which people reach this server; decides on the cookie's name and flags.
    pub public_url: url::Url,
    /// Set when the server stops: streams end, and readiness says no.
    pub shutdown: CancellationToken,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What answers outside the API: the console.
    pub fallback: Option<axum::Router>,
}

/// What every handler can reach: cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// The parts behind [`ApiState`].
pub struct Inner {
    /// Where everything is kept.
    pub store: Store,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) detector: Arc<dyn Detect>,
    pub(crate) rules: connect::typed::Rules,
    pub(crate) providers: Providers,
    pub(crate) secure_cookies: bool,
    pub(crate) shutdown: CancellationToken,
    pub(crate) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) callers: Callers,
    /// Idempotency keys that this process works on now.
    pub(crate) running_keys: Mutex<HashSet<(String, String)>>,
    /// This process, as its unsettled idempotency keys name it.
    pub(crate) process: String,
    pub(crate) logins: Limiter,
    pub(crate) logins_of_place: Limiter,
    pub(crate) tests: Limiter,
    pub(crate) test_places: crate::reporter::Places,
    pub(crate) hashes_at_once: Semaphore,
    pub(crate) large_at_once: Arc<Semaphore>,
    /// Messages that are put together from stored ones, whose files are in memory meanwhile.
    pub(crate) originals_at_once: Arc<Semaphore>,
    pub(crate) parses_at_once: Arc<Semaphore>,
    pub(crate) streams_at_once: Arc<Semaphore>,
    pub(crate) uploads_at_once: Arc<Semaphore>,
    pub(crate) openapi: bytes::Bytes,
}

impl ApiState {
    /// The state of a fresh process. `openapi`: the description of the API, JSON.
    pub(crate) fn new(setup: &Setup, openapi: bytes::Bytes) -> Self {
        let now = setup.store.now();
        Self(Arc::new(Inner {
            store: setup.store.clone(),
            reporter: setup.reporter.clone(),
            detector: setup.detector.clone(),
            rules: setup.rules.clone(),
            providers: setup.providers.clone(),
            secure_cookies: setup.public_url.scheme() == "https",
            shutdown: setup.shutdown.clone(),
            metrics: setup.metrics.clone(),
            callers: Callers::default(),
            running_keys: Mutex::default(),
            process: model::fresh_id("prc", now),
            logins: Limiter::new(LOGIN_FAILURES, LOGIN_WINDOW),
            logins_of_place: Limiter::new(LOGIN_FAILURES_OF_PLACE, LOGIN_WINDOW),
            tests: Limiter::new(TESTS_PER_MINUTE, Duration::from_secs(60)),
            test_places: crate::reporter::Places::new(TESTS_AT_ONCE),
            hashes_at_once: Semaphore::new(HASHES_AT_ONCE),
            large_at_once: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            originals_at_once: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            parses_at_once: Arc::new(Semaphore::new(PARSES_AT_ONCE)),
            streams_at_once: Arc::new(Semaphore::new(STREAMS_AT_ONCE)),
            uploads_at_once: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            openapi,
        }))
    }
}

impl std::ops::Deref for ApiState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
