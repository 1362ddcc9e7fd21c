//! SELECT and EXAMINE: entering a folder, with the differences since last time where QRESYNC is enabled.

use crate::ext::qresync::{self, QresyncFrom};
use crate::limits::Budget;
use crate::message_meta::{self, MessageMeta};
use crate::session::{Completed, Session, ignore};
use crate::wire::response::{Code, Response, StatusKind};
use crate::wire::tokenizer::Cursor;
use crate::wire::value::{Value, clean};
use crate::{ImapError, MailboxName, UidSet, Unsolicited};

/// Takes each changed message; `None`: those so far were of the folder that is left.
type ChangeSink<'s> = dyn FnMut(Option<MessageMeta>) -> Result<(), ImapError> + Send + 's;

/// Whether the folder may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// EXAMINE: nothing we do changes the folder, not even `\Recent`.
    Examine,
    /// SELECT; on a session that may only read, EXAMINE.
    ReadWrite,
    /// SELECT, also on a session that may only read: some servers write UIDs down only for whoever selects, and without that one UID
    /// may name two messages one after the other. No message changes by it; `\Recent` is lost.
    LastingUids,
}

/// What the server said on entering a folder. `None` where it did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// How many messages.
    pub exists: u64,
    /// The epoch of the UIDs.
    pub uidvalidity: Option<u64>,
    /// The next UID, as a hint; Courier leaves it out.
    pub uidnext: Option<u64>,
    /// The highest MODSEQ; never zero.
    pub highestmodseq: Option<u64>,
    /// Whether the server said that this folder does not count modifications.
    pub no_modseq: bool,
    /// Whether the folder can only be read.
    pub read_only: bool,
    /// The flags in use.
    pub flags: Vec<String>,
    /// The flags that can be kept; `\*` allows new ones. `None` means all (RFC 9051 section 6.3.2).
    pub permanent_flags: Option<Vec<String>>,
    /// MAILBOXID (RFC 8474).
    pub mailbox_id: Option<String>,
    /// QRESYNC: what has gone since.
    pub vanished: UidSet,
    /// QRESYNC: what has changed since.
    pub changed: Vec<MessageMeta>,
}

impl Session {
    /// Enters a folder. `since` is used when QRESYNC is enabled; otherwise, where CONDSTORE is offered, it is
    /// switched on for the folder. With [`QresyncFrom::known`] the server tells changes of those UIDs only: what is new
    /// has to be asked for by UID.
    ///
    /// Unsolicited items of the folder selected before are dropped: take them first.
    ///
    /// # Errors
    /// `No` when there is no such folder (none is selected then), `Bad`, or a fatal error.
    pub async fn select(
        &mut self,
        name: &MailboxName,
        mode: Mode,
        since: Option<&QresyncFrom>,
    ) -> Result<Selected, ImapError> {
        let mut budget = Budget::new(self.limits.collected);
        let mut changed = Vec::new();
        let mut keep = |meta: Option<MessageMeta>| {
            let Some(meta) = meta else {
                changed.clear();
                return Ok(());
            };
            budget.spend(meta.cost())?;
            changed.push(meta);
            Ok(())
        };
        let mut selected = self.select_to(name, mode, since, &mut keep).await?;
        selected.changed = changed;
        Ok(selected)
    }

    /// As [`Session::select`], but hands over each changed message instead of collecting them. `None`: what was handed over
    /// so far was about the folder selected before, and is to be forgotten ([CLOSED], RFC 7162 section 3.2.11).
    ///
    /// # Errors
    /// As [`Session::select`].
    pub async fn select_with(
        &mut self,
        name: &MailboxName,
        mode: Mode,
        since: Option<&QresyncFrom>,
        mut on_changed: impl FnMut(Option<MessageMeta>) + Send,
    ) -> Result<Selected, ImapError> {
        let mut hand_over = |meta: Option<MessageMeta>| {
            on_changed(meta);
            Ok(())
        };
        self.select_to(name, mode, since, &mut hand_over).await
    }

