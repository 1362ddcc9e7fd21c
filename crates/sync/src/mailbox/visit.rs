//! One connection to a mailbox: rounds that bring everything in step, and the wait between them.
//!
//! A round goes: what we owe the server; the list of folders with their counts; every folder that
//! changed is looked at (flags, what vanished); then new mail; then what vanished and turned up
//! nowhere is removed; then a slice of the past. After a restart it is the same round.

use super::ahead::Ahead;
use super::doubts::Doubts;
use super::hands::Hands;
use super::isolation::Isolation;
use super::marks::Mark;
use super::news::News;
use super::state::StateKeeper;
use super::turn::Turn;
use crate::Context;
use crate::error::{Result, SyncError};
use crate::folder::fetch::RAW_BATCHES;
use crate::folder::look::Abilities;
use crate::folder::plan;
use crate::meter::{Meter, Purpose, Upload};
use imap_client::{ImapError, NotifySet, Session};
use model::Timestamp;
use model::event::Origin;
use model::folder::Mode;
use model::mailbox::{ConnectionState, Mailbox};
use std::collections::HashMap;
use std::time::Duration;
use store::folders::{self, Known};
use store::ingest;
use store::leases::Lease;
use store::wake::Listener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// While the past is filled, the other folders are looked at this often.
pub(super) const ROUND_WHILE_FILLING: Duration = Duration::from_secs(15);
/// The same where one command counts all folders: nothing else tells of new mail in them meanwhile.
pub(super) const CHEAP_ROUND_WHILE_FILLING: Duration = Duration::from_secs(4);
/// A connection that lived so long was a good one, even if it brought nothing.
const STEADY: Duration = Duration::from_secs(30);
/// Servers hang up on who is silent for half an hour (RFC 9051 section 5.4).
const SILENCE_MAX: Duration = Duration::from_secs(25 * 60);
/// A connection says something so long before its provider would cut it.
const BEFORE_CUT: Duration = Duration::from_secs(120);
/// How long we wait for the answer to LOGOUT.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session at work.
pub(crate) struct Visit<'a> {
    pub(crate) context: &'a Context,
    pub(crate) lease: &'a Lease,
    pub(super) mailbox: &'a Mailbox,
    pub(crate) session: Session,
    pub(super) abilities: Abilities,
    pub(crate) known: Vec<Known>,
    pub(crate) news: News,
    /// Our id of the folder that is open for reading.
    pub(crate) open: Option<String>,
    /// How many messages it has, if we can tell.
    pub(super) exists: Option<i64>,
    /// UIDNEXT, as the server said it when the folder was opened.
    pub(super) open_next: Option<i64>,
    /// What is noted of each folder.
    pub(super) marks: HashMap<String, Mark>,
    /// Something of the mailbox was not looked at in this round, and may have what vanished elsewhere: for how long (ms)
    /// what vanished is waited for. 0: everything was looked at.
    pub(super) hold: i64,
    /// `hold` while an audit is under way that took messages from where they should not be: they may lie in a folder that is
    /// not compared yet.
    pub(super) hold_at_least: i64,
    pub(super) origin: Origin,
    /// Mail was caught up with that may not have been told as a gap that was filled, on this connection or an earlier one.
    pub(super) gap_untold: bool,
    pub(super) last_round: Option<Instant>,
    /// When the folders were last counted one by one.
    pub(super) counted: Option<Instant>,
    /// When the last whole round began, or the mailbox was last heard of on an earlier connection; `None`: never.
    pub(super) in_step: Option<Timestamp>,
    /// Something was achieved on this connection.
    pub(super) progress: bool,
    /// The server offers IDLE, and refused it on this connection.
    pub(super) idle_refused: bool,
    /// Our place among those who fetch their past.
    pub(super) turn: Turn,
    /// Batches of the past whose raw bytes may be in memory at a time: by our places among those who fetch their past.
    pub(super) raw_batches: usize,
    /// What the provider allows by the day.
    pub(crate) meter: Meter,
    /// What the server told of folders that are not filled yet.
    pub(super) ahead: Ahead,
    /// Octets received when a slice of the past last began or ended.
    pub(super) measured: Option<u64>,
    /// This connection among those of its mailbox.
    pub(super) hands: Hands,
    /// The last fetching left something out: the provider's limit for the day cut it short, or the folder could not be opened
    /// again in the middle of it.
    pub(super) short: bool,
    /// Whether we hear of every folder (NOTIFY).
    hearing: Hearing,
    /// The work is to end: nothing more is begun.
    pub(super) stop: CancellationToken,
    /// When the server was asked how full the mailbox is.
    pub(super) quota_asked: Option<Instant>,
    /// Folders that may be others by now.
    pub(super) doubts: &'a mut Doubts,
}

