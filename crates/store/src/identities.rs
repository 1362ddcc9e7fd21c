//! Identities: the addresses that mailboxes send as. Each mailbox has its own address as one from the start.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::{Store, Tx, mailboxes};
use model::identity::{Identity, Limits, UsableBy};
use model::{Timestamp, fresh_id};
use std::collections::BTreeMap;

/// Identities that one mailbox can have.
pub const IDENTITIES: i64 = 200;

const COLUMNS: &str = "id, mailbox_id, name, address, reply_to, is_main, is_alias, fields, signature_id, everyone, user_ids,
    token_ids, created_at, limits";

/// What is needed to make an identity.
#[derive(Clone, Debug, Default)]
pub struct NewIdentity {
    /// The mailbox that sends it.
    pub mailbox_id: String,
    /// The name before the address; empty: none.
    pub name: String,
    /// The address.
    pub address: String,
    /// Where answers should go.
    pub reply_to: Option<String>,
    /// Whether it takes the place of the mailbox's main one.
    pub is_main: bool,
    /// Whether mail to it arrives in the mailbox.
    pub is_alias: bool,
    /// What signatures can say of it.
    pub fields: BTreeMap<String, String>,
    /// Its signature.
    pub signature_id: Option<String>,
    /// Who may use it.
    pub usable_by: UsableBy,
    /// How much may be sent as it.
    pub limits: Limits,
}

/// What may change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New name.
    pub name: Option<String>,
    /// New address.
    pub address: Option<String>,
    /// New place for answers, or none.
    pub reply_to: Option<Option<String>>,
    /// Makes it the main one; the one before is so no more.
    pub is_main: bool,
    /// Whether mail to it arrives in the mailbox.
    pub is_alias: Option<bool>,
    /// New fields, all of them.
    pub fields: Option<BTreeMap<String, String>>,
    /// New signature, or none.
    pub signature_id: Option<Option<String>>,
    /// Who may use it from now on.
    pub usable_by: Option<UsableBy>,
    /// New limits, all of them.
    pub limits: Option<Limits>,
}

/// Which identities are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these mailboxes; `None`: of all.
    pub mailbox_ids: Option<Vec<String>>,
    /// And of those that everyone may send through.
    pub or_shared: bool,
    /// Of these, only of this one.
    pub of_mailbox: Option<String>,
    /// Only those with this address.
    pub address: Option<String>,
}

/// The identity that a new mailbox begins with: its own address.
pub(crate) fn of_new_mailbox(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    (address, name): (&str, &str),
    now: Timestamp,
) -> Result<()> {
    let new = NewIdentity {
        mailbox_id: mailbox_id.to_owned(),
        name: shown(name).to_owned(),
        address: address.to_owned(),
        is_main: true,
        ..NewIdentity::default()
    };
    insert(tx, &new, now).map(|_| ())
}

/// A mailbox that has no better name has its address for one, which nobody is called by.
fn shown(name: &str) -> &str {
    if name.contains('@') { "" } else { name }
}

/// The identity with a mailbox's own address goes along when the mailbox gets another address or name; a name of its own stays.
pub(crate) fn follow(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    was: (&str, &str),
    is: (&str, &str),
) -> Result<()> {
    if was == is {
        return Ok(());
    }
    tx.exec(
        "UPDATE identities SET address = $4, address_key = $5, name = CASE WHEN name = $3 THEN $6 ELSE name END
         WHERE mailbox_id = $1 AND address_key = $2",
        &[
            mailbox_id.into(),
            was.0.to_lowercase().into(),
            shown(was.1).into(),
            is.0.into(),
            is.0.to_lowercase().into(),
            shown(is.1).into(),
        ],
    )?;
    Ok(())
}

