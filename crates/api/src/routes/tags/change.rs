use super::input;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Checks, Ids, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use model::access::Scope;
use model::tag::{Kind, Tag};
use serde::Deserialize;
use store::tags;

/// What may change; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagChange {
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Its colour; null: none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    color: Option<Option<String>>,
    /// Mailboxes whose incoming mail is put in it from now on; for own folders.
    #[serde(default)]
    receives_from: Option<Vec<String>>,
}

/// Changes a tag or an own folder.
#[utoipa::path(patch, path = "/v1/tags/{id}", tag = "tags", params(("id" = String, Path)),
    request_body = TagChange, responses((status = 200, body = Tag)))]
pub(crate) async fn change_tag(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<TagChange>,
) -> Result<axum::Json<Tag>> {
    caller.need(Scope::Write)?;
    let old = super::visible(&state, &caller, &id).await?;
    super::may_change(&caller, old.mailbox_id.as_deref())?;
    let mut checks = Checks::default();
    if let Some(name) = &value.name {
        input::check_name(&mut checks, name);
    }
    input::check_color(&mut checks, value.color.as_ref().and_then(Option::as_deref));
    if let Some(ids) = &value.receives_from {
        input::check_senders(&state, &caller, &mut checks, ids).await?;
        if old.kind == Kind::Tag && !ids.is_empty() {
            checks.refuse("/receives_from", "is for own folders, and this is a tag");
        }
        let only = old.mailbox_id.as_ref();
        if only.is_some_and(|only| ids.iter().any(|id| id != only)) {
            checks.refuse(
                "/receives_from",
                "names a mailbox that the folder is not for",
            );
        }
    }
    checks.end()?;
    let change = tags::Change {
        name: value.name,
        color: value.color,
        receives_from: value.receives_from,
    };
    Ok(axum::Json(tags::change(&state.store, &id, change).await?))
}
