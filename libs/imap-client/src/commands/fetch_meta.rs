//! UID FETCH of everything but bodies: flags, sizes, dates, header fields, and the differences since a MODSEQ.

use crate::ext::qresync;
use crate::limits::Budget;
use crate::message_meta::{self, MessageMeta};
use crate::session::Session;
use crate::wire::response::Response;
use crate::{ImapError, UidSet};

/// A command's set of UIDs is at most this long, in characters; longer sets become several commands.
pub(crate) const MAX_SET_TEXT: usize = 1000;

/// Takes messages as they come.
pub(crate) type MetaSink<'s> = dyn FnMut(MessageMeta) -> Result<(), ImapError> + Send + 's;

/// What to ask about each message. The UID always comes with it.
#[derive(Debug, Clone, Default)]
pub struct MetaItems {
    /// FLAGS.
    pub flags: bool,
    /// RFC822.SIZE.
    pub size: bool,
    /// INTERNALDATE.
    pub internal_date: bool,
    /// MODSEQ, where the folder counts modifications.
    pub modseq: bool,
    /// EMAILID and THREADID, or Gmail's ids, where offered.
    pub object_ids: bool,
    /// X-GM-LABELS, where offered (X-GM-EXT-1).
    pub labels: bool,
    /// Header fields by name, such as `MESSAGE-ID`.
    pub header_fields: Vec<String>,
    /// The whole header.
    pub header: bool,
}

/// The answer to [`Session::fetch_meta`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetaResult {
    /// The messages in the server's order, each with its UID. `n:*` may give one below `n`.
    pub messages: Vec<MessageMeta>,
    /// What has vanished, where it was asked for.
    pub vanished: UidSet,
}

impl Session {
    /// Asks about messages. `changed_since` limits the answer to messages with a higher MODSEQ (needs CONDSTORE);
    /// `vanished` adds what has gone since (needs QRESYNC enabled and `changed_since`).
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn fetch_meta(
        &mut self,
        uids: &UidSet,
        items: &MetaItems,
        changed_since: Option<u64>,
        vanished: bool,
    ) -> Result<MetaResult, ImapError> {
        let mut messages = Vec::new();
        let mut budget = Budget::new(self.limits.collected);
        let mut keep = |meta: MessageMeta| {
            budget.spend(meta.cost())?;
            messages.push(meta);
            Ok(())
        };
        let vanished = self
            .fetch_meta_to(uids, items, changed_since, vanished, &mut keep)
            .await?;
        Ok(MetaResult { messages, vanished })
    }

    /// As [`Session::fetch_meta`], but hands over each message instead of collecting them: a folder of a million
    /// messages needs no memory here. Gives back what has vanished.
    ///
    /// # Errors
    /// As [`Session::fetch_meta`].
    pub async fn fetch_meta_with(
        &mut self,
        uids: &UidSet,
        items: &MetaItems,
        changed_since: Option<u64>,
        vanished: bool,
        mut on_message: impl FnMut(MessageMeta) + Send,
    ) -> Result<UidSet, ImapError> {
        let mut hand_over = |meta: MessageMeta| {
            on_message(meta);
            Ok(())
        };
        self.fetch_meta_to(uids, items, changed_since, vanished, &mut hand_over)
            .await
    }

    async fn fetch_meta_to(
        &mut self,
        uids: &UidSet,
        items: &MetaItems,
        changed_since: Option<u64>,
        vanished: bool,
        sink: &mut MetaSink<'_>,
    ) -> Result<UidSet, ImapError> {
        let names = self.item_names(items)?;
        let modifier = match changed_since {
            None => String::new(),
            Some(modseq) if vanished && self.is_enabled("QRESYNC") => {
                format!(" (CHANGEDSINCE {modseq} VANISHED)")
            }
            Some(modseq) => format!(" (CHANGEDSINCE {modseq})"),
        };
        let mut budget = Budget::new(self.limits.collected);
        let mut gone = UidSet::new();
        let mut commands = Vec::new();
        for set in uids.chunks(u64::MAX, MAX_SET_TEXT) {
            let arguments = format!("{set} ({names}){modifier}");
            commands.push(self.command("UID FETCH").raw(&arguments)?);
        }
        let open = is_open(uids);
        let handler = &mut |response: &Response<'_>| {
            if let Some((seq, rest)) = response.numbered("FETCH") {
                let (meta, _) = message_meta::parse(seq, rest);
                // Without a UID, or for another message, it is not an answer to us.
                let ours = meta.uid.is_some_and(|uid| uids.contains(uid) || open);
                if ours {
                    sink(meta)?;
                }
                return Ok(ours);
            }
            match response.data("VANISHED").map(qresync::vanished) {
                Some((true, uids)) => {
                    budget.extend(&mut gone, &uids)?;
                    Ok(true)
                }
                // Without EARLIER it happens right now: news like any other.
                _ => Ok(false),
            }
        };
        for ended in self.run_all("UID FETCH", commands, handler).await? {
            ended.into_result("UID FETCH")?;
        }
        Ok(gone)
    }

    fn item_names(&self, items: &MetaItems) -> Result<String, ImapError> {
        let mut names = vec!["UID".to_owned()];
        let simple = [
            (items.flags, "FLAGS"),
            (items.size, "RFC822.SIZE"),
            (items.internal_date, "INTERNALDATE"),
            (items.modseq && self.has_modseq, "MODSEQ"),
            (items.labels && self.supports("X-GM-EXT-1"), "X-GM-LABELS"),
            (items.header, "BODY.PEEK[HEADER]"),
        ];
        names.extend(
            simple
                .iter()
                .filter(|(wanted, _)| *wanted)
                .map(|(_, name)| (*name).to_owned()),
        );
        if items.object_ids {
            names.extend(self.object_id_items().map(str::to_owned));
        }
        if !items.header_fields.is_empty() {
            let valid = |name: &String| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            };
            if !items.header_fields.iter().all(valid) {
                return Err(ImapError::protocol("a header field's name is not one"));
            }
            names.push(format!(
                "BODY.PEEK[HEADER.FIELDS ({})]",
                items.header_fields.join(" ")
            ));
        }
        Ok(names.join(" "))
    }

    /// The items that carry lasting ids here. A server that does not know an item answers BAD to all.
    pub(crate) fn object_id_items(&self) -> impl Iterator<Item = &'static str> {
        let names: &[&str] = if self.supports("OBJECTID") {
            &["EMAILID", "THREADID"]
        } else if self.supports("X-GM-EXT-1") {
            &["X-GM-MSGID", "X-GM-THRID"]
        } else {
            &[]
        };
        names.iter().copied()
    }
}

/// Whether the set ends in `*`, which always includes the last message, whatever its UID.
pub(crate) fn is_open(set: &UidSet) -> bool {
    set.last() == Some(u64::MAX)
}
