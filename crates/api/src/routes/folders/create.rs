use crate::caller::Caller;
use crate::error::Result;
use crate::idempotent::{self, Answer};
use crate::input::{Ids, Json};
use crate::routes::mailboxes;
use crate::routes::owed::{Owed, settled};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::folder::Folder;
use model::mailbox::Mailbox;
use serde::Deserialize;
use store::idempotency::{Key, Stage};
use store::{folders, owed};

/// A folder to make on the server.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFolder {
    /// Its name, as people write it: one level.
    name: String,
    /// The folder that it is made in; left out: at the top.
    #[serde(default)]
    parent_id: Option<String>,
}

/// Makes a folder on the server. 201: it is there; 202: it is owed, and `folder.created` tells when it is there.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/folders", tag = "folders", params(("id" = String, Path),
    ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    request_body = NewFolder, responses((status = 201, body = Folder), (status = 202, body = Owed)))]
pub(crate) async fn create_folder(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { value, bytes }: Json<NewFolder>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = mailboxes::visible(&state, &caller, &id).await?;
    let path = format!("/v1/mailboxes/{id}/folders");
    let inner = state.clone();
    let work = |key| create(inner, mailbox, value, key);
    idempotent::once(&state, &caller, &headers, (&path, &bytes), work).await
}

async fn create(
    state: ApiState,
    mailbox: Mailbox,
    value: NewFolder,
    key: Option<Key>,
) -> Result<Answer> {
    let before = folders::list(&state.store, &mailbox.id).await?;
    let (id, name, now) = (mailbox.id.clone(), value.name.clone(), state.store.now());
    let owe = move |tx: &mut store::Tx<'_>| {
        owed::create_folder_in(tx, &id, value.parent_id, &value.name, now).map(Owed::from)
    };
    let (owed, _) = idempotent::make(&state, key, Stage::Made, StatusCode::ACCEPTED, owe).await?;
    if let Some(entry) = settled(&state, &mailbox, &owed.id).await? {
        return Answer::json(StatusCode::ACCEPTED, &Owed::from(entry));
    }
    let after = folders::list(&state.store, &mailbox.id).await?;
    let made = after
        .into_iter()
        .find(|folder| folder.name == name && before.iter().all(|old| old.id != folder.id));
    Answer::json(StatusCode::CREATED, &made)
}
