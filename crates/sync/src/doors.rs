//! Doors: how fast connections are opened, over the whole node and to each server.
//!
//! Each server has a door of its own, and whoever wants in stands in line there: a server that is slow or silent delays
//! its own mailboxes and nobody else's. A door lets in a bounded number at a time, a bounded number a second. It narrows
//! while the server fails and widens as it answers, so that thousands of mailboxes which lost their server together ask a
//! server that is down about once a second, and come back step by step once it is up (no storm of sign-ins after a
//! restart or an outage, invariant 29).
//!
//! The node as a whole has places too, which bound what sign-ins cost here. Whoever takes longer than [`PROMPT`] leaves the
//! place to the next one: then it is waiting for its server, and costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Connections that this node opens at the same time.
const NODE: usize = 32;
/// As many of them are the common bustle of a day.
const CALM: usize = 3;
/// Connections that are opened to one server at the same time, while it answers.
const WIDEST: u32 = 12;
/// The least time between two connections to one server that answers: 250 a second.
const STEP: Duration = Duration::from_millis(4);
/// How many times that time doubles while the server fails: up to about one a second.
const MOST_STRAIN: u32 = 8;
/// From here on a failure is the server's, not one mailbox's.
const TROUBLE: u32 = 3;
/// How long a connection that is being opened counts for the whole node.
pub(crate) const PROMPT: Duration = Duration::from_secs(1);

/// Host and port.
type At = (String, u16);

/// The doors of all servers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Doors {
    doors: Arc<Mutex<HashMap<At, Arc<Door>>>>,
    node: Arc<Semaphore>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            doors: Arc::default(),
            node: Arc::new(Semaphore::new(NODE)),
        }
    }
}

/// One server's door.
struct Door {
    /// Held by whoever is first in line, with the time of the last one who went in. The line is first come, first served.
    line: tokio::sync::Mutex<Option<Instant>>,
    now: Mutex<Now>,
    /// Tells the first in line that something changed.
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Now {
    /// How many are being let in.
    inside: u32,
    /// How many may be.
    width: u32,
    /// Grows with each failure, shrinks with each success.
    strain: u32,
}

impl Door {
    fn new() -> Self {
        let now = Now {
            inside: 0,
            width: WIDEST,
            strain: 0,
        };
        Self {
            line: tokio::sync::Mutex::default(),
            now: Mutex::new(now),
            changed: Notify::new(),
        }
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line and goes in.
    async fn enter(&self) {
        let mut last = self.line.lock().await;
        loop {
            let now = *self.now();
            let time = last.map(|last| last + STEP * (1 << now.strain));
            let early = time.filter(|time| Instant::now() < *time);
            if now.inside >= now.width {
                self.changed.notified().await;
            } else if let Some(time) = early {
                tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.changed.notified() => {}
                }
            } else {
                *last = Some(Instant::now());
                self.now().inside += 1;
                return;
            }
        }
    }
}

impl Doors {
    /// Waits for the turn to open a connection to this server. Whoever stops waiting leaves the line.
    pub(crate) async fn enter(&self, host: &str, port: u16) -> Pass {
        let key = (host.to_ascii_lowercase(), port);
        let door = self
            .doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Door::new()))
            .clone();
        door.enter().await;
        let mut pass = Pass {
            doors: self.clone(),
            key,
            door,
            place: None,
        };
        // It is never closed.
        pass.place = self.node.clone().acquire_owned().await.ok();
        pass
    }

    /// Whether hardly anybody is being let in anywhere: what can wait need not wait any more.
    pub(crate) fn are_calm(&self) -> bool {
        self.node.available_permits() + CALM >= NODE
    }

    /// Whether the server itself seems to be in trouble, not just a mailbox on it: it fails again and again, and others
    /// stand in line.
    pub(crate) fn in_trouble(&self, host: &str, port: u16) -> bool {
        let key = (host.to_ascii_lowercase(), port);
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors
            .get(&key)
            .is_some_and(|door| Arc::strong_count(door) > 1 && door.now().strain >= TROUBLE)
    }

    /// Nobody is at this door, and the server is well: nothing about it needs to be known.
    fn forget_if_idle(&self, key: &At, door: &Arc<Door>) {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's: nobody else is in line.
        let alone = Arc::strong_count(door) == 2;
        let calm = {
            let now = door.now();
            now.inside == 0 && now.strain == 0
        };
        if alone && calm {
            doors.remove(key);
        }
    }
}

/// The right to open one connection. Dropped without a verdict, it says nothing about the server.
pub(crate) struct Pass {
    doors: Doors,
    key: At,
    door: Arc<Door>,
    place: Option<OwnedSemaphorePermit>,
}

