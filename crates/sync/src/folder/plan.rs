//! What to do about a folder: pure decisions.

use crate::list::Status;
use imap_client::UidSet;
use model::message::Flags;
use std::collections::HashMap;
use std::time::Duration;
use store::folders::Known;
use store::ingest::FlagUpdate;

/// UIDVALIDITY changes in a row after which a folder is left alone with a clear problem.
pub const RESETS_MAX: i64 = 5;

/// Rounds from one comparison of all flags of a folder to the next, at least and at most, and so many messages put it off by one
/// round more. With a round a minute, what is changed elsewhere is seen after five minutes to half an hour.
const ROUNDS_APART: u32 = 5;
const ROUNDS_APART_MAX: u32 = 30;
const MESSAGES_A_ROUND: i64 = 1_000;

/// What a folder needs, as far as STATUS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing has changed.
    Nothing,
    /// Something has changed, or cannot be told.
    Look,
}

/// Compares the cursors with STATUS. `seen_next`: the UIDNEXT with which we were last in step, where
/// the newest messages are gone and our cursor is lower. `compare`: it is time to look even if nothing can be seen from
/// outside (a server without HIGHESTMODSEQ does not show changed flags).
pub fn need(known: &Known, status: &Status, seen_next: Option<i64>, compare: bool) -> Need {
    let same = known.uid_validity.is_some()
        && known.uid_validity == status.uid_validity
        && known.backfilled
        && status.uid_next.is_some()
        && (status.uid_next == Some(known.high_uid) || status.uid_next == seen_next)
        && status.messages.is_some()
        && status.messages == known.server_messages;
    let quiet = match (status.mod_seq, known.mod_seq) {
        (Some(now), Some(then)) => now == then,
        (None, None) => !compare,
        _ => false,
    };
    if same && quiet {
        Need::Nothing
    } else {
        Need::Look
    }
}

/// How long flags of a folder are not compared again, on a server that tells changed flags by nothing else: some 44 octets for
/// each message go over the wire each time. `round`: how often the folders are counted; `poll`: how often the owner of the server
/// wants them to be, at most.
pub fn comparison_pause(messages: i64, round: Duration, poll: Option<Duration>) -> Duration {
    let more = u32::try_from(messages / MESSAGES_A_ROUND).unwrap_or(u32::MAX);
    let rounds = ROUNDS_APART.saturating_add(more).min(ROUNDS_APART_MAX);
    (round * rounds).max(poll.unwrap_or_default())
}

/// How to learn what changed since the cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The server tells changes and what vanished (QRESYNC).
    Qresync(u64),
    /// The server tells changes (CONDSTORE); what vanished is found by listing UIDs.
    Condstore(u64),
    /// UIDs and flags of all messages are compared.
    Compare,
}

/// The cheapest way that cannot be wrong. A HIGHESTMODSEQ below ours (a restored backup, a lost
/// index) is no ground to stand on.
pub fn way(known: &Known, qresync: bool, condstore: bool) -> Way {
    match known.mod_seq.filter(|seq| *seq > 0) {
        Some(seq) if qresync => Way::Qresync(seq as u64),
        Some(seq) if condstore => Way::Condstore(seq as u64),
        _ => Way::Compare,
    }
}

/// What we have that the server has no more, as ranges for the store. Only what lies below
/// `high_uid` was ever looked at.
pub fn vanished(ours: &UidSet, servers: &UidSet) -> Vec<(i64, i64)> {
    ranges(&ours.difference(servers))
}

/// The ranges of a set, within the numbers that a UID can have.
pub fn ranges(set: &UidSet) -> Vec<(i64, i64)> {
    let bound = |uid: u64| uid.min(i64::from(u32::MAX) as u64) as i64;
    set.ranges()
        .iter()
        .map(|(first, last)| (bound(*first), bound(*last)))
        .collect()
}

/// Parts of a set of at most `size` UIDs each, as first and last UID, ends included, rising.
pub fn windows(set: &UidSet, size: usize) -> Vec<(u64, u64)> {
    let mut windows = Vec::new();
    let (mut first, mut held) = (None, 0);
    for (mut low, high) in set.ranges().iter().copied() {
        while low <= high {
            let end = high.min(low.saturating_add((size - held) as u64 - 1));
            first.get_or_insert(low);
            held += (end - low + 1) as usize;
            if held == size {
                windows.extend(first.take().map(|first| (first, end)));
                held = 0;
            }
            low = end + 1;
        }
    }
    windows.extend(first.zip(set.last()));
    windows
}

/// Flags that differ from what we have.
pub fn changed_flags(
    ours: &HashMap<i64, Flags>,
    servers: impl IntoIterator<Item = FlagUpdate>,
) -> Vec<FlagUpdate> {
    servers
        .into_iter()
        .filter(|update| {
            ours.get(&update.uid)
                .is_some_and(|flags| *flags != update.flags || update.labels.is_some())
        })
        .collect()
}

/// Cuts what is to be fetched into batches of a number of messages, newest first.
pub fn newest_first(todo: &UidSet, batch: usize) -> Vec<UidSet> {
    into_batches(todo.iter().rev().map(|uid| (uid, 0)), batch, u64::MAX)
}

