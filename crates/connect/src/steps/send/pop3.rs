//! The test message in a mailbox that is read by POP3: only a new session shows new mail (RFC 1939 section 3), so the mailbox is
//! opened again until a message is there that was not, and whose header says that it is ours.

use super::{Arrived, header_results};
use crate::open::{Conversation, Opening};
use crate::recognise::{self, Failure};
use crate::test_message::TestMessage;
use model::Secret;
use model::problem::Retry;
use pop3_client::{Pop3Error, Session};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Pauses before each look. Each look is a sign-in, and providers count those.
const LOOKS: [Duration; 6] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(12),
];
/// New messages whose headers are read in one look, the newest first.
const HEADERS: usize = 20;
/// A server that wants a longer pause between two sign-ins, in seconds, is not asked again within a report.
const LONGEST_DELAY: u32 = 1;
/// How long a goodbye may take; until it is said nothing is removed, and nobody else gets in.
const GOODBYE: Duration = Duration::from_secs(3);

/// The lasting numbers of what is there before the message is sent, and the end of that session: another one could not begin.
/// None: the mailbox is not read by POP3, or does not say.
pub(super) async fn ids_before(reading: &mut Opening<'_>) -> Option<HashSet<Vec<u8>>> {
    let Some(Conversation::Pop3(session)) = &mut reading.conversation else {
        return None;
    };
    let can = session.capabilities();
    let waits = can
        .login_delay_seconds
        .is_some_and(|delay| delay > LONGEST_DELAY);
    if (can.listed && !can.top) || waits {
        return None;
    }
    let ids = session.uidl().await.ok()?;
    end(reading).await;
    Some(ids.into_iter().map(|message| message.id).collect())
}

/// Waits until the message is there, at most until `last_look`, and removes it, at most until `end`.
pub(super) async fn look_for(
    reading: &mut Opening<'_>,
    secret: Option<&Secret>,
    message: &TestMessage,
    before: &HashSet<Vec<u8>>,
    last_look: Instant,
    by: Instant,
) -> Result<Option<Arrived>, Failure> {
    for pause in LOOKS {
        if Instant::now() + pause >= last_look || reading.tries.left() == 0 {
            break;
        }
        sleep(pause).await;
        let looked = timeout_at(by, look(reading, secret, message, before)).await;
        // A look that never ends says no more than one that finds nothing.
        let Ok(looked) = looked else { break };
        match looked {
            Ok(Some(arrived)) => return Ok(Some(arrived)),
            Ok(None) => {}
            // The server has not let go of the last session yet.
            Err(failure) if failure.problem.retry == Retry::Backoff => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

/// One session: the new messages, and among them ours.
async fn look(
    reading: &mut Opening<'_>,
    secret: Option<&Secret>,
    message: &TestMessage,
    before: &HashSet<Vec<u8>>,
) -> Result<Option<Arrived>, Failure> {
    reading.start_again().await?;
    reading.sign_in(secret).await?;
    let (peer, read_only) = (reading.peer, reading.is_read_only());
    let Some(Conversation::Pop3(session)) = &mut reading.conversation else {
        return Ok(None);
    };
    let found = find(session, message, before).await;
    let found = found.map_err(|error| recognise::pop3(&error, &peer))?;
    let Some((number, header)) = found else {
        end(reading).await;
        return Ok(None);
    };
    let mut arrived = Arrived {
        at: Instant::now(),
        sender: header_results(&header),
        ..Arrived::new()
    };
    if read_only {
        arrived.read_only = true;
        end(reading).await;
        return Ok(Some(arrived));
    }
    // It came back: whatever goes wrong from here on does not make that a failure.
    let marked = session.dele(number).await.is_ok();
    arrived.left = !(end(reading).await && marked);
    Ok(Some(arrived))
}

/// The number of our message, in this session, and its header.
async fn find(
    session: &mut Session,
    message: &TestMessage,
    before: &HashSet<Vec<u8>>,
) -> Result<Option<(u32, Vec<u8>)>, Pop3Error> {
    let mut new = session.uidl().await?;
    new.retain(|message| !before.contains(&message.id));
    new.sort_by_key(|message| std::cmp::Reverse(message.number));
    for candidate in new.iter().take(HEADERS) {
        let header = session.top(candidate.number, 0).await?.read_all().await?;
        if message.is(&header) {
            return Ok(Some((candidate.number, header)));
        }
    }
    Ok(None)
}

/// Says goodbye, which is what removes. True when the server heard it.
async fn end(reading: &mut Opening<'_>) -> bool {
    match reading.conversation.take() {
        Some(Conversation::Pop3(session)) => {
            matches!(timeout(GOODBYE, session.quit()).await, Ok(Ok(())))
        }
        _ => false,
    }
}
