//! `postroom explain PROBLEM`: an entry of the catalogue, offline, by our name for it or by another that is in use.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use connect::problems;
use serde_json::json;

/// Ids that are offered in the place of an unknown one.
const OFFERED: usize = 5;
/// What is looked at of an unknown id.
const LONGEST: usize = 60;
/// Characters that may be wrong, missing or too many where an id was misspelt.
const SLIPS: usize = 3;

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
                "did you mean {}? postroom explain {}",
                near.join(", "),
                near[0]
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

/// The ids that are nearest to what was typed: by their words, then by their letters.
fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let typed: String = typed
        .to_lowercase()
        .chars()
        .take(LONGEST)
        .map(|c| if c == '-' || c == ' ' { '_' } else { c })
        .collect();
    let words = |text: &str| -> Vec<String> {
        text.split(['_', '.'])
            .filter(|word| word.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    let wanted = words(&typed);
    let mut near: Vec<(usize, &str)> = known
        .filter_map(|id| {
            let slips = distance(&typed, id);
            let shared = words(id)
                .iter()
                .filter(|word| wanted.contains(word))
                .count();
            let close = slips <= SLIPS;
            let contains = typed.len() > 3 && id.contains(&typed);
            // A slip of the finger, then a part of the id, then words in common.
            let rank = match (close, contains, shared) {
                (true, _, _) => slips,
                (_, true, _) => SLIPS + 1,
                (_, _, 0) => return None,
                (_, _, shared) => (LONGEST * 2 + slips).saturating_sub(shared * LONGEST / 2),
            };
            Some((rank, id))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(OFFERED).map(|(_, id)| id).collect()
}

/// Characters to insert, take away or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_id_gets_the_nearest_ones() {
        let ids = || problems::catalogue().map(|entry| entry.id);
        for (typed, first) in [
            ("pasword_refused", "password_refused"),
            ("refused-password", "password_refused"),
            ("PASSWORD REFUSED", "password_refused"),
            ("certificate_expird", "certificate_expired"),
            ("imap_disable", "imap_disabled"),
        ] {
            let near = nearest(typed, ids());
            assert_eq!(near.first(), Some(&first), "{typed}: {near:?}");
            assert!(near.len() <= OFFERED);
        }
        assert_eq!(nearest("qqqqqqqqqqqqqqqq", ids()), Vec::<&str>::new());
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
