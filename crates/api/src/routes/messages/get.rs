use super::body::{self, Wanted};
use super::schema::BodyShape;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Query};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use mail_message::sanitize::RemoteImages;
use model::access::Scope;
use serde::Deserialize;
use serde_json::json;
use store::messages;

/// How much of it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// `text`, `html` or both, separated by a comma: adds the body. Left out: as in lists.
    body: Option<String>,
    /// `allowed` leaves pictures of other servers in the HTML; they are blocked when left out.
    #[param(value_type = Option<String>)]
    remote_images: Option<RemoteImages>,
}

/// One message; with `body=text,html` its text, its HTML (made inert), and its attachments. 409 `headers_only` with `body`
/// where `complete` is false: `POST …/fetch` fetches the rest.
#[utoipa::path(get, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path), Params),
    responses((status = 200, body = BodyShape)))]
pub(crate) async fn get_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let wanted = wanted(&params)?;
    let message = super::visible(&state, &caller, &id).await?;
    let mut out = Vec::with_capacity(message.head.len() + 1024);
    message.write_json(&mut out)?;
    let answers = messages::answered(&state.store, &id).await?;
    append(
        &mut out,
        &serde_json::to_vec(&json!({ "answers": answers }))?,
    );
    if let Some(wanted) = wanted {
        let raw = messages::raw(&state.store, &id).await?;
        super::whole(&raw)?;
        let mut body = body::read(&state, &id, &raw, wanted).await?;
        body.is_about(answers);
        append(&mut out, &serde_json::to_vec(&body)?);
    }
    Ok(super::written(out))
}

/// Two JSON objects become one.
fn append(out: &mut Vec<u8>, object: &[u8]) {
    out.pop();
    out.push(b',');
    out.extend_from_slice(&object[1..]);
}

fn wanted(params: &Params) -> Result<Option<Wanted>> {
    let Some(list) = &params.body else {
        return Ok(None);
    };
    let mut wanted = Wanted {
        text: false,
        html: false,
        remote_images: params.remote_images.unwrap_or_default(),
    };
    for word in list.split(',') {
        match word.trim() {
            "text" => wanted.text = true,
            "html" => wanted.html = true,
            _ => {
                return Err(ApiError::parameter(
                    "body",
                    "is `text`, `html` or `text,html`",
                ));
            }
        }
    }
    Ok(Some(wanted))
}
