//! Settings as they come in: two sides, with their secrets, which only ever go this way.

use crate::error::{ApiError, Result};
use crate::input::{Checks, present};
use connect::typed::{self, Before, Form, PortWord, Rules, SecurityWord, Side};
use model::mailbox::{
    Auth, Credentials, Incoming, LoginChoice, Mailbox, Outgoing, Owner, Protocol, Security,
};
use model::normalised::Normalised;
use model::server_profile::ProfileLimits;
use model::{Secret, Timestamp};
use serde::Deserialize;

/// Folders that may be named.
const FOLDERS: usize = 1_000;
/// The longest time that mail stays on a POP3 server before it is deleted there: ten years.
const DELETION_DAYS: u32 = 3_650;

/// The receiving side.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncomingInput {
    /// `imap` (when left out) or `pop3`.
    #[serde(default)]
    protocol: Option<Protocol>,
    /// Host name; what else people type here, such as `imaps://` or a port, is put in its place.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for protocol and security.
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    port: Option<PortWord>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    #[schema(value_type = Option<Security>)]
    security: Option<SecurityWord>,
    /// Left out: by `login_format`.
    #[serde(default)]
    username: Option<String>,
    /// Where the user name comes from when it is left out: `email` (the address), `local_part` (what stands before the
    /// @), or `auto`: a test tries these in order, once each, and the one that works is saved.
    #[serde(default)]
    login_format: Option<LoginChoice>,
    /// Left out: `password`.
    #[serde(default)]
    auth: Option<Auth>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// The password, or with `oauth2` an access token; never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// Lets the password go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// The sending side.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutgoingInput {
    /// Host name; what else people type here, such as `imaps://` or a port, is put in its place.
    #[serde(default)]
    host: Option<String>,
    /// Left out: the usual port for the security.
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    port: Option<PortWord>,
    /// Left out: what fits the port, else `tls`.
    #[serde(default)]
    #[schema(value_type = Option<Security>)]
    security: Option<SecurityWord>,
    /// Left out: by `login_format`.
    #[serde(default)]
    username: Option<String>,
    /// Where the user name comes from when it is left out: `email` (the address), `local_part` (what stands before the
    /// @), or `auto`: a test tries these in order, once each, and the one that works is saved.
    #[serde(default)]
    login_format: Option<LoginChoice>,
    /// Left out: `password`.
    #[serde(default)]
    auth: Option<Auth>,
    /// The one certificate to trust: its SHA-256, in hex; null: trust the usual authorities.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    certificate_sha256: Option<Option<String>>,
    /// The password, or with `oauth2` an access token; never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// Lets the password go out without encryption. Refused when left out.
    #[serde(default)]
    allow_plaintext: bool,
}

/// Both sides, as every request that has settings has them.
#[derive(Clone, Default)]
pub(crate) struct Sides {
    pub(crate) incoming: Option<Option<IncomingInput>>,
    pub(crate) outgoing: Option<Option<OutgoingInput>>,
    pub(crate) password: Option<Secret>,
    /// The server profile that the servers come from.
    pub(crate) profile: Option<model::server_profile::ServerProfile>,
}

/// Both sides, checked and filled in.
pub(crate) struct Settings {
    /// `None`: nothing was said about it; `Some(None)`: not wanted.
    pub(crate) incoming: Option<Option<Incoming>>,
    pub(crate) outgoing: Option<Option<Outgoing>>,
    pub(crate) credentials: Credentials,
    /// Where the names to sign in with come from, on sides that say so.
    pub(crate) incoming_login: Option<LoginChoice>,
    pub(crate) outgoing_login: Option<LoginChoice>,
    /// What was put right.
    pub(crate) normalised: Vec<Normalised>,
}

impl Sides {
    /// Checks both sides and fills in what can be known: from the server profile, from the mailbox as it is, if there is
    /// one, else from what is usual. `address` stands in for user names.
    pub(crate) fn settle(
        self,
        rules: &Rules,
        address: &str,
        old: Option<&Mailbox>,
        checks: &mut Checks,
    ) -> Settings {
        let mut form = Form {
            address: address.to_owned(),
            incoming: self.incoming.map(|side| side.map(IncomingInput::typed)),
            outgoing: self.outgoing.map(|side| side.map(OutgoingInput::typed)),
            password: self.password,
        };
        if let Some(profile) = &self.profile {
            super::profile::fill(&mut form, profile, old, checks);
        }
        let says = |side: &Option<Option<Side>>| {
            let side = side.as_ref().and_then(Option::as_ref);
            side.is_some_and(|side| {
                old.is_none() || side.username.is_some() || side.login_format.is_some()
            })
        };
        let (says_incoming, says_outgoing) = (says(&form.incoming), says(&form.outgoing));
        let before = Before {
            incoming: old.and_then(|old| old.incoming.as_ref()),
            outgoing: old.and_then(|old| old.outgoing.as_ref()),
        };
        let settled = typed::settle(form, before, rules);
        checks.refuse_all(settled.refused);
        Settings {
            incoming: settled.incoming,
            outgoing: settled.outgoing,
            credentials: settled.credentials,
            incoming_login: says_incoming.then_some(settled.login.incoming),
            outgoing_login: says_outgoing.then_some(settled.login.outgoing),
            normalised: settled.normalised,
        }
    }
}

