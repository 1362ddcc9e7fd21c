//! The OAuth 2.0 services of providers: where one signs in, and for what. No client of anybody's is in here.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An OAuth 2.0 service (RFC 6749) that gives tokens for mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthService {
    /// The host that stands behind it.
    pub issuer: String,
    /// Where a person signs in.
    pub auth_url: String,
    /// Where tokens come from.
    pub token_url: String,
    /// Where a device code comes from (RFC 8628).
    #[serde(default)]
    pub device_url: Option<String>,
    /// What stands in the place of `{tenant}` in the addresses, by whose accounts are meant.
    #[serde(default)]
    pub tenant_values: BTreeMap<String, String>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// What a program without a person asks for.
    #[serde(default)]
    pub app_only_scope: Option<String>,
    /// The ways to a token that work there.
    pub flows: Vec<String>,
    /// SASL mechanisms that take the token, best first.
    pub sasl: Vec<String>,
    /// What else to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Who says so.
    pub source: Vec<String>,
}
