//! Providers of Russia and China.

use super::{At, ImapProfile, Pop3Profile, Profile, SmtpProfile, says};

pub(super) const ALL: &[Profile] = &[
    Profile {
        id: "yandex",
        imap_host: "imap.yandex.com",
        smtp_host: "smtp.yandex.com",
        pop3_host: "pop.yandex.com",
        imap: ImapProfile {
            greeting: "Yandex IMAP4rev1 at sas-1.iva.yp-c.yandex.net:993 ready to talk with ::ffff:192.0.2.1",
            offered: "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST BINARY UIDPLUS ENABLE ID AUTH=PLAIN AUTH=XOAUTH2 IDLE MOVE",
            signed_in: "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST BINARY UIDPLUS ENABLE ID IDLE MOVE",
            delimiter: '|',
            folders: &[
                ("Drafts|template", "\\HasNoChildren"),
                (
                    "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
                    "\\HasNoChildren \\Sent",
                ),
                ("&BCEEPwQwBDw-", "\\HasNoChildren \\Junk"),
                ("&BCMENAQwBDsENQQ9BD0ESwQ1-", "\\HasNoChildren \\Trash"),
            ],
            wrong_password: "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled sc=ab12",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 mail-nwsmtp-smtp-production-main-1.sas.yp-c.yandex.net ESMTP (Want to use Yandex.Mail for your domain? Visit http://pdd.yandex.ru)",
            extensions: &[
                "8BITMIME",
                "PIPELINING",
                "SIZE 53477376",
                "AUTH LOGIN PLAIN XOAUTH2",
                "DSN",
                "ENHANCEDSTATUSCODES",
            ],
            wrong_password: "535 5.7.8 Error: authentication failed: Invalid user or password!",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK POP Ya! na@sas-1",
            capabilities: &["TOP", "USER", "UIDL", "SASL PLAIN XOAUTH2"],
            wrong_password: "[AUTH] login failure or POP3 disabled, try later.",
        }),
        refusals: &[
            says(
                "yandex.invalid_or_off",
                At::ImapSignIn,
                "[AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled sc=ab12",
            ),
            says(
                "yandex.invalid_or_off",
                At::Pop3SignIn,
                "[AUTH] login failure or POP3 is disabled, try later. sc=ab12",
            ),
        ],
    },
    Profile {
        id: "mail-ru",
        imap_host: "imap.mail.ru",
        smtp_host: "smtp.mail.ru",
        pop3_host: "pop.mail.ru",
        imap: ImapProfile {
            greeting: "Welcome",
            offered: "IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS AUTH=PLAIN AUTH=XOAUTH2 SASL-IR IDLE",
            signed_in: "IMAP4rev1 ID XLIST UIDPLUS UNSELECT MOVE LIST-STATUS IDLE",
            delimiter: '/',
            folders: &[
                ("&BCEEPwQwBDw-", "\\HasNoChildren \\Junk"),
                (
                    "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
                    "\\HasNoChildren \\Sent",
                ),
                ("&BBoEPgRABDcEOAQ9BDA-", "\\HasNoChildren \\Trash"),
            ],
            wrong_password: "[AUTHENTICATIONFAILED] Invalid login or password",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtp1.mail.ru ESMTP ready (Looking for Mail for your domain? Visit https://biz.mail.ru)",
            extensions: &[
                "SIZE 73400320",
                "8BITMIME",
                "AUTH PLAIN LOGIN XOAUTH2",
                "PIPELINING",
            ],
            wrong_password: "535 5.7.0 NEOBHODIM parol prilozheniya https://help.mail.ru/mail/security/protection/external / Application password is REQUIRED",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK",
            capabilities: &["USER", "TOP", "UIDL"],
            wrong_password: "[AUTH] Invalid login or password",
        }),
        refusals: &[
            says(
                "mailru.app_password",
                At::SmtpSignIn,
                "535 5.7.0 NEOBHODIM parol prilozheniya https://help.mail.ru/mail/security/protection/external / Application password is REQUIRED",
            ),
            says(
                "mailru.app_password",
                At::ImapSignIn,
                "[AUTHENTICATIONFAILED] NEOBHODIM parol prilozheniya https://help.mail.ru/mail/security/protection/external / Application password is REQUIRED",
            ),
        ],
    },
    Profile {
        id: "qq",
        imap_host: "imap.qq.com",
        smtp_host: "smtp.qq.com",
        pop3_host: "",
        imap: ImapProfile {
            greeting: "[CAPABILITY IMAP4 IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 NAMESPACE] QQMail XMIMAP4Server ready",
            offered: "IMAP4 IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 NAMESPACE",
            signed_in: "IMAP4 IMAP4rev1 XLIST MOVE IDLE XAPPLEPUSHSERVICE NAMESPACE CHILDREN ID UIDPLUS",
            delimiter: '/',
            folders: &[
                ("Sent Messages", "\\HasNoChildren"),
                ("Drafts", "\\HasNoChildren"),
                ("Deleted Messages", "\\HasNoChildren"),
                ("Junk", "\\HasNoChildren"),
            ],
            wrong_password: "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy. More information at https://wx.mail.qq.com/list/readtemplate?name=app_intro.html",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 newxmesmtplogicsvrsza1-0.qq.com XMail Esmtp QQ Mail Server.",
            extensions: &[
                "PIPELINING",
                "SIZE 73400320",
                "AUTH LOGIN PLAIN XOAUTH XOAUTH2",
                "MAILCOMPRESS",
                "SMTPUTF8",
                "8BITMIME",
            ],
            wrong_password: "535 Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.",
        },
        pop3: None,
        refusals: &[
            says(
                "qq.auth_code",
                At::ImapSignIn,
                "Login fail. Please using authorized code to login. More information at https://service.mail.qq.com",
            ),
            says(
                "qq.login_fail",
                At::ImapSignIn,
                "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.",
            ),
            says(
                "qq.login_fail",
                At::SmtpSignIn,
                "535 Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.",
            ),
        ],
    },
    Profile {
        id: "netease",
        imap_host: "imap.163.com",
        smtp_host: "smtp.163.com",
        pop3_host: "",
        imap: ImapProfile {
            greeting: "Coremail System IMap Server Ready(163com[10774b260cc7a37d26d71b52404dcf5c])",
            offered: "IMAP4rev1 XLIST SPECIAL-USE ID LITERAL+ APPENDLIMIT=71680000 XAPPLEPUSHSERVICE UIDPLUS X-CM-EXT-1 SASL-IR AUTH=PLAIN",
            signed_in: "IMAP4rev1 XLIST SPECIAL-USE ID LITERAL+ APPENDLIMIT=71680000 XAPPLEPUSHSERVICE UIDPLUS X-CM-EXT-1",
            delimiter: '/',
            folders: &[
                ("&g0l6P3ux-", "\\HasNoChildren \\Drafts"),
                ("&XfJT0ZAB-", "\\HasNoChildren \\Sent"),
                ("&XfJSIJZk-", "\\HasNoChildren \\Trash"),
                ("&V4NXPpCuTvY-", "\\HasNoChildren \\Junk"),
            ],
            wrong_password: "LOGIN Login error or password error",
            wants_id: Some("SELECT Unsafe Login. Please contact kefu@188.com for help"),
        },
        smtp: SmtpProfile {
            greeting: "220 163.com Anti-spam GT for Coremail System (163com[20141201])",
            extensions: &[
                "PIPELINING",
                "AUTH LOGIN PLAIN XOAUTH2",
                "8BITMIME",
                "SIZE 73400320",
            ],
            wrong_password: "535 Error: authentication failed",
        },
        pop3: None,
        refusals: &[
            says(
                "netease.unsafe_login",
                At::Imap("EXAMINE"),
                "EXAMINE Unsafe Login. Please contact kefu@188.com for help",
            ),
            says(
                "password_refused",
                At::ImapSignIn,
                "LOGIN Login error or password error",
            ),
        ],
    },
];
