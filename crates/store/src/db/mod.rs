//! One SQL text on two databases.
//!
//! Work is a synchronous closure over a [`Tx`], sent to a thread that owns a connection: SQLite has
//! one writing thread and a few reading ones, PostgreSQL a few of the same kind. So nothing here is
//! async, a transaction cannot be held across an await, and both databases are driven in one style.
//! Statements use `$1`, text ids, 64-bit integers and JSON as text; where the two dialects must
//! differ, [`Dialect`] has both texts side by side.

pub mod dialect;
mod group;
pub mod insert;
mod lanes;
pub mod migrate;
mod postgres;
mod sqlite;
pub mod value;

pub use dialect::{Column, Dialect};
pub use insert::Insert;
pub use value::{Cell, Row, Value};

use crate::error::{Result, StoreError};
use crate::wake::{Topic, Wakes};
use group::{Transaction, Write};
use lanes::{Exit, Lane, Lanes};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Reading threads of a SQLite store.
const SQLITE_READERS: usize = 2;
/// Connections of a SQLite store for glances.
const SQLITE_GLANCES: usize = 2;
/// Connections of one node to PostgreSQL.
const POSTGRES_CONNECTIONS: usize = 6;
/// Times that a transaction is run before it is told that others stand in its way.
const TRIES: u32 = 4;
/// The pause before a transaction is run again; it grows with each try.
const PAUSE: Duration = Duration::from_millis(20);
/// Closures that may wait for a thread; more callers wait before they send.
const QUEUE: usize = 1024;

/// Which database, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

type Work = dyn FnOnce(&mut dyn Connection) + Send;

/// What waits for a database thread.
enum Job {
    /// Has the connection for itself.
    Alone(Box<Work>),
    /// Can share its commit with others.
    Shared(Box<dyn Transaction>),
}

/// What a database thread drives.
trait Connection {
    fn dialect(&self) -> Dialect;
    fn begin(&mut self) -> Result<()>;
    fn commit(&mut self) -> Result<()>;
    fn roll_back(&mut self);
    /// Whether the transaction failed only because others ran beside it (SQLSTATE 40001, 40P01).
    fn collided(&self) -> bool;
    /// A number that is another one when a row was written in the open transaction. `None`: there is none open, or it is not
    /// known.
    fn written(&self) -> Option<u64>;
    fn execute(&mut self, sql: &str, args: &[Value]) -> Result<u64>;
    fn query(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>>;
    /// Runs a statement for each of `rows`, behind the arguments that all have.
    fn query_each(&mut self, sql: &str, shared: &[Value], rows: &[Vec<Value>]) -> Result<Vec<Row>>;
    fn batch(&mut self, sql: &str) -> Result<()>;
}

/// A handle to the database.
#[derive(Clone)]
pub struct Db {
    dialect: Dialect,
    readers: Lanes,
    writers: Lanes,
    glances: Arc<[Mutex<sqlite::Sqlite>]>,
    places: Arc<Semaphore>,
    wakes: Wakes,
}

impl Db {
    /// Opens the database and starts its threads.
    ///
    /// # Errors
    /// The file or server cannot be opened.
    pub async fn open(location: &Location, extra_ca: Option<&Path>) -> Result<Self> {
        let wakes = Wakes::default();
        let mut glances = Vec::new();
        let (dialect, readers, writers) = match location {
            Location::Sqlite(path) => {
                let writer = sqlite::Sqlite::open(path, sqlite::For::Writing)?;
                let writers = start(vec![writer], "sqlite-write", work_in_groups)?;
                let readers = (0..SQLITE_READERS)
                    .map(|_| sqlite::Sqlite::open(path, sqlite::For::Reading))
                    .collect::<Result<Vec<_>>>()?;
                for _ in 0..SQLITE_GLANCES {
                    let connection = sqlite::Sqlite::open(path, sqlite::For::Glances)?;
                    glances.push(Mutex::new(connection));
                }
                let readers = start(readers, "sqlite-read", work_alone)?;
                (Dialect::Sqlite, readers, writers)
            }
            Location::Postgres(url) => {
                let connector = postgres::Connector::new(url, extra_ca)?;
                let for_listener = connector.clone();
                let pool = tokio::task::spawn_blocking(move || {
                    (0..POSTGRES_CONNECTIONS)
                        .map(|_| postgres::Postgres::connect(&connector))
                        .collect::<Result<Vec<_>>>()
                })
                .await
                .map_err(|e| StoreError::Unavailable(e.to_string()))??;
                postgres::listen(for_listener, wakes.clone())?;
                let pool = start(pool, "postgres", work_alone)?;
                (Dialect::Postgres, pool.clone(), pool)
            }
        };
        Ok(Self {
            dialect,
            readers,
            writers,
            glances: glances.into(),
            places: Arc::new(Semaphore::new(QUEUE)),
            wakes,
        })
    }

