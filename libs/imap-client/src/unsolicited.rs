//! What a server says unasked: collected in order, until the caller takes it.

use std::collections::VecDeque;

use crate::commands::list::{self, ListEntry};
use crate::commands::status::{self, StatusData};
use crate::ext::qresync;
use crate::limits::ITEM_COST;
use crate::mailbox_name::NameForm;
use crate::message_meta::{self, MessageMeta};
use crate::wire::response::{Code, Response, StatusKind};
use crate::wire::value::clean;
use crate::{Capabilities, ImapError, MailboxName, UidSet};

/// One thing the server told us without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsolicited {
    /// The selected folder now has this many messages.
    Exists(u64),
    /// This many are `\Recent`; of no use to anyone.
    Recent(u64),
    /// The message with this sequence number is gone (servers without QRESYNC).
    Expunge(u64),
    /// These UIDs are gone (RFC 7162). `earlier` marks the answer to a resynchronisation; it may name UIDs never seen.
    Vanished {
        /// Whether they vanished before this session.
        earlier: bool,
        /// Which; a server may claim huge ranges.
        uids: UidSet,
    },
    /// Facts of a message changed, usually its flags.
    Fetch(MessageMeta),
    /// News of a folder (RFC 5465).
    Status {
        /// Which folder.
        name: MailboxName,
        /// The numbers given.
        data: StatusData,
    },
    /// A folder appeared, changed or (`\NonExistent`) is gone (RFC 5465).
    List(ListEntry),
    /// The capability list was sent anew; it is already in force.
    Capability,
    /// NOTIFY has stopped: too much happened (RFC 5465 section 5.8).
    NotificationOverflow,
    /// The server is about to close the connection.
    Bye {
        /// Its reason.
        text: String,
    },
    /// The server wants a person to read this.
    Alert {
        /// The text.
        text: String,
    },
}

impl Unsolicited {
    /// Roughly the memory it takes, in bytes.
    fn cost(&self) -> usize {
        match self {
            Unsolicited::Fetch(meta) => meta.cost(),
            Unsolicited::Vanished { uids, .. } => ITEM_COST + size_of_val(uids.ranges()),
            Unsolicited::Status { name, .. } => ITEM_COST + name.wire().len(),
            Unsolicited::List(entry) => entry.cost(),
            _ => ITEM_COST,
        }
    }

    /// Whether a synchroniser has something to do.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(
            self,
            Unsolicited::Recent(_) | Unsolicited::Capability | Unsolicited::Alert { .. }
        )
    }
}

/// What has been learnt from the server outside any command's answer.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// How this server writes the names of folders, by what is enabled.
    pub(crate) name_form: NameForm,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) unsolicited: VecDeque<Unsolicited>,
    /// Roughly the memory that the queue takes.
    unsolicited_cost: usize,
    /// The reason of a BYE, once there was one.
    pub(crate) bye: Option<String>,
}

impl Facts {
    /// Takes in a response that no command claimed. What is not known is ignored: it is legal to add to IMAP.
    pub(crate) fn absorb(
        &mut self,
        response: &Response<'_>,
        limit: usize,
    ) -> Result<(), ImapError> {
        match response {
            Response::Status {
                kind, code, text, ..
            } => {
                if *kind == StatusKind::Bye {
                    let text = clean(text);
                    self.bye = Some(text.clone());
                    self.push(Unsolicited::Bye { text }, limit)?;
                }
                if let Some(code) = code {
                    self.absorb_code(code, text, limit)?;
                }
                Ok(())
            }
            Response::Data { number, name, rest } => {
                let item = match name.to_ascii_uppercase().as_slice() {
                    b"CAPABILITY" => {
                        self.capabilities = Some(Capabilities::parse(rest.rest()));
                        Some(Unsolicited::Capability)
                    }
                    b"EXISTS" => number.map(Unsolicited::Exists),
                    b"RECENT" => number.map(Unsolicited::Recent),
                    b"EXPUNGE" => number.map(Unsolicited::Expunge),
                    b"FETCH" => {
                        number.map(|seq| Unsolicited::Fetch(message_meta::parse(seq, *rest).0))
                    }
                    b"VANISHED" => {
                        let (earlier, uids) = qresync::vanished(*rest);
                        Some(Unsolicited::Vanished { earlier, uids })
                    }
                    b"STATUS" => status::parse(*rest, self.name_form)
                        .map(|(name, data)| Unsolicited::Status { name, data }),
                    b"LIST" => list::parse(*rest, self.name_form).map(Unsolicited::List),
                    _ => None,
                };
                item.map_or(Ok(()), |item| self.push(item, limit))
            }
            Response::Continue(_) | Response::Rubbish | Response::Noise => Ok(()),
        }
    }

    /// Codes that mean something whichever response they came in.
    pub(crate) fn absorb_code(
        &mut self,
        code: &Code<'_>,
        text: &[u8],
        limit: usize,
    ) -> Result<(), ImapError> {
        if code.is("CAPABILITY") {
            self.capabilities = Some(Capabilities::parse(code.args));
        } else if code.is("ALERT") {
            self.push(Unsolicited::Alert { text: clean(text) }, limit)?;
        } else if code.is("NOTIFICATIONOVERFLOW") {
            self.push(Unsolicited::NotificationOverflow, limit)?;
        }
        Ok(())
    }

    pub(crate) fn take_unsolicited(&mut self) -> Vec<Unsolicited> {
        self.unsolicited_cost = 0;
        std::mem::take(&mut self.unsolicited).into()
    }

    /// Drops what is of no use any more.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Unsolicited) -> bool) {
        self.unsolicited.retain(wanted);
        self.unsolicited_cost = self.unsolicited.iter().map(Unsolicited::cost).sum();
    }

    fn push(&mut self, item: Unsolicited, limit: usize) -> Result<(), ImapError> {
        // A later count replaces the one just before it; a server that repeats itself must not fill the queue.
        let cost = item.cost();
        let full = self.unsolicited_cost + cost > limit;
        match (self.unsolicited.back_mut(), &item) {
            (Some(Unsolicited::Exists(count)), Unsolicited::Exists(new)) => *count = *new,
            (Some(Unsolicited::Recent(count)), Unsolicited::Recent(new)) => *count = *new,
            (Some(Unsolicited::Capability), Unsolicited::Capability) => {}
            _ if full => {
                return Err(ImapError::limit(format!(
                    "unsolicited responses of more than {limit} bytes"
                )));
            }
            _ => {
                self.unsolicited_cost += cost;
                self.unsolicited.push_back(item);
            }
        }
        Ok(())
    }
}
