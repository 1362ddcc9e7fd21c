//! The connection report: ten steps, each with its own limit and all within one, told as they end.
//!
//! Receiving goes through steps 1 to 8 and stops at the first that fails. Sending (step 9) has a road of its own and is tried
//! whatever became of receiving. Step 10 only runs when a recipient was named. No step is ever tried twice. A password is shown to a
//! server once for each user name that may be tried (one, unless it was asked to find the name), and once more where the answer
//! was about the mechanism; three refusals of one secret, of both sides together, end it.

use crate::open::{Opening, Waits};
use crate::recognise::Peer;
use crate::report::{Without, judge, judge_servers};
use crate::request::TestRequest;
use crate::run::{Run, Task};
use crate::server_reply::ServerReplies;
use crate::steps::{self, SignIn};
use crate::test_message::{TestMessage, TestMessageId};
use mail_net::Net;
use mail_net::sasl::Tries;
use model::mailbox::{Auth, Credentials, Incoming, LoginChoice, Outgoing};
use model::report::{Report, Step, StepCode, Trigger};
use model::{Clock, fresh_id};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The whole report.
const OVERALL: Duration = Duration::from_secs(45);
/// Of that, what receiving leaves for sending.
const KEPT_FOR_SENDING: Duration = Duration::from_secs(15);
/// How long a goodbye may take; nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(2);

/// The names to try on one side, at least one. A name that the other side has just proven goes first.
fn user_names(choice: LoginChoice, address: &str, set: &str, proven: Option<&str>) -> Vec<String> {
    let mut names = choice.names(address, set);
    if let Some(place) = names.iter().position(|name| Some(name.as_str()) == proven) {
        names[..=place].rotate_right(1);
    }
    if names.is_empty() {
        names.push(set.to_owned());
    }
    names
}

fn same_secret(credentials: &Credentials) -> bool {
    match (&credentials.incoming, &credentials.outgoing) {
        (Some(incoming), Some(outgoing)) => incoming.expose() == outgoing.expose(),
        _ => false,
    }
}

/// Reports that go on at once at one provider's host: bulk jobs must not look like an attack.
const AT_ONE_HOST: usize = 6;
/// Hosts that are remembered before those that nobody is at are forgotten.
const HOSTS_REMEMBERED: usize = 256;

/// How many reports go on at each host. One place is taken for a whole report, so two sides at one host cannot wait for each
/// other.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

impl Places {
    async fn take(&self, request: &TestRequest) -> Option<OwnedSemaphorePermit> {
        let incoming = request.incoming.as_ref().map(|side| &side.host);
        let outgoing = request.outgoing.as_ref().map(|side| &side.host);
        let host = incoming.or(outgoing)?.to_lowercase();
        let at_host = {
            let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() >= HOSTS_REMEMBERED {
                hosts.retain(|_, places| Arc::strong_count(places) > 1);
            }
            let places = hosts.entry(host);
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(AT_ONE_HOST))))
        };
        at_host.acquire_owned().await.ok()
    }
}

/// Makes connection reports. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    net: Net,
    clock: Clock,
    ehlo_name: String,
    places: Places,
}

impl Engine {
    /// `ehlo_name` is the host name that we introduce ourselves with to sending servers.
    pub fn new(net: Net, clock: Clock, ehlo_name: impl Into<String>) -> Self {
        Self {
            net,
            clock,
            ehlo_name: ehlo_name.into(),
            places: Places::default(),
        }
    }

    /// The host name that we introduce ourselves with.
    pub fn ehlo_name(&self) -> &str {
        &self.ehlo_name
    }

    /// Speaks with servers about what they answer by themselves, by the same road.
    pub fn server_replies(&self) -> ServerReplies {
        ServerReplies::new(self.net.clone())
    }

