//! Outlook.com, Microsoft 365 and Exchange Online.

use super::super::Entry;
use model::problem::Retry::{AfterChange, Backoff, PauseUntil};
use model::report::StepCode::{Folders, Login, Read, Send, Smtp};

const BOTH: &[&str] = &["outlook", "microsoft-365"];
const COMPANY: &[&str] = &["microsoft-365"];
const OUTLOOK_IMAP: Option<&str> = Some(
    "https://support.office.com/article/pop-imap-and-smtp-settings-for-outlook-com-d088b986-291d-42b8-9564-9c414e2aa040",
);
const COMPANY_IMAP: Option<&str> = Some(
    "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/pop3-and-imap4/enable-or-disable-pop3-or-imap4-access",
);

pub(in super::super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "ms.not_connected",
        step: Some(Folders),
        title: "Microsoft took the sign-in, but did not open the mailbox",
        cause: "Microsoft took the sign-in of {user} and gave no access to the mailbox. It has four causes, and Microsoft does not tell which.",
        remedy: "Switch IMAP on in Outlook: Settings, Mail, Forwarding and IMAP, let devices and apps use IMAP.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &[
            "Another person signed in: the one who signs in has to own this mailbox, or to have full access to it.",
            "The address belongs to a personal and to a work account, and the other one was chosen.",
            "Too many programs are connected: close some and wait 15 minutes.",
        ],
        providers: BOTH,
        kind_of: Some("mailbox_not_accessible"),
        url: OUTLOOK_IMAP,
        ..Entry::BASE
    },
    Entry {
        id: "ms.basic_disabled",
        step: Some(Login),
        title: "Microsoft takes no passwords any more",
        cause: "Microsoft refused the password for {user}: for reading it takes neither passwords nor app passwords, and for sending none where that is switched off.",
        remedy: "Use the sign-in with Microsoft (OAuth 2) instead of a password.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &["A policy of the organisation blocks older ways to sign in."],
        providers: BOTH,
        kind_of: Some("oauth_required"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.smtp_tenant_disabled",
        step: Some(Smtp),
        title: "Sending with a sign-in is switched off in Microsoft 365",
        cause: "Microsoft says that authenticated SMTP is off, for the organisation or for this mailbox; it does not tell which.",
        remedy: "The administrator switches it on: admin centre, the user, Mail, Manage email apps, Authenticated SMTP.",
        action: "contact_provider",
        retry: AfterChange,
        likely_others: &[
            "It is off for the whole organisation: its administrator switches it on there, or for this mailbox only.",
            "Security defaults are on: they keep authenticated SMTP off.",
        ],
        providers: &["microsoft-365", "godaddy"],
        kind_of: Some("smtp_auth_disabled"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.smtp_basic_retired",
        step: Some(Smtp),
        title: "Microsoft takes no passwords for sending any more",
        cause: "Microsoft has ended sending with a password for this organisation.",
        remedy: "Use the sign-in with Microsoft (OAuth 2) for sending as well.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &["Until it is gone for good, an administrator can switch it on again."],
        providers: COMPANY,
        kind_of: Some("oauth_required"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.smtp_535",
        step: Some(Smtp),
        title: "Microsoft refused the token for sending",
        cause: "Microsoft refused the token for {user}: it lacks the right to send, or the user name is not the person who signed in. It does not tell which.",
        remedy: "Sign in with Microsoft again and grant the right to send (SMTP.Send).",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "For a shared mailbox, the user name for sending is the person who signed in, not the mailbox.",
            "Authenticated SMTP is off for this mailbox: its administrator switches it on.",
        ],
        providers: BOTH,
        kind_of: Some("oauth_token_refused"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.authenticate_failed",
        step: Some(Login),
        title: "Microsoft refused the token",
        cause: "Microsoft refused the token for {user}. It has four causes, and Microsoft does not tell which.",
        remedy: "Sign in with Microsoft again, as the owner of this mailbox, and grant access to mail (IMAP.AccessAsUser.All).",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The user name is not the mailbox: for reading a shared mailbox it is the shared address.",
            "IMAP is switched off for this mailbox: its owner or administrator switches it on.",
            "The person who signed in has no full access to this shared mailbox.",
        ],
        providers: BOTH,
        kind_of: Some("oauth_token_refused"),
        url: COMPANY_IMAP,
        ..Entry::BASE
    },
    Entry {
        id: "ms.logon_denied_app",
        step: Some(Login),
        title: "Exchange gives the app no access to the mailbox",
        cause: "Microsoft took the app's sign-in, but Exchange does not know the app or gave it no right on the mailbox of {user}.",
        remedy: "The administrator registers the app's service principal in Exchange and grants it full access to this mailbox.",
        action: "contact_provider",
        retry: AfterChange,
        likely_others: &[
            "The service principal was registered with the id of the app instead of its own.",
        ],
        providers: COMPANY,
        kind_of: Some("mailbox_not_accessible"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.command_error",
        step: Some(Read),
        title: "Microsoft ended the session",
        cause: "Microsoft took no more commands in this session: the token expired or was withdrawn in its midst.",
        remedy: "Nothing to change: Postroom renews the token and connects again. If it returns, sign in again.",
        action: "wait",
        retry: Backoff,
        likely_others: &["Microsoft moved the mailbox to another machine."],
        providers: BOTH,
        kind_of: Some("server_unavailable"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.server_unavailable_15",
        step: Some(Login),
        title: "Microsoft takes no password here",
        cause: "Microsoft answers a password with \"Server Unavailable\" where only the sign-in with Microsoft works.",
        remedy: "Use the sign-in with Microsoft (OAuth 2) instead of a password.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The id of an app was entered as user name: the mailbox's address belongs there.",
        ],
        providers: COMPANY,
        kind_of: Some("oauth_required"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.smtp_concurrency",
        step: Some(Send),
        title: "Microsoft takes only three messages at once",
        cause: "Microsoft allows three connections for sending from one mailbox at a time, and all are taken.",
        remedy: "Nothing to change: Postroom sends from one mailbox one message after the other.",
        action: "wait",
        retry: Backoff,
        likely_others: &["Another program sends from the same mailbox."],
        providers: COMPANY,
        kind_of: Some("too_many_connections"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.smtp_daily",
        step: Some(Send),
        title: "Microsoft's sending limit for a day is reached",
        cause: "Microsoft lets one mailbox send to so many recipients in a day, 10,000 as a rule, and that is used up.",
        remedy: "Nothing to change: Postroom sends the rest when the limit is lifted. More at once needs more senders.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &[
            "New and trial organisations have much lower limits.",
            "Another program sends from the same mailbox.",
        ],
        providers: COMPANY,
        kind_of: Some("smtp_limit_reached"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.mailbox_full",
        step: Some(Send),
        title: "The mailbox is full, so Microsoft does not send",
        cause: "Microsoft stores a copy of each message that is sent, and the mailbox of {user} has no space left for it.",
        remedy: "Empty Sent Items or Deleted Items, or add a rule that removes old mail.",
        action: "free_space",
        retry: AfterChange,
        likely_others: &["The administrator can give the mailbox more space or an archive."],
        providers: COMPANY,
        kind_of: Some("quota_exceeded"),
        ..Entry::BASE
    },
    Entry {
        id: "ms.aadsts_redirect",
        step: Some(Login),
        title: "Microsoft does not know the way back to Postroom",
        cause: "Microsoft stopped the sign-in: the redirect address differs from the one in the app's registration (AADSTS50011).",
        remedy: "Copy Postroom's exact redirect address into the app's registration, or sign in by device code.",
        action: "contact_administrator",
        retry: AfterChange,
        likely_others: &["`public_url` is not set to the address that people open Postroom with."],
        providers: BOTH,
        ..Entry::BASE
    },
    Entry {
        id: "ms.aadsts_secret",
        step: Some(Login),
        title: "Microsoft wants the app's secret",
        cause: "Microsoft stopped the sign-in: the app is registered as confidential, and Postroom has no client secret for it (AADSTS7000218).",
        remedy: "Add the client secret in Postroom, or register the redirect address under mobile and desktop applications.",
        action: "contact_administrator",
        retry: AfterChange,
        likely_others: &[
            "The client secret has expired: make a new one in the app's registration.",
        ],
        providers: BOTH,
        ..Entry::BASE
    },
    Entry {
        id: "ms.wrong_identity",
        step: Some(Folders),
        title: "Somebody else signed in",
        cause: "Microsoft signed in another person than {user}: the browser was signed in already.",
        remedy: "Open the sign-in in a private window, or choose the account that owns this mailbox.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &["This is a shared mailbox: then say so, and name who signs in."],
        providers: BOTH,
        kind_of: Some("mailbox_not_accessible"),
        ..Entry::BASE
    },
];
