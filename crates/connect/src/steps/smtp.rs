//! Step 9: the same network steps and the sign-in for sending, told as steps inside the step.

use super::{NETWORK, SignIn, capabilities, doing, login, network};
use crate::open::Opening;
use crate::report::{Good, ended, skipped};
use crate::run::{Run, Task, timed};
use model::Clock;
use model::report::{Step, StepCode, StepStatus};
use tokio::time::Instant;

/// True when a message could be sent now.
///
/// `reads_as` is the user name that was accepted for receiving.
pub(crate) async fn run<'a>(
    run: &mut Run,
    opening: &mut Opening<'a>,
    sign_in: SignIn<'a>,
    reads_as: Option<&str>,
    until: Instant,
    clock: &Clock,
) -> bool {
    let began = Instant::now();
    let peer = opening.peer;
    let mut whole = Step {
        did: doing(StepCode::Smtp, opening),
        ..Step::running(StepCode::Smtp)
    };
    run.tell(&whole).await;
    for code in NETWORK {
        let signs_in = code == StepCode::Login;
        let used_up = signs_in && opening.wants_sign_in() && opening.tries.left() == 0;
        let step = if signs_in && !opening.wants_sign_in() {
            skipped(code, "no sign-in is set for sending")
        } else if used_up {
            skipped(code, login::USED_UP)
        } else {
            let task = Task {
                code,
                doing: &doing(code, opening),
                peer: &peer,
                until,
                tries: sign_in.names.len(),
            };
            let step = timed(task, network(code, opening, sign_in, clock)).await;
            run.with_talk(step)
        };
        let failed = step.status == StepStatus::Fail || used_up;
        whole.steps.push(step);
        if failed {
            break;
        }
        run.tell(&whole).await;
    }
    let inner = std::mem::take(&mut whole.steps);
    let ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    whole = summed_up(opening, inner, reads_as, ms);
    let good = matches!(whole.status, StepStatus::Pass | StepStatus::Warn);
    run.finish(whole).await;
    good
}

/// The step as a whole says what the failed one inside says, or the first with a warning.
fn summed_up(opening: &Opening<'_>, inner: Vec<Step>, reads_as: Option<&str>, ms: i64) -> Step {
    if let Some(failed) = inner
        .iter()
        .find(|step| step.status == StepStatus::Fail)
        .cloned()
    {
        return Step {
            n: StepCode::Smtp.number(),
            code: StepCode::Smtp,
            ms,
            steps: inner,
            transcript: Vec::new(),
            ..failed
        };
    }
    if inner.iter().any(|step| step.did == login::USED_UP) {
        return Step {
            ms,
            steps: inner,
            ..skipped(StepCode::Smtp, login::USED_UP)
        };
    }
    let host = opening.peer.host;
    let did = if opening.wants_sign_in() {
        format!("{host} took the sign-in; {}", capabilities::size(opening))
    } else {
        format!("{host} wants no sign-in; {}", capabilities::size(opening))
    };
    let mut good = Good::did(did);
    if let Some(warned) = inner.iter().find(|step| step.status == StepStatus::Warn) {
        good = good.but(
            warned.means.clone().unwrap_or_default(),
            warned.remedy.clone(),
        );
    }
    let sends_as = opening.peer.username;
    if !good.warning
        && opening.wants_sign_in()
        && let Some(reads_as) = reads_as.filter(|name| !name.eq_ignore_ascii_case(sends_as))
    {
        good = good.but(
            format!("Another user name than for receiving: {sends_as}, and {reads_as} there."),
            None,
        );
    }
    good.steps = inner;
    ended(StepCode::Smtp, "", Ok(good), ms)
}
