//! Transactions that stand in line share one commit, and with it the wait for the disk. One that fails takes nothing of the
//! others with it: where it had written something all is undone, and each runs for itself. (A savepoint around each would do
//! that too, but with one SQLite copies every page before it is changed.) Nobody is answered before the commit is on disk.

use super::sqlite::Sqlite;
use super::{Connection, Tx, transact};
use crate::error::{Result, StoreError};
use crate::wake::{Topic, Wakes};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Transactions of one commit.
const MOST: usize = 64;
/// And how long they may take together: the first one waits for the last.
const LONGEST: Duration = Duration::from_millis(10);

/// What running a transaction left in the open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// All or, where it failed before it wrote, nothing.
    Whole,
    /// A part: it failed in the middle, or the database has undone everything.
    Part,
}

/// A transaction that can share its commit.
pub(super) trait Transaction: Send {
    /// Runs its statements inside an open transaction.
    fn run(&mut self, connection: &mut dyn Connection) -> Ran;
    /// Tells its caller what came of [`Transaction::run`]: the commit is on disk.
    fn answer(self: Box<Self>);
    /// Runs it from its beginning in a transaction of its own, and tells its caller.
    fn alone(self: Box<Self>, connection: &mut dyn Connection);
}

/// A closure as a transaction, and whoever waits for it.
pub(super) struct Write<T, F> {
    work: F,
    done: Option<Result<(T, Vec<Topic>)>>,
    wakes: Wakes,
    answer: oneshot::Sender<Result<T>>,
    _place: OwnedSemaphorePermit,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(
        work: F,
        wakes: Wakes,
        answer: oneshot::Sender<Result<T>>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            work,
            done: None,
            wakes,
            answer,
            _place: place,
        }
    }
}

impl<T, F> Transaction for Write<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Clone + Send,
{
    fn run(&mut self, connection: &mut dyn Connection) -> Ran {
        let before = connection.written();
        let mut tx = Tx::new(connection);
        let done = (self.work.clone())(&mut tx);
        let done = done.and_then(|value| Ok((value, tx.notify_other_nodes()?)));
        let batched = tx.batched;
        let failed = self.done.insert(done).is_err();
        let written = connection.written();
        match written.is_none() || failed && (batched || written != before) {
            true => Ran::Part,
            false => Ran::Whole,
        }
    }

    fn answer(self: Box<Self>) {
        let done = match self.done {
            Some(Ok((value, topics))) => {
                self.wakes.send_all(&topics);
                Ok(value)
            }
            Some(Err(error)) => Err(error),
            None => Err(StoreError::Unavailable("it was not run".into())),
        };
        // A caller that went away does not want the answer; the work is done all the same.
        let _ = self.answer.send(done);
    }

    fn alone(self: Box<Self>, connection: &mut dyn Connection) {
        let _ = self
            .answer
            .send(transact(connection, self.work, &self.wakes));
    }
}

/// Runs a transaction, and with it those that `more` has by then. (To wait for those that are about to come saves commits, but
/// whoever sends one message after the other waits for each of them.)
pub(super) fn run(
    connection: &mut Sqlite,
    first: Box<dyn Transaction>,
    mut more: impl FnMut() -> Option<Box<dyn Transaction>>,
) {
    let mut group = Vec::new();
    if connection.begin().is_err() {
        group.push(first);
        return alone(connection, group);
    }
    let begun = Instant::now();
    let mut next = Some(first);
    while let Some(mut transaction) = next {
        // A panic must not take the thread, and with it the store, away.
        match catch_unwind(AssertUnwindSafe(|| transaction.run(connection))) {
            Ok(ran) => {
                group.push(transaction);
                if ran == Ran::Part {
                    connection.roll_back();
                    return alone(connection, group);
                }
            }
            Err(_) => {
                tracing::error!("a database closure panicked; its transaction is rolled back");
                connection.roll_back();
                return alone(connection, group);
            }
        }
        let room = group.len() < MOST && begun.elapsed() < LONGEST;
        next = if room { more() } else { None };
    }
    if connection.commit().is_err() {
        connection.roll_back();
        return alone(connection, group);
    }
    for transaction in group {
        transaction.answer();
    }
}

