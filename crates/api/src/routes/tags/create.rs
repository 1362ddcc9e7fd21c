use super::input;
use crate::caller::Caller;
use crate::error::Result;
use crate::idempotent;
use crate::input::{Checks, Json};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::tag::{Kind, Tag};
use serde::Deserialize;
use store::idempotency::Stage;
use store::tags;

/// A new tag or own folder.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTag)]
pub(crate) struct Input {
    /// Its name, unique among its kind.
    name: String,
    /// Its colour, `#rrggbb`.
    #[serde(default)]
    color: Option<String>,
    /// A tag when left out.
    #[serde(default)]
    kind: Option<Kind>,
    /// Only for messages of this mailbox; left out: for all.
    #[serde(default)]
    mailbox_id: Option<String>,
    /// Mailboxes whose incoming mail is put in it; for own folders.
    #[serde(default)]
    receives_from: Vec<String>,
}

/// Makes a tag, or a folder of the application's own. The mail server does not hear of it.
#[utoipa::path(post, path = "/v1/tags", tag = "tags", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = Tag)))]
pub(crate) async fn create_tag(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<Input>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    let mut checks = Checks::default();
    input::check_name(&mut checks, &value.name);
    input::check_color(&mut checks, value.color.as_deref());
    input::check_senders(&state, &caller, &mut checks, &value.receives_from).await?;
    let kind = value.kind.unwrap_or(Kind::Tag);
    if kind == Kind::Tag && !value.receives_from.is_empty() {
        checks.refuse("/receives_from", "is for own folders: \"kind\": \"folder\"");
    }
    if let Some(id) = &value.mailbox_id {
        let there = caller.sees(id) && store::mailboxes::get(&state.store, id).await.is_ok();
        if !there {
            checks.refuse("/mailbox_id", "is no mailbox");
        } else if value.receives_from.iter().any(|from| from != id) {
            checks.refuse(
                "/receives_from",
                "names a mailbox that the folder is not for",
            );
        }
    }
    checks.end()?;
    super::may_change(&caller, value.mailbox_id.as_deref())?;
    let new = tags::NewTag {
        name: value.name,
        color: value.color,
        kind,
        mailbox_id: value.mailbox_id,
        receives_from: value.receives_from,
    };
    let inner = state.clone();
    let work = |key| async move {
        let now = inner.store.now();
        let make = move |tx: &mut store::Tx<'_>| tags::create_in(tx, &new, now);
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, make);
        Ok(made.await?.1)
    };
    idempotent::once(&state, &caller, &headers, ("/v1/tags", &bytes), work).await
}
