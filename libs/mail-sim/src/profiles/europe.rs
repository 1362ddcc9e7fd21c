//! Providers of single European countries, certified mail among them.

use super::{At, ImapProfile, Pop3Profile, Profile, SmtpProfile, says};

pub(super) const ALL: &[Profile] = &[
    Profile {
        id: "gmx",
        imap_host: "imap.gmx.net",
        smtp_host: "mail.gmx.net",
        pop3_host: "pop.gmx.net",
        imap: ImapProfile {
            greeting: "IMAP server ready H migmx-0001 1MpmXy",
            offered: "IMAP4rev1 CHILDREN ENABLE ID IDLE LIST-EXTENDED LIST-STATUS LITERAL- MOVE NAMESPACE SASL-IR SORT SPECIAL-USE THREAD=ORDEREDSUBJECT UIDPLUS UNSELECT WITHIN AUTH=LOGIN AUTH=PLAIN",
            signed_in: "IMAP4rev1 CHILDREN ENABLE ID IDLE LIST-EXTENDED LIST-STATUS LITERAL- MOVE NAMESPACE SASL-IR SPECIAL-USE UIDPLUS UNSELECT WITHIN",
            delimiter: '/',
            folders: &[
                ("Entw&APw-rfe", "\\HasNoChildren \\Drafts"),
                ("Gesendet", "\\HasNoChildren \\Sent"),
                ("Spamverdacht", "\\HasNoChildren \\Junk"),
                ("Gel&APY-scht", "\\HasNoChildren \\Trash"),
            ],
            wrong_password: "[AUTHENTICATIONFAILED] authentication failed",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 gmx.net (mrgmx005) Nemesis ESMTP Service ready",
            extensions: &["8BITMIME", "SIZE 69920427", "AUTH LOGIN PLAIN"],
            wrong_password: "535 Authentication credentials invalid",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK POP server ready H migmx-0001",
            capabilities: &["TOP", "UIDL", "USER", "SASL PLAIN"],
            wrong_password: "Authentication failed",
        }),
        refusals: &[
            says(
                "imap_disabled",
                At::ImapSignIn,
                "[AUTHENTICATIONFAILED] IMAP access is disabled. Please enable IMAP in your settings",
            ),
            says(
                "password_refused",
                At::SmtpSignIn,
                "535 Authentication credentials invalid",
            ),
        ],
    },
    Profile {
        id: "aruba-pec",
        imap_host: "imaps.pec.aruba.it",
        smtp_host: "smtps.pec.aruba.it",
        pop3_host: "",
        imap: ImapProfile {
            greeting: "IMAP4 service ready",
            offered: "IMAP4rev1 LITERAL+ SASL-IR LOGIN-REFERRALS ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN",
            signed_in: "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS CHILDREN UNSELECT",
            delimiter: '.',
            folders: &[
                ("Bozze", "\\HasNoChildren \\Drafts"),
                ("Ricevute", "\\HasNoChildren"),
                ("Spam", "\\HasNoChildren \\Junk"),
                ("Inviata", "\\HasNoChildren \\Sent"),
            ],
            wrong_password: "[AUTHENTICATIONFAILED] Authentication failed.",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtps.pec.aruba.it ESMTP",
            extensions: &[
                "PIPELINING",
                "SIZE 104857600",
                "AUTH LOGIN PLAIN",
                "8BITMIME",
            ],
            wrong_password: "535 5.7.8 Error: authentication failed:",
        },
        pop3: None,
        refusals: &[says(
            "password_expired",
            At::ImapSignIn,
            "[EXPIRED] The password for mail programs has expired",
        )],
    },
    Profile {
        id: "legalmail",
        imap_host: "mbox.cert.legalmail.it",
        smtp_host: "sendm.cert.legalmail.it",
        pop3_host: "",
        imap: ImapProfile {
            greeting: "Legalmail IMAP server ready",
            offered: "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN IDLE",
            signed_in: "IMAP4rev1 IDLE NAMESPACE UIDPLUS CHILDREN",
            delimiter: '/',
            folders: &[
                ("Posta inviata", "\\HasNoChildren"),
                ("Cestino", "\\HasNoChildren"),
                ("Bozze", "\\HasNoChildren"),
            ],
            wrong_password: "[AUTHENTICATIONFAILED] Login failed",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 sendm.cert.legalmail.it ESMTP",
            extensions: &["PIPELINING", "SIZE 100000000", "AUTH LOGIN PLAIN"],
            wrong_password: "535 5.7.8 authentication failed",
        },
        pop3: None,
        refusals: &[says(
            "legalmail.rate",
            At::SmtpMessage,
            "450 4.7.1 Class Of Service exceeded: Too much traffic from this sender",
        )],
    },
    Profile {
        id: "free-fr",
        imap_host: "imap.free.fr",
        smtp_host: "smtp.free.fr",
        pop3_host: "pop.free.fr",
        imap: ImapProfile {
            greeting: "[CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN] Dovecot ready.",
            offered: "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN",
            signed_in: "IMAP4rev1 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS CHILDREN",
            delimiter: '/',
            folders: &[("Sent", "\\HasNoChildren"), ("Trash", "\\HasNoChildren")],
            wrong_password: "[AUTHENTICATIONFAILED] Authentication failed.",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtp5-g21.free.fr ESMTP Postfix",
            extensions: &[
                "PIPELINING",
                "SIZE 51200000",
                "AUTH PLAIN LOGIN",
                "ENHANCEDSTATUSCODES",
                "8BITMIME",
            ],
            wrong_password: "535 5.7.8 Error: authentication failed:",
        },
        pop3: None,
        refusals: &[
            says(
                "free.smtp_off",
                At::SmtpSignIn,
                "535 5.7.8 Error: authentication failed: authentication failure",
            ),
            says(
                "password_refused",
                At::ImapSignIn,
                "[AUTHENTICATIONFAILED] Authentication failed.",
            ),
        ],
    },
];
