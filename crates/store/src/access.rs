//! Who may come in: users with their sessions, and tokens. Secrets are made here, shown once, and
//! kept only as SHA-256: each has 256 random bits, so that nothing is gained by hashing them slowly.
//! (Passwords, which people choose, come here already hashed slowly.)

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::seal::random;
use crate::{Store, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::access::{Layout, LayoutChange, Role, Scope, Token, User};
use model::{Secret, Timestamp, fresh_id};
use ring::digest::{SHA256, digest};

/// What a token begins with, so that scanners for leaked secrets know it.
pub const TOKEN_PREFIX: &str = "prm_";
/// Life of a session.
pub const SESSION_MILLIS: i64 = 14 * 24 * 3_600_000;
/// `last_used_at` of a token is written at most this often.
const USED_STEP_MILLIS: i64 = 60_000;
/// The setting that holds the digest of the one-time set-up secret.
const SETUP: &str = "setup_secret";

/// The digest under which a secret is kept.
pub fn secret_digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

fn fresh_secret(prefix: &str) -> Secret {
    let bytes = zeroize::Zeroizing::new(random::<32>());
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(&bytes[..])))
}

/// A new one-time set-up secret in place of the last one, while there is no user; afterwards `None`.
///
/// # Errors
/// The database is out of reach.
pub async fn new_setup_secret(store: &Store) -> Result<Option<Secret>> {
    let secret = fresh_secret("");
    store
        .db
        .write(move |tx| {
            if !setup_needed_in(tx)? {
                return Ok(None);
            }
            tx.exec(
                "INSERT INTO settings (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[SETUP.into(), secret_digest(secret.expose()).into()],
            )?;
            Ok(Some(secret))
        })
        .await
}

/// Whether there is no user yet.
///
/// # Errors
/// The database is out of reach.
pub async fn setup_needed(store: &Store) -> Result<bool> {
    store.db.read(setup_needed_in).await
}

fn setup_needed_in(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.row("SELECT 1 FROM users LIMIT 1", &[])?.is_none())
}

/// Makes the first user, who owns the installation. The set-up secret is used up by it.
///
/// # Errors
/// `NotFound` when the secret is not the one that was printed; `Conflict` when there is a user already.
pub async fn create_owner(
    store: &Store,
    setup: &Secret,
    name: &str,
    email: &str,
    password_hash: String,
) -> Result<User> {
    let (now, wanted) = (store.now(), secret_digest(setup.expose()));
    let user = User {
        id: fresh_id("usr", now),
        name: name.to_owned(),
        email: normal_email(email),
        role: Role::Owner,
        layout: Layout::default(),
    };
    store
        .db
        .write(move |tx| {
            let lock = tx.dialect().for_update();
            let sql = format!("SELECT value FROM settings WHERE name = $1{lock}");
            let row = tx.row(&sql, &[SETUP.into()])?;
            if !setup_needed_in(tx)? {
                return Err(StoreError::Conflict("the first user was set up already".into()));
            }
            let printed: Option<String> = row.map(|row| row.get(0)).transpose()?;
            if printed.as_deref() != Some(wanted.as_str()) {
                return Err(StoreError::NotFound("the set-up secret"));
            }
            tx.exec("DELETE FROM settings WHERE name = $1", &[SETUP.into()])?;
            tx.exec(
                "INSERT INTO users (id, name, email, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    (&user.id).into(),
                    (&user.name).into(),
                    (&user.email).into(),
                    password_hash.into(),
                    user.role.as_str().into(),
                    now.into(),
                ],
            )?;
            Ok(user)
        })
        .await
}

/// The user with this address, and the hash of the password.
///
/// # Errors
/// The database is out of reach.
pub async fn find_user(store: &Store, email: &str) -> Result<Option<(User, String)>> {
    let email = normal_email(email);
    store
        .db
        .read(move |tx| {
            let sql =
                "SELECT id, name, email, role, layout, password_hash FROM users WHERE email = $1";
            let row = tx.row(sql, &[email.into()])?;
            row.map(|row| Ok((user_from_row(&row)?, row.get(5)?)))
                .transpose()
        })
        .await
}

fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Begins a session; the secret goes into the cookie. Sessions that have ended are forgotten.
///
/// # Errors
/// The database is out of reach.
pub async fn create_session(store: &Store, user_id: &str) -> Result<Secret> {
    let (now, user_id, secret) = (store.now(), user_id.to_owned(), fresh_secret(""));
    store
        .db
        .write(move |tx| {
            tx.exec("DELETE FROM sessions WHERE expires_at <= $1", &[now.into()])?;
            tx.exec(
                "INSERT INTO sessions (digest, user_id, expires_at) VALUES ($1, $2, $3)",
                &[
                    secret_digest(secret.expose()).into(),
                    user_id.into(),
                    now.plus_millis(SESSION_MILLIS).into(),
                ],
            )?;
            Ok(secret)
        })
        .await
}

/// The user of a session, by the digest of its secret, and when the session ends.
///
/// # Errors
/// The database is out of reach.
pub async fn session_user(store: &Store, digest: &str) -> Result<Option<(User, Timestamp)>> {
    let (now, digest) = (store.now(), digest.to_owned());
    store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT u.id, u.name, u.email, u.role, u.layout, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.digest = $1 AND s.expires_at > $2",
                &[digest.into(), now.into()],
            )?;
            row.map(|row| Ok((user_from_row(&row)?, row.get(5)?)))
                .transpose()
        })
        .await
}

/// The user with this id; `None`: there is none any more.
///
/// # Errors
/// The database is out of reach.
pub async fn user_by_id(store: &Store, id: &str) -> Result<Option<User>> {
    let id = id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT id, name, email, role, layout FROM users WHERE id = $1";
            let row = tx.row(sql, &[(&id).into()])?;
            row.as_ref().map(user_from_row).transpose()
        })
        .await
}

/// Ends a session.
///
/// # Errors
/// The database is out of reach.
pub async fn end_session(store: &Store, digest: &str) -> Result<()> {
    let digest = digest.to_owned();
    store
        .db
        .write(move |tx| {
            tx.exec("DELETE FROM sessions WHERE digest = $1", &[digest.into()])?;
            Ok(())
        })
        .await
}

fn user_from_row(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        role: row.word(3, Role::parse)?,
        layout: row.json(4)?,
    })
}

/// Changes how the console shows mail to a user.
///
/// # Errors
/// No such user.
pub async fn change_layout(store: &Store, user_id: &str, change: LayoutChange) -> Result<User> {
    let id = user_id.to_owned();
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "SELECT id, name, email, role, layout FROM users WHERE id = $1{}",
                tx.dialect().for_update()
            );
            let row = tx.row(&sql, &[(&id).into()])?;
            let row = row.ok_or(StoreError::NotFound("the user"))?;
            let mut user = user_from_row(&row)?;
            user.layout = change.apply(user.layout);
            let text = serde_json::to_string(&user.layout)?;
            tx.exec(
                "UPDATE users SET layout = $2 WHERE id = $1",
                &[id.into(), text.into()],
            )?;
            Ok(user)
        })
        .await
}

const TOKEN_COLUMNS: &str = "id, name, scopes, mailbox_ids, expires_at, last_used_at, created_at";

/// Makes a token. Its secret is in the answer and can never be read again.
///
/// # Errors
/// The database is out of reach.
pub async fn create_token(
    store: &Store,
    name: &str,
    scopes: &[Scope],
    mailbox_ids: &[String],
    expires_at: Option<Timestamp>,
) -> Result<(Token, Secret)> {
    let now = store.now();
    let (name, scopes, mailbox_ids) = (name.to_owned(), scopes.to_vec(), mailbox_ids.to_vec());
    store
        .db
        .write(move |tx| create_token_in(tx, &name, &scopes, &mailbox_ids, expires_at, now))
        .await
}

