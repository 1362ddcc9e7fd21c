//! The body of a message, parsed again from its raw bytes when someone wants to read it.

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use mail_message::AttachmentMeta;
use mail_message::sanitize::{Options, RemoteImages, sanitize};
use model::limits::{PARSE_BYTES, PARSE_HEAD_BYTES};
use serde::Serialize;
use store::messages::Raw;

/// What is said of a huge message.
const BEGINNING_ONLY: &str = "the message has more than 64 MiB, and only its beginning was read: \
    attachments may be missing here, and the size of the last one may be wrong";

/// What a reader wants to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) text: bool,
    pub(super) html: bool,
    pub(super) remote_images: RemoteImages,
}

/// What `body=` adds to a message.
#[derive(Serialize)]
pub(super) struct Body {
    text: Option<String>,
    html: Option<String>,
    reply_text: Option<String>,
    attachments: Vec<Attachment>,
    auth_results: Option<mail_message::AuthResults>,
    report: Option<Report>,
    receipt_to: Vec<mail_message::Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certified: Option<mail_message::certified::Certified>,
    blocked_remote_images: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse_problem: Option<String>,
}

/// A report with the submission that it is about.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = MessageReport)]
pub(super) struct Report {
    #[serde(flatten)]
    report: mail_message::Report,
    /// The submission that it is about, where that is known.
    submission_id: Option<String>,
}

impl Body {
    /// Adds to the report what is known of it.
    pub(super) fn is_about(&mut self, answers: Option<model::returned::Answered>) {
        if let (Some(report), Some(answers)) = (&mut self.report, answers) {
            report.submission_id = answers.submission_id;
        }
    }
}

#[derive(Serialize)]
struct Attachment {
    id: String,
    filename: String,
    content_type: String,
    size: u64,
    inline: bool,
    content_id: Option<String>,
}

/// The id of a part within its message.
pub(super) fn attachment_id(index: u32) -> String {
    format!("att_{index}")
}

/// The part with this id within its message.
pub(super) fn attachment_index(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("att_")?;
    let index: u32 = digits.parse().ok()?;
    (attachment_id(index) == id).then_some(index)
}

/// Whether a message is so large that only its beginning is parsed.
pub(crate) const fn is_huge(raw: &Raw) -> bool {
    raw.place.length > PARSE_BYTES
}

/// Does something slow with the raw bytes of a message (of a huge one, the beginning), a few
/// messages at a time.
pub(crate) async fn with_bytes<T: Send + 'static>(
    state: &ApiState,
    raw: &Raw,
    work: impl FnOnce(Vec<u8>) -> T + Send + 'static,
) -> Result<T> {
    let limit = if is_huge(raw) {
        PARSE_HEAD_BYTES
    } else {
        PARSE_BYTES
    };
    with_beginning(state, raw, limit, work).await
}

/// Like [`with_bytes`], with up to `limit` bytes.
pub(super) async fn with_beginning<T: Send + 'static>(
    state: &ApiState,
    raw: &Raw,
    limit: u64,
    work: impl FnOnce(Vec<u8>) -> T + Send + 'static,
) -> Result<T> {
    let place = state.parses_at_once.clone().acquire_owned().await;
    let bytes = state.store.blobs.read(&raw.place, limit).await?;
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        work(bytes)
    });
    done.await.map_err(|_| ApiError::internal())
}

/// Reads the body that is wanted.
pub(super) async fn read(
    state: &ApiState,
    message_id: &str,
    raw: &Raw,
    wanted: Wanted,
) -> Result<Body> {
    let message_id = message_id.to_owned();
    let huge = is_huge(raw);
    with_bytes(state, raw, move |bytes| {
        let mut read = mail_message::read(&bytes);
        drop(bytes);
        if huge {
            read.parse_problem
                .get_or_insert_with(|| BEGINNING_ONLY.to_owned());
        }
        shown(&message_id, read, wanted)
    })
    .await
}

fn shown(message_id: &str, read: mail_message::Message, wanted: Wanted) -> Body {
    let mut blocked = 0;
    let html = read.html.filter(|_| wanted.html).map(|html| {
        let address = |content_id: &str| {
            let part = read
                .attachments
                .iter()
                .find(|part| part.content_id.as_deref() == Some(content_id))?;
            let id = attachment_id(part.index);
            Some(format!("/v1/messages/{message_id}/attachments/{id}"))
        };
        let options = Options {
            remote_images: wanted.remote_images,
            cid: Some(&address),
        };
        let clean = sanitize(&html, &options);
        blocked = clean.blocked_remote;
        clean.html
    });
    Body {
        text: read.text.filter(|_| wanted.text),
        html,
        reply_text: read.reply_text,
        attachments: read.attachments.into_iter().map(attachment).collect(),
        auth_results: read.auth_results,
        report: read.report.map(|report| Report {
            report,
            submission_id: None,
        }),
        receipt_to: read.receipt_to,
        certified: read.certified,
        blocked_remote_images: blocked,
        parse_problem: read.parse_problem,
    }
}

fn attachment(meta: AttachmentMeta) -> Attachment {
    Attachment {
        id: attachment_id(meta.index),
        filename: meta.filename,
        content_type: meta.content_type,
        size: meta.size,
        inline: meta.inline,
        content_id: meta.content_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_attachment_ids_name_a_part() {
        assert_eq!(attachment_index("att_7"), Some(7));
        for bad in ["att_07", "att_+7", "att_", "7", "att_99999999999", "att_-1"] {
            assert_eq!(attachment_index(bad), None, "{bad}");
        }
    }
}
