use super::answer::stored;
use super::author;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::routes::messages;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use mail_message::Address;
use mail_message::reply::{forward, reply};
use model::access::Scope;
use serde::{Deserialize, Serialize};
use store::identities::own_addresses;

/// What is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An answer to whoever it is due to.
    Reply,
    /// An answer to everybody, but for oneself.
    ReplyAll,
    /// A forward.
    Forward,
}

/// Parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// What is begun.
    #[param(inline)]
    kind: Kind,
}

/// What an answer or a forward starts from: the same that a submission would fill in by itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AnswerStart {
    /// The mailbox that it goes through, unless the submission names one: the original's, if it can send, or else what the caller
    /// sends through. Null: the submission has to name one, or the caller may not send.
    mailbox_id: Option<String>,
    /// First recipients; none for a forward.
    to: Vec<Address>,
    /// Further recipients.
    cc: Vec<Address>,
    /// With one prefix.
    subject: String,
    /// What a submission quotes below the text, as text. Of a message whose header alone is stored: the line above it.
    quoted_text: String,
}

/// How an answer to a message, or a forward of it, begins: for a form that a person goes on with. Nothing is queued.
#[utoipa::path(get, path = "/v1/messages/{id}/answer", tag = "submissions", params(("id" = String, Path), Asked),
    responses((status = 200, body = AnswerStart)))]
pub(crate) async fn begin_answer(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<Json<AnswerStart>> {
    let message = messages::visible(&state, &caller, &id).await?;
    let raw = stored(&state, &caller, &id, "/id", false).await?;
    let mailbox_id = match caller.need(Scope::Send) {
        Ok(()) => author::answering(&state, &caller, &message.mailbox_id).await?,
        Err(_) => None,
    };
    let mut own = own_addresses(&state.store, &message.mailbox_id).await?;
    if let Some(id) = mailbox_id.as_ref().filter(|id| **id != message.mailbox_id) {
        own.extend(own_addresses(&state.store, id).await?);
    }
    let begun = messages::with_bytes(&state, &raw, move |bytes| {
        let original = mail_message::read(&bytes);
        match asked.kind {
            Kind::Reply => reply(&original, &own, false),
            Kind::ReplyAll => reply(&original, &own, true),
            Kind::Forward => forward(&original),
        }
    });
    let begun = begun.await?;
    Ok(Json(AnswerStart {
        mailbox_id,
        to: begun.to,
        cc: begun.cc,
        subject: begun.subject,
        quoted_text: begun.quoted_text,
    }))
}
