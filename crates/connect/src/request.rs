//! What a connection test is asked to do.

use crate::test_message::TestMessageId;
use model::Timestamp;
use model::mailbox::{Credentials, Incoming, Logins, Outgoing};
use model::report::Trigger;

/// What to test.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// The mailbox, if the settings were saved.
    pub mailbox_id: Option<String>,
    /// The mail address: the sender of the test message.
    pub address: String,
    /// The receiving side; none: send only.
    pub incoming: Option<Incoming>,
    /// The sending side; none: receive only.
    pub outgoing: Option<Outgoing>,
    /// The secrets of both sides.
    pub credentials: Credentials,
    /// Where the user names come from; `auto` tries several.
    pub login: Logins,
    /// Folders that must exist, as people write them; empty: INBOX.
    pub monitored_folders: Vec<String>,
    /// Whether to count what there is to fetch, for a plan.
    pub count: Option<Count>,
    /// Who gets a test message; none: no message is sent.
    pub test_recipient: Option<String>,
    /// Whether nothing may be changed on the receiving server: a test message that came back stays there.
    pub read_only: bool,
    /// The Message-ID of that message. Whoever imports the mailbox that may get it makes one ([`TestMessageId::fresh`]), takes
    /// note of it before the engine is asked, and leaves a message with it out; none: the engine makes one.
    pub test_message_id: Option<TestMessageId>,
    /// Why the report is made.
    pub trigger: Trigger,
}

/// What to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Mail from this time on; none: all.
    pub since: Option<Timestamp>,
}
