//! Seats: how many connections one account of a server may have at once. Mailboxes that sign in with the same name share
//! them, and so do the reports that are made of a mailbox at work.
//!
//! What a profile allows is the budget. Where the server refuses one more sign-in because all connections are taken, what
//! was open then is the budget from now on, and nobody knocks at a door that is known to be shut (invariants 28 and 44). An
//! hour later one more is tried: others may have left.

use connect::{Failure, problems};
use model::Timestamp;
use model::mailbox::Incoming;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection waits that finds all seats taken.
const PAUSE_MILLIS: i64 = 120_000;
/// After so long one more connection is tried than the server allowed before.
const LEARN_ANEW: Duration = Duration::from_secs(3_600);

/// Host, port and the name that signs in.
type Account = (String, u16, String);

/// The seats of all accounts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats {
    taken: Arc<Mutex<HashMap<Account, Taken>>>,
}

#[derive(Debug, Default)]
struct Taken {
    open: u32,
    /// What the server has shown that it allows, and when.
    learnt: Option<(u32, Instant)>,
}

impl Taken {
    fn is_full(&self, allowed: Option<i64>, now: Instant) -> bool {
        let learnt = self.learnt.map(|(budget, at)| {
            let hours = now.duration_since(at).as_secs() / LEARN_ANEW.as_secs();
            budget.saturating_add(u32::try_from(hours).unwrap_or(u32::MAX))
        });
        let budget = learnt.map(i64::from).into_iter().chain(allowed).min();
        budget.is_some_and(|budget| i64::from(self.open) >= budget.max(1))
    }
}

impl Seats {
    fn with<T>(&self, account: &Account, work: impl FnOnce(&mut Taken) -> T) -> T {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(account.clone()).or_default();
        let done = work(taken);
        if taken.open == 0 && taken.learnt.is_none() {
            all.remove(account);
        }
        done
    }

    /// Takes a seat for one connection.
    ///
    /// # Errors
    /// All are taken: the problem names a time to come again.
    pub(crate) fn take(
        &self,
        incoming: &Incoming,
        allowed: Option<i64>,
        now: Timestamp,
    ) -> Result<Seat, Failure> {
        let account = account(incoming);
        let taken = self.with(&account, |taken| {
            let room = !taken.is_full(allowed, Instant::now());
            taken.open += u32::from(room);
            room
        });
        if taken {
            let seats = self.clone();
            return Ok(Seat { seats, account });
        }
        let said = "Postroom has as many connections to this account as the server allows";
        let mut failure = Failure::new(
            "too_many_connections",
            &[("host", &incoming.host)],
            Some(said),
        );
        failure.problem.until = Some(now.plus_millis(PAUSE_MILLIS));
        Err(failure)
    }

    /// Whether there is room for one more connection, as far as is known.
    pub(crate) fn has_room(&self, incoming: &Incoming) -> bool {
        self.with(&account(incoming), |taken| {
            !taken.is_full(None, Instant::now())
        })
    }
}

fn account(incoming: &Incoming) -> Account {
    let host = incoming.host.to_ascii_lowercase();
    (host, incoming.port, incoming.username.to_lowercase())
}

/// The right to one connection, for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    account: Account,
}

impl Seat {
    /// The server refused to let this connection in. Where it says that all are taken, the budget is what is open now.
    pub(crate) fn refused(&self, failure: &Failure) {
        if problems::kind(&failure.problem.id) == "too_many_connections" {
            self.seats.with(&self.account, |taken| {
                taken.learnt = Some((taken.open.saturating_sub(1).max(1), Instant::now()));
            });
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.with(&self.account, |taken| taken.open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::mailbox::{Auth, Protocol, Security};

    fn incoming(username: &str) -> Incoming {
        Incoming {
            protocol: Protocol::Imap,
            host: "mail.example.test".to_owned(),
            port: 993,
            security: Security::Tls,
            username: username.to_owned(),
            auth: Auth::Password,
            certificate_sha256: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_connection_lowers_the_budget_and_an_hour_raises_it() {
        let seats = Seats::default();
        let ann = incoming("ann");
        let take = || seats.take(&ann, None, Timestamp(5));
        let (one, _two, third) = (take().unwrap(), take().unwrap(), take().unwrap());
        third.refused(&Failure::new("too_many_connections", &[], None));
        drop(third);
        assert!(!seats.has_room(&ann) && seats.has_room(&incoming("bob")));
        let full = take().unwrap_err();
        assert_eq!(full.problem.id, "too_many_connections");
        assert_eq!(full.problem.until, Some(Timestamp(5 + PAUSE_MILLIS)));
        drop(one);
        let again = take().unwrap();
        assert!(take().is_err());
        tokio::time::advance(LEARN_ANEW).await;
        let third = take().unwrap();
        assert!(take().is_err());
        drop((again, third));
    }

    #[tokio::test]
    async fn what_a_profile_allows_is_the_budget_and_other_refusals_teach_nothing() {
        let seats = Seats::default();
        let ann = incoming("ann");
        let one = seats.take(&ann, Some(1), Timestamp(0)).unwrap();
        assert!(seats.take(&ann, Some(1), Timestamp(0)).is_err());
        one.refused(&Failure::new("sign_in_refused", &[], None));
        assert!(seats.take(&ann, None, Timestamp(0)).is_ok());
        drop(one);
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
