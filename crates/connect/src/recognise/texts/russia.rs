//! Yandex and Mail.ru.

use super::Moment::SignIn;
use super::{ANY, Family, at};

pub(super) const YANDEX: Family = Family {
    providers: &["yandex"],
    rows: &[at(
        SignIn,
        "invalid credentials or imap is disabled",
        "yandex.invalid_or_off",
    )],
    instead: &[("sign_in_refused_unclear", ANY, "yandex.invalid_or_off")],
};

pub(super) const MAIL_RU: Family = Family {
    providers: &["mail-ru"],
    rows: &[at(
        SignIn,
        "application password is required",
        "mailru.app_password",
    )],
    instead: &[("app_password_required", ANY, "mailru.app_password")],
};
