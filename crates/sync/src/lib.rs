//! Keeps our copy of each mailbox in step with its server.
//!
//! One task for each mailbox compares what we know with what the server has, takes the next step and
//! commits it. IDLE, NOTIFY and the API only make it look sooner: after a restart, a lost connection
//! or a missed signal the same code runs. What decides is pure ([`list::plan`], [`folder::plan`]);
//! what acts is a plain loop.
//!
//! - [`roster`]: leases become tasks, and tasks end with their leases
//! - [`mailbox`]: one mailbox's life: connect, rounds, wait, back off, be held
//! - [`folder`]: one folder: look, fetch, parse, ingest
//! - [`list`]: the list of folders
//! - `pop3`: a POP3 maildrop, which has one folder and no news
//! - [`owed`]: what the application asked us to change on the server

mod alive;
mod audit;
mod backoff;
mod doors;
pub mod error;
pub mod folder;
pub mod ledger;
mod list;
pub mod mailbox;
mod meter;
pub mod owed;
mod pop3;
pub mod roster;
mod seats;
mod threading;
mod way;

pub use mailbox::Compress;

use connect::Engine;
use mail_message::read::{Summary, summarize};
use mail_net::Net;
use std::sync::Arc;
use store::Store;
use tokio::sync::Semaphore;

/// MiB of raw messages that may be parsed at the same time, over all mailboxes.
const PARSE_MIB: usize = 160;
/// Places for filling the past, over all mailboxes: new mail needs none.
const FILLING: usize = 16;
/// Processors that parsing the past leaves to everything else.
const LEFT_FREE: usize = 1;
/// Messages of a folder of which flags are held in memory at once: 10 MB.
const FLAGS_AT_ONCE: usize = 20_000;
/// Maildrops that are read in one go, because their servers allow nothing else, at once: beside those who fetch in slices.
const LASTING: usize = 2;
/// Messages in folders that no connection works in, from which on another connection is worth it.
const HELPED_FROM: i64 = 2_000;
/// Connection reports of mailboxes that broke, made at once.
const REPORTING: usize = 4;

/// Awaits a command to an IMAP server, and records how long it took.
pub(crate) async fn timed<T>(command: &'static str, work: impl Future<Output = T>) -> T {
    let began = tokio::time::Instant::now();
    let done = work.await;
    metrics::histogram!("postroom_imap_command_seconds", "command" => command)
        .record(began.elapsed().as_secs_f64());
    done
}

/// How often and how long.
#[derive(Clone, Debug)]
pub struct Timing {
    /// A waiting connection proves that it lives at least this often.
    pub proof: std::time::Duration,
    /// All folders are counted this often: what the server did not tell by itself shows then.
    pub poll: std::time::Duration,
    /// First pause after a failure; it doubles up to `backoff_max`.
    pub backoff: std::time::Duration,
    /// Longest pause after failures.
    pub backoff_max: std::time::Duration,
    /// A server that owes an answer may say nothing for so long.
    pub answer: std::time::Duration,
    /// Everything is compared with the server this often; zero: only when it is asked for.
    pub audit: std::time::Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            proof: std::time::Duration::from_secs(55),
            poll: std::time::Duration::from_secs(60),
            backoff: std::time::Duration::from_secs(2),
            backoff_max: std::time::Duration::from_secs(300),
            answer: std::time::Duration::from_secs(60),
            audit: std::time::Duration::from_secs(24 * 3600),
        }
    }
}

/// What every mailbox task needs.
#[derive(Clone)]
pub struct Context {
    /// The store.
    pub store: Store,
    /// The network.
    pub net: Net,
    /// Makes connection reports for mailboxes that break.
    pub engine: Engine,
    /// How often and how long.
    pub timing: Timing,
    /// When connections compress.
    pub compress: Compress,
    /// Messages of a folder of which flags are held in memory at once.
    pub flags_at_once: usize,
    /// Messages left to fetch from which on another connection is opened, where the provider allows it.
    pub helped_from: i64,
    /// How raw bytes become what is shown and searched. What makes it fail goes into the ledger.
    pub reader: fn(&[u8]) -> Summary,
    alive: alive::Alive,
    parsing: Arc<Semaphore>,
    parsing_past: Arc<Semaphore>,
    filling: Arc<Semaphore>,
    way: way::Way,
    lasting: Arc<Semaphore>,
    doors: doors::Doors,
    seats: seats::Seats,
    reporting: Arc<Semaphore>,
}

impl Context {
    /// Whether nobody stands in line to fill the past.
    pub(crate) fn has_places(&self) -> bool {
        self.filling.available_permits() > 0
    }

    /// Puts together what the tasks share.
    pub fn new(store: Store, net: Net, engine: Engine, timing: Timing) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            net,
            engine,
            timing,
            compress: Compress::default(),
            flags_at_once: FLAGS_AT_ONCE,
            helped_from: HELPED_FROM,
            reader: summarize,
            alive: alive::Alive::default(),
            parsing: Arc::new(Semaphore::new(PARSE_MIB)),
            parsing_past: Arc::new(Semaphore::new(processors.saturating_sub(LEFT_FREE).max(1))),
            filling: Arc::new(Semaphore::new(FILLING)),
            way: way::Way::default(),
            lasting: Arc::new(Semaphore::new(LASTING)),
            doors: doors::Doors::default(),
            seats: seats::Seats::default(),
            reporting: Arc::new(Semaphore::new(REPORTING)),
        }
    }
}
