//! Server profiles: settings that mailboxes share. A change follows to the mailboxes that use the profile, in the same
//! transaction; a secret that was typed for one server does not follow to another unless the administrator says so.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::{Store, Tx, mailboxes};
use model::mailbox::{Auth, LoginChoice, Mailbox};
use model::server_profile::{
    IncomingServer, OutgoingServer, ProfileKind, ProfileLimits, ServerProfile,
};
use model::{Timestamp, fresh_id};

/// Mailboxes that are named when a profile cannot be removed.
const NAMED: i64 = 100;
/// Profiles there may be: each look-up by domain reads them all.
pub const PROFILES: i64 = 1_000;

const COLUMNS: &str = "p.id, p.name, p.kind, p.incoming, p.outgoing, p.login_format, p.auth, p.domains, p.limits,
    p.fetch_since, p.is_default, p.created_at, p.version, (SELECT count(*) FROM mailboxes m WHERE m.server_profile_id = p.id)";

/// What is needed to add a profile.
#[derive(Clone, Debug)]
pub struct NewProfile {
    /// A name for people.
    pub name: String,
    /// How its servers are spoken to.
    pub kind: ProfileKind,
    /// The receiving server.
    pub incoming: Option<IncomingServer>,
    /// The sending server.
    pub outgoing: Option<OutgoingServer>,
    /// Where the names to sign in with come from.
    pub login_format: LoginChoice,
    /// How its mailboxes sign in.
    pub auth: Auth,
    /// Domains, in small letters.
    pub domains: Vec<String>,
    /// What the provider allows.
    pub limits: ProfileLimits,
    /// New mailboxes fetch mail from this time on where they say nothing of their own.
    pub fetch_since: Option<Timestamp>,
    /// Whether it is for new mailboxes where nothing else was found.
    pub is_default: bool,
}

/// What may change about a profile; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New name.
    pub name: Option<String>,
    /// New receiving server; `Some(None)`: none.
    pub incoming: Option<Option<IncomingServer>>,
    /// New sending server; `Some(None)`: none.
    pub outgoing: Option<Option<OutgoingServer>>,
    /// New format of names, for new mailboxes.
    pub login_format: Option<LoginChoice>,
    /// New way to sign in, for new mailboxes.
    pub auth: Option<Auth>,
    /// New domains.
    pub domains: Option<Vec<String>>,
    /// New limits.
    pub limits: Option<ProfileLimits>,
    /// New start of fetching, for new mailboxes; `Some(None)`: everything.
    pub fetch_since: Option<Option<Timestamp>>,
    /// Whether it is the default.
    pub is_default: Option<bool>,
    /// Lets stored passwords go to the new servers.
    pub keep_credentials: bool,
}

/// A mailbox that uses a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `mbx_…`
    pub id: String,
    /// Its address.
    pub address: String,
}

/// What became of a profile that was to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// These mailboxes use it; the first hundred, and how many there are.
    InUse(Vec<User>, i64),
}

/// Adds a profile.
///
/// # Errors
/// Another profile has one of its domains, or there are too many profiles.
pub async fn create(store: &Store, new: NewProfile) -> Result<ServerProfile> {
    let now = store.now();
    store.db.write(move |tx| create_in(tx, &new, now)).await
}

/// Like [`create`], in the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`create`].
pub fn create_in(tx: &mut Tx<'_>, new: &NewProfile, now: Timestamp) -> Result<ServerProfile> {
    let id = fresh_id("spr", now);
    let row = tx.row("SELECT count(*) FROM server_profiles", &[])?;
    if row.map_or(Ok(0), |row| row.get::<i64>(0))? >= PROFILES {
        let text = format!("there may be {PROFILES} server profiles at most");
        return Err(StoreError::Conflict(text));
    }
    claim_domains(tx, &id, &new.domains)?;
    if new.is_default {
        tx.exec(
            "UPDATE server_profiles SET is_default = 0, version = version + 1 WHERE is_default = 1",
            &[],
        )?;
    }
    let args = [
        Value::from(&id),
        (&new.name).into(),
        new.kind.as_str().into(),
        mailboxes::json_or_null(new.incoming.as_ref())?,
        mailboxes::json_or_null(new.outgoing.as_ref())?,
        new.login_format.as_str().into(),
        new.auth.as_str().into(),
        serde_json::to_string(&new.domains)?.into(),
        serde_json::to_string(&new.limits)?.into(),
        new.fetch_since.into(),
        new.is_default.into(),
        now.into(),
    ];
    tx.exec(
        "INSERT INTO server_profiles (id, name, kind, incoming, outgoing, login_format, auth, domains, limits,
           fetch_since, is_default, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)",
        &args,
    )?;
    read(tx, &id)
}

/// The limits that hold for a mailbox: its own, and else those of its profile.
///
/// # Errors
/// The database is out of reach.
pub async fn limits_of(store: &Store, mailbox: &Mailbox) -> Result<ProfileLimits> {
    let profile = match &mailbox.server_profile_id {
        Some(id) => get(store, id).await?.limits,
        None => ProfileLimits::default(),
    };
    Ok(mailbox.limits.over(profile))
}

/// One profile.
///
/// # Errors
/// No such profile.
pub async fn get(store: &Store, id: &str) -> Result<ServerProfile> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

