use super::change::check_keywords;
use crate::caller::Caller;
use crate::decode::base64;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Json, LargeJson};
use crate::routes::owed::Owed;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::Timestamp;
use model::access::Scope;
use model::folder::Folder;
use model::limits::SUBMISSION_BYTES;
use model::message::{FlagChange, Flags};
use serde::Deserialize;
use store::idempotency::{Key, Stage};
use store::owed::{self, Brought};
use store::{StoreError, folders};

const POINTER: &str = "/raw_base64";
/// The last time that IMAP can write: the end of the year 9999.
const LAST: Timestamp = Timestamp(253_402_300_799_999);

/// A message that is to be stored in a folder of the server.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// The folder, `fld_…`; it says which mailbox.
    folder_id: String,
    /// The whole message (RFC 5322) in base64, 48 MiB at most. Its bytes stay as they are, but for line ends, which become CR LF.
    raw_base64: String,
    /// Flags that it gets.
    #[serde(default)]
    flags: FlagChange,
    /// When it arrived, as the server is told (INTERNALDATE); now, when left out.
    #[serde(default)]
    received_at: Option<Timestamp>,
}

/// Stores a message in a folder of the server. Once this answers, the message is on disk here, and owed to the server:
/// `message.received` (or `message.sent`) with `by: api` and `owed_id` tells that it is there, and is never `live`;
/// `change.failed` tells that it never will be. Where the folder is off, or fetched from a later day on than `received_at`, nothing
/// is told: it is on the server when it is owed no more.
#[utoipa::path(post, path = "/v1/messages", tag = "messages", request_body = NewMessage,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 202, body = Owed)))]
pub(crate) async fn create_message(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    LargeJson { json, place }: LargeJson<NewMessage>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    let Json { value, bytes } = json;
    let folder = visible(&state, &caller, &value.folder_id).await?;
    check_keywords(&value.flags)?;
    let earliest = Timestamp(0);
    if value
        .received_at
        .is_some_and(|at| at < earliest || at > LAST)
    {
        let text = "is a time between 1970 and 9999";
        return Err(ApiError::field("/received_at", text));
    }
    let inner = state.clone();
    let work = |key| async move {
        let answer = create(inner, value, key).await;
        drop(place);
        answer
    };
    let path = format!("/v1/mailboxes/{}/owed", folder.mailbox_id);
    idempotent::once(&state, &caller, &headers, (&path, &bytes), work).await
}

/// The folder, if it exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Folder> {
    let none = || ApiError::field("/folder_id", "is no folder");
    let folder = match folders::get(&state.store, id).await {
        Err(StoreError::NotFound(_)) => return Err(none()),
        folder => folder?,
    };
    let seen = caller.must_see(&folder.mailbox_id, "the folder");
    seen.map_err(|_| none())?;
    Ok(folder)
}

async fn create(state: ApiState, value: NewMessage, key: Option<Key>) -> Result<Answer> {
    let raw = base64(POINTER, &value.raw_base64)?;
    drop(value.raw_base64);
    let prepared = tokio::task::spawn_blocking(move || {
        let raw = whole_lines(&raw)?;
        let head = mail_message::head(&raw);
        Ok::<_, ApiError>((raw, head))
    });
    let (raw, head) = prepared.await.map_err(|_| ApiError::internal())??;
    if raw.len() > SUBMISSION_BYTES {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!(
                "the message has {} bytes; {SUBMISSION_BYTES} are allowed",
                raw.len()
            ),
        ));
    }
    let stored = state.store.blobs.put(&raw).await?;
    let now = state.store.now();
    let brought = Brought {
        folder_id: value.folder_id,
        stored,
        internet_message_id: head.internet_message_id,
        subject: head.subject.unwrap_or_default(),
        flags: value.flags.apply(&Flags::default()).to_imap(),
        received_at: value.received_at.unwrap_or(now),
    };
    let owe = move |tx: &mut store::Tx<'_>| owed::append_in(tx, &brought, now).map(Owed::from);
    let (_, answer) = idempotent::make(&state, key, Stage::Done, StatusCode::ACCEPTED, owe).await?;
    Ok(answer)
}

/// CR LF everywhere, a header, and nothing that IMAP cannot carry.
fn whole_lines(raw: &[u8]) -> Result<Vec<u8>> {
    let refuse = |detail: &str| Err(ApiError::field(POINTER, detail));
    if raw.contains(&0) {
        return refuse("holds NUL bytes, which no mail server takes");
    }
    let name = raw
        .iter()
        .take_while(|b| b.is_ascii_graphic() && **b != b':');
    if raw.get(name.count()) != Some(&b':') || raw.first() == Some(&b':') {
        return refuse("is no message: it does not begin with a line of a header");
    }
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 40);
    let mut head_ends = false;
    for line in raw
        .strip_suffix(b"\n")
        .unwrap_or(raw)
        .split(|b| *b == b'\n')
    {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return refuse("holds a CR without its LF");
        }
        head_ends |= line.is_empty();
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    if !head_ends {
        return refuse("is no message: it has no empty line between header and body");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::whole_lines;

    #[test]
    fn bytes_stay_but_for_line_ends() {
        let long = [b"A: b\n\n", &[b'x'; 2_000][..], b"\n"].concat();
        let whole = whole_lines(&long).unwrap();
        assert_eq!(whole.len(), long.len() + 3);
        let raw = b"Bcc: hidden@y.z\r\n\r\nend\r\n";
        assert_eq!(whole_lines(raw).unwrap(), raw);
        assert_eq!(whole_lines(b"A: b\n\nend").unwrap(), b"A: b\r\n\r\nend\r\n");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bad in [
            &b""[..],
            b"\r\n\r\n",
            b"From ann@example.com Sat Jan 3 01:05:34 1996\nA: b\n\nx",
            b": x\n\n",
            b"A: b\r\n",
            b"A: b\r\n\r\n\0",
            b"A: b\r\n\r\nx\ry\r\n",
        ] {
            assert!(
                whole_lines(bad).is_err(),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
    }
}
