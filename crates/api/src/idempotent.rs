//! `Idempotency-Key`: a POST that is repeated is done once and answered the same for 24 hours.

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use model::Secret;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use std::future::Future;
use std::sync::PoisonError;
use store::StoreError;
use store::idempotency::{self, Claim, Key, Stage};

/// The header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one from before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const KEY_BYTES: usize = 255;

/// What a handler answers.
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    settled: bool,
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Self> {
        Ok(Self {
            status,
            body: serde_json::to_vec(value)?,
            settled: false,
        })
    }

    /// An answer without a body.
    pub(crate) const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Vec::new(),
            settled: false,
        }
    }

    /// `path`: of the list that the new thing is in.
    fn into_response(self, path: &str) -> Response {
        let location = location(path, self.status, &self.body);
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

/// Where the new thing is, which every answer to its making says, the first as well as a repeated one. A folder that is only
/// owed yet is among what is owed.
fn location(path: &str, status: StatusCode, body: &[u8]) -> Option<HeaderValue> {
    #[derive(serde::Deserialize)]
    struct New {
        id: String,
    }
    let made = matches!(status, StatusCode::CREATED | StatusCode::ACCEPTED);
    let new: New = made.then(|| serde_json::from_slice(body).ok())??;
    let path = match path.strip_suffix("/folders") {
        Some(mailbox) if status == StatusCode::ACCEPTED => format!("{mailbox}/owed"),
        _ => path.to_owned(),
    };
    HeaderValue::from_str(&format!("{path}/{}", new.id)).ok()
}

/// Makes something in one transaction with the answer to its key: no crash can come between the two, so that a repeated
/// request never makes it twice (R13). `stage`: whether this answer is the last word.
pub(crate) async fn make<T, F>(
    state: &ApiState,
    key: Option<Key>,
    stage: Stage,
    status: StatusCode,
    work: F,
) -> Result<(T, Answer)>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&mut store::Tx<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
{
    let store = state.store.clone();
    let settled = key.is_some() && stage == Stage::Done;
    let write = move |tx: &mut store::Tx<'_>| {
        let made = work(tx)?;
        let body = serde_json::to_string(&made)?;
        if let Some(key) = &key {
            let body = Secret::new(body.as_str());
            idempotency::settle_in(&store, tx, key, stage, status.as_u16(), &body)?;
        }
        Ok((made, body.into_bytes()))
    };
    let (made, body) = state.store.db.write(write).await?;
    let answer = Answer {
        status,
        body,
        settled,
    };
    Ok((made, answer))
}

/// Does the work of a POST: once for each key, and to its end even if the caller goes away.
pub(crate) async fn once<F, Fut>(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    request: (&str, &[u8]),
    work: F,
) -> Result<Response>
where
    F: FnOnce(Option<Key>) -> Fut,
    Fut: Future<Output = Result<Answer>> + Send + 'static,
{
    let key = key_of(state, caller, headers, request)?;
    work_under(state, key, request.0, work).await
}

/// The same for work that writes nothing but one transaction by [`make`]: where nothing is known of the key, that
/// transaction claims it as well, which spares one.
pub(crate) async fn once_in_one<F, Fut>(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    request: (&str, &[u8]),
    work: F,
) -> Result<Response>
where
    F: FnOnce(Option<Key>) -> Fut,
    Fut: Future<Output = Result<Answer>> + Send + 'static,
{
    let key = key_of(state, caller, headers, request)?;
    let key = key.map(|key| Key {
        claimed: false,
        ..key
    });
    work_under(state, key, request.0, work).await
}

/// Claims the key, where that is not left to the answer, and works.
async fn work_under<F, Fut>(
    state: &ApiState,
    key: Option<Key>,
    path: &str,
    work: F,
) -> Result<Response>
where
    F: FnOnce(Option<Key>) -> Fut,
    Fut: Future<Output = Result<Answer>> + Send + 'static,
{
    let Some(mut key) = key else {
        let answer = in_background(work(None)).await?;
        return Ok(answer.into_response(path));
    };
    let running = Running::begin(state, &key);
    if !key.claimed {
        key.claimed = idempotency::is_known(&state.store, &key).await?;
    }
    if key.claimed {
        match idempotency::claim(&state.store, key.clone(), running.is_none()).await? {
            Claim::Yours => {}
            Claim::Answered { status, body } => return Ok(replayed(status, &body, path)),
            Claim::InProgress => return Err(in_progress()),
            Claim::OtherRequest => {
                let detail = "this idempotency key was used for another request";
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "idempotency_conflict",
                    detail,
                ));
            }
        }
    } else if running.is_none() {
        return Err(in_progress());
    }
    let work = work(Some(key.clone()));
    let state = state.clone();
    let answer = in_background(async move {
        let _running = running;
        match work.await {
            Ok(answer) => {
                if !answer.settled {
                    let body = Secret::new(String::from_utf8_lossy(&answer.body));
                    idempotency::settle(&state.store, key, answer.status.as_u16(), body).await?;
                }
                Ok(answer)
            }
            Err(error) if key.claimed => {
                // If nothing was made, the key may be used again, with a better request.
                if let Err(error) = idempotency::give_up(&state.store, key).await {
                    tracing::warn!(%error, "could not give an idempotency key back");
                }
                Err(error)
            }
            // Another node has claimed it meanwhile: its answer is the one.
            Err(_) if idempotency::is_known(&state.store, &key).await? => Err(in_progress()),
            Err(error) => Err(error),
        }
    })
    .await?;
    Ok(answer.into_response(path))
}

fn in_progress() -> ApiError {
    let detail = "a request with this idempotency key is at work";
    ApiError::new(StatusCode::CONFLICT, "idempotency_in_progress", detail).retry_after(1)
}

async fn in_background(
    work: impl Future<Output = Result<Answer>> + Send + 'static,
) -> Result<Answer> {
    tokio::spawn(work).await.map_err(|error| {
        tracing::error!(%error, "a handler panicked");
        ApiError::internal()
    })?
}

fn key_of(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    (path, body): (&str, &[u8]),
) -> Result<Option<Key>> {
    let Some(value) = headers.get(&KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_BYTES {
        let detail =
            format!("the Idempotency-Key must be 1 to {KEY_BYTES} visible ASCII characters");
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            detail,
        ));
    }
    let mut digest = Context::new(&SHA256);
    digest.update(path.as_bytes());
    digest.update(&[0]);
    digest.update(body);
    use base64::Engine as _;
    Ok(Some(Key {
        owner: caller.keys_of().to_owned(),
        key: key.to_owned(),
        request_digest: base64::engine::general_purpose::STANDARD.encode(digest.finish()),
        process: state.process.clone(),
        claimed: true,
    }))
}

fn replayed(status: u16, body: &Secret, path: &str) -> Response {
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
        body: body.expose().as_bytes().to_vec(),
        settled: true,
    };
    let mut response = answer.into_response(path);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// This process works under a key, until dropped.
struct Running {
    state: ApiState,
    key: (String, String),
}

impl Running {
    /// `None`: somebody here works under it already.
    fn begin(state: &ApiState, key: &Key) -> Option<Self> {
        let key = (key.owner.clone(), key.key.clone());
        let mut running = state
            .running_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.insert(key.clone()).then(|| Self {
            state: state.clone(),
            key,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state
            .running_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}