/// Where NOTIFY stands. It is off while bodies are fetched: Dovecot 2.3 writes its news into the middle of a message
/// when we read more slowly than it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// The server has no NOTIFY, or refuses it.
    Never,
    /// Every change is told.
    On,
    /// Changes are told to nobody.
    Off,
}

impl<'a> Visit<'a> {
    pub(super) async fn new(
        context: &'a Context,
        lease: &'a Lease,
        mailbox: &'a Mailbox,
        mut session: Session,
        stop: CancellationToken,
        doubts: &'a mut Doubts,
        hands: Hands,
    ) -> Result<Self> {
        doubts.begin_connection();
        if mailbox.read_only {
            session.read_only();
        }
        let enabled = enable(&mut session).await?;
        let abilities = Abilities {
            // What was ENABLED counts, not what was offered (one server confirms nothing).
            qresync: enabled
                .iter()
                .any(|name| name.eq_ignore_ascii_case("QRESYNC")),
            condstore: session.supports("CONDSTORE") || session.supports("QRESYNC"),
        };
        let known = folders::known(&context.store, &mailbox.id).await?;
        let stored = known.iter().filter(|folder| folder.mode != Mode::Off);
        let behind = Mark {
            behind: true,
            ..Mark::default()
        };
        let marks = stored.map(|folder| (folder.id.clone(), behind)).collect();
        let unfilled = |folder: &Known| folder.mode != Mode::Off && !folder.backfilled;
        let hearing = if hands.helps || !session.supports("NOTIFY") {
            Hearing::Never
        } else if known.is_empty() || known.iter().any(unfilled) {
            // Bodies are fetched first: it is turned on before the first wait.
            Hearing::Off
        } else if session.notify(NotifySet::Personal).await? {
            // Before anything is looked at: what changes from now on is told.
            Hearing::On
        } else {
            Hearing::Never
        };
        Ok(Self {
            context,
            lease,
            mailbox,
            session,
            abilities,
            known,
            news: News::default(),
            open: None,
            exists: None,
            open_next: None,
            marks,
            hold: 0,
            hold_at_least: 0,
            origin: Origin::CatchUp,
            gap_untold: true,
            last_round: None,
            counted: None,
            in_step: mailbox.connection.proven_alive_at,
            progress: false,
            idle_refused: false,
            turn: Turn::new(context.filling.clone()),
            raw_batches: RAW_BATCHES,
            meter: Meter::new(context, mailbox).await?,
            ahead: Ahead::default(),
            measured: None,
            hands,
            short: false,
            hearing,
            stop,
            quota_asked: None,
            doubts,
        })
    }

    /// With what earlier connections were told.
    pub(super) fn with(mut self, ahead: Ahead) -> Self {
        self.ahead = ahead;
        self
    }

    /// The folders that the mailbox's owner wants stored; `None`: the usual ones.
    pub(crate) fn mailbox_monitors(&self) -> Option<&[String]> {
        self.mailbox.monitored_folders.as_deref()
    }

