//! What there is to fetch, folder by folder: for a plan before anything is fetched.
//!
//! It only asks: STATUS (RFC 9051, 6.3.11), in one command where the server can (RFC 5819), and with a first day EXAMINE and
//! SEARCH. What the server does not say in time stays unknown.

use super::folders::{Found, Listing};
use crate::open::{Conversation, ImapTalk, Opening};
use crate::providers::stores_all_mail;
use crate::roles;
use imap_client::{ListOptions, MailboxName, Mode, StatusItem};
use model::Timestamp;
use model::folder::Role;
use model::report::ReportFolder;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the counting may take in all.
const LIMIT: Duration = Duration::from_secs(5);
/// So many folders are told; one with more is an archive, where a plan by folder says nothing.
const FOLDERS: usize = 1_000;
const ITEMS: &[StatusItem] = &[StatusItem::Messages, StatusItem::Size];

/// The folders with their numbers; those of mail since a first day, if there is one.
pub(crate) async fn folders(
    opening: &mut Opening<'_>,
    listing: &Listing,
    since: Option<Timestamp>,
    until: Instant,
) -> Vec<ReportFolder> {
    let until = until.min(Instant::now() + LIMIT);
    let host = opening.peer.host;
    match &mut opening.conversation {
        Some(Conversation::Imap(talk)) => {
            let all_mail = talk.session.supports("X-GM-EXT-1") && stores_all_mail(host);
            let mut found: Vec<ReportFolder> = listing
                .folders
                .iter()
                .filter(|folder| folder.selectable)
                .take(FOLDERS)
                .map(|folder| row(folder, all_mail))
                .collect();
            // What is known when the time is over is told.
            let _ = timeout_at(until, count(talk, listing, &mut found, since)).await;
            if all_mail {
                leave_what_is_elsewhere(&mut found);
            }
            found
        }
        Some(Conversation::Pop3(_)) => vec![ReportFolder {
            messages: i64::try_from(listing.messages).ok(),
            ..ReportFolder::inbox()
        }],
        _ => Vec::new(),
    }
}

fn row(folder: &Found, all_mail: bool) -> ReportFolder {
    ReportFolder {
        path: folder.path.clone(),
        role: folder.role,
        guessed: folder.role.is_some() && !folder.marked && !folder.name.is_inbox(),
        stored: roles::stored_by_default(folder.role, folder.view)
            || all_mail && folder.role == Some(Role::All),
        messages: None,
        bytes: None,
    }
}

/// All Mail shows the others' messages again, and they are fetched once: what it adds is what is left.
fn leave_what_is_elsewhere(found: &mut [ReportFolder]) {
    let others = found
        .iter()
        .filter(|row| row.stored && row.role != Some(Role::All));
    let (messages, bytes) = others.fold((0, 0), |(messages, bytes), row| {
        (
            messages + row.messages.unwrap_or(0),
            bytes + row.bytes.unwrap_or(0),
        )
    });
    for row in found.iter_mut().filter(|row| row.role == Some(Role::All)) {
        row.messages = row.messages.map(|all| (all - messages).max(0));
        row.bytes = row.bytes.map(|all| (all - bytes).max(0));
    }
}

async fn count(
    talk: &mut ImapTalk,
    listing: &Listing,
    found: &mut [ReportFolder],
    since: Option<Timestamp>,
) {
    if talk.session.supports("LIST-STATUS") {
        let options = ListOptions {
            status_items: Some(ITEMS.to_vec()),
            special_use: false,
        };
        for entry in talk.session.list(&options).await.unwrap_or_default() {
            let path = entry.name.decoded();
            if let Some(row) = found.iter_mut().find(|row| row.path == path)
                && let Some(status) = entry.status
            {
                set(row, status.messages, status.size);
            }
        }
    }
    // What will be stored is asked for first: the time may not be enough for all.
    let mut rest: Vec<(&mut ReportFolder, &MailboxName)> = found
        .iter_mut()
        .filter_map(|row| {
            let name = &listing.folder(&row.path)?.name;
            Some((row, name))
        })
        .collect();
    rest.sort_by_key(|(row, _)| !row.stored);
    for (row, name) in &mut rest {
        if row.messages.is_none() {
            match talk.session.status(name, ITEMS).await {
                Ok(status) => set(row, status.messages, status.size),
                Err(error) if error.is_fatal() => return,
                Err(_) => {}
            }
        }
    }
    if let Some(since) = since {
        for (row, name) in &mut rest {
            if row.stored
                && row.messages != Some(0)
                && limit(talk, row, name, since).await.is_none()
            {
                return;
            }
        }
    }
}

fn set(row: &mut ReportFolder, messages: Option<u64>, size: Option<u64>) {
    row.messages = messages.and_then(|n| i64::try_from(n).ok());
    row.bytes = size.and_then(|n| i64::try_from(n).ok());
}

/// Leaves the numbers of mail since a day; its bytes are its share of all. None: the connection is gone.
async fn limit(
    talk: &mut ImapTalk,
    row: &mut ReportFolder,
    name: &MailboxName,
    since: Timestamp,
) -> Option<()> {
    let criteria = format!("SINCE {}", imap_client::search_date(since.seconds()));
    let looked = match talk.session.select(name, Mode::Examine, None).await {
        Ok(_) => talk.session.uid_search(&criteria).await,
        Err(error) => Err(error),
    };
    match looked {
        Ok(uids) => {
            let new = i64::try_from(uids.len()).unwrap_or(i64::MAX);
            row.bytes = match (row.bytes, row.messages) {
                (Some(bytes), Some(all)) if all > 0 => {
                    i64::try_from(i128::from(bytes) * i128::from(new) / i128::from(all)).ok()
                }
                (bytes, _) => bytes,
            };
            row.messages = Some(new);
            Some(())
        }
        Err(error) if error.is_fatal() => None,
        Err(_) => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mail_adds_what_no_other_stored_folder_has() {
        let row = |role: Option<Role>, stored: bool, messages: i64| ReportFolder {
            role,
            stored,
            messages: Some(messages),
            bytes: Some(messages * 1_000),
            ..ReportFolder::inbox()
        };
        let mut found = [
            row(Some(Role::Inbox), true, 10),
            row(None, true, 20),
            row(Some(Role::Trash), false, 5),
            row(Some(Role::All), true, 100),
        ];
        leave_what_is_elsewhere(&mut found);
        assert_eq!(found[3].messages, Some(70));
        assert_eq!(found[3].bytes, Some(70_000));
        // Messages with several labels count more than once.
        found[1].messages = Some(200);
        leave_what_is_elsewhere(&mut found);
        assert_eq!(found[3].messages, Some(0));
    }
}
