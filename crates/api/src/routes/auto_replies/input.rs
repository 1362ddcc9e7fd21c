//! An out of office as it comes in.

use crate::error::{ApiError, Result};
use crate::input::{Checks, present};
use model::Timestamp;
use model::auto_reply::{Audience, PERIOD_DAYS, Place, Settings, Wording};
use model::zone::Zone;
use serde::Deserialize;

/// Longest subject.
const SUBJECT_CHARS: usize = 300;
/// Longest text, and longest HTML.
const TEXT_BYTES: usize = 100 * 1024;
/// Domains and addresses that can be named.
const NAMED: usize = 500;
/// Longest period.
const MOST_DAYS: i64 = 365;

/// An out of office: all of a new one, or what changes of one.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AutoReplyInput {
    /// The mailbox that answers; of a new one only.
    #[serde(default)]
    pub(super) mailbox_id: Option<String>,
    /// Whether it answers, within its dates. Left out of a new one: yes.
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    /// Who answers: Postroom, or the mailbox's own server, which then does so also while Postroom is down. Left out of a new one:
    /// Postroom.
    #[serde(default)]
    place: Option<Place>,
    /// From when: `2026-08-01`, `2026-08-01T12:00` in the time zone, or a time with an offset. Null: at once.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    starts_at: Option<Option<String>>,
    /// Until when, and not a moment longer: a date is its first moment. Null: until it is switched off.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    ends_at: Option<Option<String>>,
    /// The time zone of the dates, such as `Europe/Rome`. Left out of a new one: UTC.
    #[serde(default)]
    time_zone: Option<String>,
    /// The subject; null: `Auto:` and the subject of the message that is answered.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    subject: Option<Option<String>>,
    /// The text; null: made from the HTML.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    text: Option<Option<String>>,
    /// The HTML; null: there is none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    html: Option<Option<String>>,
    /// What senders inside are told; null: the same as all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Wording>)]
    inside: Option<Option<Wording>>,
    /// The domains that are inside, with those below them. Left out of a new one: that of the mailbox.
    #[serde(default)]
    inside_domains: Option<Vec<String>>,
    /// Who gets an answer. Left out of a new one: everyone.
    #[serde(default)]
    audience: Option<Audience>,
    /// Addresses and domains that never get one.
    #[serde(default)]
    exclusions: Option<Vec<String>>,
    /// Days in which one sender gets one answer, 1 to 365. Left out of a new one: 7.
    #[serde(default)]
    period_days: Option<i64>,
}

impl AutoReplyInput {
    /// The settings after this; `old`: before. `address`: the mailbox's.
    pub(super) fn settings(
        &self,
        old: Option<&Settings>,
        address: &str,
    ) -> Result<Settings, ApiError> {
        let mut checks = Checks::default();
        let mut new = old.cloned().unwrap_or_else(|| fresh(address));
        if let Some(enabled) = self.enabled {
            new.enabled = enabled;
        }
        if let Some(place) = self.place {
            new.place = place;
        }
        if let Some(name) = &self.time_zone {
            new.time_zone.clone_from(name);
        }
        match Zone::named(&new.time_zone) {
            Some(zone) => {
                for (pointer, given, at) in [
                    ("/starts_at", &self.starts_at, &mut new.starts_at),
                    ("/ends_at", &self.ends_at, &mut new.ends_at),
                ] {
                    date(&mut checks, &zone, (pointer, given), at);
                }
            }
            None => checks.refuse("/time_zone", "is no time zone such as Europe/Rome"),
        }
        if new
            .ends_at
            .is_some_and(|end| new.starts_at.is_some_and(|start| end <= start))
        {
            checks.refuse("/ends_at", "must be after the start");
        }
        for (given, at) in [
            (&self.subject, &mut new.wording.subject),
            (&self.text, &mut new.wording.text),
            (&self.html, &mut new.wording.html),
        ] {
            if let Some(given) = given {
                at.clone_from(given);
            }
        }
        wording(&mut checks, "", &new.wording);
        if let Some(inside) = &self.inside {
            new.inside.clone_from(inside);
        }
        if let Some(inside) = &new.inside {
            wording(&mut checks, "/inside", inside);
        }
        if let Some(audience) = self.audience {
            new.audience = audience;
        }
        if let Some(list) = &self.inside_domains {
            new.inside_domains = names(&mut checks, "/inside_domains", list, false);
        }
        if let Some(list) = &self.exclusions {
            new.exclusions = names(&mut checks, "/exclusions", list, true);
        }
        if let Some(days) = self.period_days {
            if !(1..=MOST_DAYS).contains(&days) {
                checks.refuse("/period_days", format!("must be 1 to {MOST_DAYS}"));
            }
            new.period_days = days;
        }
        checks.end()?;
        Ok(new)
    }
}

fn fresh(address: &str) -> Settings {
    let domain = address.rsplit_once('@').map(|(_, domain)| domain);
    Settings {
        enabled: true,
        place: Place::Postroom,
        starts_at: None,
        ends_at: None,
        time_zone: "UTC".into(),
        wording: Wording::default(),
        inside: None,
        inside_domains: domain.map(str::to_lowercase).into_iter().collect(),
        audience: Audience::Everyone,
        exclusions: Vec::new(),
        period_days: PERIOD_DAYS,
    }
}

