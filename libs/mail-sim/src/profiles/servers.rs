//! Server software that people run themselves.

use super::{At, ImapProfile, Pop3Profile, Profile, SmtpProfile, says};

pub(super) const ALL: &[Profile] = &[
    Profile {
        id: "zimbra",
        imap_host: "mail.zimbra.example",
        smtp_host: "smtp.zimbra.example",
        pop3_host: "pop.zimbra.example",
        imap: ImapProfile {
            greeting: "mail.zimbra.example Zimbra IMAP4rev1 server ready",
            offered: "IMAP4rev1 ACL BINARY CATENATE CHILDREN CONDSTORE ENABLE ESEARCH ESORT I18NLEVEL=1 ID IDLE LIST-EXTENDED LIST-STATUS LITERAL+ MULTIAPPEND NAMESPACE QUOTA RIGHTS=ektx SASL-IR SEARCHRES SORT THREAD=ORDEREDSUBJECT UIDPLUS UNSELECT WITHIN XLIST AUTH=PLAIN",
            signed_in: "IMAP4rev1 ACL BINARY CATENATE CHILDREN CONDSTORE ENABLE ESEARCH ID IDLE LIST-EXTENDED LIST-STATUS LITERAL+ NAMESPACE QUOTA SASL-IR UIDPLUS UNSELECT XLIST",
            delimiter: '/',
            folders: &[
                ("Sent", "\\HasNoChildren"),
                ("Drafts", "\\HasNoChildren"),
                ("Junk", "\\HasNoChildren"),
                ("Trash", "\\HasNoChildren"),
                ("Contacts", "\\NoInferiors"),
                ("Chats", "\\HasNoChildren"),
            ],
            wrong_password: "LOGIN failed",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtp.zimbra.example ESMTP Postfix",
            extensions: &[
                "PIPELINING",
                "SIZE 10240000",
                "AUTH LOGIN PLAIN",
                "ENHANCEDSTATUSCODES",
                "8BITMIME",
            ],
            wrong_password: "535 5.7.8 Error: authentication failed: authentication failure",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK mail.zimbra.example Zimbra POP3 server ready",
            capabilities: &["TOP", "USER", "UIDL", "SASL PLAIN", "EXPIRE 31 USER"],
            wrong_password: "[AUTH] invalid username/password",
        }),
        refusals: &[
            says(
                "zimbra.read_only",
                At::Imap("UID FETCH"),
                "mailbox selected READ-ONLY",
            ),
            says("password_refused", At::ImapSignIn, "LOGIN failed"),
        ],
    },
    Profile {
        id: "courier",
        imap_host: "mail.courier.example",
        smtp_host: "smtp.courier.example",
        pop3_host: "pop.courier.example",
        imap: ImapProfile {
            greeting: "[CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA ACL] Courier-IMAP ready. Copyright 1998-2005 Double Precision, Inc.",
            offered: "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA ACL",
            signed_in: "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA ACL",
            delimiter: '.',
            folders: &[
                ("INBOX.Sent", "\\HasNoChildren"),
                ("INBOX.Drafts", "\\HasNoChildren"),
                ("INBOX.Trash", "\\HasNoChildren"),
                ("INBOX.Spam", "\\HasNoChildren"),
            ],
            wrong_password: "Login failed.",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtp.courier.example ESMTP",
            extensions: &["AUTH LOGIN PLAIN"],
            wrong_password: "535 Authentication failed.",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK Hello there.",
            capabilities: &["TOP", "USER", "UIDL"],
            wrong_password: "Login failed.",
        }),
        refusals: &[
            says("password_refused", At::ImapSignIn, "Login failed."),
            says("password_refused", At::Pop3SignIn, "Login failed."),
            says(
                "mailbox_locked",
                At::Pop3SignIn,
                "[IN-USE] Mailbox is locked by another POP3 session",
            ),
        ],
    },
    Profile {
        id: "exchange",
        imap_host: "mail.exchange.example",
        smtp_host: "smtp.exchange.example",
        pop3_host: "pop.exchange.example",
        imap: ImapProfile {
            greeting: "The Microsoft Exchange IMAP4 service is ready.",
            offered: "IMAP4 IMAP4rev1 AUTH=NTLM AUTH=GSSAPI AUTH=PLAIN UIDPLUS CHILDREN IDLE NAMESPACE LITERAL+",
            signed_in: "IMAP4 IMAP4rev1 AUTH=NTLM AUTH=GSSAPI AUTH=PLAIN UIDPLUS CHILDREN IDLE NAMESPACE LITERAL+",
            delimiter: '/',
            folders: &[
                ("Sent Items", "\\HasNoChildren"),
                ("Drafts", "\\HasNoChildren"),
                ("Deleted Items", "\\HasNoChildren"),
                ("Junk Email", "\\HasNoChildren"),
            ],
            wrong_password: "LOGIN failed.",
            wants_id: None,
        },
        smtp: SmtpProfile {
            greeting: "220 smtp.exchange.example Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 06:00:00 +0000",
            extensions: &[
                "SIZE 37748736",
                "PIPELINING",
                "DSN",
                "ENHANCEDSTATUSCODES",
                "AUTH NTLM LOGIN PLAIN",
                "8BITMIME",
                "BINARYMIME",
                "CHUNKING",
            ],
            wrong_password: "535 5.7.3 Authentication unsuccessful",
        },
        pop3: Some(Pop3Profile {
            greeting: "+OK The Microsoft Exchange POP3 service is ready.",
            capabilities: &["TOP", "UIDL", "SASL NTLM GSSAPI PLAIN", "USER"],
            wrong_password: "Logon failure: unknown user name or bad password.",
        }),
        refusals: &[
            says(
                "mailbox_not_accessible",
                At::Imap("LIST"),
                "User is authenticated but not connected.",
            ),
            says("password_refused", At::ImapSignIn, "LOGIN failed."),
            says(
                "smtp_relay_refused",
                At::Smtp("RCPT"),
                "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
            ),
            says(
                "smtp_sender_refused",
                At::SmtpMessage,
                "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            ),
        ],
    },
];
