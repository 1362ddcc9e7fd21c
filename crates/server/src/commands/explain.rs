//! `postroom explain PROBLEM`: an entry of the catalogue, offline, by our name for it or by another that is in use.

use super::context::Context;
use super::nearest::nearest;
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
        let near = nearest(
            id,
            problems::catalogue().flat_map(|entry| {
                std::iter::once(entry.id).chain(entry.also_known_as.iter().copied())
            }),
        );
        let failure = Failure::new(
            Exit::NotFound,
            format!("there is no problem {}", output::line(id)),
        );
        return Err(if near.is_empty() {
            failure.remedy("`postroom explain` lists them all")
        } else {
            failure.remedy(format!(
                "did you mean {}? `postroom explain` lists them all",
                near.join(", ")
            ))
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
            format!("Trying again: {}", when(entry)),
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

fn when(entry: &problems::Entry) -> &'static str {
    use model::problem::Retry;
    match entry.retry {
        Retry::Backoff => "Postroom does so by itself, with growing pauses.",
        Retry::AfterChange if entry.step.is_none() => "only after somebody changed something.",
        Retry::AfterChange => "once more to be sure, then only after somebody changed something.",
        Retry::PauseUntil if problems::may_be_the_secret(entry.id) => {
            "once, after a pause; then only after somebody changed something."
        }
        Retry::PauseUntil => {
            "Postroom does so by itself after a pause: as long as the server said, or minutes to an hour."
        }
        Retry::Never => "makes no sense with the same input.",
    }
}
