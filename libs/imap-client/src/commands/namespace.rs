//! NAMESPACE (RFC 2342): where the user's own folders live.

use crate::mailbox_name::NameForm;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::value::Value;
use crate::{ImapError, MailboxName};

/// More than this of one kind are not kept.
const MAX_NAMESPACES: usize = 100;

/// A prefix under which folders live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The prefix with its final delimiter, or empty.
    pub prefix: MailboxName,
    /// The character between levels; `None` for a flat one.
    pub delimiter: Option<char>,
}

/// The three kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// The user's own.
    pub personal: Vec<Namespace>,
    /// Other users'.
    pub other_users: Vec<Namespace>,
    /// Everybody's.
    pub shared: Vec<Namespace>,
}

impl Session {
    /// Asks for the namespaces; `None` when the server does not offer the command.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn namespace(&mut self) -> Result<Option<Namespaces>, ImapError> {
        if !self.supports("NAMESPACE") {
            return Ok(None);
        }
        let form = self.facts.name_form;
        let mut found = None;
        let command = self.command("NAMESPACE");
        self.run(command, &mut |response: &Response<'_>| {
            let Some(mut rest) = response.data("NAMESPACE") else {
                return Ok(false);
            };
            found = Some(Namespaces {
                personal: read(&rest.value(), form),
                other_users: read(&rest.value(), form),
                shared: read(&rest.value(), form),
            });
            Ok(true)
        })
        .await?;
        Ok(found)
    }
}

fn read(value: &Value<'_>, form: NameForm) -> Vec<Namespace> {
    let mut namespaces = Vec::new();
    let Some(mut list) = value.list() else {
        return namespaces;
    };
    loop {
        match list.value() {
            Value::End => return namespaces,
            entry if namespaces.len() < MAX_NAMESPACES => {
                if let Some(mut fields) = entry.list() {
                    let prefix = fields.value().bytes().unwrap_or_default();
                    namespaces.push(Namespace {
                        prefix: MailboxName::from_server(&prefix, form),
                        delimiter: fields.value().text().and_then(|text| text.chars().next()),
                    });
                }
            }
            _ => {}
        }
    }
}
