//! One mailbox's courier: opens the connection, sends what is due, settles each message.

use super::body::Body;
use super::breakdown::Breakdown;
use super::sent_copy;
use super::verdict::Attempt;
use connect::providers::Providers;
use connect::{Failure, Peer};
use mail_net::Net;
use model::mailbox::{Auth, Mailbox, Outgoing, Proof, Protocol};
use model::message::FlagChange;
use model::problem::Problem;
use model::submission::{State, Submission};
use model::{Secret, Timestamp};
use runner::{CancellationToken, backoff, jitter};
use smtp_client::{Envelope, Session, SmtpError};
use std::time::Duration;
use store::mailboxes::Side;
use store::submissions::{self, Claimed, SentCopyBy, Settlement};
use store::{Store, StoreError, mailboxes, owed};
use tokio::time::{sleep, timeout};

/// How we introduce ourselves: a client behind a router has no name, and says so (RFC 5321 4.1.3).
const EHLO_NAME: &str = "[127.0.0.1]";
/// The longest that opening a connection may take, all steps together.
const OPENING: Duration = Duration::from_secs(120);
/// How often a claim is prolonged while the server takes its time.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Messages that are put off in one transaction.
const PUT_OFF_AT_ONCE: i64 = 200;
/// Tries to write down an outcome; the pauses between them double.
const SETTLE_TRIES: u32 = 9;

/// What is needed to send for one mailbox.
struct Courier<'a> {
    store: &'a Store,
    net: &'a Net,
    providers: &'a Providers,
    mailbox: &'a Mailbox,
    outgoing: &'a Outgoing,
    secret: Option<Secret>,
}

