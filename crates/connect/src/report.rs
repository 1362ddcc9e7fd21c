//! From steps to a verdict, a sentence and two proofs. Pure.

use crate::problems;
use crate::recognise::{Failure, presentable};
use model::mailbox::Proof;
use model::problem::{Problem, Remedy, Retry};
use model::report::{Detail, DetailName, Report, Step, StepCode, StepStatus, Trigger, Verdict};

/// How a step ended when it did not fail.
#[derive(Debug, Default)]
pub(crate) struct Good {
    /// What we did or found, one line.
    pub(crate) did: String,
    /// The server's words, if they are worth seeing.
    pub(crate) server_said: Option<String>,
    /// What it means, where that is not plain.
    pub(crate) means: Option<String>,
    /// Something that works and should be looked at all the same.
    pub(crate) warning: bool,
    /// What to do about a warning.
    pub(crate) remedy: Option<Remedy>,
    /// The catalogue's id, where a warning has one.
    pub(crate) problem_id: Option<String>,
    /// What was found, for those who look closer.
    pub(crate) details: Vec<Detail>,
    /// The network steps inside step 9.
    pub(crate) steps: Vec<Step>,
}

/// Values of one detail that are kept.
const VALUES_KEPT: usize = 300;

impl Good {
    pub(crate) fn did(did: impl Into<String>) -> Self {
        Self {
            did: did.into(),
            ..Self::default()
        }
    }

    /// Adds what was found, if it was anything.
    pub(crate) fn with<T: Into<String>>(
        mut self,
        name: DetailName,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values: Vec<String> = values
            .into_iter()
            .take(VALUES_KEPT)
            .filter_map(|value| presentable(&value.into()))
            .collect();
        if !values.is_empty() {
            self.details.push(Detail { name, values });
        }
        self
    }

    /// It works, but.
    pub(crate) fn but(mut self, means: impl Into<String>, remedy: Option<Remedy>) -> Self {
        self.means = Some(means.into());
        self.remedy = remedy;
        self.warning = true;
        self
    }

    /// It works, but this problem of the catalogue was met on the way.
    pub(crate) fn but_failure(mut self, failure: Failure) -> Self {
        let problem = *failure.problem;
        self.server_said = problem.server_said;
        self.problem_id = Some(problem.id);
        self.but(problem.means, Some(problem.remedy))
    }

    pub(crate) fn said(mut self, text: &str) -> Self {
        self.server_said = presentable(text);
        self
    }
}

/// A remedy with a button.
pub(crate) fn remedy(text: impl Into<String>, action: impl Into<String>) -> Remedy {
    Remedy {
        text: text.into(),
        action: Some(action.into()),
        url: None,
    }
}

/// The step as it ended.
pub(crate) fn ended(code: StepCode, doing: &str, outcome: Result<Good, Failure>, ms: i64) -> Step {
    let mut step = Step {
        ms,
        ..Step::running(code)
    };
    match outcome {
        Ok(good) => {
            step.status = if good.warning {
                StepStatus::Warn
            } else {
                StepStatus::Pass
            };
            step.did = good.did;
            step.server_said = good.server_said;
            step.means = good.means;
            step.remedy = good.remedy;
            step.problem_id = good.problem_id;
            step.details = good.details;
            step.steps = good.steps;
        }
        Err(failure) => {
            step.status = StepStatus::Fail;
            step.did = doing.to_owned();
            step.others = failure.others;
            step.details = failure.details;
            let problem = *failure.problem;
            step.server_said = problem.server_said;
            step.means = Some(problem.means);
            step.remedy = Some(problem.remedy);
            step.problem_id = Some(problem.id);
            step.retry = Some(problem.retry);
        }
    }
    step
}

/// A step that was not taken, with the reason.
pub(crate) fn skipped(code: StepCode, reason: &str) -> Step {
    Step {
        status: StepStatus::Skip,
        did: reason.to_owned(),
        ..Step::running(code)
    }
}

/// Why a side is missing, as the end of a sentence.
#[derive(Clone, Copy)]
pub(crate) struct Without {
    pub(crate) receiving: &'static str,
    pub(crate) sending: &'static str,
}

impl Without {
    /// The running engine asks about the side that broke only, and shows the password to no other server.
    pub(crate) const fn of(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Runtime => Self {
                receiving: "receiving was not tested",
                sending: "sending was not tested",
            },
            _ => Self {
                receiving: "receiving is not set up",
                sending: "sending is not set up",
            },
        }
    }
}

