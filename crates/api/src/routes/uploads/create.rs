use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Checks, Query};
use crate::state::ApiState;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use model::Timestamp;
use model::access::Scope;
use model::limits::UPLOAD_BYTES;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::StoreError;
use store::blobs::{Batch, Stored};
use store::uploads::{self, NewUpload};
use tokio::time::timeout;

/// How long the next piece may take to arrive.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);
/// How long the whole file may take.
const FILE_PATIENCE: Duration = Duration::from_secs(3_600);
/// Bytes that are appended at once.
const APPEND: usize = 256 * 1024;

/// What is said of a file beside its bytes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct About {
    /// Its name for the recipient.
    #[serde(default)]
    filename: Option<String>,
}

/// A file that can be attached.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Upload {
    /// `upl_…`, for `attachments[].blob_id` of a message.
    blob_id: String,
    /// Its name for the recipient.
    filename: String,
    /// "type/subtype".
    content_type: String,
    /// Bytes.
    size: u64,
    /// After this it is gone, unless a message was made of it.
    expires_at: Timestamp,
}

/// Takes a file that is to be attached: the body is the file, as it is, and `Content-Type` says what it is. It waits for a
/// day, and only who brought it can use it.
#[utoipa::path(post, path = "/v1/uploads", tag = "submissions", params(About),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = Upload)))]
pub(crate) async fn create_upload(
    caller: Caller,
    State(state): State<ApiState>,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    caller.need(Scope::Send)?;
    let filename = about.filename.unwrap_or_else(|| "file".to_owned());
    let mut checks = Checks::default();
    checks.line("/filename", &filename, 1, 255);
    checks.end()?;
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > UPLOAD_BYTES) {
        return Err(too_large());
    }
    // Before a byte of it is stored; whoever brings several at once is told at their end.
    let room = uploads::room(&state.store, caller.keys_of()).await;
    let room = room.map_err(too_much)?;
    if announced.is_some_and(|length| length > room) {
        return Err(no_room(room));
    }
    let place = state.uploads_at_once.clone().acquire_owned().await;
    let place = place.map_err(|_| ApiError::internal())?;
    let stored = timeout(FILE_PATIENCE, take(&state, body, room)).await;
    let stored = stored.unwrap_or_else(|_| Err(late()))?;
    drop(place);
    let new = NewUpload {
        owner: caller.keys_of().to_owned(),
        stored,
        filename,
        content_type: content_type(&headers),
    };
    let upload = uploads::create(&state.store, new).await;
    let upload = upload.map_err(too_much)?;
    let upload = Upload {
        blob_id: upload.blob_id,
        filename: upload.filename,
        content_type: upload.content_type,
        size: upload.size,
        expires_at: upload.expires_at,
    };
    Ok((StatusCode::CREATED, Json(upload)).into_response())
}

/// Whoever has brought too much waits.
fn too_much(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict(why) => {
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", why)
        }
        error => error.into(),
    }
}

fn no_room(room: u64) -> ApiError {
    too_much(StoreError::Conflict(format!(
        "your files that wait to be sent leave room for {room} bytes, until they expire"
    )))
}

/// Stores the body durably, a piece at a time.
async fn take(state: &ApiState, body: Body, room: u64) -> Result<Stored> {
    let mut batch = state.store.blobs.batch()?;
    batch.begin();
    let mut stream = body.into_data_stream();
    while let Some(piece) = timeout(PIECE_PATIENCE, stream.next())
        .await
        .map_err(|_| late())?
    {
        let broken = "the body broke off";
        let piece =
            piece.map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", broken))?;
        let length = batch.begun().unwrap_or_default() + piece.len() as u64;
        if length > UPLOAD_BYTES {
            return Err(too_large());
        }
        if length > room {
            return Err(no_room(room));
        }
        append(&mut batch, &piece).await?;
    }
    let stored = batch.end();
    batch.sync().await?;
    Ok(stored)
}

async fn append(batch: &mut Batch, piece: &[u8]) -> Result<()> {
    for piece in piece.chunks(APPEND) {
        batch.append(piece).await?;
    }
    Ok(())
}

/// What the caller says it is, where that has the form of a type at all.
fn content_type(headers: &HeaderMap) -> String {
    let said = headers.get(header::CONTENT_TYPE);
    let said = said.and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.split(';').next());
    let token = |text: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !text.is_empty() && text.len() <= 100 && text.bytes().all(good)
    };
    let parts = said.and_then(|value| value.trim().split_once('/'));
    match parts {
        Some((kind, sub)) if token(kind) && token(sub) && kind != "multipart" => {
            format!("{kind}/{sub}").to_ascii_lowercase()
        }
        _ => "application/octet-stream".to_owned(),
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        format!("a file may have {UPLOAD_BYTES} bytes at most"),
    )
}

fn late() -> ApiError {
    let text = "the file did not arrive in time";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "invalid_request", text)
}
