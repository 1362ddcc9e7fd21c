//! From the parts of a request to the bytes of a message.

use super::input::{File, NewSubmission, Person};
use super::ready::Ready;
use crate::caller::Caller;
use crate::decode::base64;
use crate::error::{ApiError, FieldError, Result};
use crate::routes::messages;
use crate::state::ApiState;
use mail_message::reply::ReplyParts;
use mail_message::{Address, Draft, DraftAttachment};
use model::fresh_id;
use model::mailbox::Mailbox;

/// Writes the message.
pub(super) async fn ready(
    state: &ApiState,
    caller: &Caller,
    mailbox: &Mailbox,
    value: NewSubmission,
) -> Result<Ready> {
    if value.envelope.is_some() {
        return Err(ApiError::field("/envelope", "goes with `raw_base64` only"));
    }
    let from = author(mailbox, value.from.as_ref())?;
    let mut draft = Draft {
        message_id: mail_message::message_id(&fresh_id("m", state.store.now()), &from.address),
        from,
        to: people(value.to),
        cc: people(value.cc),
        bcc: people(value.bcc),
        reply_to: people(value.reply_to),
        text: value.text,
        html: value.html,
        headers: value.headers.into_iter().collect(),
        date_ms: state.store.now().0,
        ..Draft::default()
    };
    for (i, file) in value.attachments.into_iter().enumerate() {
        draft.attachments.push(attachment(i, file)?);
    }
    let quote = value.quote.unwrap_or(!has_quotation(draft.text.as_deref()));
    let mut subject = value.subject;
    match (value.in_reply_to_message_id, value.forward_message_id) {
        (Some(_), Some(_)) => {
            let text = "a message answers or forwards, not both";
            return Err(ApiError::field("/forward_message_id", text));
        }
        (Some(id), None) => {
            let original = original(state, caller, &id, "/in_reply_to_message_id", quote)
                .await?
                .0;
            let own = [mailbox.address.clone()];
            let parts = mail_message::reply::reply(&original, &own, false);
            if draft.to.is_empty() && draft.cc.is_empty() && draft.bcc.is_empty() {
                draft.to.clone_from(&parts.to);
            }
            draft.in_reply_to.clone_from(&parts.in_reply_to);
            begin_from(&mut draft, &mut subject, parts, quote);
        }
        (None, Some(id)) => {
            let (original, files) =
                original(state, caller, &id, "/forward_message_id", true).await?;
            draft.attachments.extend(files);
            let parts = mail_message::reply::forward(&original);
            begin_from(&mut draft, &mut subject, parts, quote);
        }
        (None, None) => {}
    }
    draft.subject = subject.unwrap_or_default();
    let subject = draft.subject.clone();
    let composed = tokio::task::spawn_blocking(move || mail_message::compose(&draft))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(refused)?;
    Ok(Ready { composed, subject })
}

/// The author. Until there are identities, a mailbox sends as itself.
fn author(mailbox: &Mailbox, from: Option<&Person>) -> Result<Address> {
    let own_name =
        Some(mailbox.name.clone()).filter(|name| !name.is_empty() && !name.contains('@'));
    match from {
        None => Ok(Address {
            name: own_name,
            address: mailbox.address.clone(),
        }),
        Some(person) if person.address.trim().eq_ignore_ascii_case(&mailbox.address) => {
            Ok(Address {
                name: person.name.clone().or(own_name),
                address: mailbox.address.clone(),
            })
        }
        Some(_) => Err(ApiError::field(
            "/from/address",
            format!("this mailbox sends as {} only", mailbox.address),
        )),
    }
}

fn people(list: Vec<Person>) -> Vec<Address> {
    let address = |person: Person| Address {
        name: person.name,
        address: person.address.trim().to_owned(),
    };
    list.into_iter().map(address).collect()
}

fn attachment(i: usize, file: File) -> Result<DraftAttachment> {
    Ok(DraftAttachment {
        bytes: base64(
            &format!("/attachments/{i}/content_base64"),
            &file.content_base64,
        )?,
        filename: file.filename,
        content_type: file
            .content_type
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: file.content_id,
        inline: file.inline,
    })
}

/// The stored message that is answered or forwarded, with its files. `body`: its text goes along, so that a header alone is
/// not enough, and the rest is fetched first.
async fn original(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    pointer: &str,
    body: bool,
) -> Result<(mail_message::Message, Vec<DraftAttachment>)> {
    let missing = || ApiError::field(pointer, "is no message");
    let mut raw = store::messages::raw(&state.store, id)
        .await
        .map_err(|error| match error {
            store::StoreError::NotFound(_) => missing(),
            other => other.into(),
        })?;
    if !caller.sees(&raw.mailbox_id) {
        return Err(missing());
    }
    if body && !raw.complete {
        raw = messages::fetched(state, id).await?;
        messages::whole(&raw)?;
    }
    let wants_files = pointer == "/forward_message_id";
    if wants_files && messages::is_huge(&raw) {
        // It would go out without some of its files, and nobody would know.
        return Err(ApiError::field(
            pointer,
            "is a message of more than 64 MiB, which cannot be forwarded",
        ));
    }
    messages::with_bytes(state, &raw, move |bytes| {
        let read = mail_message::read(&bytes);
        let parts = read.attachments.iter().filter(|_| wants_files);
        let files = parts.filter_map(|meta| mail_message::attachment(&bytes, meta.index));
        let files = files.map(|file| DraftAttachment {
            filename: file.meta.filename,
            content_type: file.meta.content_type,
            bytes: file.bytes,
            content_id: file.meta.content_id,
            inline: file.meta.inline,
        });
        let files = files.collect();
        (read, files)
    })
    .await
}

/// Whether the writer has quoted the original already.
fn has_quotation(text: Option<&str>) -> bool {
    let mut lines = text.unwrap_or_default().lines();
    lines.any(|line| line.starts_with('>') || line.starts_with("-----"))
}

fn begin_from(draft: &mut Draft, subject: &mut Option<String>, parts: ReplyParts, quote: bool) {
    draft.references = parts.references;
    if subject.is_none() {
        *subject = Some(parts.subject);
    }
    if !quote {
        return;
    }
    if let Some(html) = &mut draft.html {
        html.push_str("<br>");
        html.push_str(&parts.quoted_html);
    }
    if draft.text.is_some() || draft.html.is_none() {
        let text = draft.text.get_or_insert_default();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&parts.quoted_text);
    }
}

fn refused(error: mail_message::ComposeError) -> ApiError {
    let fields = error.errors.into_iter();
    let fields = fields.map(|error| FieldError::new(error.pointer, error.message));
    ApiError::fields(fields.collect())
}
