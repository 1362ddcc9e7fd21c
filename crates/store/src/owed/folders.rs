//! Wishes about folders: a new one, another name, or none any more. They show here once the server has carried them out.

use super::show::{self, Entry};
use super::{Intent, Level, owe};
use crate::error::{Result, StoreError};
use crate::{Store, Tx, folders, mailboxes};
use model::Timestamp;
use model::folder::{Folder, Role};
use model::mailbox::Protocol;

/// Longest name of a folder, in characters: servers keep names as file names, and modified UTF-7 makes them longer.
const NAME_CHARS: usize = 100;

fn refused(problem_id: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Refused {
        problem_id,
        detail: detail.into(),
    }
}

/// Owes the server a new folder, inside another one or at the top, in the caller's transaction. The same folder that waits to be
/// made is not owed twice.
///
/// # Errors
/// No such mailbox or folder; [`StoreError::Refused`] with `folder_name_invalid`, `folder_exists`, or because the mailbox is
/// read by POP3; the mailbox may only be read.
pub fn create_folder_in(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    parent_id: Option<String>,
    name: &str,
    now: Timestamp,
) -> Result<Entry> {
    writable(tx, mailbox_id)?;
    let parent = match &parent_id {
        Some(id) => Some(of(tx, mailbox_id, id)?.path),
        None => None,
    };
    check_name(name, delimiter(tx, mailbox_id)?.as_deref())?;
    free(tx, mailbox_id, parent.as_deref(), name)?;
    let intent = Intent::Create {
        parent_id,
        name: name.to_owned(),
    };
    let id = match once(tx, mailbox_id, &intent)? {
        Some(id) => id,
        None => owe(tx, mailbox_id, None, &intent, now)?,
    };
    show::read(tx, mailbox_id, &id)
}

/// Owes the server another name of a folder, another place in the list, or both; what lies in it goes with it. Gives the id of
/// what is owed; `None`: it has that name there.
///
/// # Errors
/// No such folder; [`StoreError::Refused`] with `folder_name_invalid`, `folder_exists` or `folder_protected`; it would lie inside
/// itself; the mailbox may only be read.
pub async fn rename_folder(
    store: &Store,
    folder_id: &str,
    name: Option<&str>,
    to: Level,
) -> Result<Option<String>> {
    let (now, folder_id, name) = (store.now(), folder_id.to_owned(), name.map(str::to_owned));
    store
        .db
        .write(move |tx| {
            let folder = folders::read(tx, &folder_id)?;
            writable(tx, &folder.mailbox_id)?;
            let delimiter = delimiter(tx, &folder.mailbox_id)?;
            let name = name.unwrap_or_else(|| folder.name.clone());
            let parent = delimiter
                .as_deref()
                .and_then(|delimiter| folder.path.rsplit_once(delimiter))
                .map(|(parent, _)| parent.to_owned());
            let wanted = match &to {
                Level::Same => parent.clone(),
                Level::Top => None,
                Level::Inside(id) => {
                    let into = of(tx, &folder.mailbox_id, id)?.path;
                    let below = format!(
                        "{}{}",
                        folder.path,
                        delimiter.as_deref().unwrap_or_default()
                    );
                    if into == folder.path || into.starts_with(&below) {
                        return Err(StoreError::Conflict(
                            "a folder cannot lie inside itself".into(),
                        ));
                    }
                    Some(into)
                }
            };
            // The user's own folders may all lie below the inbox: that is their top.
            let at_top = to == Level::Top
                && parent
                    .as_deref()
                    .is_some_and(|one| one.eq_ignore_ascii_case("INBOX"));
            if folder.name == name
                && (wanted == parent || at_top && is_top_below_inbox(tx, &folder.mailbox_id)?)
            {
                return Ok(None);
            }
            unprotected(&folder, "renamed")?;
            check_name(&name, delimiter.as_deref())?;
            free(tx, &folder.mailbox_id, wanted.as_deref(), &name)?;
            let intent = Intent::Rename {
                folder_id,
                name,
                to,
            };
            match once(tx, &folder.mailbox_id, &intent)? {
                Some(id) => Ok(Some(id)),
                None => owe(tx, &folder.mailbox_id, None, &intent, now).map(Some),
            }
        })
        .await
}

