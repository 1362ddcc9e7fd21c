//! Labels that are owed, on a server that has them (Gmail): here at once, there when the server can be reached.

use super::{Intent, Spot, Target, owe, target};
use crate::error::{Result, StoreError};
use crate::ingest::{all_labels, event, folder_place};
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::Origin;
use model::message::LabelChange;
use serde_json::json;
use std::collections::BTreeSet;

/// Changes a message's labels here at once, and owes the change to the server. Which folders show it is seen when the server
/// has carried it out.
///
/// # Errors
/// No such message; [`StoreError::Refused`] with `labels_unsupported`; the mailbox may only be read.
pub async fn change_labels(store: &Store, message_id: &str, change: LabelChange) -> Result<()> {
    let (now, id) = (store.now(), message_id.to_owned());
    store
        .db
        .write(move |tx| {
            let Target {
                mailbox_id, flags, ..
            } = target(tx, &id)?;
            let Some(before) = stored(tx, &id)? else {
                return Err(StoreError::Refused {
                    problem_id: "labels_unsupported",
                    detail: "the mailbox's server has folders and no labels".into(),
                });
            };
            let without = |label: &String| !change.remove.iter().any(|gone| same(gone, label));
            let mut after: BTreeSet<String> = before.iter().filter(|l| without(l)).cloned().collect();
            for label in change.add.iter().filter(|label| without(label)) {
                if !after.iter().any(|there| same(there, label)) {
                    after.insert(label.clone());
                }
            }
            if after == before {
                return Ok(());
            }
            let change = LabelChange {
                add: after.difference(&before).cloned().collect(),
                remove: before.difference(&after).cloned().collect(),
            };
            write(tx, &id, &after)?;
            owe(tx, &mailbox_id, Some(&id), &Intent::Labels(change), now)?;
            let data = json!({
                "message_id": id, "flags": flags, "before": flags, "labels": after, "labels_before": before, "by": "api",
            });
            let event = event("message.changed", &mailbox_id, Origin::Live, data);
            events::append(tx, &[event], now)
        })
        .await
}

/// Takes over the labels that the server tells after our change. Ours are in them, so a difference comes from somebody else.
pub(super) fn take(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: &str,
    spot: &Spot,
    said: &[String],
    now: Timestamp,
) -> Result<()> {
    let more = "SELECT 1 FROM owed WHERE message_id = $1 AND kind = 'labels' AND state <> 'failed' LIMIT 1";
    if tx.row(more, &[message_id.into()])?.is_some() {
        return Ok(());
    }
    let target = target(tx, message_id).and_then(|target| {
        let place = folder_place(tx, &spot.folder_id, spot.uid_validity)?;
        Ok((target.flags, place))
    });
    let (flags, place) = match target {
        Ok(found) => found,
        // Gone, or begun anew, or read only meanwhile: the next look at the folder tells the rest.
        Err(StoreError::NotFound(_) | StoreError::Conflict(_) | StoreError::ReadOnly) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let before = stored(tx, message_id)?.unwrap_or_default();
    let after = all_labels(said, &place);
    if after == before {
        return Ok(());
    }
    write(tx, message_id, &after)?;
    let data = json!({
        "message_id": message_id, "folder_id": spot.folder_id, "flags": flags, "before": flags,
        "labels": after, "labels_before": before,
    });
    let event = event("message.changed", mailbox_id, Origin::Live, data);
    events::append(tx, &[event], now)
}

/// Gmail knows labels without case.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A message's labels; `None`: its server has none.
fn stored(tx: &mut Tx<'_>, message_id: &str) -> Result<Option<BTreeSet<String>>> {
    let sql = "SELECT labels FROM messages WHERE id = $1";
    let row = tx.row(sql, &[message_id.into()])?;
    let text: Option<String> = row.map_or(Ok(None), |row| row.get(0))?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

fn write(tx: &mut Tx<'_>, message_id: &str, labels: &BTreeSet<String>) -> Result<()> {
    let sql = "UPDATE messages SET labels = $2 WHERE id = $1";
    tx.exec(
        sql,
        &[message_id.into(), serde_json::to_string(labels)?.into()],
    )
    .map(drop)
}
