//! The one table of well-known texts. Providers give the same code for many causes; only their words tell which.
//!
//! Matching is by lower-case substring, the first row wins, so the more telling rows come first.

/// Texts that mean the same wherever they come from.
const EVERYWHERE: &[(&str, &str)] = &[
    ("suggested backoff time", "throttled"),
    ("request is throttled", "throttled"),
    ("rate limit", "throttled"),
    ("ratelimit", "throttled"),
    ("throttl", "throttled"),
    ("too many simultaneous", "too_many_connections"),
    ("maximum number of connections", "too_many_connections"),
    ("too many connections", "too_many_connections"),
    ("too many concurrent", "too_many_connections"),
    ("mail_max_userip_connections", "too_many_connections"),
    ("connection limit", "too_many_connections"),
    (
        "exceeded command or bandwidth limits",
        "transfer_limit_reached",
    ),
    ("bandwidth limit", "transfer_limit_reached"),
    ("authenticated but not connected", "mailbox_not_accessible"),
    ("unsafe login", "browser_confirmation_required"),
];

/// Texts of a refused sign-in.
const SIGN_IN: &[(&str, &str)] = &[
    // Our own client's words about SCRAM.
    (
        "did not prove that it knows the password",
        "server_not_proven",
    ),
    // The provider says that it does not say.
    ("account is abnormal", "sign_in_refused_unclear"),
    ("or imap is disabled", "sign_in_refused_unclear"),
    ("or pop3 is disabled", "sign_in_refused_unclear"),
    // App passwords.
    ("application-specific password", "app_password_required"),
    ("app-specific password", "app_password_required"),
    ("app password", "app_password_required"),
    ("application password", "app_password_required"),
    ("authorized code", "app_password_required"),
    ("authorization code", "app_password_required"),
    ("invalidsecondfactor", "app_password_required"),
    // OAuth 2 only.
    ("basic authentication is disabled", "oauth_required"),
    ("basicauthblocked", "oauth_required"),
    ("basic authentication is not supported", "oauth_required"),
    ("smtpclientauthentication is disabled", "smtp_auth_disabled"),
    ("smtp auth is disabled", "smtp_auth_disabled"),
    // Switched off.
    ("imap access is disabled", "imap_disabled"),
    ("imap access is not allowed", "imap_disabled"),
    ("imap is disabled", "imap_disabled"),
    ("pop3 is disabled", "imap_disabled"),
    ("pop access is disabled", "imap_disabled"),
    ("enable imap", "imap_disabled"),
    ("not enabled for imap", "imap_disabled"),
    ("imap use", "imap_disabled"),
    // A person has to do something in a browser.
    (
        "log in via your web browser",
        "browser_confirmation_required",
    ),
    ("web login required", "browser_confirmation_required"),
    ("webloginrequired", "browser_confirmation_required"),
    ("webalert", "browser_confirmation_required"),
    // Too often, too late, or locked.
    ("too many bad auth", "too_many_sign_ins"),
    ("too many login", "too_many_sign_ins"),
    ("too many failed", "too_many_sign_ins"),
    ("too many invalid", "too_many_sign_ins"),
    ("login rate", "throttled"),
    ("password has expired", "password_expired"),
    ("password expired", "password_expired"),
    ("account has been disabled", "account_locked"),
    ("account is disabled", "account_locked"),
    ("account disabled", "account_locked"),
    ("account has been locked", "account_locked"),
    ("account is locked", "account_locked"),
    ("account locked", "account_locked"),
    ("account blocked", "account_locked"),
    ("account suspended", "account_locked"),
    // Encryption first.
    (
        "plaintext authentication disallowed",
        "login_disabled_without_tls",
    ),
    ("must issue a starttls", "login_disabled_without_tls"),
    ("starttls command first", "login_disabled_without_tls"),
    ("encryption required", "login_disabled_without_tls"),
    // The server's own trouble.
    ("temporary authentication failure", "sign_in_unavailable"),
    ("internal error", "sign_in_unavailable"),
    ("try again later", "sign_in_unavailable"),
    ("temporarily unavailable", "sign_in_unavailable"),
    // Only now the plain refusals.
    ("invalid credentials", "password_refused"),
    ("username and password not accepted", "password_refused"),
    ("authentication failed", "password_refused"),
    ("login failed", "password_refused"),
];

/// Texts of a folder that does not open.
const FOLDER: &[(&str, &str)] = &[
    ("doesn't exist", "folder_missing"),
    ("does not exist", "folder_missing"),
    ("no such mailbox", "folder_missing"),
    ("unknown mailbox", "folder_missing"),
    ("mailbox not found", "folder_missing"),
    ("folder not found", "folder_missing"),
];

