//! The shapes of messages for the description of the API: the real ones are written by hand,
//! because the parsed head goes from the store to the wire as text.
#![allow(dead_code, reason = "only described, never made")]

use model::Timestamp;
use model::message::{Direction, Flags, Placement};

/// A name with an address.
#[derive(utoipa::ToSchema)]
pub(crate) struct Address {
    /// The name, if there is one.
    name: Option<String>,
    /// The address.
    address: String,
}

/// A message as lists show it.
#[derive(utoipa::ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageShape {
    /// `msg_…`
    id: String,
    /// The mailbox it belongs to.
    mailbox_id: String,
    /// The conversation.
    thread_id: String,
    /// Where it lies.
    folders: Vec<Placement>,
    /// Whether the owner sent it.
    direction: Direction,
    /// When the server received it.
    received_at: Timestamp,
    /// Octets of the raw message.
    size: i64,
    /// Flags.
    flags: Flags,
    /// Labels of the server, where it has them; its own begin with a backslash, as `\Inbox`.
    labels: Vec<String>,
    /// Its server has labels: they can be put on and taken off.
    takes_labels: bool,
    /// Own tags and the own folder, which the server does not know.
    tags: Vec<model::tag::TagRef>,
    /// The whole message is stored; otherwise only its header (`POST …/fetch` fetches the rest).
    complete: bool,
    /// The Message-ID, without brackets.
    internet_message_id: Option<String>,
    /// What it answers.
    in_reply_to: Option<String>,
    /// The conversation's Message-IDs.
    references: Vec<String>,
    /// The subject, decoded.
    subject: Option<String>,
    /// Authors.
    from: Vec<Address>,
    /// Recipients.
    to: Vec<Address>,
    /// Copies.
    cc: Vec<Address>,
    /// Hidden copies, in sent mail.
    bcc: Vec<Address>,
    /// Where answers go.
    reply_to: Vec<Address>,
    /// The Date header.
    date: Option<String>,
    /// The beginning of the text.
    preview: String,
    /// Has attachments.
    has_attachments: bool,
    /// Written by a machine.
    automatic: bool,
}

/// A file in a message.
#[derive(utoipa::ToSchema)]
#[schema(as = Attachment)]
pub(crate) struct AttachmentShape {
    /// `att_…`, within its message.
    id: String,
    /// A name that is safe to save under.
    filename: String,
    /// What the sender says it is.
    content_type: String,
    /// Octets, decoded.
    size: u64,
    /// Shown inside the text.
    inline: bool,
    /// For `cid:` addresses.
    content_id: Option<String>,
}

/// What `body=` adds to a message.
#[derive(utoipa::ToSchema)]
#[schema(as = MessageBody)]
pub(crate) struct BodyShape {
    /// The message.
    #[serde(flatten)]
    message: MessageShape,
    /// What it reports or answers: the submission and the stored message, where they are known.
    answers: Option<model::returned::Answered>,
    /// Plain text.
    text: Option<String>,
    /// HTML, made inert.
    html: Option<String>,
    /// What the author newly wrote.
    reply_text: Option<String>,
    /// Files.
    attachments: Vec<AttachmentShape>,
    /// The receiving server's verdict.
    #[schema(value_type = Option<mail_message::AuthResults>)]
    auth_results: Option<()>,
    /// What a machine reported.
    #[schema(value_type = Option<super::body::Report>)]
    report: Option<()>,
    /// What a provider of certified mail (PEC) says; then text, HTML and files are those of the message in its envelope.
    certified: Option<mail_message::certified::Certified>,
    /// Who asks for a reading receipt (`POST .../read-receipt` gives it).
    receipt_to: Vec<Address>,
    /// Pictures of other servers that were not loaded.
    blocked_remote_images: usize,
}