/// Each in a transaction of its own, so that each meets its own failure.
fn alone(connection: &mut Sqlite, group: Vec<Box<dyn Transaction>>) {
    for transaction in group {
        let outcome = catch_unwind(AssertUnwindSafe(|| transaction.alone(connection)));
        if outcome.is_err() {
            tracing::error!("a database closure panicked; its transaction is rolled back");
            connection.roll_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::sqlite::For;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    type Work = Box<dyn Fn(&mut Tx<'_>) -> Result<i64> + Send + Sync>;

    struct Line {
        connection: Sqlite,
        places: Arc<Semaphore>,
        waiting: Vec<Box<dyn Transaction>>,
        answers: Vec<oneshot::Receiver<Result<i64>>>,
        _folder: tempfile::TempDir,
    }

    impl Line {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut connection = Sqlite::open(&folder.path().join("x.db"), For::Writing).unwrap();
            connection
                .batch("CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE numbers (n INTEGER PRIMARY KEY,
                    parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
                .unwrap();
            Self {
                connection,
                places: Arc::new(Semaphore::new(100)),
                waiting: Vec::new(),
                answers: Vec::new(),
                _folder: folder,
            }
        }

        fn wait(&mut self, work: impl Fn(&mut Tx<'_>) -> Result<i64> + Send + Sync + 'static) {
            let work: Arc<Work> = Arc::new(Box::new(work));
            let (answer, result) = oneshot::channel();
            let place = self.places.clone().try_acquire_owned().unwrap();
            let work = move |tx: &mut Tx<'_>| work(tx);
            let write = Write::new(work, Wakes::default(), answer, place);
            self.waiting.push(Box::new(write));
            self.answers.push(result);
        }

        /// Runs all; what each caller hears (`None`: nothing), and what is written then.
        fn run(&mut self) -> (Vec<Option<Result<i64>>>, Vec<i64>) {
            self.run_groups(usize::MAX)
        }

        fn run_groups(&mut self, most: usize) -> (Vec<Option<Result<i64>>>, Vec<i64>) {
            let mut waiting = std::mem::take(&mut self.waiting).into_iter();
            for _ in 0..most {
                let Some(first) = waiting.next() else { break };
                run(&mut self.connection, first, || waiting.next());
            }
            let answers = self.answers.drain(..).map(|mut a| a.try_recv().ok());
            let answers = answers.collect();
            let rows = self
                .connection
                .query("SELECT n FROM numbers ORDER BY n", &[]);
            let numbers = rows.unwrap().into_iter().map(|row| row.get(0).unwrap());
            (answers, numbers.collect())
        }
    }

    fn write(n: i64) -> impl Fn(&mut Tx<'_>) -> Result<i64> {
        move |tx| {
            tx.exec("INSERT INTO numbers (n) VALUES ($1)", &[n.into()])?;
            Ok(n)
        }
    }

    fn heard(answers: &[Option<Result<i64>>]) -> Vec<Option<i64>> {
        let number = |answer: &Option<Result<i64>>| answer.as_ref()?.as_ref().ok().copied();
        answers.iter().map(number).collect()
    }

    #[test]
    fn one_that_fails_takes_nothing_of_the_others_with_it() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            write(2)(tx)?;
            Err(StoreError::Conflict("no".into()))
        });
        line.wait(write(1));
        line.wait(write(3));
        let (answers, written) = line.run();
        assert_eq!(heard(&answers), [Some(1), None, None, Some(3)]);
        assert!(matches!(&answers[1], Some(Err(StoreError::Conflict(why))) if why == "no"));
        assert!(matches!(&answers[2], Some(Err(StoreError::Conflict(_)))));
        assert_eq!(written, [1, 3]);
    }

    #[test]
    fn one_that_fails_before_it_writes_disturbs_nobody() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            tx.rows("SELECT n FROM numbers", &[])?;
            Err(StoreError::Fenced)
        });
        line.wait(write(3));
        let (answers, written) = line.run_groups(1);
        assert_eq!(heard(&answers), [Some(1), None, Some(3)]);
        assert!(matches!(answers[1], Some(Err(StoreError::Fenced))));
        assert_eq!(written, [1, 3]);
    }

    #[test]
    fn a_change_of_the_schema_by_one_that_fails_is_undone() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            tx.batch("CREATE TABLE half (n INTEGER)")?;
            Err(StoreError::Fenced)
        });
        line.wait(|tx| {
            let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'half'";
            tx.row(sql, &[])?.map_or(Ok(-1), |row| row.get(0))
        });
        let (answers, _) = line.run();
        assert_eq!(heard(&answers), [Some(1), None, Some(0)]);
    }

    #[test]
    fn a_commit_that_fails_is_the_failure_of_one() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            tx.exec("INSERT INTO numbers (n, parent) VALUES (2, 7)", &[])?;
            Ok(2)
        });
        line.wait(write(3));
        let (answers, written) = line.run();
        assert_eq!(heard(&answers), [Some(1), None, Some(3)]);
        assert_eq!(written, [1, 3]);
    }

    #[test]
    fn a_panic_ends_one() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            write(2)(tx)?;
            panic!("as a test")
        });
        line.wait(write(3));
        let (answers, written) = line.run();
        assert_eq!(heard(&answers), [Some(1), None, Some(3)]);
        assert!(answers[1].is_none());
        assert_eq!(written, [1, 3]);
    }

    #[test]
    fn a_transaction_that_the_database_undoes_as_a_whole_leaves_the_others() {
        let mut line = Line::new();
        line.wait(write(1));
        line.wait(|tx| {
            // What SQLite does by itself when the disk is full.
            tx.batch("ROLLBACK")?;
            Err(StoreError::Full("no room".into()))
        });
        let (answers, written) = line.run();
        assert_eq!(heard(&answers), [Some(1), None]);
        assert!(matches!(&answers[1], Some(Err(StoreError::Full(_)))));
        assert_eq!(written, [1]);
    }

    #[test]
    fn a_group_has_an_end() {
        let mut line = Line::new();
        for n in 0..=MOST as i64 {
            line.wait(write(n));
        }
        let (answers, written) = line.run_groups(1);
        assert_eq!(written.len(), MOST);
        assert!(answers[MOST].is_none());
    }
}