/// The verdict and its sentence.
pub(crate) fn judge(
    steps: &[Step],
    has_incoming: bool,
    has_outgoing: bool,
    without: Without,
) -> (Verdict, String) {
    let (receiving, sending) = proofs_of(steps, has_incoming, has_outgoing);
    let works = |proof| matches!(proof, Proof::Works | Proof::WorksWithWarnings);
    let verdict = match (has_incoming, has_outgoing) {
        (true, true) => match (works(receiving), works(sending)) {
            (true, true) => Verdict::Works,
            (true, false) => Verdict::ReceivesOnly,
            (false, true) => Verdict::SendsOnly,
            (false, false) => Verdict::Fails,
        },
        (true, false) if works(receiving) => Verdict::Works,
        (false, true) if works(sending) => Verdict::Works,
        _ => Verdict::Fails,
    };
    let test = test_trouble(steps).filter(|_| verdict == Verdict::Works);
    if let Some(test) = test {
        let rest = if has_incoming {
            "Receiving works, and so does the sign-in for sending."
        } else {
            "The sign-in for sending works."
        };
        return (verdict, format!("{test} {rest}"));
    }
    let sentence = match verdict {
        Verdict::Works => match (warning(steps), has_incoming, has_outgoing) {
            (Some(warning), ..) => format!("Works, with a warning: {warning}."),
            (None, true, false) => format!("Works: it receives; {}.", without.sending),
            (None, false, true) => format!("Works: it sends; {}.", without.receiving),
            (None, ..) => "Works.".to_owned(),
        },
        Verdict::ReceivesOnly => {
            format!("Receives, but cannot send: {}.", trouble(steps, is_sending))
        }
        Verdict::SendsOnly => format!(
            "Sends, but cannot receive: {}.",
            trouble(steps, is_receiving)
        ),
        Verdict::Fails => format!("Does not work yet: {}.", trouble(steps, |_| true)),
    };
    (verdict, sentence)
}

/// What became of the test message, where it did not arrive: whoever asked for it wants to know that first.
fn test_trouble(steps: &[Step]) -> Option<String> {
    let step = steps.iter().find(|step| step.code == StepCode::Send)?;
    let title = || {
        let entry = problems::find(step.problem_id.as_deref()?)?;
        Some(in_sentence(entry.title))
    };
    let begins = match step.status {
        StepStatus::Fail => "The test message was not sent",
        StepStatus::Warn => "The test message was not seen to arrive",
        _ => return None,
    };
    Some(format!("{begins}: step {}, {}.", step.n, title()?))
}

/// Problems of step 10 that are about this one message and its recipient: the settings are good all the same.
const ABOUT_THE_MESSAGE: &[&str] = &["smtp_recipient_refused", "smtp_relay_refused"];

/// Whether a step that failed says that its side does not work.
fn breaks_its_side(step: &Step) -> bool {
    let about_the_message = step.code == StepCode::Send
        && step
            .problem_id
            .as_deref()
            .is_some_and(|id| ABOUT_THE_MESSAGE.contains(&problems::kind(id)));
    step.status == StepStatus::Fail && !about_the_message
}

/// The verdict about servers that nobody signed in to: steps 1 to 5 of both sides.
pub(crate) fn judge_servers(
    steps: &[Step],
    has_incoming: bool,
    has_outgoing: bool,
) -> (Verdict, String) {
    let fails = |side: fn(&Step) -> bool| {
        let mut side = steps.iter().filter(|step| side(step));
        side.any(|step| step.status == StepStatus::Fail)
    };
    let receiving = has_incoming && !fails(is_receiving);
    let sending = has_outgoing && !fails(is_sending);
    let untested = "nobody signed in";
    match (receiving || !has_incoming, sending || !has_outgoing) {
        (true, true) => (
            Verdict::Works,
            format!("The servers answer as they should; {untested}."),
        ),
        (true, false) if has_incoming => (
            Verdict::ReceivesOnly,
            format!(
                "The server for receiving answers, the one for sending does not: {}.",
                trouble(steps, is_sending)
            ),
        ),
        (false, true) if has_outgoing => (
            Verdict::SendsOnly,
            format!(
                "The server for sending answers, the one for receiving does not: {}.",
                trouble(steps, is_receiving)
            ),
        ),
        _ => (
            Verdict::Fails,
            format!("Does not work yet: {}.", trouble(steps, |_| true)),
        ),
    }
}

