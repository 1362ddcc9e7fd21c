//! NetEase (163, 126, yeah.net) and QQ.

use super::Moment::SignIn;
use super::{ANY, Family, always, at};

pub(super) const NETEASE: Family = Family {
    providers: &["netease-163", "netease-126", "netease-yeah", "netease-qiye"],
    rows: &[always("unsafe login", "netease.unsafe_login")],
    instead: &[],
};

pub(super) const QQ: Family = Family {
    providers: &["qq"],
    rows: &[
        at(SignIn, "using authorized code to login", "qq.auth_code"),
        at(SignIn, "authorized code is incorrect", "qq.auth_code"),
        at(SignIn, "login fail. account is abnormal", "qq.login_fail"),
    ],
    instead: &[
        ("app_password_required", ANY, "qq.auth_code"),
        ("sign_in_refused_unclear", ANY, "qq.login_fail"),
    ],
};
