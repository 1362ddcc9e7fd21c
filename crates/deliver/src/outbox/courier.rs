//! One mailbox's courier: opens the connection, sends what is due, settles each message.

use super::body::Body;
use super::breakdown::Breakdown;
use super::budget;
use super::places::Place;
use super::sent_copy;
use super::seven_bit::Rewritten;
use super::unsettled::{Unsettled, count};
use super::verdict::Attempt;
use super::wishes;
use connect::providers::Providers;
use connect::{Failure, Peer};
use mail_net::Net;
use model::mailbox::{Auth, Mailbox, Outgoing, Proof, Protocol};
use model::message::FlagChange;
use model::problem::Problem;
use model::{Secret, Timestamp};
use runner::{CancellationToken, jitter};
use smtp_client::{Envelope, RecipientReply, Session, SizeLimit, SmtpError};
use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};
use store::mailboxes::Side;
use store::submissions::{self, Budget, Claimed, Permit, SentCopyBy, Settlement, Standing};
use store::wake::Topic;
use store::{Store, StoreError, mailboxes, owed, server_profiles};
use tokio::time::{sleep, timeout};

/// How we introduce ourselves: a client behind a router has no name, and says so (RFC 5321 4.1.3).
const EHLO_NAME: &str = "[127.0.0.1]";
/// The longest that opening a connection may take, all steps together.
const OPENING: Duration = Duration::from_secs(120);
/// How often a claim is prolonged while the server takes its time.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Messages that are claimed in one transaction: one cancels what waits here as well, but what is urgent comes behind it.
const CLAIMED_AT_ONCE: i64 = 8;
/// How long a connection is kept after the last message.
const KEPT_OPEN: Duration = Duration::from_secs(5);
/// From when on a connection takes no more messages: the next one begins with the mailbox's settings as they are by then.
const LONGEST: Duration = Duration::from_secs(60);
/// Messages that are put off in one transaction.
const PUT_OFF_AT_ONCE: i64 = 200;
/// How long what came of a message waits for the final dot of the next one, to be written down with it.
const WAITS_FOR_DOT: Duration = Duration::from_millis(5);

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
    place: &Place,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let mailbox_id = place.mailbox_id();
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
            courier.notes_size(&session).await;
            courier.send_all(session, place, stop).await
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
            Ok(opened) => {
                let mut session = opened.map_err(|failure| failure.problem)?;
                // What the provider is known to take, where its server does not say so.
                let table = self.providers.current();
                if let Some(most) = budget::recipients_per_message(&table, &self.outgoing.host) {
                    session.limit_recipients(most);
                }
                Ok(session)
            }
            Err(_) => {
                let peer = Peer::outgoing(self.outgoing, self.store.now());
                Err(peer
                    .failure("timed_out", &[("what", "the sign-in to send")], None)
                    .problem)
            }
        }
    }

    /// How large a message the server takes: a larger one is refused before it is queued.
    async fn notes_size(&self, session: &Session) {
        let size = match session.capabilities().size {
            SizeLimit::Bytes(most) => Some(most),
            SizeLimit::NotOffered | SizeLimit::NoFixedLimit => None,
        };
        let (id, host) = (&self.mailbox.id, &self.outgoing.host);
        if let Err(error) = store::sending_size::note(self.store, id, host, size).await {
            tracing::info!(mailbox_id = id, %error, "the largest size was not written down");
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

    /// What the mailbox may send, as it is now.
    async fn budget(&self) -> Result<Budget, StoreError> {
        Ok(budget::of(
            server_profiles::limits_of(self.store, self.mailbox).await?,
            &self.providers.current(),
            &self.outgoing.host,
        ))
    }

    /// One message after the other over one connection, until nothing has been due for a while.
    async fn send_all(
        &self,
        mut session: Session,
        place: &Place,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let begun = Instant::now();
        let mut carried = 0;
        while session.is_usable() && begun.elapsed() < LONGEST && !stop.is_cancelled() {
            let claimed = submissions::begin(self.store, &self.mailbox.id, CLAIMED_AT_ONCE).await?;
            if !claimed.is_empty() {
                let ends = || stop.is_cancelled() || begun.elapsed() >= LONGEST;
                let (left, sent) = tokio::select! {
                    done = self.send_some(&mut session, claimed, &mut carried, place, &ends) => done,
                    never = keep_alive(self.store, &self.mailbox.id) => match never {},
                };
                let given_back = submissions::give_back(self.store, left).await;
                if sent? == Then::End {
                    break;
                }
                given_back?;
            } else if !self.is_called(place, stop).await? {
                break;
            }
        }
        session.quit().await;
        Ok(())
    }

    /// Sends what is claimed. Returns what it did not begin with.
    async fn send_some(
        &self,
        session: &mut Session,
        mut claimed: VecDeque<Claimed>,
        carried: &mut u32,
        place: &Place,
        ends: &(dyn Fn() -> bool + Sync),
    ) -> (VecDeque<Claimed>, Result<Then, StoreError>) {
        let last = Unsettled::default();
        let mut then = Then::GoOn;
        let budget = match self.budget().await {
            Ok(budget) => budget,
            Err(error) => return (claimed, Err(error)),
        };
        while session.is_usable()
            && !ends()
            && let Some(next) = claimed.pop_front()
        {
            match self.may_go(session, &next, budget).await {
                Ok(May::Go) => {}
                Ok(May::Skip) => continue,
                Ok(May::End) => {
                    then = Then::End;
                    break;
                }
                Ok(May::EndBefore) => {
                    claimed.push_front(next);
                    then = Then::End;
                    break;
                }
                Err(error) => {
                    claimed.push_front(next);
                    return (claimed, self.settle(&last).await.and(Err(error)));
                }
            }
            let (sent, settled) = self.send_beside(&last, session, &next, carried).await;
            last.put(next, sent);
            place.gets_on();
            if let Err(error) = settled {
                return (claimed, self.settle(&last).await.and(Err(error)));
            }
        }
        (claimed, self.settle(&last).await.map(|()| then))
    }

    /// Sends a message, while what came of the last one is written down: together with the final dot, or before that where it
    /// takes its time.
    async fn send_beside(
        &self,
        last: &Unsettled,
        session: &mut Session,
        next: &Claimed,
        carried: &mut u32,
    ) -> (Settlement, Result<(), StoreError>) {
        let mut sending = pin!(self.send_over(session, next, carried, last));
        let sent = tokio::select! {
            sent = &mut sending => sent,
            () = sleep(WAITS_FOR_DOT) => return tokio::join!(sending, self.settle(last)),
        };
        // A message that was refused has no dot.
        (sent, self.settle(last).await)
    }

    /// Whether a claimed message goes out, with its part of the budget set aside.
    async fn may_go(
        &self,
        session: &Session,
        next: &Claimed,
        budget: Budget,
    ) -> Result<May, StoreError> {
        let own = match submissions::standing(self.store, next, self.mailbox.version).await? {
            Standing::Good(own) => own,
            Standing::Over => return Ok(May::Skip),
            Standing::OtherSettings => return Ok(May::EndBefore),
        };
        let offered = session.fitting(&wishes::of(&next.submission));
        Ok(
            match submissions::set_aside(self.store, next, budget, own, offered).await? {
                Permit::Given => May::Go,
                Permit::IdentityRests(_) => May::Skip,
                Permit::MailboxRests(until) => {
                    let mailbox_id = &self.mailbox.id;
                    tracing::info!(mailbox_id, %until, "the mailbox has sent all that it may, and rests");
                    May::End
                }
            },
        )
    }

    /// Sends a message over the connection, or over a fresh one where this has become of no use. What is to be written down.
    async fn send_over(
        &self,
        session: &mut Session,
        claimed: &Claimed,
        carried: &mut u32,
        last: &Unsettled,
    ) -> Settlement {
        let mut sent = self.send(session, claimed, last).await;
        // A server may hang up between two messages, or take no more of them over one connection; nothing of this one went
        // out, so it may go at once over a fresh one. Not so on the first message: a server that always hangs up is no
        // reason to hurry. A server that offers chunks and does not know them gets the message without, whenever that is.
        let no_chunks = matches!(&sent, Sent::Error(SmtpError::ChunkingUnusable { .. }));
        if no_chunks || *carried > 0 && matches!(&sent, Sent::Error(error) if is_hang_up(error)) {
            match self.open().await {
                Ok(mut fresh) => {
                    if no_chunks {
                        fresh.avoid_chunks();
                    }
                    std::mem::replace(session, fresh).quit().await;
                    *carried = 0;
                    sent = self.send(session, claimed, last).await;
                }
                Err(problem) => sent = Sent::NotOpened(problem),
            }
        }
        *carried += 1;
        self.judge(claimed, &sent)
    }

    /// Writes down what came of the last message, unless that is done.
    async fn settle(&self, last: &Unsettled) -> Result<(), StoreError> {
        let settled = last.settle(self.store).await;
        for message_id in last.answered() {
            self.mark_answered(&message_id).await;
        }
        settled
    }

    /// Keeps the connection for a moment. `false`: nothing came, or the mailbox has other settings by now.
    async fn is_called(&self, place: &Place, stop: &CancellationToken) -> Result<bool, StoreError> {
        if !place.idles() {
            return Ok(false);
        }
        // What came before that was not for this courier: whoever looks now finds it.
        self.store.db.wakes().send_all(&[Topic::Submissions]);
        tokio::select! {
            () = place.called() => {}
            () = sleep(KEPT_OPEN) => return Ok(false),
            () = stop.cancelled() => return Ok(false),
        }
        match mailboxes::get(self.store, &self.mailbox.id).await {
            Ok(mailbox) => Ok(mailbox.version == self.mailbox.version),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, session: &mut Session, claimed: &Claimed, last: &Unsettled) -> Sent {
        let body_failed = |error| Sent::Error(SmtpError::Body(std::io::Error::other(error)));
        let body = match Body::find(self.store, &claimed.digest).await {
            Ok(body) => body,
            Err(error) => return body_failed(error),
        };
        let shape = match body.shape().await {
            Ok(shape) => shape,
            Err(error) => return body_failed(error),
        };
        let takes_it = !shape.eight_bit || session.capabilities().eight_bit_mime;
        let rewritten = match takes_it {
            true => None,
            false => match body.rewritten_size().await {
                Ok(size) => size,
                Err(error) => return body_failed(error),
            },
        };
        let wishes = &claimed.submission.wishes;
        let envelope = Envelope {
            from: claimed.envelope_from.clone(),
            to: wishes::of(&claimed.submission),
            require_tls: wishes.require_tls,
            dsn: Some(wishes::notices(&claimed.submission.id, wishes)),
            size: rewritten.unwrap_or(claimed.size),
            // Where a server does not offer it, UTF-8 in a header goes out as it is, as mail always did.
            smtputf8: shape.utf8_header && session.capabilities().smtputf8,
            eight_bit: shape.eight_bit && rewritten.is_none(),
        };
        let body = |answers: &[RecipientReply]| {
            let left_out = wishes::left_out(&claimed.submission.recipients, answers);
            body.read(last.at_final_dot(self.store, claimed, left_out))
        };
        let sending = async {
            match rewritten {
                None => session.send_to_those(&envelope, body).await,
                Some(_) => {
                    let body = |answers: &[RecipientReply]| Rewritten::new(body(answers));
                    session.send_to_those(&envelope, body).await
                }
            }
        };
        match sending.await {
            Ok(outcome) => Sent::Outcome(outcome),
            Err(error) => Sent::Error(error),
        }
    }

    fn judge(&self, claimed: &Claimed, sent: &Sent) -> Settlement {
        let now = self.store.now();
        let peer = Peer::outgoing(self.outgoing, now);
        let attempt = Attempt {
            claimed,
            rules: &self.store.sending,
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
    async fn mark_answered(&self, message_id: &str) {
        let keeps_flags = matches!(&self.mailbox.incoming, Some(i) if i.protocol == Protocol::Imap);
        if !keeps_flags {
            return;
        }
        let change = FlagChange {
            answered: Some(true),
            ..FlagChange::default()
        };
        if let Err(error) = owed::change_flags(self.store, message_id, change).await {
            tracing::info!(message_id, %error, "the answered message could not be marked");
        }
    }
}

/// Whether a claimed message goes out.
enum May {
    Go,
    /// It was cancelled or put off; the next one may.
    Skip,
    /// It was put off, and nothing more goes out.
    End,
    /// Neither it nor anything behind it goes out; it is still claimed.
    EndBefore,
}

/// What comes after some messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    /// The mailbox has sent all that it may, or has other settings.
    End,
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
            | SmtpError::ConnectionSpent { .. }
            | SmtpError::Unusable
    )
}

/// Prolongs what is claimed for a mailbox for as long as it is polled.
async fn keep_alive(store: &Store, mailbox_id: &str) -> std::convert::Infallible {
    loop {
        sleep(HEARTBEAT).await;
        if let Err(error) = submissions::renew(store, mailbox_id).await {
            tracing::warn!(mailbox_id, %error, "what is being sent could not be kept claimed");
        }
    }
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
        let rules = store.sending.clone();
        let settled =
            submissions::settle_due(store, &mailbox.id, PUT_OFF_AT_ONCE, move |claimed| {
                let peer = Peer::outgoing(&outgoing, now);
                decide(&Attempt {
                    claimed,
                    rules: &rules,
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
