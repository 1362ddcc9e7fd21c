//! Folders that are owed: made, renamed and deleted. The server's list before and after tells what is true: a try whose answer
//! was lost is known by it, and an OK that nothing came of is not believed.

use super::{Paid, did_nothing, refused};
use crate::error::Result;
use crate::list::{Listed, default_mode};
use crate::mailbox::Visit;
use imap_client::{ImapError, ListEntry, ListOptions, MailboxName, StatusItem};
use store::folders::{Known, ListChange, NewFolder, wire_bytes, wire_text};
use store::owed::{Confirmed, Level};

fn never(problem_id: &'static str, text: &str) -> Paid {
    Paid::Never(problem_id, text.to_owned())
}

fn done(folders: Vec<ListChange>) -> Paid {
    Paid::Done(Confirmed {
        folders,
        ..Confirmed::default()
    })
}

/// Makes a folder; one that is there already is good, too.
pub(super) async fn create(
    visit: &mut Visit<'_>,
    parent_id: Option<&str>,
    name: &str,
) -> Result<Paid> {
    let before = list(visit).await?;
    let mut wire = match parent_id {
        Some(id) => {
            let Some(parent) = known(visit, id) else {
                return Ok(never(
                    "folder_missing",
                    "the folder that it was to be made in is gone",
                ));
            };
            let parent = wire_bytes(&parent.wire_name);
            let Some(delimiter) = delimiter(&before) else {
                return Ok(never(
                    "command_refused",
                    "the server has no folders inside folders",
                ));
            };
            [&parent[..], delimiter.to_string().as_bytes()].concat()
        }
        None => personal(visit).await?,
    };
    wire.extend_from_slice(MailboxName::from_decoded(name).wire());
    let name = MailboxName::from_wire(&wire);
    let mut outcome = Ok(());
    if !is_there(&before, &name) {
        outcome = tolerated(visit.session.create(&name).await.map(drop))?;
    }
    let after = list(visit).await?;
    let Some(entry) = after
        .iter()
        .find(|entry| entry.name == name && entry.is_selectable())
    else {
        return Ok(unsuccessful(outcome, "make the folder"));
    };
    let folder = described(visit, entry);
    // Other programs show what is subscribed. That it cannot be is no reason to say that there is no folder.
    let _ = tolerated(visit.session.subscribe(&name).await)?;
    Ok(done(vec![ListChange::Created(folder)]))
}

/// Gives a folder another name or place, and with it those inside it.
pub(super) async fn rename(
    visit: &mut Visit<'_>,
    folder_id: &str,
    name: &str,
    to: &Level,
) -> Result<Paid> {
    let Some(folder) = known(visit, folder_id) else {
        return Ok(never("folder_missing", "the folder is gone"));
    };
    let old = wire_bytes(&folder.wire_name);
    let before = list(visit).await?;
    let delimiter = delimiter(&before).map(String::from).unwrap_or_default();
    let above = match to {
        Level::Same => old[..last_level(&old, delimiter.as_bytes())].to_vec(),
        Level::Top => personal(visit).await?,
        Level::Inside(id) => match (known(visit, id), &delimiter[..]) {
            (None, _) => {
                return Ok(never(
                    "folder_missing",
                    "the folder that it was to be moved to is gone",
                ));
            }
            (_, "") => {
                return Ok(never(
                    "command_refused",
                    "the server has no folders inside folders",
                ));
            }
            (Some(parent), between) => {
                [&wire_bytes(&parent.wire_name)[..], between.as_bytes()].concat()
            }
        },
    };
    let new = [&above[..], MailboxName::from_decoded(name).wire()].concat();
    let (from, to) = (MailboxName::from_wire(&old), MailboxName::from_wire(&new));
    let mut outcome = Ok(());
    match (is_there(&before, &from), is_there(&before, &to)) {
        (true, false) => {
            // Cyrus tells whoever has a folder open that is renamed that all its messages are gone.
            leave(visit).await?;
            outcome = tolerated(visit.session.rename(&from, &to).await)?;
        }
        // An earlier try did it.
        (false, true) => {}
        (true, true) => {
            return Ok(never(
                "folder_exists",
                "a folder of this name is there by now",
            ));
        }
        (false, false) => return Ok(never("folder_missing", "the folder is gone")),
    }
    let after = list(visit).await?;
    if is_there(&after, &from) || !is_there(&after, &to) {
        return Ok(unsuccessful(outcome, "rename the folder"));
    }
    let below = [&old[..], delimiter.as_bytes()].concat();
    let mut renamed = Vec::new();
    for folder in &visit.known {
        let wire = wire_bytes(&folder.wire_name);
        let rest = match wire.strip_prefix(&below[..]) {
            _ if folder.id == folder_id => &[][..],
            Some(rest) if !delimiter.is_empty() => rest,
            _ => continue,
        };
        let now = match rest {
            [] => new.clone(),
            rest => [&new[..], delimiter.as_bytes(), rest].concat(),
        };
        let Some(entry) = after.iter().find(|entry| entry.name.wire() == now) else {
            continue;
        };
        renamed.push(ListChange::Renamed {
            id: folder.id.clone(),
            to: NewFolder {
                object_id: folder.object_id.clone(),
                ..described(visit, entry)
            },
        });
    }
    let _ = tolerated(visit.session.unsubscribe(&from).await)?;
    let _ = tolerated(visit.session.subscribe(&to).await)?;
    Ok(done(renamed))
}

