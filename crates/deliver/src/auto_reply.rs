//! Out of office: each message that has just come is judged, and answered where it may be.
//!
//! What was there before, or was only caught up with, is never answered: only events of origin `live` are. The answer is queued
//! in one transaction with how far the log was looked through, so a process that dies leaves no message answered twice.

use mail_message::Address;
use mail_message::auto_reply::{self, Rules};
use model::auto_reply::{Audience, AutoReply};
use model::event::{Event, Origin};
use model::folder::Role;
use model::mailbox::Protocol;
use model::{Timestamp, fresh_id};
use runner::{CancellationToken, Next, StepError, Task};
use std::time::Duration;
use store::auto_replies::{self, Answer, News};
use store::submissions::NewSubmission;
use store::wake::Topic;
use store::{Store, StoreError, events, identities, mailboxes, messages};

/// A message that the server received longer ago is none that has just come, whatever its event says: somebody put it there.
const OLD_MILLIS: i64 = 2 * 24 * 60 * 60 * 1000;
/// So long after the mailbox's own server stopped answering, what comes over POP3 may still have come before.
const POP3_MARGIN_MILLIS: i64 = 10 * 60 * 1000;
/// The shortest time from one look at the log to the next: nobody waits for an automatic answer.
const PACE: Duration = Duration::from_millis(200);

/// Answers what comes to mailboxes whose out of office is switched on.
pub struct AutoReplies {
    store: Store,
}

impl AutoReplies {
    /// For the mailboxes of a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    async fn look(&self, news: &News) -> Result<(), StoreError> {
        for event in &news.events {
            let of = |one: &&AutoReply| Some(&one.mailbox_id) == event.mailbox_id.as_ref();
            let Some(own) = news.on.iter().find(of) else {
                continue;
            };
            match self.one(own, event).await {
                Ok(()) => {}
                // It is gone, or cannot be answered: the others wait for nobody.
                Err(error @ (StoreError::NotFound(_) | StoreError::Conflict(_))) => {
                    tracing::info!(auto_reply_id = own.id, event_id = event.id, %error, "a message is not answered");
                }
                // Its bytes are lost: a person has to know, and the others wait for nobody.
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::error!(auto_reply_id = own.id, event_id = event.id, %error, "a message cannot be read, so it is not answered");
                }
                Err(error) => return Err(error),
            }
        }
        auto_replies::passed(&self.store, news.position).await
    }

    async fn one(&self, own: &AutoReply, event: &Event) -> Result<(), StoreError> {
        let now = self.store.now();
        let id = event.data["message_id"].as_str();
        let (Some(id), Some(position)) = (id, events::parse_cursor(&event.cursor)) else {
            return Ok(());
        };
        let fresh = own
            .enabled_at
            .is_some_and(|since| since <= event.occurred_at);
        if event.origin != Origin::Live || !fresh || !own.answers_here(now) {
            return Ok(());
        }
        let message = messages::get(&self.store, id).await?;
        // What came while the mailbox's own server answered has its answer.
        if let Some(left) = own.left_server_at {
            let mailbox = mailboxes::get(&self.store, &own.mailbox_id).await?;
            let protocol = mailbox.incoming.map(|side| side.protocol);
            if server_answered(left, protocol, message.received_at, event.occurred_at) {
                return Ok(());
            }
        }
        let roles = || message.folders.iter().filter_map(|at| at.role);
        if roles().any(|role| matches!(role, Role::Junk | Role::Trash | Role::Sent | Role::Drafts))
            || !own.settings.is_on(
                message
                    .received_at
                    .max(own.settings.starts_at.unwrap_or_default()),
            )
            || message.received_at.plus_millis(OLD_MILLIS) < event.occurred_at
        {
            return Ok(());
        }
        let head = auto_replies::beginning(&self.store, id, auto_reply::LOOKED_AT as u64).await?;
        let (own_addresses, sends_as) =
            auto_replies::addresses(&self.store, &own.mailbox_id).await?;
        let rules = Rules {
            own: own_addresses,
            sends_as,
            inside_domains: own.settings.inside_domains.clone(),
            answer_inside: own.settings.audience != Audience::Outside,
            answer_outside: own.settings.audience != Audience::Inside,
            exclusions: own.settings.exclusions.clone(),
        };
        let judged = match auto_reply::judge(&head, &rules) {
            Ok(judged) => judged,
            Err(refusal) => {
                tracing::debug!(
                    auto_reply_id = own.id,
                    message_id = id,
                    reason = refusal.as_str(),
                    "a message is not answered"
                );
                return Ok(());
            }
        };
        if auto_replies::had_answer(&self.store, own, &judged.sender).await? {
            return Ok(());
        }
        let Some(submission) = self.write(own, &judged, now).await? else {
            return Ok(());
        };
        let answer = Answer {
            auto_reply_id: own.id.clone(),
            position,
            message_id: id.to_owned(),
            sender: judged.sender,
            submission,
        };
        if let Some(made) = auto_replies::answer(&self.store, answer).await? {
            tracing::info!(
                auto_reply_id = own.id,
                message_id = id,
                submission_id = made.id,
                "a message is answered: out of office"
            );
        }
        Ok(())
    }

    /// The answer's bytes, stored. None: it cannot be written to the sender.
    async fn write(
        &self,
        own: &AutoReply,
        judged: &auto_reply::Answer,
        now: Timestamp,
    ) -> Result<Option<NewSubmission>, StoreError> {
        let all = identities::of_mailbox(&self.store, &own.mailbox_id).await?;
        // The one that was written to, or the main one, which comes first.
        let meant = all
            .iter()
            .find(|one| one.address.to_lowercase() == judged.written_to);
        let Some(identity) = meant.or(all.first()) else {
            return Ok(None);
        };
        let from = Address {
            name: Some(identity.name.clone()).filter(|name| !name.is_empty()),
            address: identity.address.clone(),
        };
        let wording = own.settings.wording(judged.inside);
        let unique = fresh_id("arp", now);
        let mut draft = auto_reply::draft(judged, from, wording.subject.as_deref(), &unique);
        draft.text = wording.text.clone();
        draft.html = wording.html.clone();
        draft.date_ms = now.0;
        let composed = match mail_message::compose(&draft) {
            Ok(composed) => composed,
            Err(error) => {
                tracing::warn!(auto_reply_id = own.id, %error, "an out of office cannot be written");
                return Ok(None);
            }
        };
        let stored = self.store.blobs.put(&composed.raw).await?;
        let mut new = NewSubmission::new(
            &own.mailbox_id,
            stored,
            // RFC 3834 section 3.3: nobody is told where it cannot be delivered, least of all a machine that answers.
            "",
            &composed.message_id,
            composed.envelope_to,
        );
        new.identity_id = Some(identity.id.clone());
        new.subject = draft.subject;
        Ok(Some(new))
    }
}

