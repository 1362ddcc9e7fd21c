//! A mailbox follows its server profile.

use super::{hosts, json_or_null, lock, release, rules_at, wake};
use crate::db::Value;
use crate::error::Result;
use crate::{Tx, auto_replies, events};
use model::Timestamp;
use model::event::NewEvent;
use model::mailbox::{Incoming, Outgoing, Proof, Security};
use model::server_profile::ServerProfile;
use serde_json::json;

/// Gives a mailbox the profile's servers; who signs in and how stays. What was proven must be proven again, and a secret for
/// another server is forgotten unless it may be kept: the mailbox is then held until somebody enters it again.
///
/// # Errors
/// `Conflict`: the server for receiving is another one, and the one before answers for the mailbox.
pub(crate) fn follow(
    tx: &mut Tx<'_>,
    id: &str,
    profile: &ServerProfile,
    keep_credentials: bool,
    now: Timestamp,
) -> Result<()> {
    let old = lock(tx, id)?;
    let incoming = old.incoming.as_ref().map(|side| received_by(side, profile));
    let outgoing = old.outgoing.as_ref().map(|side| sent_by(side, profile));
    let (new_incoming, new_outgoing) = (incoming != old.incoming, outgoing != old.outgoing);
    if !new_incoming && !new_outgoing {
        return Ok(());
    }
    if rules_at(incoming.as_ref()) != rules_at(old.incoming.as_ref()) {
        auto_replies::leave_server(tx, id)?;
    }
    if hosts(incoming.as_ref(), outgoing.as_ref())
        != hosts(old.incoming.as_ref(), old.outgoing.as_ref())
    {
        // What other servers do by themselves says nothing of these.
        let sql = "UPDATE mailboxes SET sent_copy_by = NULL WHERE id = $1";
        tx.exec(sql, &[id.into()])?;
    }
    let proof = |new: bool, old: Proof| if new { Proof::Untested } else { old };
    let args = [
        Value::from(id),
        json_or_null(incoming.as_ref())?,
        json_or_null(outgoing.as_ref())?,
        proof(new_incoming, old.receiving).as_str().into(),
        proof(new_outgoing, old.sending).as_str().into(),
    ];
    tx.exec(
        "UPDATE mailboxes SET incoming = $2, outgoing = $3, receiving = $4, sending = $5, version = version + 1
         WHERE id = $1",
        &args,
    )?;
    if !keep_credentials {
        let moved_in = old
            .incoming
            .as_ref()
            .zip(incoming.as_ref())
            .is_some_and(|(before, after)| elsewhere(road_in(before), road_in(after)));
        let moved_out = old
            .outgoing
            .as_ref()
            .zip(outgoing.as_ref())
            .is_some_and(|(before, after)| elsewhere(road_out(before), road_out(after)));
        for (side, moved) in [("incoming", moved_in), ("outgoing", moved_out)] {
            if moved {
                let sql = format!("UPDATE mailboxes SET {side}_secret = NULL WHERE id = $1");
                tx.exec(&sql, &[id.into()])?;
            }
        }
    }
    release(tx, id, now)?;
    let data = json!({"version": old.version + 1, "server_profile_id": profile.id});
    events::append(tx, &[NewEvent::live("mailbox.changed", id, data)], now)?;
    wake(tx, id);
    Ok(())
}

fn received_by(side: &Incoming, profile: &ServerProfile) -> Incoming {
    match profile.incoming_as(&side.username) {
        Some(server) => Incoming {
            auth: side.auth,
            ..server
        },
        // A profile that no longer receives leaves its mailboxes as they are.
        None => side.clone(),
    }
}

fn sent_by(side: &Outgoing, profile: &ServerProfile) -> Outgoing {
    match profile.outgoing_as(&side.username) {
        Some(server) => Outgoing {
            auth: side.auth,
            ..server
        },
        None => side.clone(),
    }
}

type Road<'a> = (&'a str, u16, Security, Option<&'a str>);

fn road_in(side: &Incoming) -> Road<'_> {
    (
        &side.host,
        side.port,
        side.security,
        side.certificate_sha256.as_deref(),
    )
}

fn road_out(side: &Outgoing) -> Road<'_> {
    (
        &side.host,
        side.port,
        side.security,
        side.certificate_sha256.as_deref(),
    )
}

/// Whether the password would be shown to somebody new: another host, a port in plain text, another certificate that is
/// trusted whatever the authorities say, or one certificate no more but any that an authority has signed.
fn elsewhere(before: Road<'_>, after: Road<'_>) -> bool {
    let (host, _, security, pin) = after;
    before.0 != host || (security == Security::None && before != after) || before.3 != pin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_with_its_host_and_its_encryption() {
        let good: Road<'_> = ("imap.example.com", 993, Security::Tls, None);
        for (after, moved) in [
            (good, false),
            (("imap.example.com", 143, Security::Starttls, None), false),
            (("imap.other.example", 993, Security::Tls, None), true),
            (("imap.example.com", 143, Security::None, None), true),
            (("imap.example.com", 993, Security::Tls, Some("ab")), true),
        ] {
            assert_eq!(elsewhere(good, after), moved, "{after:?}");
        }
        let pinned: Road<'_> = ("imap.example.com", 993, Security::Tls, Some("ab"));
        assert!(elsewhere(pinned, good) && !elsewhere(pinned, pinned));
    }
}
