//! Stored templates of messages.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::{Store, Tx};
use model::signature::Template;
use model::{Timestamp, fresh_id};

/// Templates that there can be.
pub const TEMPLATES: i64 = 2_000;

const COLUMNS: &str = "id, name, mailbox_id, subject, html, text, variables, created_at";

/// What a template is, without its id.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// A name for people, unique whatever the case of its letters.
    pub name: String,
    /// The mailbox that alone may send it.
    pub mailbox_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// The HTML.
    pub html: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The variables in all of it.
    pub variables: Vec<String>,
}

/// Makes a template.
///
/// # Errors
/// There is one with this name, or too many.
pub fn create_in(tx: &mut Tx<'_>, new: &NewTemplate, now: Timestamp) -> Result<Template> {
    let row = tx.row("SELECT count(*) FROM templates", &[])?;
    let there: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if there >= TEMPLATES {
        let text = format!("there are {TEMPLATES} templates, and there can be no more");
        return Err(StoreError::Conflict(text));
    }
    only_one(tx, &new.name, "")?;
    let id = fresh_id("tpl", now);
    let args = arguments(&id, new, now)?;
    tx.exec(
        "INSERT INTO templates (id, name, name_key, mailbox_id, subject, html, text, variables, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &args,
    )?;
    read(tx, &id)
}

fn arguments(id: &str, new: &NewTemplate, at: Timestamp) -> Result<[Value; 9]> {
    Ok([
        id.into(),
        (&new.name).into(),
        new.name.to_lowercase().into(),
        new.mailbox_id.clone().into(),
        (&new.subject).into(),
        new.html.clone().into(),
        new.text.clone().into(),
        serde_json::to_string(&new.variables)?.into(),
        at.into(),
    ])
}

fn only_one(tx: &mut Tx<'_>, name: &str, but: &str) -> Result<()> {
    let sql = "SELECT 1 FROM templates WHERE name_key = $1 AND id <> $2";
    match tx.row(sql, &[name.to_lowercase().into(), but.into()])? {
        Some(_) => Err(StoreError::Conflict(
            "there is a template of that name already".into(),
        )),
        None => Ok(()),
    }
}

/// Templates in order of their age, after the one with the id `after`; `visible`: only those for all mailboxes or one of these.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    visible: Option<Vec<String>>,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Template>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = vec![after.unwrap_or_default().into(), limit.into()];
            let mut only = String::new();
            if let Some(ids) = &visible {
                args.push(serde_json::to_string(ids)?.into());
                let texts = tx.dialect().texts(3);
                only = format!(" AND (mailbox_id IS NULL OR mailbox_id IN {texts})");
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM templates WHERE id > $1{only} AND (mailbox_id IS NULL OR {}) ORDER BY id LIMIT $2",
                not_removed("mailbox_id")
            );
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// One template.
///
/// # Errors
/// No such template.
pub async fn get(store: &Store, id: &str) -> Result<Template> {
    let id = id.to_owned();
    store.db.glance(move |tx| read(tx, &id)).await
}

/// Puts another template in the place of one; its id stays.
///
/// # Errors
/// No such template, or there is another one with the new name.
pub async fn change(store: &Store, id: &str, new: NewTemplate) -> Result<Template> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let old = read(tx, &id)?;
            only_one(tx, &new.name, &id)?;
            tx.exec(
                "UPDATE templates SET name = $2, name_key = $3, mailbox_id = $4, subject = $5, html = $6, text = $7,
                   variables = $8, created_at = $9 WHERE id = $1",
                &arguments(&id, &new, old.created_at)?,
            )?;
            read(tx, &id)
        })
        .await
}

/// Removes a template.
///
/// # Errors
/// No such template.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            read(tx, &id)?;
            tx.exec("DELETE FROM templates WHERE id = $1", &[(&id).into()])?;
            Ok(())
        })
        .await
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Template> {
    let sql = format!("SELECT {COLUMNS} FROM templates WHERE id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the template")), from_row)
}

fn from_row(row: &Row) -> Result<Template> {
    Ok(Template {
        id: row.get(0)?,
        name: row.get(1)?,
        mailbox_id: row.get(2)?,
        subject: row.get(3)?,
        html: row.get(4)?,
        text: row.get(5)?,
        variables: row.json(6)?,
        created_at: row.get(7)?,
    })
}