/// Sends what is due for a mailbox, and ends.
pub(super) async fn serve(
    store: &Store,
    net: &Net,
    providers: &Providers,
    breakdown: Option<&Breakdown>,
    mailbox_id: &str,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let mailbox = match mailboxes::get(store, mailbox_id).await {
        Err(StoreError::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let Some(outgoing) = &mailbox.outgoing else {
        let failure = Failure::new("receive_only", &[], None);
        let known = submissions::is_open_with(store, mailbox_id, failure.id()).await?;
        return put_off(store, &mailbox, None, *failure.problem, known).await;
    };
    if let Some(problem_id) = submissions::held_problem(store, mailbox_id).await? {
        return keep_held(store, &mailbox, outgoing, problem_id).await;
    }
    let secret = match outgoing.auth {
        Auth::None => None,
        Auth::Password | Auth::Oauth2 => match mailboxes::credentials_of(store, &mailbox).await {
            // Other settings, other secrets: the next courier reads both.
            Err(StoreError::Conflict(_)) => return Ok(()),
            found => found?.outgoing,
        },
    };
    let courier = Courier {
        store,
        net,
        providers,
        mailbox: &mailbox,
        outgoing,
        secret,
    };
    match courier.open().await {
        Ok(session) => {
            courier.is_proven().await;
            courier.send_all(session, stop).await
        }
        Err(problem) => {
            let mut confirmed = submissions::is_open_with(store, mailbox_id, &problem.id).await?;
            if let Some(breakdown) = breakdown.filter(|_| !confirmed) {
                confirmed = breakdown.confirms(store, &mailbox, &problem, stop).await?;
            }
            put_off(store, &mailbox, Some(outgoing), *problem, confirmed).await
        }
    }
}

impl Courier<'_> {
    async fn open(&self) -> Result<Session, Box<Problem>> {
        let opening = connect::open::smtp(self.net, self.outgoing, self.secret.as_ref(), EHLO_NAME);
        match timeout(OPENING, opening).await {
            Ok(opened) => opened.map_err(|failure| failure.problem),
            Err(_) => {
                let peer = Peer::outgoing(self.outgoing, self.store.now());
                Err(peer
                    .failure("timed_out", &[("what", "the sign-in to send")], None)
                    .problem)
            }
        }
    }

    /// The server let us in: settings that nobody tested, or that had failed, work.
    async fn is_proven(&self) {
        if !matches!(self.mailbox.sending, Proof::Untested | Proof::Fails) {
            return;
        }
        let Mailbox { id, version, .. } = self.mailbox;
        if let Err(error) = mailboxes::works(self.store, id, *version, Side::Sending).await {
            tracing::info!(mailbox_id = id, %error, "it was not written down that sending works");
        }
    }

    /// One message after the other over one connection, until nothing is due.
    async fn send_all(
        &self,
        mut session: Session,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut carried = 0;
        while !stop.is_cancelled() {
            let Some(claimed) = submissions::begin(self.store, &self.mailbox.id).await? else {
                break;
            };
            let mut sent = self.send(&mut session, &claimed).await;
            // A server may hang up between two messages; nothing of this one went out, so it may go at once over a fresh
            // connection. Not so on the first message: a server that always hangs up is no reason to hurry.
            if carried > 0 && matches!(&sent, Sent::Error(error) if is_hang_up(error)) {
                match self.open().await {
                    Ok(fresh) => {
                        session = fresh;
                        carried = 0;
                        sent = self.send(&mut session, &claimed).await;
                    }
                    Err(problem) => sent = Sent::NotOpened(problem),
                }
            }
            carried += 1;
            let settlement = self.judge(&claimed, &sent);
            let settled = settle(self.store, &claimed, settlement).await?;
            if settled.is_some_and(|s| s.state == State::Accepted) {
                self.mark_answered(&claimed).await;
            }
            if !session.is_usable() {
                // What is left is for the next courier, with a connection of its own.
                return Ok(());
            }
        }
        session.quit().await;
        Ok(())
    }

    async fn send(&self, session: &mut Session, claimed: &Claimed) -> Sent {
        let body = match Body::find(self.store, &claimed.digest).await {
            Ok(body) => body,
            Err(error) => return Sent::Error(SmtpError::Body(std::io::Error::other(error))),
        };
        let shape = match body.shape().await {
            Ok(shape) => shape,
            Err(error) => return Sent::Error(SmtpError::Body(std::io::Error::other(error))),
        };
        let envelope = Envelope {
            from: claimed.envelope_from.clone(),
            to: claimed
                .submission
                .recipients
                .iter()
                .filter(|r| !r.state.is_final())
                .map(|r| r.address.clone())
                .collect(),
            size: claimed.size,
            // Where a server does not offer it, UTF-8 in a header goes out as it is, as mail always did.
            smtputf8: shape.utf8_header && session.capabilities().smtputf8,
            eight_bit: shape.eight_bit,
        };
        tokio::select! {
            sent = session.send(&envelope, body.read()) => match sent {
                Ok(outcome) => Sent::Outcome(outcome),
                Err(error) => Sent::Error(error),
            },
            never = keep_alive(self.store, claimed) => match never {},
        }
    }

    fn judge(&self, claimed: &Claimed, sent: &Sent) -> Settlement {
        let now = self.store.now();
        let peer = Peer::outgoing(self.outgoing, now);
        let attempt = Attempt {
            claimed,
            peer: &peer,
            known_problem: claimed.submission.problem_id.as_deref(),
            sent_copy_by: sent_copy::by(&self.providers.current(), &self.outgoing.host),
            now,
            jitter: jitter(),
        };
        match sent {
            Sent::Outcome(outcome) => attempt.outcome(outcome),
            Sent::Error(error) => attempt.not_sent(error),
            Sent::NotOpened(problem) => attempt.not_opened(problem),
        }
    }

    /// The message that was answered gets its mark, as in any mail program.
    async fn mark_answered(&self, claimed: &Claimed) {
        let keeps_flags = matches!(&self.mailbox.incoming, Some(i) if i.protocol == Protocol::Imap);
        let Some(message_id) = claimed
            .answers_message_id
            .as_deref()
            .filter(|_| keeps_flags)
        else {
            return;
        };
        let change = FlagChange {
            answered: Some(true),
            ..FlagChange::default()
        };
        if let Err(error) = owed::change_flags(self.store, message_id, change).await {
            tracing::info!(message_id, %error, "the answered message could not be marked");
        }
    }
}

/// What came of handing over one message.
enum Sent {
    Outcome(smtp_client::Outcome),
    Error(SmtpError),
    NotOpened(Box<Problem>),
}

/// The connection was gone before anything was handed over.
const fn is_hang_up(error: &SmtpError) -> bool {
    matches!(
        error,
        SmtpError::Io { .. }
            | SmtpError::Closed { .. }
            | SmtpError::ServiceClosing { .. }
            | SmtpError::Unusable
    )
}

/// Prolongs a claim for as long as it is polled.
async fn keep_alive(store: &Store, claimed: &Claimed) -> std::convert::Infallible {
    loop {
        sleep(HEARTBEAT).await;
        match submissions::renew(store, claimed).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                submission_id = claimed.submission.id,
                "the claim ended while the server was slow"
            ),
            Err(error) => {
                tracing::warn!(submission_id = claimed.submission.id, %error, "the claim could not be prolonged")
            }
        }
    }
}

