//! A mailbox whose servers come from a server profile.

use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::state::ApiState;
use connect::detect::Address;
use connect::typed::{Form, Side};
use model::mailbox::{Incoming, Mailbox, Outgoing, Security};
use model::server_profile::ServerProfile;
use store::{StoreError, server_profiles};

/// The profile that a request names.
///
/// # Errors
/// 422, when there is none.
pub(crate) async fn named(state: &ApiState, id: &str) -> Result<ServerProfile> {
    match server_profiles::get(&state.store, id).await {
        Err(StoreError::NotFound(_)) => Err(ApiError::field(
            "/server_profile_id",
            "is no server profile",
        )),
        found => Ok(found?),
    }
}

/// The profile that is for the address's domain.
///
/// # Errors
/// The store is out of reach.
pub(crate) async fn of_domain(state: &ApiState, address: &str) -> Result<Option<ServerProfile>> {
    let Ok(address) = Address::read(address) else {
        return Ok(None);
    };
    let all = server_profiles::all(&state.store).await?;
    Ok(all
        .into_iter()
        .find(|profile| profile.domains.contains(&address.domain)))
}

/// The profile for new mailboxes whose settings were found nowhere.
///
/// # Errors
/// The store is out of reach.
pub(crate) async fn by_default(state: &ApiState) -> Result<Option<ServerProfile>> {
    let all = server_profiles::all(&state.store).await?;
    Ok(all.into_iter().find(|profile| profile.is_default))
}

/// Puts the profile's servers into a form. Only who signs in, and with what, is the mailbox's own.
pub(super) fn fill(
    form: &mut Form,
    profile: &ServerProfile,
    old: Option<&Mailbox>,
    checks: &mut Checks,
) {
    let receives = old.is_none_or(|old| old.incoming.is_some());
    let sends = old.is_none_or(|old| old.outgoing.is_some());
    let incoming = profile.incoming.as_ref().map(|server| Side {
        protocol: Some(server.protocol),
        host: Some(server.host.clone()),
        port: Some(server.port),
        security: Some(server.security),
        certificate_sha256: Some(server.certificate_sha256.clone()),
        ..Side::default()
    });
    let outgoing = profile.outgoing.as_ref().map(|server| Side {
        host: Some(server.host.clone()),
        port: Some(server.port),
        security: Some(server.security),
        certificate_sha256: Some(server.certificate_sha256.clone()),
        ..Side::default()
    });
    for (pointer, typed, server, wanted) in [
        ("/incoming", &mut form.incoming, incoming, receives),
        ("/outgoing", &mut form.outgoing, outgoing, sends),
    ] {
        let own = match typed.take() {
            Some(None) => {
                *typed = Some(None);
                continue;
            }
            None if !wanted => continue,
            None => Side::default(),
            Some(Some(side)) => side,
        };
        let Some(server) = server else {
            if names_server(&own) {
                let text = format!(
                    "the server profile {} has no server for this side",
                    profile.name
                );
                checks.refuse(pointer, text);
            }
            *typed = Some(None);
            continue;
        };
        if names_server(&own) {
            let text = format!("comes from the server profile {}", profile.name);
            checks.refuse(format!("{pointer}/host"), text);
        }
        let first = old.is_none();
        *typed = Some(Some(Side {
            username: own.username,
            login_format: own.login_format.or(first.then_some(profile.login_format)),
            auth: own.auth.or(first.then_some(profile.auth)),
            password: own.password,
            // The administrator decided that for all mailboxes of the profile.
            allow_plaintext: server.security == Some(Security::None),
            ..server
        }));
    }
}

fn names_server(side: &Side) -> bool {
    side.host.is_some()
        || side.port.is_some()
        || side.security.is_some()
        || side.protocol.is_some()
        || side.certificate_sha256.is_some()
}

/// A mailbox that follows a profile has its servers: whoever wants others takes it from the profile first.
pub(super) fn refuse_leaving(
    incoming: Option<&Incoming>,
    outgoing: Option<&Outgoing>,
    profile: &ServerProfile,
    checks: &mut Checks,
) {
    for (pointer, stays) in [
        (
            "/incoming/host",
            incoming.is_none_or(|side| profile.has_incoming(side)),
        ),
        (
            "/outgoing/host",
            outgoing.is_none_or(|side| profile.has_outgoing(side)),
        ),
    ] {
        if !stays {
            let text = format!(
                "the servers come from the server profile {}: change it there, or set `server_profile_id` to null too",
                profile.name
            );
            checks.refuse(pointer, text);
        }
    }
}
