//! What is found out about an address before anyone has typed a server's name.

use crate::mailbox::{Incoming, Outgoing};
use crate::normalised::Normalised;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where settings were found, best first.
    Source as "DetectionSource" {
        /// A server profile of the administrator's.
        Profile = "profile",
        /// The provider table, by the address's domain.
        ProviderTable = "provider_table",
        /// The provider table, by the server that takes the domain's mail.
        Mx = "mx",
        /// SRV records of the domain (RFC 6186, RFC 8314).
        Srv = "srv",
        /// The provider's autoconfig file, over https.
        Autoconfig = "autoconfig",
        /// Microsoft's Autodiscover: says that it is Exchange, and no more.
        Exchange = "exchange",
        /// The public directory of providers, only where it was asked for.
        Directory = "directory",
        /// Usual names that were tried: a guess that a certificate confirmed.
        Probe = "probe",
    }
}

text_enum! {
    /// How far a candidate can be relied on.
    Confidence { High = "high", Medium = "medium", Low = "low" }
}

text_enum! {
    /// What a server takes as the user's name.
    LoginFormat {
        /// The full address.
        Email = "email",
        /// What stands before the @.
        LocalPart = "local_part",
        /// A name of the provider's own, which a person has to type.
        Custom = "custom",
    }
}

text_enum! {
    /// What a person may have to do before the first sign-in.
    PreparationId {
        EnableImap = "enable_imap", AppPassword = "app_password", TwoFactor = "two_factor",
        OauthOnly = "oauth_only", SharedMailbox = "shared_mailbox", NoImap = "no_imap",
        Pop3Only = "pop3_only", Note = "note",
    }
}

text_enum! {
    /// What a source had.
    Outcome as "SearchOutcome" { Found = "found", Nothing = "nothing", Failed = "failed", Skipped = "skipped" }
}

/// What was found for an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Detection {
    /// The address, without what stood around it.
    pub address: String,
    /// Its domain as DNS knows it: small letters, IDNA.
    pub domain: String,
    /// The domain as people write it; the same but for internationalised ones.
    #[serde(default)]
    pub unicode_domain: String,
    /// What was put right in the address.
    #[serde(default)]
    pub normalised: Vec<Normalised>,
    /// The address that was probably meant, where the domain is one slip away from a provider's and nothing sure was found.
    #[serde(default)]
    pub suggestion: Option<Suggestion>,
    /// The provider, if it is known.
    pub provider: Option<DetectedProvider>,
    /// Settings, best first; none: nothing was found.
    pub candidates: Vec<Candidate>,
    /// What to do before the first sign-in.
    pub preparation: Vec<Preparation>,
    /// Where was looked, in order of rank.
    pub searched: Vec<Searched>,
    /// How long it took, in milliseconds.
    pub ms: i64,
}

impl Detection {
    /// The settings to use: the first that have a server.
    pub fn best(&self) -> Option<&Candidate> {
        self.candidates
            .iter()
            .find(|candidate| candidate.incoming.is_some() || candidate.outgoing.is_some())
    }
}

/// An address that may have been meant; whoever shows it leaves the choice to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// The address.
    pub address: String,
    /// Its domain.
    pub domain: String,
    /// The name of the provider that has the domain.
    pub provider: String,
}

/// A provider in a few words; the rest is at `/v1/providers/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DetectedProvider {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The kind of provider, as in the provider table.
    pub kind: String,
    /// Whether it is still there, as in the provider table.
    pub status: String,
}

/// Settings that one source offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Candidate {
    /// Where they come from.
    pub source: Source,
    /// Why they are offered, in one sentence.
    pub because: String,
    /// How far they can be relied on.
    pub confidence: Confidence,
    /// The provider's id, where these are a provider's settings.
    pub provider_id: Option<String>,
    /// The server profile's id, where these are its settings.
    pub server_profile_id: Option<String>,
    /// What the server takes as the user's name.
    pub login_format: LoginFormat,
    /// The receiving side.
    pub incoming: Option<Incoming>,
    /// The sending side.
    pub outgoing: Option<Outgoing>,
    /// Other ways to receive, such as POP3.
    pub alternatives: Vec<Incoming>,
    /// Whether a password that was typed for the address may be sent to these servers without a person having
    /// looked at their names. False for guessed and for unverified names outside the address's own domain and
    /// its mail provider's.
    pub trusted: bool,
}

/// Something to do before the first sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preparation {
    /// What it is.
    pub id: PreparationId,
    /// The steps, in the provider's own words.
    pub text: String,
    /// Where it is done.
    pub url: Option<String>,
    /// Whether nothing works without it.
    pub required: bool,
    /// The month in which somebody last looked, such as `2026-11`.
    pub checked: String,
}

/// One source and what it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Searched {
    /// The source.
    pub source: Source,
    /// What it had.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub ms: i64,
    /// In a few words.
    pub detail: String,
}
