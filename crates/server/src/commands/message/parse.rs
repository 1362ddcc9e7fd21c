//! `postroom message parse`: a message file as the API would show it. `--batch`: file names in, one
//! JSON line for each out; a bad file is a line, never an end.

use crate::commands::context::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use mail_message::sanitize::{Options, sanitize};
use model::limits::{PARSE_BYTES, PARSE_HEAD_BYTES};
use serde_json::{Value, json};
use std::io::{BufRead as _, Read, Write as _};
use std::path::Path;

/// Arguments of `message parse`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; - for standard input
    #[arg(required_unless_present = "batch")]
    file: Option<String>,
    /// Read file names from standard input, one a line, and print one JSON line for each
    #[arg(long, conflicts_with = "file")]
    batch: bool,
}

/// Parses one file, or all that are named on standard input.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    if args.batch {
        return batch();
    }
    let name = args.file.as_deref().unwrap_or("-");
    let value = if name == "-" {
        parse(std::io::stdin().lock())?
    } else {
        let open = std::fs::File::open(name).and_then(parse);
        open.map_err(|error| {
            let exit = match error.kind() {
                std::io::ErrorKind::NotFound => Exit::NotFound,
                _ => Exit::Usage,
            };
            Failure::new(exit, format!("{name} cannot be read")).because(error)
        })?
    };
    // A message is a document: its form for people is the same JSON, indented.
    output::print(&output::json(&value, !context.output.json))?;
    Ok(Exit::Good)
}

fn batch() -> Result<Exit, Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for name in std::io::stdin().lock().split(b'\n') {
        let mut name = name?;
        while name.last() == Some(&b'\r') {
            name.pop();
        }
        if name.is_empty() {
            continue;
        }
        let line = output::escape_json(&one(&name).to_string());
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            // Nobody reads any more.
            break;
        }
    }
    Ok(Exit::Good)
}

/// One file of a batch: the message, or the reason why there is none.
fn one(name: &[u8]) -> Value {
    let shown = String::from_utf8_lossy(name);
    let path = Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
    match std::fs::File::open(path).and_then(parse) {
        Ok(mut value) => {
            value["file"] = json!(shown);
            value
        }
        Err(error) => json!({ "file": shown, "error": error.to_string() }),
    }
}

/// A message from its bytes; of a very large one, its beginning.
fn parse(mut from: impl Read) -> std::io::Result<Value> {
    let mut raw = Vec::new();
    from.by_ref().take(PARSE_BYTES + 1).read_to_end(&mut raw)?;
    let mut size = raw.len() as u64;
    let cut = size > PARSE_BYTES;
    if cut {
        raw.truncate(PARSE_HEAD_BYTES as usize);
        size += std::io::copy(&mut from, &mut std::io::sink())?;
    }
    let mut value = as_api(mail_message::read(&raw));
    value["size"] = json!(size);
    if cut {
        value["truncated"] = json!(true);
    }
    Ok(value)
}

/// The form that the API gives a message with `body=text,html`: HTML sanitised, attachments with ids.
fn as_api(mut message: mail_message::Message) -> Value {
    let html = message.html.take();
    let mut value = match serde_json::to_value(&message) {
        Ok(value) => value,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let sanitized = html.map(|html| sanitize(&html, &Options::default()));
    value["blocked_remote_images"] = json!(sanitized.as_ref().map_or(0, |s| s.blocked_remote));
    value["html"] = json!(sanitized.map(|sanitized| sanitized.html));
    for attachment in value["attachments"].as_array_mut().into_iter().flatten() {
        if let Some(index) = attachment
            .as_object_mut()
            .and_then(|fields| fields.remove("index"))
        {
            attachment["id"] = json!(format!("att_{index}"));
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_with_its_fields() {
        let raw = b"From: Ann <ann@example.com>\r\nSubject: Hello\r\n\r\nHi there\r\n";
        let value = parse(&raw[..]).unwrap();
        assert_eq!(value["subject"], "Hello");
        assert_eq!(value["from"][0]["address"], "ann@example.com");
        assert_eq!(value["size"], raw.len());
    }

    #[test]
    fn html_is_shown_as_the_api_shows_it() {
        let raw = b"Content-Type: text/html\r\n\r\n<p onclick=x()>Hi<script>x()</script></p><img src=http://a.example/b>";
        let value = parse(&raw[..]).unwrap();
        let html = value["html"].as_str().unwrap();
        assert!(
            html.contains("Hi") && !html.contains("script") && !html.contains("onclick"),
            "{html}"
        );
        assert_eq!(value["blocked_remote_images"], 1);
    }

    #[test]
    fn a_bad_file_is_a_line_and_no_message_is_bad() {
        assert!(one(b"/nonexistent/\xff")["error"].is_string());
        for junk in [&b""[..], &[0u8; 1000], b"\xff\xfe\r\n\r\n"] {
            assert!(parse(junk).unwrap()["size"].is_u64());
        }
    }
}
