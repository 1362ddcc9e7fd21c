//! Files of a message that is sent: each is uploaded first, a piece at a time, whatever its size; or it lies on the server already.

use crate::client::Client;
use crate::exit::Failure;
use model::limits::UPLOAD_BYTES;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What goes along with a message.
#[derive(Debug, Default, clap::Args)]
pub struct Files {
    /// A file to send along; repeat for several
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// A picture that the HTML shows as cid:NAME; the file alone goes by its own name
    #[arg(long, value_name = "[NAME=]FILE")]
    inline: Vec<String>,
    /// A file of a stored message, such as msg_.../att_2; repeat for several
    #[arg(long, value_name = "MESSAGE/ATTACHMENT", value_parser = stored)]
    attach_stored: Vec<Stored>,
    /// A file that was uploaded with the same token (POST /v1/uploads), as its blob_id; repeat for several
    #[arg(long, value_name = "BLOB")]
    attach_upload: Vec<String>,
}

/// A file of a stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    message: String,
    attachment: String,
}

fn stored(text: &str) -> Result<Stored, String> {
    match text.split_once('/') {
        Some((message, attachment)) if message.starts_with("msg_") && attachment.starts_with("att_") => Ok(Stored {
            message: message.to_owned(),
            attachment: attachment.to_owned(),
        }),
        _ => Err("name the message and its file, such as msg_.../att_2: `postroom message show` lists the files".to_owned()),
    }
}

impl Files {
    /// Whether nothing goes along.
    pub fn is_empty(&self) -> bool {
        let Self {
            attach,
            inline,
            attach_stored,
            attach_upload,
        } = self;
        attach.is_empty()
            && inline.is_empty()
            && attach_stored.is_empty()
            && attach_upload.is_empty()
    }

    /// Uploads what has to be, and says how the message names each.
    ///
    /// # Errors
    /// A file cannot be read, or the server does not take it.
    pub async fn named(&self, client: &Client) -> Result<Vec<Value>, Failure> {
        let mut all = upload(client, &self.attach, &self.inline).await?;
        all.extend(
            self.attach_stored
                .iter()
                .map(|one| json!({ "message_id": one.message, "attachment_id": one.attachment })),
        );
        all.extend(
            self.attach_upload
                .iter()
                .map(|blob| json!({ "blob_id": blob })),
        );
        Ok(all)
    }
}

/// Uploads files and says how the message names them. `inline`: pictures that the HTML shows, as `NAME=FILE`, or a file that
/// goes by its own name.
async fn upload(
    client: &Client,
    files: &[PathBuf],
    inline: &[String],
) -> Result<Vec<Value>, Failure> {
    let mut attachments = Vec::with_capacity(files.len() + inline.len());
    for file in files {
        let blob = one(client, file).await?;
        attachments.push(json!({ "blob_id": blob }));
    }
    for text in inline {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name.to_owned(), Path::new(file)),
            None => (name_of(Path::new(text)), Path::new(text.as_str())),
        };
        let blob = one(client, file).await?;
        attachments.push(json!({ "blob_id": blob, "content_id": name, "inline": true }));
    }
    Ok(attachments)
}

async fn one(client: &Client, file: &Path) -> Result<Value, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read", file.display())).because(error)
    };
    let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
    let about = opened.metadata().await.map_err(unreadable)?;
    if about.is_dir() {
        return Err(Failure::usage(format!("{} is a folder", file.display())));
    }
    if about.len() > UPLOAD_BYTES {
        let most = crate::output::size(UPLOAD_BYTES as i64);
        return Err(Failure::usage(format!("{} is too large", file.display()))
            .because(format!("a file has {most} at most")));
    }
    let length = about.is_file().then_some(about.len());
    let name = name_of(file);
    let made = client.upload(&name, content_type(file), opened, length);
    Ok(made.await?["blob_id"].clone())
}

fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

/// By the file's name; what is unknown is plain bytes.
fn content_type(file: &Path) -> &'static str {
    let extension = file
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "ics" => "text/calendar",
        "eml" => "message/rfc822",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "odt" => "application/vnd.oasis.opendocument.text",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_file_is_named_with_its_message() {
        let named = stored("msg_1/att_2").unwrap();
        assert_eq!((&*named.message, &*named.attachment), ("msg_1", "att_2"));
        for bad in ["", "msg_1", "att_2", "msg_1/2", "1/att_2"] {
            assert!(stored(bad).is_err(), "{bad}");
        }
    }
}
