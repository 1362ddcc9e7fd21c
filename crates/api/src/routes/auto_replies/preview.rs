use super::input::AutoReplyInput;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Json};
use crate::state::ApiState;
use axum::extract::State;
use mail_message::auto_reply::{self, Answer, LOOKED_AT, Refusal, Rules};
use model::Timestamp;
use model::access::Scope;
use model::auto_reply::{Audience, AutoReply, Wording};
use model::folder::Role;
use model::message::{Direction, Message};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use store::{StoreError, auto_replies, mailboxes, messages};

/// Days that are looked back, where nothing is said.
const DAYS: i64 = 7;
/// Most of them.
const MOST_DAYS: i64 = 90;
/// Messages that are looked at.
const MESSAGES: i64 = 500;
/// Messages that are read from the store at once.
const PAGE: i64 = 100;
/// One day.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What to look at.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AutoReplyPreviewInput {
    /// The mail of how many days, 1 to 90; left out: 7.
    #[serde(default)]
    days: Option<i64>,
    /// Settings that are being written, instead of what is stored.
    #[serde(default)]
    settings: Option<AutoReplyInput>,
}

/// Who would have got an answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AutoReplyPreview {
    /// The messages that came, newest first.
    data: Vec<PreviewedMessage>,
    /// How many of them would have been answered.
    answered: i64,
    /// There were more: only the newest are here.
    truncated: bool,
}

/// A message, and whether it would have been answered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PreviewedMessage {
    /// The message.
    message_id: String,
    /// Who wrote it.
    from: Option<String>,
    /// Its subject.
    subject: Option<String>,
    /// When it came.
    received_at: Timestamp,
    /// It would have been answered.
    answered: bool,
    /// Whom the answer would have gone to.
    to: Option<String>,
    /// The sender is inside; null: it would not have been answered.
    inside: Option<bool>,
    /// The answer's subject.
    answer_subject: Option<String>,
    /// Why it would not have been answered, for programs.
    reason: Option<&'static str>,
    /// The same in words.
    reason_text: Option<String>,
}

/// Shows who of those who wrote in the last days would have got an answer, and why the others would not, as if the out of office
/// had been on. Nothing is sent.
#[utoipa::path(post, path = "/v1/auto-replies/{id}/preview", tag = "auto-replies", params(("id" = String, Path)),
    request_body = AutoReplyPreviewInput, responses((status = 200, body = AutoReplyPreview)))]
pub(crate) async fn preview_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<AutoReplyPreviewInput>,
) -> Result<axum::Json<AutoReplyPreview>> {
    caller.need(Scope::Read)?;
    let mut own = super::visible(&state, &caller, &id).await?;
    let days = value.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        let text = format!("must be 1 to {MOST_DAYS}");
        return Err(crate::error::ApiError::field("/days", text));
    }
    if let Some(given) = value.settings {
        let mailbox = mailboxes::get(&state.store, &own.mailbox_id).await?;
        own.settings = given.settings(Some(&own.settings), &mailbox.address)?;
    }
    let since = state.store.now().plus_millis(-days * DAY_MILLIS);
    let (found, truncated) = came(&state, &own, since).await?;
    let (own_addresses, sends_as) = auto_replies::addresses(&state.store, &own.mailbox_id).await?;
    let rules = Rules {
        own: own_addresses,
        sends_as,
        inside_domains: own.settings.inside_domains.clone(),
        answer_inside: own.settings.audience != Audience::Outside,
        answer_outside: own.settings.audience != Audience::Inside,
        exclusions: own.settings.exclusions.clone(),
    };
    let mut data = Vec::with_capacity(found.len());
    let mut had: HashMap<String, Timestamp> = HashMap::new();
    // In the order in which they came, for whoever wrote twice has had an answer already.
    for message in found.into_iter().rev() {
        let Some(raw) = beginning(&state, &message.id).await? else {
            continue;
        };
        let rules = rules.clone();
        let judged = tokio::task::spawn_blocking(move || auto_reply::judge(&raw, &rules))
            .await
            .map_err(|_| crate::error::ApiError::internal())?;
        data.push(shown(&own, &message, judged, &mut had));
    }
    data.reverse();
    let answered = data.iter().filter(|one| one.answered).count();
    Ok(axum::Json(AutoReplyPreview {
        answered: i64::try_from(answered).unwrap_or(i64::MAX),
        data,
        truncated,
    }))
}

/// What came to the mailbox, newest first, and whether there was more.
async fn came(state: &ApiState, own: &AutoReply, since: Timestamp) -> Result<(Vec<Message>, bool)> {
    let mut found = Vec::new();
    let mut after = None;
    while (found.len() as i64) < MESSAGES {
        let filter = messages::Filter {
            mailbox_id: Some(own.mailbox_id.clone()),
            direction: Some(Direction::Incoming),
            since: Some(since),
            ..messages::Filter::default()
        };
        let page = messages::list(&state.store, filter, after, PAGE).await?;
        found.extend(page.messages);
        after = page.next;
        if after.is_none() {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// The header and the beginning of the text; none: it has gone meanwhile, or its bytes are lost.
async fn beginning(state: &ApiState, id: &str) -> Result<Option<Vec<u8>>> {
    match auto_replies::beginning(&state.store, id, LOOKED_AT as u64).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound(_) | StoreError::Corrupt(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn shown(
    own: &AutoReply,
    message: &Message,
    judged: Result<Answer, Refusal>,
    had: &mut HashMap<String, Timestamp>,
) -> PreviewedMessage {
    let head: serde_json::Value = serde_json::from_str(&message.head).unwrap_or_default();
    let text = |pointer: &str| {
        let text = head.pointer(pointer).and_then(serde_json::Value::as_str);
        text.map(str::to_owned)
    };
    let mut one = PreviewedMessage {
        message_id: message.id.clone(),
        from: text("/from/0/address"),
        subject: text("/subject"),
        received_at: message.received_at,
        answered: false,
        to: None,
        inside: None,
        answer_subject: None,
        reason: None,
        reason_text: None,
    };
    let mut refuse = |reason: &'static str, text: String| {
        one.reason = Some(reason);
        one.reason_text = Some(text);
    };
    let unwanted =
        |role: Role| matches!(role, Role::Junk | Role::Trash | Role::Drafts | Role::Sent);
    if message
        .folders
        .iter()
        .filter_map(|at| at.role)
        .any(unwanted)
    {
        refuse(
            "folder",
            "it is in a folder whose mail is not answered, such as Junk".to_owned(),
        );
        return one;
    }
    match judged {
        Err(refusal) => refuse(refusal.as_str(), refusal.to_string()),
        Ok(answer) => {
            let period = own.settings.period_days * DAY_MILLIS;
            let last = had.get(&answer.sender);
            if last.is_some_and(|last| message.received_at < last.plus_millis(period)) {
                refuse(
                    "period",
                    "its sender has had an answer in this period already".to_owned(),
                );
                return one;
            }
            had.insert(answer.sender.clone(), message.received_at);
            let wording: &Wording = own.settings.wording(answer.inside);
            let subject = auto_reply::subject(&answer, wording.subject.as_deref());
            one.answered = true;
            one.inside = Some(answer.inside);
            one.answer_subject = Some(subject);
            one.to = Some(answer.to);
        }
    }
    one
}
