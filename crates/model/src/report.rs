//! The connection report: ten steps from a name to a working mailbox.

use crate::Timestamp;
use crate::problem::{Remedy, Retry};
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// The ten steps, in order.
    StepCode {
        Dns = "dns", Tcp = "tcp", Tls = "tls", Greeting = "greeting", Capabilities = "capabilities",
        Login = "login", Folders = "folders", Read = "read", Smtp = "smtp", Send = "send",
    }
}

impl StepCode {
    /// The step's number, from 1.
    pub fn number(self) -> u8 {
        Self::ALL
            .iter()
            .position(|c| *c == self)
            .map_or(0, |i| i as u8 + 1)
    }
}

text_enum! {
    /// How a step ended; `running` only while it streams.
    StepStatus { Pass = "pass", Warn = "warn", Fail = "fail", Skip = "skip", Running = "running" }
}

text_enum! {
    /// What the whole report says.
    Verdict { Works = "works", ReceivesOnly = "receives_only", SendsOnly = "sends_only", Fails = "fails" }
}

text_enum! {
    /// Why the report was made.
    Trigger as "ReportTrigger" { Wizard = "wizard", Button = "button", Enable = "enable", Runtime = "runtime", Command = "command" }
}

/// One step of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// 1 to 10.
    pub n: u8,
    /// The step's name.
    pub code: StepCode,
    /// How it ended.
    pub status: StepStatus,
    /// How long it took.
    pub ms: i64,
    /// What we did, one line.
    pub did: String,
    /// What the server said, raw but bounded.
    pub server_said: Option<String>,
    /// What it means, one line.
    pub means: Option<String>,
    /// What to do.
    pub remedy: Option<Remedy>,
    /// The catalogue's id of the problem.
    pub problem_id: Option<String>,
    /// When trying again makes sense.
    pub retry: Option<Retry>,
    /// Other causes, by likelihood.
    pub others: Vec<Remedy>,
    /// The same network steps for sending, inside step 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub steps: Vec<Step>,
}

impl Step {
    /// A step that has begun.
    pub fn running(code: StepCode) -> Self {
        Self {
            n: code.number(),
            code,
            status: StepStatus::Running,
            ms: 0,
            did: String::new(),
            server_said: None,
            means: None,
            remedy: None,
            problem_id: None,
            retry: None,
            others: Vec::new(),
            steps: Vec::new(),
        }
    }
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// `rep_…`
    pub id: String,
    /// The mailbox, if the settings were saved.
    pub mailbox_id: Option<String>,
    /// Why it was made.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it says.
    pub verdict: Verdict,
    /// One sentence.
    pub summary: String,
    /// The ten steps.
    pub steps: Vec<Step>,
}
