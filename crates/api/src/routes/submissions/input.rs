//! A message to be sent, as it comes in.

use crate::error::Result;
use crate::input::Checks;
use model::Timestamp;
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

/// A file to be sent.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Its name for the recipient.
    pub(super) filename: String,
    /// Left out: `application/octet-stream`.
    #[serde(default)]
    pub(super) content_type: Option<String>,
    /// Its bytes, in base64.
    pub(super) content_base64: String,
    /// For `cid:` addresses in the HTML.
    #[serde(default)]
    pub(super) content_id: Option<String>,
    /// Shown inside the HTML rather than listed.
    #[serde(default)]
    pub(super) inline: bool,
    /// Null or left out: files come in `content_base64`.
    #[serde(default)]
    #[schema(schema_with = only_null)]
    blob_id: Option<Value>,
}

/// A field whose name is taken, for something that there is not yet.
fn only_null() -> utoipa::openapi::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::Null)
        .build()
}

/// To whom a raw message goes, whatever its header says.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    /// The sender; left out: the mailbox's address.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// The recipients.
    pub(super) to: Vec<String>,
}

/// A message to be sent: in parts, or as `raw_base64`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubmission {
    /// The mailbox that sends.
    pub(super) mailbox_id: String,
    /// The author; left out: the mailbox's name and address. The address must be the mailbox's own.
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
    /// The stored message that is forwarded, with its files.
    #[serde(default)]
    pub(super) forward_message_id: Option<String>,
    /// Whether the original is quoted below the text. Left out: yes, unless the text holds a quotation
    /// already (a line that begins with `>` or `-----`).
    #[serde(default)]
    pub(super) quote: Option<bool>,
    /// Further header fields: `X-*`, `List-*` and a few more.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Null or left out: a signature is part of the text.
    #[serde(default)]
    #[schema(schema_with = only_null)]
    signature: Option<Value>,
    /// Not before this time.
    #[serde(default)]
    pub(super) send_at: Option<Timestamp>,
    /// A whole message instead of its parts.
    #[serde(default)]
    pub(super) raw_base64: Option<String>,
    /// With `raw_base64`: to whom it goes; left out: as its header says.
    #[serde(default)]
    pub(super) envelope: Option<Envelope>,
}

impl NewSubmission {
    /// Refuses what is not there yet, rather than sending a message without it.
    pub(super) fn check_what_is_there(&self) -> Result<()> {
        let mut checks = Checks::default();
        if self.signature.is_some() {
            checks.refuse(
                "/signature",
                "must be null: write the signature into the text",
            );
        }
        for (i, file) in self.attachments.iter().enumerate() {
            if file.blob_id.is_some() {
                let pointer = format!("/attachments/{i}/blob_id");
                checks.refuse(&pointer, "must be null: give the file in content_base64");
            }
        }
        checks.end()
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
            ("forward_message_id", self.forward_message_id.is_some()),
            ("quote", self.quote.is_some()),
            ("headers", !self.headers.is_empty()),
        ];
        given
            .iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| *name)
    }
}
