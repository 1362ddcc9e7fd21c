//! Identities: the addresses that a mailbox sends as, and who may use each of them.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who may send as an identity, among those who may send through its mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsableBy {
    /// All of them; otherwise only those named here. Nobody named: nobody, and the address only counts as the mailbox's own.
    pub everyone: bool,
    /// Users, `usr_…`.
    #[serde(default)]
    pub user_ids: Vec<String>,
    /// Tokens, `tok_…`.
    #[serde(default)]
    pub token_ids: Vec<String>,
}

impl Default for UsableBy {
    fn default() -> Self {
        Self {
            everyone: true,
            user_ids: Vec::new(),
            token_ids: Vec::new(),
        }
    }
}

impl UsableBy {
    /// Whether the caller with this id, a user or a token, is among them.
    pub fn permits(&self, caller_id: &str) -> bool {
        let mut named = self.user_ids.iter().chain(&self.token_ids);
        self.everyone || named.any(|id| id == caller_id)
    }
}

/// How much may be sent as one identity; null: as much as its mailbox may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IdentityLimits)]
pub struct Limits {
    /// Messages in any minute.
    #[serde(default)]
    pub messages_per_minute: Option<u32>,
    /// Recipients in any 24 hours.
    #[serde(default)]
    pub recipients_per_day: Option<u32>,
}

/// An address that may stand in From, with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Identity {
    /// `idn_…`
    pub id: String,
    /// The mailbox that sends it.
    pub mailbox_id: String,
    /// The name that stands before the address; empty: none.
    pub name: String,
    /// The address, in From and as the sender of the envelope.
    pub address: String,
    /// Where answers should go; null: to the address.
    pub reply_to: Option<String>,
    /// Whether it is taken where a request names none. Each mailbox has one such.
    pub is_main: bool,
    /// Whether the mailbox has the address beside its own: mail to it arrives there, and mail from it is the mailbox's own.
    pub is_alias: bool,
    /// What signatures and templates can say of it beyond name and address, such as `phone`.
    pub fields: BTreeMap<String, String>,
    /// Its signature; null: the central one, if there is one; `none`: none.
    pub signature_id: Option<String>,
    /// Who may use it.
    pub usable_by: UsableBy,
    /// How much may be sent as it, besides what its mailbox may send.
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_for_everyone_or_for_those_who_are_named() {
        assert!(UsableBy::default().permits("tok_1"));
        let named = UsableBy {
            everyone: false,
            user_ids: vec!["usr_1".into()],
            token_ids: vec!["tok_1".into()],
        };
        assert!(named.permits("usr_1") && named.permits("tok_1") && !named.permits("tok_2"));
    }
}
