//! Who wrote a message, as far as its header tells: a mail system, an answering machine, a list, or a person.

use super::{field, phrases};
use crate::mime::{Part, Tree};
use crate::read::Head;

/// What the header tells.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// A mail system by its name: `MAILER-DAEMON`, "Mail Delivery Subsystem".
    pub(super) daemon: bool,
    /// A name that people use too: `postmaster`, "System Administrator".
    pub(super) administrator: bool,
    /// `Return-Path: <>`: nothing that may be answered by a machine.
    pub(super) null_sender: bool,
    /// From a mailing list or a newsletter.
    pub(super) listed: bool,
    /// `Auto-Submitted` says anything but "no".
    pub(super) automatic: bool,
    /// A field that only bounces have.
    pub(super) bounce_field: bool,
    /// `multipart/report` for delivery at the root.
    pub(super) delivery_report: bool,
    /// It answers something by its ids or its subject.
    pub(super) answers: bool,
    /// Its subject begins with "Re:" or the like.
    pub(super) answers_by_subject: bool,
    /// The subject tells of a failed delivery.
    pub(super) failure_subject: bool,
    /// The subject tells of a delay.
    pub(super) delay_subject: bool,
    /// The subject tells of a delivery.
    pub(super) success_subject: bool,
}

impl Signals {
    pub(super) fn of(tree: &Tree<'_>, root: &Part<'_>, head: &Head) -> Self {
        let is = |name: &str| root.fields.get(name).is_some();
        let subject = head.subject.as_deref().unwrap_or_default().to_lowercase();
        let any = |list: &[&str]| list.iter().any(|word| subject.contains(word));
        let submitted = field(root, "Auto-Submitted").trim().to_ascii_lowercase();
        let (daemon, administrator) = author(head);
        let answers_by_subject = crate::subject::bare(&subject, true).answers;
        let return_path: String = field(root, "Return-Path").split_whitespace().collect();
        Self {
            daemon,
            administrator,
            null_sender: return_path == "<>",
            listed: is("List-Id") || is("List-Unsubscribe") || is("List-Post"),
            automatic: !submitted.is_empty() && !submitted.starts_with("no"),
            bounce_field: is("X-Failed-Recipients")
                || is("X-MS-Exchange-Message-Is-Ndr")
                || is("X-Mailer-Daemon")
                || is("X-Yandex-Bounce"),
            delivery_report: tree.parts.iter().any(|part| {
                part.is("multipart/report")
                    && part.parent.is_none()
                    && part
                        .content_type
                        .get("report-type")
                        .is_some_and(|t| t.to_ascii_lowercase().contains("delivery"))
            }),
            answers: head.in_reply_to.is_some()
                || !head.references.is_empty()
                || answers_by_subject,
            answers_by_subject,
            delay_subject: any(phrases::DELAY_SUBJECTS),
            success_subject: any(phrases::SUCCESS_SUBJECTS),
            failure_subject: any(phrases::FAILURE_SUBJECTS),
        }
    }

    /// No person wrote it.
    pub(super) fn by_machine(&self) -> bool {
        self.daemon
            || self.null_sender
            || self.bounce_field
            || (self.automatic && self.administrator)
    }

    /// It calls itself a bounce, whatever else it has of an answering machine: some servers mark their bounces as answers.
    pub(super) fn bounces_by_name(&self) -> bool {
        let tells = self.failure_subject || self.delay_subject || self.success_subject;
        self.daemon
            || self.bounce_field
            || self.delivery_report
            || (tells && !self.answers_by_subject && (self.null_sender || self.administrator))
    }
}

/// Whether a mail system, or somebody who looks after one, is the author.
fn author(head: &Head) -> (bool, bool) {
    let (mut daemon, mut administrator) = (false, false);
    for from in &head.from {
        let address = from.key();
        let local = address.split('@').next().unwrap_or_default();
        let local: String = local.chars().filter(|c| c.is_alphanumeric()).collect();
        let name = from.name.as_deref().unwrap_or_default().to_lowercase();
        daemon |= phrases::DAEMONS.iter().any(|d| local.starts_with(d))
            || phrases::DAEMON_NAMES.iter().any(|d| name.contains(d));
        administrator |= local.starts_with("postmaster")
            || local.starts_with("hostmaster")
            || phrases::ADMINISTRATORS.iter().any(|d| name.contains(d));
    }
    (daemon, administrator)
}
