//! One template to many, each with data of their own: asked for as a job, whose messages are made by and by, no more at a time
//! than the outbox sends soon.

use super::author::{self, Sender};
use super::create::{can_send, prepare};
use super::input::NewSubmission;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json, LargeJson, present};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mail_template::{Form, Missing};
use model::Timestamp;
use model::access::Scope;
use model::job::Job;
use model::submission::Priority;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use store::idempotency::Stage;
use store::jobs::{self, NewJob, Work};
use store::submissions;
use store::wake::Topic;

/// Recipients of one merge.
const RECIPIENTS: usize = 10_000;
/// Recipients that are worked on at a time.
const BATCH: i64 = 25;
/// How often running jobs are looked for, where nothing tells of one.
const LOOK: Duration = Duration::from_secs(10);
/// The same while a job waits for the outbox.
const SOON: Duration = Duration::from_secs(1);

/// A name with an address.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergePerson)]
pub(crate) struct Person {
    /// The name, if there is one.
    #[serde(default)]
    name: Option<String>,
    /// The address.
    address: String,
}

/// One of many.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeRecipient {
    /// To whom.
    to: Person,
    /// What the template is filled with for them, on top of what is for all; `recipient` is given by Postroom.
    #[serde(default)]
    data: Map<String, Value>,
}

/// A template for many.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMerge)]
pub(crate) struct Input {
    /// The stored template.
    template_id: String,
    /// The mailbox that sends; left out: as for a submission.
    #[serde(default)]
    mailbox_id: Option<String>,
    /// The identity to send as; left out: as for a submission.
    #[serde(default)]
    identity_id: Option<String>,
    /// The author: the address of an identity that you may use.
    #[serde(default)]
    from: Option<Person>,
    /// The subject, if it is not the template's.
    #[serde(default)]
    subject: Option<String>,
    /// The signature; null: none; left out: the identity's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    signature: Option<Option<String>>,
    /// Further header fields.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Not before this time.
    #[serde(default)]
    send_at: Option<Timestamp>,
    /// Where one click ends the subscription (RFC 8058): an https address with variables, such as
    /// `https://example.com/unsubscribe?who={{ recipient.address|urlencode }}`, which takes a POST.
    #[serde(default)]
    unsubscribe_url: Option<String>,
    /// What the template is filled with for all.
    #[serde(default)]
    data: Map<String, Value>,
    /// Each gets a message of their own.
    #[schema(max_items = 10_000)]
    recipients: Vec<MergeRecipient>,
}

/// Sends a stored template to many, each with data of their own, as a job. The first message is made at once as a trial, so that
/// what is wrong with all is told here.
#[utoipa::path(post, path = "/v1/merges", tag = "jobs", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 202, body = Job)))]
pub(crate) async fn create_merge(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    LargeJson { json, place }: LargeJson<Input>,
) -> Result<Response> {
    caller.need(Scope::Send)?;
    let Json { value, bytes } = json;
    let (mut request, rows) = checked(value)?;
    let first = rows.first().map(|(_, row)| row.clone()).unwrap_or_default();
    let trial = submission(&request, first)?;
    let sender = author::sender(&state, &caller, &trial).await?;
    can_send(&sender.mailbox)?;
    // A template by and by changed mailboxes would not be one merge.
    request["mailbox_id"] = json!(sender.mailbox.id);
    prepare(&state, &caller, &sender, trial, "trial").await?;
    let new = NewJob {
        mailbox_id: sender.mailbox.id.clone(),
        caller: caller.snapshot(),
        owner: caller.id().to_owned(),
        request,
        rows,
    };
    let inner = state.clone();
    let work = |key| async move {
        let now = inner.store.now();
        let make = move |tx: &mut store::Tx<'_>| jobs::create_in(tx, &new, now);
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::ACCEPTED, make).await;
        drop(place);
        Ok::<Answer, ApiError>(made?.1)
    };
    idempotent::once(&state, &caller, &headers, ("/v1/jobs", &bytes), work).await
}

/// What is the same for all, and what is each one's own.
fn checked(value: Input) -> Result<(Value, Vec<(String, Value)>)> {
    let mut checks = Checks::default();
    if value.recipients.is_empty() || value.recipients.len() > RECIPIENTS {
        let text = format!("names 1 to {RECIPIENTS} recipients");
        checks.refuse("/recipients", text);
    }
    for (i, one) in value.recipients.iter().enumerate().take(RECIPIENTS) {
        checks.address(
            &format!("/recipients/{i}/to/address"),
            one.to.address.trim(),
        );
        if one.data.contains_key("recipient") {
            let pointer = format!("/recipients/{i}/data/recipient");
            checks.refuse(pointer, "is given by Postroom itself: use another name");
        }
    }
    checks.end()?;
    let mut request = json!({
        "template_id": value.template_id, "mailbox_id": value.mailbox_id, "identity_id": value.identity_id, "from": value.from,
        "subject": value.subject, "headers": value.headers, "send_at": value.send_at, "data": value.data,
        "unsubscribe_url": value.unsubscribe_url,
    });
    if let Some(signature) = value.signature {
        request["signature"] = json!(signature);
    }
    let rows = value.recipients.into_iter().map(|one| {
        let address = one.to.address.trim().to_owned();
        (address, json!({"to": one.to, "data": one.data}))
    });
    Ok((request, rows.collect()))
}

