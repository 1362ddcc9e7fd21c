//! What servers of anybody say. Texts of one provider are here too, where they could come through somebody else's server.

use super::{Moment, Row, always, says};

/// Texts that mean the same wherever they come from.
const EVERYWHERE: &[Row] = &[
    always("suggested backoff time", "throttled"),
    always("request is throttled", "throttled"),
    always("login rate limit", "too_many_connections"),
    always("rate limit", "throttled"),
    always("ratelimit", "throttled"),
    always("throttl", "throttled"),
    always("too many simultaneous", "too_many_connections"),
    always("maximum number of connections", "too_many_connections"),
    always("too many connections", "too_many_connections"),
    always("too many concurrent", "too_many_connections"),
    always("mail_max_userip_connections", "too_many_connections"),
    always("connection limit", "too_many_connections"),
    always(
        "exceeded command or bandwidth limits",
        "transfer_limit_reached",
    ),
    always("bandwidth limit", "transfer_limit_reached"),
    always("authenticated but not connected", "mailbox_not_accessible"),
    always("unsafe login", "browser_confirmation_required"),
    always("mailbox selected read-only", "zimbra.read_only"),
];

/// Texts of a refused sign-in.
const SIGN_IN: &[Row] = &[
    // Our own client's words about SCRAM.
    always(
        "did not prove that it knows the password",
        "server_not_proven",
    ),
    // The provider says that it does not say.
    always("account is abnormal", "sign_in_refused_unclear"),
    always("or imap is disabled", "sign_in_refused_unclear"),
    always("or pop3 is disabled", "sign_in_refused_unclear"),
    // App passwords.
    always("application-specific password", "app_password_required"),
    always("app-specific password", "app_password_required"),
    always("app password", "app_password_required"),
    always("application password", "app_password_required"),
    always("authorized code", "app_password_required"),
    // Some say so beside "wrong user name or password": one text for several causes.
    always("authorization code", "sign_in_refused_unclear"),
    always("invalidsecondfactor", "app_password_required"),
    // OAuth 2 only.
    always("basic authentication is disabled", "oauth_required"),
    always("basicauthblocked", "oauth_required"),
    always("basic authentication is not supported", "oauth_required"),
    always("smtpclientauthentication is disabled", "smtp_auth_disabled"),
    always("smtp auth is disabled", "smtp_auth_disabled"),
    // Switched off.
    always("imap access is disabled", "imap_disabled"),
    always("imap access is not allowed", "imap_disabled"),
    always("imap is disabled", "imap_disabled"),
    always("pop3 is disabled", "imap_disabled"),
    always("pop access is disabled", "imap_disabled"),
    always("enable imap", "imap_disabled"),
    always("not enabled for imap", "imap_disabled"),
    // A person has to do something in a browser.
    always(
        "log in via your web browser",
        "browser_confirmation_required",
    ),
    always("web login required", "browser_confirmation_required"),
    always("webloginrequired", "browser_confirmation_required"),
    always("webalert", "browser_confirmation_required"),
    // Too often, too late, or locked.
    always("too many bad auth", "too_many_sign_ins"),
    always("too many login", "too_many_sign_ins"),
    always("too many failed", "too_many_sign_ins"),
    always("too many invalid", "too_many_sign_ins"),
    always("login rate", "throttled"),
    always("password has expired", "password_expired"),
    always("password expired", "password_expired"),
    always("account has been disabled", "account_locked"),
    always("account is disabled", "account_locked"),
    always("account disabled", "account_locked"),
    always("account has been locked", "account_locked"),
    always("account is locked", "account_locked"),
    always("account locked", "account_locked"),
    always("account blocked", "account_locked"),
    always("account suspended", "account_locked"),
    // Encryption first.
    always(
        "plaintext authentication disallowed",
        "login_disabled_without_tls",
    ),
    always("must issue a starttls", "login_disabled_without_tls"),
    always("starttls command first", "login_disabled_without_tls"),
    always("encryption required", "login_disabled_without_tls"),
    // The server's own trouble.
    always("temporary authentication failure", "sign_in_unavailable"),
    always("internal error", "sign_in_unavailable"),
    always("try again later", "sign_in_unavailable"),
    always("temporarily unavailable", "sign_in_unavailable"),
    // Only now the plain refusals.
    always("invalid credentials", "password_refused"),
    always("username and password not accepted", "password_refused"),
    always("authentication failed", "password_refused"),
    always("login failed", "password_refused"),
];

