//! Deletes from the server what is safely stored here, for mailboxes that want it, and only then.
//!
//! A message is marked when its bytes are durable here and have been for as long as the mailbox says. One
//! that was not read in this session is compared with its copy first, because an id may stand for another
//! message by now. DELE marks; QUIT deletes. Without an answer to QUIT nothing is known of it, and nothing
//! has to be: what is still there at the next look is marked again.

use super::identity::{self, COMPARED};
use super::plan::Listed;
use super::{Polling, Read};
use crate::error::Result;
use crate::ledger;
use model::Timestamp;
use pop3_client::Session;
use std::collections::HashMap;
use store::folders::Known;
use store::pop3::is_nameless;

/// Messages that are deleted by one QUIT: a lost connection makes us mark no more than these again.
const MARKED: usize = 2_000;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// What a session has marked.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// How many QUIT deletes.
    pub messages: usize,
    /// There are more to delete.
    pub more: bool,
}

impl Polling<'_> {
    /// The time before which a message has to have been stored, to be deleted now.
    fn deletion_until(&self) -> Option<Timestamp> {
        if self.mailbox.read_only {
            return None;
        }
        let days = self.mailbox.pop3_delete_after_days?;
        let now = self.context.store.now();
        Some(Timestamp(now.0 - i64::from(days) * DAY_MS))
    }

    /// Whether a message without an id is to be deleted, which has to be read to be found.
    pub(super) async fn is_nameless_due(&self, folder: &Known) -> Result<bool> {
        let Some(until) = self.deletion_until() else {
            return Ok(false);
        };
        if self
            .next_reading
            .is_some_and(|at| tokio::time::Instant::now() < at)
        {
            return Ok(false);
        }
        let safe = store::pop3::safe_since(&self.context.store, self.lease, &folder.id, until);
        Ok(safe.await?.iter().any(|copy| is_nameless(&copy.key)))
    }

    /// Marks what is to be deleted.
    pub(super) async fn mark(
        &self,
        session: &mut Session,
        folder: &Known,
        listed: &[Listed],
        read: &Read,
    ) -> Result<Marked> {
        let Some(until) = self.deletion_until() else {
            return Ok(Marked::default());
        };
        let store = &self.context.store;
        let numbers: HashMap<&str, u32> = listed
            .iter()
            .filter_map(|message| Some((message.key.as_deref()?, message.number)))
            .chain(read.proven.iter().map(|(key, n)| (key.as_str(), *n)))
            .collect();
        let safe = store::pop3::safe_since(store, self.lease, &folder.id, until).await?;
        let (mut marked, mut others, mut compared) = (Vec::new(), Vec::new(), 0);
        let mut more = false;
        for copy in &safe {
            let Some(number) = numbers.get(copy.key.as_str()) else {
                continue;
            };
            let proven = read.proven.contains_key(&copy.key);
            if marked.len() == MARKED || (!proven && compared == COMPARED) {
                more = true;
                break;
            }
            if !proven {
                compared += 1;
                let same = identity::is_same(session, *number, store, &copy.place);
                if !same.await.map_err(|broken| self.broken(broken))? {
                    others.push(copy.key.clone());
                    continue;
                }
            }
            marked.push(*number);
        }
        // Who has changed the settings meanwhile may not want it any more.
        if self.mailbox_changed().await? {
            return Ok(Marked::default());
        }
        if !others.is_empty() {
            store::pop3::reused(store, self.lease, &folder.id, others).await?;
        }
        let refused = session
            .dele_all(&marked)
            .await
            .map_err(|error| self.told(&error))?;
        if !refused.is_empty() {
            tracing::info!(
                mailbox = self.mailbox.id,
                messages = refused.len(),
                "the server refuses to delete messages that are stored here"
            );
        }
        Ok(Marked {
            messages: marked.len() - refused.len(),
            // What was refused is not asked again at once.
            more: more && refused.is_empty(),
        })
    }

    /// Ends the session, and with it deletes what is marked.
    pub(super) async fn quit_and_delete(&mut self, session: Session) {
        let (mailbox, messages) = (&self.mailbox.id, self.deletion.messages);
        match session.quit().await {
            Ok(()) => tracing::info!(
                mailbox,
                messages,
                "deleted from the server, as the mailbox says, what is stored here"
            ),
            Err(error) => {
                self.deletion.more = false;
                let said = ledger::said(self.context, mailbox, error).await;
                tracing::warn!(
                    mailbox,
                    messages,
                    said,
                    "it is not known whether the server deleted what is stored here; it is looked at again"
                );
            }
        }
    }
}