    /// Which of the two it is.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The signals that say "look": sent after a commit, here and on other nodes.
    pub const fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    /// Runs statements that only read, outside a transaction: each sees its own snapshot.
    ///
    /// # Errors
    /// What the closure returns, or the database out of reach.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit(&self.readers, Lane::Now, move |connection| {
            work(&mut Tx::new(connection))
        })
        .await
    }

    /// The same for a look at a few rows by their keys. With SQLite that takes less time than to hand it to another thread and
    /// to be woken again, so it is done on the caller's own, if a connection is free.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub(crate) async fn glance<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        // One that was left by a panic is fit for use: nothing is written there.
        for slot in self.glances.iter() {
            let mut connection = match slot.try_lock() {
                Ok(connection) => connection,
                Err(TryLockError::Poisoned(left)) => left.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            return work(&mut Tx::new(&mut *connection));
        }
        self.read(work).await
    }

    /// Runs one transaction. It commits when the closure returns `Ok`: then it is on disk, and the
    /// topics that the closure named are woken. Where two transactions stand in each other's way (a deadlock),
    /// the database ends one, and that one is run again from its beginning; that is why the closure is `Clone`.
    ///
    /// # Errors
    /// What the closure returns, or the commit's failure: then nothing was written.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        self.write_in(Lane::Now, work).await
    }

    /// The same for what nobody waits for: whatever somebody waits for goes first.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub(crate) async fn write_later<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        self.write_in(Lane::Later, work).await
    }

    /// Whether a transaction that somebody waits for stands in line.
    pub(crate) fn somebody_waits(&self) -> bool {
        self.writers.somebody_waits()
    }

    async fn write_in<T, F>(&self, lane: Lane, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        let wakes = self.wakes.clone();
        if self.dialect == Dialect::Sqlite && lane == Lane::Now {
            return self
                .hand_over(&self.writers, lane, |answer, place| {
                    Job::Shared(Box::new(Write::new(work, wakes, answer, place)))
                })
                .await;
        }
        self.submit(&self.writers, lane, move |connection| {
            if connection.dialect() == Dialect::Postgres {
                for n in 1..TRIES {
                    match transact(connection, work.clone(), &wakes) {
                        Err(error) if connection.collided() => {
                            tracing::debug!(%error, "a transaction is run again");
                            std::thread::sleep(PAUSE * n);
                        }
                        done => return done,
                    }
                }
            }
            transact(connection, work, &wakes)
        })
        .await
    }

    async fn submit<T, F>(&self, queue: &Lanes, lane: Lane, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Connection) -> Result<T> + Send + 'static,
    {
        self.hand_over(queue, lane, |answer, place| {
            Job::Alone(Box::new(move |connection| {
                let _place = place;
                // A caller that went away does not want the answer; the work is done all the same.
                let _ = answer.send(work(connection));
            }))
        })
        .await
    }

    /// Puts a job in line and waits for its answer.
    async fn hand_over<T>(
        &self,
        queue: &Lanes,
        lane: Lane,
        job: impl FnOnce(oneshot::Sender<Result<T>>, OwnedSemaphorePermit) -> Job,
    ) -> Result<T> {
        let gone = |_| StoreError::Unavailable("the database thread has ended".into());
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|_| StoreError::Unavailable("the database is closed".into()))?;
        let (answer, result) = oneshot::channel();
        if !queue.send(job(answer, place), lane) {
            return Err(StoreError::Unavailable("the database is closed".into()));
        }
        result.await.map_err(gone)?
    }
}

