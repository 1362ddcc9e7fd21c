//! When a message goes out: at once, at a time, and how long its writer may take it back.

use super::input::NewSubmission;
use crate::error::{ApiError, Result};
use model::Timestamp;
use model::zone::Zone;

/// The longest time to take a message back.
const UNDO_MOST_SECONDS: u32 = 600;

/// When a message goes out.
pub(super) struct Schedule {
    /// Not before this time.
    pub(super) send_at: Option<Timestamp>,
    /// And not before its writer has had this long to think.
    pub(super) undo_until: Option<Timestamp>,
}

impl Schedule {
    /// As the request says.
    pub(super) fn of(value: &NewSubmission, now: Timestamp) -> Result<Self> {
        let undo_until = match value.undo_seconds {
            None | Some(0) => None,
            Some(seconds) if seconds <= UNDO_MOST_SECONDS => {
                Some(now.plus_millis(i64::from(seconds) * 1_000))
            }
            Some(_) => {
                let text = format!("{UNDO_MOST_SECONDS} seconds are allowed");
                return Err(ApiError::field("/undo_seconds", text));
            }
        };
        Ok(Self {
            send_at: send_at(value.send_at.as_deref(), value.time_zone.as_deref())?,
            undo_until,
        })
    }

    /// What its `Date` says: when it is to go out. The seconds to take it back do not count.
    pub(super) fn date(&self, now: Timestamp) -> Timestamp {
        self.send_at.map_or(now, |at| at.max(now))
    }
}

fn send_at(text: Option<&str>, zone: Option<&str>) -> Result<Option<Timestamp>> {
    let zone = match zone {
        None => None,
        Some(_) if text.is_none() => {
            return Err(ApiError::field("/time_zone", "goes with `send_at` only"));
        }
        Some(name) => Some(Zone::named(name).ok_or_else(|| {
            let text = "is no time zone of the IANA database, such as Europe/Vienna";
            ApiError::field("/time_zone", text)
        })?),
    };
    let Some(text) = text else { return Ok(None) };
    let found = match &zone {
        Some(zone) => zone.instant(text),
        None => Timestamp::parse(text),
    };
    match found {
        Some(at) => Ok(Some(at)),
        None if zone.is_some() => Err(ApiError::field(
            "/send_at",
            "expected a local time (2026-01-31T09:00) or an RFC 3339 time",
        )),
        None => Err(ApiError::field(
            "/send_at",
            "expected a date (2026-01-31), an RFC 3339 time, or a local time with `time_zone`",
        )),
    }
}
