//! A message to be sent, as it comes in.

use crate::error::Result;
use crate::input::{Checks, present};
use model::signature::Template;
use model::submission::{CalendarAnswer, Dsn, Notify, Priority, Wishes};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A name with an address.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    /// The name, if there is one.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// The address.
    pub(super) address: String,
}

/// A file to be sent: its content comes with it, was uploaded before, or is a file of a stored message.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Its name for the recipient. Left out: as it is called where it comes from.
    #[serde(default)]
    pub(super) filename: Option<String>,
    /// Left out: as known where it comes from, else `application/octet-stream`.
    #[serde(default)]
    pub(super) content_type: Option<String>,
    /// Its bytes, in base64.
    #[serde(default)]
    pub(super) content_base64: Option<String>,
    /// `upl_…`, as `POST /v1/uploads` answered.
    #[serde(default)]
    pub(super) blob_id: Option<String>,
    /// The stored message that has it, together with `attachment_id`.
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// Which file of that message.
    #[serde(default)]
    pub(super) attachment_id: Option<String>,
    /// For `cid:` addresses in the HTML.
    #[serde(default)]
    pub(super) content_id: Option<String>,
    /// Shown inside the HTML rather than listed. Where the HTML does not name it, it is listed.
    #[serde(default)]
    pub(super) inline: bool,
}

/// How a message is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ForwardAs {
    /// Its text below one's own, its files along.
    #[default]
    Inline,
    /// The whole message as a file, byte for byte.
    Attachment,
}

/// To whom a raw message goes, whatever its header says.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    /// The sender, the address of an identity that you may use; left out: the author's.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// The recipients.
    pub(super) to: Vec<String>,
}

/// A message to be sent: in parts, or as `raw_base64`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubmission {
    /// The mailbox that sends: one that you see, or one that is shared for sending. Left out: that of the identity, the author
    /// or the original that is named, or else your own, or the installation's own sender.
    #[serde(default)]
    pub(super) mailbox_id: Option<String>,
    /// The identity to send as; left out: the one with the address in `from`; in an answer, the one that the original was
    /// written to; else the main one.
    #[serde(default)]
    pub(super) identity_id: Option<String>,
    /// The author: the address of an identity that you may use, and the name, if it is another one.
    #[serde(default)]
    pub(super) from: Option<Person>,
    /// Recipients; left out in an answer: those whom it is due to.
    #[serde(default)]
    pub(super) to: Vec<Person>,
    /// Copies.
    #[serde(default)]
    pub(super) cc: Vec<Person>,
    /// Hidden copies.
    #[serde(default)]
    pub(super) bcc: Vec<Person>,
    /// Where answers should go.
    #[serde(default)]
    pub(super) reply_to: Vec<Person>,
    /// Left out in an answer or a forward: the original's, with its prefix.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// Plain text.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// HTML.
    #[serde(default)]
    pub(super) html: Option<String>,
    /// Files.
    #[serde(default)]
    pub(super) attachments: Vec<File>,
    /// The stored message that this one answers: it gives In-Reply-To, References and the quote.
    #[serde(default)]
    pub(super) in_reply_to_message_id: Option<String>,
    /// With `in_reply_to_message_id`: the answer goes to everybody whom the original went to, but never to oneself.
    #[serde(default)]
    pub(super) reply_all: bool,
    /// With `in_reply_to_message_id` of an invitation: the answer that calendars understand (RFC 6047).
    #[serde(default)]
    pub(super) calendar_reply: Option<CalendarAnswer>,
    /// The stored message that is forwarded.
    #[serde(default)]
    pub(super) forward_message_id: Option<String>,
    /// With `forward_message_id`: its text and its files (`inline`, also when left out), or all of it as one file.
    #[serde(default)]
    pub(super) forward_as: Option<ForwardAs>,
    /// Whether the original is quoted below the text. Left out: yes, unless the text holds a quotation
    /// already (a line that begins with `>` or `-----`).
    #[serde(default)]
    pub(super) quote: Option<bool>,
    /// Further header fields: `X-*`, `List-*` and a few more.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The signature below the text, `sig_…`; null or `none`: none; left out: the identity's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(super) signature: Option<Option<String>>,
    /// The stored template that subject, text and HTML are made from, `tpl_…`.
    #[serde(default)]
    pub(super) template_id: Option<String>,
    /// That template as it was once, for a job.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) frozen: Option<Template>,
    /// What the template is filled with.
    #[serde(default)]
    pub(super) data: Option<serde_json::Map<String, Value>>,
    /// Not before this time: RFC 3339, a date, or with `time_zone` a local time.
    #[serde(default)]
    pub(super) send_at: Option<String>,
    /// The IANA time zone in which `send_at` is named, such as `Europe/Vienna`.
    #[serde(default)]
    pub(super) time_zone: Option<String>,
    /// So long it waits before anything else, and can be cancelled; 600 at most.
    #[serde(default)]
    pub(super) undo_seconds: Option<u32>,
    /// What goes first where several wait for the same mailbox.
    #[serde(default)]
    pub(super) priority: Priority,
    /// The delivery notices that are asked of the servers on the way. A server that does not offer them (DSN) gets the message
    /// all the same.
    #[serde(default)]
    pub(super) dsn: Option<Dsn>,
    /// Encrypted all the way to the recipient, or not at all (REQUIRETLS). A server that does not offer it gets nothing.
    #[serde(default)]
    pub(super) require_tls: bool,
    /// Asks the recipients for a reading receipt (RFC 8098), which they may refuse.
    #[serde(default)]
    pub(super) read_receipt: bool,
    /// The draft that becomes this message: it is gone once this is queued.
    #[serde(default)]
    pub(super) draft_id: Option<String>,
    /// With `draft_id`: only if it is still this version of it.
    #[serde(default)]
    pub(super) draft_version: Option<i64>,
    /// A whole message instead of its parts.
    #[serde(default)]
    pub(super) raw_base64: Option<String>,
    /// With `raw_base64`: to whom it goes; left out: as its header says.
    #[serde(default)]
    pub(super) envelope: Option<Envelope>,
}