impl Settings {
    /// Puts secrets right for hosts that were found after they were typed.
    pub(crate) fn tidy_secrets(&mut self, rules: &Rules) {
        let incoming = self.incoming.as_ref().and_then(Option::as_ref);
        let outgoing = self.outgoing.as_ref().and_then(Option::as_ref);
        for (host, secret) in [
            (
                incoming.map(|side| &side.host),
                &mut self.credentials.incoming,
            ),
            (
                outgoing.map(|side| &side.host),
                &mut self.credentials.outgoing,
            ),
        ] {
            if let (Some(host), Some(typed)) = (host, &secret)
                && let Some((tidied, because)) = rules.tidy_secret(host, typed)
            {
                *secret = Some(tidied);
                if !self.normalised.iter().any(|note| note.because == because) {
                    self.normalised.push(Normalised {
                        pointer: "/password".to_owned(),
                        was: None,
                        became: None,
                        because: because.to_owned(),
                    });
                }
            }
        }
    }
}

impl IncomingInput {
    fn typed(self) -> Side {
        Side {
            protocol: self.protocol,
            host: self.host,
            username: self.username,
            login_format: self.login_format,
            auth: self.auth,
            certificate_sha256: self.certificate_sha256,
            password: self.password,
            allow_plaintext: self.allow_plaintext,
            ..Side::default()
        }
        .in_words(self.port, self.security)
    }
}

impl OutgoingInput {
    fn typed(self) -> Side {
        Side {
            protocol: None,
            host: self.host,
            username: self.username,
            login_format: self.login_format,
            auth: self.auth,
            certificate_sha256: self.certificate_sha256,
            password: self.password,
            allow_plaintext: self.allow_plaintext,
            ..Side::default()
        }
        .in_words(self.port, self.security)
    }
}

/// When POP3 deletes what is stored.
pub(crate) fn check_deletion(checks: &mut Checks, days: Option<u32>) {
    if days.is_some_and(|days| days > DELETION_DAYS) {
        checks.refuse(
            "/pop3_delete_after_days",
            format!("is a number of days, {DELETION_DAYS} at most"),
        );
    }
}

/// The largest message that is stored whole.
pub(crate) fn check_size_limit(checks: &mut Checks, limit: Option<i64>) {
    if limit.is_some_and(|limit| limit < 1) {
        checks.refuse("/size_limit", "is a number of octets, 1 at least");
    }
}

/// Whose it is, in the application's own words: one line.
pub(crate) fn check_owner(checks: &mut Checks, owner: Option<&Owner>) {
    if let Some(owner) = owner {
        checks.line("/owner/name", &owner.name, 1, 200);
    }
}

/// IMAP has other ways to delete, each asked for by itself.
pub(crate) fn deletes_by_pop3(
    days: Option<u32>,
    incoming: Option<&Option<Incoming>>,
) -> Result<()> {
    let pop3 = incoming.is_some_and(|side| {
        side.as_ref()
            .is_some_and(|side| side.protocol == Protocol::Pop3)
    });
    if days.is_some() && !pop3 {
        let what = "is for mailboxes that are received by POP3";
        return Err(ApiError::field("/pop3_delete_after_days", what));
    }
    Ok(())
}

/// Folder names as people write them.
pub(crate) fn check_folders(checks: &mut Checks, folders: Option<&[String]>) {
    let folders = folders.unwrap_or_default();
    if folders.len() > FOLDERS {
        checks.refuse(
            "/monitored_folders",
            format!("may name {FOLDERS} folders at most"),
        );
    }
    for (i, folder) in folders.iter().take(FOLDERS).enumerate() {
        checks.line(&format!("/monitored_folders/{i}"), folder, 1, 1_000);
    }
}

