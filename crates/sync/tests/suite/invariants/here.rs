//! What goes wrong on our own side: 36.

use super::through;
use crate::follower::{Choice, Follower};
use crate::pop3::until;
use model::{Clock, Timestamp};
use std::time::Duration;
use testkit::{Generator, Proxy, deliver, servers, user};

const YEAR: i64 = 365 * 24 * 3_600_000;
const TICK: Duration = Duration::from_millis(10);

/// A clock that goes as the machine's does, and can be made to jump.
struct Jumping {
    clock: Clock,
    ticking: tokio::task::JoinHandle<()>,
}

impl Jumping {
    fn start() -> Self {
        let clock = Clock::manual(Timestamp(Clock::system().now().0));
        let ticks = clock.clone();
        let ticking = tokio::spawn(async move {
            let mut last = tokio::time::Instant::now();
            loop {
                tokio::time::sleep(TICK).await;
                let gone = last.elapsed().as_millis() as i64;
                last += Duration::from_millis(gone as u64);
                ticks.advance(gone);
            }
        });
        Self { clock, ticking }
    }
}

impl Drop for Jumping {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i36_a_clock_that_jumps_in_the_middle_of_a_copy_does_no_harm() {
    for jumps in [[YEAR, -YEAR], [-YEAR, YEAR], [2 * YEAR, -3 * YEAR]] {
        let user = user("i36");
        user.seed("INBOX", Generator::new(136).take(500));
        let proxy = Proxy::start(servers().imap_port);
        let jumping = Jumping::start();
        let choice = Choice {
            clock: jumping.clock.clone(),
            tested: true,
            ..through(&proxy)
        };
        let mut follower = Follower::start(&user, choice).await;
        let stored = || async { follower.view().await.get("INBOX").map_or(0, |c| c.len()) };
        for (part, jump) in jumps.into_iter().enumerate() {
            until("a part", || async { stored().await > part * 200 }).await;
            jumping.clock.advance(jump);
        }
        follower.in_step().await;
        jumping.clock.advance(jumps[0]);
        deliver(&user, b"Subject: after it\r\n\r\nx\r\n");
        follower
            .event("message.received", |e| e.data["subject"] == "after it")
            .await;
        follower.in_step().await;
        assert_eq!(follower.count("message.received").await, 501, "{jumps:?}");
        assert_eq!(follower.count("message.removed").await, 0, "{jumps:?}");
        follower.stop().await;
    }
}
