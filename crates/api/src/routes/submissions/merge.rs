//! One template to many, each with data of their own: asked for as a job, whose messages are made by and by, no more at a time
//! than the outbox sends soon ([`super::merging`]).

use super::author;
use super::create::{can_send, prepare};
use super::input::NewSubmission;
use super::template;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json, LargeJson, present};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mail_template::{Form, Missing};
use model::access::Scope;
use model::job::Job;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::idempotency::Stage;
use store::jobs::{self, NewJob};

/// Recipients of one merge.
const RECIPIENTS: usize = 10_000;

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
    /// Not before this time: RFC 3339, a date, or with `time_zone` a local time.
    #[serde(default)]
    send_at: Option<String>,
    /// The IANA time zone in which `send_at` is named, such as `Europe/Vienna`.
    #[serde(default)]
    time_zone: Option<String>,
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
    // A template that changes by and by would not be one merge.
    let template = template::stored(
        &state,
        &caller,
        request["template_id"].as_str().unwrap_or_default(),
    );
    request["template"] = serde_json::to_value(template.await?)?;
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
        "subject": value.subject, "headers": value.headers, "send_at": value.send_at, "time_zone": value.time_zone,
        "data": value.data, "unsubscribe_url": value.unsubscribe_url,
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
pub(super) fn submission(request: &Value, row: Value) -> Result<NewSubmission> {
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
    body["to"] = json!([to]);
    body["data"] = data;
    for_all(body)
}

/// What a request says of all its recipients.
pub(super) fn for_all(mut body: Value) -> Result<NewSubmission> {
    let template = body["template"].take();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("unsubscribe_url");
        fields.remove("template");
    }
    // What people write one by one goes first.
    body["priority"] = json!("low");
    let mut value: NewSubmission =
        serde_json::from_value(body).map_err(|error| ApiError::field("", error.to_string()))?;
    value.frozen = Some(serde_json::from_value(template)?);
    Ok(value)
}