impl Pass {
    /// The server answered, though it may have refused the password.
    pub(crate) fn answered(self) {
        let mut now = self.door.now();
        now.width = (now.width + 1).min(WIDEST);
        now.strain = now.strain.saturating_sub(1);
    }

    /// The server could not be reached, or wants to be left alone.
    pub(crate) fn failed(self) {
        let mut now = self.door.now();
        now.width = (now.width / 2).max(1);
        now.strain = (now.strain + 1).min(MOST_STRAIN);
    }

    /// Awaits the opening of a connection; while it takes long, others of this node go on.
    pub(crate) async fn open<T>(&mut self, opening: impl Future<Output = T>) -> T {
        let mut opening = std::pin::pin!(opening);
        tokio::select! {
            biased;
            opened = &mut opening => return opened,
            () = tokio::time::sleep(PROMPT) => self.place = None,
        }
        opening.await
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.door.now().inside -= 1;
        self.door.changed.notify_one();
        self.doors.forget_if_idle(&self.key, &self.door);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// So many want in together; returns when each went in, in milliseconds from the beginning. Each takes 50 ms inside,
    /// where `up` says whether the server answers.
    async fn curve(
        doors: &Doors,
        count: usize,
        up: impl Fn(u128) -> bool + Clone + Send + 'static,
    ) -> Vec<u128> {
        let began = Instant::now();
        let tries = (0..count).map(|_| {
            let (doors, up) = (doors.clone(), up.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                loop {
                    let mut pass = doors.enter("mail.example.test", 993).await;
                    let at = began.elapsed().as_millis();
                    times.push(at);
                    pass.open(tokio::time::sleep(Duration::from_millis(50)))
                        .await;
                    if up(at) {
                        pass.answered();
                        return times;
                    }
                    pass.failed();
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            })
        });
        let mut all = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            all.extend(one.await.unwrap());
        }
        all.sort_unstable();
        all
    }

    fn within(times: &[u128], from: u128, to: u128) -> usize {
        times.iter().filter(|t| (from..to).contains(*t)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_mailboxes_come_in_at_a_bounded_rate_and_none_is_left_out() {
        let times = curve(&Doors::default(), 1_000, |_| true).await;
        assert_eq!(times.len(), 1_000);
        for second in 0..=times[999] / 1_000 {
            let rate = within(&times, second * 1_000, second * 1_000 + 1_000);
            assert!(rate <= 251, "{rate} in second {second}");
        }
        assert!(times[999] < 6_000, "{} ms", times[999]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_down_is_asked_once_a_second_and_filled_step_by_step_when_it_is_up() {
        let down = 60_000;
        let doors = Doors::default();
        let times = curve(&doors, 500, move |at| at >= down).await;
        let asked = within(&times, 10_000, down);
        assert!((40..=60).contains(&asked), "{asked} while it was down");
        assert!(within(&times, 0, 10_000) <= 50);
        // The first second after the opening brings few, and the full rate comes after two.
        assert!(within(&times, down, down + 1_000) <= 3);
        assert!(within(&times, down + 1_000, down + 2_000) <= 200);
        let last = *times.last().unwrap();
        assert!(last < down + 15_000, "{last}");
        assert!(!doors.in_trouble("mail.example.test", 993));
        assert!(doors.doors.lock().unwrap().is_empty(), "a door stays known");
    }

    #[tokio::test(start_paused = true)]
    async fn silent_servers_delay_nobody_else() {
        let doors = Doors::default();
        for server in 0..20 {
            for _ in 0..50 {
                let doors = doors.clone();
                tokio::spawn(async move {
                    let mut pass = doors.enter(&format!("silent{server}.test"), 993).await;
                    pass.open(std::future::pending::<()>()).await;
                });
            }
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        let pass = doors.enter("healthy.test", 993).await;
        assert!(began.elapsed() < Duration::from_millis(1));
        pass.answered();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_leaves_the_line() {
        let doors = Doors::default();
        let mut inside = Vec::new();
        for _ in 0..WIDEST {
            inside.push(doors.enter("mail.test", 993).await);
        }
        let waits = {
            let doors = doors.clone();
            tokio::spawn(async move { drop(doors.enter("mail.test", 993).await) })
        };
        let second = Arc::new(AtomicBool::new(false));
        let (seen, others) = (second.clone(), doors.clone());
        let next = tokio::spawn(async move {
            others.enter("MAIL.test", 993).await.answered();
            seen.store(true, Ordering::Relaxed);
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        waits.abort();
        assert!(!second.load(Ordering::Relaxed));
        inside.pop();
        next.await.unwrap();
        drop(inside);
        assert!(doors.doors.lock().unwrap().is_empty());
    }
}
