//! A stored message: our own facts about it, and the head that was parsed from its bytes.

use crate::Timestamp;
use crate::folder::Role;
use crate::tag::TagRef;
use crate::text_enum::text_enum;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

text_enum! {
    /// Whether the mailbox's owner sent it.
    Direction { Incoming = "incoming", Outgoing = "outgoing" }
}

/// Flags, as IMAP has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Flags {
    /// Read.
    pub seen: bool,
    /// Answered.
    pub answered: bool,
    /// Marked.
    pub flagged: bool,
    /// A draft.
    pub draft: bool,
    /// Everything else, sorted; `$Forwarded`, `$MDNSent` and the like.
    pub keywords: Vec<String>,
}

impl Flags {
    /// From the server's list; `\Recent` and `\Deleted` are not ours to show.
    pub fn from_imap<S: AsRef<str>>(flags: &[S]) -> Self {
        let mut found = Self::default();
        for flag in flags {
            let flag = flag.as_ref();
            match flag.to_ascii_lowercase().as_str() {
                "\\seen" => found.seen = true,
                "\\answered" => found.answered = true,
                "\\flagged" => found.flagged = true,
                "\\draft" => found.draft = true,
                other if other.starts_with('\\') => {}
                _ => found.keywords.push(flag.to_owned()),
            }
        }
        found.keywords.sort();
        found.keywords.dedup();
        found
    }

    /// As the server writes them.
    pub fn to_imap(&self) -> Vec<String> {
        let system = [
            (self.seen, "\\Seen"),
            (self.answered, "\\Answered"),
            (self.flagged, "\\Flagged"),
            (self.draft, "\\Draft"),
        ];
        let set = system
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| (*name).to_owned());
        set.chain(self.keywords.iter().cloned()).collect()
    }
}

/// A change of flags that a user asked for: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagChange {
    /// Set or clear `seen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
    /// Set or clear `answered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<bool>,
    /// Set or clear `flagged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged: Option<bool>,
    /// Set or clear `draft`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// The whole new list of keywords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
}

/// Labels to put on a message and to take off, on a server that has labels; those of the server's own begin with a backslash, as
/// `\Inbox` or `\Starred`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelChange {
    /// On. A label that does not exist yet is made.
    #[serde(default)]
    pub add: Vec<String>,
    /// Off.
    #[serde(default)]
    pub remove: Vec<String>,
}

impl FlagChange {
    /// `flags` after this change.
    pub fn apply(&self, flags: &Flags) -> Flags {
        Flags {
            seen: self.seen.unwrap_or(flags.seen),
            answered: self.answered.unwrap_or(flags.answered),
            flagged: self.flagged.unwrap_or(flags.flagged),
            draft: self.draft.unwrap_or(flags.draft),
            keywords: self
                .keywords
                .clone()
                .unwrap_or_else(|| flags.keywords.clone()),
        }
    }

    /// The IMAP flags to add and to remove to get from `from` to the wished state.
    pub fn difference(&self, from: &Flags) -> (Vec<String>, Vec<String>) {
        let wanted = self.apply(from).to_imap();
        let present = from.to_imap();
        let add = wanted
            .iter()
            .filter(|f| !present.contains(f))
            .cloned()
            .collect();
        let remove = present
            .iter()
            .filter(|f| !wanted.contains(f))
            .cloned()
            .collect();
        (add, remove)
    }
}

/// Where a message lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Placement {
    /// The folder.
    pub folder_id: String,
    /// Its path.
    pub path: String,
    /// What it is for.
    pub role: Option<Role>,
}

/// A message as lists show it. `head` is the JSON object that the parser made of the message
/// (internet_message_id, subject, from, to, date, preview, …): stored as text, served as text.
#[derive(Clone, Debug)]
pub struct Message {
    /// `msg_…`
    pub id: String,
    /// The mailbox it belongs to.
    pub mailbox_id: String,
    /// The conversation.
    pub thread_id: String,
    /// Where it lies.
    pub folders: Vec<Placement>,
    /// Whether the owner sent it.
    pub direction: Direction,
    /// When the server received it.
    pub received_at: Timestamp,
    /// Octets of the raw message.
    pub size: i64,
    /// Flags.
    pub flags: Flags,
    /// Our own tags and folder: the server does not know them.
    pub tags: Vec<TagRef>,
    /// The whole message is stored; otherwise only its header.
    pub complete: bool,
    /// Labels, where the server has them; those with a meaning of their own begin with a backslash, as `\Inbox`.
    pub labels: Vec<String>,
    /// Its server has labels: they can be put on and taken off.
    pub takes_labels: bool,
    /// The parsed head, a JSON object as text.
    pub head: String,
}

impl Message {
    /// Appends the message as a JSON object. Our own facts and the head, which is never parsed
    /// again, become one object: a page of a list costs little more than copying its text.
    ///
    /// # Errors
    /// None that these types can cause.
    pub fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        #[derive(Serialize)]
        struct Own<'a> {
            id: &'a str,
            mailbox_id: &'a str,
            thread_id: &'a str,
            folders: &'a [Placement],
            direction: Direction,
            received_at: Timestamp,
            size: i64,
            flags: &'a Flags,
            tags: &'a [TagRef],
            labels: &'a [String],
            takes_labels: bool,
            complete: bool,
        }
        let own = Own {
            id: &self.id,
            mailbox_id: &self.mailbox_id,
            thread_id: &self.thread_id,
            folders: &self.folders,
            direction: self.direction,
            received_at: self.received_at,
            size: self.size,
            flags: &self.flags,
            tags: &self.tags,
            labels: &self.labels,
            takes_labels: self.takes_labels,
            complete: self.complete,
        };
        serde_json::to_writer(&mut *out, &own)?;
        // The head was written by our own serialiser and starts with "{".
        if let Some(rest) = self.head.strip_prefix('{').filter(|rest| *rest != "}") {
            out.pop();
            out.push(b',');
            out.extend_from_slice(rest.as_bytes());
        }
        Ok(())
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::with_capacity(self.head.len() + 512);
        self.write_json(&mut text).map_err(S::Error::custom)?;
        let text = String::from_utf8(text).map_err(S::Error::custom)?;
        serde_json::value::RawValue::from_string(text)
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_round_trip_without_recent() {
        let flags = Flags::from_imap(&["\\Seen", "\\Recent", "$Label1", "Junk"]);
        assert!(flags.seen);
        assert_eq!(flags.to_imap(), ["\\Seen", "$Label1", "Junk"]);
    }

    #[test]
    fn a_change_is_what_to_add_and_what_to_remove() {
        let flags = Flags {
            seen: true,
            ..Flags::default()
        };
        let change = FlagChange {
            seen: Some(false),
            flagged: Some(true),
            ..FlagChange::default()
        };
        assert_eq!(
            change.difference(&flags),
            (vec!["\\Flagged".to_owned()], vec!["\\Seen".to_owned()])
        );
    }

    #[test]
    fn the_head_joins_our_own_facts() {
        let message = Message {
            id: "msg_1".into(),
            mailbox_id: "mbx_1".into(),
            thread_id: "thr_1".into(),
            folders: vec![],
            direction: Direction::Incoming,
            received_at: Timestamp(0),
            size: 3,
            flags: Flags::default(),
            tags: vec![],
            complete: true,
            labels: vec![],
            takes_labels: false,
            head: "{\"subject\":\"Hi\"}".into(),
        };
        let value: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
        assert_eq!(value["subject"], "Hi");
        assert_eq!(value["id"], "msg_1");
    }
}