/// Texts of a server that will not send.
const SENDING: &[(&str, &str)] = &[
    ("relay access denied", "smtp_relay_refused"),
    ("relaying denied", "smtp_relay_refused"),
    ("not permitted to relay", "smtp_relay_refused"),
    ("unable to relay", "smtp_relay_refused"),
    ("relay not permitted", "smtp_relay_refused"),
    ("smtpclientauthentication is disabled", "smtp_auth_disabled"),
    ("basic authentication is not supported", "oauth_required"),
    ("must issue a starttls", "login_disabled_without_tls"),
    ("authentication required", "smtp_auth_required"),
    ("not owned by", "smtp_sender_refused"),
    ("not allowed to send as", "smtp_sender_refused"),
    ("sendasdenied", "smtp_sender_refused"),
    ("send as this sender", "smtp_sender_refused"),
    ("sender address rejected", "smtp_sender_refused"),
    ("sender thread limit", "smtp_limit_reached"),
    ("sending limit", "smtp_limit_reached"),
    ("quota exceeded for sending", "smtp_limit_reached"),
    ("too much traffic", "smtp_limit_reached"),
    ("too much mail", "smtp_limit_reached"),
    ("too many messages", "smtp_limit_reached"),
    ("too many recipients", "smtp_limit_reached"),
    ("greylist", "smtp_greylisted"),
    ("graylist", "smtp_greylisted"),
    ("listed by", "smtp_address_blocked"),
    ("spamhaus", "smtp_address_blocked"),
    ("blocked using", "smtp_address_blocked"),
    ("client host rejected", "smtp_address_blocked"),
    ("message size exceeds", "smtp_size_refused"),
    ("message too large", "smtp_size_refused"),
    ("message file too big", "smtp_size_refused"),
    ("insufficient system storage", "server_unavailable"),
];

/// What a text means wherever it comes from.
pub(super) fn everywhere(text: &str) -> Option<&'static str> {
    look_up(text, &[EVERYWHERE])
}

/// What the text of a refused sign-in means.
pub(super) fn sign_in(text: &str) -> Option<&'static str> {
    look_up(text, &[EVERYWHERE, SIGN_IN])
}

/// What the text about a folder means.
pub(super) fn folder(text: &str) -> Option<&'static str> {
    look_up(text, &[EVERYWHERE, FOLDER])
}

/// What the text of a sending server means.
pub(super) fn sending(text: &str) -> Option<&'static str> {
    look_up(text, &[SENDING, EVERYWHERE])
}

fn look_up(text: &str, tables: &[&'static [(&'static str, &'static str)]]) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|(words, _)| text.contains(words))
        .map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problems;

    #[test]
    fn every_row_leads_to_an_entry_and_can_match() {
        for (words, id) in [EVERYWHERE, SIGN_IN, FOLDER, SENDING].into_iter().flatten() {
            assert!(problems::find(id).is_some(), "{id}");
            assert_eq!(words.to_lowercase(), *words, "{words} can never match");
        }
    }

    #[test]
    fn the_words_of_providers_are_understood() {
        for (text, wanted) in [
            (
                "Application-specific password required: https://support.google.com/...",
                "app_password_required",
            ),
            ("Invalid credentials (Failure)", "password_refused"),
            (
                "Please log in via your web browser",
                "browser_confirmation_required",
            ),
            (
                "IMAP access is disabled for your domain. Please contact your domain administrator",
                "imap_disabled",
            ),
            (
                "You are yet to enable IMAP for your account",
                "imap_disabled",
            ),
            (
                "LOGIN invalid credentials or IMAP is disabled",
                "sign_in_refused_unclear",
            ),
            (
                "Login fail. Account is abnormal, service is not open, password is incorrect",
                "sign_in_refused_unclear",
            ),
            (
                "Authentication unsuccessful, basic authentication is disabled.",
                "oauth_required",
            ),
            ("Application password is REQUIRED", "app_password_required"),
            ("Too many bad auth attempts", "too_many_sign_ins"),
            (
                "Too many simultaneous connections. (Failure)",
                "too_many_connections",
            ),
            (
                "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                "too_many_connections",
            ),
            (
                "User is authenticated but not connected.",
                "mailbox_not_accessible",
            ),
            ("LOGIN Login error user suspended via api", "nothing"),
        ] {
            assert_eq!(sign_in(text).unwrap_or("nothing"), wanted, "{text}");
        }
    }
}