    /// Runs the ten steps. Each is sent on `on_step` when it begins (`running`) and when it has ended; a step that is known
    /// better later (capabilities, after the sign-in) is sent again. Nobody needs to listen.
    ///
    /// For a server profile (`Trigger::Profile`) there is nobody to sign in: steps 1 to 5 of both sides are run.
    pub async fn test(&self, mut request: TestRequest, on_step: Sender<Step>) -> Report {
        let servers_alone = request.trigger == Trigger::Profile;
        if servers_alone {
            request.credentials = Credentials::default();
            request.test_recipient = None;
            if let Some(outgoing) = &mut request.outgoing {
                outgoing.auth = Auth::None;
            }
        }
        let without = Without::of(request.trigger);
        let _place = self.places.take(&request).await;
        let started_at = self.clock.now();
        let mut run = Run::new(&request, on_step);
        let tries = Tries::new(steps::login::REFUSALS);

        let names = request
            .incoming
            .as_ref()
            .map(|incoming| {
                user_names(
                    request.login.incoming,
                    &request.address,
                    &incoming.username,
                    None,
                )
            })
            .unwrap_or_default();
        let mut reading = None;
        if let Some(incoming) = &request.incoming {
            reading = self
                .receive(&mut run, &request, incoming, &names, &tries)
                .await;
        } else {
            run.skip_until(StepCode::Read, without.receiving).await;
        }
        let proven = reading.as_ref().map(|opening| opening.peer.username);
        let mut names = request
            .outgoing
            .as_ref()
            .map(|outgoing| {
                user_names(
                    request.login.outgoing,
                    &request.address,
                    &outgoing.username,
                    proven,
                )
            })
            .unwrap_or_default();
        let same_secret = same_secret(&request.credentials);
        if same_secret && run.failed(StepCode::Login) {
            // The password was refused already: one try for sending tells whether it is so there too; more could lock the account.
            names.truncate(1);
        }
        let tries = if same_secret {
            tries
        } else {
            Tries::new(steps::login::REFUSALS)
        };
        if let Some(outgoing) = &request.outgoing {
            let side = SendingSide {
                outgoing,
                names: &names,
                tries: &tries,
            };
            self.send(&mut run, &request, side, &mut reading).await;
        } else {
            run.skip_until(StepCode::Send, without.sending).await;
        }
        if let Some(conversation) = reading.and_then(|opening| opening.conversation) {
            let _ = timeout(GOODBYE, conversation.end()).await;
        }

        let folders = run.folders_without_secrets();
        let (has_incoming, has_outgoing) = (request.incoming.is_some(), request.outgoing.is_some());
        let (verdict, summary) = if servers_alone {
            judge_servers(&run.steps, has_incoming, has_outgoing)
        } else {
            judge(&run.steps, has_incoming, has_outgoing, without)
        };
        Report {
            id: fresh_id("rep", started_at),
            mailbox_id: request.mailbox_id,
            trigger: request.trigger,
            started_at,
            finished_at: self.clock.now(),
            verdict,
            summary,
            steps: run.steps,
            accepted: run.accepted,
            megabytes_per_day: request
                .incoming
                .as_ref()
                .filter(|_| request.count.is_some())
                .and_then(|incoming| {
                    let table = crate::recognise::table();
                    table
                        .by_mail_host(&incoming.host)?
                        .limits
                        .imap_download_mb_per_day
                        .map(i64::from)
                }),
            folders,
            // The store knows the reports before this one.
            changed: Vec::new(),
            compared_with: None,
        }
    }