/// Cuts messages (UID, octets), in their order, into batches of at most `count` messages and about
/// `bytes` octets; a larger message is a batch of its own.
pub fn into_batches(
    messages: impl IntoIterator<Item = (u64, u64)>,
    count: usize,
    bytes: u64,
) -> Vec<UidSet> {
    let mut batches = Vec::new();
    let mut current = UidSet::new();
    let (mut held, mut weight) = (0, 0u64);
    for (uid, size) in messages {
        if held > 0 && (held == count || weight.saturating_add(size) > bytes) {
            batches.push(std::mem::take(&mut current));
            (held, weight) = (0, 0);
        }
        current.insert(uid);
        held += 1;
        weight = weight.saturating_add(size);
    }
    if !current.is_empty() {
        batches.push(current);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::folder::Mode;

    fn known() -> Known {
        Known {
            id: "f".into(),
            wire_name: "INBOX".into(),
            path: "INBOX".into(),
            role: None,
            role_fixed: false,
            mode: Mode::Full,
            mode_fixed: false,
            since: None,
            size_limit: None,
            object_id: None,
            uid_validity: Some(7),
            high_uid: 10,
            low_uid: Some(1),
            mod_seq: Some(50),
            server_messages: Some(9),
            messages: 9,
            total: 0,
            backfilled: true,
            resets: 0,
            parked_until: None,
        }
    }

    fn status() -> Status {
        Status {
            uid_validity: Some(7),
            uid_next: Some(10),
            mod_seq: Some(50),
            messages: Some(9),
            unseen: None,
        }
    }

    #[test]
    fn windows_cover_a_set_and_nothing_is_in_two() {
        let set = UidSet::parse("1:3,7,9:14");
        assert_eq!(windows(&set, 4), [(1, 7), (9, 12), (13, 14)]);
        assert_eq!(windows(&set, 10), [(1, 14)]);
        assert_eq!(windows(&set, 100), [(1, 14)]);
        assert_eq!(windows(&UidSet::new(), 4), []);
    }

    #[test]
    fn a_folder_in_step_needs_nothing() {
        assert_eq!(need(&known(), &status(), None, true), Need::Nothing);
    }

    #[test]
    fn each_difference_is_a_reason_to_look() {
        let cases = [
            Status {
                uid_validity: Some(8),
                ..status()
            },
            Status {
                uid_validity: None,
                ..status()
            },
            Status {
                uid_next: Some(11),
                ..status()
            },
            Status {
                uid_next: None,
                ..status()
            },
            Status {
                mod_seq: Some(51),
                ..status()
            },
            Status {
                mod_seq: Some(49),
                ..status()
            },
            Status {
                mod_seq: None,
                ..status()
            },
            Status {
                messages: Some(8),
                ..status()
            },
            Status {
                messages: None,
                ..status()
            },
        ];
        for case in cases {
            assert_eq!(need(&known(), &case, None, false), Need::Look, "{case:?}");
        }
        assert_eq!(
            need(
                &Known {
                    backfilled: false,
                    ..known()
                },
                &status(),
                None,
                false
            ),
            Need::Look
        );
    }

    #[test]
    fn without_modseq_only_time_brings_a_comparison() {
        let known = Known {
            mod_seq: None,
            ..known()
        };
        let status = Status {
            mod_seq: None,
            ..status()
        };
        assert_eq!(need(&known, &status, None, false), Need::Nothing);
        assert_eq!(need(&known, &status, None, true), Need::Look);
    }

    #[test]
    fn the_larger_a_folder_the_rarer_are_its_flags_compared_and_never_rarer_than_said() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let pause = |messages: i64| comparison_pause(messages, minutes(1), None);
        assert_eq!(pause(0), minutes(5));
        assert_eq!(pause(999), minutes(5));
        assert_eq!(pause(20_000), minutes(25));
        assert_eq!(pause(i64::MAX), minutes(30));
        let hourly = Some(minutes(60));
        assert_eq!(comparison_pause(10, minutes(1), hourly), minutes(60));
    }

    #[test]
    fn the_cheapest_way_needs_a_cursor() {
        assert_eq!(way(&known(), true, true), Way::Qresync(50));
        assert_eq!(way(&known(), false, true), Way::Condstore(50));
        assert_eq!(way(&known(), false, false), Way::Compare);
        assert_eq!(
            way(
                &Known {
                    mod_seq: None,
                    ..known()
                },
                true,
                true
            ),
            Way::Compare
        );
        assert_eq!(
            way(
                &Known {
                    mod_seq: Some(0),
                    ..known()
                },
                true,
                true
            ),
            Way::Compare
        );
    }

    #[test]
    fn what_the_server_has_no_more_vanished() {
        let ours = UidSet::parse("1:5,9");
        let servers = UidSet::parse("2,4:100");
        assert_eq!(vanished(&ours, &servers), [(1, 1), (3, 3)]);
    }

    #[test]
    fn batches_go_from_the_newest_down() {
        let batches = newest_first(&UidSet::parse("1:5"), 2);
        let texts: Vec<String> = batches.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["4:5", "2:3", "1"]);
    }

    #[test]
    fn a_large_message_is_a_batch_of_its_own() {
        let sizes = [(9, 10), (8, 90), (7, 500), (6, 10), (5, 10)];
        let texts: Vec<String> = into_batches(sizes, 10, 100)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, ["8:9", "7", "5:6"]);
    }
}
