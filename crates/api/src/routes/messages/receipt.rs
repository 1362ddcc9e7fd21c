use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Json};
use crate::routes::identities::usable;
use crate::state::ApiState;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use mail_message::receipt::{self, Receipt};
use mail_message::{Address, Disposition};
use model::access::Scope;
use model::mailbox::Lifecycle;
use model::message::Direction;
use model::submission::Submission;
use serde::Deserialize;
use store::receipts::{self, GIVEN};
use store::{StoreError, identities, mailboxes, messages, submissions};

/// What a reader tells.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// It was displayed.
    #[default]
    Displayed,
    /// It was deleted.
    Deleted,
    /// Nothing: the reader does not want to tell.
    Denied,
}

/// A reading receipt.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadReceipt {
    /// What it tells; left out: that the message was displayed.
    #[serde(default)]
    disposition: Told,
}

/// Gives the reading receipt that a message asks for (RFC 8098). Postroom never gives one by itself. Once for a message, which
/// gets `$MDNSent` unless its mailbox is read-only; 409 `receipt_not_possible` where none is asked for, one was given, or the message is from a list or a machine.
#[utoipa::path(post, path = "/v1/messages/{id}/read-receipt", tag = "messages", params(("id" = String, Path)),
    request_body = ReadReceipt, responses((status = 202, body = Submission)))]
pub(crate) async fn give_receipt(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<ReadReceipt>,
) -> Result<(StatusCode, Answer<Submission>)> {
    caller.need(Scope::Send)?;
    let message = super::visible(&state, &caller, &id).await?;
    let mailbox = mailboxes::get(&state.store, &message.mailbox_id).await?;
    let conflict = |code, text: &str| ApiError::new(StatusCode::CONFLICT, code, text.to_owned());
    if mailbox.outgoing.is_none() {
        return Err(conflict(
            "receive_only",
            "the mailbox has no settings for sending",
        ));
    }
    if !matches!(mailbox.lifecycle, Lifecycle::Enabled | Lifecycle::Paused) {
        return Err(conflict(
            "mailbox_not_enabled",
            "the mailbox does not send now",
        ));
    }
    let refused = |text: &str| conflict("receipt_not_possible", text);
    if message.direction == Direction::Outgoing {
        return Err(refused("the message was sent from this mailbox"));
    }
    if message
        .flags
        .keywords
        .iter()
        .any(|k| k.eq_ignore_ascii_case(GIVEN))
    {
        return Err(refused("a receipt was given already"));
    }
    let raw = messages::raw(&state.store, &id).await?;
    super::whole(&raw)?;
    let (read, written_to) = super::with_bytes(&state, &raw, |bytes| {
        (mail_message::read(&bytes), mail_message::written_to(&bytes))
    })
    .await?;
    let [to] = read.receipt_to.as_slice() else {
        return Err(refused(
            "the message asks for no receipt, or asks for several",
        ));
    };
    if read.head.automatic || read.report.is_some() {
        return Err(refused(
            "the message is from a list or a machine, which get no receipts",
        ));
    }
    // From the identity that it was written to, as an answer would be; nobody else learns of another address.
    let all = identities::of_mailbox(&state.store, &mailbox.id).await?;
    let mine = all.iter().filter(|identity| usable(&caller, identity));
    let by_address = |address: &String| {
        mine.clone()
            .find(|one| one.address.eq_ignore_ascii_case(address))
    };
    let identity = written_to
        .iter()
        .find_map(by_address)
        .or_else(|| mine.clone().next())
        .ok_or_else(|| {
            ApiError::identity_not_allowed("", "you may send as no identity of this mailbox")
        })?;
    let from = Address {
        name: None,
        address: identity.address.clone(),
    };
    if to.address.eq_ignore_ascii_case(&from.address) {
        return Err(refused("the message asks that the receipt goes to oneself"));
    }
    let message_id = mail_message::message_id(&format!("receipt.{id}"), &from.address);
    let disposition = match value.disposition {
        Told::Displayed => Disposition::Displayed,
        Told::Deleted => Disposition::Deleted,
        Told::Denied => Disposition::Denied,
    };
    let subject = read.head.subject.clone().unwrap_or_default();
    let bytes = receipt::write(&Receipt {
        from: &from,
        to: &to.address,
        disposition,
        subject: &subject,
        original_message_id: read.head.internet_message_id.as_deref(),
        message_id: &message_id,
        date_ms: state.store.now().0,
    })
    .ok_or_else(|| refused("an address or an id of the message cannot be answered"))?;
    let stored = state.store.blobs.put(&bytes).await?;
    // The empty envelope sender: nothing answers a receipt, and no bounce of it comes back (RFC 8098 section 2.1).
    let new = submissions::NewSubmission {
        identity_id: Some(identity.id.clone()),
        sent_by: Some(caller.id().to_owned()),
        subject: format!("Receipt: {subject}"),
        ..submissions::NewSubmission::new(
            &mailbox.id,
            stored,
            "",
            &message_id,
            vec![to.address.clone()],
        )
    };
    // The receipt and the note that there is one are one transaction: a refusal means that nothing goes out.
    let given = receipts::give(&state.store, &id, new).await;
    let submission = given.map_err(|error| match error {
        StoreError::Conflict(text) => refused(&text),
        other => other.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Answer(submission)))
}
