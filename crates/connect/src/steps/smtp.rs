//! Step 9: the same network steps and the sign-in for sending, told as steps inside the step.

use super::{NETWORK, capabilities, doing, network};
use crate::engine::{Run, timed};
use crate::open::Opening;
use crate::report::{Good, ended, skipped};
use model::report::{Step, StepCode, StepStatus};
use model::{Clock, Secret};
use tokio::time::Instant;

/// True when a message could be sent now.
pub(crate) async fn run(
    run: &mut Run,
    opening: &mut Opening<'_>,
    secret: Option<&Secret>,
    until: Instant,
    clock: &Clock,
) -> bool {
    let began = Instant::now();
    let peer = opening.peer;
    let mut whole = Step {
        did: doing(StepCode::Smtp, &peer),
        ..Step::running(StepCode::Smtp)
    };
    run.tell(&whole).await;
    for code in NETWORK {
        let step = if code == StepCode::Login && !opening.wants_sign_in() {
            skipped(code, "no sign-in is set for sending")
        } else {
            timed(
                code,
                &doing(code, &peer),
                &peer,
                until,
                network(code, opening, secret, clock),
            )
            .await
        };
        let failed = step.status == StepStatus::Fail;
        whole.steps.push(step);
        if failed {
            break;
        }
        run.tell(&whole).await;
    }
    let inner = std::mem::take(&mut whole.steps);
    let ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    whole = summed_up(opening, inner, ms);
    let good = whole.status != StepStatus::Fail;
    run.finish(whole).await;
    good
}

/// The step as a whole says what the failed one inside says, or the first with a warning.
fn summed_up(opening: &Opening<'_>, inner: Vec<Step>, ms: i64) -> Step {
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
            ..failed
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
    good.steps = inner;
    ended(StepCode::Smtp, "", Ok(good), ms)
}
