//! How long the outbox tries, and how patient it is: settable, with defaults that suit mail.

use model::limits::SUBMISSION_TRY_MILLIS;
use std::sync::Arc;

/// How long a submission stays unclear before it goes out once more.
pub const UNCLEAR_MILLIS: i64 = 15 * 60_000;
/// How long a submission is kept after its last change.
const KEPT_MILLIS: i64 = 90 * 24 * 3_600_000;
/// Pauses after the first tries, in milliseconds; the last one is for all that follow (RFC 5321 4.5.4.1 asks for 30
/// minutes at least between servers; a first look after 5 meets greylisting).
const LADDER_MILLIS: [i64; 5] = [300_000, 600_000, 1_200_000, 2_400_000, 3_600_000];

/// The rules of the outbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Pauses after the first tries, in milliseconds, at least one; the last one is for all that follow.
    pub ladder_millis: Arc<[i64]>,
    /// How long a submission is tried.
    pub give_up_millis: i64,
    /// How long one stays unclear, for evidence to come, before it goes out once more; and then again before it has failed.
    pub unclear_millis: i64,
    /// How long one is kept after its last change.
    pub kept_millis: i64,
}

impl Rules {
    /// The pause after so many tries; the last one of the ladder is for all that follow.
    pub fn pause_millis(&self, tries: i64) -> i64 {
        let rung = usize::try_from(tries - 1).unwrap_or(0);
        let last = self.ladder_millis.len().saturating_sub(1);
        let rung = self.ladder_millis.get(rung.min(last));
        rung.copied().unwrap_or(LADDER_MILLIS[0])
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ladder_millis: Arc::new(LADDER_MILLIS),
            give_up_millis: SUBMISSION_TRY_MILLIS,
            unclear_millis: UNCLEAR_MILLIS,
            kept_millis: KEPT_MILLIS,
        }
    }
}
