//! What is kept of a server's words, in the ledger of messages that could not be stored, with what is owed, and in the log: never
//! a secret.

use crate::Context;
use std::fmt::Display;
use store::StoreError;
use store::failures::NewFailure;

/// Of what a server said, so much is logged.
const LOGGED_CHARS: usize = 300;

/// Takes the mailbox's password or token out of the reasons: a server may repeat what it was told, also long after the
/// sign-in. Where it cannot be read, the server's words are left out: the problem's id says enough.
pub(crate) async fn without_secret(
    context: &Context,
    mailbox_id: &str,
    mut failures: Vec<NewFailure>,
) -> Vec<NewFailure> {
    if failures.is_empty() {
        return failures;
    }
    let secret = secret(context, mailbox_id).await;
    for failure in &mut failures {
        failure.reason = match &secret {
            Ok(Some(secret)) => mail_net::sasl::hide(&failure.reason, secret.expose()),
            Ok(None) => std::mem::take(&mut failure.reason),
            Err(_) => String::new(),
        };
    }
    failures
}

/// The same for the words with which a server refused a change.
pub(crate) async fn words_without_secret(
    context: &Context,
    mailbox_id: &str,
    words: String,
) -> String {
    match secret(context, mailbox_id).await {
        Ok(Some(secret)) => mail_net::sasl::hide(&words, secret.expose()),
        Ok(None) => words,
        Err(_) => String::new(),
    }
}

/// A server's words for the log: without the secret, on one line, and no longer than a line should be. Whatever a server said
/// passes through here before it is logged; where its words do not matter, only the response code is.
pub(crate) async fn said(context: &Context, mailbox_id: &str, words: impl Display) -> String {
    let words = Box::pin(words_without_secret(context, mailbox_id, words.to_string())).await;
    let shown = words.chars().take(LOGGED_CHARS);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn secret(context: &Context, mailbox_id: &str) -> Result<Option<model::Secret>, StoreError> {
    let mailbox = store::mailboxes::get(&context.store, mailbox_id).await?;
    let credentials = store::mailboxes::credentials_of(&context.store, &mailbox).await?;
    Ok(credentials.incoming)
}
