//! How a command ends: its exit code, and what it says when it does not end well.

use model::report::{Report, StepStatus, Verdict};
use serde_json::Value;
use std::fmt;

/// The exit codes; scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Good = 0,
    /// Something that nobody foresaw.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// What was named is not there.
    NotFound = 4,
    /// The token may not do this.
    Refused = 5,
    /// The present state does not allow it.
    Conflict = 6,
    /// The mailbox works, with warnings.
    Warnings = 10,
    /// The network stands in the way.
    Network = 20,
    /// TLS stands in the way.
    Tls = 21,
    /// The server refused the sign-in.
    SignIn = 22,
    /// A setting at the provider stands in the way.
    ProviderSetting = 23,
    /// A quota or rate limit is used up.
    Quota = 24,
    /// Receiving works, sending does not.
    OnlySendingFailed = 25,
    /// Sending works, receiving does not.
    OnlyReceivingFailed = 26,
    /// It took too long.
    TimedOut = 30,
}

/// The end of a command that did not work out: what happened, why, and what to do; one line each.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What did not work.
    pub what: String,
    /// Why.
    pub why: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// The server's own problem document, for `--json`.
    pub document: Option<Value>,
}

impl Failure {
    /// A failure with its first line.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            why: None,
            remedy: None,
            document: None,
        }
    }

    /// The command line asks for something that makes no sense.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The configuration is wrong.
    pub fn configuration(what: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, what)
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The failure as a document for `--json`: the server's own, or one of the same form.
    pub fn to_json(&self) -> Value {
        let mut document = self.document.clone().unwrap_or_else(|| {
            serde_json::json!({ "title": self.what, "detail": self.why, "remedy": { "text": self.remedy } })
        });
        if let Some(object) = document.as_object_mut() {
            object.insert("exit_code".to_owned(), Value::from(self.exit as u8));
        }
        document
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for line in [&self.why, &self.remedy].into_iter().flatten() {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        use store::StoreError as E;
        let exit = match &error {
            E::NotFound(_) => Exit::NotFound,
            E::Conflict(_) | E::Refused { .. } | E::ReadOnly | E::Fenced => Exit::Conflict,
            E::Setup(_) => Exit::Configuration,
            E::Full(_) => Exit::Quota,
            E::Unavailable(_) | E::Corrupt(_) => Exit::Unexpected,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Unexpected, error.to_string())
    }
}

/// The exit code for an HTTP status of the API.
pub const fn of_status(status: u16) -> Exit {
    match status {
        200..=299 => Exit::Good,
        400 | 413 | 415 | 422 => Exit::Usage,
        401 | 403 => Exit::Refused,
        404 | 410 => Exit::NotFound,
        409 | 412 | 428 => Exit::Conflict,
        429 | 507 => Exit::Quota,
        408 | 504 => Exit::TimedOut,
        502 => Exit::Network,
        _ => Exit::Unexpected,
    }
}

/// The exit code for a connection report.
pub fn of_report(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Works if report.steps.iter().any(|s| s.status == StepStatus::Warn) => {
            Exit::Warnings
        }
        Verdict::Works => Exit::Good,
        Verdict::ReceivesOnly => Exit::OnlySendingFailed,
        Verdict::SendsOnly => Exit::OnlyReceivingFailed,
        Verdict::Fails => first_failure(report).map_or(Exit::Unexpected, of_step),
    }
}

fn first_failure(report: &Report) -> Option<&model::report::Step> {
    let failed = report
        .steps
        .iter()
        .find(|step| step.status == StepStatus::Fail)?;
    // Step 9 carries the steps of the sending side: the one inside says more.
    let inner = failed
        .steps
        .iter()
        .find(|step| step.status == StepStatus::Fail);
    Some(inner.unwrap_or(failed))
}

fn of_step(step: &model::report::Step) -> Exit {
    let of_problem = step.problem_id.as_deref().and_then(of_problem_id);
    of_problem.unwrap_or_else(|| of_step_code(step.code))
}

