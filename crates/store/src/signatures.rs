//! Signatures.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::{Store, Tx};
use model::signature::{Kind, Signature};
use model::{Timestamp, fresh_id};

/// Signatures that there can be.
pub const SIGNATURES: i64 = 2_000;

const COLUMNS: &str = "id, name, kind, owner, html, text, created_at";

/// What is needed to make a signature.
#[derive(Clone, Debug)]
pub struct NewSignature {
    /// A name for people.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// Of a personal one: who makes it.
    pub owner: Option<String>,
    /// HTML with variables.
    pub html: String,
    /// The text form.
    pub text: Option<String>,
}

/// What may change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New name.
    pub name: Option<String>,
    /// Of all from now on: shared, or the central one instead of the one before.
    pub kind: Option<Kind>,
    /// New HTML.
    pub html: Option<String>,
    /// New text form, or none.
    pub text: Option<Option<String>>,
}

/// Makes a signature. The central one before becomes a shared one.
///
/// # Errors
/// There are too many.
pub fn create_in(tx: &mut Tx<'_>, new: &NewSignature, now: Timestamp) -> Result<Signature> {
    let row = tx.row("SELECT count(*) FROM signatures", &[])?;
    let there: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if there >= SIGNATURES {
        let text = format!("there are {SIGNATURES} signatures, and there can be no more");
        return Err(StoreError::Conflict(text));
    }
    make_room(tx, new.kind)?;
    let id = fresh_id("sig", now);
    let args: [Value; 7] = [
        (&id).into(),
        (&new.name).into(),
        new.kind.as_str().into(),
        new.owner.clone().into(),
        (&new.html).into(),
        new.text.clone().into(),
        now.into(),
    ];
    tx.exec(
        "INSERT INTO signatures (id, name, kind, owner, html, text, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &args,
    )?;
    read(tx, &id)
}

fn make_room(tx: &mut Tx<'_>, kind: Kind) -> Result<()> {
    if kind == Kind::Central {
        let sql = "UPDATE signatures SET kind = 'shared' WHERE kind = 'central'";
        tx.exec(sql, &[])?;
    }
    Ok(())
}

/// Signatures in order of their age, after the one with the id `after`; `owner`: of personal ones, only this caller's.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    owner: Option<String>,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Signature>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = vec![after.unwrap_or_default().into(), limit.into()];
            let mut only = "";
            if let Some(owner) = owner {
                args.push(owner.into());
                only = " AND (kind <> 'personal' OR owner = $3)";
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM signatures WHERE id > $1{only} ORDER BY id LIMIT $2"
            );
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// One signature.
///
/// # Errors
/// No such signature.
pub async fn get(store: &Store, id: &str) -> Result<Signature> {
    let id = id.to_owned();
    store.db.glance(move |tx| read(tx, &id)).await
}

/// The central signature, if there is one.
///
/// # Errors
/// The database is out of reach.
pub async fn central(store: &Store) -> Result<Option<Signature>> {
    store
        .db
        .glance(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM signatures WHERE kind = 'central'");
            tx.row(&sql, &[])?.as_ref().map(from_row).transpose()
        })
        .await
}

/// Changes a signature.
///
/// # Errors
/// No such signature.
pub async fn change(store: &Store, id: &str, change: Change) -> Result<Signature> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let old = read(tx, &id)?;
            let kind = change.kind.unwrap_or(old.kind);
            if kind != old.kind {
                make_room(tx, kind)?;
            }
            let owner = old.owner_id.filter(|_| kind == Kind::Personal);
            tx.exec(
                "UPDATE signatures SET name = $2, kind = $3, owner = $4, html = $5, text = $6 WHERE id = $1",
                &[
                    (&id).into(),
                    change.name.unwrap_or(old.name).into(),
                    kind.as_str().into(),
                    owner.into(),
                    change.html.unwrap_or(old.html).into(),
                    change.text.unwrap_or(old.text).into(),
                ],
            )?;
            read(tx, &id)
        })
        .await
}

/// Removes a signature. Identities that had it have the central one from now on.
///
/// # Errors
/// No such signature.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            read(tx, &id)?;
            let sql = "UPDATE identities SET signature_id = NULL WHERE signature_id = $1";
            tx.exec(sql, &[(&id).into()])?;
            tx.exec("DELETE FROM signatures WHERE id = $1", &[(&id).into()])?;
            Ok(())
        })
        .await
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Signature> {
    let sql = format!("SELECT {COLUMNS} FROM signatures WHERE id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the signature")), from_row)
}

fn from_row(row: &Row) -> Result<Signature> {
    Ok(Signature {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.word(2, Kind::parse)?,
        owner_id: row.get(3)?,
        html: row.get(4)?,
        text: row.get(5)?,
        created_at: row.get(6)?,
    })
}
