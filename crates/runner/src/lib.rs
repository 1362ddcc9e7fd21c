//! How anything runs in the background.
//!
//! A [`Task`] compares what should be with what is, takes one step, commits it, and says when it
//! wants to look [`Next`]. A wake-up only makes it look sooner; looking from time to time is the
//! floor under lost wake-ups; and a step that fails is taken again after a growing pause. So a task
//! never needs to know why it runs, and a restart is nothing special to it.
//!
//! The [`Supervisor`] runs tasks and single jobs, keeps a panic from taking anything but the step
//! that panicked, and ends everything in two stages: first each task finishes the step in hand, then,
//! after a deadline, whatever is still running is dropped where it stands. Both stages are safe,
//! because a step is only believed in once it is committed.

mod backoff;
mod supervisor;
mod task;

pub use backoff::{backoff, jitter};
pub use supervisor::{Handle, Supervisor};
pub use task::{Next, StepError, Task};
pub use tokio_util::sync::CancellationToken;
