//! Signatures and templates of mail: texts with variables.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Whose signature it is.
    Kind as "SignatureKind" {
        /// Of the one who made it, and nobody else sees it.
        Personal = "personal",
        /// Of everybody.
        Shared = "shared",
        /// Of everybody, and taken by every identity that names no other. There is one at most.
        Central = "central",
    }
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signature {
    /// `sig_…`
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// `personal`: who made it, `usr_…` or `tok_…`.
    pub owner_id: Option<String>,
    /// HTML with variables; pictures in it are `data:` addresses, which become parts of each message.
    pub html: String,
    /// The text form with variables; null: made from the HTML.
    pub text: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A stored template of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Template {
    /// `tpl_…`
    pub id: String,
    /// A name for people, unique.
    pub name: String,
    /// The mailbox that alone may send it; null: all.
    pub mailbox_id: Option<String>,
    /// The subject, with variables.
    pub subject: String,
    /// The HTML, with variables; null: there is none.
    pub html: Option<String>,
    /// The text, with variables; null: made from the HTML.
    pub text: Option<String>,
    /// The variables that it takes, such as `order.number`; `user`, `identity`, `mailbox` and `date` are given by Postroom.
    pub variables: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}
