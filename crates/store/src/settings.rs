//! Small things that belong to the whole installation.

use crate::error::{Result, StoreError};
use crate::seal::{Seal, random};
use crate::{Db, Store};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Secret;
use std::sync::Arc;

/// A setting's value.
///
/// # Errors
/// The database is out of reach.
pub async fn get(store: &Store, name: &'static str) -> Result<Option<String>> {
    store
        .db
        .read(move |tx| {
            tx.row("SELECT value FROM settings WHERE name = $1", &[name.into()])?
                .map(|row| row.get(0))
                .transpose()
        })
        .await
}

/// Sets a value.
///
/// # Errors
/// The database is out of reach.
pub async fn set(store: &Store, name: &'static str, value: String) -> Result<()> {
    store.db.write(move |tx| write(tx, name, &value)).await
}

fn write(tx: &mut crate::Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO settings (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[name.into(), value.into()],
    )?;
    Ok(())
}

/// The name of this installation, made at its first use.
pub(crate) async fn installation(db: &Db) -> Result<String> {
    const NAME: &str = "installation_id";
    let fresh = format!("ins_{}", crate::hex::hex(&random::<12>()));
    db.write(move |tx| {
        let sql =
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        tx.exec(sql, &[NAME.into(), fresh.into()])?;
        tx.row("SELECT value FROM settings WHERE name = $1", &[NAME.into()])?
            .map_or(
                Err(StoreError::NotFound("the installation's name")),
                |row| row.get(0),
            )
    })
    .await
}

/// Proves at start that the key file is the one that the stored secrets were sealed with.
pub(crate) async fn check_key(db: &Db, seal: &Arc<Seal>) -> Result<()> {
    const NAME: &str = "key_check";
    let seal = seal.clone();
    db.write(move |tx| {
        let row = tx.row("SELECT value FROM settings WHERE name = $1", &[NAME.into()])?;
        let Some(row) = row else {
            let sealed = seal.seal("settings/key_check", &Secret::new("postroom"))?;
            return write(tx, NAME, &STANDARD.encode(sealed));
        };
        let sealed = STANDARD
            .decode(row.get::<String>(0)?)
            .map_err(|_| StoreError::Corrupt("key_check is not base64".into()))?;
        seal.open_sealed("settings/key_check", &sealed).map(|_| ())
    })
    .await
}
