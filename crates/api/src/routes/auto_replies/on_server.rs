//! An out of office on the mailbox's own server: changed there first, then here.
//!
//! Between the two nobody answers, so that nobody gets two answers. Where the server cannot be reached nothing is changed; where the
//! connection ended before the server said what became of it, the out of office is `unsure`, and Postroom answers nobody until a
//! change succeeds.

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::http::StatusCode;
use connect::server_reply::{At, NotDone, PORT, ServerReplies, Wanted};
use connect::{Failure, problems};
use model::Secret;
use model::auto_reply::{AutoReply, OnServer, Settings};
use model::mailbox::{Incoming, Mailbox};
use store::{auto_replies, mailboxes};

/// A mailbox's server, as far as it is asked to answer by itself.
pub(super) struct Server {
    replies: ServerReplies,
    incoming: Incoming,
    /// The port for ManageSieve.
    pub(super) port: u16,
    /// It is neither the one that was asked before nor the usual one.
    pub(super) guessed: bool,
    secret: Option<Secret>,
}

impl Server {
    /// The server of a mailbox; `port`: another one than was asked before.
    pub(super) async fn of(state: &ApiState, mailbox: &Mailbox, port: Option<u16>) -> Result<Self> {
        let (Some(replies), Some(incoming)) =
            (state.reporter.server_replies(), mailbox.incoming.clone())
        else {
            let text = "the mailbox has no server that could answer by itself";
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "server_reply_not_offered",
                text,
            ));
        };
        let known = auto_replies::server_port(&state.store, &mailbox.id).await?;
        let secrets = mailboxes::credentials_of(&state.store, mailbox).await?;
        Ok(Self {
            replies,
            incoming,
            port: port.or(known).unwrap_or(PORT),
            guessed: port.is_some_and(|port| port != known.unwrap_or(PORT)),
            secret: secrets.incoming,
        })
    }

    fn at(&self) -> At<'_> {
        At {
            incoming: &self.incoming,
            port: self.port,
            secret: self.secret.as_ref(),
        }
    }

    /// Asks it. Nothing is changed there.
    pub(super) async fn look(&self) -> Result<connect::server_reply::Found, Failure> {
        self.replies.look(&self.at()).await
    }

    async fn take_away(&self) -> Result<(), NotDone> {
        self.replies.take_away(&self.at()).await
    }

    fn refusal(&self, NotDone { failure, unsure }: &NotDone) -> ApiError {
        if !unsure {
            return refused(failure);
        }
        let facts = [("host", self.incoming.host.as_str())];
        let means = problems::find("server_reply_unsure").map(|entry| {
            let problem = entry.occurred(&facts, None);
            problem.means
        });
        let detail = format!("{} ({failure})", means.unwrap_or_default());
        ApiError::new(StatusCode::CONFLICT, "server_reply_unsure", detail)
    }
}

/// A server's no, in the words of the catalogue.
pub(super) fn refused(failure: &Failure) -> ApiError {
    let problem = &failure.problem;
    let detail = match &problem.server_said {
        Some(said) => format!("{} The server said: {said}", problem.means),
        None => problem.means.clone(),
    };
    ApiError::new(StatusCode::CONFLICT, &problem.id, detail).remedy(problem.remedy.text.clone())
}

/// Whether a change from one to the other concerns the mailbox's server.
pub(super) fn concerned(old: &AutoReply, new: &Settings) -> bool {
    old.on_server.is_some() || new.is_for_server()
}

/// Changes an out of office on the mailbox's server, then here. It goes to its end even if the caller goes away.
pub(super) async fn change(
    state: &ApiState,
    mailbox: &Mailbox,
    old: AutoReply,
    new: Settings,
) -> Result<AutoReply> {
    let server = Server::of(state, mailbox, None).await?;
    let wanted = match new.is_for_server() {
        true => Some(wanted(state, &old, &new).await?),
        false => None,
    };
    let state = state.clone();
    to_the_end(async move {
        let old = auto_replies::begin_on_server(&state.store, &old).await?;
        let done = match &wanted {
            Some(wanted) => server.replies.put(&server.at(), wanted).await,
            None => server.take_away().await,
        };
        let store = &state.store;
        match done {
            Ok(()) => {
                let set = wanted.map(|_| OnServer::Set);
                Ok(auto_replies::end_on_server(store, &old.id, Some(new), set).await?)
            }
            Err(not_done) => {
                let before = old.on_server_now(store.now());
                let known = if not_done.unsure {
                    Some(OnServer::Unsure)
                } else {
                    before
                };
                auto_replies::end_on_server(store, &old.id, None, known).await?;
                Err(server.refusal(&not_done))
            }
        }
    })
    .await
}

/// Takes an out of office off the mailbox's server; here it is switched off then.
pub(super) async fn take_away(state: &ApiState, mailbox: &Mailbox, old: AutoReply) -> Result<()> {
    let off = Settings {
        enabled: false,
        ..old.settings.clone()
    };
    change(state, mailbox, old, off).await.map(drop)
}

/// What the script is made from. Who has had an answer is counted anew when it is switched on, or comes from elsewhere.
async fn wanted(state: &ApiState, old: &AutoReply, new: &Settings) -> Result<Wanted> {
    let (own, _) = auto_replies::addresses(&state.store, &old.mailbox_id).await?;
    let goes_on = old.on_server.is_some() && old.settings.place == new.place;
    let since = old.enabled_at.filter(|_| goes_on);
    Ok(Wanted {
        settings: new.clone(),
        addresses: own,
        handle: format!("{}.{}", old.id, since.unwrap_or(state.store.now()).0),
    })
}

async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.map_err(|error| {
        tracing::error!(%error, "a change on a mailbox's server panicked");
        ApiError::internal()
    })?
}
