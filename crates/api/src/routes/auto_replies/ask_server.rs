use super::on_server::{Server, refused};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Json;
use crate::proving;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::auto_replies::{self, Asked};

/// Whose server to ask.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskServerInput {
    /// The mailbox.
    mailbox_id: String,
    /// Where its server has ManageSieve; left out: where it was asked last, else 4190.
    #[serde(default)]
    port: Option<u16>,
    /// Whoever asks knows that an out of office that was left there (`leave_on_server`) answers no more. Taken unless the server says
    /// that it does.
    #[serde(default)]
    nothing_left_there: bool,
}

/// What a mailbox's server says about answering by itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AutoReplyServer {
    /// The mailbox.
    mailbox_id: String,
    /// It answers by itself where it is told to (`place: server`).
    offers: bool,
    /// The port at which it was asked.
    port: u16,
    /// The server's program, as it calls itself.
    program: Option<String>,
    /// The script that it runs over incoming mail now.
    active_script: Option<String>,
    /// An out of office that Postroom set is at work there.
    at_work: bool,
    /// Why it does not offer it.
    reason: Option<String>,
}

/// Asks a mailbox's own server whether it can answer while nobody is there (ManageSieve with vacation). Nothing is changed there.
#[utoipa::path(post, path = "/v1/auto-replies/ask-server", tag = "auto-replies", request_body = AskServerInput,
    responses((status = 200, body = AutoReplyServer)))]
pub(crate) async fn ask_server(
    caller: Caller,
    State(state): State<ApiState>,
    Json { value, .. }: Json<AskServerInput>,
) -> Result<axum::Json<AutoReplyServer>> {
    super::may_set(&caller)?;
    let missing = |_| ApiError::field("/mailbox_id", "is no mailbox");
    let mailbox = mailboxes::visible(&state, &caller, &value.mailbox_id)
        .await
        .map_err(missing)?;
    proving::admit(&state, &caller)?;
    let server = Server::of(&state, &mailbox, value.port).await?;
    let mut answer = AutoReplyServer {
        mailbox_id: mailbox.id.clone(),
        offers: false,
        port: server.port,
        program: None,
        active_script: None,
        at_work: false,
        reason: None,
    };
    match server.look().await {
        Ok(found) => {
            answer.offers = true;
            answer.program = Some(found.program).filter(|program| !program.is_empty());
            answer.active_script = found.active;
            answer.at_work = found.at_work;
        }
        Err(failure) if value.nothing_left_there || failure.id() == "server_reply_not_offered" => {
            answer.reason = Some(failure.problem.means.clone());
        }
        // It cannot be said.
        Err(failure) => return Err(refused(&failure)),
    }
    // A port that was guessed in vain says nothing about the server.
    if answer.offers || !server.guessed {
        let asked = Asked {
            port: server.port,
            offers: answer.offers,
        };
        auto_replies::note_server(&state.store, &mailbox.id, asked).await?;
    }
    // A server that says nothing may answer all the same: only the port for its scripts may be closed.
    if !answer.at_work && (answer.offers || value.nothing_left_there) {
        auto_replies::nothing_left_there(&state.store, &mailbox.id).await?;
    }
    Ok(axum::Json(answer))
}
