//! What machines send back about another message: bounces and delivery notices (RFC 3464 and the many that are not),
//! reading receipts (RFC 8098), complaints (RFC 5965), automatic answers (RFC 3834), and requests to prove that one is a person.
//!
//! * [`delivery`], [`receipt`], [`complaint`]: the parts that were made for machines
//! * [`prose`]: bounces in words, by what mail systems write ([`phrases`])
//! * [`automatic`]: answering machines
//! * [`original`]: which message it is about
//!
//! Anybody can write such a report. It says what it says, with a [`Confidence`]; nothing here makes it true.

mod answer_phrases;
mod automatic;
mod complaint;
mod delivery;
mod fields;
mod original;
mod phrases;
mod prose;
mod receipt;
mod signals;

use crate::certified;
use crate::header;
use crate::mime::{Kind, Part, Tree};
use crate::read::Head;
use original::Original;
use serde::{Deserialize, Serialize};
use signals::Signals;
use utoipa::ToSchema;

/// Recipients kept of one report.
pub const MAX_RECIPIENTS: usize = 500;
/// Bytes of text that are looked at for a report in words.
const MAX_PROSE: usize = 32 * 1024;

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Not delivered to at least one recipient.
    Bounce,
    /// Not delivered yet; the server keeps trying.
    Delayed,
    /// Delivered or passed on.
    Delivered,
    /// A recipient called it unwanted.
    Complaint,
    /// Certified mail: the sender's provider took it, and says so with a receipt.
    Accepted,
    /// Displayed to the recipient.
    Read,
    /// An answering machine.
    AutoReply,
    /// An answering machine that says that its owner is away.
    OutOfOffice,
    /// A machine keeps the message back until its sender proves to be a person.
    Challenge,
}

/// How sure it is that the message is such a report.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Some words say so.
    #[default]
    Guess,
    /// A machine's words in a known form.
    Likely,
    /// A part or a field that was made to say just this.
    Certain,
}

/// What a reading receipt says has happened (RFC 8098 section 3.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// It was shown to the recipient.
    Displayed,
    /// It was deleted; maybe unread.
    Deleted,
    /// The recipient does not want to tell.
    Denied,
    /// It was handled without being shown: passed on, printed, processed.
    Processed,
    /// Handling it failed.
    Failed,
}

/// A report with the recipients it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// What happened: to all recipients, or the worst of it.
    pub kind: ReportKind,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Confidence,
    /// To whom; empty where the report does not say.
    pub recipients: Vec<ReportRecipient>,
    /// Of a reading receipt: what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// `Original-Envelope-Id`: what the sender's server was told with the message (ENVID, RFC 3461).
    #[serde(default)]
    pub envelope_id: Option<String>,
    /// Message-ID of the message it is about, without angle brackets.
    #[serde(default)]
    pub original_message_id: Option<String>,
    /// Subject of the message it is about.
    #[serde(default)]
    pub original_subject: Option<String>,
    /// Whom the message it is about was written to.
    #[serde(default)]
    pub original_to: Vec<String>,
}

/// The fate of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportRecipient {
    /// As the sender wrote it where the report says so.
    pub address: String,
    /// What happened to this one.
    pub kind: ReportKind,
    /// Enhanced status code (RFC 3463), like "5.1.1".
    pub status: Option<String>,
    /// The remote server's reply code, like 550.
    #[serde(default)]
    pub code: Option<u16>,
    /// Trying again is useless.
    pub permanent: bool,
    /// What the remote server said.
    pub diagnostic: Option<String>,
}

impl ReportRecipient {
    pub(crate) fn new(address: String, kind: ReportKind) -> Self {
        Self {
            address,
            kind,
            status: None,
            code: None,
            permanent: false,
            diagnostic: None,
        }
    }
}

impl Report {
    pub(crate) fn new(kind: ReportKind, confidence: Confidence) -> Self {
        Self {
            kind,
            confidence,
            recipients: Vec::new(),
            disposition: None,
            envelope_id: None,
            original_message_id: None,
            original_subject: None,
            original_to: Vec::new(),
        }
    }

