//! Outlook.com, Microsoft 365 and Exchange Online.

use super::Moment::{Folder, Other, Sending, SignIn};
use super::{Family, READING, Row, SENDING, always, at};

pub(super) const MICROSOFT: Family = Family {
    providers: &["outlook", "microsoft-365"],
    rows: ROWS,
    instead: &[
        // Microsoft says the same of a wrong password and of every password: it takes none for reading any more.
        ("password_refused", READING, "ms.basic_disabled"),
        ("oauth_required", READING, "ms.basic_disabled"),
        ("oauth_token_refused", READING, "ms.authenticate_failed"),
        ("oauth_token_refused", SENDING, "ms.smtp_535"),
        ("too_many_connections", SENDING, "ms.smtp_concurrency"),
        ("smtp_auth_disabled", SENDING, "ms.smtp_tenant_disabled"),
    ],
};

/// Mailboxes of Microsoft 365 that others sell under hosts of their own.
pub(super) const RESOLD: Family = Family {
    providers: &["godaddy"],
    rows: &[always(
        "smtpclientauthentication is disabled",
        "ms.smtp_tenant_disabled",
    )],
    instead: &[],
};

const ROWS: &[Row] = &[
    always("authenticated but not connected", "ms.not_connected"),
    at(SignIn, "logondenied", "ms.logon_denied_app"),
    at(SignIn, "server unavailable. 15", "ms.server_unavailable_15"),
    at(Other, "command error. 1", "ms.command_error"),
    at(Folder, "command error. 1", "ms.command_error"),
    always(
        "smtpclientauthentication is disabled",
        "ms.smtp_tenant_disabled",
    ),
    always(
        "basic authentication is not supported for client submission",
        "ms.smtp_basic_retired",
    ),
    always("basic authentication is disabled", "ms.basic_disabled"),
    always("basicauthblocked", "ms.basic_disabled"),
    always("sender thread limit exceeded", "ms.smtp_concurrency"),
    // Many things are told with this word; these two are not about how much was sent.
    at(Sending, "sendasdenied", "smtp_sender_refused"),
    at(Sending, "send as this sender", "smtp_sender_refused"),
    at(Sending, "5.2.2 mailbox full", "ms.mailbox_full"),
    // 5.2.0 is everything that the mailbox store refuses; only with these words it is how much was sent.
    at(Sending, "5.2.0 storedrv*submissionquota", "ms.smtp_daily"),
    at(Sending, "5.2.0 storedrv*limit", "ms.smtp_daily"),
    at(Sending, "5.2.0 storedrv*too many", "ms.smtp_daily"),
];