/// A secret that belongs to a server does not go to another one on the word of someone who may not know it: a new host, a way
/// without encryption and another trusted certificate need it again. `stored`: the secrets that the mailbox has.
pub(crate) fn keep_secrets_home(
    old: &Mailbox,
    stored: &Credentials,
    new: &Settings,
    checks: &mut Checks,
) {
    if let Some(Some(after)) = &new.incoming
        && stored.incoming.is_some()
        && new.credentials.incoming.is_none()
        && weaker(old.incoming.as_ref().map(road_in), road_in(after))
    {
        checks.refuse("/incoming/password", GIVE_AGAIN);
    }
    if let Some(Some(after)) = &new.outgoing
        && stored.outgoing.is_some()
        && new.credentials.outgoing.is_none()
        && after.auth != Auth::None
        && weaker(old.outgoing.as_ref().map(road_out), road_out(after))
    {
        checks.refuse("/outgoing/password", GIVE_AGAIN);
    }
}

const GIVE_AGAIN: &str =
    "the server, its encryption or its certificate is another one: give the password again";

/// What decides who hears a secret.
struct Road<'a> {
    host: &'a str,
    port: u16,
    security: Security,
    pin: Option<&'a str>,
}

fn road_in(side: &Incoming) -> Road<'_> {
    Road {
        host: &side.host,
        port: side.port,
        security: side.security,
        pin: side.certificate_sha256.as_deref(),
    }
}

fn road_out(side: &Outgoing) -> Road<'_> {
    Road {
        host: &side.host,
        port: side.port,
        security: side.security,
        pin: side.certificate_sha256.as_deref(),
    }
}

/// Whether somebody else could be at the end of the new road. Without encryption nobody proves who is behind a port.
fn weaker(before: Option<Road<'_>>, after: Road<'_>) -> bool {
    before.is_none_or(|before| {
        !before.host.eq_ignore_ascii_case(after.host)
            || before.pin != after.pin
            || (after.security == Security::None
                && (before.security != Security::None || before.port != after.port))
    })
}

/// The sides of a new mailbox: at least one must be given.
pub(crate) fn need_a_side(settings: &Settings) -> Result<()> {
    let nothing = |what: &str| {
        Err(ApiError::field("/incoming", what)
            .remedy("Give the settings of `incoming`, of `outgoing`, or of both."))
    };
    match (&settings.incoming, &settings.outgoing) {
        (Some(None) | None, Some(None) | None) => nothing("a mailbox receives or sends, or both"),
        _ => Ok(()),
    }
}

/// A time in a request that may also be null.
pub(crate) type MaybeTime = Option<Option<Timestamp>>;

/// What may change about a mailbox.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeInput {
    /// New address.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// New name.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// New kind.
    #[serde(default)]
    pub(crate) kind: Option<model::mailbox::Kind>,
    /// New receiving side; null: send only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingInput>)]
    pub(crate) incoming: Option<Option<IncomingInput>>,
    /// New sending side; null: receive only.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingInput>)]
    pub(crate) outgoing: Option<Option<OutgoingInput>>,
    /// New password of both sides, unless a side has its own.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    pub(crate) password: Option<Secret>,
    /// Mail from this time on is fetched; null: all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    pub(crate) fetch_since: MaybeTime,
    /// Octets of the largest message that is stored whole; of larger ones, the header is. Null: all are stored whole.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    pub(crate) size_limit: Option<Option<i64>>,
    /// Another server profile, whose servers are then used; null: none, and the servers stay.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) server_profile_id: Option<Option<String>>,
    /// Folders to store; null: every folder but junk and trash.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) monitored_folders: Option<Option<Vec<String>>>,
    /// POP3: days after which a message that is safely stored here is deleted from the server, 0: at once; null: never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, maximum = 3650)]
    pub(crate) pop3_delete_after_days: Option<Option<u32>>,
    /// Whether Postroom changes nothing on the receiving server: no flag, no folder, no copy of what is sent. What is owed rests meanwhile.
    #[serde(default)]
    pub(crate) read_only: Option<bool>,
    /// The user or the queue that it belongs to; null: none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Owner>)]
    pub(crate) owner: Option<Option<Owner>>,
    /// Limits of this mailbox alone, in the place of all that were there: where one is named, its server profile's does not count.
    #[serde(default)]
    pub(crate) limits: Option<ProfileLimits>,
    /// Whether everyone with the scope `send` may send through it, also who cannot see it; nobody reads it by that. For
    /// administrators.
    #[serde(default)]
    pub(super) send_shared: Option<bool>,
    /// Whether it is the installation's own sender, which callers without a mailbox of their own send through; the one before
    /// is so no more. For administrators.
    #[serde(default)]
    pub(super) system_sender: Option<bool>,
}