/// One transaction, from its beginning to the wake-ups after its commit.
fn transact<T>(
    connection: &mut dyn Connection,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    wakes: &Wakes,
) -> Result<T> {
    connection.begin()?;
    let mut tx = Tx::new(connection);
    let done = work(&mut tx).and_then(|value| {
        let topics = tx.notify_other_nodes()?;
        Ok((value, topics))
    });
    let done = match done {
        Ok((value, topics)) => connection.commit().map(|()| (value, topics)),
        Err(error) => Err(error),
    };
    match done {
        Ok((value, topics)) => {
            wakes.send_all(&topics);
            Ok(value)
        }
        Err(error) => {
            connection.roll_back();
            Err(error)
        }
    }
}

/// One thread for each connection, all taking from one queue.
fn start<C: Connection + Send + 'static>(
    connections: Vec<C>,
    name: &str,
    work: fn(&mut C, &Exit),
) -> Result<Lanes> {
    let (lanes, exit) = lanes::lanes();
    for mut connection in connections {
        let exit = exit.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&mut connection, &exit))?;
    }
    Ok(lanes)
}

/// Job after job.
fn work_alone<C: Connection>(connection: &mut C, exit: &Exit) {
    while let Some(job) = exit.next() {
        match job {
            Job::Alone(job) => guard(connection, job),
            Job::Shared(transaction) => guard(connection, |c| transaction.alone(c)),
        }
    }
}

/// The same; transactions that stand in line share their commit.
fn work_in_groups(connection: &mut sqlite::Sqlite, exit: &Exit) {
    while let Some(job) = exit.next() {
        match job {
            Job::Alone(job) => guard(connection, job),
            Job::Shared(first) => group::run(connection, first, || exit.next_shared()),
        }
    }
}

/// A panic in one closure must not take the thread, and with it the store, away.
fn guard<C: Connection>(connection: &mut C, job: impl FnOnce(&mut dyn Connection)) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(connection)));
    if outcome.is_err() {
        tracing::error!("a database closure panicked; its transaction is rolled back");
        connection.roll_back();
    }
}

/// A connection at work, inside a transaction when it came from [`Db::write`].
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    topics: Vec<Topic>,
    /// Something was written that is not counted.
    batched: bool,
}

impl<'a> Tx<'a> {
    fn new(connection: &'a mut dyn Connection) -> Self {
        Self {
            connection,
            topics: Vec::new(),
            batched: false,
        }
    }
}

impl Tx<'_> {
    /// Which of the two databases this is.
    pub fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Runs a statement; returns how many rows it touched.
    ///
    /// # Errors
    /// The database's refusal.
    pub fn exec(&mut self, sql: &str, args: &[Value]) -> Result<u64> {
        self.connection.execute(sql, args)
    }

    /// Runs a query and returns all its rows.
    ///
    /// # Errors
    /// The database's refusal.
    pub fn rows(&mut self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        self.connection.query(sql, args)
    }

    /// Runs a query and returns its first row, if any.
    ///
    /// # Errors
    /// The database's refusal.
    pub fn row(&mut self, sql: &str, args: &[Value]) -> Result<Option<Row>> {
        Ok(self.rows(sql, args)?.into_iter().next())
    }

    /// Runs several statements without arguments (the schema).
    ///
    /// # Errors
    /// The database's refusal.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        self.batched = true;
        self.connection.batch(sql)
    }

    /// Wakes a topic once this transaction has committed.
    pub fn wake(&mut self, topic: Topic) {
        if !self.topics.contains(&topic) {
            self.topics.push(topic);
        }
    }

    fn notify_other_nodes(&mut self) -> Result<Vec<Topic>> {
        if self.dialect() == Dialect::Postgres {
            for topic in &self.topics {
                let args = [Value::from(topic.to_string())];
                self.connection
                    .query("SELECT 1 FROM pg_notify('postroom', $1)", &args)?;
            }
        }
        Ok(std::mem::take(&mut self.topics))
    }
}
