use super::body::{attachment_index, is_huge, with_beginning};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::ranges::{self, Asked};
use crate::state::ApiState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use model::access::Scope;
use model::limits::PARSE_BYTES;
use store::messages::{self, Raw};

/// Promise S18: whatever it is, nothing in it runs.
pub(super) const CSP: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A file of a message, decoded; ranges are possible.
#[utoipa::path(get, path = "/v1/messages/{id}/attachments/{attachment_id}", tag = "messages",
    params(("id" = String, Path), ("attachment_id" = String, Path), ("Range" = Option<String>, Header)),
    responses((status = 200, body = String, content_type = "application/octet-stream"),
              (status = 206, body = String, content_type = "application/octet-stream")))]
pub(crate) async fn get_attachment(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, attachment_id]): Ids<2>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let raw = messages::raw(&state.store, &id).await?;
    caller.must_see(&raw.mailbox_id, "the message")?;
    super::whole(&raw)?;
    let found = file(&state, &raw, &attachment_id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("the attachment"))?;
    let index = found.meta.index;
    let bytes = Bytes::from(found.bytes);
    let length = bytes.len() as u64;
    let (status, range) = match ranges::asked(&headers, length) {
        Asked::Whole => (StatusCode::OK, 0..length),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => return Ok(ranges::out_of_range(length)),
    };
    let mut response = Response::new(Body::from(
        bytes.slice(range.start as usize..range.end as usize),
    ));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fields = [
        (header::CONTENT_TYPE, content_type(&found.meta.content_type)),
        (
            header::CONTENT_DISPOSITION,
            disposition(&found.meta.filename),
        ),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, format!("\"{}-{index}\"", raw.digest)),
        (header::CONTENT_SECURITY_POLICY, CSP.to_owned()),
    ];
    for (name, value) in fields {
        headers.insert(
            name,
            HeaderValue::try_from(value).map_err(|_| ApiError::internal())?,
        );
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!(
            "bytes {}-{}/{length}",
            range.start,
            range.end.saturating_sub(1)
        );
        let value = HeaderValue::try_from(text).map_err(|_| ApiError::internal())?;
        headers.insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// The file of a message with this id, decoded; none where it has no such file.
pub(crate) async fn file(
    state: &ApiState,
    raw: &Raw,
    id: &str,
) -> Result<Option<mail_message::Attachment>> {
    let Some(index) = attachment_index(id) else {
        return Ok(None);
    };
    let found = with_beginning(state, raw, PARSE_BYTES, move |bytes| {
        mail_message::attachment(&bytes, index)
    })
    .await?;
    // Never a piece of a file as if it were the file.
    let found = found.filter(|found| !(is_huge(raw) && found.reaches_end));
    if found.is_none() && is_huge(raw) {
        return Err(out_of_reach());
    }
    Ok(found)
}

fn out_of_reach() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "attachment_out_of_reach",
        "the message has more than 64 MiB, and the attachment does not end within its first 64 MiB",
    )
}

/// What the sender says it is, where that has the form of a type at all.
fn content_type(said: &str) -> String {
    let token = |text: &str| {
        !text.is_empty()
            && text.len() <= 100
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match said.split_once('/') {
        Some((kind, sub)) if token(kind) && token(sub) => format!("{kind}/{sub}"),
        _ => "application/octet-stream".to_owned(),
    }
}

/// A name without path and without anything that could end the field, in both forms (RFC 6266).
fn disposition(name: &str) -> String {
    use std::fmt::Write as _;
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = name
        .chars()
        .map(|c| match c {
            ' '..='~' if !matches!(c, '"' | '\\' | '%' | ';') => c,
            _ => '_',
        })
        .collect();
    let encoded = name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    });
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_field() {
        assert_eq!(
            disposition("../a\"\r\nX: y;.pdf"),
            "attachment; filename=\"a___X: y_.pdf\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%3B.pdf"
        );
        assert_eq!(
            disposition("Übersicht.pdf"),
            "attachment; filename=\"_bersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf"
        );
    }

    #[test]
    fn a_type_that_is_none_becomes_bytes() {
        assert_eq!(content_type("image/png"), "image/png");
        for bad in ["", "image", "a/b\r\nX: y", "text/html; charset=x", "ä/b"] {
            assert_eq!(content_type(bad), "application/octet-stream", "{bad}");
        }
    }
}
