use super::input::AutoReplyInput;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::Json;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::auto_reply::AutoReply;
use serde_json::json;
use store::idempotency::Stage;
use store::{audit, auto_replies};

/// Makes a mailbox's out of office: what it answers by itself, when and to whom. Each mailbox has one at most.
#[utoipa::path(post, path = "/v1/auto-replies", tag = "auto-replies", request_body = AutoReplyInput,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = AutoReply)))]
pub(crate) async fn create_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<AutoReplyInput>,
) -> Result<Response> {
    super::may_set(&caller)?;
    let id = value.mailbox_id.clone().unwrap_or_default();
    let missing = |_| ApiError::field("/mailbox_id", "is no mailbox");
    let mailbox = mailboxes::visible(&state, &caller, &id)
        .await
        .map_err(missing)?;
    if mailbox.outgoing.is_none() {
        return Err(ApiError::field(
            "/mailbox_id",
            "is a mailbox that only receives: it cannot answer",
        ));
    }
    let settings = value.settings(None, &mailbox.address)?;
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| async move {
        let (now, by) = (inner.store.now(), actor.clone());
        let make = move |tx: &mut store::Tx<'_>| -> store::error::Result<AutoReply> {
            let made = auto_replies::create_in(tx, &id, &settings, now)?;
            let detail = json!({"mailbox_id": made.mailbox_id, "enabled": made.settings.enabled});
            audit::append_in(tx, by.id(), "auto_reply.created", &made.id, &detail, now)?;
            Ok(made)
        };
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, make);
        Ok::<Answer, ApiError>(made.await?.1)
    };
    idempotent::once(
        &state,
        &caller,
        &headers,
        ("/v1/auto-replies", &bytes),
        work,
    )
    .await
}
