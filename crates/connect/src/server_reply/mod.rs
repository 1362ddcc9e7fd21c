//! Out of office on the mailbox's own server: the server answers by itself (ManageSieve, RFC 5804; vacation, RFC 5230), also while
//! Postroom is down.
//!
//! A server runs one script over incoming mail. Ours is called [`OURS`]. Where the owner has an active script, it stays as it is: a
//! second script of ours, [`FRONT`], becomes the active one and includes ours and then theirs (RFC 6609). It says in its first line
//! which script was active before; switching off makes that one active again. What cannot be done so is refused with the reason.

mod script;

pub use script::Wanted;

use crate::open;
use crate::recognise::{self, Failure, Peer};
use mail_net::Net;
use model::Secret;
use model::mailbox::Incoming;
use model::{Clock, Timestamp};
use script::quoted;
use sieve_client::{Script, Session, SieveError};

/// Where servers have ManageSieve (RFC 5804 section 1.8).
pub const PORT: u16 = 4190;
/// Our script.
const OURS: &str = "postroom-vacation";
/// Our script that includes ours and the owner's.
const FRONT: &str = "postroom-active";
/// How the first line of [`FRONT`] begins; the name of the script that was active before follows in quotation marks.
const BEFORE: &str = "# Written by Postroom. Active before: ";
/// The owner's script with one of these may itself answer or refuse messages, which the server does not do twice for one message
/// (RFC 5230 section 4.7), or does on top of our answer.
const CONFLICTS: [(&str, &str); 4] = [
    ("vacation", "answers by itself"),
    ("vacation-seconds", "answers by itself"),
    ("reject", "refuses messages"),
    ("ereject", "refuses messages"),
];

/// Speaks with a mailbox's server about what it does with incoming mail.
#[derive(Clone, Debug)]
pub struct ServerReplies {
    net: Net,
}

/// The server, and what proves who we are.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Where the mailbox's mail is received.
    pub incoming: &'a Incoming,
    /// The port for ManageSieve there.
    pub port: u16,
    /// The secret for receiving.
    pub secret: Option<&'a Secret>,
}

impl At<'_> {
    fn peer(&self, now: Timestamp) -> Peer<'_> {
        Peer::rules_of(self.incoming, self.port, now)
    }
}

/// What a server offers and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The server's program, as it calls itself.
    pub program: String,
    /// The script that it runs now; ours included.
    pub active: Option<String>,
    /// Ours is at work.
    pub at_work: bool,
}

/// Why a change did not come about.
#[derive(Clone, Debug)]
pub struct NotDone {
    /// The reason.
    pub failure: Failure,
    /// The server may have done it all the same: the connection ended before it said so.
    pub unsure: bool,
}

impl From<Failure> for NotDone {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            unsure: false,
        }
    }
}

impl ServerReplies {
    /// By this road.
    #[must_use]
    pub fn new(net: Net) -> Self {
        Self { net }
    }

    /// Asks a server whether it answers by itself where it is told to. Nothing is changed there.
    ///
    /// # Errors
    /// It does not (`server_reply_not_offered`), or it cannot be asked.
    pub async fn look(&self, at: &At<'_>) -> Result<Found, Failure> {
        let peer = at.peer(Clock::system().now());
        let mut session = match self.open(at, &peer).await {
            Ok(session) => session,
            // Nobody listens there, or somebody else does.
            Err(failure) if matches!(failure.id(), "connection_refused" | "wrong_protocol") => {
                return Err(peer.failure("server_reply_not_offered", &[], None));
            }
            Err(failure) => return Err(failure),
        };
        let looked = match offers(&session, &peer) {
            Ok(()) => scripts(&mut session, &peer).await,
            Err(failure) => Err(failure),
        };
        let program = session.capabilities().implementation.clone();
        session.logout().await;
        let active = active(&looked?);
        Ok(Found {
            program,
            at_work: matches!(active.as_deref(), Some(OURS | FRONT)),
            active,
        })
    }

