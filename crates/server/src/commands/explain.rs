//! `postroom explain PROBLEM`: an entry of the catalogue, offline, by our name for it or by another that is in use.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use connect::problems;
use serde_json::json;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The problem's id, such as password_refused or google.app_password_required; without one, all are listed
    problem: Option<String>,
}

/// Prints one entry, or the list.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Some(id) = &args.problem else {
        return list(context);
    };
    // Errors of the API name a problem by its page.
    let id = id.rsplit('/').next().unwrap_or(id);
    let Some(entry) = problems::find(id) else {
        let near: Vec<_> = problems::catalogue()
            .map(|entry| entry.id)
            .filter(|known| {
                known.contains(id) || id.get(..4).is_some_and(|begins| known.contains(begins))
            })
            .take(5)
            .collect();
        let failure = Failure::new(Exit::NotFound, format!("there is no problem {id}"));
        return Err(if near.is_empty() {
            failure.remedy("`postroom explain` lists them all")
        } else {
            failure.remedy(format!("did you mean {}?", near.join(", ")))
        });
    };
    let occurred = entry.occurred(&[], None);
    let others: Vec<_> = entry
        .others(&[])
        .into_iter()
        .map(|other| other.text)
        .collect();
    let value = json!({
        "id": entry.id, "title": entry.title, "step": entry.step, "cause": occurred.means,
        "remedy": occurred.remedy, "retry": entry.retry, "others": others,
        "providers": entry.providers, "kind_of": entry.kind_of, "also_known_as": entry.also_known_as,
    });
    context.output.value(&value, |_, _| {
        let mut lines = vec![
            format!("{} ({})", entry.title, entry.id),
            occurred.means.clone(),
            format!("What to do: {}", occurred.remedy.text),
            format!("Trying again: {}", when(entry.retry)),
        ];
        if let Some(url) = entry.url {
            lines.insert(3, format!("The provider's page: {url}"));
        }
        lines.extend(others.iter().map(|text| format!("Another cause: {text}")));
        if !entry.providers.is_empty() {
            lines.push(format!("Said by: {}", entry.providers.join(", ")));
        }
        if let Some(kind) = entry.kind_of {
            lines.push(format!("A form of: {kind}"));
        }
        if !entry.also_known_as.is_empty() {
            lines.push(format!("Also known as: {}", entry.also_known_as.join(", ")));
        }
        lines.join("\n")
    })?;
    Ok(Exit::Good)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let all: Vec<_> = problems::catalogue()
        .map(|entry| json!({ "id": entry.id, "title": entry.title, "step": entry.step }))
        .collect();
    context
        .output
        .value(&json!({ "data": all }), |output, value| {
            let rows = output::rows(value).iter();
            let rows = rows.map(|row| {
                [
                    output::at(row, "/id").to_owned(),
                    output::at(row, "/title").to_owned(),
                ]
            });
            output.table(["PROBLEM", "TITLE"], rows.collect())
        })?;
    Ok(Exit::Good)
}

const fn when(retry: model::problem::Retry) -> &'static str {
    use model::problem::Retry;
    match retry {
        Retry::Backoff => "Postroom does so by itself, with growing pauses.",
        Retry::AfterChange => "only after somebody changed something.",
        Retry::PauseUntil => "Postroom does so at the time that the server named.",
        Retry::Never => "makes no sense with the same input.",
    }
}