impl NewSubmission {
    /// Whether the bytes of stored messages are needed for it.
    pub(super) fn takes_stored(&self) -> bool {
        self.in_reply_to_message_id.is_some()
            || self.forward_message_id.is_some()
            || self
                .attachments
                .iter()
                .any(|file| file.message_id.is_some())
    }

    /// Refuses wishes that contradict each other.
    pub(super) fn check_what_is_there(&self) -> Result<()> {
        let mut checks = Checks::default();
        if self.draft_version.is_some() && self.draft_id.is_none() {
            checks.refuse("/draft_version", "goes with `draft_id` only");
        }
        if let Some(Dsn { notify, .. }) = &self.dsn
            && notify.contains(&Notify::Never)
            && notify.len() > 1
        {
            checks.refuse("/dsn/notify", "`never` stands alone");
        }
        checks.end()
    }

    /// Refuses what says nothing without another field.
    pub(super) fn check_what_goes_together(&self) -> Result<()> {
        let mut checks = Checks::default();
        let answers = self.in_reply_to_message_id.is_some();
        let with_answer = "goes with `in_reply_to_message_id` only";
        if self.reply_all && !answers {
            checks.refuse("/reply_all", with_answer);
        }
        if self.calendar_reply.is_some() && !answers {
            checks.refuse("/calendar_reply", with_answer);
        }
        if self.calendar_reply.is_some() && self.reply_all {
            let text = "an invitation is answered to the one who sent it";
            checks.refuse("/reply_all", text);
        }
        if self.forward_as.is_some() && self.forward_message_id.is_none() {
            checks.refuse("/forward_as", "goes with `forward_message_id` only");
        }
        checks.end()
    }

    /// What it asks of those who carry it.
    pub(super) fn wishes(&self) -> Wishes {
        Wishes {
            dsn: self.dsn.clone(),
            require_tls: self.require_tls,
            read_receipt: self.read_receipt,
            time_zone: self.time_zone.clone(),
            calendar_reply: self.calendar_reply,
        }
    }

    /// The first field that cannot stand beside `raw_base64`.
    pub(super) fn beside_raw(&self) -> Option<&'static str> {
        let given = [
            ("from", self.from.is_some()),
            ("to", !self.to.is_empty()),
            ("cc", !self.cc.is_empty()),
            ("bcc", !self.bcc.is_empty()),
            ("reply_to", !self.reply_to.is_empty()),
            ("subject", self.subject.is_some()),
            ("text", self.text.is_some()),
            ("html", self.html.is_some()),
            ("attachments", !self.attachments.is_empty()),
            (
                "in_reply_to_message_id",
                self.in_reply_to_message_id.is_some(),
            ),
            ("reply_all", self.reply_all),
            ("calendar_reply", self.calendar_reply.is_some()),
            ("forward_message_id", self.forward_message_id.is_some()),
            ("forward_as", self.forward_as.is_some()),
            ("quote", self.quote.is_some()),
            ("signature", self.signature.is_some()),
            ("template_id", self.template_id.is_some()),
            ("data", self.data.is_some()),
            ("headers", !self.headers.is_empty()),
            ("read_receipt", self.read_receipt),
        ];
        given
            .iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| *name)
    }
}