/// Deletes a folder; one that is gone already is good, too.
pub(super) async fn delete(
    visit: &mut Visit<'_>,
    folder_id: &str,
    with_messages: bool,
) -> Result<Paid> {
    let Some(folder) = known(visit, folder_id) else {
        return Ok(done(Vec::new()));
    };
    let name = MailboxName::from_wire(&wire_bytes(&folder.wire_name));
    let before = list(visit).await?;
    let mut outcome = Ok(());
    if is_there(&before, &name) {
        if let Some(delimiter) = delimiter(&before) {
            let below = [name.wire(), delimiter.to_string().as_bytes()].concat();
            if before
                .iter()
                .any(|entry| entry.name.wire().starts_with(&below))
            {
                return Ok(never(
                    "folder_not_empty",
                    "there are folders inside it by now",
                ));
            }
        }
        leave(visit).await?;
        if !with_messages {
            let status = visit.session.status(&name, &[StatusItem::Messages]).await?;
            if status.messages != Some(0) {
                return Ok(never("folder_not_empty", "mail lies in it by now"));
            }
        }
        let _ = tolerated(visit.session.unsubscribe(&name).await)?;
        outcome = tolerated(visit.session.delete(&name).await)?;
    }
    let after = list(visit).await?;
    let stays = after
        .iter()
        .any(|entry| entry.name == name && entry.is_selectable());
    if stays {
        return Ok(unsuccessful(outcome, "delete the folder"));
    }
    Ok(done(vec![ListChange::Removed {
        id: folder_id.to_owned(),
    }]))
}

async fn list(visit: &mut Visit<'_>) -> Result<Vec<ListEntry>> {
    let options = ListOptions {
        status_items: None,
        special_use: true,
    };
    Ok(visit.session.list(&options).await?)
}

fn known(visit: &Visit<'_>, id: &str) -> Option<Known> {
    visit.known.iter().find(|folder| folder.id == id).cloned()
}

fn is_there(list: &[ListEntry], name: &MailboxName) -> bool {
    list.iter().any(|entry| entry.name == *name)
}

/// One for all folders of a user, on every server that was met.
fn delimiter(list: &[ListEntry]) -> Option<char> {
    list.iter().find_map(|entry| entry.delimiter)
}

/// Where the last level of a path begins.
fn last_level(path: &[u8], delimiter: &[u8]) -> usize {
    if delimiter.is_empty() {
        return 0;
    }
    path.windows(delimiter.len())
        .rposition(|part| part == delimiter)
        .map_or(0, |at| at + delimiter.len())
}

/// What a user's own folders at the top begin with (`INBOX.` on Courier), on the wire.
async fn personal(visit: &mut Visit<'_>) -> Result<Vec<u8>> {
    let namespaces = visit.session.namespace().await?;
    let personal = namespaces.and_then(|all| all.personal.into_iter().next());
    Ok(personal.map_or_else(Vec::new, |own| own.prefix.wire().to_vec()))
}

/// No folder is open any more.
async fn leave(visit: &mut Visit<'_>) -> Result<()> {
    visit.news.collect(&mut visit.session);
    visit.news.leave_folder();
    visit.open = None;
    visit.session.unselect().await?;
    Ok(())
}

/// A refusal is kept until the list has shown whether it matters: servers say ALREADYEXISTS, NONEXISTENT, or only NO.
fn tolerated(outcome: Result<(), ImapError>) -> Result<Result<(), ImapError>> {
    match outcome {
        Err(error) if error.is_fatal() => Err(error.into()),
        outcome => Ok(outcome),
    }
}

fn unsuccessful(outcome: Result<(), ImapError>, what: &str) -> Paid {
    match outcome {
        Err(error) => refused(&error),
        Ok(()) => did_nothing(what),
    }
}

fn described(visit: &Visit<'_>, entry: &ListEntry) -> NewFolder {
    let path = entry.name.decoded();
    let listed = Listed {
        wire_name: wire_text(entry.name.wire()),
        role: connect::roles::role_of(&entry.attributes, &path, entry.delimiter),
        view: connect::roles::is_view(&entry.attributes),
        delimiter: entry.delimiter.map(String::from),
        path,
        ..Listed::default()
    };
    NewFolder {
        mode: default_mode(&listed, visit.mailbox_monitors()),
        wire_name: listed.wire_name,
        path: listed.path,
        delimiter: listed.delimiter,
        role: listed.role,
        object_id: None,
        empty: None,
    }
}
