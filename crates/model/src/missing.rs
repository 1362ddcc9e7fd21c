//! One thing that a mailbox still lacks until it works. The list of them: [`Mailbox::lacks`](crate::mailbox::Mailbox::lacks).

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What is missing.
    MissingId {
        /// A password or token.
        Password = "password",
        /// A test of the settings.
        Test = "test",
        /// Settings that work.
        WorkingSettings = "working_settings",
        /// Somebody's consent.
        Approval = "approval",
        /// Somebody has to switch it on, or on again.
        Enabling = "enabling",
        /// A connection, which a problem stands in the way of.
        Connection = "connection",
    }
}

/// One thing that a mailbox lacks until it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Missing {
    /// What it is.
    pub id: MissingId,
    /// One clause for people.
    pub text: String,
    /// The problem that stands in the way.
    pub problem_id: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}
