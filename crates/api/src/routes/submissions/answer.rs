//! What a message takes from a stored one: an answer its recipients and its conversation, a forward the text with its files
//! or the message itself, an answer to an invitation the calendar.

use super::compose::Parts;
use super::input::ForwardAs;
use super::ready::Source;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::routes::messages;
use crate::state::ApiState;
use mail_message::calendar::{self, Invitation};
use mail_message::reply::{self, ReplyParts};
use mail_message::{Address, CalendarPart, DraftAttachment, LineScan, Message, Outside};
use model::access::Scope;
use model::submission::CalendarAnswer;
use store::blobs::{Place, READ_BYTES};
use store::identities::own_addresses;
use store::messages::Raw;

/// What is wanted of the original.
pub(super) struct Wanted<'a> {
    pub(super) state: &'a ApiState,
    pub(super) caller: &'a Caller,
    /// The addresses of the mailbox that sends: an answer never goes there.
    pub(super) own: Vec<String>,
    /// It is quoted below the text.
    pub(super) quote: bool,
}

impl Wanted<'_> {
    /// Makes an answer to the message with this id.
    pub(super) async fn reply(&self, parts: &mut Parts, id: &str, all: bool) -> Result<()> {
        let raw = self.raw(id, REPLY, self.quote).await?;
        let own = self.own(&raw).await?;
        let (original, files) = self.read(&raw, REPLY, self.quote).await?;
        let mut start = reply::reply(&original, &own, all);
        let draft = &mut parts.draft;
        // Whom the answer is due to, but for those who are named already.
        let named = [&draft.to, &draft.cc, &draft.bcc].map(|list| list.iter());
        let named = named.into_iter().flatten();
        let named: Vec<String> = named.map(|a| a.address.to_lowercase()).collect();
        let is_new = |a: &Address| !named.contains(&a.address.to_lowercase());
        if draft.to.is_empty() || all {
            draft.to.extend(start.to.drain(..).filter(is_new));
        }
        if all {
            draft.cc.extend(start.cc.drain(..).filter(is_new));
        }
        draft.in_reply_to.clone_from(&start.in_reply_to);
        begin_from(parts, start, self.quote);
        // The pictures of what is quoted go along; its files do not.
        if let Some(html) = parts.draft.html.as_deref().filter(|_| self.quote) {
            let named = mail_message::inline::named(html);
            let shown = |file: &DraftAttachment| {
                file.content_id
                    .as_ref()
                    .is_some_and(|id| named.contains(id))
            };
            parts.add_files(files.into_iter().filter(shown));
        }
        Ok(())
    }

    /// Makes a forward of the message with this id.
    pub(super) async fn forward(&self, parts: &mut Parts, id: &str, how: ForwardAs) -> Result<()> {
        match how {
            ForwardAs::Inline => {
                let raw = self.raw(id, FORWARD, true).await?;
                let (original, files) = self.read(&raw, FORWARD, true).await?;
                parts.add_files(files);
                begin_from(parts, reply::forward(&original), self.quote);
            }
            ForwardAs::Attachment => {
                let raw = self.raw(id, FORWARD, true).await?;
                let read =
                    messages::with_bytes(self.state, &raw, |bytes| mail_message::read(&bytes));
                let start = reply::forward(&read.await?);
                let subject = start.subject.trim_start_matches("Fwd:").trim().to_owned();
                let name = if subject.is_empty() {
                    "message"
                } else {
                    &subject
                };
                let file = DraftAttachment {
                    filename: format!("{}.eml", name.replace(['/', '\\'], "-")),
                    content_type: "message/rfc822".to_owned(),
                    outside: Some(Outside {
                        length: raw.place.length,
                        lines: lines_of(self.state, &raw.place).await?,
                    }),
                    ..DraftAttachment::default()
                };
                parts.add(file, Some(Source::Stored(raw.place)));
                begin_from(parts, start, false);
            }
        }
        Ok(())
    }

    /// Makes an answer to the invitation in the message with this id.
    pub(super) async fn answer_invitation(
        &self,
        parts: &mut Parts,
        id: &str,
        answer: CalendarAnswer,
    ) -> Result<()> {
        let raw = self.raw(id, REPLY, true).await?;
        let own = self.own(&raw).await?;
        let found = messages::with_bytes(self.state, &raw, |bytes| {
            let read = mail_message::read(&bytes);
            let invitation = invitation_in(&read, &bytes);
            (read, invitation)
        });
        let (original, invitation) = found.await?;
        let invitation = invitation
            .map_err(|why| ApiError::field("/calendar_reply", format!("the message {why}")))?;
        let start = reply::reply(&original, &own, false);
        let answer = match answer {
            CalendarAnswer::Accepted => calendar::Answer::Accepted,
            CalendarAnswer::Tentative => calendar::Answer::Tentative,
            CalendarAnswer::Declined => calendar::Answer::Declined,
        };
        let draft = &mut parts.draft;
        let now = self.state.store.now();
        let text = invitation.answer(answer, &draft.from, &own, now.0);
        draft.calendar = Some(CalendarPart {
            method: "REPLY".to_owned(),
            text,
        });
        if draft.to.is_empty() && draft.cc.is_empty() && draft.bcc.is_empty() {
            draft.to = vec![invitation.organizer.clone()];
        }
        draft.in_reply_to.clone_from(&start.in_reply_to);
        draft.references = start.references;
        let about = match invitation.summary.as_str() {
            "" => original.head.subject.clone().unwrap_or_default(),
            summary => summary.to_owned(),
        };
        if draft.text.is_none() && draft.html.is_none() {
            let who = draft.from.name.as_deref().unwrap_or(&draft.from.address);
            draft.text = Some(format!("{who}: {} ({about})\n", answer.word()));
        }
        parts
            .subject
            .get_or_insert_with(|| format!("{}: {about}", answer.word()));
        Ok(())
    }

    /// The addresses that are oneself. The original may lie in another mailbox than the one that sends, such as one that only
    /// receives; whoever answers is both of them.
    async fn own(&self, original: &Raw) -> Result<Vec<String>> {
        let mut own = own_addresses(&self.state.store, &original.mailbox_id).await?;
        own.extend_from_slice(&self.own);
        Ok(own)
    }

    /// What the original says, with its files. `body`: its text goes along.
    async fn read(
        &self,
        raw: &Raw,
        pointer: &str,
        body: bool,
    ) -> Result<(Message, Vec<DraftAttachment>)> {
        if pointer == FORWARD && messages::is_huge(raw) {
            // It would go out without some of its files, and nobody would know.
            return Err(ApiError::field(
                pointer,
                "is a message of more than 64 MiB; it can be forwarded as an attachment only",
            ));
        }
        let wants_all = pointer == FORWARD;
        messages::with_bytes(self.state, raw, move |bytes| {
            let read = mail_message::read(&bytes);
            let wanted = read
                .attachments
                .iter()
                .filter(|meta| wants_all || (body && meta.inline));
            let files = wanted.filter_map(|meta| mail_message::attachment(&bytes, meta.index));
            let files = files.map(of_message).collect();
            (read, files)
        })
        .await
    }

    /// The bytes of the stored message, the rest of them fetched first where `whole` is wanted.
    async fn raw(&self, id: &str, pointer: &str, whole: bool) -> Result<Raw> {
        stored(self.state, self.caller, id, pointer, whole).await
    }
}

