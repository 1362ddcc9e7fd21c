//! LIST: all folders in one command, with marks and numbers where the server can (RFC 5258, RFC 5819, RFC 6154).

use std::collections::HashMap;

use super::status::{self, StatusData, StatusItem};
use crate::limits::{Budget, ITEM_COST};
use crate::mailbox_name::NameForm;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::Value;
use crate::{ImapError, MailboxName};

/// What to ask for beside the names.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Numbers of every folder, where the server has LIST-STATUS; otherwise they are left out.
    pub status_items: Option<Vec<StatusItem>>,
    /// Marks such as `\Sent`, where the server has SPECIAL-USE.
    pub special_use: bool,
}

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Its name.
    pub name: MailboxName,
    /// The character between levels; `None` for a flat name.
    pub delimiter: Option<char>,
    /// Such as `\Noselect`, `\HasNoChildren`, `\Sent`, as the server spells them: compare without case.
    pub attributes: Vec<String>,
    /// The numbers, if they were asked for and given.
    pub status: Option<StatusData>,
    /// MAILBOXID (RFC 8474), if the numbers carried it.
    pub mailbox_id: Option<String>,
    /// The name it had before, when the server tells of a renaming (RFC 5465 section 5.4).
    pub old_name: Option<MailboxName>,
}

impl ListEntry {
    /// Whether it has the attribute, in any case.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes
            .iter()
            .any(|have| have.eq_ignore_ascii_case(attribute))
    }

    /// Roughly the memory it takes, in bytes.
    pub(crate) fn cost(&self) -> usize {
        let attributes = self.attributes.iter();
        ITEM_COST + self.name.wire().len() + attributes.map(|text| text.len() + 24).sum::<usize>()
    }

    /// Whether it can be selected.
    pub fn is_selectable(&self) -> bool {
        !self.has("\\Noselect") && !self.has("\\NonExistent")
    }
}

impl Session {
    /// Lists all folders. Extensions are used only where offered; if the server then refuses the long form all the
    /// same, the plain one is asked.
    ///
    /// # Errors
    /// `No`/`Bad`, [`ImapError::Limit`] when there are too many, or another fatal error.
    pub async fn list(&mut self, options: &ListOptions) -> Result<Vec<ListEntry>, ImapError> {
        match self.list_with(&self.return_options(options)).await {
            Err(ImapError::No { .. } | ImapError::Bad { .. }) => self.list_with("").await,
            outcome => outcome,
        }
    }

    fn return_options(&self, options: &ListOptions) -> String {
        if !self.supports("LIST-EXTENDED") {
            return String::new();
        }
        let mut wanted = vec!["SUBSCRIBED".to_owned(), "CHILDREN".to_owned()];
        if options.special_use && self.supports("SPECIAL-USE") {
            wanted.push("SPECIAL-USE".to_owned());
        }
        if let Some(items) = &options.status_items
            && self.supports("LIST-STATUS")
        {
            let names = self.status_names(items);
            if !names.is_empty() {
                wanted.push(format!("STATUS ({names})"));
            }
        }
        format!(" RETURN ({})", wanted.join(" "))
    }

    async fn list_with(&mut self, return_options: &str) -> Result<Vec<ListEntry>, ImapError> {
        let command = self
            .command("LIST")
            .raw(&format!("\"\" \"*\"{return_options}"))?;
        let form = self.facts.name_form;
        let limit = self.limits.list_entries;
        let mut budget = Budget::new(self.limits.collected);
        let mut entries: Vec<ListEntry> = Vec::new();
        let mut positions: HashMap<MailboxName, usize> = HashMap::new();
        self.run(command, &mut |response: &Response<'_>| {
            if let Some(rest) = response.data("LIST") {
                if let Some(entry) = parse(rest, form) {
                    budget.spend(entry.cost())?;
                    if entries.len() >= limit {
                        return Err(ImapError::limit(format!("more than {limit} folders")));
                    }
                    // Some servers list a folder twice.
                    match positions
                        .get(&entry.name)
                        .and_then(|at| entries.get_mut(*at))
                    {
                        Some(known) => known.attributes.extend(entry.attributes),
                        None => {
                            positions.insert(entry.name.clone(), entries.len());
                            entries.push(entry);
                        }
                    }
                }
                return Ok(true);
            }
            let Some((name, data)) = response
                .data("STATUS")
                .and_then(|rest| status::parse(rest, form))
            else {
                return Ok(false);
            };
            let Some(entry) = positions.get(&name).and_then(|at| entries.get_mut(*at)) else {
                return Ok(false);
            };
            entry.mailbox_id.clone_from(&data.mailbox_id);
            entry.status = Some(data);
            Ok(true)
        })
        .await?;
        Ok(entries)
    }
}

/// Reads `(\HasNoChildren) "/" new ("OLDNAME" (old))`.
pub(crate) fn parse(mut rest: Cursor<'_>, form: NameForm) -> Option<ListEntry> {
    let attributes = rest.value().words()?;
    let delimiter = rest.value().text().and_then(|text| text.chars().next());
    let name = rest.value().bytes()?;
    Some(ListEntry {
        name: MailboxName::from_server(&name, form),
        delimiter,
        attributes,
        status: None,
        mailbox_id: None,
        old_name: old_name(&rest.value(), form),
    })
}

fn old_name(extended: &Value<'_>, form: NameForm) -> Option<MailboxName> {
    let mut items = extended.list()?;
    loop {
        let name = match items.value() {
            Value::End => return None,
            name => name.text()?,
        };
        let value = items.value();
        if name.eq_ignore_ascii_case("OLDNAME") {
            let old = value.list()?.value().bytes()?;
            return Some(MailboxName::from_server(&old, form));
        }
    }
}
