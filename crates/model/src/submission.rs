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
