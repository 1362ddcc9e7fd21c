//! Obeys what a provider allows by the day (invariant 44): octets and messages are set aside in the store before they are
//! fetched, and what a connection did not need is given back at its end. A crash leaves too much set aside and never too
//! little.
//!
//! Filling the past leaves a tenth of the day's octets to new mail and to the questions that find it.

use crate::Context;
use model::Timestamp;
use model::mailbox::Mailbox;
use model::traffic::{Allowed, Used};
use store::StoreError;
use store::leases::Lease;
use store::traffic::{self, Amount};

/// Octets for questions and answers about messages that are set aside at once: at most, at least, and the part of a day's.
const CHATTER_MAX: i64 = 256 << 10;
const CHATTER_MIN: i64 = 8 << 10;
const CHATTER_PART: i64 = 50;
/// Octets around each message: its flags, date and sizes, asked for and told.
const AROUND: i64 = 256;
/// The part of a day's octets that filling the past leaves to new mail.
const KEPT: i64 = 10;

/// For what is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// New mail, or what a person waits for: all that is allowed.
    New,
    /// The past.
    Past,
}

/// When something may be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    /// Now.
    Now,
    /// Not before this time.
    Later(Timestamp),
    /// At no time: it is more than is allowed in a day.
    Never,
}

/// Counts one connection.
#[derive(Debug)]
pub(crate) struct Meter {
    allowed: Allowed,
    /// Set aside for this connection so far.
    aside: Amount,
    /// Messages fetched on this connection.
    messages: i64,
    /// Until when the past waits.
    past_waits: Option<Timestamp>,
    /// The same, as the store knows it: perhaps from another connection, under other limits.
    told: Option<Timestamp>,
    /// When the oldest of what was used counts no more, as of the last question.
    opens_at: Option<Timestamp>,
    /// Until when new mail waits.
    pub(crate) new_waits: Option<Timestamp>,
}

impl Meter {
    /// For a connection of this mailbox.
    pub(crate) async fn new(context: &Context, mailbox: &Mailbox) -> Result<Self, StoreError> {
        Ok(Self {
            allowed: allowed(context, mailbox).await?,
            aside: Amount::default(),
            messages: 0,
            past_waits: None,
            told: mailbox.coverage.waits_until,
            opens_at: None,
            new_waits: None,
        })
    }

    /// What is allowed.
    pub(crate) const fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Whether anything is limited by the day.
    pub(crate) const fn is_on(&self) -> bool {
        self.allowed.by_the_day()
    }

    /// Whether there is nothing to be had for a purpose until a time that has not come.
    pub(crate) fn waits(&self, purpose: Purpose, now: Timestamp) -> bool {
        let until = match purpose {
            Purpose::New => self.new_waits,
            Purpose::Past => self.past_waits,
        };
        until.is_some_and(|until| until > now)
    }

    /// How many octets, and how many messages, may be fetched of what is wanted. `spent`: octets received and sent on this
    /// connection so far. Where it is not all, it is noted until when the rest waits.
    pub(crate) async fn grant(
        &mut self,
        context: &Context,
        lease: &Lease,
        spent: (u64, u64),
        messages: &[u64],
        purpose: Purpose,
    ) -> Result<usize, StoreError> {
        if !self.is_on() {
            self.tell(context, lease, None).await?;
            return Ok(messages.len());
        }
        let a_day = self.allowed.bytes_down.unwrap_or(i64::MAX);
        let chatter = (a_day / CHATTER_PART).clamp(CHATTER_MIN, CHATTER_MAX);
        let received = signed(spent.0);
        let count = signed(messages.len() as u64);
        let octets = messages
            .iter()
            .fold(0i64, |sum, size| sum.saturating_add(weight(*size)));
        let need = Amount {
            bytes_down: (received + chatter).saturating_add(octets) - self.aside.bytes_down,
            bytes_up: 0,
            messages: (self.messages + count) - self.aside.messages,
        };
        let need = Amount {
            bytes_down: need.bytes_down.max(0),
            bytes_up: 0,
            messages: need.messages.max(0),
        };
        let mut allowed = self.allowed;
        if purpose == Purpose::Past {
            allowed.bytes_down = allowed.bytes_down.map(|octets| octets - octets / KEPT);
        }
        let (granted, used) = traffic::set_aside(&context.store, lease, need, allowed).await?;
        self.opens_at = used.opens_at;
        self.aside.bytes_down += granted.bytes_down;
        self.aside.messages += granted.messages;
        let mut left = self.aside.bytes_down - received - chatter;
        let most = usize::try_from((self.aside.messages - self.messages).max(0)).unwrap_or(0);
        let mut fits = 0;
        for size in messages.iter().take(most) {
            left -= weight(*size);
            if left < 0 {
                break;
            }
            fits += 1;
        }
        let waits = (fits < messages.len()).then(|| opens(&used, context.store.now()));
        match purpose {
            Purpose::New => self.new_waits = waits,
            Purpose::Past => {
                self.past_waits = waits;
                self.tell(context, lease, waits).await?;
            }
        }
        Ok(fits)
    }