const REPLY: &str = "/in_reply_to_message_id";
const FORWARD: &str = "/forward_message_id";

/// A stored message that the caller may read.
pub(super) async fn stored(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    pointer: &str,
    whole: bool,
) -> Result<Raw> {
    // What a message says goes out with the answer: who may only send must not learn it that way.
    caller.need(Scope::Read)?;
    let missing = || ApiError::field(pointer, "is no message");
    let raw = store::messages::raw(&state.store, id)
        .await
        .map_err(|error| match error {
            store::StoreError::NotFound(_) => missing(),
            other => other.into(),
        })?;
    if !caller.sees(&raw.mailbox_id) {
        return Err(missing());
    }
    if !whole || raw.complete {
        return Ok(raw);
    }
    let raw = messages::fetched(state, id).await?;
    messages::whole(&raw)?;
    Ok(raw)
}

/// A file of a stored message as one of a new message.
fn of_message(file: mail_message::Attachment) -> DraftAttachment {
    DraftAttachment {
        filename: file.meta.filename,
        content_type: file.meta.content_type,
        bytes: file.bytes,
        content_id: file.meta.content_id,
        inline: file.meta.inline,
        outside: None,
    }
}

fn begin_from(parts: &mut Parts, start: ReplyParts, quote: bool) {
    let draft = &mut parts.draft;
    draft.references = start.references;
    if parts.subject.is_none() {
        parts.subject = Some(start.subject);
    }
    if !quote {
        return;
    }
    if let Some(html) = &mut draft.html {
        html.push_str("<br>");
        html.push_str(&start.quoted_html);
    }
    if draft.text.is_some() || draft.html.is_none() {
        let text = draft.text.get_or_insert_default();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&start.quoted_text);
    }
}

fn invitation_in(read: &Message, bytes: &[u8]) -> Result<Invitation, &'static str> {
    let is_calendar = |kind: &str| matches!(kind, "text/calendar" | "application/ics");
    let mut why = "has no calendar in it";
    let calendars = read.attachments.iter();
    for meta in calendars.filter(|meta| is_calendar(&meta.content_type)) {
        let Some(file) = mail_message::attachment(bytes, meta.index) else {
            continue;
        };
        match calendar::invitation(&String::from_utf8_lossy(&file.bytes)) {
            Ok(invitation) => return Ok(invitation),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// What the lines of a stored message are like: it is looked through once.
pub(super) async fn lines_of(state: &ApiState, place: &Place) -> Result<LineScan> {
    let mut lines = LineScan::default();
    let mut at = 0;
    while at < place.length {
        let piece = state
            .store
            .blobs
            .read_some(place, at..at + READ_BYTES)
            .await?;
        if piece.is_empty() {
            return Err(store::StoreError::Corrupt("a stored message is too short".into()).into());
        }
        lines.update(&piece);
        at += piece.len() as u64;
    }
    Ok(lines)
}
