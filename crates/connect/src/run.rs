//! One report in the making: steps are taken within their limits, told to whoever listens, and freed of secrets.

use crate::recognise::{Failure, Peer};
use crate::report::{Good, ended, skipped};
use crate::request::TestRequest;
use crate::steps;
use mail_net::Transcript;
use mail_net::sasl::hide;
use model::Secret;
use model::report::{AcceptedNames, DetailName, ReportFolder, Step, StepCode, StepStatus};
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout};

/// How long a listener that does not take its steps holds the report up, once.
const LISTENER: Duration = Duration::from_secs(1);
/// Lines of the conversation that are kept of each step.
const TALK_LINES: usize = 100;

/// A step to take.
#[derive(Clone, Copy)]
pub(crate) struct Task<'t, 'p> {
    pub(crate) code: StepCode,
    /// One line.
    pub(crate) doing: &'t str,
    pub(crate) peer: &'t Peer<'p>,
    /// The report's end.
    pub(crate) until: Instant,
    /// How often it may sign in.
    pub(crate) tries: usize,
}

/// One report in the making.
pub(crate) struct Run {
    pub(crate) began: Instant,
    /// Those that have ended.
    pub(crate) steps: Vec<Step>,
    /// User names that worked instead of those that are set.
    pub(crate) accepted: AcceptedNames,
    /// What there is to fetch.
    pub(crate) folders: Vec<ReportFolder>,
    /// What the servers were told and no step shows, should one of them repeat it.
    secrets: Vec<Secret>,
    /// What we may name whatever it looks like: where a password is part of the address, hiding it there would give it away.
    known: Vec<String>,
    /// What is said in the present step, by side.
    pub(crate) sending_talk: Transcript,
    pub(crate) reading_talk: Transcript,
    /// None once nobody listens any more, or too slowly.
    listener: Option<Sender<Step>>,
}

impl Run {
    /// A report that has just begun.
    pub(crate) fn new(request: &TestRequest, listener: Sender<Step>) -> Self {
        let credentials = &request.credentials;
        let secrets = [&credentials.incoming, &credentials.outgoing];
        let known = [
            request.incoming.as_ref().map(|side| &side.username),
            request.outgoing.as_ref().map(|side| &side.username),
            Some(&request.address),
        ];
        Self {
            began: Instant::now(),
            steps: Vec::with_capacity(StepCode::ALL.len()),
            accepted: AcceptedNames::default(),
            folders: Vec::new(),
            secrets: secrets.into_iter().flatten().cloned().collect(),
            known: known.into_iter().flatten().cloned().collect(),
            sending_talk: Transcript::new(TALK_LINES),
            reading_talk: Transcript::new(TALK_LINES),
            listener: Some(listener),
        }
    }

    /// Takes one step within its limit and the report's, and tells of it. True when the next step can follow.
    pub(crate) async fn step(
        &mut self,
        task: Task<'_, '_>,
        work: impl Future<Output = Result<Good, Failure>>,
    ) -> bool {
        self.tell(&Step {
            did: task.doing.to_owned(),
            ..Step::running(task.code)
        })
        .await;
        let step = self.with_talk(timed(task, work).await);
        let good = step.status != StepStatus::Fail;
        self.finish(step).await;
        good
    }

    /// Whether this step was taken and failed.
    pub(crate) fn failed(&self, code: StepCode) -> bool {
        let step = self.steps.iter().find(|step| step.code == code);
        step.is_some_and(|step| step.status == StepStatus::Fail)
    }

    /// The step with what was said in it. In step 10, whose looks for the message are many, the conversation in which it was
    /// handed over is kept.
    pub(crate) fn with_talk(&self, step: Step) -> Step {
        let mut transcript = self.sending_talk.take();
        let reading = self.reading_talk.take();
        let room = TALK_LINES.saturating_sub(transcript.len());
        let last = reading.len().saturating_sub(room);
        transcript.extend(reading.into_iter().skip(last));
        self.without_secrets(Step { transcript, ..step })
    }