    /// Writes down until when the past waits, where it is another time than before.
    async fn tell(
        &mut self,
        context: &Context,
        lease: &Lease,
        waits: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        if self.told != waits {
            traffic::filling_waits(&context.store, lease, waits).await?;
            self.told = waits;
        }
        Ok(())
    }

    /// Reads again what is allowed, which a server profile may say anew at any time.
    pub(crate) async fn refresh(
        &mut self,
        context: &Context,
        mailbox: &Mailbox,
    ) -> Result<(), StoreError> {
        if mailbox.server_profile_id.is_none() {
            return Ok(());
        }
        let now = allowed(context, mailbox).await?;
        if now != self.allowed {
            self.allowed = now;
            self.past_waits = None;
            self.new_waits = None;
        }
        Ok(())
    }

    /// When so many octets may be uploaded.
    pub(crate) async fn grant_upload(
        &mut self,
        context: &Context,
        lease: &Lease,
        octets: u64,
    ) -> Result<Upload, StoreError> {
        if !self.is_on() {
            return Ok(Upload::Now);
        }
        let need = Amount {
            bytes_up: signed(octets).saturating_add(CHATTER_MIN),
            ..Amount::default()
        };
        if self
            .allowed
            .bytes_up
            .is_some_and(|most| most < need.bytes_up)
        {
            return Ok(Upload::Never);
        }
        let (granted, used) = traffic::set_aside(&context.store, lease, need, self.allowed).await?;
        self.aside.bytes_up += granted.bytes_up;
        Ok(match granted.bytes_up < need.bytes_up {
            true => Upload::Later(opens(&used, context.store.now())),
            false => Upload::Now,
        })
    }

    /// When the connection has had all that is allowed: until when there is no more.
    pub(crate) fn used_up(&self, spent: (u64, u64), now: Timestamp) -> Option<Timestamp> {
        let over = self.allowed.bytes_down.is_some() && self.aside.bytes_down < signed(spent.0);
        over.then(|| self.opens_at.unwrap_or(now).max(now.plus_millis(60_000)))
    }

    /// So many messages were fetched.
    pub(crate) fn fetched(&mut self, messages: i64) {
        self.messages += messages;
    }

    /// Writes what was used, and gives back the rest of what was set aside.
    pub(crate) async fn settle(
        &mut self,
        context: &Context,
        lease: &Lease,
        spent: (u64, u64),
    ) -> Result<(), StoreError> {
        if !self.is_on() {
            return Ok(());
        }
        let now = Amount {
            bytes_down: signed(spent.0),
            bytes_up: signed(spent.1),
            messages: self.messages,
        };
        let difference = Amount {
            bytes_down: now.bytes_down - self.aside.bytes_down,
            bytes_up: now.bytes_up - self.aside.bytes_up,
            messages: now.messages - self.aside.messages,
        };
        traffic::settle(&context.store, lease, difference).await?;
        self.aside = now;
        Ok(())
    }
}

/// What a mailbox's provider allows, as the mailbox, its server profile or the table of providers says.
pub(crate) async fn allowed(context: &Context, mailbox: &Mailbox) -> Result<Allowed, StoreError> {
    let Some(incoming) = &mailbox.incoming else {
        return Ok(Allowed::default());
    };
    let limits = store::server_profiles::limits_of(&context.store, mailbox).await?;
    Ok(connect::providers::allowed(incoming, limits))
}

fn opens(used: &Used, now: Timestamp) -> Timestamp {
    used.opens_at.unwrap_or(now).max(now.plus_millis(60_000))
}

fn weight(size: u64) -> i64 {
    signed(size).saturating_add(AROUND)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX / 4)
}
