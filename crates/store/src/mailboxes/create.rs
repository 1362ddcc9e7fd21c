//! A new mailbox: a draft with sealed secrets, until it is switched on.

use super::{json_or_null, place, read};
use crate::db::Value;
use crate::error::Result;
use crate::{Store, Tx, events};
use model::event::NewEvent;
use model::folder::Role;
use model::mailbox::{Credentials, Incoming, Kind, Logins, Mailbox, Outgoing, Owner};
use model::server_profile::ProfileLimits;
use model::{Timestamp, fresh_id};
use serde_json::json;
use std::collections::BTreeMap;

/// What is needed to add a mailbox.
#[derive(Clone, Debug)]
pub struct NewMailbox {
    /// The mail address.
    pub address: String,
    /// A name for people.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// Receiving side.
    pub incoming: Option<Incoming>,
    /// Sending side.
    pub outgoing: Option<Outgoing>,
    /// The secrets, sealed on the way in.
    pub credentials: Credentials,
    /// Whether names to sign in with are still to be found.
    pub login_formats: Logins,
    /// The server profile that the servers come from.
    pub server_profile_id: Option<String>,
    /// Mail from this time on is fetched.
    pub fetch_since: Option<Timestamp>,
    /// Folders to store.
    pub monitored_folders: Option<Vec<String>>,
    /// Octets of the largest message that is stored whole; `None`: all are.
    pub size_limit: Option<i64>,
    /// Days after which POP3 deletes what is stored.
    pub pop3_delete_after_days: Option<u32>,
    /// Whether the server may only be read.
    pub read_only: bool,
    /// The user or the queue that it belongs to.
    pub owner: Option<Owner>,
    /// Limits of its own.
    pub limits: ProfileLimits,
    /// What folders are for, by path, whatever the server says of them.
    pub folder_roles: BTreeMap<String, Option<Role>>,
}

/// Adds a mailbox as a draft.
///
/// # Errors
/// The database is out of reach.
pub async fn create(store: &Store, new: NewMailbox) -> Result<Mailbox> {
    let inner = store.clone();
    store.db.write(move |tx| create_in(&inner, tx, &new)).await
}

/// Like [`create`], in the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`create`].
pub fn create_in(store: &Store, tx: &mut Tx<'_>, new: &NewMailbox) -> Result<Mailbox> {
    let now = store.now();
    let id = fresh_id("mbx", now);
    let sealed = |side: &str, secret: &Option<model::Secret>| {
        secret
            .as_ref()
            .map(|secret| store.seal.seal(&place(&id, side), secret))
            .transpose()
    };
    let args = [
        Value::from(&id),
        (&new.address).into(),
        (&new.name).into(),
        new.kind.as_str().into(),
        json_or_null(new.incoming.as_ref())?,
        json_or_null(new.outgoing.as_ref())?,
        sealed("incoming", &new.credentials.incoming)?.into(),
        sealed("outgoing", &new.credentials.outgoing)?.into(),
        new.fetch_since.into(),
        json_or_null(new.monitored_folders.as_ref())?,
        now.into(),
        new.server_profile_id.clone().into(),
        serde_json::to_string(&new.login_formats)?.into(),
        serde_json::to_string(&new.folder_roles)?.into(),
        super::deletion(new.incoming.as_ref(), new.pop3_delete_after_days).into(),
        i64::from(new.read_only).into(),
        new.size_limit.into(),
        new.owner.as_ref().map(|owner| owner.kind.as_str()).into(),
        new.owner.as_ref().map(|owner| owner.name.as_str()).into(),
        serde_json::to_string(&new.limits)?.into(),
    ];
    tx.exec(
        "INSERT INTO mailboxes (id, address, name, kind, lifecycle, receiving, sending,
           connection_state, connection_since, incoming, outgoing, incoming_secret, outgoing_secret,
           fetch_since, monitored, version, created_at, server_profile_id, login_formats, folder_roles,
           pop3_delete_after_days, read_only, size_limit, owner_kind, owner_name, limits)
         VALUES ($1, $2, $3, $4, 'draft', 'untested', 'untested', 'off', $11, $5, $6, $7, $8, $9, $10, 1, $11,
           $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        &args,
    )?;
    crate::identities::of_new_mailbox(tx, &id, (&new.address, &new.name), now)?;
    let mailbox = read(tx, &id)?;
    let data = json!({"address": mailbox.address, "name": mailbox.name});
    events::append(tx, &[NewEvent::live("mailbox.created", &id, data)], now)?;
    Ok(mailbox)
}
