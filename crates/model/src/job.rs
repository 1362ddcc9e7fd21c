//! Jobs: work that goes on for a while, with its progress.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a job stands.
    Phase as "JobPhase" {
        Running = "running",
        /// By hand, until it goes on by hand; or by itself, for what `last_error` says: then it goes on once that is over.
        Paused = "paused",
        Cancelled = "cancelled",
        /// Everything was tried; what failed is counted.
        Done = "done",
    }
}

/// Somebody whom a merge did not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobFailure {
    /// Which one of the list, from 0.
    pub index: i64,
    /// The address.
    pub address: String,
    /// Why.
    pub reason: String,
}

/// A job: one message to many, each with data of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Job {
    /// `job_…`
    pub id: String,
    /// `merge`
    pub kind: String,
    /// Where it stands.
    pub phase: Phase,
    /// The mailbox that sends.
    pub mailbox_id: String,
    /// Recipients in all.
    pub total: i64,
    /// Of those, the ones that were tried: their messages are in the outbox, or they failed.
    pub done: i64,
    /// Of those, the ones that failed.
    pub failed: i64,
    /// Recipients in a minute since it began; null: not known yet, or it does not run.
    pub rate: Option<i64>,
    /// When it ends, if it goes on like this; null: not known.
    pub eta: Option<Timestamp>,
    /// Why it cannot go on now, or was ended; else why the last recipient that failed did.
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was done or cancelled.
    pub finished_at: Option<Timestamp>,
}
