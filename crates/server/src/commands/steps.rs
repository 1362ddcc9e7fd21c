//! The connection report on a terminal: ten lines that fill in, the verdict, and one remedy.

use super::correct::Line;
use crate::output::{self, Output, Tone};
use connect::TestRequest;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::report::{Report, Step, StepCode, StepStatus, Verdict};
use std::time::Duration;

/// How often the sign of a running step moves.
const TICK: Duration = Duration::from_millis(120);

/// Changes since the last good report that are told.
const CHANGES_TOLD: usize = 8;
/// From this time on it is worth telling how long a step took.
const SLOW_MS: i64 = 100;

/// The lines as they fill in, on standard error; nothing where that is no terminal.
pub struct LiveSteps {
    lines: Vec<ProgressBar>,
    colour: bool,
}

impl LiveSteps {
    /// Ten empty lines.
    pub fn start() -> Self {
        if !output::shows_progress() {
            return Self {
                lines: Vec::new(),
                colour: false,
            };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let lines = StepCode::ALL
            .iter()
            .map(|code| {
                let line = all.add(ProgressBar::new_spinner().with_style(style.clone()));
                line.set_prefix(format!("{:>2}  ", code.number()));
                line.set_message(code.as_str());
                line
            })
            .collect();
        Self {
            lines,
            colour: output::colours_wanted(),
        }
    }

    /// Fills in a line.
    pub fn step(&self, step: &Step) {
        let Some(line) = self.lines.get(usize::from(step.n).saturating_sub(1)) else {
            return;
        };
        let (sign, tone) = sign(step.status);
        line.set_prefix(format!(
            "{:>2} {}",
            step.n,
            output::paint(self.colour, tone, sign)
        ));
        if step.status == StepStatus::Running {
            line.set_message(format!("{} ...", step.code));
            line.enable_steady_tick(TICK);
        } else {
            line.finish_with_message(words(step));
        }
    }

    /// Ends the display; the lines that were filled in stay.
    pub fn end(self) -> bool {
        for line in &self.lines {
            if !line.is_finished() {
                line.finish_and_clear();
            }
        }
        !self.lines.is_empty()
    }
}

/// The whole report as text.
pub fn render(output: &Output, report: &Report, with_steps: bool) -> String {
    let mut lines = Vec::new();
    if with_steps {
        for step in &report.steps {
            let (sign, tone) = sign(step.status);
            lines.push(format!(
                "{:>2} {} {}",
                step.n,
                output.tone(tone, sign),
                words(step)
            ));
        }
    }
    let tone = match report.verdict {
        Verdict::Works => Tone::Good,
        Verdict::ReceivesOnly | Verdict::SendsOnly => Tone::Warning,
        Verdict::Fails => Tone::Bad,
    };
    lines.push(output.tone(tone, &output::line(&report.summary)));
    if let Some(step) = deciding(report) {
        if let Some(said) = &step.server_said {
            lines.push(format!("  The server said: {}", output::line(said)));
        }
        if let Some(remedy) = &step.remedy {
            lines.push(format!("  What to do: {}", output::line(&remedy.text)));
        }
        for other in &step.others {
            lines.push(format!("  Another cause: {}", output::line(&other.text)));
        }
    }
    if !report.changed.is_empty() {
        lines.push("Since the last good report:".to_owned());
        let told = report.changed.iter().take(CHANGES_TOLD);
        lines.extend(told.map(|change| format!("  {}", output::line(&change.text))));
    }
    lines.join("\n")
}

/// What was said in each step, one line for each; nothing where nobody said anything.
pub fn conversation(report: &Report) -> String {
    let mut text = String::new();
    for step in &report.steps {
        let inner = step.steps.iter().map(|inner| (Some(step), inner));
        for (outer, step) in inner.chain([(None, step)]) {
            if step.transcript.is_empty() {
                continue;
            }
            let n = outer.unwrap_or(step).n;
            let side = outer.map_or(String::new(), |outer| format!("{}: ", outer.code));
            text.push_str(&format!("\nStep {n}, {side}{}", step.code));
            for line in &step.transcript {
                text.push_str("\n  ");
                text.push_str(&output::line(line));
            }
        }
    }
    text
}

/// The step that a person should act on: the first that failed, else the first with a warning.
fn deciding(report: &Report) -> Option<&Step> {
    let with = |steps: &'_ [Step], status| steps.iter().position(|step| step.status == status);
    let index = with(&report.steps, StepStatus::Fail).or(with(&report.steps, StepStatus::Warn))?;
    let step = &report.steps[index];
    // Step 9 carries the steps of the sending side: the one inside has the words.
    let inner = with(&step.steps, step.status).map(|inner| &step.steps[inner]);
    Some(if step.remedy.is_some() {
        step
    } else {
        inner.unwrap_or(step)
    })
}

/// The servers that were tested.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    incoming: Option<String>,
    outgoing: Option<String>,
}

