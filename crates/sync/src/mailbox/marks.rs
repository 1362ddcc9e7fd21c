//! What a connection notes of a folder, beside what the store knows.

use super::visit::Visit;
use tokio::time::Instant;

/// The notes on a folder.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// UIDNEXT when all below it was fetched: newer than our cursor where the newest messages were removed. A hint that only
    /// saves a look.
    pub(super) seen_next: Option<i64>,
    /// It was not in step yet on this connection: what is new in it may have come while we were away.
    pub(super) behind: bool,
    /// When all its flags were last compared, on a server that tells changed flags by nothing else.
    pub(super) compared: Option<Instant>,
    /// It could not be opened in this round.
    pub(super) closed: bool,
    /// How often in a row it could not be opened.
    pub(super) refused: u32,
}

impl Visit<'_> {
    /// What was noted of a folder.
    pub(super) fn mark(&self, folder_id: &str) -> Mark {
        self.marks.get(folder_id).copied().unwrap_or_default()
    }

    /// The same, to note more.
    pub(super) fn mark_mut(&mut self, folder_id: &str) -> &mut Mark {
        self.marks.entry(folder_id.to_owned()).or_default()
    }
}