    /// Adds a step that has ended.
    pub(crate) async fn finish(&mut self, step: Step) {
        self.tell(&step).await;
        self.steps.push(step);
    }

    /// Puts better knowledge into a step that has ended, before what was known then.
    pub(crate) async fn revise(&mut self, code: StepCode, better: Option<Good>) {
        let Some(place) = self.steps.iter().position(|step| step.code == code) else {
            return;
        };
        if let Some(mut good) = better {
            let known = &self.steps[place];
            good.did = format!("{}; {}", good.did, known.did);
            for detail in &known.details {
                if good.details.iter().all(|new| new.name != detail.name) {
                    good.details.push(detail.clone());
                }
            }
            let step = Step {
                transcript: known.transcript.clone(),
                ..ended(code, "", Ok(good), known.ms)
            };
            self.steps[place] = self.without_secrets(step);
            let step = self.steps[place].clone();
            self.tell(&step).await;
        }
    }

    /// Leaves a step out, and says why.
    pub(crate) async fn skip(&mut self, code: StepCode, reason: &str) {
        self.finish(skipped(code, reason)).await;
    }

    /// Skips every step that has not been taken yet, up to and with `last`.
    pub(crate) async fn skip_until(&mut self, last: StepCode, reason: &str) {
        for code in StepCode::ALL {
            let taken = self.steps.iter().any(|step| step.code == *code);
            if code.number() <= last.number() && !taken {
                self.skip(*code, reason).await;
            }
        }
    }

    /// What comes from a server may repeat a secret: its words, the names of folders, what it can do. So may a sentence of ours
    /// that quotes it.
    fn without_secrets(&self, mut step: Step) -> Step {
        for secret in &self.secrets {
            let secret = secret.expose();
            let names_it = |text: &String| hide(text, secret) != *text;
            let ours_too = !self.known.iter().any(names_it);
            let hidden = |text: &mut String| *text = hide(text, secret);
            step.server_said.iter_mut().for_each(hidden);
            step.transcript.iter_mut().for_each(hidden);
            let details = step.details.iter_mut();
            let details = details.filter(|detail| ours_too || detail.name != DetailName::UserName);
            details.for_each(|detail| detail.values.iter_mut().for_each(hidden));
            if ours_too {
                hidden(&mut step.did);
                step.means.iter_mut().for_each(hidden);
                let remedies = step.remedy.iter_mut().chain(&mut step.others);
                remedies.for_each(|remedy| {
                    hidden(&mut remedy.text);
                    remedy.action.iter_mut().for_each(hidden);
                });
            }
        }
        step
    }

    /// A folder's name comes from the server too.
    pub(crate) fn folders_without_secrets(&mut self) -> Vec<ReportFolder> {
        let mut folders = std::mem::take(&mut self.folders);
        for folder in &mut folders {
            for secret in &self.secrets {
                folder.path = hide(&folder.path, secret.expose());
            }
        }
        folders
    }

    /// Tells the listener. One who is gone, or does not keep up, is told nothing more; the report itself misses nothing.
    pub(crate) async fn tell(&mut self, step: &Step) {
        if let Some(listener) = &self.listener
            && !matches!(
                timeout(LISTENER, listener.send(step.clone())).await,
                Ok(Ok(()))
            )
        {
            self.listener = None;
        }
    }
}

/// One step within its own limit and the report's.
pub(crate) async fn timed(
    task: Task<'_, '_>,
    work: impl Future<Output = Result<Good, Failure>>,
) -> Step {
    let Task {
        code,
        doing,
        peer,
        until,
        tries,
    } = task;
    let began = Instant::now();
    let limit = steps::limit(code, tries).min(until.saturating_duration_since(began));
    let outcome = match timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(steps::timed_out(code, peer)),
    };
    ended(
        code,
        doing,
        outcome,
        i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    )
}