    /// Steps 1 to 8. Gives the open conversation when all of them are good: step 10 looks for its message there.
    async fn receive<'a>(
        &'a self,
        run: &mut Run,
        request: &'a TestRequest,
        incoming: &'a Incoming,
        names: &'a [String],
        tries: &Tries,
    ) -> Option<Opening<'a>> {
        let mut opening = Opening::new(
            &self.net,
            Peer::incoming(incoming, self.clock.now()),
            incoming.certificate_sha256.as_deref(),
            "",
            Waits::Short,
        )
        .observed(&run.reading_talk, tries)
        .reading_only(request.read_only);
        let kept = if request.outgoing.is_some() {
            KEPT_FOR_SENDING
        } else {
            Duration::ZERO
        };
        let until = run.began + OVERALL.saturating_sub(kept);
        let sign_in = SignIn {
            secret: request.credentials.incoming.as_ref(),
            names,
            address: &request.address,
        };
        let mut folders = steps::folders::Listing::default();
        for code in [
            StepCode::Dns,
            StepCode::Tcp,
            StepCode::Tls,
            StepCode::Greeting,
            StepCode::Capabilities,
            StepCode::Login,
            StepCode::Folders,
            StepCode::Read,
        ] {
            if code == StepCode::Login && request.trigger == Trigger::Profile {
                let reason = "the servers alone are tested: nobody signs in";
                run.skip_until(StepCode::Read, reason).await;
                return Some(opening);
            }
            // The name to sign in with may be another one after step 6.
            let peer = opening.peer;
            let doing = steps::doing(code, &opening);
            let task = Task {
                code,
                doing: &doing,
                peer: &peer,
                until,
                tries: names.len(),
            };
            let good = match code {
                StepCode::Folders => {
                    let work = steps::folders::run(&mut opening, &mut folders);
                    run.step(task, work).await
                }
                StepCode::Read => {
                    let wanted = &request.monitored_folders;
                    let work = steps::read::run(&mut opening, &folders, wanted);
                    run.step(task, work).await
                }
                _ => {
                    let work = steps::network(code, &mut opening, sign_in, &self.clock);
                    run.step(task, work).await
                }
            };
            if !good {
                run.skip_until(StepCode::Read, "not reached: an earlier step failed")
                    .await;
                return None;
            }
            if code == StepCode::Login {
                let accepted =
                    Some(opening.peer.username).filter(|name| *name != incoming.username);
                run.accepted.incoming = accepted.map(str::to_owned);
                // Many servers tell all they can do only to those who are signed in.
                run.revise(
                    StepCode::Capabilities,
                    steps::capabilities::after_sign_in(&opening),
                )
                .await;
            }
        }
        if let Some(count) = request.count {
            run.folders = steps::plan::folders(&mut opening, &folders, count.since, until).await;
        }
        Some(opening)
    }

    /// Steps 9 and 10.
    async fn send<'a>(
        &'a self,
        run: &mut Run,
        request: &'a TestRequest,
        side: SendingSide<'a>,
        reading: &mut Option<Opening<'a>>,
    ) {
        let SendingSide {
            outgoing,
            names,
            tries,
        } = side;
        let mut opening = Opening::new(
            &self.net,
            Peer::outgoing(outgoing, self.clock.now()),
            outgoing.certificate_sha256.as_deref(),
            &self.ehlo_name,
            Waits::Short,
        )
        .observed(&run.sending_talk, tries);
        let until = run.began + OVERALL;
        let sign_in = SignIn {
            secret: request.credentials.outgoing.as_ref(),
            names,
            address: &request.address,
        };
        let reads_as = reading.as_ref().map(|opening| opening.peer.username);
        let good = steps::smtp::run(run, &mut opening, sign_in, reads_as, until, &self.clock).await;
        let accepted =
            Some(opening.peer.username).filter(|name| good && *name != outgoing.username);
        run.accepted.outgoing = accepted.map(str::to_owned);
        match (&request.test_recipient, good) {
            (None, _) => {
                run.skip(StepCode::Send, "no test message was asked for")
                    .await
            }
            (Some(_), false) => {
                run.skip(StepCode::Send, "not reached: an earlier step failed")
                    .await
            }
            (Some(recipient), true) => {
                let peer = opening.peer;
                let doing = steps::doing(StepCode::Send, &opening);
                let now = self.clock.now();
                let given = request.test_message_id.clone();
                let id = given.unwrap_or_else(|| TestMessageId::fresh(&self.ehlo_name, now));
                let message = TestMessage::new(&request.address, recipient, &id, now);
                let sending = steps::send::run(
                    &mut opening,
                    reading.as_mut(),
                    request.credentials.incoming.as_ref(),
                    &message,
                    until,
                );
                let task = Task {
                    code: StepCode::Send,
                    doing: &doing,
                    peer: &peer,
                    until,
                    tries: 1,
                };
                run.step(task, sending).await;
            }
        }
        if let Some(conversation) = opening.conversation {
            let _ = timeout(GOODBYE, conversation.end()).await;
        }
    }
}

/// The sending side of a request.
#[derive(Clone, Copy)]
struct SendingSide<'a> {
    outgoing: &'a Outgoing,
    names: &'a [String],
    tries: &'a Tries,
}
