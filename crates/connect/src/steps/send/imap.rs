//! The test message in a mailbox that is read by IMAP: found, looked at, and removed again.

use super::{Arrived, header_results};
use crate::open::ImapTalk;
use crate::recognise::{self, Failure, Peer};
use crate::steps::folders;
use crate::test_message::TestMessage;
use imap_client::{MailboxName, MetaItems, Mode, StoreMode, UidSet};
use model::folder::Role;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Pause between two looks; the first looks come fast, for servers that deliver at once.
const LOOKS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];
/// How long the last look may take.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// Pauses between the looks for a copy in the folder for sent mail: servers that file one take a second or two. Together they are
/// [`COPY_SECONDS`].
const COPY_LOOKS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_250),
];
const COPY_SECONDS: u64 = 2;
/// Time kept for taking the message away.
const FOR_REMOVAL: Duration = Duration::from_secs(2);

/// Waits until the message is there, at most until `last_look`, and removes it, at most until `end`.
pub(super) async fn look_for(
    talk: &mut ImapTalk,
    message: &TestMessage,
    peer: &Peer<'_>,
    last_look: Instant,
    end: Instant,
) -> Result<Option<Arrived>, Failure> {
    let waiting = wait_for(talk, message, last_look, peer);
    // A look that never ends says no more than one that finds nothing.
    let found = timeout_at(last_look + LAST_LOOK, waiting).await;
    let Some(arrival) = found.unwrap_or(Ok(None))? else {
        return Ok(None);
    };
    let mut arrived = Arrived {
        folder: arrival.folder.decoded(),
        at: Instant::now(),
        junk: arrival.junk,
        ..Arrived::new()
    };
    let tidying = async {
        let sender = verified(talk, &arrival).await;
        (sender, tidy_up(talk, &arrival, message, end).await)
    };
    // It came back: whatever is slow from here on does not make that a failure.
    let (sender, tidied) = timeout_at(end, tidying).await.unwrap_or_default();
    arrived.sender = sender;
    arrived.copy = tidied.copy.words();
    arrived.copied_by_server = matches!(tidied.copy, Copy::Server);
    arrived.left = tidied.left;
    arrived.read_only = talk.session.is_read_only();
    Ok(Some(arrived))
}

/// Where the message was found.
struct Arrival {
    folder: MailboxName,
    uids: UidSet,
    junk: bool,
    sent: Option<MailboxName>,
    trash: Option<MailboxName>,
}

/// Looks into INBOX until the message is there, and now and then into the folder for spam.
async fn wait_for(
    talk: &mut ImapTalk,
    message: &TestMessage,
    until: Instant,
    peer: &Peer<'_>,
) -> Result<Option<Arrival>, Failure> {
    let listing = folders::list(talk, peer).await?;
    let named = |role| listing.with_role(role).map(|folder| folder.name.clone());
    let (junk, sent, trash) = (named(Role::Junk), named(Role::Sent), named(Role::Trash));
    let inbox = MailboxName::inbox();
    let broken = |error| recognise::imap(&error, peer);
    let mut look = 0;
    loop {
        let last = Instant::now() >= until;
        let uids = find(talk, &inbox, message).await.map_err(broken)?;
        if !uids.is_empty() {
            return Ok(Some(Arrival {
                folder: inbox,
                uids,
                junk: false,
                sent,
                trash,
            }));
        }
        if let Some(junk) = junk.as_ref().filter(|_| last || look % 4 == 3) {
            let uids = find(talk, junk, message).await.map_err(broken)?;
            if !uids.is_empty() {
                return Ok(Some(Arrival {
                    folder: junk.clone(),
                    uids,
                    junk: true,
                    sent,
                    trash,
                }));
            }
        }
        if last {
            return Ok(None);
        }
        sleep(LOOKS[look.min(LOOKS.len() - 1)]).await;
        look += 1;
    }
}

/// EXAMINE each time: it is what makes every server look again.
async fn find(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    message: &TestMessage,
) -> Result<UidSet, imap_client::ImapError> {
    talk.session.select(folder, Mode::Examine, None).await?;
    search(talk, message).await
}

async fn search(
    talk: &mut ImapTalk,
    message: &TestMessage,
) -> Result<UidSet, imap_client::ImapError> {
    match imap_client::quoted(&message.message_id) {
        Some(id) => {
            talk.session
                .uid_search(&format!("HEADER Message-ID {id}"))
                .await
        }
        None => Ok(UidSet::new()),
    }
}

