//! A template as it comes in.

use crate::caller::Caller;
use crate::error::Result;
use crate::input::Checks;
use crate::state::ApiState;
use crate::variables::{self, GIVEN};
use mail_template::Form;
use model::signature::Template;
use store::templates::NewTemplate;

/// Longest name.
const NAME_CHARS: usize = 100;
/// Longest subject.
const SUBJECT_CHARS: usize = 1_000;
/// Longest HTML and longest text.
const BODY_BYTES: usize = 400 * 1024;

/// What a template makes a message of.
pub(crate) struct Source {
    pub(super) subject: String,
    pub(super) html: Option<String>,
    pub(super) text: Option<String>,
}

impl From<Template> for Source {
    fn from(template: Template) -> Self {
        Self {
            subject: template.subject,
            html: template.html,
            text: template.text,
        }
    }
}

impl Source {
    /// The variables that it takes, but for those that Postroom gives.
    pub(super) fn variables(&self) -> Result<Vec<String>> {
        let mut checks = Checks::default();
        checks.line("/subject", &self.subject, 0, SUBJECT_CHARS);
        if self.html.is_none() && self.text.is_none() {
            checks.refuse("/text", "a template has a text, or HTML, or both");
        }
        let bodies = [("/html", &self.html), ("/text", &self.text)];
        for (pointer, body) in bodies {
            if body.as_ref().is_some_and(|body| body.len() > BODY_BYTES) {
                checks.refuse(pointer, format!("may have {BODY_BYTES} bytes at most"));
            }
        }
        checks.end()?;
        let mut all = Vec::new();
        for (pointer, source, form) in [
            ("/subject", Some(&self.subject), Form::Line),
            ("/html", self.html.as_ref(), Form::Html),
            ("/text", self.text.as_ref(), Form::Text),
        ] {
            if let Some(source) = source {
                let found = mail_template::check(source, form);
                all.extend(found.map_err(|error| variables::invalid(pointer, &error))?);
            }
        }
        let given = |path: &String| {
            let first = path.split('.').next().unwrap_or_default();
            GIVEN.contains(&first)
        };
        all.retain(|path| !given(path));
        all.sort();
        all.dedup();
        Ok(all)
    }
}

/// A template without mistakes.
pub(super) async fn checked(
    state: &ApiState,
    caller: &Caller,
    name: String,
    mailbox_id: Option<String>,
    source: Source,
) -> Result<NewTemplate> {
    let mut checks = Checks::default();
    checks.line("/name", &name, 1, NAME_CHARS);
    if let Some(id) = &mailbox_id {
        let there = caller.sees(id) && store::mailboxes::get(&state.store, id).await.is_ok();
        if !there {
            checks.refuse("/mailbox_id", "is no mailbox");
        }
    }
    checks.end()?;
    super::may_write(caller, mailbox_id.as_deref())?;
    let variables = source.variables()?;
    Ok(NewTemplate {
        name,
        mailbox_id,
        subject: source.subject,
        html: source.html,
        text: source.text,
        variables,
    })
}
