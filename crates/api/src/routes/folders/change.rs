use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Json, present};
use crate::routes::mailboxes;
use crate::routes::owed::settled;
use crate::state::ApiState;
use axum::extract::State;
use model::Timestamp;
use model::access::Scope;
use model::folder::{Folder, Mode, Role};
use model::mailbox::Protocol;
use serde::Deserialize;
use store::owed::{self, Level};
use store::{StoreError, folders};

/// What may change about a folder; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderChange {
    /// Its name, as people write it: one level. The server is asked for it, and `folder.renamed` tells when it has that name.
    #[serde(default)]
    name: Option<String>,
    /// The folder that it lies in; null: at the top. The server is asked for it, and `folder.renamed` tells when it lies there.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    parent_id: Option<Option<String>>,
    /// What it is for; null: nothing special.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Role>)]
    role: Option<Option<Role>>,
    /// How much of it to store.
    #[serde(default)]
    mode: Option<Mode>,
    /// Mail from this time on is stored; null: as the mailbox says.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    since: Option<Option<Timestamp>>,
    /// Octets of the largest message that is stored whole; null: as the mailbox says.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    size_limit: Option<Option<i64>>,
}

/// Changes a folder's name on the server, what it is for, and how much of it is stored.
#[utoipa::path(patch, path = "/v1/mailboxes/{id}/folders/{folder_id}", tag = "folders",
    params(("id" = String, Path), ("folder_id" = String, Path)), request_body = FolderChange,
    responses((status = 200, body = Folder)))]
pub(crate) async fn change_folder(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, folder_id]): Ids<2>,
    Json { value, .. }: Json<FolderChange>,
) -> Result<axum::Json<Folder>> {
    caller.need(Scope::Manage)?;
    let mailbox = mailboxes::visible(&state, &caller, &id).await?;
    let pop3 = mailbox
        .incoming
        .as_ref()
        .is_some_and(|incoming| incoming.protocol == Protocol::Pop3);
    if value.mode == Some(Mode::Watch) && pop3 {
        let text = "a POP3 mailbox is stored whole: choose `full` or `off`";
        return Err(ApiError::field("/mode", text));
    }
    super::in_mailbox(&state, &id, &folder_id).await?;
    if value.size_limit.flatten().is_some_and(|limit| limit < 1) {
        let text = "is a number of octets, 1 at least";
        return Err(ApiError::field("/size_limit", text));
    }
    // First what can be refused.
    if value.name.is_some() || value.parent_id.is_some() {
        let to = match value.parent_id {
            None => Level::Same,
            Some(None) => Level::Top,
            Some(Some(parent)) => Level::Inside(parent),
        };
        let wish = owed::rename_folder(&state.store, &folder_id, value.name.as_deref(), to);
        let owed_id = wish.await.map_err(|error| match error {
            StoreError::NotFound("the folder") => {
                ApiError::field("/parent_id", "is no folder of this mailbox")
            }
            other => other.into(),
        })?;
        if let Some(owed_id) = owed_id {
            settled(&state, &mailbox, &owed_id).await?;
        }
    }
    let change = folders::Change {
        role: value.role,
        mode: value.mode,
        since: value.since,
        size_limit: value.size_limit,
    };
    Ok(axum::Json(
        folders::change(&state.store, &folder_id, change).await?,
    ))
}