impl Hosts {
    /// Those of a request.
    pub fn of(request: &TestRequest) -> Self {
        Self {
            incoming: request.incoming.as_ref().map(|side| side.host.clone()),
            outgoing: request.outgoing.as_ref().map(|side| side.host.clone()),
        }
    }
}

/// The command line that does what the report's remedy says, where one can.
pub fn correction(report: &Report, mut line: Line, hosts: &Hosts) -> Option<Line> {
    let failed = |steps: &[Step]| steps.iter().any(|step| step.status == StepStatus::Fail);
    let step = deciding(report).filter(|_| failed(&report.steps))?;
    let action = step.remedy.as_ref()?.action.as_deref()?;
    let sending = report.steps.iter().any(|outer| {
        outer.code == StepCode::Smtp
            && (std::ptr::eq(outer, step)
                || outer.steps.iter().any(|inner| std::ptr::eq(inner, step)))
    });
    let (pointer, host) = match sending {
        true => ("/outgoing", hosts.outgoing.as_deref()),
        false => ("/incoming", hosts.incoming.as_deref()),
    };
    line.apply(pointer, action, host).then_some(line)
}

const fn sign(status: StepStatus) -> (&'static str, Tone) {
    match status {
        StepStatus::Pass => ("ok  ", Tone::Good),
        StepStatus::Warn => ("warn", Tone::Warning),
        StepStatus::Fail => ("FAIL", Tone::Bad),
        StepStatus::Skip => ("skip", Tone::Faint),
        StepStatus::Running => ("... ", Tone::Faint),
    }
}

fn words(step: &Step) -> String {
    let mut words = format!("{:<13}", step.code.as_str());
    words.push_str(&output::line(&step.did));
    if let Some(means) = step.means.as_deref().filter(|means| !means.is_empty()) {
        if !step.did.is_empty() {
            words.push_str(" - ");
        }
        words.push_str(&output::line(means));
    }
    // Steps about waiting say it themselves.
    if step.ms >= SLOW_MS && !step.did.contains(" ms") {
        words.push_str(&format!(" ({} ms)", step.ms));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::problem::Remedy;
    use model::report::{Change, DetailName, Side, Trigger};

    #[test]
    fn a_report_names_the_step_the_words_and_the_remedy() {
        let mut ok = Step::running(StepCode::Dns);
        ok.status = StepStatus::Pass;
        ok.did = "found 2 addresses".into();
        let mut bad = Step::running(StepCode::Login);
        bad.status = StepStatus::Fail;
        bad.did = "signed in as ann".into();
        bad.transcript = vec![
            "C: a LOGIN <hidden>".into(),
            "S: a NO \x1b[31mrefused".into(),
        ];
        bad.server_said = Some("NO \x1b[31mrefused".into());
        bad.remedy = Some(Remedy {
            text: "Enter it again.".into(),
            ..Remedy::default()
        });
        let report = Report {
            id: "rep_1".into(),
            mailbox_id: None,
            trigger: Trigger::Command,
            started_at: Timestamp(0),
            finished_at: Timestamp(9),
            verdict: Verdict::Fails,
            summary: "Does not work yet: step 6, the server refused the password.".into(),
            steps: vec![ok, bad],
            accepted: model::report::AcceptedNames::default(),
            folders: Vec::new(),
            megabytes_per_day: None,
            changed: vec![Change {
                side: Side::Incoming,
                step: StepCode::Folders,
                name: DetailName::Folders,
                before: Vec::new(),
                after: vec!["A".into()],
                text: "There are folders: new A.".into(),
            }],
            compared_with: None,
        };
        assert_eq!(
            conversation(&report),
            "\nStep 6, login\n  C: a LOGIN <hidden>\n  S: a NO ␛[31mrefused"
        );
        let text = render(&Output::new(false), &report, true);
        assert!(text.contains(" 6 FAIL login"), "{text}");
        assert!(text.contains("What to do: Enter it again."), "{text}");
        assert!(
            text.ends_with("Since the last good report:\n  There are folders: new A."),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text}");
    }
}