/// What the receiving server found out about the sender; nothing where it does not say.
async fn verified(talk: &mut ImapTalk, arrival: &Arrival) -> Vec<String> {
    let items = MetaItems {
        header: true,
        ..MetaItems::default()
    };
    let read = talk
        .session
        .fetch_meta(&arrival.uids, &items, None, false)
        .await;
    let header = read
        .ok()
        .and_then(|read| read.messages.into_iter().find_map(|message| message.header));
    header.map_or_else(Vec::new, |header| header_results(&header))
}

/// What became of the message afterwards.
#[derive(Default)]
struct Tidied {
    copy: Copy,
    /// It is still there: the server has no command that removes one message and no other.
    left: bool,
}

/// Who puts a copy of what is sent into the folder for sent mail.
#[derive(Clone, Copy, Default)]
enum Copy {
    /// The server did.
    Server,
    /// The server did not within [`COPY_SECONDS`].
    Nobody,
    /// It had not done so when the report's time was over.
    NotYet,
    /// There is no such folder, or the message arrived in it.
    #[default]
    Unknown,
}

impl Copy {
    fn words(self) -> String {
        match self {
            Self::Server => "; the server filed the Sent copy".to_owned(),
            Self::Nobody => format!(
                "; the server filed no Sent copy within {COPY_SECONDS} s: Postroom adds one"
            ),
            Self::NotYet => "; no Sent copy yet".to_owned(),
            Self::Unknown => String::new(),
        }
    }
}

/// Removes the test message where it arrived and where the server filed a copy. Only with UIDPLUS, which removes these UIDs
/// and no others; whatever fails here leaves a small message behind and no more, which the import knows by its header.
async fn tidy_up(
    talk: &mut ImapTalk,
    arrival: &Arrival,
    message: &TestMessage,
    end: Instant,
) -> Tidied {
    let can_remove = talk.session.supports("UIDPLUS") && !talk.session.is_read_only();
    let mut tidied = Tidied {
        left: !can_remove,
        ..Tidied::default()
    };
    let sent = arrival.sent.as_ref();
    if let Some(sent) = sent.filter(|sent| **sent != arrival.folder) {
        let copies;
        (tidied.copy, copies) = copy_in(talk, sent, message, end - FOR_REMOVAL).await;
        if can_remove && !copies.is_empty() {
            tidied.left |= take_away(talk, sent, &copies, arrival, message)
                .await
                .is_err();
        }
    }
    if can_remove {
        // Where folders are labels, the copy was this very message, and it is gone already.
        let uids = find(talk, &arrival.folder, message)
            .await
            .unwrap_or_default();
        if !uids.is_empty() {
            let gone = take_away(talk, &arrival.folder, &uids, arrival, message).await;
            tidied.left |= gone.is_err();
        }
    }
    tidied
}

/// Looks for the copy that the server files, again and again: it comes after the message itself.
async fn copy_in(
    talk: &mut ImapTalk,
    sent: &MailboxName,
    message: &TestMessage,
    end: Instant,
) -> (Copy, UidSet) {
    let mut pauses = COPY_LOOKS.into_iter();
    loop {
        let copies = find(talk, sent, message).await.unwrap_or_default();
        if !copies.is_empty() {
            return (Copy::Server, copies);
        }
        match pauses.next() {
            Some(pause) if Instant::now() + pause < end => sleep(pause).await,
            Some(_) => return (Copy::NotYet, copies),
            None => return (Copy::Nobody, copies),
        }
    }
}

/// Where folders are labels (Gmail), expunging takes only the label off: the way to remove a message leads through the trash.
async fn take_away(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    uids: &UidSet,
    arrival: &Arrival,
    message: &TestMessage,
) -> Result<(), imap_client::ImapError> {
    let trash = arrival.trash.as_ref().filter(|trash| *trash != folder);
    let Some(trash) = trash.filter(|_| talk.session.supports("X-GM-EXT-1")) else {
        return remove_from(talk, folder, uids).await;
    };
    talk.session.select(folder, Mode::ReadWrite, None).await?;
    if talk.session.supports("MOVE") {
        talk.session.uid_move(uids, trash).await?;
    } else {
        talk.session.uid_copy(uids, trash).await?;
        remove_from(talk, folder, uids).await?;
    }
    let moved = find(talk, trash, message).await?;
    if moved.is_empty() {
        return Ok(());
    }
    remove_from(talk, trash, &moved).await
}

async fn remove_from(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    uids: &UidSet,
) -> Result<(), imap_client::ImapError> {
    talk.session.select(folder, Mode::ReadWrite, None).await?;
    talk.session
        .uid_store(uids, StoreMode::Add, &["\\Deleted"], None)
        .await?;
    talk.session.uid_expunge(uids).await
}
