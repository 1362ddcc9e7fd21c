//! The names to sign in with that a test has found.

use super::{lock, read, wake};
use crate::db::Value;
use crate::error::Result;
use crate::{Store, events, mailboxes::json_or_null};
use model::event::NewEvent;
use model::mailbox::{Logins, Mailbox};
use model::report::AcceptedNames;
use serde_json::json;

/// Saves the names that servers accepted in a test of the settings of version `tested`, and where names are still to be found.
/// Settings that were changed meanwhile stay as they are.
///
/// # Errors
/// No such mailbox.
pub async fn set_names(
    store: &Store,
    id: &str,
    tested: i64,
    names: AcceptedNames,
    still_open: Logins,
) -> Result<Mailbox> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            let (mut incoming, mut outgoing) = (old.incoming.clone(), old.outgoing.clone());
            if let (Some(side), Some(name)) = (&mut incoming, names.incoming) {
                side.username = name;
            }
            if let (Some(side), Some(name)) = (&mut outgoing, names.outgoing) {
                side.username = name;
            }
            let nothing_new = (&incoming, &outgoing, still_open) == (&old.incoming, &old.outgoing, old.login_formats);
            if nothing_new || old.version != tested {
                return Ok(old);
            }
            let args = [
                Value::from(&id),
                json_or_null(incoming.as_ref())?,
                json_or_null(outgoing.as_ref())?,
                serde_json::to_string(&still_open)?.into(),
            ];
            tx.exec(
                "UPDATE mailboxes SET incoming = $2, outgoing = $3, login_formats = $4, version = version + 1 WHERE id = $1",
                &args,
            )?;
            let data = json!({"version": old.version + 1});
            events::append(tx, &[NewEvent::live("mailbox.changed", &id, data)], now)?;
            wake(tx, &id);
            read(tx, &id)
        })
        .await
}
