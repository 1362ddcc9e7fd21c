//! STATUS: the numbers of a folder without selecting it.

use std::collections::HashMap;

use crate::mailbox_name::NameForm;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::Value;
use crate::{ImapError, MailboxName};

/// The numbers that can be asked for. Those the server does not know are left out of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// How many messages.
    Messages,
    /// The next UID, as a hint.
    UidNext,
    /// The epoch of the UIDs.
    UidValidity,
    /// How many without `\Seen`.
    Unseen,
    /// The highest MODSEQ (needs CONDSTORE).
    HighestModseq,
    /// Bytes in all (needs STATUS=SIZE).
    Size,
    /// The folder's lasting id (needs OBJECTID).
    MailboxId,
}

impl StatusItem {
    /// All of them.
    pub const ALL: [StatusItem; 7] = [
        StatusItem::Messages,
        StatusItem::UidNext,
        StatusItem::UidValidity,
        StatusItem::Unseen,
        StatusItem::HighestModseq,
        StatusItem::Size,
        StatusItem::MailboxId,
    ];

    /// The name on the wire and the capability it needs.
    fn wire(self) -> (&'static str, Option<&'static str>) {
        match self {
            StatusItem::Messages => ("MESSAGES", None),
            StatusItem::UidNext => ("UIDNEXT", None),
            StatusItem::UidValidity => ("UIDVALIDITY", None),
            StatusItem::Unseen => ("UNSEEN", None),
            StatusItem::HighestModseq => ("HIGHESTMODSEQ", Some("CONDSTORE")),
            StatusItem::Size => ("SIZE", Some("STATUS=SIZE")),
            StatusItem::MailboxId => ("MAILBOXID", Some("OBJECTID")),
        }
    }
}

/// The numbers of a folder; `None` where the server did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusData {
    /// How many messages.
    pub messages: Option<u64>,
    /// The next UID.
    pub uidnext: Option<u64>,
    /// The epoch of the UIDs.
    pub uidvalidity: Option<u64>,
    /// How many without `\Seen`.
    pub unseen: Option<u64>,
    /// The highest MODSEQ.
    pub highestmodseq: Option<u64>,
    /// Bytes in all.
    pub size: Option<u64>,
    /// The folder's lasting id.
    pub mailbox_id: Option<String>,
}

impl Session {
    /// Asks for a folder's numbers.
    ///
    /// # Errors
    /// `No` when there is no such folder, `Bad`, or a fatal error.
    pub async fn status(
        &mut self,
        name: &MailboxName,
        items: &[StatusItem],
    ) -> Result<StatusData, ImapError> {
        let one = self.status_all(std::slice::from_ref(name), items).await?;
        one.into_iter().next().unwrap_or(Ok(StatusData::default()))
    }

    /// Asks for the numbers of many folders, ahead of the answers: for servers without LIST-STATUS. The results are in the
    /// order of the names. Do not ask about the selected folder (RFC 9051 section 6.3.11).
    ///
    /// # Errors
    /// Fatal ones; a folder's own refusal stands in its place.
    pub async fn status_all(
        &mut self,
        names: &[MailboxName],
        items: &[StatusItem],
    ) -> Result<Vec<Result<StatusData, ImapError>>, ImapError> {
        let wanted = format!("({})", self.status_names(items));
        let mut commands = Vec::with_capacity(names.len());
        for name in names {
            commands.push(self.command("STATUS").mailbox(name)?.raw(&wanted)?);
        }
        let form = self.facts.name_form;
        let mut found: HashMap<&MailboxName, Option<StatusData>> =
            names.iter().map(|name| (name, None)).collect();
        let ended = self
            .run_all("STATUS", commands, &mut |response: &Response<'_>| {
                let told = response.data("STATUS").and_then(|rest| parse(rest, form));
                let slot = told.and_then(|(name, data)| Some((found.get_mut(&name)?, data)));
                // Said again, it is news.
                match slot {
                    Some((slot @ None, data)) => {
                        *slot = Some(data);
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
            .await?;
        let results = names.iter().zip(ended).map(|(name, ended)| {
            let data = found.get(name).cloned().flatten().unwrap_or_default();
            ended.into_result("STATUS").map(|_| data)
        });
        Ok(results.collect())
    }

    pub(crate) fn status_names(&self, items: &[StatusItem]) -> String {
        let names: Vec<&str> = items
            .iter()
            .map(|item| item.wire())
            .filter(|(_, needs)| needs.is_none_or(|capability| self.supports(capability)))
            .map(|(name, _)| name)
            .collect();
        names.join(" ")
    }
}

/// Reads `INBOX (MESSAGES 5 UIDNEXT 6)`.
pub(crate) fn parse(mut rest: Cursor<'_>, form: NameForm) -> Option<(MailboxName, StatusData)> {
    let name = MailboxName::from_server(&rest.value().bytes()?, form);
    let mut items = rest.value().list()?;
    let mut data = StatusData::default();
    loop {
        let item = match items.value() {
            Value::End => return Some((name, data)),
            Value::Atom(item) => item.to_ascii_uppercase(),
            _ => continue,
        };
        let value = items.value();
        match item.as_slice() {
            b"MESSAGES" => data.messages = value.number(),
            b"UIDNEXT" => data.uidnext = value.number(),
            b"UIDVALIDITY" => data.uidvalidity = value.number(),
            b"UNSEEN" => data.unseen = value.number(),
            b"HIGHESTMODSEQ" => data.highestmodseq = value.number(),
            b"SIZE" => data.size = value.number(),
            b"MAILBOXID" => data.mailbox_id = value.text(),
            _ => {}
        }
    }
}
