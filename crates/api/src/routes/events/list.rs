use crate::authentication;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page::{self, Page};
use crate::routes::connection_tests::stream as sse;
use crate::state::ApiState;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use model::access::Scope;
use model::event::{Event, TYPES};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use store::events::{self, Filter, Standing};
use store::wake::{Listener, Topic};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

/// A sign of life on a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Looks without having been woken: the floor under a lost wake-up.
const POLL: Duration = Duration::from_secs(2);
/// How often a stream looks whether its caller may still listen.
const RIGHTS: Duration = Duration::from_secs(1);
/// Events that go out in one piece.
const BURST: i64 = 200;
/// Where a stream goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Which events.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Only events behind this cursor (`cursor` of an event, or `next_cursor`). Left out: all that are
    /// kept; a stream begins now.
    cursor: Option<String>,
    /// `now`: only what is to come; `start`: all that are kept.
    #[param(inline)]
    from: Option<From>,
    /// Types, separated by commas; `message.*` stands for a family.
    types: Option<String>,
    /// Only of this mailbox.
    mailbox_id: Option<String>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
}

/// Where to begin without a cursor.
#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum From {
    /// With what is to come.
    Now,
    /// With the oldest that is kept.
    Start,
}

/// Events in order, behind a cursor. `Accept: text/event-stream` streams them as they happen; it goes
/// on behind `Last-Event-ID`. `next_cursor` is never null: ask again with it later.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(Params, ("Last-Event-ID" = Option<String>, Header)), responses((status = 200, body = Page<Event>)))]
pub(crate) async fn list_events(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Result<Response> {
    caller.need(Scope::Read)?;
    let limit = page::limit(params.limit)?;
    let streaming = sse::wanted(&headers);
    // Listening begins before the first look, so that nothing falls between the two.
    let listener = state.store.db.wakes().listen(Topic::Events);
    let filter = filter(&state, &caller, &headers, params, streaming).await?;
    if streaming {
        return follow(state, caller, filter, listener);
    }
    let (data, position) = events::list(&state.store, filter, limit).await?;
    let next_cursor = Some(events::cursor(position));
    Ok(Json(Page { data, next_cursor }).into_response())
}

async fn filter(
    state: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    params: Params,
    streaming: bool,
) -> Result<Filter> {
    let last = headers.get(&LAST_EVENT_ID).filter(|_| streaming);
    let last = last.map(|value| value.to_str().unwrap_or("?").to_owned());
    let (name, kept) = match last {
        Some(last) => ("Last-Event-ID", Some(last)),
        None => ("cursor", params.cursor),
    };
    let after = match (kept, params.from) {
        (Some(cursor), _) => position(state, name, &cursor).await?,
        (None, Some(From::Start)) => 0,
        (None, Some(From::Now)) => events::newest(&state.store).await?,
        (None, None) if streaming => events::newest(&state.store).await?,
        (None, None) => 0,
    };
    let types = types(params.types.as_deref())?;
    let mailbox_ids = match params.mailbox_id {
        // A mailbox that does not exist for the caller has no events.
        Some(id) if caller.sees(&id) => Some(vec![id]),
        Some(_) => Some(Vec::new()),
        None => caller.visible(),
    };
    Ok(Filter {
        after,
        types,
        mailbox_ids,
    })
}

/// The position of a cursor that the caller kept: one from where it can go on without missing anything.
async fn position(state: &ApiState, name: &str, cursor: &str) -> Result<i64> {
    let Some(position) = events::parse_cursor(cursor) else {
        return Err(ApiError::parameter(name, "is not a cursor of this list"));
    };
    match events::standing(&state.store, position).await? {
        Standing::Within => Ok(position),
        Standing::Ahead => Err(ApiError::parameter(
            name,
            "is beyond the newest event: it is not from this log",
        )),
        Standing::Expired => Err(ApiError::new(
            StatusCode::GONE,
            "cursor_expired",
            "events behind this cursor are kept no more; going on from it would miss them",
        )),
    }
}

fn types(list: Option<&str>) -> Result<Vec<String>> {
    let words = list.unwrap_or_default().split(',').map(str::trim);
    let types: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    match types.iter().find(|word| !is_type(word)) {
        Some(word) => Err(ApiError::parameter(
            "types",
            format!("{word:?} is no type of event"),
        )),
        None => Ok(types),
    }
}

/// Whether a word is a type, or stands for a family of them.
pub(crate) fn is_type(word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(family) => TYPES.iter().any(|kind| kind.starts_with(family)),
        None => TYPES.contains(&word),
    }
}

