//! Files that wait to become part of a message: brought once, by one caller, for a day, or for as long
//! as a draft names them. Whoever goes on with that draft may use them too.
//!
//! Their bytes are blobs like any other; the row here keeps them from the sweep. A message that is made of one has its own
//! bytes, so an upload may end at any time without harm.

use crate::blobs::{self, Place, Stored};
use crate::error::{Result, StoreError};
use crate::{Store, Tx};
use model::limits::{UPLOAD_MILLIS, UPLOADS_BYTES, UPLOADS_KEPT};
use model::{Timestamp, fresh_id};
use serde::Serialize;

/// A file that was brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// `upl_…`
    pub blob_id: String,
    /// Its name for the recipient.
    pub filename: String,
    /// "type/subtype".
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// After this it is gone, unless a message was made of it.
    pub expires_at: Timestamp,
}

/// What is needed to keep one. Its bytes are stored already (see [`crate::blobs::Blobs::batch`]).
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// Who brought it: nobody else may use it, but for those who go on with a draft that names it.
    pub owner: String,
    /// Where its bytes are.
    pub stored: Stored,
    /// Its name for the recipient.
    pub filename: String,
    /// "type/subtype".
    pub content_type: String,
}

/// How many bytes a further file of this owner may have: to be asked before they are stored.
///
/// # Errors
/// [`StoreError::Conflict`]: its owner has brought as much as may wait.
pub async fn room(store: &Store, owner: &str) -> Result<u64> {
    let (now, owner) = (store.now(), owner.to_owned());
    store
        .db
        .read(move |tx| {
            let (count, bytes) = waiting(tx, &owner, now)?;
            let left = UPLOADS_BYTES.saturating_sub(bytes);
            if count >= UPLOADS_KEPT || left <= 0 {
                return Err(full(count, bytes));
            }
            Ok(left.unsigned_abs())
        })
        .await
}

fn full(count: i64, bytes: i64) -> StoreError {
    StoreError::Conflict(format!(
        "{count} files with {bytes} bytes wait to be sent: no more may, until they expire"
    ))
}

/// Keeps a file for a day.
///
/// # Errors
/// [`StoreError::Conflict`]: its owner has brought more than may wait.
pub async fn create(store: &Store, new: NewUpload) -> Result<Upload> {
    let now = store.now();
    store
        .db
        .write(move |tx| {
            let size = i64::try_from(new.stored.place.length).unwrap_or(i64::MAX);
            let (count, bytes) = waiting(tx, &new.owner, now)?;
            if count >= UPLOADS_KEPT || bytes.saturating_add(size) > UPLOADS_BYTES {
                return Err(full(count, bytes));
            }
            blobs::index(tx, std::slice::from_ref(&new.stored), now)?;
            if let Some(again) = same(tx, &new, now)? {
                return Ok(again);
            }
            let upload = Upload {
                blob_id: fresh_id("upl", now),
                filename: new.filename.clone(),
                content_type: new.content_type.clone(),
                size: new.stored.place.length,
                expires_at: now.plus_millis(UPLOAD_MILLIS),
            };
            tx.exec(
                "INSERT INTO uploads (id, owner, digest, size, filename, content_type, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &[
                    (&upload.blob_id).into(),
                    (&new.owner).into(),
                    (&new.stored.digest).into(),
                    size.into(),
                    (&upload.filename).into(),
                    (&upload.content_type).into(),
                    now.into(),
                ],
            )?;
            Ok(upload)
        })
        .await
}

/// The same file, brought before by the same owner, for another day: a request that names it is the same request, also under
/// its idempotency key.
fn same(tx: &mut Tx<'_>, new: &NewUpload, now: Timestamp) -> Result<Option<Upload>> {
    let row = tx.row(
        "SELECT id FROM uploads WHERE owner = $1 AND digest = $2 AND filename = $3 AND content_type = $4
           AND created_at > $5 ORDER BY id LIMIT 1",
        &[
            (&new.owner).into(),
            (&new.stored.digest).into(),
            (&new.filename).into(),
            (&new.content_type).into(),
            now.plus_millis(-UPLOAD_MILLIS).into(),
        ],
    )?;
    let Some(row) = row else { return Ok(None) };
    let blob_id: String = row.get(0)?;
    tx.exec(
        "UPDATE uploads SET created_at = $2 WHERE id = $1",
        &[(&blob_id).into(), now.into()],
    )?;
    Ok(Some(Upload {
        blob_id,
        filename: new.filename.clone(),
        content_type: new.content_type.clone(),
        size: new.stored.place.length,
        expires_at: now.plus_millis(UPLOAD_MILLIS),
    }))
}

/// Files and bytes of an owner that wait.
fn waiting(tx: &mut Tx<'_>, owner: &str, now: Timestamp) -> Result<(i64, i64)> {
    let row = tx.row(
        "SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM uploads WHERE owner = $1 AND created_at > $2",
        &[owner.into(), now.plus_millis(-UPLOAD_MILLIS).into()],
    )?;
    row.map_or(Ok((0, 0)), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A file that its owner brought, or that the draft in hand names, and where its bytes are. `draft_id`: only of a draft that the
/// caller sees.
///
/// # Errors
/// [`StoreError::NotFound`]: there is none with this id, it is somebody else's, or it has expired.
pub async fn find(
    store: &Store,
    owner: &str,
    draft_id: Option<&str>,
    id: &str,
) -> Result<(Upload, Place)> {
    let (now, owner, id) = (store.now(), owner.to_owned(), id.to_owned());
    let draft_id = draft_id.unwrap_or_default().to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT u.filename, u.content_type, u.created_at, b.segment, b.position, b.length
                 FROM uploads u JOIN blobs b ON b.digest = u.digest
                 WHERE u.id = $1 AND (
                   EXISTS (SELECT 1 FROM draft_files d WHERE d.upload_id = u.id AND d.draft_id = $4)
                   OR (u.owner = $2 AND (u.created_at > $3 OR EXISTS (SELECT 1 FROM draft_files d WHERE d.upload_id = u.id))))",
                &[
                    (&id).into(),
                    owner.into(),
                    now.plus_millis(-UPLOAD_MILLIS).into(),
                    draft_id.into(),
                ],
            )?;
            let row = row.ok_or(StoreError::NotFound("the upload"))?;
            let place = Place {
                segment: row.get(3)?,
                position: row.get::<i64>(4)?.unsigned_abs(),
                length: row.get::<i64>(5)?.unsigned_abs(),
            };
            let upload = Upload {
                blob_id: id.clone(),
                filename: row.get(0)?,
                content_type: row.get(1)?,
                size: place.length,
                expires_at: row.get::<Timestamp>(2)?.plus_millis(UPLOAD_MILLIS),
            };
            Ok((upload, place))
        })
        .await
}

/// Forgets files that nobody may use any more. Returns how many.
pub(crate) fn expire(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    // One that a clock far ahead has dated goes as well: it would stay for ever.
    tx.exec(
        "DELETE FROM uploads WHERE (created_at <= $1 OR created_at > $2)
           AND NOT EXISTS (SELECT 1 FROM draft_files d WHERE d.upload_id = uploads.id)",
        &[
            now.plus_millis(-UPLOAD_MILLIS).into(),
            now.plus_millis(UPLOAD_MILLIS).into(),
        ],
    )
}