    async fn select_to(
        &mut self,
        name: &MailboxName,
        mode: Mode,
        since: Option<&QresyncFrom>,
        sink: &mut ChangeSink<'_>,
    ) -> Result<Selected, ImapError> {
        let mode = match mode {
            Mode::ReadWrite if self.is_read_only() => Mode::Examine,
            mode => mode,
        };
        let verb = match mode {
            Mode::Examine => "EXAMINE",
            Mode::ReadWrite | Mode::LastingUids => "SELECT",
        };
        let mut command = self.command(verb).mailbox(name)?;
        let parameter = since
            .filter(|_| self.is_enabled("QRESYNC"))
            .and_then(QresyncFrom::parameter);
        if let Some(parameter) = parameter {
            command = command.raw(&parameter)?;
        } else if self.supports("CONDSTORE") {
            command = command.raw("(CONDSTORE)")?;
        }
        self.leave_folder();
        let mut budget = Budget::new(self.limits.collected);
        let mut selected = Selected::default();
        let ended = self
            .run(command, &mut |response: &Response<'_>| {
                selected.take(response, sink, &mut budget)
            })
            .await?;
        selected.read_only = match &ended.code {
            Some((code, _)) if code == "READ-ONLY" => true,
            Some((code, _)) if code == "READ-WRITE" => false,
            _ => mode == Mode::Examine,
        };
        selected.take_final_code(&ended);
        self.selected = Some(name.clone());
        self.has_modseq = selected.highestmodseq.is_some() && !selected.no_modseq;
        Ok(selected)
    }

    /// Leaves the selected folder without expunging (UNSELECT, RFC 3691). Without UNSELECT the folder is entered again to
    /// be read only, where CLOSE expunges nothing (RFC 9051 section 6.4.1). Nothing is said when none is selected.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn unselect(&mut self) -> Result<(), ImapError> {
        let Some(name) = self.selected.clone() else {
            return Ok(());
        };
        let verb = if self.supports("UNSELECT") {
            "UNSELECT"
        } else {
            let examine = self.command("EXAMINE").mailbox(&name)?;
            // A folder that cannot be entered any more is left by this, too.
            if self.run_to_end(examine, &mut ignore).await?.kind != StatusKind::Ok {
                self.leave_folder();
                return Ok(());
            }
            "CLOSE"
        };
        let command = self.command(verb);
        self.run(command, &mut ignore).await?;
        self.leave_folder();
        Ok(())
    }

    fn leave_folder(&mut self) {
        self.selected = None;
        self.has_modseq = false;
        self.facts.retain(|item| {
            !matches!(
                item,
                Unsolicited::Exists(_)
                    | Unsolicited::Recent(_)
                    | Unsolicited::Expunge(_)
                    | Unsolicited::Vanished { .. }
                    | Unsolicited::Fetch(_)
            )
        });
    }
}

impl Selected {
    fn take(
        &mut self,
        response: &Response<'_>,
        sink: &mut ChangeSink<'_>,
        budget: &mut Budget,
    ) -> Result<bool, ImapError> {
        if let Some(code) = response.code() {
            // What came before [CLOSED] was about the folder that is left (RFC 7162 section 3.2.11).
            if code.is("CLOSED") {
                *self = Selected::default();
                sink(None)?;
            }
            // Never claimed: an ALERT must also reach the caller.
            self.take_code(&code);
            return Ok(false);
        }
        if let Some((count, _)) = response.numbered("EXISTS") {
            self.exists = count;
        } else if response.is_data("RECENT") {
        } else if let Some(mut rest) = response.data("FLAGS") {
            self.flags = rest.value().words().unwrap_or_default();
        } else if let Some(rest) = response.data("VANISHED") {
            budget.extend(&mut self.vanished, &qresync::vanished(rest).1)?;
        } else if let Some((seq, rest)) = response.numbered("FETCH") {
            sink(Some(message_meta::parse(seq, rest).0))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_code(&mut self, code: &Code<'_>) {
        if code.is("UIDVALIDITY") {
            self.uidvalidity = code.number();
        } else if code.is("UIDNEXT") {
            self.uidnext = code.number();
        } else if code.is("HIGHESTMODSEQ") {
            self.highestmodseq = code.number().filter(|modseq| *modseq > 0);
        } else if code.is("NOMODSEQ") {
            self.no_modseq = true;
        } else if code.is("PERMANENTFLAGS") {
            self.permanent_flags = Cursor::new(code.args).value().words();
        } else if code.is("MAILBOXID") {
            self.mailbox_id = match Cursor::new(code.args).value() {
                value @ (Value::List(_) | Value::Atom(_)) => value.text(),
                _ => None,
            };
        }
    }

    /// Some servers put a number into the tagged answer.
    fn take_final_code(&mut self, ended: &Completed) {
        if let Some((name, args)) = &ended.code {
            let name = clean(name.as_bytes());
            self.take_code(&Code {
                name: name.as_bytes(),
                args,
            });
        }
    }
}