/// What a report met first that only a person can change, if that is why it failed.
pub fn for_a_person(report: &Report) -> Option<Problem> {
    let mut steps = report.steps.iter();
    let failed = steps.find(|step| breaks_its_side(step))?;
    let retry = failed.retry?;
    matches!(retry, Retry::AfterChange | Retry::Never).then(|| Problem {
        id: failed.problem_id.clone().unwrap_or_default(),
        retry,
        means: failed.means.clone().unwrap_or_default(),
        server_said: failed.server_said.clone(),
        remedy: failed.remedy.clone().unwrap_or_default(),
        until: None,
    })
}

/// What the report proves about receiving and sending, for the two facts of the mailbox.
pub fn proofs(report: &Report, has_incoming: bool, has_outgoing: bool) -> (Proof, Proof) {
    proofs_of(&report.steps, has_incoming, has_outgoing)
}

fn proofs_of(steps: &[Step], has_incoming: bool, has_outgoing: bool) -> (Proof, Proof) {
    let receiving = if has_incoming {
        proof(steps, is_receiving, StepCode::Read)
    } else {
        Proof::Untested
    };
    let sending = if has_outgoing {
        proof(steps, is_sending, StepCode::Smtp)
    } else {
        Proof::Untested
    };
    (receiving, sending)
}

fn is_receiving(step: &Step) -> bool {
    !is_sending(step)
}

fn is_sending(step: &Step) -> bool {
    matches!(step.code, StepCode::Smtp | StepCode::Send)
}

/// `last` is the step without which nothing is proven.
fn proof(steps: &[Step], side: fn(&Step) -> bool, last: StepCode) -> Proof {
    let side = || steps.iter().filter(|step| side(step));
    let done = |step: &Step| matches!(step.status, StepStatus::Pass | StepStatus::Warn);
    // What is in the mailbox, or not, is no weakness of the settings.
    let about_settings = |step: &Step| !matches!(step.code, StepCode::Folders | StepCode::Read);
    let weak = |step: &Step| {
        matches!(step.status, StepStatus::Warn | StepStatus::Fail) && about_settings(step)
    };
    if side().any(breaks_its_side) {
        Proof::Fails
    } else if !side().any(|step| step.code == last && done(step)) {
        Proof::Untested
    } else if side().any(weak) {
        Proof::WorksWithWarnings
    } else {
        Proof::Works
    }
}

/// "step 6, the provider wants an app password"
fn trouble(steps: &[Step], side: impl Fn(&Step) -> bool) -> String {
    let failed = steps
        .iter()
        .find(|step| side(step) && breaks_its_side(step));
    match failed {
        Some(step) => {
            let title = step
                .problem_id
                .as_deref()
                .and_then(problems::find)
                .map(|entry| entry.title);
            format!(
                "step {}, {}",
                step.n,
                in_sentence(title.unwrap_or("it failed"))
            )
        }
        None => "the test did not come to its end".to_owned(),
    }
}

fn warning(steps: &[Step]) -> Option<String> {
    let step = steps.iter().find(|step| step.status == StepStatus::Warn)?;
    let means = step.means.as_deref().unwrap_or("see there");
    Some(format!(
        "step {}, {}",
        step.n,
        in_sentence(means).trim_end_matches('.')
    ))
}