/// Whether a message came while the mailbox's own server answered, which it did until `left`. Over POP3 `received_at` is what the
/// sender wrote into the message, and when it was `fetched` says only that it came before.
fn server_answered(
    left: Timestamp,
    protocol: Option<Protocol>,
    received_at: Timestamp,
    fetched: Timestamp,
) -> bool {
    match protocol {
        Some(Protocol::Pop3) => received_at.min(fetched) <= left.plus_millis(POP3_MARGIN_MILLIS),
        Some(Protocol::Imap) | None => received_at <= left,
    }
}

impl Task for AutoReplies {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        let Some(news) = auto_replies::news(&self.store).await? else {
            return Ok(Next::Idle);
        };
        if !news.more {
            return Ok(Next::Idle);
        }
        self.look(&news).await?;
        Ok(Next::Now)
    }

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Events]
    }

    fn pace(&self) -> Duration {
        PACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_may_have_answered_is_not_answered_again() {
        let (left, margin) = (Timestamp(1_000), POP3_MARGIN_MILLIS);
        let soon = left.plus_millis(1);
        let late = left.plus_millis(margin + 1);
        let answered = |protocol: Protocol, received_at: Timestamp, fetched: Timestamp| {
            server_answered(left, Some(protocol), received_at, fetched)
        };
        assert!(answered(Protocol::Imap, left, late));
        assert!(!answered(Protocol::Imap, soon, soon));
        // A sender's clock may be fast or slow; and what is fetched first may have waited.
        assert!(answered(Protocol::Pop3, late, soon));
        assert!(answered(Protocol::Pop3, soon, late));
        assert!(!answered(Protocol::Pop3, late, late));
    }
}