/// Texts of a folder that does not open.
const FOLDER: &[Row] = &[
    always("doesn't exist", "folder_missing"),
    always("does not exist", "folder_missing"),
    always("no such mailbox", "folder_missing"),
    always("unknown mailbox", "folder_missing"),
    always("mailbox not found", "folder_missing"),
    always("folder not found", "folder_missing"),
];

/// Texts of a server that will not send.
const SENDING: &[Row] = &[
    always("relay access denied", "smtp_relay_refused"),
    always("relaying denied", "smtp_relay_refused"),
    always("not permitted to relay", "smtp_relay_refused"),
    always("unable to relay", "smtp_relay_refused"),
    always("relay not permitted", "smtp_relay_refused"),
    always("relaying not allowed", "smtp_relay_refused"),
    always("relay not allowed", "smtp_relay_refused"),
    always("relaying prohibited", "smtp_relay_refused"),
    always("do not relay", "smtp_relay_refused"),
    always("smtpclientauthentication is disabled", "smtp_auth_disabled"),
    always("basic authentication is not supported", "oauth_required"),
    always("must issue a starttls", "login_disabled_without_tls"),
    always("authentication required", "smtp_auth_required"),
    always("not owned by", "smtp_sender_refused"),
    always("not allowed to send as", "smtp_sender_refused"),
    always("sendasdenied", "smtp_sender_refused"),
    always("send as this sender", "smtp_sender_refused"),
    always("sender address rejected", "smtp_sender_refused"),
    always("sender thread limit", "smtp_limit_reached"),
    always("sending limit", "smtp_limit_reached"),
    always("quota exceeded for sending", "smtp_limit_reached"),
    always("too much traffic", "smtp_limit_reached"),
    always("too much mail", "smtp_limit_reached"),
    always("too many messages", "smtp_limit_reached"),
    always("too many recipients", "smtp_limit_reached"),
    always("greylist", "smtp_greylisted"),
    always("graylist", "smtp_greylisted"),
    // Of a recipient, too, a server may say that nobody is "listed by" a name; here an address in brackets is.
    always("] listed by", "smtp_address_blocked"),
    always("] is listed by", "smtp_address_blocked"),
    always("listed by*block", "smtp_address_blocked"),
    always("client host*listed by", "smtp_address_blocked"),
    always("spamhaus", "smtp_address_blocked"),
    always("blocked using", "smtp_address_blocked"),
    always("client host rejected", "smtp_address_blocked"),
    always("client host*blocked", "smtp_address_blocked"),
    always("5.7.1 service unavailable", "smtp_address_blocked"),
    always("helo command rejected", "hello_refused"),
    always("syntactically invalid helo", "hello_refused"),
    always("does not conform to rfc syntax", "hello_refused"),
    always("helo requires valid address", "hello_refused"),
    always("message size exceeds", "smtp_size_refused"),
    always("message too large", "smtp_size_refused"),
    always("message file too big", "smtp_size_refused"),
    always("insufficient system storage", "server_unavailable"),
];

/// What a text in small letters means.
pub(super) fn meaning(moment: Moment, text: &str) -> Option<&'static str> {
    let tables: [&[Row]; 2] = match moment {
        Moment::SignIn => [EVERYWHERE, SIGN_IN],
        Moment::Folder => [EVERYWHERE, FOLDER],
        Moment::Sending => [SENDING, EVERYWHERE],
        Moment::Other => [EVERYWHERE, &[]],
    };
    let found = tables.into_iter().flatten();
    found
        .into_iter()
        .find(|row| says(text, row.words))
        .map(|row| row.id)
}

/// Every row.
#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [EVERYWHERE, SIGN_IN, FOLDER, SENDING].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(
                meaning(Moment::SignIn, &text.to_lowercase()).unwrap_or("nothing"),
                wanted,
                "{text}"
            );
        }
    }

    #[test]
    fn a_blocked_address_is_told_from_a_name_on_a_list() {
        for (text, wanted) in [
            (
                "554 5.7.1 [192.0.2.1] is listed by zen.spamhaus.org",
                "smtp_address_blocked",
            ),
            (
                "554 5.7.1 client host [192.0.2.1] listed by bl.example",
                "smtp_address_blocked",
            ),
            ("550 5.1.1 bob is not listed by our directory", "nothing"),
            ("550 5.7.1 relaying not allowed", "smtp_relay_refused"),
        ] {
            assert_eq!(
                meaning(Moment::Sending, text).unwrap_or("nothing"),
                wanted,
                "{text}"
            );
        }
    }
}
