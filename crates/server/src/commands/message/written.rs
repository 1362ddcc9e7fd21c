//! What is written: text, files, author and wishes, as `message send`, `message reply` and `draft edit` take them.

use super::attach::Files;
use super::author::Author;
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use model::limits::SUBMISSION_BYTES;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

/// The parts of a message.
#[derive(Debug, clap::Args)]
pub struct Written {
    /// The text
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// The text from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<String>,
    /// The HTML from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    html_file: Option<String>,
    #[command(flatten)]
    files: Files,
    /// The author's name and address, where the mailbox may send as several
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where answers should go; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Vec<String>,
    /// A further header field, "Name: value": X-*, List-* and a few more; repeat for several
    #[arg(long, value_name = "FIELD")]
    header: Vec<String>,
    /// Leave the original's text away in an answer
    #[arg(long)]
    no_quote: bool,
    /// Further recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// Hidden recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// high goes before normal, normal before low
    #[arg(long)]
    priority: Option<model::submission::Priority>,
    /// Ask the servers on the way for notices: success, delay, failure, or never alone; commas between several
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = ["success", "delay", "failure", "never"])]
    dsn: Vec<String>,
    /// How much of the message comes back with a notice
    #[arg(long, value_name = "PART", value_parser = ["headers", "full"])]
    dsn_return: Option<String>,
    /// Send only if every server on the way promises TLS (REQUIRETLS)
    #[arg(long)]
    require_tls: bool,
    #[command(flatten)]
    author: Author,
    /// Ask the recipients for a reading receipt, which they may refuse
    #[arg(long)]
    read_receipt: bool,
}

impl Written {
    /// As whom it goes out.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Adds the files to those that are there. `enough`: there is something to send without them and without a text.
    ///
    /// # Errors
    /// There would be nothing to send, or a file cannot be read.
    pub async fn attach(
        &self,
        client: &Client,
        body: &mut Value,
        enough: bool,
    ) -> Result<(), Failure> {
        let none = self.files.is_empty();
        if body["text"].is_null() && body["html"].is_null() && none && !enough {
            return Err(Failure::usage("the message would be empty")
                .remedy("add --text, --text-file, --html-file or --attach"));
        }
        if !none {
            let mut all = body["attachments"].as_array().cloned().unwrap_or_default();
            all.extend(self.files.named(client).await?);
            body["attachments"] = json!(all);
        }
        Ok(())
    }

    /// Puts into the body of a submission what was typed, and leaves the rest.
    ///
    /// # Errors
    /// An address or a header field is none, or a file cannot be read.
    pub fn fill(&self, body: &mut Value) -> Result<(), Failure> {
        if let Some(text) = &self.text {
            body["text"] = json!(text);
        }
        if let Some(file) = &self.text_file {
            body["text"] = json!(read_text(file)?);
        }
        if let Some(file) = &self.html_file {
            body["html"] = json!(read_text(file)?);
        }
        if !self.cc.is_empty() {
            let mut cc = body["cc"].as_array().cloned().unwrap_or_default();
            cc.extend(people(&self.cc)?);
            body["cc"] = json!(cc);
        }
        if !self.bcc.is_empty() {
            body["bcc"] = json!(people(&self.bcc)?);
        }
        if let Some(from) = &self.from {
            body["from"] = person(from)?;
        }
        if !self.reply_to.is_empty() {
            body["reply_to"] = json!(people(&self.reply_to)?);
        }
        if self.no_quote {
            body["quote"] = json!(false);
        }
        for field in &self.header {
            let Some((name, value)) = field.split_once(':') else {
                return Err(Failure::usage(format!("{field} is no header field"))
                    .remedy("write it as \"Name: value\""));
            };
            body["headers"][name.trim()] = json!(value.trim());
        }
        self.wishes(body);
        Ok(())
    }

    /// What is asked for beside the message itself.
    pub fn wishes(&self, body: &mut Value) {
        if let Some(priority) = self.priority {
            body["priority"] = json!(priority);
        }
        if !self.dsn.is_empty() || self.dsn_return.is_some() {
            body["dsn"] = json!({ "notify": self.dsn, "return": self.dsn_return });
        }
        if self.require_tls {
            body["require_tls"] = json!(true);
        }
        if self.read_receipt {
            body["read_receipt"] = json!(true);
        }
    }
}

/// "Ann <ann@example.com>" or "ann@example.com" as the API takes them.
///
/// # Errors
/// One is no address.
pub fn people(texts: &[String]) -> Result<Vec<Value>, Failure> {
    texts.iter().map(|text| person(text)).collect()
}

fn person(text: &str) -> Result<Value, Failure> {
    let text = text.trim();
    let (name, address) = match text
        .strip_suffix('>')
        .and_then(|rest| rest.rsplit_once('<'))
    {
        Some((name, address)) => (name.trim().trim_matches('"'), address.trim()),
        None => ("", text),
    };
    if !address.contains('@') {
        return Err(Failure::usage(format!("{text} is not a mail address")));
    }
    Ok(if name.is_empty() {
        json!({ "address": address })
    } else {
        json!({ "name": name, "address": address })
    })
}

fn read_text(file: &str) -> Result<String, Failure> {
    String::from_utf8(read_any(file)?)
        .map_err(|_| Failure::usage(format!("{file} is not UTF-8 text")))
}

/// A file, or standard input.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read_any(file: &str) -> Result<Vec<u8>, Failure> {
    if file != "-" {
        return read_file(Path::new(file), SUBMISSION_BYTES as u64);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(SUBMISSION_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_file(file: &Path, room: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read", file.display())).because(error)
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened
        .take(room + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > room {
        let most = output::size(SUBMISSION_BYTES as i64);
        return Err(Failure::usage(format!("{} is too large", file.display()))
            .because(format!("a message has {most} at most")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_addresses_with_or_without_a_name() {
        assert_eq!(
            person("\"Ann B\" <ann@example.com>").unwrap(),
            json!({ "name": "Ann B", "address": "ann@example.com" })
        );
        assert_eq!(
            person(" ann@example.com ").unwrap(),
            json!({ "address": "ann@example.com" })
        );
        assert!(person("ann").is_err());
    }
}
