//! Gmail and Google Workspace.

use super::super::Entry;
use model::problem::Retry::{AfterChange, Never, PauseUntil};
use model::report::StepCode::{Login, Read, Smtp};

const BOTH: &[&str] = &["gmail", "google-workspace"];
const APP_PASSWORDS: Option<&str> = Some("https://support.google.com/accounts/answer/185833");
const WORKSPACE_IMAP: Option<&str> = Some("https://support.google.com/a/answer/14114704");

pub(in super::super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "google.app_password_required",
        step: Some(Login),
        title: "Google wants an app password",
        cause: "Google refused the account's own password for {user}: two-step verification is on, and mail programs need an app password.",
        remedy: "Make an app password in the Google account and enter it here, or sign in with Google.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "In a company, the Workspace administrator can forbid app passwords: then only the sign-in with Google works.",
        ],
        providers: BOTH,
        kind_of: Some("app_password_required"),
        url: APP_PASSWORDS,
        ..Entry::BASE
    },
    Entry {
        id: "google.invalid_credentials",
        step: Some(Login),
        title: "Google refused the password",
        cause: "Google refused the password for {user}, and does not tell whether it is the account's own password or an app password that was withdrawn.",
        remedy: "Make a new app password in the Google account and enter it here, or sign in with Google.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "The account's password was changed: that withdraws every app password made before.",
            "The user name is not the full address.",
            "Two-step verification was switched off, and its app passwords went with it.",
        ],
        providers: BOTH,
        kind_of: Some("password_refused"),
        url: APP_PASSWORDS,
        ..Entry::BASE
    },
    Entry {
        id: "google.web_login",
        step: Some(Login),
        title: "Google wants a person to confirm this place",
        cause: "Google does not know the place that {user} signs in from, and wants a person to confirm it in a browser.",
        remedy: "Open the link that Google sent in a browser signed in as this mailbox, confirm, then test again.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &["Signing in with Google (OAuth 2) avoids this question."],
        providers: BOTH,
        kind_of: Some("browser_confirmation_required"),
        ..Entry::BASE
    },
    Entry {
        id: "google.imap_off_domain",
        step: Some(Login),
        title: "The Workspace administrator blocks IMAP",
        cause: "Google says that the administrator of this domain switched IMAP off.",
        remedy: "Ask the Workspace administrator to allow IMAP for the organisational unit of {user}.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &["The change was made and takes up to a day to reach every mailbox."],
        providers: &["google-workspace"],
        kind_of: Some("imap_disabled"),
        url: WORKSPACE_IMAP,
        ..Entry::BASE
    },
    Entry {
        id: "google.child_account",
        step: Some(Login),
        title: "A supervised account has no IMAP",
        cause: "Google does not offer IMAP for {user}: it is a child's account under Family Link.",
        remedy: "Use another mailbox; forwarding in Gmail can bring this one's mail there.",
        action: "none",
        retry: Never,
        likely_others: &[
            "The account was supervised once: its owner can end that when old enough.",
        ],
        providers: &["gmail"],
        kind_of: Some("imap_disabled"),
        ..Entry::BASE
    },
    Entry {
        id: "google.too_many_connections",
        step: Some(Login),
        title: "Google allows no more connections",
        cause: "Google allows 15 IMAP connections for one account, and all are taken.",
        remedy: "Close other mail programs that use this mailbox; Postroom waits and tries again.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &["Google still counts connections that broke for some minutes."],
        providers: BOTH,
        kind_of: Some("too_many_connections"),
        ..Entry::BASE
    },
    Entry {
        id: "google.overquota",
        step: Some(Read),
        title: "Google's transfer limit for a day is used up",
        cause: "Google lets about 2,500 MB of a mailbox be read in a day, and that is used up.",
        remedy: "Nothing to change: Postroom goes on by itself, and spreads a large mailbox over days.",
        action: "wait",
        retry: PauseUntil,
        likely_others: &["Another program reads the same mailbox."],
        providers: BOTH,
        kind_of: Some("transfer_limit_reached"),
        ..Entry::BASE
    },
    Entry {
        id: "google.smtp_badcreds",
        step: Some(Smtp),
        title: "Google refused the password for sending",
        cause: "Google refused the password for {user}, and does not tell whether it is the account's own password or an app password that was withdrawn.",
        remedy: "Make a new app password in the Google account and enter it here, or sign in with Google.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "The account's password was changed: that withdraws every app password made before.",
            "The user name is not the full address.",
        ],
        providers: BOTH,
        kind_of: Some("password_refused"),
        url: APP_PASSWORDS,
        ..Entry::BASE
    },
    Entry {
        id: "google.testing_token",
        step: Some(Login),
        title: "Google ended the consent",
        cause: "Google does not renew the token for {user} any more. When that happens every seven days, Google's consent screen for this sign-in app is still in Testing.",
        remedy: "Sign in with Google again; publish the consent screen, make the app Internal, or use an app password.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The account's password was changed, or the consent was withdrawn in the Google account.",
        ],
        providers: BOTH,
        kind_of: Some("oauth_token_refused"),
        ..Entry::BASE
    },
];
