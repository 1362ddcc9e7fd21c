//! Wake-ups: "look at this topic", without data. In process a broadcast, between nodes NOTIFY;
//! polling is the floor under both, so that a lost wake-up only costs time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// New events.
    Events,
    /// New or due submissions.
    Submissions,
    /// New or due webhook deliveries.
    Deliveries,
    /// Jobs that begin or go on.
    Jobs,
    /// A mailbox: owed changes, new settings.
    Mailbox(String),
    /// Which mailboxes are to be worked on.
    Roster,
}

impl Topic {
    /// From the text of a notification.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "events" => Some(Self::Events),
            "submissions" => Some(Self::Submissions),
            "deliveries" => Some(Self::Deliveries),
            "jobs" => Some(Self::Jobs),
            "roster" => Some(Self::Roster),
            _ => text
                .strip_prefix("mailbox:")
                .map(|id| Self::Mailbox(id.to_owned())),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events => f.write_str("events"),
            Self::Submissions => f.write_str("submissions"),
            Self::Deliveries => f.write_str("deliveries"),
            Self::Jobs => f.write_str("jobs"),
            Self::Roster => f.write_str("roster"),
            Self::Mailbox(id) => write!(f, "mailbox:{id}"),
        }
    }
}

/// The sending side and the source of listeners. A topic costs nothing while nobody listens.
#[derive(Clone, Default)]
pub struct Wakes(Arc<Mutex<HashMap<Topic, watch::Sender<()>>>>);

impl Wakes {
    /// Tells everyone who listens in this process.
    pub fn send_all(&self, topics: &[Topic]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            if let Some(sender) = known.get(topic)
                && sender.send(()).is_err()
            {
                known.remove(topic);
            }
        }
    }

    /// A listener for a topic, from now on.
    pub fn listen(&self, topic: Topic) -> Listener {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = known.entry(topic).or_insert_with(|| watch::channel(()).0);
        Listener(sender.subscribe())
    }
}

/// Hears the wake-ups of one topic from the moment it was made; several that came meanwhile are one.
pub struct Listener(watch::Receiver<()>);

impl Listener {
    /// Waits for the next wake-up.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The topic was dropped with the store: nothing will come any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_survive_their_text() {
        for topic in [
            Topic::Events,
            Topic::Jobs,
            Topic::Roster,
            Topic::Mailbox("mbx_1".into()),
        ] {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
        assert_eq!(Topic::parse("nonsense"), None);
    }

    #[tokio::test]
    async fn a_wake_up_before_the_wait_is_not_lost() {
        let wakes = Wakes::default();
        let mut listener = wakes.listen(Topic::Events);
        wakes.send_all(&[Topic::Roster, Topic::Events, Topic::Events]);
        listener.next().await;
    }
}