    /// Works until the connection breaks, the mailbox changes, or the work is cancelled. Says whether
    /// anything was achieved, and how it ended.
    pub(super) async fn stay(
        mut self,
        state: &mut StateKeeper,
        isolation: &mut Isolation,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> (bool, Result<()>) {
        let ended = self.work(state, isolation, wake, cancel).await;
        self.news.log_alerts(self.context, &self.mailbox.id).await;
        let settled = Box::pin(self.settle_meter()).await;
        let ended = ended.and(settled);
        // Helpers end with the first; what they have not written by then is fetched again.
        self.stop.cancel();
        let _ = tokio::time::timeout(GOODBYE, self.hands.join()).await;
        if ended.is_ok() {
            say_goodbye(self.session).await;
        }
        (self.progress, ended)
    }

    async fn work(
        &mut self,
        state: &mut StateKeeper,
        isolation: &mut Isolation,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<()> {
        // All but the wait is boxed: a mailbox that waits keeps no room for what it did before.
        let began = Instant::now();
        loop {
            Box::pin(self.round(isolation, cancel)).await?;
            if cancel.is_cancelled() || self.doubts.is_another_connection_wanted() {
                return Ok(());
            }
            Box::pin(self.end_of_catching_up()).await?;
            Box::pin(state.alive(self.manner())).await?;
            // A report signs in anew: where one connection is allowed, that would be one too many.
            if self.meter.allowed().connections != Some(1) {
                state.report();
            }
            Box::pin(self.ask_for_quota()).await?;
            Box::pin(self.audit_if_due(isolation, cancel)).await?;
            let filled = Box::pin(self.slice(isolation, cancel)).await;
            if Box::pin(self.unless_gone(filled)).await?.unwrap_or(true) {
                if self.is_slowed(isolation) || Box::pin(self.mailbox_changed()).await? {
                    return Ok(());
                }
                // Before the round that follows, which finds what changed meanwhile.
                if self.unfilled().is_empty() {
                    Box::pin(self.listen()).await?;
                }
                continue;
            }
            if Box::pin(self.listen()).await? {
                continue;
            }
            self.turn.give_back();
            loop {
                let woken = self.wait(wake, cancel).await?;
                // Only what lasts is worth coming back at once: some servers hang up on whoever waits.
                self.progress |= began.elapsed() >= STEADY;
                let look = woken || self.round_is_due();
                let ends = cancel.is_cancelled() || self.doubts.is_another_connection_wanted();
                if ends || (look && Box::pin(self.mailbox_changed()).await?) {
                    return Ok(());
                }
                Box::pin(state.alive(self.manner())).await?;
                let round =
                    woken || Box::pin(self.act_on_news(isolation)).await? || self.round_is_due();
                if Box::pin(self.listen()).await? || round {
                    break;
                }
            }
        }
    }

    /// Octets received and sent on this connection.
    fn spent(&self) -> (u64, u64) {
        (self.session.bytes_received(), self.session.bytes_sent())
    }

    /// How many of these messages may be fetched now, in their order; octets of each.
    pub(super) async fn grant(&mut self, messages: &[u64], purpose: Purpose) -> Result<usize> {
        let spent = self.spent();
        let granted = self
            .meter
            .grant(self.context, self.lease, spent, messages, purpose);
        Ok(granted.await?)
    }

    /// When so many octets may be uploaded.
    pub(crate) async fn grant_upload(&mut self, octets: u64) -> Result<Upload> {
        let granted = self.meter.grant_upload(self.context, self.lease, octets);
        Ok(granted.await?)
    }

    /// Writes down what was used of the day's allowance.
    pub(super) async fn settle_meter(&mut self) -> Result<()> {
        let spent = self.spent();
        let settled = self.meter.settle(self.context, self.lease, spent);
        Ok(settled.await?)
    }

    /// Ends the connection where not even questions are allowed any more.
    pub(super) async fn afford_questions(&mut self) -> Result<()> {
        self.meter.refresh(self.context, self.mailbox).await?;
        if !self.meter.is_on() {
            return Ok(());
        }
        self.grant(&[], Purpose::New).await?;
        let now = self.context.store.now();
        match self.meter.used_up(self.spent(), now) {
            None => Ok(()),
            Some(until) => {
                let mut failure = connect::Failure::new("transfer_limit_reached", &[], None);
                failure.problem.until = Some(until);
                Err(SyncError::Connect(failure))
            }
        }
    }

    /// How often all folders are looked at.
    fn poll_every(&self) -> Duration {
        match self.meter.allowed().poll_minutes {
            Some(minutes) if !self.can_idle() => Duration::from_secs(minutes.unsigned_abs() * 60),
            _ => self.context.timing.poll,
        }
    }

    /// Whether the flags of a folder are to be compared in this round, if nothing else brings a look at it: those of the folder
    /// that is waited in each time, the others in turn.
    pub(super) fn is_comparison_due(&self, i: usize) -> bool {
        let folder = &self.known[i];
        let Some(compared) = self.mark(&folder.id).compared else {
            return true;
        };
        let round = self.context.timing.poll;
        let wanted = self.meter.allowed().poll_minutes;
        let wanted = wanted.map(|minutes| Duration::from_secs(minutes.unsigned_abs() * 60));
        let pause = match self.waited_in() == Some(i) {
            true => wanted.unwrap_or(round),
            false => plan::comparison_pause(folder.messages, round, wanted),
        };
        compared.elapsed() >= pause
    }

    /// How long the connection may be silent.
    pub(super) fn silence(&self) -> Duration {
        let timing = &self.context.timing;
        // Where nothing comes by itself, the next look is early enough; a connection that waits for news is asked for a proof of
        // its life long before any server would cut it: a line that broke in silence shows in nothing else.
        let wanted = match self.meter.allowed().poll_minutes {
            Some(_) if !self.can_idle() => self.poll_every(),
            _ => timing.proof.min(timing.poll),
        };
        let incoming = self.mailbox.incoming.as_ref();
        wanted.min(silence_max(
            incoming.and_then(connect::providers::cut_after),
        ))
    }

    /// Whether news comes by itself, or is asked for.
    fn manner(&self) -> ConnectionState {
        if self.can_idle() {
            ConnectionState::Live
        } else {
            ConnectionState::Polling
        }
    }

    /// Turns NOTIFY off before bodies are fetched.
    pub(super) async fn hush(&mut self) -> Result<()> {
        if self.hearing == Hearing::On {
            self.session.stop_notify().await?;
            self.hearing = Hearing::Off;
        }
        Ok(())
    }

    /// Turns NOTIFY on again. `true`: it was off, and only a round finds what changed meanwhile.
    async fn listen(&mut self) -> Result<bool> {
        if self.hearing != Hearing::Off {
            return Ok(false);
        }
        let heard = self.session.notify(NotifySet::Personal).await?;
        self.hearing = if heard { Hearing::On } else { Hearing::Never };
        // Not even the folders that are being filled put this round off.
        self.news.elsewhere = true;
        Ok(true)
    }

    /// Whether the server tells by itself what changes in folders that are not open.
    pub(super) fn hears_of_every_folder(&self) -> bool {
        self.hearing == Hearing::On
    }

    async fn mailbox_changed(&mut self) -> Result<bool> {
        Ok(super::differs(self.context, self.mailbox).await?)
    }

    pub(super) fn round_is_due(&self) -> bool {
        // Also with NOTIFY: servers were seen to keep the renaming of a folder to themselves.
        let every = self.poll_every();
        self.last_round.is_none_or(|at| at.elapsed() >= every)
            || self.until_tried_again() == Some(Duration::ZERO)
    }

    /// From here on, what comes is live. A gap that was filled is told.
    async fn end_of_catching_up(&mut self) -> Result<()> {
        self.origin = Origin::Live;
        if self.gap_untold {
            ingest::tell_gap(&self.context.store, self.lease).await?;
            self.gap_untold = false;
        }
        Ok(())
    }
}

/// How long a connection may be silent on a server that cuts it after so long, as far as is known.
fn silence_max(cut_after: Option<Duration>) -> Duration {
    let known = cut_after.map(|cut| cut.saturating_sub(BEFORE_CUT).max(cut / 2));
    known.map_or(SILENCE_MAX, |known| known.min(SILENCE_MAX))
}

/// The server will notice anyway; a goodbye is politeness with a short patience.
pub(super) async fn say_goodbye(session: Session) {
    let _ = tokio::time::timeout(GOODBYE, Box::pin(session.logout())).await;
}

/// Switches on what the server offers and we use; returns what it says is on.
async fn enable(session: &mut Session) -> Result<Vec<String>> {
    let mut changes: Vec<&str> = Vec::new();
    if session.supports("QRESYNC") {
        changes.extend(["QRESYNC", "CONDSTORE"]);
    }
    // In which form Gmail tells labels after it is written nowhere.
    if session.supports("X-GM-EXT-1") {
        return Ok(session.enable(&changes).await?);
    }
    let all = [&changes[..], &["IMAP4rev2", "UTF8=ACCEPT"]].concat();
    match session.enable(&all).await {
        Err(ImapError::No { .. } | ImapError::Bad { .. }) => Ok(session.enable(&changes).await?),
        enabled => Ok(enabled?),
    }
}

pub(super) fn since(folder: &Known, mailbox: &Mailbox) -> Option<Timestamp> {
    folder.since.or(mailbox.fetch_since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::mailbox::{Auth, Incoming, Protocol, Security};

    #[test]
    fn a_connection_is_never_silent_for_as_long_as_its_provider_bears() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(silence_max(None), minutes(25));
        assert_eq!(silence_max(Some(minutes(12))), minutes(10));
        assert_eq!(silence_max(Some(minutes(60))), minutes(25));
        assert_eq!(silence_max(Some(minutes(2))), minutes(1));
        let at = |host: &str| Incoming {
            protocol: Protocol::Imap,
            host: host.to_owned(),
            port: 993,
            security: Security::Tls,
            username: "ann".to_owned(),
            auth: Auth::Password,
            certificate_sha256: None,
        };
        let known = connect::providers::cut_after(&at("imap.gmx.net"));
        assert_eq!(known, Some(minutes(12)));
        assert_eq!(connect::providers::cut_after(&at("mail.example.org")), None);
    }
}
