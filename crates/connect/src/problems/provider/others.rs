//! Providers with one or two texts of their own.

use super::super::Entry;
use model::problem::Retry::{AfterChange, Backoff, PauseUntil};
use model::report::StepCode::{Folders, Login, Read, Send, Smtp};

pub(in super::super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "yahoo.too_many_bad",
        step: Some(Login),
        title: "Yahoo wants an app password",
        cause: "Yahoo counted too many wrong sign-ins of {user}; as a rule, the account's own password was used.",
        remedy: "Make an app password in the account's security settings and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["Another program still tries an old password: change it there too."],
        providers: &["yahoo", "aol"],
        kind_of: Some("app_password_required"),
        url: Some("https://help.yahoo.com/kb/SLN15241.html"),
        ..Entry::BASE
    },
    Entry {
        id: "icloud.auth",
        step: Some(Login),
        title: "Apple refused the sign-in",
        cause: "Apple refused the user name or password for {user}: it takes app-specific passwords only, and no alias as user name.",
        remedy: "Make an app-specific password in the Apple account and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "The user name for reading is the part before the @ of the primary iCloud address, not of an alias.",
            "The Apple account's password was changed: that withdraws every app-specific password.",
        ],
        providers: &["icloud"],
        kind_of: Some("password_refused"),
        url: Some("https://support.apple.com/en-us/HT204397"),
        ..Entry::BASE
    },
    Entry {
        id: "netease.unsafe_login",
        step: Some(Folders),
        title: "NetEase wants to know the mail program",
        cause: "NetEase does not open the mailbox: the mail program did not say its name (ID), or a person has to confirm the sign-in.",
        remedy: "Postroom says its name to this provider; if this stays, sign in on NetEase's page and confirm there.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &["The client authorisation code was withdrawn: make a new one."],
        providers: &["netease-163", "netease-126", "netease-yeah", "netease-qiye"],
        kind_of: Some("browser_confirmation_required"),
        url: Some("https://mail.163.com/"),
        ..Entry::BASE
    },
    Entry {
        id: "qq.auth_code",
        step: Some(Login),
        title: "QQ wants the authorisation code",
        cause: "QQ takes its authorisation code of 16 letters instead of the account's password, and what was sent is not the right one.",
        remedy: "Make an authorisation code in QQ Mail, Settings, Account, and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "The password of the QQ account was changed: that withdraws the authorisation codes.",
        ],
        providers: &["qq"],
        kind_of: Some("app_password_required"),
        url: Some("https://service.mail.qq.com/cgi-bin/help?subtype=1&id=28&no=331"),
        ..Entry::BASE
    },
    Entry {
        id: "qq.login_fail",
        step: Some(Login),
        title: "QQ refused the sign-in without saying why",
        cause: "QQ has one text for four causes and does not tell which: the service is off, the code is wrong, too many tries, or QQ is busy.",
        remedy: "Check in QQ Mail that IMAP/SMTP is on, then make a new authorisation code and enter it here.",
        action: "enter_password",
        // Two of the four causes end by themselves and two do not. So it is tried once more after a pause, and held when it comes
        // again: see `may_be_the_secret`.
        retry: PauseUntil,
        likely_others: &[
            "Too many tries in a short time: wait 15 minutes before the next.",
            "QQ is busy: Postroom tries once more after a pause, then waits for you.",
        ],
        providers: &["qq"],
        kind_of: Some("sign_in_refused_unclear"),
        url: Some("https://service.mail.qq.com/cgi-bin/help?subtype=1&id=28&no=331"),
        ..Entry::BASE
    },
    Entry {
        id: "yandex.invalid_or_off",
        step: Some(Login),
        title: "Yandex refused the sign-in without saying why",
        cause: "Yandex has one text for two causes and does not tell which: a wrong app password, or IMAP switched off.",
        remedy: "Switch IMAP on first (Settings, Email clients), then make an app password for mail and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["The app password was made for something else than mail."],
        providers: &["yandex"],
        kind_of: Some("sign_in_refused_unclear"),
        url: Some("https://yandex.com/support/mail/mail-clients/others.html"),
        ..Entry::BASE
    },
    Entry {
        id: "mailru.app_password",
        step: Some(Login),
        title: "Mail.ru wants a password for external applications",
        cause: "Mail.ru does not take the account's own password from mail programs.",
        remedy: "Make a password for external applications in the Mail.ru account and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["The account's password was changed: that withdraws these passwords."],
        providers: &["mail-ru"],
        kind_of: Some("app_password_required"),
        url: Some("https://help.mail.ru/mail/security/protection/external"),
        ..Entry::BASE
    },
    Entry {
        id: "zoho.imap_off",
        step: Some(Login),
        title: "IMAP is switched off at Zoho",
        cause: "Zoho says that IMAP is off. It has two switches, one of the mailbox and one of the organisation, and does not tell which.",
        remedy: "Switch IMAP access on: Settings, Mail Accounts, your address, IMAP.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &[
            "The organisation's administrator has to allow IMAP too.",
            "The plan of this account does not include IMAP.",
        ],
        providers: &[
            "zoho",
            "zoho-eu",
            "zoho-in",
            "zoho-au",
            "zoho-jp",
            "zoho-ca",
            "zoho-workplace",
        ],
        kind_of: Some("imap_disabled"),
        url: Some("https://www.zoho.com/mail/help/imap-access.html#EnableIMAP"),
        ..Entry::BASE
    },
    Entry {
        id: "free.smtp_off",
        step: Some(Smtp),
        title: "Free refused the sign-in for sending without saying why",
        cause: "Free gives one answer for two causes and does not tell which: authenticated SMTP is off until its owner switches it on, or the password is wrong.",
        remedy: "Check first that authenticated SMTP is switched on in Free's address management page, then test again.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &[
            "The password is wrong: reading with the same password shows it.",
            "The user name is the part before @free.fr.",
        ],
        providers: &["free-fr"],
        kind_of: Some("sign_in_refused_unclear"),
        url: Some(
            "https://assistance.free.fr/articles/configurer-de-maniere-avancee-mon-logiciel-de-messagerie-609",
        ),
        ..Entry::BASE
    },
    Entry {
        id: "legalmail.rate",
        step: Some(Send),
        title: "Legalmail takes no more messages in this minute",
        cause: "Legalmail takes about six messages in a minute from one mailbox, and there were more.",
        remedy: "Nothing to change: Postroom sends the rest with pauses between them.",
        action: "wait",
        retry: Backoff,
        likely_others: &["Another program sends from the same mailbox."],
        providers: &["legalmail"],
        kind_of: Some("smtp_limit_reached"),
        ..Entry::BASE
    },
    Entry {
        id: "zimbra.read_only",
        step: Some(Read),
        title: "Zimbra opened the folder only for reading",
        cause: "{host} opened the folder {folder} only for reading although more was asked for: a known fault of Zimbra.",
        remedy: "Nothing to change: Postroom opens the folder again.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The folder is shared, and its owner gave no right to change it."],
        kind_of: Some("command_refused"),
        ..Entry::BASE
    },
];
