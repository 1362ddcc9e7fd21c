//! Signing in: step 6. Each of these says who has to act, so that nobody types a password ten times for nothing.

use super::Entry;
use model::problem::Retry::{AfterChange, Backoff};
use model::report::StepCode::{Capabilities, Login};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "no_common_mechanism",
        step: Some(Capabilities),
        title: "There is no common way to sign in",
        cause: "{host} offers no way to sign in that fits these credentials; it offers {offered}.",
        remedy: "Choose another kind of sign-in: a password where a token is set, or a token where a password is set.",
        action: "edit_auth",
        retry: AfterChange,
        likely_others: &["The server offers sign-in only after encryption: use TLS or STARTTLS."],
        also_known_as: &["cap.no_mechanism"],
        ..Entry::BASE
    },
    Entry {
        id: "login_disabled_without_tls",
        step: Some(Capabilities),
        title: "The server wants encryption before a password",
        cause: "{host} takes no password on port {port} without encryption.",
        remedy: "Turn encryption on: STARTTLS on port {port}, or TLS on port {other_port}.",
        action: "use:{port}:starttls",
        retry: AfterChange,
        likely_others: &["The server's administrator switched passwords off altogether."],
        also_known_as: &["cap.login_disabled", "generic.starttls_needed"],
        ..Entry::BASE
    },
    Entry {
        id: "plaintext_refused",
        step: Some(Login),
        title: "Postroom sends no password without encryption",
        cause: "Postroom did not sign in to {host}: the connection is not encrypted.",
        remedy: "Turn encryption on: TLS on port {other_port}.",
        action: "use:{other_port}:tls",
        retry: AfterChange,
        likely_others: &[
            "For a server on a private wire, the mailbox can be allowed to work without encryption.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "password_refused",
        step: Some(Login),
        title: "The server refused the user name or password",
        cause: "{host} refused the user name or the password for {user}.",
        remedy: "Enter the password again.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "The provider wants an app password instead of the account's password.",
            "The user name is wanted in another form: the full address, or only the part before the @.",
            "Access for mail programs is switched off at the provider.",
        ],
        also_known_as: &["generic.auth_failed"],
        ..Entry::BASE
    },
    Entry {
        id: "password_expired",
        step: Some(Login),
        title: "The password has expired",
        cause: "{host} says that the password for {user} is too old.",
        remedy: "Set a new password at the provider, then enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["An administrator ended the account's password."],
        also_known_as: &["generic.auth_expired"],
        ..Entry::BASE
    },
    Entry {
        id: "app_password_required",
        step: Some(Login),
        title: "The provider wants an app password",
        cause: "The provider does not take the account's own password from mail programs.",
        remedy: "Make an app password in the security settings of the account, and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["An app password was withdrawn when the account's password was changed."],
        ..Entry::BASE
    },
    Entry {
        id: "oauth_required",
        step: Some(Login),
        title: "The provider takes no passwords any more",
        cause: "The provider wants a sign-in in the browser (OAuth 2) instead of a password.",
        remedy: "Sign in with the provider instead of entering a password.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &["An administrator switched passwords off for the organisation."],
        ..Entry::BASE
    },
    Entry {
        id: "imap_disabled",
        step: Some(Login),
        title: "Access for mail programs is switched off at the provider",
        cause: "The provider says that this account may not be read by mail programs (IMAP or POP3 is off).",
        remedy: "Switch IMAP on in the settings of the mail account; in a company, its administrator does it.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &["The plan of this account does not include mail programs."],
        ..Entry::BASE
    },
    Entry {
        id: "sign_in_refused_unclear",
        step: Some(Login),
        title: "The provider refused the sign-in without saying why",
        cause: "The provider gives one text for several causes: a wrong password, or access for mail programs switched off.",
        remedy: "Check first that IMAP is switched on at the provider, then make a new app password and enter it here.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["Too many tries in a short time: wait 15 minutes before the next."],
        ..Entry::BASE
    },
    Entry {
        id: "browser_confirmation_required",
        step: Some(Login),
        title: "The provider wants a person to confirm in the browser",
        cause: "The provider does not know this place yet and wants a person to confirm the sign-in in a browser.",
        remedy: "Sign in to the mailbox in a browser, confirm what the provider asks, then try again.",
        action: "open_provider",
        retry: AfterChange,
        likely_others: &["A sign-in with the provider (OAuth 2) avoids this question."],
        ..Entry::BASE
    },
    Entry {
        id: "account_locked",
        step: Some(Login),
        title: "The provider locked the account",
        cause: "The provider locked {user} or does not let it use mail programs.",
        remedy: "Ask the provider, or the administrator of the mail server, to unlock the account.",
        action: "contact_provider",
        retry: AfterChange,
        likely_others: &["Too many wrong passwords in a short time: the lock ends by itself."],
        also_known_as: &["generic.contact_admin"],
        ..Entry::BASE
    },
    Entry {
        id: "too_many_sign_ins",
        step: Some(Login),
        title: "The provider counted too many wrong sign-ins",
        cause: "The provider takes no more sign-ins for a while, because too many were wrong.",
        remedy: "Wait 15 minutes, then enter the password again.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &[
            "Another program still tries an old password.",
            "The provider wants an app password instead of the account's password.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "oauth_token_refused",
        step: Some(Login),
        title: "The provider refused the token",
        cause: "{host} refused the access token for {user}.",
        remedy: "Sign in with the provider again.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "Somebody else signed in: choose the account that owns this mailbox.",
            "The consent does not cover mail: grant the mail permissions.",
            "Access for mail programs is switched off at the provider.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "oauth_permission_missing",
        step: Some(Login),
        title: "The token does not allow mail",
        cause: "{host} knows the token for {user}, and says that it does not carry the permission for mail.",
        remedy: "Sign in with the provider again and grant access to mail.",
        action: "sign_in_again",
        retry: AfterChange,
        likely_others: &[
            "The sign-in app asks the provider for too little: its administrator adds the permissions for mail.",
        ],
        ..Entry::BASE
    },
    Entry {
        id: "server_not_proven",
        step: Some(Login),
        title: "The server could not prove itself",
        cause: "{host} did not prove that it knows the password, so it may be an impostor.",
        remedy: "Check the host; if it is right, tell the server's administrator.",
        action: "edit_host",
        retry: AfterChange,
        likely_others: &["The server's SCRAM sign-in is faulty."],
        ..Entry::BASE
    },
    Entry {
        id: "sign_in_unavailable",
        step: Some(Login),
        title: "The server could not check the password",
        cause: "{host} could not check the sign-in at the moment; the password may be right.",
        remedy: "Nothing to change: Postroom tries again with growing pauses.",
        action: "wait",
        retry: Backoff,
        likely_others: &["The provider is in maintenance."],
        also_known_as: &["generic.unavailable"],
        ..Entry::BASE
    },
    Entry {
        id: "credentials_missing",
        step: Some(Login),
        title: "Nothing is set to sign in with",
        cause: "Postroom has no password and no token for {user} at {host}.",
        remedy: "Enter the password, or sign in with the provider.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["The password was set for the other side (receiving or sending) only."],
        ..Entry::BASE
    },
    Entry {
        id: "credentials_unusable",
        step: Some(Login),
        title: "The user name or password has characters that cannot be sent",
        cause: "Postroom did not sign in to {host}: the user name or password has a line end or a control character.",
        remedy: "Enter the user name and password again, without line ends.",
        action: "enter_password",
        retry: AfterChange,
        likely_others: &["The password was copied together with what stood around it."],
        ..Entry::BASE
    },
];
