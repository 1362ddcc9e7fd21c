//! The one door to mail servers: connection reports, made by the engine or, in tests, by a stand-in (what a report means for a
//! mailbox: [`crate::proving`]); and the out of office on a mailbox's own server.

use connect::TestRequest;
use connect::server_reply::ServerReplies;
use futures_util::future::BoxFuture;
use model::report::{Report, Step};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Tests at once of one host: the engine makes no more, and whoever waits for it holds no place that others could use.
const TESTS_AT_ONE_HOST: usize = 4;
/// Hosts that are remembered before those without a test are forgotten.
const HOSTS_REMEMBERED: usize = 256;

/// The places for tests: first one at the host, then one of all, so that a slow host does not hold up the tests of others.
pub(crate) struct Places {
    at_hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    in_all: Arc<Semaphore>,
}

impl Places {
    /// So many tests at once, over all hosts.
    pub(crate) fn new(in_all: usize) -> Self {
        Self {
            at_hosts: Mutex::default(),
            in_all: Arc::new(Semaphore::new(in_all)),
        }
    }

    /// Waits for both places. They are free again when what is returned is dropped.
    pub(crate) async fn take(&self, request: &TestRequest) -> [Option<OwnedSemaphorePermit>; 2] {
        let incoming = request.incoming.as_ref().map(|side| &side.host);
        let outgoing = request.outgoing.as_ref().map(|side| &side.host);
        let at_host = match incoming.or(outgoing) {
            Some(host) => self.at_host(host).acquire_owned().await.ok(),
            None => None,
        };
        [at_host, self.in_all.clone().acquire_owned().await.ok()]
    }

    fn at_host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.at_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_REMEMBERED {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = hosts.entry(host.to_lowercase());
        let fresh = || Arc::new(Semaphore::new(TESTS_AT_ONE_HOST));
        Arc::clone(places.or_insert_with(fresh))
    }
}

/// Makes connection reports.
pub trait Reporter: Send + Sync {
    /// Runs the steps, telling each as it begins and ends.
    fn test(&self, request: TestRequest, on_step: mpsc::Sender<Step>)
    -> BoxFuture<'static, Report>;

    /// The host in the Message-ID of a test message.
    fn host(&self) -> &str {
        ""
    }

    /// Speaks with servers about what they answer by themselves; a stand-in does not.
    fn server_replies(&self) -> Option<ServerReplies> {
        None
    }
}

impl Reporter for connect::Engine {
    fn test(
        &self,
        request: TestRequest,
        on_step: mpsc::Sender<Step>,
    ) -> BoxFuture<'static, Report> {
        let engine = self.clone();
        Box::pin(async move { engine.test(request, on_step).await })
    }

    fn host(&self) -> &str {
        self.ehlo_name()
    }

    fn server_replies(&self) -> Option<ServerReplies> {
        Some(Self::server_replies(self))
    }
}