/// Profiles in order of their age, after the one with the id `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, after: Option<String>, limit: i64) -> Result<Vec<ServerProfile>> {
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM server_profiles p WHERE p.id > $1 ORDER BY p.id LIMIT $2"
            );
            let args = [after.unwrap_or_default().into(), limit.into()];
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// Every profile, for whoever looks one up by a domain.
///
/// # Errors
/// The database is out of reach.
pub async fn all(store: &Store) -> Result<Vec<ServerProfile>> {
    list(store, None, PROFILES).await
}

/// Changes a profile, and the mailboxes that use it. `if_version`: only when nobody else changed it since.
///
/// # Errors
/// No such profile, another version than `if_version`, or another profile has one of its domains.
pub async fn change(
    store: &Store,
    id: &str,
    change: Change,
    if_version: Option<i64>,
) -> Result<ServerProfile> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            if if_version.is_some_and(|version| version != old.version) {
                return Err(StoreError::Conflict("the server profile was changed meanwhile".into()));
            }
            if let Some(domains) = &change.domains {
                claim_domains(tx, &id, domains)?;
            }
            if change.is_default == Some(true) && !old.is_default {
                tx.exec("UPDATE server_profiles SET is_default = 0, version = version + 1 WHERE is_default = 1", &[])?;
            }
            let limits = change.limits.unwrap_or(old.limits);
            let args = [
                Value::from(&id),
                change.name.unwrap_or(old.name).into(),
                mailboxes::json_or_null(change.incoming.unwrap_or(old.incoming).as_ref())?,
                mailboxes::json_or_null(change.outgoing.unwrap_or(old.outgoing).as_ref())?,
                change.login_format.unwrap_or(old.login_format).as_str().into(),
                change.auth.unwrap_or(old.auth).as_str().into(),
                serde_json::to_string(&change.domains.unwrap_or(old.domains))?.into(),
                serde_json::to_string(&limits)?.into(),
                change.is_default.unwrap_or(old.is_default).into(),
                change.fetch_since.unwrap_or(old.fetch_since).into(),
            ];
            tx.exec(
                "UPDATE server_profiles SET name = $2, incoming = $3, outgoing = $4, login_format = $5, auth = $6,
                   domains = $7, limits = $8, is_default = $9, fetch_since = $10, version = version + 1 WHERE id = $1",
                &args,
            )?;
            let profile = read(tx, &id)?;
            let users = tx.rows(
                "SELECT id FROM mailboxes WHERE server_profile_id = $1 ORDER BY id",
                &[(&id).into()],
            )?;
            for row in users {
                let mailbox: String = row.get(0)?;
                mailboxes::profile::follow(tx, &mailbox, &profile, change.keep_credentials, now)?;
                if limits != old.limits {
                    crate::submissions::end_rest(tx, &mailbox, now)?;
                }
            }
            Ok(profile)
        })
        .await
}

/// Removes a profile, unless mailboxes use it.
///
/// # Errors
/// No such profile.
pub async fn remove(store: &Store, id: &str) -> Result<Removal> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let profile = lock(tx, &id)?;
            if profile.usage_count > 0 {
                let sql = "SELECT id, address FROM mailboxes WHERE server_profile_id = $1 ORDER BY id LIMIT $2";
                let users = tx.rows(sql, &[(&id).into(), NAMED.into()])?;
                let users = users.iter().map(|row| {
                    Ok(User {
                        id: row.get(0)?,
                        address: row.get(1)?,
                    })
                });
                return Ok(Removal::InUse(users.collect::<Result<_>>()?, profile.usage_count));
            }
            tx.exec("DELETE FROM server_profiles WHERE id = $1", &[(&id).into()])?;
            Ok(Removal::Removed)
        })
        .await
}

/// A domain leads to one profile.
fn claim_domains(tx: &mut Tx<'_>, id: &str, domains: &[String]) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM server_profiles p WHERE p.id <> $1{}",
        tx.dialect().for_update()
    );
    for row in tx.rows(&sql, &[id.into()])? {
        let other = from_row(&row)?;
        if let Some(domain) = domains.iter().find(|domain| other.domains.contains(domain)) {
            let text = format!(
                "the server profile {} has the domain {domain} already",
                other.name
            );
            return Err(StoreError::Conflict(text));
        }
    }
    Ok(())
}

fn lock(tx: &mut Tx<'_>, id: &str) -> Result<ServerProfile> {
    let lock = tx.dialect().for_update();
    tx.row(
        &format!("SELECT 1 FROM server_profiles WHERE id = $1{lock}"),
        &[id.into()],
    )?;
    read(tx, id)
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<ServerProfile> {
    let sql = format!("SELECT {COLUMNS} FROM server_profiles p WHERE p.id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the server profile")), from_row)
}

fn from_row(row: &Row) -> Result<ServerProfile> {
    Ok(ServerProfile {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.word(2, ProfileKind::parse)?,
        incoming: mailboxes::maybe_json(row, 3)?,
        outgoing: mailboxes::maybe_json(row, 4)?,
        login_format: row.word(5, LoginChoice::parse)?,
        auth: row.word(6, Auth::parse)?,
        domains: row.json(7)?,
        limits: row.json(8)?,
        fetch_since: row.get(9)?,
        is_default: row.get(10)?,
        created_at: row.get(11)?,
        version: row.get(12)?,
        usage_count: row.get(13)?,
    })
}