fn date(
    checks: &mut Checks,
    zone: &Zone,
    (pointer, given): (&str, &Option<Option<String>>),
    at: &mut Option<Timestamp>,
) {
    match given {
        None => {}
        Some(None) => *at = None,
        Some(Some(text)) => {
            let found = zone.instant(text);
            if found.is_none() {
                checks.refuse(
                    pointer,
                    "is no date (2026-08-01) and no time (2026-08-01T12:00)",
                );
            }
            *at = found;
        }
    }
}

fn wording(checks: &mut Checks, at: &str, wording: &Wording) {
    if let Some(subject) = &wording.subject {
        checks.line(&format!("{at}/subject"), subject, 0, SUBJECT_CHARS);
    }
    for (name, text) in [("text", &wording.text), ("html", &wording.html)] {
        if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES) {
            let most = format!("may have {TEXT_BYTES} bytes at most");
            checks.refuse(format!("{at}/{name}"), most);
        }
    }
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    if !filled(&wording.text) && !filled(&wording.html) {
        checks.refuse(format!("{at}/text"), "an answer needs a text or HTML");
    }
}

/// Domains, and addresses where they may be named too, in lower case.
fn names(checks: &mut Checks, pointer: &str, list: &[String], addresses: bool) -> Vec<String> {
    if list.len() > NAMED {
        checks.refuse(pointer, format!("may name {NAMED} at most"));
    }
    let mut all = Vec::new();
    for (i, name) in list.iter().enumerate().take(NAMED) {
        let name = name.trim().to_lowercase();
        let at = format!("{pointer}/{i}");
        let domain = name.strip_prefix('@').unwrap_or(&name);
        if addresses && domain.contains('@') {
            checks.address(&at, &name);
        } else if domain.is_empty()
            || domain.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
        {
            checks.refuse(at, "is no domain such as example.com");
        }
        all.push(domain.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: serde_json::Value) -> AutoReplyInput {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_zone_and_what_is_left_out_stays() {
        let given = input(serde_json::json!({
            "text": "Away", "time_zone": "Europe/Rome", "starts_at": "2026-08-01", "ends_at": "2026-08-20T12:00",
            "exclusions": ["Boss@X.test", "@quiet.test"],
        }));
        let made = given.settings(None, "Ann@Here.test").unwrap();
        assert_eq!(made.starts_at, Timestamp::parse("2026-07-31T22:00:00Z"));
        assert_eq!(made.ends_at, Timestamp::parse("2026-08-20T10:00:00Z"));
        assert_eq!(made.inside_domains, ["here.test"]);
        assert_eq!(made.exclusions, ["boss@x.test", "quiet.test"]);
        assert!(made.enabled && made.period_days == PERIOD_DAYS);
        let change = input(
            serde_json::json!({"enabled": false, "ends_at": null, "starts_at": "2026-08-02T00:00:00Z"}),
        );
        let changed = change.settings(Some(&made), "").unwrap();
        assert_eq!(changed.starts_at, Timestamp::parse("2026-08-02T00:00:00Z"));
        assert!(!changed.enabled && changed.ends_at.is_none());
        assert_eq!(changed.wording, made.wording);
        // An offset says which instant it is, in the zone that was kept and in none.
        let offset = serde_json::json!({"text": "Away", "starts_at": "2026-08-01T00:00:00+02:00"});
        let instant = Timestamp::parse("2026-07-31T22:00:00Z");
        for old in [Some(&made), None] {
            let made = input(offset.clone()).settings(old, "a@b.test").unwrap();
            assert_eq!(made.starts_at, instant);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_pointer() {
        for (json, pointer) in [
            (serde_json::json!({}), "/text"),
            (serde_json::json!({"text": " "}), "/text"),
            (
                serde_json::json!({"text": "x", "inside": {}}),
                "/inside/text",
            ),
            (
                serde_json::json!({"text": "x", "time_zone": "Rome"}),
                "/time_zone",
            ),
            (
                serde_json::json!({"text": "x", "starts_at": "soon"}),
                "/starts_at",
            ),
            (
                serde_json::json!({"text": "x", "starts_at": "2026-08-02", "ends_at": "2026-08-02"}),
                "/ends_at",
            ),
            (
                serde_json::json!({"text": "x", "period_days": 0}),
                "/period_days",
            ),
            (
                serde_json::json!({"text": "x", "exclusions": ["a b@x.test"]}),
                "/exclusions/0",
            ),
            (
                serde_json::json!({"text": "x", "inside_domains": ["a@x.test"]}),
                "/inside_domains/0",
            ),
            (
                serde_json::json!({"text": "x", "subject": "a\nb"}),
                "/subject",
            ),
        ] {
            let problem = input(json.clone())
                .settings(None, "a@b.test")
                .unwrap_err()
                .problem();
            let pointers: Vec<&str> = problem.errors.iter().map(|e| &*e.pointer).collect();
            assert_eq!(pointers, [pointer], "{json}");
        }
    }
}
