//! The signature of a message: which one, filled for whoever sends, and where it stands: below what was written and above what
//! is quoted.

use super::input::NewSubmission;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::routes::{identities, signatures};
use crate::state::ApiState;
use crate::variables::{self, Made};
use mail_message::Draft;
use model::identity::Identity;
use model::mailbox::Mailbox;

/// What comes before a signature in plain text (RFC 3676 section 4.3).
const SEPARATOR: &str = "-- \n";

/// Who writes: what signatures and templates speak of.
pub(super) struct Writer<'a> {
    pub(super) state: &'a ApiState,
    pub(super) caller: &'a Caller,
    pub(super) mailbox: &'a Mailbox,
    pub(super) identity: &'a Identity,
}

impl Writer<'_> {
    /// What can be said of the writer.
    pub(super) fn values(&self) -> serde_json::Map<String, serde_json::Value> {
        let now = self.state.store.now();
        variables::of_sender(self.caller, self.mailbox, self.identity, now)
    }
}

/// The signature that a message gets: the one that is named, none, or the identity's, or else the central one.
pub(super) async fn wanted(writer: &Writer<'_>, value: &NewSubmission) -> Result<Option<Made>> {
    let store = &writer.state.store;
    let signature = match (&value.signature, writer.identity.signature_id.as_deref()) {
        (Some(None), _) => return Ok(None),
        (Some(Some(id)), _) if id == identities::NO_SIGNATURE => return Ok(None),
        (Some(Some(id)), _) => {
            let found = signatures::visible(writer.state, writer.caller, id).await;
            let missing = || ApiError::field("/signature", "is no signature");
            Some(found.map_err(|error| error.or_missing(missing))?)
        }
        // An answer for calendars says what it says.
        (None, _) if value.calendar_reply.is_some() => None,
        (None, Some(identities::NO_SIGNATURE)) => None,
        (None, Some(id)) => match store::signatures::get(store, id).await {
            Ok(signature) => Some(signature),
            Err(store::StoreError::NotFound(_)) => store::signatures::central(store).await?,
            Err(other) => return Err(other.into()),
        },
        (None, None) => store::signatures::central(store).await?,
    };
    let Some(signature) = signature else {
        return Ok(None);
    };
    let made = variables::signature(&signature.html, signature.text.as_deref(), writer.values());
    made.map(Some)
        .map_err(|error| variables::invalid("/signature", &error))
}

/// Puts it below what was written. What the writer quoted in the text stays below it.
pub(super) fn place(draft: &mut Draft, signature: &Made) {
    if let Some(html) = &mut draft.html {
        if draft.text.is_none() {
            draft.text = Some(mail_message::html_text::text(html));
        }
        let below = format!("<br><div class=\"signature\">{}</div>", signature.html);
        let end = html.to_ascii_lowercase().rfind("</body>");
        html.insert_str(end.unwrap_or(html.len()), &below);
    }
    let text = draft.text.get_or_insert_default();
    let end = quotation(text).unwrap_or(text.len());
    let (own, quoted) = text.split_at(end);
    let mut with = own.trim_end().to_owned();
    if !with.is_empty() {
        with.push_str("\n\n");
    }
    with.push_str(SEPARATOR);
    with.push_str(&signature.text);
    if !quoted.is_empty() {
        with.push_str("\n\n");
        with.push_str(quoted);
    }
    *text = with;
}

/// Where what the writer quotes begins: the line that says who wrote it, and lines that begin with `>` or `-----`.
fn quotation(text: &str) -> Option<usize> {
    let mut before = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('>') || line.starts_with("-----") {
            return Some(before.unwrap_or(at));
        }
        if line.trim_end().ends_with(':') {
            before = Some(at);
        } else if !line.trim().is_empty() {
            before = None;
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_stands_above_what_is_quoted() {
        let made = Made {
            html: "<b>Ann</b>".into(),
            text: "Ann".into(),
        };
        let text = |text: Option<&str>, html: Option<&str>| {
            let mut draft = Draft {
                text: text.map(str::to_owned),
                html: html.map(str::to_owned),
                ..Draft::default()
            };
            place(&mut draft, &made);
            (draft.text.unwrap(), draft.html.unwrap_or_default())
        };
        assert_eq!(text(Some("Hi\n"), None).0, "Hi\n\n-- \nAnn");
        assert_eq!(text(None, None).0, "-- \nAnn");
        let quoted = "Yes.\n\nOn Monday, Bob wrote:\n\n> Well?\n";
        let wanted = "Yes.\n\n-- \nAnn\n\nOn Monday, Bob wrote:\n\n> Well?\n";
        assert_eq!(text(Some(quoted), None).0, wanted);
        assert_eq!(
            text(Some("See: a\n> b\n"), None).0,
            "See: a\n\n-- \nAnn\n\n> b\n"
        );
        let (plain, html) = text(None, Some("<p>Hi</p></BODY>"));
        assert_eq!(plain, "Hi\n\n-- \nAnn");
        assert_eq!(
            html,
            "<p>Hi</p><br><div class=\"signature\"><b>Ann</b></div></BODY>"
        );
    }
}
