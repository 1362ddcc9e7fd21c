//! Out of office: what a mailbox answers by itself while nobody is there, and to whom.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

/// Days in which one sender gets one answer, where nothing else is said.
pub const PERIOD_DAYS: i64 = 7;

text_enum! {
    /// Who gets an answer.
    Audience as "AutoReplyAudience" {
        /// All.
        Everyone = "everyone",
        /// Only senders of the inside domains.
        Inside = "inside",
        /// Only all others.
        Outside = "outside",
    }
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The subject; null: `Auto:` and the subject of the message that is answered.
    #[serde(default)]
    pub subject: Option<String>,
    /// The text; null: made from the HTML.
    #[serde(default)]
    pub text: Option<String>,
    /// The HTML; null: there is none.
    #[serde(default)]
    pub html: Option<String>,
}

/// The settings of an out of office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settings {
    /// Whether it answers, within its dates.
    pub enabled: bool,
    /// From when; null: at once.
    pub starts_at: Option<Timestamp>,
    /// Until when, and not a moment longer; null: until it is switched off.
    pub ends_at: Option<Timestamp>,
    /// The time zone in which its dates were said, such as `Europe/Rome`.
    pub time_zone: String,
    /// What it says.
    #[serde(flatten)]
    pub wording: Wording,
    /// What it says to senders inside; null: the same.
    pub inside: Option<Wording>,
    /// The domains that are inside, with those below them.
    pub inside_domains: Vec<String>,
    /// Who gets an answer.
    pub audience: Audience,
    /// Addresses and domains that never get one.
    pub exclusions: Vec<String>,
    /// Days in which one sender gets one answer.
    pub period_days: i64,
}

impl Settings {
    /// Whether it answers mail at this time.
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.enabled
            && self.starts_at.is_none_or(|start| start <= at)
            && self.ends_at.is_none_or(|end| at < end)
    }

    /// What a sender is told.
    pub fn wording(&self, inside: bool) -> &Wording {
        let own = self.inside.as_ref().filter(|_| inside);
        own.unwrap_or(&self.wording)
    }
}

/// An out of office of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AutoReply {
    /// `arp_…`
    pub id: String,
    /// The mailbox that answers. Each has one at most.
    pub mailbox_id: String,
    /// What it does.
    #[serde(flatten)]
    pub settings: Settings,
    /// How many senders have got an answer since it was switched on.
    pub answered: i64,
    /// Since when it is switched on; what came before is not answered. Null: it is not.
    pub enabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_within_its_dates_and_inside_in_its_own_words() {
        let words = |text: &str| Wording {
            text: Some(text.into()),
            ..Wording::default()
        };
        let mut settings = Settings {
            enabled: true,
            starts_at: Some(Timestamp(10)),
            ends_at: Some(Timestamp(20)),
            time_zone: "UTC".into(),
            wording: words("out"),
            inside: None,
            inside_domains: Vec::new(),
            audience: Audience::Everyone,
            exclusions: Vec::new(),
            period_days: PERIOD_DAYS,
        };
        let on: Vec<bool> = [9, 10, 19, 20]
            .map(|at| settings.is_on(Timestamp(at)))
            .into();
        assert_eq!(on, [false, true, true, false]);
        assert_eq!(settings.wording(true), &words("out"));
        settings.inside = Some(words("in"));
        assert_eq!(settings.wording(true), &words("in"));
        assert_eq!(settings.wording(false), &words("out"));
        settings.enabled = false;
        assert!(!settings.is_on(Timestamp(15)));
    }
}
