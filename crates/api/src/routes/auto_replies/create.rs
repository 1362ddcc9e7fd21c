use super::input::AutoReplyInput;
use super::on_server;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::Json;
use crate::proving;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::auto_reply::{AutoReply, Settings};
use model::mailbox::Mailbox;
use serde_json::json;
use store::idempotency::Stage;
use store::{StoreError, audit, auto_replies};

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
    if settings.is_for_server() {
        proving::admit(&state, &caller)?;
        let work = |_| async move {
            let made = made_on_server(&inner, &mailbox, settings).await?;
            let detail = json!({"mailbox_id": made.mailbox_id, "enabled": made.settings.enabled});
            audit::append(
                &inner.store,
                actor.id(),
                "auto_reply.created",
                &made.id,
                detail,
            )
            .await?;
            Answer::json(StatusCode::CREATED, &made)
        };
        let request = ("/v1/auto-replies", &*bytes);
        return idempotent::once(&state, &caller, &headers, request, work).await;
    }
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

/// Makes one that the mailbox's server is to answer: switched off, then switched on there. If the server does not take it, none is
/// made, unless that is not known.
async fn made_on_server(
    state: &ApiState,
    mailbox: &Mailbox,
    settings: Settings,
) -> Result<AutoReply> {
    let now = state.store.now();
    let (id, off) = (
        mailbox.id.clone(),
        Settings {
            enabled: false,
            ..settings.clone()
        },
    );
    let make = move |tx: &mut store::Tx<'_>| auto_replies::create_in(tx, &id, &off, now);
    let made: AutoReply = state.store.db.write(make).await?;
    let id = made.id.clone();
    let done = on_server::change(state, mailbox, made, settings).await;
    if done.is_err() {
        match auto_replies::remove(&state.store, &id, false).await {
            // It stands there, or may: then it stays here too. Or somebody was faster.
            Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    done
}
