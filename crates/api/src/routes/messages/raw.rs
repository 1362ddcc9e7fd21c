use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::ranges::{self, Asked};
use crate::state::ApiState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use model::access::Scope;
use std::ops::Range;
use store::Store;
use store::blobs::{Place, READ_BYTES};
use store::messages;

/// The raw message, byte for byte as the server had it; ranges are possible.
#[utoipa::path(get, path = "/v1/messages/{id}/raw", tag = "messages",
    params(("id" = String, Path), ("Range" = Option<String>, Header)),
    responses((status = 200, body = String, content_type = "message/rfc822"),
              (status = 206, body = String, content_type = "message/rfc822")))]
pub(crate) async fn get_raw_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let raw = messages::raw(&state.store, &id).await?;
    caller.must_see(&raw.mailbox_id, "the message")?;
    super::whole(&raw)?;
    download(&state.store, &id, raw.place, &raw.digest, &headers).await
}

/// Bytes as a file to save, or the part of them that was asked for.
pub(crate) async fn download(
    store: &Store,
    name: &str,
    place: Place,
    digest: &str,
    asked: &HeaderMap,
) -> Result<Response> {
    let length = place.length;
    let (status, range) = match ranges::asked(asked, length) {
        Asked::Whole => (StatusCode::OK, 0..length),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => return Ok(ranges::out_of_range(length)),
    };
    let (from, to) = (range.start, range.end);
    // The first piece is read here, so that a store that cannot give it is an error and not a cut.
    let first = store.blobs.read_some(&place, range.clone()).await?;
    let rest = from + first.len() as u64..to;
    let mut response = Response::new(body(store.clone(), place, first, rest));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let disposition = format!("attachment; filename=\"{name}.eml\"");
    let range = format!("bytes {from}-{}/{length}", to.saturating_sub(1));
    let fields = [
        (header::CONTENT_TYPE, "message/rfc822".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_LENGTH, (to - from).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, format!("\"{digest}\"")),
        (
            header::CONTENT_SECURITY_POLICY,
            super::attachment::CSP.to_owned(),
        ),
    ];
    for (name, value) in fields {
        headers.insert(
            name,
            HeaderValue::try_from(value).map_err(|_| ApiError::internal())?,
        );
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let value = HeaderValue::try_from(range).map_err(|_| ApiError::internal())?;
        headers.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// Piece by piece, however large the message is.
fn body(store: Store, place: Place, first: bytes::Bytes, rest: Range<u64>) -> Body {
    let pieces = stream::try_unfold((store, place, Some(first), rest), |state| async move {
        let (store, place, first, mut rest) = state;
        if let Some(first) = first {
            return Ok(Some((first, (store, place, None, rest))));
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let end = rest.end.min(rest.start + READ_BYTES);
        let piece = store.blobs.read_some(&place, rest.start..end).await?;
        if piece.is_empty() {
            return Err(store::StoreError::Corrupt("a segment is too short".into()));
        }
        rest.start += piece.len() as u64;
        Ok(Some((piece, (store, place, None, rest))))
    });
    Body::from_stream(pieces)
}
