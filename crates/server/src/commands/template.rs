//! `postroom template ...`: stored messages with variables.

use super::context::{Context, confirm};
use super::{mailbox, text_file};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Map, Value, json};

/// Templates that are looked through for a name.
const LISTED: usize = 5_000;

/// The commands of `template`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every template, with the variables that it takes
    List,
    /// One template
    Show {
        /// Its name or tpl_...
        template: String,
    },
    /// Store a template: variables are written as {{ name }}
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Change a template; what is left out stays
    Edit {
        /// Its name or tpl_...
        template: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        parts: Parts,
    },
    /// The message that a template and data make
    Preview {
        /// Its name or tpl_...
        template: String,
        /// A value, such as name=Ann; repeat for several
        #[arg(long, value_name = "NAME=TEXT", value_parser = datum)]
        data: Vec<(String, String)>,
        /// All values, as JSON from a file; - for standard input
        #[arg(long, value_name = "FILE")]
        data_file: Option<String>,
    },
    /// Remove a template
    Remove {
        /// Its name or tpl_...
        template: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What `add` and `edit` share.
#[derive(Debug, clap::Args)]
pub struct Parts {
    /// The subject
    #[arg(long)]
    subject: Option<String>,
    /// The HTML from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    html_file: Option<String>,
    /// The text from a file; without it, the text is made from the HTML
    #[arg(long, value_name = "FILE")]
    text_file: Option<String>,
    /// Only for messages of this mailbox
    #[arg(long)]
    mailbox: Option<String>,
}

impl Parts {
    async fn fill(&self, client: &Client, body: &mut Value) -> Result<(), Failure> {
        if let Some(subject) = &self.subject {
            body["subject"] = json!(subject);
        }
        for (name, file) in [("html", &self.html_file), ("text", &self.text_file)] {
            if let Some(file) = file {
                body[name] = json!(text_file::read(file)?);
            }
        }
        if let Some(named) = &self.mailbox {
            body["mailbox_id"] = json!(mailbox::resolve(client, named).await?);
        }
        Ok(())
    }
}

/// A value for a template, as an argument: `name=Ann`, `order.number=7`.
pub fn datum(text: &str) -> Result<(String, String), String> {
    let (name, text) = text.split_once('=').ok_or("write it as name=Ann")?;
    Ok((name.trim().to_owned(), text.to_owned()))
}

/// Values for a template: those of a file, and on top of them those that were typed.
///
/// # Errors
/// The file is no JSON object, or a name goes into what is a text.
pub fn data(typed: &[(String, String)], file: Option<&str>) -> Result<Value, Failure> {
    let mut values = match file {
        Some(file) => serde_json::from_str::<Map<String, Value>>(&text_file::read(file)?)
            .map_err(|error| Failure::usage(format!("{file} is no JSON object")).because(error))?,
        None => Map::new(),
    };
    for (path, text) in typed {
        let mut at = &mut values;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                at.insert(name.to_owned(), json!(text));
                break;
            }
            let inner = at.entry(name).or_insert_with(|| json!({}));
            at = match inner {
                Value::Object(inner) => inner,
                _ => return Err(Failure::usage(format!("{path} goes into a text"))),
            };
        }
    }
    Ok(Value::Object(values))
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let list = client.list("/v1/templates", &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Show { template } => {
            let id = resolve(client, &template).await?;
            let template = client.get(&path(&id), &[]).await?;
            context.output.value(&template, show)?;
        }
        Command::Add { name, parts } => {
            let mut body = json!({ "name": name });
            parts.fill(client, &mut body).await?;
            let made = client.post("/v1/templates", &body).await?;
            context.output.value(&made, show)?;
        }
        Command::Edit {
            template,
            name,
            parts,
        } => {
            let id = resolve(client, &template).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = json!(name);
            }
            parts.fill(client, &mut body).await?;
            let changed = client.patch(&path(&id), &body).await?;
            context.output.value(&changed, show)?;
        }
        Command::Preview {
            template,
            data: typed,
            data_file,
        } => {
            let id = resolve(client, &template).await?;
            let data = data(&typed, data_file.as_deref())?;
            let body = json!({"template_id": id, "data": data});
            let shown = client.post("/v1/templates/preview", &body).await?;
            context.output.value(&shown, |_, shown| {
                let at = |path: &str| output::text(output::at(shown, path));
                format!("Subject: {}\n\n{}", at("/subject"), at("/text"))
            })?;
        }
        Command::Remove { template, yes } => {
            let id = resolve(client, &template).await?;
            confirm(yes, &format!("remove the template {template}"))?;
            client.delete(&path(&id)).await?;
            let removed = json!({ "id": id, "removed": true });
            context.output.value(&removed, |_, _| {
                format!("{} is removed.", output::line(&template))
            })?;
        }
    }
    Ok(Exit::Good)
}

/// The id of a template by its name; ids go through.
///
/// # Errors
/// There is none of that name.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("tpl_") {
        return Ok(named.to_owned());
    }
    let list = client.list("/v1/templates", &[], LISTED).await?;
    let found = output::rows(&list)
        .iter()
        .find(|row| output::at(row, "/name").to_lowercase() == named.to_lowercase());
    found
        .map(|one| output::at(one, "/id").to_owned())
        .ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("no template is called {named}"))
                .remedy("`postroom template list` shows them, `postroom template add` makes one")
        })
}

fn path(id: &str) -> String {
    format!("/v1/templates/{}", segment(id))
}

fn variables(template: &Value) -> String {
    let list = template["variables"].as_array().into_iter().flatten();
    let names: Vec<&str> = list.filter_map(Value::as_str).collect();
    names.join(", ")
}

fn show(_: &Output, template: &Value) -> String {
    let at = |path: &str| output::text(output::at(template, path));
    let mut lines = vec![
        at("/name"),
        format!("  id       {}", at("/id")),
        format!("  takes    {}", output::line(&variables(template))),
        format!("  subject  {}", at("/subject")),
    ];
    for part in ["html", "text"] {
        if template[part].is_string() {
            lines.push(format!("-- {part}:\n{}", at(&format!("/{part}"))));
        }
    }
    lines.join("\n")
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/name").to_owned(),
            output::at(row, "/subject").to_owned(),
            variables(row),
        ]
    });
    output.table(["ID", "NAME", "SUBJECT", "TAKES"], rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_by_name_also_those_inside_of_others() {
        let typed =
            ["name=Ann", "order.number=7", "order.total=1=2"].map(|text| datum(text).unwrap());
        let wanted = json!({"name": "Ann", "order": {"number": "7", "total": "1=2"}});
        assert_eq!(data(&typed, None).unwrap(), wanted);
        let wrong = ["a=1", "a.b=2"].map(|text| datum(text).unwrap());
        assert!(data(&wrong, None).is_err() && datum("a").is_err());
    }
}