/// The exit code for a problem of the catalogue that is about a connection.
pub fn of_problem_id(id: &str) -> Option<Exit> {
    Some(match connect::problems::kind(id) {
        "connection_timed_out" | "timed_out" | "webhook_timed_out" => Exit::TimedOut,
        "quota_exceeded"
        | "transfer_limit_reached"
        | "throttled"
        | "too_many_connections"
        | "too_many_sign_ins"
        | "smtp_limit_reached"
        | "rate_limited"
        | "disk_full" => Exit::Quota,
        "imap_disabled"
        | "smtp_auth_disabled"
        | "app_password_required"
        | "oauth_required"
        | "login_disabled_without_tls" => Exit::ProviderSetting,
        _ => of_step_code(connect::problems::find(id)?.step?),
    })
}

const fn of_step_code(code: model::report::StepCode) -> Exit {
    use model::report::StepCode as Code;
    match code {
        Code::Dns | Code::Tcp | Code::Greeting => Exit::Network,
        Code::Tls => Exit::Tls,
        Code::Login => Exit::SignIn,
        Code::Capabilities | Code::Folders | Code::Read | Code::Smtp | Code::Send => {
            Exit::ProviderSetting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::report::{Step, StepCode, Trigger};

    fn report(verdict: Verdict, code: StepCode, status: StepStatus, problem: &str) -> Report {
        let mut step = Step::running(code);
        step.status = status;
        step.problem_id = Some(problem.to_owned());
        Report {
            id: "rep_1".into(),
            mailbox_id: None,
            trigger: Trigger::Command,
            started_at: Timestamp(0),
            finished_at: Timestamp(1),
            verdict,
            summary: String::new(),
            steps: vec![step],
            accepted: model::report::AcceptedNames::default(),
            folders: Vec::new(),
            megabytes_per_day: None,
            changed: Vec::new(),
            compared_with: None,
        }
    }

    #[test]
    fn a_report_ends_with_the_code_of_what_stands_in_the_way() {
        let cases = [
            (Verdict::Works, StepCode::Read, StepStatus::Pass, "", 0),
            (Verdict::Works, StepCode::Tls, StepStatus::Warn, "", 10),
            (
                Verdict::Fails,
                StepCode::Dns,
                StepStatus::Fail,
                "name_not_found",
                20,
            ),
            (
                Verdict::Fails,
                StepCode::Tls,
                StepStatus::Fail,
                "certificate_untrusted",
                21,
            ),
            (
                Verdict::Fails,
                StepCode::Login,
                StepStatus::Fail,
                "password_refused",
                22,
            ),
            (
                Verdict::Fails,
                StepCode::Read,
                StepStatus::Fail,
                "folder_missing",
                23,
            ),
            (
                Verdict::Fails,
                StepCode::Login,
                StepStatus::Fail,
                "too_many_connections",
                24,
            ),
            (
                Verdict::ReceivesOnly,
                StepCode::Smtp,
                StepStatus::Fail,
                "",
                25,
            ),
            (
                Verdict::SendsOnly,
                StepCode::Login,
                StepStatus::Fail,
                "",
                26,
            ),
            (
                Verdict::Fails,
                StepCode::Tcp,
                StepStatus::Fail,
                "connection_timed_out",
                30,
            ),
        ];
        for (verdict, code, status, problem, expected) in cases {
            let exit = of_report(&report(verdict, code, status, problem));
            assert_eq!(exit as u8, expected, "{verdict} at {code} ({problem})");
        }
    }

    #[test]
    fn an_answer_of_the_api_ends_with_its_class() {
        for (status, expected) in [
            (200, 0),
            (201, 0),
            (422, 2),
            (403, 5),
            (401, 5),
            (404, 4),
            (409, 6),
            (412, 6),
            (429, 24),
            (500, 1),
            (504, 30),
        ] {
            assert_eq!(of_status(status) as u8, expected, "{status}");
        }
    }

    #[test]
    fn a_failure_is_at_most_three_lines() {
        let failure = Failure::new(Exit::Conflict, "another server uses this data directory")
            .because("its lock is held")
            .remedy("stop it first");
        assert_eq!(failure.to_string().lines().count(), 3);
        assert_eq!(failure.to_json()["exit_code"], 6);
    }
}
