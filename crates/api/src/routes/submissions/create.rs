use super::input::NewSubmission;
use super::ready::Ready;
use super::{compose, raw};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Json, LargeJson};
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::limits::{SUBMISSION_BYTES, SUBMISSION_RECIPIENTS};
use model::mailbox::{Lifecycle, Mailbox};
use model::submission::Submission;
use store::idempotency::{Key, Stage};
use store::submissions;

/// Queues a message. Once this answers, it is on disk and goes out by itself.
#[utoipa::path(post, path = "/v1/submissions", tag = "submissions", request_body = NewSubmission,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 202, body = Submission)))]
pub(crate) async fn create_submission(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    LargeJson { json, place }: LargeJson<NewSubmission>,
) -> Result<Response> {
    caller.need(Scope::Send)?;
    let Json { value, bytes } = json;
    value.check_what_is_there()?;
    let mailbox = mailboxes::visible(&state, &caller, &value.mailbox_id).await?;
    can_send(&mailbox)?;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| async move {
        let answer = create(inner, actor, mailbox, value, key).await;
        drop(place);
        answer
    };
    idempotent::once(&state, &caller, &headers, ("/v1/submissions", &bytes), work).await
}

fn can_send(mailbox: &Mailbox) -> Result<()> {
    let refused = |code, detail: String| Err(ApiError::new(StatusCode::CONFLICT, code, detail));
    if mailbox.outgoing.is_none() {
        return refused(
            "receive_only",
            "the mailbox has no settings for sending".into(),
        );
    }
    match mailbox.lifecycle {
        Lifecycle::Enabled | Lifecycle::Paused => Ok(()),
        other => refused("mailbox_not_enabled", format!("the mailbox is {other}")),
    }
}

/// The message that gets its mark: one of the same mailbox.
async fn answered(state: &ApiState, mailbox: &Mailbox, id: Option<&str>) -> Option<String> {
    let raw = store::messages::raw(&state.store, id?).await.ok()?;
    (raw.mailbox_id == mailbox.id).then(|| id.map(str::to_owned))?
}

async fn create(
    state: ApiState,
    caller: Caller,
    mailbox: Mailbox,
    value: NewSubmission,
    key: Option<Key>,
) -> Result<Answer> {
    let send_at = value.send_at;
    let answers = answered(&state, &mailbox, value.in_reply_to_message_id.as_deref()).await;
    let ready = if value.raw_base64.is_some() {
        raw::ready(&state, &mailbox, value).await?
    } else {
        compose::ready(&state, &caller, &mailbox, value).await?
    };
    let Ready { composed, subject } = ready;
    if composed.raw.len() > SUBMISSION_BYTES {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!(
                "the message would have {} bytes; {SUBMISSION_BYTES} are allowed",
                composed.raw.len()
            ),
        ));
    }
    if composed.envelope_to.len() > SUBMISSION_RECIPIENTS {
        return Err(ApiError::field(
            "/to",
            format!("{SUBMISSION_RECIPIENTS} recipients are allowed"),
        ));
    }
    let stored = state.store.blobs.put(&composed.raw).await?;
    let new = submissions::NewSubmission {
        mailbox_id: mailbox.id,
        identity_id: None,
        digest: stored,
        envelope_from: composed.envelope_from,
        internet_message_id: composed.message_id,
        subject,
        recipients: composed.envelope_to,
        send_at,
        answers_message_id: answers,
    };
    let now = state.store.now();
    let queue = move |tx: &mut store::Tx<'_>| submissions::create_in(tx, &new, now);
    let (_, answer) =
        idempotent::make(&state, key, Stage::Done, StatusCode::ACCEPTED, queue).await?;
    Ok(answer)
}
