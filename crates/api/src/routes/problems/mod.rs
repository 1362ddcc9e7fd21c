//! The catalogue of problems: what can stand in the way, and what to do about it.

mod get;
mod list;

use crate::state::ApiState;
use connect::problems::Entry;
use model::problem::Retry;
use model::report::StepCode;
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_problems))
        .routes(routes!(get::get_problem))
}

/// An entry of the catalogue.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct CatalogueEntry {
    /// The lasting name.
    id: &'static str,
    /// The step of the connection report where it shows.
    step: Option<StepCode>,
    /// A short clause.
    title: &'static str,
    /// What it means.
    cause: String,
    /// What to do.
    remedy: String,
    /// When trying again makes sense.
    retry: Retry,
    /// What a program could offer as a button.
    action: Option<String>,
    /// The provider's page for the remedy.
    url: Option<&'static str>,
    /// Other causes, by likelihood.
    others: Vec<String>,
    /// Ids of the providers whose servers say this; empty: anybody's.
    providers: &'static [&'static str],
    /// A provider's problem: the general one that it is a form of.
    kind_of: Option<&'static str>,
    /// Other names for the same; each leads here.
    also_known_as: &'static [&'static str],
}

impl From<&'static Entry> for CatalogueEntry {
    fn from(entry: &'static Entry) -> Self {
        let in_general = entry.occurred(&[], None);
        let others = entry.others(&[]).into_iter();
        Self {
            id: entry.id,
            step: entry.step,
            title: entry.title,
            cause: in_general.means,
            remedy: in_general.remedy.text,
            action: in_general.remedy.action,
            url: entry.url,
            retry: entry.retry,
            others: others.map(|remedy| remedy.text).collect(),
            providers: entry.providers,
            kind_of: entry.kind_of,
            also_known_as: entry.also_known_as,
        }
    }
}
