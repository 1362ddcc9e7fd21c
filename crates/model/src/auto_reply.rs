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

text_enum! {
    /// Who answers.
    Place as "AutoReplyPlace" {
        /// Postroom, with submissions of its own.
        Postroom = "postroom",
        /// The mailbox's own server, also while Postroom is down.
        Server = "server",
    }
}

text_enum! {
    /// What is known of the out of office on the mailbox's own server. Whatever it is, Postroom does not answer.
    OnServer as "AutoReplyOnServer" {
        /// It is being changed there.
        Changing = "changing",
        /// It stands there as it is here.
        Set = "set",
        /// The line broke while it was being changed: what stands there is not known until the change is repeated.
        Unsure = "unsure",
    }
}

/// A change on the mailbox's server that has been going on for longer has come to nothing: its process died.
pub const CHANGING_MILLIS: i64 = 5 * 60 * 1000;

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
    /// Who answers: Postroom, or the mailbox's own server.
    pub place: Place,
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

    /// Whether the mailbox's server is the one to answer, within the dates.
    pub fn is_for_server(&self) -> bool {
        self.enabled && self.place == Place::Server
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
    /// What is known of it on the mailbox's own server; null: it does not stand there.
    pub on_server: Option<OnServer>,
    /// Since when that is so.
    pub on_server_at: Option<Timestamp>,
    /// Whether the mailbox's server can answer by itself, as it was asked last; null: it was not asked.
    pub server_offers: Option<bool>,
    /// When the mailbox's server stopped answering: what it had received by then is not answered here.
    #[serde(skip)]
    pub left_server_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl AutoReply {
    /// Whether Postroom answers mail at this time: never while the mailbox's server does, or may.
    pub fn answers_here(&self, at: Timestamp) -> bool {
        self.settings.is_on(at)
            && self.settings.place == Place::Postroom
            && self.on_server.is_none()
    }

    /// What is known of it on the mailbox's server at this time: a change that ended with its process has an unknown end.
    pub fn on_server_now(&self, now: Timestamp) -> Option<OnServer> {
        let stale = self
            .on_server_at
            .is_none_or(|since| since.plus_millis(CHANGING_MILLIS) < now);
        match self.on_server {
            Some(OnServer::Changing) if stale => Some(OnServer::Unsure),
            other => other,
        }
    }
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
            place: Place::Postroom,
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

    #[test]
    fn whatever_is_known_of_the_server_nobody_gets_two_answers() {
        let mut own = AutoReply {
            id: "arp_1".into(),
            mailbox_id: "mbx_1".into(),
            settings: Settings {
                enabled: true,
                place: Place::Postroom,
                starts_at: None,
                ends_at: None,
                time_zone: "UTC".into(),
                wording: Wording::default(),
                inside: None,
                inside_domains: Vec::new(),
                audience: Audience::Everyone,
                exclusions: Vec::new(),
                period_days: PERIOD_DAYS,
            },
            answered: 0,
            enabled_at: Some(Timestamp(0)),
            on_server: None,
            on_server_at: Some(Timestamp(0)),
            server_offers: None,
            left_server_at: None,
            created_at: Timestamp(0),
        };
        let now = Timestamp(1);
        assert!(own.answers_here(now));
        for state in OnServer::ALL {
            own.on_server = Some(*state);
            assert!(!own.answers_here(now), "{state}");
        }
        own.on_server = None;
        own.settings.place = Place::Server;
        assert!(!own.answers_here(now));
        own.on_server = Some(OnServer::Changing);
        assert_eq!(own.on_server_now(now), Some(OnServer::Changing));
        let later = now.plus_millis(CHANGING_MILLIS + 1);
        assert_eq!(own.on_server_now(later), Some(OnServer::Unsure));
    }
}