/// Writes the outcome down, and does not give up easily: it is the only proof of what was sent.
async fn settle(
    store: &Store,
    claimed: &Claimed,
    settlement: Settlement,
) -> Result<Option<Submission>, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match submissions::settle(store, claimed, settlement.clone()).await {
            Ok(settled) => {
                count(&settled);
                return Ok(Some(settled));
            }
            // The mailbox was removed meanwhile, or somebody else took over: there is nothing to write down.
            Err(StoreError::NotFound(_) | StoreError::Fenced) => return Ok(None),
            Err(error) if tries == SETTLE_TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(submission_id = claimed.submission.id, %error, "an outcome could not be written down yet");
                sleep(backoff(
                    tries,
                    Duration::from_millis(250),
                    Duration::from_secs(30),
                    jitter(),
                ))
                .await;
                // A failure of this is one of the next try too.
                let _ = submissions::renew(store, claimed).await;
            }
        }
    }
}

fn count(settled: &Submission) {
    metrics::counter!("postroom_submissions_total", "result" => settled.state.as_str())
        .increment(1);
}

/// Puts off everything that is due: the mailbox cannot send now. `confirmed`: the problem was met more than once.
async fn put_off(
    store: &Store,
    mailbox: &Mailbox,
    outgoing: Option<&Outgoing>,
    problem: Problem,
    confirmed: bool,
) -> Result<(), StoreError> {
    tracing::info!(
        mailbox_id = mailbox.id,
        problem = problem.id,
        "sending is put off"
    );
    // One pause for all, so that they come back together, over one connection and one sign-in.
    let (now, jitter) = (store.now(), jitter());
    settle_all(store, mailbox, outgoing, now, move |attempt| {
        let known_problem = confirmed.then_some(problem.id.as_str());
        Attempt {
            known_problem,
            jitter,
            ..*attempt
        }
        .not_opened(&problem)
    })
    .await
}

/// Holds what came after the others were held; what has been held too long has failed.
async fn keep_held(
    store: &Store,
    mailbox: &Mailbox,
    outgoing: &Outgoing,
    problem_id: String,
) -> Result<(), StoreError> {
    let now = store.now();
    settle_all(store, mailbox, Some(outgoing), now, move |attempt| {
        attempt.held(&problem_id)
    })
    .await
}

async fn settle_all<F>(
    store: &Store,
    mailbox: &Mailbox,
    outgoing: Option<&Outgoing>,
    now: Timestamp,
    decide: F,
) -> Result<(), StoreError>
where
    F: Fn(&Attempt<'_>) -> Settlement + Clone + Send + 'static,
{
    loop {
        let (outgoing, decide) = (outgoing.cloned().unwrap_or_else(nobody), decide.clone());
        let settled =
            submissions::settle_due(store, &mailbox.id, PUT_OFF_AT_ONCE, move |claimed| {
                let peer = Peer::outgoing(&outgoing, now);
                decide(&Attempt {
                    claimed,
                    peer: &peer,
                    known_problem: None,
                    sent_copy_by: SentCopyBy::Us,
                    now,
                    jitter: 0.0,
                })
            })
            .await?;
        settled.iter().for_each(count);
        if (settled.len() as i64) < PUT_OFF_AT_ONCE {
            return Ok(());
        }
    }
}

/// Stands where there are no settings for sending.
fn nobody() -> Outgoing {
    Outgoing {
        host: String::new(),
        port: 0,
        security: model::mailbox::Security::Tls,
        username: String::new(),
        auth: Auth::None,
        certificate_sha256: None,
    }
}