/// Like [`create_token`], in the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`create_token`].
pub fn create_token_in(
    tx: &mut Tx<'_>,
    name: &str,
    scopes: &[Scope],
    mailbox_ids: &[String],
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Token, Secret)> {
    let secret = fresh_secret(TOKEN_PREFIX);
    let token = Token {
        id: fresh_id("tok", now),
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        mailbox_ids: mailbox_ids.to_vec(),
        expires_at,
        last_used_at: None,
        created_at: now,
    };
    tx.exec(
        "INSERT INTO tokens (id, name, digest, scopes, mailbox_ids, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::from(&token.id),
            (&token.name).into(),
            secret_digest(secret.expose()).into(),
            serde_json::to_string(&token.scopes)?.into(),
            serde_json::to_string(&token.mailbox_ids)?.into(),
            token.expires_at.into(),
            now.into(),
        ],
    )?;
    Ok((token, secret))
}

/// The token with this digest, unless it has ended.
///
/// # Errors
/// The database is out of reach.
pub async fn token_by_digest(store: &Store, digest: &str) -> Result<Option<Token>> {
    let (now, digest) = (store.now(), digest.to_owned());
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {TOKEN_COLUMNS} FROM tokens WHERE digest = $1 AND (expires_at IS NULL OR expires_at > $2)"
            );
            let row = tx.row(&sql, &[digest.into(), now.into()])?;
            row.as_ref().map(token_from_row).transpose()
        })
        .await
}

/// The token with this id, unless it was revoked or has ended.
///
/// # Errors
/// The database is out of reach.
pub async fn token_by_id(store: &Store, id: &str) -> Result<Option<Token>> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .glance(move |tx| {
            let sql = format!(
                "SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)"
            );
            let row = tx.row(&sql, &[(&id).into(), now.into()])?;
            row.as_ref().map(token_from_row).transpose()
        })
        .await
}

/// Takes note that a token was used; at most once a minute this becomes a write.
///
/// # Errors
/// The database is out of reach.
pub async fn token_used(store: &Store, token: &Token) -> Result<()> {
    let now = store.now();
    let known = token.last_used_at.unwrap_or_default();
    if now.0 - known.0 < USED_STEP_MILLIS {
        return Ok(());
    }
    let id = token.id.clone();
    store
        .db
        .write(move |tx| {
            tx.exec(
                "UPDATE tokens SET last_used_at = $2 WHERE id = $1",
                &[id.into(), now.into()],
            )?;
            Ok(())
        })
        .await
}

/// Tokens in order of their age, after the one with the id `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list_tokens(store: &Store, after: Option<String>, limit: i64) -> Result<Vec<Token>> {
    store
        .db
        .read(move |tx| {
            let sql =
                format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE id > $1 ORDER BY id LIMIT $2");
            let args = [after.unwrap_or_default().into(), limit.into()];
            tx.rows(&sql, &args)?.iter().map(token_from_row).collect()
        })
        .await
}

/// One token.
///
/// # Errors
/// No such token.
pub async fn get_token(store: &Store, id: &str) -> Result<Token> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = $1");
            let row = tx.row(&sql, &[id.into()])?;
            row.as_ref()
                .map_or(Err(StoreError::NotFound("the token")), token_from_row)
        })
        .await
}

/// Revokes a token.
///
/// # Errors
/// No such token.
pub async fn revoke_token(store: &Store, id: &str) -> Result<()> {
    let id = id.to_owned();
    store
        .db
        .write(
            move |tx| match tx.exec("DELETE FROM tokens WHERE id = $1", &[id.into()])? {
                0 => Err(StoreError::NotFound("the token")),
                _ => Ok(()),
            },
        )
        .await
}

fn token_from_row(row: &Row) -> Result<Token> {
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: row.json(2)?,
        mailbox_ids: row.json(3)?,
        expires_at: row.get(4)?,
        last_used_at: row.get(5)?,
        created_at: row.get(6)?,
    })
}
