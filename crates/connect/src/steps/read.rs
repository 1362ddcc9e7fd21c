//! Step 8: every monitored folder exists, the first one opens, and its newest header can be read. Nothing is marked read.

use super::count;
use super::folders::Listing;
use crate::alike::alike;
use crate::open::{Conversation, ImapTalk, Opening};
use crate::recognise::{self, Failure, Peer};
use crate::report::Good;
use imap_client::{MetaItems, Mode, UidSet};
use model::report::StepCode;

pub(crate) async fn run(
    opening: &mut Opening<'_>,
    listing: &Listing,
    monitored: &[String],
) -> Result<Good, Failure> {
    let peer = opening.peer;
    match &mut opening.conversation {
        Some(Conversation::Imap(talk)) => read_imap(talk, listing, monitored, &peer).await,
        Some(Conversation::Pop3(session)) => read_pop3(session, listing, &peer).await,
        _ => Err(peer.failure("internal_error", &[], None)),
    }
    .map_err(|failure| failure.at(StepCode::Read))
}

async fn read_imap(
    talk: &mut ImapTalk,
    listing: &Listing,
    monitored: &[String],
    peer: &Peer<'_>,
) -> Result<Good, Failure> {
    let inbox = ["INBOX".to_owned()];
    let wanted = if monitored.is_empty() {
        &inbox[..]
    } else {
        monitored
    };
    if let Some(missing) = wanted
        .iter()
        .find(|path| listing.folder(path).is_none_or(|folder| !folder.selectable))
    {
        return Err(missing_folder(missing, listing, peer));
    }
    // Not empty, and all found: both were just made sure.
    let Some(folder) = wanted.first().and_then(|path| listing.folder(path)) else {
        return Err(peer.failure("internal_error", &[], None));
    };
    let name_in_words = |failure: Failure| {
        let said = failure.problem.server_said.clone();
        match failure.id() {
            id @ ("folder_unreadable" | "folder_missing" | "message_unreadable") => {
                peer.failure(id, &[("folder", &folder.path)], said.as_deref())
            }
            _ => failure,
        }
    };
    let opened = talk.session.select(&folder.name, Mode::Examine, None).await;
    let opened = opened.map_err(|error| name_in_words(recognise::imap(&error, peer)))?;
    let messages = count(opened.exists, "message", "messages");
    if opened.exists == 0 {
        let opened = format!("opened {}; it is empty", folder.path);
        return Ok(Good::did(opened).but(nothing_read(&folder.path), None));
    }
    let newest = talk.session.uid_search("*").await;
    let newest = newest.map_err(|error| name_in_words(recognise::imap(&error, peer)))?;
    // One, whatever the server makes of `*`: a message that it cannot read must not fail the folder.
    let newest = newest
        .last()
        .map_or_else(UidSet::new, |uid| UidSet::range(uid, uid));
    let items = MetaItems {
        header: true,
        ..MetaItems::default()
    };
    let read = talk.session.fetch_meta(&newest, &items, None, false).await;
    let read = read.map_err(|error| name_in_words(recognise::imap(&error, peer)))?;
    let opened = format!("opened {}, {messages}", folder.path);
    if read.messages.iter().any(|message| {
        message
            .header
            .as_ref()
            .is_some_and(|header| !header.is_empty())
    }) {
        Ok(Good::did(format!(
            "{opened}; read the newest header, left unread"
        )))
    } else {
        // Perhaps another program removed it between the two commands.
        Ok(Good::did(opened).but("The server gave no header for the newest message.", None))
    }
}

/// For a new mailbox that is as it should be; for an old one it is perhaps another mailbox than the one that was meant.
fn nothing_read(what: &str) -> String {
    format!(
        "{what} is empty, so no message was read; if it should not be, this is another mailbox than the one meant."
    )
}

fn missing_folder(missing: &str, listing: &Listing, peer: &Peer<'_>) -> Failure {
    let mut there: Vec<&str> = listing
        .folders
        .iter()
        .filter(|folder| folder.selectable)
        .map(|folder| folder.path.as_str())
        .collect();
    there.sort_by_key(|path| !path.eq_ignore_ascii_case("inbox"));
    let alike = alike(missing, there.iter().copied());
    // Without a likely one, the first few show at least how names look on this server.
    let shown = if alike.is_empty() {
        there.into_iter().take(3).collect()
    } else {
        alike
    };
    let shown = shown.join(", ");
    peer.failure(
        "folder_missing",
        &[("folder", missing), ("alike", &shown)],
        None,
    )
}

async fn read_pop3(
    session: &mut pop3_client::Session,
    listing: &Listing,
    peer: &Peer<'_>,
) -> Result<Good, Failure> {
    let Some(newest) = listing.newest else {
        let opened = "opened the mailbox; it is empty";
        return Ok(Good::did(opened).but(nothing_read("The mailbox"), None));
    };
    let messages = count(listing.messages, "message", "messages");
    let header = match session.top(newest, 0).await {
        Ok(download) => download.read_all().await.map(Some),
        Err(pop3_client::Pop3Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    Ok(
        match header.map_err(|error| recognise::pop3(&error, peer))? {
            Some(_) => Good::did(format!(
                "opened the mailbox, {messages}; read the newest header, left on the server"
            )),
            None => Good::did(format!(
                "opened the mailbox, {messages}; the server shows headers only with whole messages"
            )),
        },
    )
}
