//! Out of office on the mailbox's own server: the server answers by itself (ManageSieve, RFC 5804; vacation, RFC 5230), also while
//! Postroom is down.
//!
//! A server runs one script over incoming mail. Ours is called [`ANSWERS`]. Where the owner has an active script, it stays as it is: a
//! second script of ours, [`FRONT`], becomes the active one and includes ours and then theirs (RFC 6609). It says in its first line
//! which script was active before; switching off makes that one active again. What cannot be done so is refused with the reason, and
//! so is a change of a script of ours that somebody else has changed.

mod ours;
mod script;
mod theirs;

pub use script::Wanted;

use crate::open;
use crate::recognise::{self, Failure, Peer};
use mail_net::Net;
use model::Secret;
use model::mailbox::Incoming;
use model::{Clock, Timestamp};
use ours::{ANSWERS, FRONT, Kept};
use sieve_client::{Script, Session, SieveError};
use theirs::Theirs;

/// Where servers have ManageSieve (RFC 5804 section 1.8).
pub const PORT: u16 = 4190;
/// The most scripts of the owner that are looked at.
const THEIRS_AT_MOST: usize = 20;

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
            // Nobody listens there, or somebody else does, or in the clear.
            Err(failure)
                if matches!(
                    failure.id(),
                    "connection_refused" | "wrong_protocol" | "starttls_not_offered"
                ) =>
            {
                return Err(peer.failure("server_reply_not_offered", &[], None));
            }
            Err(failure) => return Err(failure),
        };
        let looked = match offers(&session, &peer) {
            Ok(()) => at_work(&mut session, &peer).await,
            Err(failure) => Err(failure),
        };
        let program = session.capabilities().implementation.clone();
        session.logout().await;
        let (active, at_work) = looked?;
        Ok(Found {
            program,
            active,
            at_work,
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

/// The script that the server runs, and whether ours is at work by it.
async fn at_work(
    session: &mut Session,
    peer: &Peer<'_>,
) -> Result<(Option<String>, bool), Failure> {
    let all = scripts(session, peer).await?;
    let active = active(&all);
    let at_work = match active.as_deref() {
        Some(ANSWERS | FRONT) => true,
        Some(name) if has(&all, ANSWERS) => {
            includes_ours(session, peer, &all, name).await?
                && !ours::is_idle(&text(session, peer, ANSWERS).await?)
        }
        _ => false,
    };
    Ok((active, at_work))
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
    let answers = written
        .map_err(|what| peer.failure("server_reply_not_expressible", &[("what", &what)], None))?;
    let answers = ours::sealed(&answers);
    let all = scripts(session, peer).await?;
    let own = Own::read(session, peer, &all).await?;
    own.answers_whole(peer)?;
    let (place, theirs) = place(session, peer, &all, &own).await?;
    if let Some(first) = theirs.first() {
        if !offered.has_extension("include") {
            let what = format!(
                "the script {:?} is active, and the server cannot run two (the extension include)",
                first.name
            );
            return Err(in_the_way(peer, &what).into());
        }
        if let Some(what) = theirs.iter().find_map(Theirs::conflict) {
            return Err(in_the_way(peer, &what).into());
        }
        own.front_whole(peer)?;
    }
    if offered.version.is_some() {
        prepared(session.check_script(&answers).await, peer)?;
    }
    if place == Standing::IncludedTwice {
        // Ours goes on running, once, with what it says.
        let alone = own.before(&all);
        prepared(session.set_active(alone.as_deref()).await, peer)?;
        delete(session, FRONT).await;
    }
    let stored = session.put_script(ANSWERS, &answers).await;
    match place {
        Standing::AtWork | Standing::IncludedTwice => return changed(stored, peer).map(drop),
        Standing::ToActivate => prepared(stored, peer)?,
    };
    let goes_first = match theirs.first() {
        None => ANSWERS,
        Some(first) => {
            let stored = session.put_script(FRONT, &ours::front(&first.name)).await;
            prepared(stored, peer)?;
            FRONT
        }
    };
    changed(session.set_active(Some(goes_first)).await, peer)
}

/// What there is of ours.
struct Own {
    /// The script that answers.
    answers: Kept,
    /// The script that includes it and the owner's.
    front: Kept,
}

impl Own {
    async fn read(session: &mut Session, peer: &Peer<'_>, all: &[Script]) -> Result<Self, Failure> {
        let mut found = [Kept::Absent, Kept::Absent];
        for (kept, name) in found.iter_mut().zip([ANSWERS, FRONT]) {
            if has(all, name) {
                *kept = Kept::read(name, &text(session, peer, name).await?);
            }
        }
        let [answers, front] = found;
        Ok(Self { answers, front })
    }

    /// Refuses where somebody has changed the script that answers.
    fn answers_whole(&self, peer: &Peer<'_>) -> Result<(), Failure> {
        whole(&self.answers, ANSWERS, peer)
    }

    /// Refuses where somebody has changed the script that includes the owner's.
    fn front_whole(&self, peer: &Peer<'_>) -> Result<(), Failure> {
        whole(&self.front, FRONT, peer)
    }

    /// The script that was active before, where it is still there.
    fn before(&self, all: &[Script]) -> Option<String> {
        match &self.front {
            Kept::Whole(before) => before.clone().filter(|name| has(all, name)),
            Kept::Absent | Kept::Changed => None,
        }
    }
}

fn whole(kept: &Kept, name: &str, peer: &Peer<'_>) -> Result<(), Failure> {
    if !kept.is_changed() {
        return Ok(());
    }
    let what = format!("the script {name:?} is not as Postroom wrote it");
    Err(in_the_way(peer, &what))
}

fn has(all: &[Script], name: &str) -> bool {
    all.iter().any(|script| script.name == name)
}

fn in_the_way(peer: &Peer<'_>, what: &str) -> Failure {
    peer.failure("server_reply_script_in_the_way", &[("what", what)], None)
}

/// How our script stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The server runs it already, by itself or because the owner's script includes it.
    AtWork,
    /// The server would run it twice: our other script includes it, and so does the owner's, which is to be active alone.
    IncludedTwice,
    /// It has to be made active, together with the owner's where there is one.
    ToActivate,
}

/// How our script stands, and the owner's scripts that have to go on working: the active one first, then those that it includes.
async fn place(
    session: &mut Session,
    peer: &Peer<'_>,
    all: &[Script],
    own: &Own,
) -> Result<(Standing, Vec<Theirs>), Failure> {
    let active = active(all);
    let (fronted, theirs) = match active {
        None => return Ok((Standing::ToActivate, Vec::new())),
        Some(name) if name == ANSWERS => return Ok((Standing::AtWork, Vec::new())),
        Some(name) if name == FRONT => {
            own.front_whole(peer)?;
            (true, own.before(all))
        }
        Some(name) => (false, Some(name)),
    };
    let Some(name) = theirs else {
        return Ok((Standing::ToActivate, Vec::new()));
    };
    let theirs = with_included(session, peer, all, &name).await?;
    let included = theirs.iter().any(Theirs::includes_ours);
    Ok(match (fronted, included) {
        (true, true) => (Standing::IncludedTwice, Vec::new()),
        (true, false) => (Standing::AtWork, theirs),
        (false, true) => (Standing::AtWork, Vec::new()),
        (false, false) => (Standing::ToActivate, theirs),
    })
}

/// A script of the owner, and all of theirs that it may include, directly or not.
async fn with_included(
    session: &mut Session,
    peer: &Peer<'_>,
    all: &[Script],
    name: &str,
) -> Result<Vec<Theirs>, Failure> {
    let mut found = Vec::new();
    let mut names = vec![name.to_owned()];
    while let Some(name) = names.get(found.len()).cloned() {
        if found.len() == THEIRS_AT_MOST {
            let what = format!("it includes more than {THEIRS_AT_MOST} scripts");
            return Err(in_the_way(peer, &what));
        }
        let text = text(session, peer, &name).await?;
        let one = Theirs { name, text };
        for script in all {
            let known = names.contains(&script.name) || [ANSWERS, FRONT].contains(&&*script.name);
            if !known && one.may_include(&script.name) {
                names.push(script.name.clone());
            }
        }
        found.push(one);
    }
    Ok(found)
}

async fn take_away(session: &mut Session, peer: &Peer<'_>) -> Result<(), NotDone> {
    let all = scripts(session, peer).await?;
    let own = Own::read(session, peer, &all).await?;
    match active(&all).as_deref() {
        Some(ANSWERS) => {
            own.answers_whole(peer)?;
            changed(session.set_active(None).await, peer)?;
        }
        Some(FRONT) => {
            own.front_whole(peer)?;
            own.answers_whole(peer)?;
            let before = own.before(&all);
            let included = match &before {
                Some(name) => includes_ours(session, peer, &all, name).await?,
                None => false,
            };
            changed(session.set_active(before.as_deref()).await, peer)?;
            if included {
                switch_off(session, peer).await?;
                delete(session, FRONT).await;
                return Ok(());
            }
        }
        Some(name) if has(&all, ANSWERS) && includes_ours(session, peer, &all, name).await? => {
            own.answers_whole(peer)?;
            return switch_off(session, peer).await;
        }
        _ => {}
    }
    // What works no more may stay, if the server wants that; what somebody has changed does.
    for (name, kept) in [(FRONT, &own.front), (ANSWERS, &own.answers)] {
        if matches!(kept, Kept::Whole(_)) {
            delete(session, name).await;
        }
    }
    Ok(())
}

/// Whether a script of the owner includes ours, directly or not.
async fn includes_ours(
    session: &mut Session,
    peer: &Peer<'_>,
    all: &[Script],
    name: &str,
) -> Result<bool, Failure> {
    let theirs = with_included(session, peer, all, name).await?;
    Ok(theirs.iter().any(Theirs::includes_ours))
}

/// Has ours do nothing: where the owner included it, theirs has to stay whole.
async fn switch_off(session: &mut Session, peer: &Peer<'_>) -> Result<(), NotDone> {
    let idle = ours::sealed(ours::IDLE);
    changed(session.put_script(ANSWERS, &idle).await, peer).map(drop)
}

async fn delete(session: &mut Session, name: &str) {
    if let Err(error) = session.delete_script(name).await {
        tracing::info!(script = name, %error, "an idle script stays on the server");
    }
}

#[cfg(test)]
mod tests;