/// Makes an identity, in the caller's own transaction.
///
/// # Errors
/// No such mailbox, too many, or the mailbox has one with this name and address.
pub fn create_in(tx: &mut Tx<'_>, new: &NewIdentity, now: Timestamp) -> Result<Identity> {
    mailboxes::hold(tx, &new.mailbox_id)?;
    let sql = "SELECT count(*) FROM identities WHERE mailbox_id = $1";
    let row = tx.row(sql, &[(&new.mailbox_id).into()])?;
    let there: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if there >= IDENTITIES {
        let text = format!("the mailbox has {IDENTITIES} identities, and there can be no more");
        return Err(StoreError::Conflict(text));
    }
    only_one(tx, &new.mailbox_id, (&new.address, &new.name), "")?;
    if new.is_main {
        no_main(tx, &new.mailbox_id)?;
    }
    let id = insert(tx, new, now)?;
    read(tx, &id)
}

fn insert(tx: &mut Tx<'_>, new: &NewIdentity, now: Timestamp) -> Result<String> {
    let id = fresh_id("idn", now);
    let args: [Value; 15] = [
        (&id).into(),
        (&new.mailbox_id).into(),
        (&new.name).into(),
        (&new.address).into(),
        new.address.to_lowercase().into(),
        new.reply_to.clone().into(),
        new.is_main.into(),
        new.is_alias.into(),
        serde_json::to_string(&new.fields)?.into(),
        new.signature_id.clone().into(),
        new.usable_by.everyone.into(),
        serde_json::to_string(&new.usable_by.user_ids)?.into(),
        serde_json::to_string(&new.usable_by.token_ids)?.into(),
        now.into(),
        serde_json::to_string(&new.limits)?.into(),
    ];
    tx.exec(
        "INSERT INTO identities (id, mailbox_id, name, address, address_key, reply_to, is_main, is_alias, fields, signature_id,
           everyone, user_ids, token_ids, created_at, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &args,
    )?;
    Ok(id)
}

/// Two with the same address differ in their names: a choice between equals is none.
fn only_one(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    (address, name): (&str, &str),
    but: &str,
) -> Result<()> {
    let sql = "SELECT 1 FROM identities WHERE mailbox_id = $1 AND address_key = $2 AND name = $3 AND id <> $4";
    let args: [Value; 4] = [
        mailbox_id.into(),
        address.to_lowercase().into(),
        name.into(),
        but.into(),
    ];
    match tx.row(sql, &args)? {
        Some(_) => Err(StoreError::Conflict(
            "the mailbox has an identity with this name and address already".into(),
        )),
        None => Ok(()),
    }
}

fn no_main(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    let sql = "UPDATE identities SET is_main = 0 WHERE mailbox_id = $1 AND is_main = 1";
    tx.exec(sql, &[mailbox_id.into()]).map(|_| ())
}

/// Identities in order of their age, after the one with the id `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    filter: Filter,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Identity>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = vec![after.unwrap_or_default().into(), limit.into()];
            let mut only = String::new();
            if let Some(ids) = &filter.mailbox_ids {
                args.push(serde_json::to_string(ids)?.into());
                let shared = if filter.or_shared {
                    crate::senders::SHARED
                } else {
                    ""
                };
                let texts = tx.dialect().texts(args.len());
                only.push_str(&format!(" AND (mailbox_id IN {texts}{shared})"));
            }
            if let Some(id) = &filter.of_mailbox {
                args.push(id.into());
                only.push_str(&format!(" AND mailbox_id = ${}", args.len()));
            }
            if let Some(address) = &filter.address {
                args.push(address.to_lowercase().into());
                only.push_str(&format!(" AND address_key = ${}", args.len()));
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM identities WHERE id > $1 AND {}{only} ORDER BY id LIMIT $2",
                not_removed("mailbox_id")
            );
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// The identities of a mailbox, the main one first, then by age.
///
/// # Errors
/// The database is out of reach.
pub async fn of_mailbox(store: &Store, mailbox_id: &str) -> Result<Vec<Identity>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM identities WHERE mailbox_id = $1 ORDER BY is_main DESC, id"
            );
            tx.rows(&sql, &[(&id).into()])?
                .iter()
                .map(from_row)
                .collect()
        })
        .await
}