/// Whether the server keeps all of a user's folders below the inbox (Courier).
fn is_top_below_inbox(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<bool> {
    let sql = "SELECT path, delimiter FROM folders WHERE mailbox_id = $1";
    for row in &tx.rows(sql, &[mailbox_id.into()])? {
        let path: String = row.get(0)?;
        let delimiter: Option<String> = row.get(1)?;
        let top = delimiter
            .and_then(|delimiter| path.split_once(&delimiter).map(|(top, _)| top.to_owned()))
            .unwrap_or(path);
        if !top.eq_ignore_ascii_case("INBOX") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Owes the server the end of a folder. Its messages go with it, so that has to be said. Gives the id of what is owed.
///
/// # Errors
/// No such folder; [`StoreError::Refused`] with `folder_protected` or `folder_not_empty`; the mailbox may only be read.
pub async fn delete_folder(store: &Store, folder_id: &str, with_messages: bool) -> Result<String> {
    let (now, folder_id) = (store.now(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            let folder = folders::read(tx, &folder_id)?;
            writable(tx, &folder.mailbox_id)?;
            unprotected(&folder, "deleted")?;
            if let Some(delimiter) = delimiter(tx, &folder.mailbox_id)? {
                let below = format!("{}{delimiter}", folder.path);
                let rows = tx.rows(
                    "SELECT path FROM folders WHERE mailbox_id = $1",
                    &[(&folder.mailbox_id).into()],
                )?;
                for row in &rows {
                    if row.get::<String>(0)?.starts_with(&below) {
                        let text = "there are folders inside it: delete them first";
                        return Err(refused("folder_not_empty", text));
                    }
                }
            }
            if folder.messages > 0 && !with_messages {
                let text = format!(
                    "{} messages lie in it and would be deleted with it for good: say `with_messages=true` if that is wanted",
                    folder.messages
                );
                return Err(refused("folder_not_empty", text));
            }
            let intent = Intent::Delete {
                folder_id,
                with_messages,
            };
            once(tx, &folder.mailbox_id, &intent)?.map_or_else(
                || owe(tx, &folder.mailbox_id, None, &intent, now),
                Ok,
            )
        })
        .await
}

/// The id of the same wish, where it waits already.
fn once(tx: &mut Tx<'_>, mailbox_id: &str, intent: &Intent) -> Result<Option<String>> {
    let row = tx.row(
        "SELECT id FROM owed WHERE mailbox_id = $1 AND kind = $2 AND body = $3 AND state <> 'failed' LIMIT 1",
        &[
            mailbox_id.into(),
            intent.kind().into(),
            serde_json::to_string(intent)?.into(),
        ],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// Folders are changed by IMAP, where the mailbox may be changed at all.
pub(crate) fn writable(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    let mailbox = mailboxes::lock(tx, mailbox_id)?;
    if mailbox.read_only {
        return Err(StoreError::ReadOnly);
    }
    match mailbox.incoming.map(|incoming| incoming.protocol) {
        Some(Protocol::Imap) => Ok(()),
        Some(Protocol::Pop3) => Err(refused(
            "imap_only",
            "the mailbox is read by POP3, which has no folders",
        )),
        None => Err(refused(
            "imap_only",
            "the mailbox is only sent from, and has no folders",
        )),
    }
}

fn of(tx: &mut Tx<'_>, mailbox_id: &str, folder_id: &str) -> Result<Folder> {
    let folder = folders::read(tx, folder_id)?;
    if folder.mailbox_id != mailbox_id {
        return Err(StoreError::NotFound("the folder"));
    }
    Ok(folder)
}

/// What the server puts between the levels of a path.
fn delimiter(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Option<String>> {
    let sql = "SELECT delimiter FROM folders WHERE mailbox_id = $1 AND delimiter IS NOT NULL ORDER BY id LIMIT 1";
    let row = tx.row(sql, &[mailbox_id.into()])?;
    row.map(|row| row.get(0)).transpose()
}

fn unprotected(folder: &Folder, what: &str) -> Result<()> {
    let Some(role) = folder.role else {
        return Ok(());
    };
    let text = match role {
        Role::Inbox => format!("the inbox cannot be {what}"),
        role => format!(
            "it is the mailbox's folder for {}, and is not {what} as long as it is",
            role.as_str()
        ),
    };
    Err(refused("folder_protected", text))
}

/// A name for one level. `*` and `%` are allowed by IMAP and ask for trouble in every LIST.
fn check_name(name: &str, delimiter: Option<&str>) -> Result<()> {
    let bad = |text: &str| Err(refused("folder_name_invalid", text));
    if name.trim().is_empty() || name.trim() != name {
        return bad("is empty, or begins or ends with a blank");
    }
    if name.chars().count() > NAME_CHARS {
        return bad("is longer than 100 characters");
    }
    if name.chars().any(char::is_control) || name.contains(['*', '%']) {
        return bad(
            "has a character that folder names cannot have: `*`, `%` or a control character",
        );
    }
    if name == "." || name == ".." || name.starts_with(['#', '~']) {
        return bad("means something else to mail servers");
    }
    match delimiter {
        Some(delimiter) if name.contains(delimiter) => Err(refused(
            "folder_name_invalid",
            format!(
                "contains `{delimiter}`, which this server puts between a folder and those inside it"
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether no folder has this name there: not even in other case, where a server may not tell them apart.
fn free(tx: &mut Tx<'_>, mailbox_id: &str, parent: Option<&str>, name: &str) -> Result<()> {
    let delimiter = delimiter(tx, mailbox_id)?.unwrap_or_default();
    let rows = tx.rows(
        "SELECT path FROM folders WHERE mailbox_id = $1",
        &[mailbox_id.into()],
    )?;
    let inbox = parent.is_none() && name.eq_ignore_ascii_case("INBOX");
    let wanted = match parent {
        Some(parent) => format!("{parent}{delimiter}{name}"),
        None => name.to_owned(),
    };
    for row in &rows {
        if inbox || row.get::<String>(0)? == wanted {
            return Err(refused(
                "folder_exists",
                "a folder of this name is there already",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_one_level_and_mean_nothing_else_to_a_server() {
        for good in [
            "Clients",
            "Entwürfe & mehr",
            "日本語",
            "it's",
            "a.b",
            "\"quoted\"",
        ] {
            assert!(check_name(good, Some("/")).is_ok(), "{good}");
        }
        let long = "x".repeat(101);
        for bad in [
            "", " ", " a", "a ", "a/b", "a*", "a%", "a\r\nb", "..", "#shared", "~bob", &long,
        ] {
            assert!(check_name(bad, Some("/")).is_err(), "{bad:?}");
        }
        assert!(check_name("a.b", Some(".")).is_err());
    }
}
