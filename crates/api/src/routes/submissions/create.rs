use super::author::Sender;
use super::input::NewSubmission;
use super::ready::{Stamp, fits};
use super::schedule::Schedule;
use super::{author, compose, raw};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Json, LargeJson};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::access::Scope;
use model::fresh_id;
use model::limits::SUBMISSION_RECIPIENTS;
use model::mailbox::{Lifecycle, Mailbox};
use model::submission::Submission;
use ring::digest::{Context, SHA256};
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
    let sender = author::sender(&state, &caller, &value).await?;
    can_send(&sender.mailbox)?;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| async move {
        let answer = create(inner, actor, sender, value, key).await;
        drop(place);
        answer
    };
    idempotent::once_in_one(&state, &caller, &headers, ("/v1/submissions", &bytes), work).await
}

pub(super) fn can_send(mailbox: &Mailbox) -> Result<()> {
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

/// The draft that becomes this message, if it exists for this caller.
async fn own_draft(state: &ApiState, caller: &Caller, id: Option<&str>) -> Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    match store::drafts::get(&state.store, id).await {
        Ok(draft) if caller.sees(&draft.mailbox_id) => Ok(Some(draft.id)),
        Ok(_) | Err(store::StoreError::NotFound(_)) => {
            let text = "is no draft: it was sent, or thrown away";
            Err(ApiError::field("/draft_id", text))
        }
        Err(error) => Err(error.into()),
    }
}

/// No server that is used takes less.
const ALWAYS_TAKEN: u64 = 1024 * 1024;

/// Bytes on the way for each megabyte that a provider takes: it speaks of files, which grow by base64 and its line ends.
const MEGABYTE_SENT: u64 = 1024 * 1024 * 137 / 100;

/// Refuses what the server said it does not take, or, before it has said so, what its provider is known not to take: better now
/// than by a bounce.
async fn fits_its_server(state: &ApiState, mailbox: &Mailbox, length: u64) -> Result<()> {
    let Some(outgoing) = mailbox.outgoing.as_ref().filter(|_| length > ALWAYS_TAKEN) else {
        return Ok(());
    };
    let said = store::sending_size::known(&state.store, &mailbox.id, &outgoing.host).await?;
    let table = state.providers.current();
    let provider = table.by_mail_host(&outgoing.host);
    let known = provider.and_then(|provider| provider.limits.message_mb);
    let known = known.map(|megabytes| u64::from(megabytes) * MEGABYTE_SENT);
    match said.or(known) {
        Some(most) if length > most => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "smtp_size_refused",
            format!(
                "the message would have {length} bytes; {} takes {most} at most",
                outgoing.host
            ),
        )),
        _ => Ok(()),
    }
}

/// What the Message-ID is made of. With a key it follows from the key and its owner: a request that is repeated after a crash
/// makes the same message, and whoever got it already knows it.
fn unique(state: &ApiState, key: Option<&Key>) -> String {
    let Some(key) = key else {
        return fresh_id("m", state.store.now());
    };
    let mut digest = Context::new(&SHA256);
    for part in [&key.owner, &key.key, &key.request_digest] {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let digest = URL_SAFE_NO_PAD.encode(digest.finish());
    format!("m_{digest}")
}

/// Queues what was a draft.
pub(super) async fn queue(
    state: ApiState,
    caller: Caller,
    value: NewSubmission,
    key: Option<Key>,
) -> Result<Answer> {
    value.check_what_is_there()?;
    let sender = author::sender(&state, &caller, &value).await?;
    can_send(&sender.mailbox)?;
    create(state, caller, sender, value, key).await
}

async fn create(
    state: ApiState,
    caller: Caller,
    sender: Sender,
    value: NewSubmission,
    key: Option<Key>,
) -> Result<Answer> {
    let draft_id = own_draft(&state, &caller, value.draft_id.as_deref()).await?;
    let version = value.draft_version;
    let unique = unique(&state, key.as_ref());
    let new = prepare(&state, &caller, &sender, value, &unique).await?;
    let now = state.store.now();
    let rules = state.store.sending.clone();
    let queue = move |tx: &mut store::Tx<'_>| {
        if let Some(id) = &draft_id {
            // Sent once: who comes second finds no draft.
            store::drafts::send_in(tx, id, version, now)?;
        }
        submissions::create_in(tx, &rules, &new, now)
    };
    let (_, answer) =
        idempotent::make(&state, key, Stage::Done, StatusCode::ACCEPTED, queue).await?;
    Ok(answer)
}

/// Makes the message and stores its bytes; what is left is to queue it. `unique`: of which its Message-ID is made.
pub(super) async fn prepare(
    state: &ApiState,
    caller: &Caller,
    sender: &Sender,
    value: NewSubmission,
    unique: &str,
) -> Result<submissions::NewSubmission> {
    let (priority, wishes) = (value.priority, value.wishes());
    let now = state.store.now();
    let schedule = Schedule::of(&value, now)?;
    let stamp = Stamp {
        unique,
        date: schedule.date(now),
    };
    let original = value.in_reply_to_message_id.as_deref();
    let answers = answered(state, &sender.mailbox, original).await;
    let ready = if value.raw_base64.is_some() {
        raw::ready(sender, value, stamp).await?
    } else {
        compose::ready(state, caller, sender, value, stamp).await?
    };
    fits(ready.length)?;
    if ready.envelope_to.len() > SUBMISSION_RECIPIENTS {
        return Err(ApiError::field(
            "/to",
            format!("{SUBMISSION_RECIPIENTS} recipients are allowed"),
        ));
    }
    fits_its_server(state, &sender.mailbox, ready.length).await?;
    let stored = ready.store(state).await?;
    Ok(submissions::NewSubmission {
        identity_id: Some(ready.identity_id),
        sent_by: Some(caller.id().to_owned()),
        subject: ready.subject,
        send_at: schedule.send_at,
        undo_until: schedule.undo_until,
        priority,
        answers_message_id: answers,
        wishes,
        ..submissions::NewSubmission::new(
            &sender.mailbox.id,
            stored,
            &ready.envelope_from,
            &ready.message_id,
            ready.envelope_to,
        )
    })
}
