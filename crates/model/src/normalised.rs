//! What was typed in one way and understood in another.

use serde::{Deserialize, Serialize};

/// A field whose value was put right. Of a secret only the reason is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Normalised {
    /// JSON pointer to the field.
    pub pointer: String,
    /// What was typed; null: nothing, or a secret.
    pub was: Option<String>,
    /// What it became; null: a secret.
    pub became: Option<String>,
    /// Why, in one clause.
    pub because: String,
}
