//! The connection report: ten steps from a name to a working mailbox.

use crate::Timestamp;
use crate::folder::Role;
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
    Trigger as "ReportTrigger" { Wizard = "wizard", Button = "button", Enable = "enable", Runtime = "runtime", Command = "command", Profile = "profile" }
}

text_enum! {
    /// What a fact of a step is about.
    DetailName as "StepDetailName" {
        /// The host's addresses.
        Addresses = "addresses",
        /// Who was asked for them.
        Resolver = "resolver",
        /// The address that answered.
        ConnectedTo = "connected_to",
        /// The version of TLS.
        TlsVersion = "tls_version",
        /// What TLS encrypts with.
        Cipher = "cipher",
        /// SHA-256 of the server's certificate.
        Certificate = "certificate",
        /// Who signed the certificate.
        Issuer = "issuer",
        /// The hosts that the certificate is for.
        Names = "names",
        /// The first and the last day on which the certificate is valid.
        Validity = "validity",
        /// How many certificates the server showed.
        ChainLength = "chain_length",
        /// What the server says it can do, in its own words.
        Capabilities = "capabilities",
        /// The ways to sign in that it offers.
        SignInMethods = "sign_in_methods",
        /// The way that was used.
        SignIn = "sign_in",
        /// The user name that was accepted.
        UserName = "user_name",
        /// The folders.
        Folders = "folders",
        /// The folders' roles, such as `sent: Gesendet`.
        Roles = "roles",
        /// What the receiving server found out about the sender, such as `spf pass`.
        Authentication = "authentication",
        /// The folder in which the test message arrived.
        ArrivedIn = "arrived_in",
        /// Who filed the copy of the test message in Sent: `server`, where it was there.
        SentCopyBy = "sent_copy_by",
    }
}

/// A fact that a step found: for people who look closer, and to compare reports with each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Detail {
    /// What it is about.
    pub name: DetailName,
    /// The values, in the server's order.
    pub values: Vec<String>,
}

text_enum! {
    /// One side of a mailbox.
    Side as "MailboxSide" { Incoming = "incoming", Outgoing = "outgoing" }
}

/// Something that is different from the last good report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// The side that it is about.
    pub side: Side,
    /// The step that found it.
    pub step: StepCode,
    /// What it is about.
    pub name: DetailName,
    /// What is no longer so.
    pub before: Vec<String>,
    /// What is new.
    pub after: Vec<String>,
    /// One sentence.
    pub text: String,
}

/// A folder as a report saw it: what to store is decided with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportFolder {
    /// Its path, as people read it.
    pub path: String,
    /// What it is for.
    pub role: Option<Role>,
    /// The role was guessed from the name; the server did not mark it.
    pub guessed: bool,
    /// Whether it is stored unless somebody says otherwise.
    pub stored: bool,
    /// How many messages it has, since the first day that was asked for; null: the server did not say.
    pub messages: Option<i64>,
    /// Their bytes, with a first day an estimate; null: the server did not say.
    pub bytes: Option<i64>,
}

impl ReportFolder {
    /// The one folder of POP3.
    pub fn inbox() -> Self {
        Self {
            path: "INBOX".to_owned(),
            role: Some(Role::Inbox),
            guessed: false,
            stored: true,
            messages: None,
            bytes: None,
        }
    }
}

/// User names that a server accepted where another one is set: worth saving.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AcceptedNames {
    /// For receiving.
    #[serde(default)]
    pub incoming: Option<String>,
    /// For sending.
    #[serde(default)]
    pub outgoing: Option<String>,
}

impl AcceptedNames {
    /// Whether there is nothing to save.
    pub fn is_empty(&self) -> bool {
        self.incoming.is_none() && self.outgoing.is_none()
    }
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
    /// What was found, for those who look closer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// The same network steps for sending, inside step 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub steps: Vec<Step>,
    /// The last lines of the conversation with the server in this step, without secrets: `C: ` is what Postroom said, `S: ` what
    /// the server said, `-- ` what happened. At most 100 lines of 4 KB, 64 KB in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcript: Vec<String>,
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
            details: Vec::new(),
            steps: Vec::new(),
            transcript: Vec::new(),
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
    /// User names that were accepted instead of those that are set.
    #[serde(default, skip_serializing_if = "AcceptedNames::is_empty")]
    pub accepted: AcceptedNames,
    /// What there is to fetch, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<ReportFolder>,
    /// How much the provider lets a program fetch in a day, in megabytes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub megabytes_per_day: Option<i64>,
    /// What is different since the last good report of the same mailbox.
    #[serde(default)]
    pub changed: Vec<Change>,
    /// That report; null: there was none.
    #[serde(default)]
    pub compared_with: Option<String>,
}
