//! Two lanes to the threads of a database: what somebody waits for goes before what fills the past.

use super::Job;
use super::group::Transaction;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// So many jobs of the first lane pass one that waits in the second: a stream of news must not stop the filling.
const PASSED_AT_MOST: u32 = 16;

/// Which lane a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Somebody waits: new mail, a request, a change.
    Now,
    /// Nobody waits.
    Later,
}

/// The sending side. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub(super) struct Lanes {
    /// One for each job in the lanes.
    tokens: mpsc::Sender<()>,
    jobs: Arc<Mutex<Jobs>>,
}

/// The receiving side, shared by the threads.
#[derive(Clone)]
pub(super) struct Exit {
    tokens: Arc<Mutex<mpsc::Receiver<()>>>,
    jobs: Arc<Mutex<Jobs>>,
}

#[derive(Default)]
struct Jobs {
    now: VecDeque<Job>,
    later: VecDeque<Job>,
    passed: u32,
}

/// The two ends.
pub(super) fn lanes() -> (Lanes, Exit) {
    let (sender, receiver) = mpsc::channel();
    let jobs = Arc::new(Mutex::new(Jobs::default()));
    let exit = Exit {
        tokens: Arc::new(Mutex::new(receiver)),
        jobs: jobs.clone(),
    };
    let tokens = sender;
    (Lanes { tokens, jobs }, exit)
}

impl Lanes {
    /// Puts a job into a lane. `false`: the threads have ended.
    pub(super) fn send(&self, job: Job, lane: Lane) -> bool {
        {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            match lane {
                Lane::Now => jobs.now.push_back(job),
                Lane::Later => jobs.later.push_back(job),
            }
        }
        self.tokens.send(()).is_ok()
    }

    /// Whether a job stands in the first lane.
    pub(super) fn somebody_waits(&self) -> bool {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        !jobs.now.is_empty()
    }
}

impl Exit {
    /// Waits for the next job; `None` when nobody can send any more.
    pub(super) fn next(&self) -> Option<Job> {
        self.tokens.lock().ok()?.recv().ok()?;
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    }
}

impl Exit {
    /// The next job, if it stands in line already, is first, and can share a commit.
    pub(super) fn next_shared(&self) -> Option<Box<dyn Transaction>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_overdue() || !matches!(jobs.now.front(), Some(Job::Shared(_))) {
            return None;
        }
        // A job stands in its lane a moment before its token does: one that has none yet is for the next round.
        self.tokens.lock().ok()?.try_recv().ok()?;
        match jobs.next() {
            Some(Job::Shared(transaction)) => Some(transaction),
            _ => None,
        }
    }
}

impl Jobs {
    /// Whether what fills the past has waited long enough.
    fn is_overdue(&self) -> bool {
        self.passed >= PASSED_AT_MOST && !self.later.is_empty()
    }

    fn next(&mut self) -> Option<Job> {
        if !self.is_overdue()
            && let Some(job) = self.now.pop_front()
        {
            self.passed += u32::from(!self.later.is_empty());
            return Some(job);
        }
        self.passed = 0;
        self.later.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::sqlite::{For, Sqlite};

    /// Sends numbered jobs; returns the order in which they are done.
    fn order(sent: &[(u32, Lane)]) -> Vec<u32> {
        let (lanes, exit) = lanes();
        let done = Arc::new(Mutex::new(Vec::new()));
        for (number, lane) in sent.iter().copied() {
            let done = done.clone();
            let job = Job::Alone(Box::new(move |_| done.lock().unwrap().push(number)));
            assert!(lanes.send(job, lane));
        }
        drop(lanes);
        let folder = tempfile::tempdir().unwrap();
        let mut connection = Sqlite::open(&folder.path().join("x.db"), For::Writing).unwrap();
        while let Some(Job::Alone(job)) = exit.next() {
            job(&mut connection);
        }
        let done = done.lock().unwrap();
        done.clone()
    }

    #[test]
    fn i43_what_somebody_waits_for_goes_before_the_past() {
        use Lane::{Later, Now};
        let sent = [(1, Later), (2, Later), (3, Now), (4, Later), (5, Now)];
        assert_eq!(order(&sent), [3, 5, 1, 2, 4]);
    }

    #[test]
    fn a_stream_of_news_does_not_stop_the_filling() {
        let mut sent = vec![(1_000, Lane::Later), (1_001, Lane::Later)];
        sent.extend((0..40).map(|n| (n, Lane::Now)));
        let order = order(&sent);
        assert_eq!(order.len(), 42);
        assert_eq!((order[16], order[33]), (1_000, 1_001));
    }
}