/// A clause within a sentence begins small, unless it begins with a name or an abbreviation.
fn in_sentence(clause: &str) -> String {
    const BEGINNINGS: &[&str] = &[
        "The ",
        "There ",
        "This ",
        "A ",
        "An ",
        "Nobody ",
        "Nothing ",
        "No ",
        "Somebody ",
        "Something ",
        "Another ",
        "Access ",
        "Signing ",
        "Sending ",
        "Too ",
        "It ",
        "Encryption ",
        "Everything, ",
        "Everything ",
        "Many ",
        "Stored ",
    ];
    if BEGINNINGS.iter().any(|word| clause.starts_with(word)) {
        let mut letters = clause.chars();
        letters
            .next()
            .into_iter()
            .flat_map(char::to_lowercase)
            .chain(letters)
            .collect()
    } else {
        clause.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter per step: p(ass), w(arn), f(ail), s(kip).
    fn steps(letters: &str) -> Vec<Step> {
        StepCode::ALL
            .iter()
            .zip(letters.chars())
            .map(|(code, letter)| Step {
                status: match letter {
                    'p' => StepStatus::Pass,
                    'w' => StepStatus::Warn,
                    'f' => StepStatus::Fail,
                    _ => StepStatus::Skip,
                },
                problem_id: (letter == 'f').then(|| "app_password_required".to_owned()),
                means: (letter == 'w').then(|| "The certificate expires in 6 days.".to_owned()),
                ..Step::running(*code)
            })
            .collect()
    }

    #[test]
    fn verdicts_and_sentences() {
        for (letters, incoming, outgoing, verdict, sentence) in [
            ("pppppppppp", true, true, Verdict::Works, "Works."),
            ("ppppppppps", true, true, Verdict::Works, "Works."),
            (
                "ppwpppppps",
                true,
                true,
                Verdict::Works,
                "Works, with a warning: step 3, the certificate expires in 6 days.",
            ),
            (
                "ppppppppfs",
                true,
                true,
                Verdict::ReceivesOnly,
                "Receives, but cannot send: step 9, the provider wants an app password.",
            ),
            (
                "pppppppppf",
                true,
                true,
                Verdict::ReceivesOnly,
                "Receives, but cannot send: step 10, the provider wants an app password.",
            ),
            (
                "pppppfssps",
                true,
                true,
                Verdict::SendsOnly,
                "Sends, but cannot receive: step 6, the provider wants an app password.",
            ),
            (
                "fsssssssfs",
                true,
                true,
                Verdict::Fails,
                "Does not work yet: step 1, the provider wants an app password.",
            ),
            (
                "ppppppppss",
                true,
                false,
                Verdict::Works,
                "Works: it receives; sending is not set up.",
            ),
            (
                "sssssssspp",
                false,
                true,
                Verdict::Works,
                "Works: it sends; receiving is not set up.",
            ),
            (
                "pppppppsps",
                true,
                true,
                Verdict::SendsOnly,
                "Sends, but cannot receive: the test did not come to its end.",
            ),
            (
                "ssssssssss",
                false,
                false,
                Verdict::Fails,
                "Does not work yet: the test did not come to its end.",
            ),
        ] {
            let (found, said) = judge(
                &steps(letters),
                incoming,
                outgoing,
                Without::of(Trigger::Button),
            );
            assert_eq!((found, said.as_str()), (verdict, sentence), "{letters}");
        }
    }

    #[test]
    fn what_became_of_the_test_message_is_said_first() {
        let judged = |letters: &str, problem: &str, receives: bool| {
            let mut steps = steps(letters);
            steps[9].problem_id = Some(problem.to_owned());
            let proven = proofs_of(&steps, receives, true).1;
            let (verdict, said) = judge(&steps, receives, true, Without::of(Trigger::Button));
            (verdict, said, proven)
        };
        for (letters, problem, receives, wanted) in [
            (
                "ppwppppppf",
                "smtp_relay_refused",
                true,
                "The test message was not sent: step 10, the server does not send to other domains for us. Receiving works, and so does the sign-in for sending.",
            ),
            (
                "ppwppppppw",
                "test_not_arrived",
                true,
                "The test message was not seen to arrive: step 10, the test message did not arrive in time. Receiving works, and so does the sign-in for sending.",
            ),
            (
                "sssssssspf",
                "smtp_recipient_refused",
                false,
                "The test message was not sent: step 10, the server refused a recipient. The sign-in for sending works.",
            ),
        ] {
            let (verdict, said, proven) = judged(letters, problem, receives);
            assert_eq!((verdict, said.as_str()), (Verdict::Works, wanted));
            assert_eq!(proven, Proof::WorksWithWarnings);
        }
        let (verdict, said, proven) = judged("pppppppppf", "smtp_sender_refused", true);
        assert_eq!((verdict, proven), (Verdict::ReceivesOnly, Proof::Fails));
        assert_eq!(
            said,
            "Receives, but cannot send: step 10, the server refused the sender."
        );
    }

    #[test]
    fn a_clause_within_a_sentence_begins_small() {
        assert_eq!(
            in_sentence("Everything, the password too"),
            "everything, the password too"
        );
        assert_eq!(in_sentence("Gmail refused"), "Gmail refused");
    }

    #[test]
    fn proofs_need_the_last_step_of_their_side() {
        for (letters, wanted) in [
            ("pppppppppp", (Proof::Works, Proof::Works)),
            (
                "pwppppppws",
                (Proof::WorksWithWarnings, Proof::WorksWithWarnings),
            ),
            ("ppppppwwps", (Proof::Works, Proof::Works)),
            ("pfssssssfs", (Proof::Fails, Proof::Fails)),
            ("ssssssssss", (Proof::Untested, Proof::Untested)),
            ("pppppppsps", (Proof::Untested, Proof::Works)),
        ] {
            assert_eq!(proofs_of(&steps(letters), true, true), wanted, "{letters}");
        }
        assert_eq!(
            proofs_of(&steps("pppppppppp"), false, false),
            (Proof::Untested, Proof::Untested)
        );
    }
}
