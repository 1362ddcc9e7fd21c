use mail_message::Composed;

/// A message on its way into the outbox.
pub(super) struct Ready {
    /// Its bytes and envelope.
    pub(super) composed: Composed,
    /// Its subject, for lists.
    pub(super) subject: String,
}