/// The submission of one recipient.
fn submission(request: &Value, row: Value) -> Result<NewSubmission> {
    let mut body = request.clone();
    let to = row["to"].clone();
    let mut data = body["data"].as_object().cloned().unwrap_or_default();
    data.extend(row["data"].as_object().cloned().unwrap_or_default());
    data.insert("recipient".to_owned(), to.clone());
    let data = Value::Object(data);
    let unsubscribe = body["unsubscribe_url"].take();
    if let Some(url) = unsubscribe.as_str() {
        let refuse = |text: String| ApiError::field("/unsubscribe_url", text);
        let url = mail_template::render(url, Form::Line, &data, Missing::Refused)
            .map_err(|error| refuse(error.to_string()).called("template_invalid"))?;
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',');
        if !url.starts_with("https://") || !url.chars().all(plain) {
            return Err(refuse(format!("{url:?} is no https address")));
        }
        body["headers"]["List-Unsubscribe"] = json!(format!("<{url}>"));
        body["headers"]["List-Unsubscribe-Post"] = json!("List-Unsubscribe=One-Click");
    }
    if let Some(fields) = body.as_object_mut() {
        fields.remove("unsubscribe_url");
    }
    body["to"] = json!([to]);
    body["data"] = data;
    // What people write one by one goes first.
    body["priority"] = json!("low");
    serde_json::from_value(body).map_err(|error| ApiError::field("", error.to_string()))
}

/// Works on merges until the server stops.
pub(crate) async fn run(state: ApiState) {
    let mut wakes = state.store.db.wakes().listen(Topic::Jobs);
    loop {
        let pause = match some(&state).await {
            Ok(true) => continue,
            Ok(false) => match jobs::any_runs(&state.store).await {
                Ok(true) => SOON,
                _ => LOOK,
            },
            Err(error) => {
                tracing::warn!(%error, "a merge waits for the store");
                LOOK
            }
        };
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = wakes.next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Does a piece of a merge. `true`: there may be more.
async fn some(state: &ApiState) -> Result<bool, store::StoreError> {
    if state.shutdown.is_cancelled() || !jobs::any_runs(&state.store).await? {
        return Ok(false);
    }
    let Some(work) = jobs::take(&state.store, BATCH).await? else {
        return Ok(false);
    };
    for (n, row) in &work.rows {
        if state.shutdown.is_cancelled() {
            break;
        }
        one(state, &work, *n, row.clone()).await?;
    }
    jobs::give_back(&state.store, &work).await
}

/// Makes the message of one recipient. What is wrong with it alone is noted, and the others get theirs.
async fn one(state: &ApiState, work: &Work, n: i64, row: Value) -> Result<(), store::StoreError> {
    let new = match message(state, work, n, row).await {
        Ok(new) => new,
        Err(error) if error.status().is_server_error() => {
            let text = "the store does not answer".to_owned();
            return Err(store::StoreError::Unavailable(text));
        }
        Err(error) => {
            let reason = error.problem().detail;
            return jobs::failed(&state.store, &work.id, n, reason).await;
        }
    };
    let (now, rules, id) = (
        state.store.now(),
        state.store.sending.clone(),
        work.id.clone(),
    );
    let queue = move |tx: &mut store::Tx<'_>| {
        if jobs::made_in(tx, &id, n)? {
            submissions::create_in(tx, &rules, &new, now)?;
        }
        Ok(())
    };
    match state.store.db.write(queue).await {
        Err(store::StoreError::Conflict(reason)) => {
            jobs::failed(&state.store, &work.id, n, reason).await
        }
        done => done,
    }
}

async fn message(
    state: &ApiState,
    work: &Work,
    n: i64,
    row: Value,
) -> Result<submissions::NewSubmission> {
    let caller = Caller::of_snapshot(work.caller.clone())?;
    let value = submission(&work.request, row)?;
    let sender: Sender = author::sender(state, &caller, &value).await?;
    can_send(&sender.mailbox)?;
    let unique = format!("{}_{n}", work.id);
    let mut new = prepare(state, &caller, &sender, value, &unique).await?;
    new.job_id = Some(work.id.clone());
    // Letters that people write go first.
    new.priority = Priority::Low;
    Ok(new)
}
