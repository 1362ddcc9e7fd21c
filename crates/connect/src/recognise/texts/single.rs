//! Providers with one text of their own, or one meaning for everybody's.

use super::Moment::{Sending, SignIn};
use super::{ANY, Family, SENDING, at};

pub(super) const YAHOO: Family = Family {
    providers: &["yahoo", "aol"],
    rows: &[at(
        SignIn,
        "too many bad auth attempts",
        "yahoo.too_many_bad",
    )],
    instead: &[],
};

pub(super) const APPLE: Family = Family {
    providers: &["icloud"],
    rows: &[],
    instead: &[
        ("password_refused", ANY, "icloud.auth"),
        ("app_password_required", ANY, "icloud.auth"),
    ],
};

pub(super) const ZOHO: Family = Family {
    providers: &[
        "zoho",
        "zoho-eu",
        "zoho-in",
        "zoho-au",
        "zoho-jp",
        "zoho-ca",
        "zoho-workplace",
    ],
    rows: &[at(
        SignIn,
        "you are yet to enable imap for your account",
        "zoho.imap_off",
    )],
    instead: &[("imap_disabled", ANY, "zoho.imap_off")],
};

pub(super) const FREE: Family = Family {
    providers: &["free-fr"],
    rows: &[],
    instead: &[("password_refused", SENDING, "free.smtp_off")],
};

pub(super) const LEGALMAIL: Family = Family {
    providers: &["legalmail"],
    rows: &[at(
        Sending,
        "class of service*too much traffic",
        "legalmail.rate",
    )],
    instead: &[],
};
