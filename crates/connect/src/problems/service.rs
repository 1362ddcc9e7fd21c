//! Postroom's own house: disk, database, leases.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff};

/// What is said when nothing else fits: the fault is ours.
pub(super) const INTERNAL_ERROR: Entry = Entry {
    id: "internal_error",
    step: None,
    title: "Postroom made a mistake",
    cause: "Postroom met something that it was not built for; nothing was lost.",
    remedy: "Try again; if it happens again, report it with the trace id.",
    action: "try_again",
    retry: Backoff,
    likely_others: &["This version of Postroom is older than the data it works with."],
    ..Entry::BASE
};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "disk_full",
        step: None,
        title: "Postroom's disk is full",
        cause: "The disk that Postroom stores mail on has no space left; nothing new is stored, and nothing was damaged.",
        remedy: "Free space on the disk of Postroom's data directory; Postroom goes on by itself.",
        action: "free_space",
        retry: Backoff,
        likely_others: &["A disk quota of the user that Postroom runs as is used up."],
        ..Entry::BASE
    },
    Entry {
        id: "store_unavailable",
        step: None,
        title: "Postroom's database or store does not answer",
        cause: "Postroom could not reach its database or its store of messages.",
        remedy: "Check that the database and the store run and that Postroom may use them.",
        action: "contact_administrator",
        retry: Backoff,
        likely_others: &[
            "The database is being restarted.",
            "The store was made read-only.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "lease_lost",
        step: None,
        title: "Another node took over the mailbox",
        cause: "Another node of Postroom works on the mailbox now, so this one stopped.",
        remedy: "Nothing to do: the other node goes on.",
        action: "none",
        retry: Backoff,
        likely_others: &["This node was asleep or overloaded for longer than a lease lasts."],
        ..Entry::BASE
    },
    Entry {
        id: "secret_key_missing",
        step: None,
        title: "Stored passwords cannot be opened",
        cause: "Postroom has another secret key than the one that the passwords were sealed with.",
        remedy: "Give Postroom the right key file (`secret_key_file`), or enter the passwords again.",
        action: "contact_administrator",
        retry: AfterChange,
        likely_others: &["The data was restored from a backup without its key."],
        ..Entry::BASE
    },
    Entry {
        id: "randomness_unavailable",
        step: None,
        title: "This machine gives no random numbers",
        cause: "This machine gave Postroom no random numbers, and nothing safe can be done without them.",
        remedy: "Check the operating system of the machine that Postroom runs on.",
        action: "contact_administrator",
        retry: Backoff,
        likely_others: &["A sandbox forbids the system call."],
        ..Entry::BASE
    },
    Entry {
        id: "shutting_down",
        step: None,
        title: "Postroom is being stopped",
        cause: "Postroom is stopping and takes no new work.",
        remedy: "Try again in a minute.",
        action: "try_again",
        retry: Backoff,
        likely_others: &["An administrator restarts Postroom for an update."],
        ..Entry::BASE
    },
    INTERNAL_ERROR,
];