/// One caller's stream.
struct Following {
    state: ApiState,
    caller: Caller,
    filter: Filter,
    listener: Listener,
    heartbeat: Instant,
    rights: Instant,
    greeted: bool,
    /// There is more to read than news.
    behind: bool,
    _place: OwnedSemaphorePermit,
}

fn follow(state: ApiState, caller: Caller, filter: Filter, listener: Listener) -> Result<Response> {
    let place = state
        .streams_at_once
        .clone()
        .try_acquire_owned()
        .map_err(|_| {
            let detail = "too many event streams are open";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "rate_limited", detail).retry_after(5)
        })?;
    let following = Following {
        state,
        caller,
        filter,
        listener,
        heartbeat: Instant::now() + HEARTBEAT,
        rights: Instant::now() + RIGHTS,
        greeted: false,
        behind: true,
        _place: place,
    };
    let pieces = stream::unfold(following, |mut following| async move {
        let piece = following.next().await?;
        Some((Ok::<_, Infallible>(piece), following))
    });
    Ok(sse::response(Body::from_stream(pieces)))
}

impl Following {
    /// The next piece to send; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            // Something at once, so that the caller knows that the line is up, and where it would go on.
            let cursor = events::cursor(self.filter.after);
            return Some(Bytes::from(format!(
                ": postroom\nretry: 1000\nid: {cursor}\n\n"
            )));
        }
        loop {
            if self.state.shutdown.is_cancelled() {
                return None;
            }
            if self.rights <= Instant::now() {
                self.rights = Instant::now() + RIGHTS;
                if !authentication::still_there(&self.state, &self.caller).await {
                    return None;
                }
            }
            if self.heartbeat <= Instant::now() {
                return Some(self.sign_of_life());
            }
            // A glance is enough for news; who has much to catch up on reads more at a time, and elsewhere.
            let (store, filter) = (&self.state.store, self.filter.clone());
            let looked = match self.behind {
                true => events::list(store, filter, BURST).await,
                false => events::news(store, filter).await,
            };
            match looked {
                Ok((found, position)) => {
                    let moved = position != self.filter.after;
                    self.behind = position - self.filter.after >= events::NEWS;
                    self.filter.after = position;
                    if !found.is_empty() {
                        self.heartbeat = Instant::now() + HEARTBEAT;
                        return Some(written(&found));
                    }
                    if moved {
                        // A look is bounded: what is wanted may stand right behind what was passed.
                        continue;
                    }
                }
                // The stream stays: the next look may work again, and nothing is lost meanwhile.
                Err(error) => tracing::warn!(%error, "an event stream could not read the log"),
            }
            let shutdown = self.state.shutdown.clone();
            tokio::select! {
                () = self.listener.next() => {}
                () = tokio::time::sleep(POLL) => {}
                () = shutdown.cancelled() => return None,
                () = sleep_until(self.heartbeat) => {}
            }
        }
    }

    /// An `id` without data is no event, but moves the reader's Last-Event-ID: so that who waits for something rare does
    /// not come back with a cursor that the log has outlived.
    fn sign_of_life(&mut self) -> Bytes {
        self.heartbeat = Instant::now() + HEARTBEAT;
        let cursor = events::cursor(self.filter.after);
        Bytes::from(format!(": still here\nid: {cursor}\n\n"))
    }
}

fn written(events: &[Event]) -> Bytes {
    let mut text = Vec::with_capacity(events.len() * 400);
    for event in events {
        text.extend_from_slice(&sse::event(&event.kind, Some(&event.cursor), event));
    }
    text.into()
}
