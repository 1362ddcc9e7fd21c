//! Gmail and Google Workspace.

use super::Moment::SignIn;
use super::{ANY, Family, READING, Row, SENDING, always, at};

pub(super) const GOOGLE: Family = Family {
    providers: &["gmail", "google-workspace"],
    rows: ROWS,
    instead: &[
        ("app_password_required", ANY, "google.app_password_required"),
        // [WEBALERT https://...] comes as a code.
        ("browser_confirmation_required", ANY, "google.web_login"),
        (
            "too_many_connections",
            READING,
            "google.too_many_connections",
        ),
        ("transfer_limit_reached", ANY, "google.overquota"),
        ("password_refused", READING, "google.invalid_credentials"),
        ("password_refused", SENDING, "google.smtp_badcreds"),
    ],
};

const ROWS: &[Row] = &[
    at(
        SignIn,
        "imap access is disabled for your domain",
        "google.imap_off_domain",
    ),
    at(
        SignIn,
        "imap access is not allowed for this account",
        "google.child_account",
    ),
    at(SignIn, "web login required", "google.web_login"),
    at(
        SignIn,
        "please log in via your web browser",
        "google.web_login",
    ),
    always(
        "too many simultaneous connections",
        "google.too_many_connections",
    ),
    always(
        "account exceeded command or bandwidth limits",
        "google.overquota",
    ),
];
