//! STATUS: the numbers of a folder without selecting it.

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
        let names = self.status_names(items);
        let command = self
            .command("STATUS")
            .mailbox(name)?
            .raw(&format!("({names})"))?;
        let mut found = StatusData::default();
        self.run(command, &mut |response: &Response<'_>| match response
            .data("STATUS")
            .and_then(parse)
        {
            Some((about, data)) if about == *name => {
                found = data;
                Ok(true)
            }
            _ => Ok(false),
        })
        .await?;
        Ok(found)
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
pub(crate) fn parse(mut rest: Cursor<'_>) -> Option<(MailboxName, StatusData)> {
    let name = MailboxName::from_wire(&rest.value().bytes()?);
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
