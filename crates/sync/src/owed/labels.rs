//! Labels that are owed (Gmail's X-GM-LABELS): put on and taken off by name, and read again.

use super::{Paid, did_nothing};
use crate::error::Result;
use crate::mailbox::Visit;
use imap_client::{MetaItems, StoreMode, UidSet};
use model::message::LabelChange;
use store::owed::{Confirmed, Spot};

/// Puts labels on and takes them off. A message that is not here any more has lost the label of this folder, which is what was
/// wanted or somebody else's doing.
pub(super) async fn change(
    visit: &mut Visit<'_>,
    spot: &Spot,
    uid: &UidSet,
    change: &LabelChange,
) -> Result<Paid> {
    // First on, then off: a message that loses its last label could not be found any more.
    for (mode, labels) in [
        (StoreMode::Add, &change.add),
        (StoreMode::Remove, &change.remove),
    ] {
        if !labels.is_empty() {
            visit.session.uid_store_labels(uid, mode, labels).await?;
        }
    }
    let items = MetaItems {
        labels: true,
        ..MetaItems::default()
    };
    let told = visit.session.fetch_meta(uid, &items, None, false).await?;
    let ours = told
        .messages
        .into_iter()
        .find(|meta| meta.uid == uid.first());
    let Some(there) = ours.and_then(|meta| meta.labels) else {
        return Ok(Paid::Done(Confirmed::default()));
    };
    let folder = visit
        .known
        .iter()
        .find(|folder| folder.id == spot.folder_id);
    // The label of the folder that is open is never told.
    let own = folder.and_then(|folder| store::ingest::label_of(&folder.path, folder.role));
    let has = |label: &String| there.iter().any(|one| same(one, label));
    let missing = |label: &String| !own.is_some_and(|own| same(own, label)) && !has(label);
    if change.add.iter().any(missing) || change.remove.iter().any(has) {
        return Ok(did_nothing("change the labels"));
    }
    Ok(Paid::Done(Confirmed {
        labels: Some(there),
        ..Confirmed::default()
    }))
}

/// Gmail knows labels without case.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
