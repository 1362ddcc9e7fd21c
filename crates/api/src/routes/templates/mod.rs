//! Stored templates of messages.

mod change;
mod create;
mod fill;
mod get;
mod input;
mod list;
mod preview;
mod remove;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::access::Scope;
use model::signature::Template;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use fill::{Filled, fill};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_templates, create::create_template))
        .routes(routes!(preview::preview_template))
        .routes(routes!(
            get::get_template,
            change::change_template,
            remove::remove_template
        ))
}

/// The template, if it exists for this caller: one for all mailboxes, or for one that it sees.
pub(super) async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Template> {
    let template = store::templates::get(&state.store, id).await?;
    if let Some(mailbox_id) = &template.mailbox_id {
        caller.must_see(mailbox_id, "the template")?;
    }
    Ok(template)
}

/// What is for all mailboxes is not for a token that sees only some to make, change or remove.
fn may_write(caller: &Caller, mailbox_id: Option<&str>) -> Result<()> {
    caller.need(Scope::Manage)?;
    match mailbox_id {
        Some(id) => caller.must_see(id, "the mailbox"),
        None => caller.need_all_mailboxes(),
    }
}

/// Who reads mail and who sends it knows the templates.
fn may_look(caller: &Caller) -> Result<()> {
    caller
        .need(Scope::Read)
        .or_else(|_| caller.need(Scope::Send))
}
