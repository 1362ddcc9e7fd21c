//! Problems: what stands in the way, in words, and who acts now.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// When trying again makes sense.
    Retry {
        /// By itself, with growing pauses.
        Backoff = "backoff",
        /// Only after a person changed something.
        AfterChange = "after_change",
        /// At a time that the server named.
        PauseUntil = "pause_until",
        /// Never: this input cannot work.
        Never = "never",
    }
}

/// What to do about a problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Remedy {
    /// One line for a person.
    pub text: String,
    /// What a program could do: `use_port:143:starttls`, `enter_password`, `trust_certificate:<sha256>`.
    pub action: Option<String>,
    /// A page with more.
    pub url: Option<String>,
}

/// One occurrence of a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// The catalogue's id, such as `password_refused`.
    pub id: String,
    /// When trying again makes sense.
    pub retry: Retry,
    /// What it means, one line.
    pub means: String,
    /// What the server said, if it said something.
    pub server_said: Option<String>,
    /// What to do.
    pub remedy: Remedy,
    /// `pause_until`: the time the server named.
    pub until: Option<Timestamp>,
}
