//! Who asks, what they may do, and which mailboxes exist for them.
//!
//! A token is looked up once a second at most; in between, memory answers. So a revoked token is
//! refused within a second on every node, and at once on the node that revoked it.

use crate::cookies;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use model::access::{Scope, Token, User};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::access;

/// How long memory answers for a token or a session.
const REMEMBERED: Duration = Duration::from_millis(800);
/// Callers in memory.
const CALLERS: usize = 4_096;
/// What a page of ours adds to each request that changes something; a foreign page cannot.
const CSRF: HeaderName = HeaderName::from_static("x-postroom-csrf");

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Known>);

#[derive(Debug)]
struct Known {
    id: String,
    scopes: Vec<Scope>,
    mailbox_ids: Option<Vec<String>>,
    user: Option<User>,
    /// Under which it is remembered.
    digest: String,
}

impl Caller {
    fn of_token(token: &Token, digest: &str) -> Self {
        let only = (!token.mailbox_ids.is_empty()).then(|| token.mailbox_ids.clone());
        Self(Arc::new(Known {
            id: token.id.clone(),
            scopes: token.scopes.clone(),
            mailbox_ids: only,
            user: None,
            digest: digest.to_owned(),
        }))
    }

    fn of_user(user: User, digest: &str) -> Self {
        Self(Arc::new(Known {
            id: user.id.clone(),
            scopes: user.role.scopes().to_vec(),
            mailbox_ids: None,
            user: Some(user),
            digest: digest.to_owned(),
        }))
    }

    /// `tok_…` or `usr_…`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The user, if it is not a token.
    pub fn user(&self) -> Option<&User> {
        self.0.user.as_ref()
    }

    /// The digest of the session's or the token's secret.
    pub(crate) fn digest(&self) -> &str {
        &self.0.digest
    }

    /// Refuses whoever lacks the scope.
    ///
    /// # Errors
    /// 403.
    pub fn need(&self, scope: Scope) -> Result<()> {
        if self.0.scopes.contains(&scope) || self.0.scopes.contains(&Scope::All) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("this needs the scope {scope}")))
    }

    /// Refuses tokens that are limited to some mailboxes: what they ask for is about all.
    ///
    /// # Errors
    /// 403.
    pub fn need_all_mailboxes(&self) -> Result<()> {
        match self.0.mailbox_ids {
            None => Ok(()),
            Some(_) => Err(ApiError::forbidden(
                "this token is limited to some mailboxes, and this is about all of them",
            )),
        }
    }

    /// The mailboxes that exist for this caller; `None`: all.
    pub fn visible(&self) -> Option<Vec<String>> {
        self.0.mailbox_ids.clone()
    }

    /// Whether the token or session still holds: streams ask from time to time.
    pub(crate) async fn still_there(&self, state: &ApiState) -> bool {
        let known = match self.0.user {
            Some(_) => access::session_user(&state.store, self.digest())
                .await
                .map(|found| found.is_some()),
            None => access::token_by_digest(&state.store, self.digest())
                .await
                .map(|found| found.is_some()),
        };
        // A database that does not answer now is no reason to send anyone away.
        known.unwrap_or(true)
    }

    /// Whether this mailbox exists for the caller.
    pub fn sees(&self, mailbox_id: &str) -> bool {
        let only = self.0.mailbox_ids.as_ref();
        only.is_none_or(|ids| ids.iter().any(|id| id == mailbox_id))
    }

    /// Refuses what is in a mailbox that does not exist for the caller, as if it were not there.
    ///
    /// # Errors
    /// 404.
    pub fn must_see(&self, mailbox_id: &str, what: &'static str) -> Result<()> {
        if self.sees(mailbox_id) {
            Ok(())
        } else {
            Err(store::StoreError::NotFound(what).into())
        }
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self> {
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let secret = value.to_str().ok().and_then(bearer);
            let secret = secret.ok_or_else(|| {
                ApiError::unauthorized("the Authorization header is not `Bearer prm_…`")
            })?;
            return by_token(state, secret).await;
        }
        let session = cookies::session(state, &parts.headers).ok_or_else(|| {
            ApiError::unauthorized("the request has neither a token nor a session")
        })?;
        if parts.method != Method::GET && parts.method != Method::HEAD {
            csrf(&parts.headers)?;
        }
        by_session(state, &session).await
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && secret.starts_with(access::TOKEN_PREFIX))
        .then_some(secret)
}

fn csrf(headers: &HeaderMap) -> Result<()> {
    if headers.contains_key(&CSRF) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "a request with the session cookie that changes something needs the header X-Postroom-CSRF: 1",
    ))
}

async fn by_token(state: &ApiState, secret: &str) -> Result<Caller> {
    let digest = access::secret_digest(secret);
    if let Some(caller) = state.callers.find(&digest) {
        return Ok(caller);
    }
    let token = access::token_by_digest(&state.store, &digest).await?;
    let token = token.ok_or_else(|| {
        ApiError::unauthorized("this token is not known, was revoked, or has ended")
    })?;
    let caller = Caller::of_token(&token, &digest);
    state.callers.remember(digest, caller.clone());
    let state = state.clone();
    // Beside the request: a full disk must not keep anyone from reading.
    tokio::spawn(async move {
        if let Err(error) = access::token_used(&state.store, &token).await {
            tracing::warn!(%error, "could not note that a token was used");
        }
    });
    Ok(caller)
}

async fn by_session(state: &ApiState, secret: &str) -> Result<Caller> {
    let digest = access::secret_digest(secret);
    if let Some(caller) = state.callers.find(&digest) {
        return Ok(caller);
    }
    let found = access::session_user(&state.store, &digest).await?;
    let (user, _) =
        found.ok_or_else(|| ApiError::unauthorized("the session has ended: sign in again"))?;
    let caller = Caller::of_user(user, &digest);
    state.callers.remember(digest, caller.clone());
    Ok(caller)
}

/// Callers in memory, for less than a second.
#[derive(Default)]
pub(crate) struct Callers(Mutex<HashMap<String, (Caller, Instant)>>);

impl Callers {
    fn find(&self, digest: &str) -> Option<Caller> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (caller, since) = known.get(digest)?;
        (since.elapsed() < REMEMBERED).then(|| caller.clone())
    }

    fn remember(&self, digest: String, caller: Caller) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CALLERS {
            known.clear();
        }
        known.insert(digest, (caller, Instant::now()));
    }

    /// Forgets a session, or every caller with this id (a revoked token).
    pub(crate) fn forget(&self, digest_or_id: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|digest, (caller, _)| digest != digest_or_id && caller.id() != digest_or_id);
    }
}