/// The addresses that count as a mailbox's own, in lower case: its address, and its aliases.
///
/// # Errors
/// The database is out of reach.
pub async fn own_addresses(store: &Store, mailbox_id: &str) -> Result<Vec<String>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT DISTINCT address_key FROM identities WHERE mailbox_id = $1 AND is_alias = 1";
            let rows = tx.rows(sql, &[(&id).into()])?;
            let mut own = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
            let row = tx.row("SELECT address FROM mailboxes WHERE id = $1", &[(&id).into()])?;
            if let Some(row) = row {
                own.push(row.get::<String>(0)?.to_lowercase());
            }
            Ok(own)
        })
        .await
}

/// One identity.
///
/// # Errors
/// No such identity.
pub async fn get(store: &Store, id: &str) -> Result<Identity> {
    let id = id.to_owned();
    store.db.glance(move |tx| read(tx, &id)).await
}

/// Changes an identity.
///
/// # Errors
/// No such identity, or the mailbox has another one with the new name and address.
pub async fn change(store: &Store, id: &str, change: Change) -> Result<Identity> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let mailbox_id = read(tx, &id)?.mailbox_id;
            mailboxes::hold(tx, &mailbox_id)?;
            let old = read(tx, &id)?;
            let name = change.name.unwrap_or(old.name);
            let address = change.address.unwrap_or(old.address);
            only_one(tx, &mailbox_id, (&address, &name), &id)?;
            if change.is_main {
                no_main(tx, &mailbox_id)?;
            }
            let usable_by = change.usable_by.unwrap_or(old.usable_by);
            let limits = change.limits.unwrap_or(old.limits);
            tx.exec(
                "UPDATE identities SET name = $2, address = $3, address_key = $4, reply_to = $5, is_main = $6, is_alias = $7,
                   fields = $8, signature_id = $9, everyone = $10, user_ids = $11, token_ids = $12, limits = $13 WHERE id = $1",
                &[
                    (&id).into(),
                    name.into(),
                    (&address).into(),
                    address.to_lowercase().into(),
                    change.reply_to.unwrap_or(old.reply_to).into(),
                    (change.is_main || old.is_main).into(),
                    change.is_alias.unwrap_or(old.is_alias).into(),
                    serde_json::to_string(&change.fields.unwrap_or(old.fields))?.into(),
                    change.signature_id.unwrap_or(old.signature_id).into(),
                    usable_by.everyone.into(),
                    serde_json::to_string(&usable_by.user_ids)?.into(),
                    serde_json::to_string(&usable_by.token_ids)?.into(),
                    serde_json::to_string(&limits)?.into(),
                ],
            )?;
            if limits != old.limits {
                // What waits for the old ones is measured by the new ones.
                crate::submissions::end_rest(tx, &mailbox_id, now)?;
            }
            read(tx, &id)
        })
        .await
}

/// Removes an identity. What was sent as it keeps its id.
///
/// # Errors
/// No such identity, or it is the main one.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let mailbox_id = read(tx, &id)?.mailbox_id;
            mailboxes::hold(tx, &mailbox_id)?;
            if read(tx, &id)?.is_main {
                return Err(StoreError::Conflict(
                    "it is the main identity of its mailbox: make another one the main one first"
                        .into(),
                ));
            }
            tx.exec("DELETE FROM identities WHERE id = $1", &[(&id).into()])?;
            Ok(())
        })
        .await
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Identity> {
    let sql = format!(
        "SELECT {COLUMNS} FROM identities WHERE id = $1 AND {}",
        not_removed("mailbox_id")
    );
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the identity")), from_row)
}

fn from_row(row: &Row) -> Result<Identity> {
    Ok(Identity {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        name: row.get(2)?,
        address: row.get(3)?,
        reply_to: row.get(4)?,
        is_main: row.get(5)?,
        is_alias: row.get(6)?,
        fields: row.json(7)?,
        signature_id: row.get(8)?,
        usable_by: UsableBy {
            everyone: row.get(9)?,
            user_ids: row.json(10)?,
            token_ids: row.json(11)?,
        },
        created_at: row.get(12)?,
        limits: row.json(13)?,
    })
}