    fn about(mut self, original: Original) -> Self {
        self.original_message_id = self.original_message_id.or(original.message_id);
        self.original_subject = self.original_subject.or(original.subject);
        if self.original_to.is_empty() {
            self.original_to = original.to;
        }
        self
    }
}

/// Recognises a report in a parsed message.
pub(crate) fn find(tree: &Tree<'_>, head: &Head, text: &str) -> Option<Report> {
    let root = tree.parts.first()?;
    if let Some(certified) = certified::find(tree) {
        let local = |person: &crate::Address| person.key().starts_with("posta-certificata@");
        // An envelope is somebody's message, whatever it says.
        return certified::report(&certified, head.from.iter().any(local));
    }
    let signals = Signals::of(tree, root, head);
    let report = for_machines(tree, &signals)
        .map(|(report, words_too)| {
            let original = original::in_parts(tree);
            let report = report.about(original);
            if !words_too {
                return report;
            }
            // The part names nobody, or does not say which message: the words beside it may.
            prose::complete(report, head, prose::start(text))
        })
        .or_else(|| in_words(tree, &signals, head, text))?;
    Some(report.about(Original {
        message_id: answered(head),
        ..Original::default()
    }))
}

/// A report in a part that was made for machines, and whether words beside it may say more.
fn for_machines(tree: &Tree<'_>, signals: &Signals) -> Option<(Report, bool)> {
    let parts = |types: &[&str]| -> Vec<&Part<'_>> {
        let ours = |n: usize| stands_for_the_message(tree, n, signals);
        let wanted = tree.parts.iter().enumerate();
        wanted
            .filter(|(n, p)| types.contains(&p.content_type.value.as_str()) && ours(*n))
            .map(|(_, part)| part)
            .collect()
    };
    let found = parts(&["message/delivery-status", "message/global-delivery-status"]);
    if !found.is_empty() {
        return Some((delivery::read(&found), true));
    }
    let found = parts(&[
        "message/disposition-notification",
        "message/global-disposition-notification",
    ]);
    if let Some(report) = found.first().and_then(|part| receipt::read(part)) {
        return Some((report, false));
    }
    let found = parts(&["message/feedback-report"]);
    found
        .first()
        .map(|part| (complaint::read(part, tree), false))
}

/// A part is the message's own report in a `multipart/report`, whatever a gateway wrapped around that, and elsewhere only
/// where a machine wrote the message: people pass bounces on, as attachments or with their parts. (What lies in an inner
/// message is never the message's own.)
fn stands_for_the_message(tree: &Tree<'_>, number: usize, signals: &Signals) -> bool {
    let mut at = tree.parts.get(number).and_then(|part| part.parent);
    let mut depth = 0;
    let mut in_report = false;
    while let Some(part) = at.and_then(|n| tree.parts.get(n)) {
        if part.kind != Kind::Multipart {
            return false;
        }
        in_report |= depth == 0 && part.is("multipart/report");
        depth += 1;
        at = part.parent;
    }
    (in_report && depth <= 1) || signals.by_machine()
}

/// A report that only people were meant to read.
fn in_words(tree: &Tree<'_>, signals: &Signals, head: &Head, text: &str) -> Option<Report> {
    let start = prose::start(text);
    if signals.bounces_by_name()
        && let Some(report) = prose::bounce(tree, signals, head, start)
    {
        return Some(report);
    }
    automatic::challenge(signals, head, start)
        .or_else(|| receipt::in_words(signals, head, start))
        .or_else(|| automatic::answer(tree, head, start))
        .or_else(|| prose::bounce(tree, signals, head, start))
}

/// What the message says it answers.
fn answered(head: &Head) -> Option<String> {
    let last = || head.references.last();
    head.in_reply_to.as_ref().or_else(last).cloned()
}

/// A field of the message's header as text, short.
fn field(part: &Part<'_>, name: &str) -> String {
    const MAX: usize = 16 * 1024;
    part.fields
        .get(name)
        .map(|value| String::from_utf8_lossy(header::cap(value, MAX)).into_owned())
        .unwrap_or_default()
}
