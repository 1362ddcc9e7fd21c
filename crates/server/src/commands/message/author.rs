//! As whom a message is sent, with which signature, and from which template.

use crate::client::Client;
use crate::commands::{identity, signature, template};
use crate::exit::Failure;
use serde_json::{Value, json};

/// As whom, and with which signature.
#[derive(Debug, clap::Args)]
pub struct Author {
    /// Send as this identity: its address or idn_... [default: the one that was written to, or the main one]
    #[arg(long, value_name = "IDENTITY")]
    identity: Option<String>,
    /// With this signature: its name or sig_...; `none`: without [default: the identity's]
    #[arg(long, value_name = "SIGNATURE")]
    signature: Option<String>,
}

impl Author {
    /// Puts it into the body of a submission.
    ///
    /// # Errors
    /// There is no such identity or signature.
    pub async fn fill(&self, client: &Client, body: &mut Value) -> Result<(), Failure> {
        if let Some(named) = &self.identity {
            body["identity_id"] = json!(identity::resolve(client, named).await?);
            // The mailbox is the identity's.
            body["mailbox_id"] = Value::Null;
        }
        match self.signature.as_deref() {
            // Null would be taken away from a draft.
            Some("none") => body["signature"] = json!("none"),
            Some(named) => body["signature"] = json!(signature::resolve(client, named).await?),
            None => {}
        }
        Ok(())
    }
}

/// A message from a stored template.
#[derive(Debug, clap::Args)]
pub struct FromTemplate {
    /// Take subject and text from this template: its name or tpl_...
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["text", "text_file", "html_file"])]
    template: Option<String>,
    /// A value for the template, such as name=Ann; repeat for several
    #[arg(long, value_name = "NAME=TEXT", value_parser = template::datum, requires = "template")]
    data: Vec<(String, String)>,
    /// All values for the template, as JSON from a file; - for standard input
    #[arg(long, value_name = "FILE", requires = "template")]
    data_file: Option<String>,
}

impl FromTemplate {
    /// Puts it into the body of a submission. Returns whether there is a template.
    ///
    /// # Errors
    /// There is no such template, or the data cannot be read.
    pub async fn fill(&self, client: &Client, body: &mut Value) -> Result<bool, Failure> {
        let Some(named) = &self.template else {
            return Ok(false);
        };
        body["template_id"] = json!(template::resolve(client, named).await?);
        body["data"] = template::data(&self.data, self.data_file.as_deref())?;
        Ok(true)
    }
}
