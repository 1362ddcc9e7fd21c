//! The completeness audit: what the server has, message by message, against what is stored.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// How an audit ended.
    AuditOutcome {
        /// Server and store are equal.
        Equal = "equal",
        /// They differed, and are equal now.
        Repaired = "repaired",
        /// They differ.
        Differs = "differs",
        /// Some folder could not be compared.
        Unfinished = "unfinished",
    }
}

/// One folder as an audit found it. Counts are of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FolderAudit {
    /// The folder.
    pub folder_id: String,
    /// Its path.
    pub path: String,
    /// The server has so many that are wanted.
    pub server: i64,
    /// So many are stored.
    pub stored: i64,
    /// On the server, and not stored.
    pub missing: i64,
    /// Stored, and not on the server.
    pub surplus: i64,
    /// Stored with other flags than the server's.
    pub flags: i64,
    /// Stored with another size than the server says. Some servers say a wrong one: this counts as no difference.
    pub sizes: i64,
    /// By how much our own counts of the folder are wrong.
    pub miscounted: i64,
    /// Still to be fetched for the first time.
    pub to_come: i64,
    /// In the ledger of messages that could not be stored.
    pub in_ledger: i64,
    /// Differences that were repaired.
    pub repaired: i64,
    /// Why the folder could not be compared.
    pub problem_id: Option<String>,
}

impl FolderAudit {
    /// How many messages differ. A count that is wrong because rows are is no further difference.
    pub fn differences(&self) -> i64 {
        (self.missing + self.surplus + self.flags).max(self.miscounted)
    }
}

/// What the last audit found, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastAudit {
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: AuditOutcome,
    /// How many messages differed.
    pub differences: i64,
    /// How many of these were repaired.
    pub repaired: i64,
}

/// The audit of a mailbox: the one that is asked for, and the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Audit {
    /// The mailbox.
    pub mailbox_id: String,
    /// Since when one is asked for that has not ended; null: none is.
    pub asked_at: Option<Timestamp>,
    /// The last one; null: there was none.
    pub last: Option<LastAudit>,
    /// The folders as the last one found them.
    pub folders: Vec<FolderAudit>,
}

/// How an audit of these folders ended.
pub fn outcome(folders: &[FolderAudit]) -> AuditOutcome {
    let differences: i64 = folders.iter().map(FolderAudit::differences).sum();
    let repaired: i64 = folders.iter().map(|folder| folder.repaired).sum();
    if folders.iter().any(|folder| folder.problem_id.is_some()) {
        AuditOutcome::Unfinished
    } else if repaired < differences {
        AuditOutcome::Differs
    } else if differences > 0 {
        AuditOutcome::Repaired
    } else {
        AuditOutcome::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_the_worst_of_the_folders() {
        let equal = FolderAudit::default();
        let repaired = FolderAudit {
            missing: 2,
            flags: 1,
            repaired: 3,
            ..FolderAudit::default()
        };
        let differs = FolderAudit {
            surplus: 1,
            ..FolderAudit::default()
        };
        let closed = FolderAudit {
            problem_id: Some("command_refused".to_owned()),
            ..FolderAudit::default()
        };
        let all = [equal, repaired, differs, closed];
        let ends = [1, 2, 3, 4].map(|n| outcome(&all[..n]).as_str());
        assert_eq!(ends, ["equal", "repaired", "differs", "unfinished"]);
    }
}