    /// Has the server answer as it is wanted from now on.
    ///
    /// # Errors
    /// The server does not offer it, or a script of the owner is in the way; nothing was changed then, unless it is unsure.
    pub async fn put(&self, at: &At<'_>, wanted: &Wanted) -> Result<(), NotDone> {
        let peer = at.peer(Clock::system().now());
        let mut session = self.open(at, &peer).await?;
        let done = put(&mut session, &peer, wanted).await;
        session.logout().await;
        done
    }

    /// Has the server answer no more: what was active before is active again, and nothing of ours stays.
    ///
    /// # Errors
    /// The server cannot be reached, or says no; nothing was changed then, unless it is unsure.
    pub async fn take_away(&self, at: &At<'_>) -> Result<(), NotDone> {
        let peer = at.peer(Clock::system().now());
        let mut session = self.open(at, &peer).await?;
        let done = take_away(&mut session, &peer).await;
        session.logout().await;
        done
    }

    async fn open(&self, at: &At<'_>, peer: &Peer<'_>) -> Result<Session, Failure> {
        let pinned = at.incoming.certificate_sha256.as_deref();
        open::sieve(&self.net, peer, pinned, at.secret).await
    }
}

fn offers(session: &Session, peer: &Peer<'_>) -> Result<(), Failure> {
    if session.capabilities().has_extension("vacation") {
        return Ok(());
    }
    Err(peer.failure("server_reply_not_offered", &[], None))
}

async fn scripts(session: &mut Session, peer: &Peer<'_>) -> Result<Vec<Script>, Failure> {
    let list = session.list_scripts().await;
    list.map_err(|error| recognise::sieve(&error, peer))
}

fn active(scripts: &[Script]) -> Option<String> {
    let active = scripts.iter().find(|script| script.active);
    active.map(|script| script.name.clone())
}

async fn text(session: &mut Session, peer: &Peer<'_>, name: &str) -> Result<String, Failure> {
    let text = session.get_script(name).await;
    text.map_err(|error| recognise::sieve(&error, peer))
}

/// What became of a change: only a no is surely a no.
fn changed<T>(done: Result<T, SieveError>, peer: &Peer<'_>) -> Result<T, NotDone> {
    done.map_err(|error| {
        let said_no = matches!(
            error,
            SieveError::Refused { .. }
                | SieveError::TooLarge { .. }
                | SieveError::BadName { .. }
                | SieveError::NotOffered { .. }
                | SieveError::Unusable
        );
        NotDone {
            failure: recognise::sieve(&error, peer),
            unsure: !said_no,
        }
    })
}

/// Like [`changed`], for what is not at work yet.
fn prepared<T>(done: Result<T, SieveError>, peer: &Peer<'_>) -> Result<T, NotDone> {
    done.map_err(|error| recognise::sieve(&error, peer).into())
}

async fn put(session: &mut Session, peer: &Peer<'_>, wanted: &Wanted) -> Result<(), NotDone> {
    offers(session, peer)?;
    let offered = session.capabilities().clone();
    let written = script::write(wanted, |name| offered.has_extension(name));
    let ours = written
        .map_err(|what| peer.failure("server_reply_not_expressible", &[("what", &what)], None))?;
    let all = scripts(session, peer).await?;
    let (place, theirs) = place(session, peer, &all).await?;
    if let Some((name, text)) = &theirs {
        let include = offered.has_extension("include");
        if let Some(what) = in_the_way(name, text, include) {
            let failure = peer.failure("server_reply_script_in_the_way", &[("what", &what)], None);
            return Err(failure.into());
        }
    }
    if offered.version.is_some() {
        prepared(session.check_script(&ours).await, peer)?;
    }
    let stored = session.put_script(OURS, &ours).await;
    if place == Standing::AtWork {
        changed(stored, peer)?;
        return Ok(());
    }
    prepared(stored, peer)?;
    let goes_first = match &theirs {
        None => OURS,
        Some((name, _)) => {
            let stored = session.put_script(FRONT, &front(name)).await;
            // It may be the active one, and including the same scripts as before.
            prepared(stored, peer)?;
            FRONT
        }
    };
    changed(session.set_active(Some(goes_first)).await, peer)
}

