//! From the parts of a request to the bytes of a message.

use super::answer::Wanted;
use super::author::{self, Sender};
use super::files;
use super::input::{NewSubmission, Person};
use super::ready::{Ready, Source, Stamp};
use super::signature::{self, Writer};
use super::template;
use crate::caller::Caller;
use crate::error::{ApiError, FieldError, Result};
use crate::state::ApiState;
use mail_message::{Address, Draft, DraftAttachment};

/// Texts and files in memory of a message that is put together at once; a larger one has a thread of its own for that.
const SMALL_BYTES: usize = 32 * 1024;

/// Puts the message together. A `draft_id` is that of a draft which the caller sees.
pub(super) async fn ready(
    state: &ApiState,
    caller: &Caller,
    sender: &Sender,
    value: NewSubmission,
    stamp: Stamp<'_>,
) -> Result<Ready> {
    put_together(state, caller, sender, value, stamp, false).await
}

/// The same for a message that is only kept yet: nobody has to be named.
pub(super) async fn copy(
    state: &ApiState,
    caller: &Caller,
    sender: &Sender,
    value: NewSubmission,
    stamp: Stamp<'_>,
) -> Result<Ready> {
    put_together(state, caller, sender, value, stamp, true).await
}

async fn put_together(
    state: &ApiState,
    caller: &Caller,
    sender: &Sender,
    mut value: NewSubmission,
    stamp: Stamp<'_>,
    unsent: bool,
) -> Result<Ready> {
    value.check_what_goes_together()?;
    if value.envelope.is_some() {
        return Err(ApiError::field("/envelope", "goes with `raw_base64` only"));
    }
    let place = match value.takes_stored() {
        true => Some(state.originals_at_once.clone().acquire_owned().await),
        false => None,
    };
    let place = place.transpose().map_err(|_| ApiError::internal())?;
    let written_to = author::written_to(state, caller, &value).await?;
    let author = sender.author(&value, &written_to)?;
    let writer = Writer {
        state,
        caller,
        mailbox: &sender.mailbox,
        identity: &author.identity,
    };
    template::fill(&writer, &mut value).await?;
    // What is only kept may be gone on with in another program: its signature comes when it is sent, and once.
    let signature = match unsent {
        true => None,
        false => signature::wanted(&writer, &value).await?,
    };
    let from = author.from.clone();
    let mut reply_to = people(value.reply_to);
    if reply_to.is_empty() {
        reply_to.extend(author.reply_to());
    }
    let mut headers: Vec<(String, String)> = value.headers.into_iter().collect();
    if value.read_receipt {
        // RFC 8098 section 2.1: to whom it goes is asked for again where that is not the author.
        let address = format!("<{}>", from.address);
        headers.push(("Disposition-Notification-To".to_owned(), address));
    }
    let draft = Draft {
        message_id: mail_message::message_id(stamp.unique, &from.address),
        from,
        to: people(value.to),
        cc: people(value.cc),
        bcc: people(value.bcc),
        reply_to,
        text: value.text,
        html: value.html,
        headers,
        date_ms: stamp.date.0,
        unsent,
        ..Draft::default()
    };
    let mut parts = Parts {
        draft,
        subject: value.subject,
        sources: Vec::new(),
    };
    let draft_id = value.draft_id.as_deref();
    files::take(state, caller, &mut parts, value.attachments, draft_id).await?;
    let quote = value
        .quote
        .unwrap_or(!has_quotation(parts.draft.text.as_deref()));
    if let Some(signature) = &signature {
        signature::place(&mut parts.draft, signature);
    }
    let wanted = Wanted {
        state,
        caller,
        own: sender.own(&author),
        quote,
    };
    let forward = value.forward_message_id.as_deref();
    match (value.in_reply_to_message_id.as_deref(), forward) {
        (Some(_), Some(_)) => {
            let text = "a message answers or forwards, not both";
            return Err(ApiError::field("/forward_message_id", text));
        }
        (Some(id), None) => match value.calendar_reply {
            Some(answer) => wanted.answer_invitation(&mut parts, id, answer).await?,
            None => wanted.reply(&mut parts, id, value.reply_all).await?,
        },
        (None, Some(id)) => {
            let how = value.forward_as.unwrap_or_default();
            wanted.forward(&mut parts, id, how).await?;
        }
        (None, None) => {}
    }
    let ready = parts.ready(author.identity.id).await?;
    Ok(Ready {
        _place: place,
        ..ready
    })
}

/// A message while it is put together.
pub(super) struct Parts {
    pub(super) draft: Draft,
    /// None: nobody has said one yet.
    pub(super) subject: Option<String>,
    /// The content of the draft's files that are not in memory, by number.
    sources: Vec<Option<Source>>,
}

impl Parts {
    /// Adds a file; `source`: where its content lies, if not in it.
    pub(super) fn add(&mut self, file: DraftAttachment, source: Option<Source>) {
        self.draft.attachments.push(file);
        self.sources.push(source);
    }

    /// Adds files whose content is in memory.
    pub(super) fn add_files(&mut self, files: impl IntoIterator<Item = DraftAttachment>) {
        files.into_iter().for_each(|file| self.add(file, None));
    }

    async fn ready(self, identity_id: String) -> Result<Ready> {
        let Self {
            mut draft,
            subject,
            sources,
        } = self;
        draft.subject = subject.unwrap_or_default();
        let files = draft.attachments.iter().map(|file| file.bytes.len());
        let texts = [&draft.text, &draft.html].into_iter().flatten();
        let is_small = files.chain(texts.map(String::len)).sum::<usize>() <= SMALL_BYTES;
        let work = move || {
            mail_message::tidy(&mut draft)?;
            let prepared = mail_message::prepare(&draft)?;
            Ok((prepared, draft))
        };
        let done = match is_small {
            true => work(),
            false => tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| ApiError::internal())?,
        };
        let (prepared, draft) = done.map_err(refused)?;
        let mut sources = sources.into_iter();
        let files = draft.attachments.into_iter().map(|file| {
            let source = sources.next().flatten();
            source.unwrap_or(Source::Bytes(file.bytes))
        });
        Ok(Ready {
            files: files.collect(),
            pieces: prepared.pieces,
            length: prepared.length,
            envelope_from: prepared.envelope_from,
            envelope_to: prepared.envelope_to,
            message_id: prepared.message_id,
            subject: draft.subject,
            identity_id,
            _place: None,
        })
    }
}

fn people(list: Vec<Person>) -> Vec<Address> {
    let address = |person: Person| Address {
        name: person.name,
        address: person.address.trim().to_owned(),
    };
    list.into_iter().map(address).collect()
}

/// Whether the writer has quoted the original already.
fn has_quotation(text: Option<&str>) -> bool {
    let mut lines = text.unwrap_or_default().lines();
    lines.any(|line| line.starts_with('>') || line.starts_with("-----"))
}

fn refused(error: mail_message::ComposeError) -> ApiError {
    let fields = error.errors.into_iter();
    let fields = fields.map(|error| FieldError::new(error.pointer, error.message));
    ApiError::fields(fields.collect())
}
