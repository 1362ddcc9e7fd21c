//! A submission: one outgoing message and its fate, recipient by recipient.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a submission, or one recipient of it, stands.
    State as "SubmissionState" {
        Queued = "queued", Sending = "sending", Accepted = "accepted", Deferred = "deferred",
        /// The server may or may not have taken it: its last answer was lost.
        Unclear = "unclear", Failed = "failed", Cancelled = "cancelled",
    }
}

impl State {
    /// Whether nothing more happens by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Accepted | Self::Failed | Self::Cancelled)
    }
}

text_enum! {
    /// Where the copy in the Sent folder stands.
    SentCopyState {
        /// Not yet known who files it.
        Pending = "pending",
        /// We owe it to the server.
        Owed = "owed",
        /// It was seen in the Sent folder.
        Filed = "filed",
        /// Not wanted, or not possible (send only).
        None = "none",
    }
}

text_enum! {
    /// What goes first where several wait for the same mailbox.
    Priority as "SubmissionPriority" {
        High = "high",
        Normal = "normal",
        /// After everything else: newsletters, merges.
        Low = "low",
    }
}

#[allow(clippy::derivable_impls, reason = "the macro writes the enum")]
impl Default for Priority {
    fn default() -> Self {
        Self::Normal
    }
}

text_enum! {
    /// What a delivery notice is wanted for (RFC 3461 4.1).
    Notify as "DsnNotify" {
        Success = "success", Delay = "delay", Failure = "failure",
        /// Nothing at all; stands alone.
        Never = "never",
    }
}

text_enum! {
    /// How much of the message comes back with a delivery notice (RFC 3461 4.3).
    Return as "DsnReturn" { Headers = "headers", Full = "full" }
}

/// The delivery notices that are asked of the servers on the way (RFC 3461). Its envelope id is the submission's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dsn {
    /// What for; empty: as the server sees fit.
    pub notify: Vec<Notify>,
    /// How much comes back; null: as the server sees fit.
    pub r#return: Option<Return>,
}

text_enum! {
    /// What is said to an invitation.
    CalendarAnswer {
        /// Will come.
        Accepted = "accepted",
        /// May come.
        Tentative = "tentative",
        /// Will not come.
        Declined = "declined",
    }
}

/// What a submission asks of those who carry it, and what else of the request is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Wishes {
    /// Delivery notices; null: none asked for.
    pub dsn: Option<Dsn>,
    /// Encrypted all the way to the recipient, or not at all (RFC 8689).
    pub require_tls: bool,
    /// The recipients are asked for a reading receipt (RFC 8098).
    pub read_receipt: bool,
    /// The IANA time zone in which `send_at` was named.
    pub time_zone: Option<String>,
    /// It answers an invitation, and says this.
    pub calendar_reply: Option<CalendarAnswer>,
}

/// One recipient's fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// Where it stands.
    pub state: State,
    /// The server's reply code.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463).
    pub enhanced_code: Option<String>,
    /// The server's words.
    pub text: Option<String>,
    /// What came back for this one, after the server had taken the message.
    #[serde(default)]
    pub returned: Option<crate::returned::Returned>,
    /// Nobody can say whether this one has the message: an answer was lost, and nothing has shown it since.
    #[serde(default)]
    pub in_doubt: bool,
    /// The attempts that were for this one and whose answer was lost, whatever is known since.
    #[serde(default)]
    pub lost_in: Vec<i64>,
}

impl Recipient {
    /// One who is to get a message.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            state: State::Queued,
            code: None,
            enhanced_code: None,
            text: None,
            returned: None,
            in_doubt: false,
            lost_in: Vec::new(),
        }
    }

    /// No answer came to the final dot of this attempt, which was for this one.
    pub fn lose(&mut self, attempt: i64) {
        self.state = State::Unclear;
        self.in_doubt = true;
        // What an earlier attempt was told says nothing any more.
        (self.code, self.enhanced_code, self.text) = (None, None, None);
        if self.lost_in.last() != Some(&attempt) {
            self.lost_in.push(attempt);
        }
    }
}

/// The copy in the Sent folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SentCopy {
    /// Where it stands.
    pub state: SentCopyState,
}

/// A submission as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Submission {
    /// `sub_…`
    pub id: String,
    /// The mailbox that sends.
    pub mailbox_id: String,
    /// The identity it is sent as; null: the mailbox's own address.
    pub identity_id: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Not before this time.
    pub send_at: Option<Timestamp>,
    /// Until then it waits, so that its writer can take it back.
    pub undo_until: Option<Timestamp>,
    /// What goes first.
    pub priority: Priority,
    /// What it asks of those who carry it.
    #[serde(flatten)]
    pub wishes: Wishes,
    /// The job that made it, where one did.
    pub job_id: Option<String>,
    /// The stored message, once its copy was seen in the mailbox.
    pub message_id: Option<String>,
    /// The Message-ID header.
    pub internet_message_id: String,
    /// The Subject header, for lists.
    pub subject: String,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try comes.
    pub next_attempt_at: Option<Timestamp>,
    /// Each recipient's fate.
    pub recipients: Vec<Recipient>,
    /// The copy in Sent.
    pub sent_copy: SentCopy,
    /// It may have been sent twice.
    pub possible_duplicate: bool,
    /// The problem that stands in the way, if any.
    pub problem_id: Option<String>,
    /// When it was accepted from the application.
    pub created_at: Timestamp,
}