/// How our script stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The server runs it already, by itself or because the owner's script includes it.
    AtWork,
    /// It has to be made active, together with the owner's where there is one.
    ToActivate,
}

/// How our script stands, and the owner's script that has to go on working, with its text.
async fn place(
    session: &mut Session,
    peer: &Peer<'_>,
    all: &[Script],
) -> Result<(Standing, Option<(String, String)>), Failure> {
    let active = active(all);
    let theirs = match active.as_deref() {
        None => return Ok((Standing::ToActivate, None)),
        Some(OURS) => return Ok((Standing::AtWork, None)),
        Some(FRONT) => {
            let before = before(&text(session, peer, FRONT).await?);
            before.filter(|name| all.iter().any(|script| script.name == *name))
        }
        Some(name) => Some(name.to_owned()),
    };
    let Some(name) = theirs else {
        return Ok((Standing::ToActivate, None));
    };
    let text = text(session, peer, &name).await?;
    let fronted = active.as_deref() == Some(FRONT);
    if !fronted && includes_ours(&text) {
        return Ok((Standing::AtWork, None));
    }
    let standing = if fronted {
        Standing::AtWork
    } else {
        Standing::ToActivate
    };
    Ok((standing, Some((name, text))))
}

async fn take_away(session: &mut Session, peer: &Peer<'_>) -> Result<(), NotDone> {
    let all = scripts(session, peer).await?;
    match active(&all).as_deref() {
        Some(OURS) => changed(session.set_active(None).await, peer)?,
        Some(FRONT) => {
            let before = before(&text(session, peer, FRONT).await?);
            let before = before.filter(|name| all.iter().any(|script| script.name == *name));
            changed(session.set_active(before.as_deref()).await, peer)?;
        }
        // The owner included ours: theirs has to stay whole.
        Some(name) if includes_ours(&text(session, peer, name).await?) => {
            let done = session
                .put_script(OURS, "# Switched off by Postroom.\r\nkeep;\r\n")
                .await;
            return changed(done, peer).map(drop);
        }
        _ => {}
    }
    // What works no more may stay, if the server wants that.
    for name in [FRONT, OURS] {
        if all.iter().any(|script| script.name == name)
            && let Err(error) = session.delete_script(name).await
        {
            tracing::info!(script = name, %error, "an idle script stays on the server");
        }
    }
    Ok(())
}

/// Why the owner's active script stands in the way, in words.
fn in_the_way(name: &str, text: &str, include: bool) -> Option<String> {
    let text = text.to_lowercase();
    let conflict = CONFLICTS
        .iter()
        .find(|(extension, _)| text.contains(&format!("\"{extension}\"")));
    match conflict {
        Some((_, does)) => Some(format!("the script {name:?} {does}")),
        None if !include => Some(format!(
            "the script {name:?} is active, and the server cannot run two (the extension include)"
        )),
        None => None,
    }
}

fn includes_ours(text: &str) -> bool {
    text.contains(&quoted(OURS))
}

fn front(theirs: &str) -> String {
    let name = quoted(theirs);
    format!(
        "{BEFORE}{name}\r\nrequire [\"include\"];\r\ninclude :personal {};\r\ninclude :personal {name};\r\n",
        quoted(OURS)
    )
}

/// The script that was active before, by the first line of [`FRONT`].
fn before(front: &str) -> Option<String> {
    let line = front.lines().next()?.strip_prefix(BEFORE)?;
    let inner = line.trim_end().strip_prefix('"')?.strip_suffix('"')?;
    let mut name = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        name.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    Some(name)
}

#[cfg(test)]
mod tests;
