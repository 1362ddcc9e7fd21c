//! Who asks, what they may do, and which mailboxes exist for them. How a request tells who asks: [`crate::authentication`].

use crate::error::{ApiError, Result};
use model::access::{COMMAND, Scope, Token, User};
use model::mailbox::Mailbox;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{Store, access};

/// How long memory answers for a token or a session.
const REMEMBERED: Duration = Duration::from_millis(800);
/// Callers in memory.
const CALLERS: usize = 4_096;

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
    /// Whose idempotency keys it uses.
    keys_of: String,
}

/// A caller as it is kept with a job or a draft. `command`: of the command line, whose tokens end with each command.
#[derive(serde::Deserialize)]
struct Kept {
    id: String,
    command: bool,
    scopes: Vec<Scope>,
    mailbox_ids: Option<Vec<String>>,
    user: Option<User>,
}

impl Caller {
    /// A token, found by the digest of its secret.
    pub(crate) fn of_token(token: &Token, digest: &str) -> Self {
        let only = (!token.mailbox_ids.is_empty()).then(|| token.mailbox_ids.clone());
        // Each command has a token of its own, and a command that is repeated has the same keys. Who may do everything learns
        // nothing by them.
        let command = token.name == COMMAND && only.is_none() && token.scopes.contains(&Scope::All);
        let keys_of = if command { COMMAND } else { &token.id };
        Self(Arc::new(Known {
            keys_of: keys_of.to_owned(),
            id: token.id.clone(),
            scopes: token.scopes.clone(),
            mailbox_ids: only,
            user: None,
            digest: digest.to_owned(),
        }))
    }

    /// A user, found by the digest of the session's secret.
    pub(crate) fn of_user(user: User, digest: &str) -> Self {
        Self(Arc::new(Known {
            id: user.id.clone(),
            keys_of: user.id.clone(),
            scopes: user.role.scopes().to_vec(),
            mailbox_ids: None,
            user: Some(user),
            digest: digest.to_owned(),
        }))
    }

    /// Who asks and what they may, for work that goes on after the request.
    pub(crate) fn snapshot(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.0.id, "command": self.0.keys_of == COMMAND, "scopes": self.0.scopes, "mailbox_ids": self.0.mailbox_ids,
            "user": self.0.user,
        })
    }

    /// Whom [`Caller::snapshot`] described, with what they may now; `None`: the token was revoked or has ended, or there is no
    /// such user any more. Who gave a command on the machine itself may what they might then.
    ///
    /// # Errors
    /// The database is out of reach.
    pub(crate) async fn again(store: &Store, snapshot: &serde_json::Value) -> Result<Option<Self>> {
        let kept = Kept::deserialize(snapshot)?;
        if kept.command {
            return Self::as_it_was(snapshot).map(Some);
        }
        Ok(match kept.user {
            Some(user) => access::user_by_id(store, &user.id)
                .await?
                .map(|user| Self::of_user(user, "")),
            None => access::token_by_id(store, &kept.id)
                .await?
                .map(|token| Self::of_token(&token, "")),
        })
    }

    /// Whom [`Caller::snapshot`] described, with what they might then: for the rest of what they were allowed to do at the time.
    ///
    /// # Errors
    /// It is no snapshot.
    pub(crate) fn as_it_was(snapshot: &serde_json::Value) -> Result<Self> {
        let kept = Kept::deserialize(snapshot)?;
        let keys_of = if kept.command { COMMAND } else { &kept.id };
        Ok(Self(Arc::new(Known {
            keys_of: keys_of.to_owned(),
            id: kept.id,
            scopes: kept.scopes,
            mailbox_ids: kept.mailbox_ids,
            user: kept.user,
            digest: String::new(),
        })))
    }

    /// `tok_…` or `usr_…`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Whose idempotency keys the caller uses: mostly its own.
    pub(crate) fn keys_of(&self) -> &str {
        &self.0.keys_of
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

    /// Whether the caller may do everything, with all mailboxes.
    pub fn administers(&self) -> bool {
        self.0.scopes.contains(&Scope::All) && self.0.mailbox_ids.is_none()
    }

    /// The mailboxes that exist for this caller; `None`: all.
    pub fn visible(&self) -> Option<Vec<String>> {
        self.0.mailbox_ids.clone()
    }

    /// Whether this mailbox exists for the caller.
    pub fn sees(&self, mailbox_id: &str) -> bool {
        let only = self.0.mailbox_ids.as_ref();
        only.is_none_or(|ids| ids.iter().any(|id| id == mailbox_id))
    }

    /// Whether the caller may send through this mailbox: one that it sees, or one that is shared for sending and for nothing else.
    pub fn may_send_through(&self, mailbox: &Mailbox) -> bool {
        self.sees(&mailbox.id) || mailbox.send_shared || mailbox.system_sender
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

/// Callers in memory, for less than a second.
#[derive(Default)]
pub(crate) struct Callers(Mutex<HashMap<String, (Caller, Instant)>>);

impl Callers {
    /// The caller with this digest, if memory still answers for it.
    pub(crate) fn find(&self, digest: &str) -> Option<Caller> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (caller, since) = known.get(digest)?;
        (since.elapsed() < REMEMBERED).then(|| caller.clone())
    }

    /// Answers for this caller from now on.
    pub(crate) fn remember(&self, digest: String, caller: Caller) {
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
