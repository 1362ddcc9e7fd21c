//! What is kept of a server's words, in the ledger of messages that could not be stored and with what is owed: never a secret.

use crate::Context;
use store::StoreError;
use store::failures::NewFailure;

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

async fn secret(context: &Context, mailbox_id: &str) -> Result<Option<model::Secret>, StoreError> {
    let mailbox = store::mailboxes::get(&context.store, mailbox_id).await?;
    let credentials = store::mailboxes::credentials_of(&context.store, &mailbox).await?;
    Ok(credentials.incoming)
}
