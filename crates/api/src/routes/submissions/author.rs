//! Through which mailbox a message goes, and as whom: what is asked for is checked against what the caller may use (E-16), and
//! what is left out is found. The same rules hold for a message in parts and for a raw one.

use super::input::{NewSubmission, Person};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::routes::identities::usable;
use crate::state::ApiState;
use mail_message::{Address, Head};
use model::identity::Identity;
use model::mailbox::Mailbox;
use store::identities::{self, Filter};
use store::{mailboxes, messages, senders};

/// Bytes of an original's header that are read for the addresses that it was written to.
const HEADER_BYTES: u64 = 256 * 1024;
/// Identities with one address that are looked through.
const SAME_ADDRESS: i64 = 500;
/// Addresses that a refusal names.
const NAMED: usize = 5;

/// A mailbox that the caller may send through, with what the caller may send as.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// The mailbox.
    pub(super) mailbox: Mailbox,
    /// The main one first, then by age.
    usable: Vec<Identity>,
    /// Of all identities: addresses that mail to the mailbox is written to, in lower case.
    own: Vec<String>,
}

/// As whom a message goes out.
#[derive(Clone, Debug)]
pub(super) struct Author {
    /// The identity.
    pub(super) identity: Identity,
    /// What stands in From.
    pub(super) from: Address,
}

/// The sender of a request: the mailbox that it names, or the one that follows from the identity, the author or the original
/// that it names, or else the caller's own.
pub(super) async fn sender(
    state: &ApiState,
    caller: &Caller,
    value: &NewSubmission,
) -> Result<Sender> {
    let id = match (&value.mailbox_id, &value.identity_id) {
        (Some(id), _) => id.clone(),
        (None, Some(id)) => {
            let found = identities::get(&state.store, id).await;
            found
                .map_err(|error| ApiError::from(error).or_missing(no_identity))?
                .mailbox_id
        }
        (None, None) => implied(state, caller, value).await?,
    };
    let missing = || match &value.mailbox_id {
        Some(_) => ApiError::not_found("the mailbox"),
        None => no_identity(),
    };
    let mailbox = mailboxes::get(&state.store, &id)
        .await
        .map_err(|error| ApiError::from(error).or_missing(missing))?;
    if !caller.may_send_through(&mailbox) {
        return Err(missing());
    }
    let all = identities::of_mailbox(&state.store, &id).await?;
    let mut own: Vec<String> = all
        .iter()
        .filter(|identity| identity.is_alias)
        .map(|identity| identity.address.to_lowercase())
        .collect();
    own.push(mailbox.address.to_lowercase());
    let usable = all.into_iter().filter(|one| usable(caller, one)).collect();
    Ok(Sender {
        mailbox,
        usable,
        own,
    })
}

fn no_identity() -> ApiError {
    ApiError::identity_not_allowed("/identity_id", "is no identity that you may use")
}

/// The mailbox of a request that names none.
async fn implied(state: &ApiState, caller: &Caller, value: &NewSubmission) -> Result<String> {
    let original = value.in_reply_to_message_id.as_ref();
    if let Some(id) = original.or(value.forward_message_id.as_ref())
        && let Ok(raw) = messages::raw(&state.store, id).await
        && caller.sees(&raw.mailbox_id)
        && let Some(id) = receiver(state, raw.mailbox_id).await?
    {
        return Ok(id);
    }
    let own = caller_sender(state, caller).await?;
    if let Some(person) = &value.from {
        let filter = Filter {
            mailbox_ids: caller.visible(),
            or_shared: true,
            address: Some(person.address.trim().to_owned()),
            ..Filter::default()
        };
        let found = identities::list(&state.store, filter, None, SAME_ADDRESS).await?;
        let mut ids: Vec<String> = found
            .into_iter()
            .filter(|identity| usable(caller, identity))
            .map(|identity| identity.mailbox_id)
            .collect();
        if own.as_ref().is_some_and(|id| ids.contains(id)) {
            ids = own.iter().cloned().collect();
        }
        let sends = senders::among(&state.store, Some(ids), 1).await?;
        return sends.into_iter().next().ok_or_else(|| {
            let text = format!("you may not send as {}", person.address.trim());
            ApiError::identity_not_allowed("/from/address", text)
        });
    }
    own.ok_or_else(|| {
        ApiError::field(
            "/mailbox_id",
            "is missing: no mailbox is the installation's own sender, and which of several others is meant cannot be known",
        )
    })
}

/// The mailbox that has the original, if it can send.
async fn receiver(state: &ApiState, mailbox_id: String) -> Result<Option<String>> {
    let sends = senders::among(&state.store, Some(vec![mailbox_id]), 1).await?;
    Ok(sends.into_iter().next())
}

/// The mailbox that an answer to a message of this mailbox goes through, or a forward of it, where the request names none.
/// `None`: it has to name one.
pub(super) async fn answering(
    state: &ApiState,
    caller: &Caller,
    mailbox_id: &str,
) -> Result<Option<String>> {
    match receiver(state, mailbox_id.to_owned()).await? {
        Some(id) => Ok(Some(id)),
        None => caller_sender(state, caller).await,
    }
}

/// What a caller sends through who names nothing: the first of a token's own mailboxes that can send; else the installation's
/// own sender; else the only mailbox that can send.
async fn caller_sender(state: &ApiState, caller: &Caller) -> Result<Option<String>> {
    if let Some(ids) = caller.visible() {
        let sends = senders::among(&state.store, Some(ids.clone()), ids.len() as i64).await?;
        if let Some(first) = ids.into_iter().find(|id| sends.contains(id)) {
            return Ok(Some(first));
        }
    }
    if let Some(id) = senders::system(&state.store).await? {
        return Ok(Some(id));
    }
    if caller.visible().is_some() {
        return Ok(None);
    }
    let mut all = senders::among(&state.store, None, 2).await?.into_iter();
    Ok(all.next().filter(|_| all.next().is_none()))
}

impl Author {
    /// Where answers go, if the identity has another place for them.
    pub(super) fn reply_to(&self) -> Option<Address> {
        let address = self.identity.reply_to.clone()?;
        Some(Address {
            name: None,
            address,
        })
    }
}

impl Sender {
    /// One's own addresses, which an answer to all leaves out: the mailbox's, its aliases, and the one that it is written as.
    pub(super) fn own(&self, author: &Author) -> Vec<String> {
        let mut own = self.own.clone();
        own.push(author.identity.address.to_lowercase());
        own
    }

    /// Who writes a message in parts. `written_to`: the addresses that the original was written to, for an answer that names
    /// nobody.
    pub(super) fn author(&self, value: &NewSubmission, written_to: &[String]) -> Result<Author> {
        let from = value.from.as_ref();
        let identity = match (&value.identity_id, from) {
            (Some(id), _) => self.by_id(id)?,
            (None, Some(person)) => self.by_address(&person.address, "/from/address")?,
            (None, None) => self.fitting(written_to)?,
        };
        let same = |person: &Person| {
            person
                .address
                .trim()
                .eq_ignore_ascii_case(&identity.address)
        };
        if from.is_some_and(|person| !same(person)) {
            let text = format!("the identity that is named sends as {}", identity.address);
            return Err(ApiError::identity_not_allowed("/from/address", text));
        }
        let named = from.and_then(|person| person.name.clone());
        let own_name = Some(identity.name.clone()).filter(|name| !name.is_empty());
        Ok(Author {
            from: Address {
                name: named.or(own_name),
                address: identity.address.clone(),
            },
            identity: identity.clone(),
        })
    }

    /// Who writes a raw message: the one author in its From.
    pub(super) fn raw_author(&self, head: &Head, identity_id: Option<&str>) -> Result<Author> {
        const POINTER: &str = "/raw_base64";
        let from = match head.from.as_slice() {
            [one] => one.clone(),
            [] => return Err(ApiError::field(POINTER, "has no From")),
            _ => return Err(ApiError::field(POINTER, "has more than one author in From")),
        };
        let identity = match identity_id {
            Some(id) => self.by_id(id)?,
            None => self.by_address(&from.address, POINTER)?,
        };
        if !from.address.eq_ignore_ascii_case(&identity.address) {
            let text = format!("has another author than the identity: {}", identity.address);
            return Err(ApiError::identity_not_allowed(POINTER, text));
        }
        Ok(Author {
            from,
            identity: identity.clone(),
        })
    }

    /// Refuses whoever else is said to have sent a message, in its envelope or its header, if the caller may not send as them.
    pub(super) fn may_send_as(&self, address: &str, pointer: &str) -> Result<()> {
        self.by_address(address, pointer).map(|_| ())
    }

    fn by_id(&self, id: &str) -> Result<&Identity> {
        let found = self.usable.iter().find(|identity| identity.id == id);
        found.ok_or_else(no_identity)
    }

    fn by_address(&self, address: &str, pointer: &str) -> Result<&Identity> {
        let address = address.trim();
        let same = |one: &&Identity| one.address.eq_ignore_ascii_case(address);
        self.usable.iter().find(same).ok_or_else(|| {
            let mut allowed: Vec<&str> = Vec::new();
            for one in &self.usable {
                if allowed.len() < NAMED && !allowed.contains(&one.address.as_str()) {
                    allowed.push(&one.address);
                }
            }
            let text = match allowed.as_slice() {
                [] => format!(
                    "you may send as no identity of the mailbox {}",
                    self.mailbox.address
                ),
                some => format!(
                    "through this mailbox you may send as {}, and not as {address}",
                    some.join(", ")
                ),
            };
            ApiError::identity_not_allowed(pointer, text)
        })
    }

    /// The identity that the original was written to, or else the main one, or else the first that there is.
    fn fitting(&self, written_to: &[String]) -> Result<&Identity> {
        let meant = written_to.iter().find_map(|address| {
            let same = |one: &&Identity| one.address.eq_ignore_ascii_case(address);
            self.usable.iter().find(same)
        });
        meant.or_else(|| self.usable.first()).ok_or_else(|| {
            let text = format!(
                "you may send as no identity of the mailbox {}",
                self.mailbox.address
            );
            ApiError::identity_not_allowed("/mailbox_id", text)
        })
    }
}

/// The addresses that the original of an answer was written to; nothing, where the request says itself as whom it is sent, or
/// the original cannot be seen: whoever reads it says so.
pub(super) async fn written_to(
    state: &ApiState,
    caller: &Caller,
    value: &NewSubmission,
) -> Result<Vec<String>> {
    let Some(id) = &value.in_reply_to_message_id else {
        return Ok(Vec::new());
    };
    if value.identity_id.is_some() || value.from.is_some() {
        return Ok(Vec::new());
    }
    match messages::raw(&state.store, id).await {
        Ok(raw) if caller.sees(&raw.mailbox_id) => {
            let bytes = state.store.blobs.read(&raw.place, HEADER_BYTES).await?;
            Ok(mail_message::written_to(&bytes))
        }
        _ => Ok(Vec::new()),
    }
}
