//! The table: what a server does, and the problem that this is.

use connect::TestRequest;
use mail_sim::{
    At, Encryption, ImapFault, ImapScript, Point, Pop3Fault, Pop3Script, Refusal, SmtpFault,
    SmtpScript, TlsFault, profiles,
};
use model::mailbox::{Auth, Security};

/// A message to read.
pub const MAIL: &[u8] = b"Subject: hi\r\n\r\nx\r\n";

/// A server with a fault, what is asked of it, and the problem that this is.
pub struct Case {
    pub problem: &'static str,
    pub server: Server,
    pub host: &'static str,
    pub security: Security,
    pub auth: Auth,
    pub change: fn(&mut TestRequest),
    /// The server's words, which the report has to keep.
    pub says: Option<&'static str>,
}

#[derive(Clone)]
pub enum Server {
    Imap(ImapScript),
    Pop3(Pop3Script),
    Smtp(SmtpScript),
    /// Reading and sending, where what is sent never arrives.
    Both,
    /// None at all: the way to it is what fails.
    Nowhere(Nowhere),
}

#[derive(Clone, Copy)]
pub enum Nowhere {
    NoSuchName,
    NameServerFails,
    NotPermitted,
    ClosedPort,
    Silent,
    NoRoute,
    NoWay,
}

impl Case {
    pub fn of(problem: &'static str, server: Server) -> Self {
        Self {
            problem,
            server,
            host: "localhost",
            security: Security::None,
            auth: Auth::Password,
            change: |_| {},
            says: None,
        }
    }

    fn imap(problem: &'static str, fault: ImapFault) -> Self {
        Self::of(problem, Server::Imap(mailbox().fault(fault)))
    }

    fn smtp(problem: &'static str, fault: SmtpFault) -> Self {
        Self::of(problem, Server::Smtp(SmtpScript::new().fault(fault)))
    }

    fn pop3(problem: &'static str, fault: Pop3Fault) -> Self {
        let script = Pop3Script::new().mail(MAIL).fault(fault);
        Self::of(problem, Server::Pop3(script))
    }

    fn tls(problem: &'static str, fault: TlsFault) -> Self {
        let script = mailbox().encryption(Encryption::Implicit).tls_fault(fault);
        Self::of(problem, Server::Imap(script)).by(Security::Tls)
    }

    pub fn by(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    fn with_token(mut self) -> Self {
        self.auth = Auth::Oauth2;
        self
    }

    fn but(mut self, change: fn(&mut TestRequest)) -> Self {
        self.change = change;
        self
    }
}

pub fn mailbox() -> ImapScript {
    ImapScript::new().mail("INBOX", MAIL)
}

fn refused(text: &str) -> ImapFault {
    ImapFault::LoginRefused(text.to_owned())
}

fn no(command: &'static str, text: &str) -> ImapFault {
    ImapFault::Refuse(command, text.to_owned())
}

fn answer(command: &'static str, text: &str) -> SmtpFault {
    SmtpFault::Refuse(command, text.to_owned())
}

/// Steps 1 to 5: the way to the server, and the first words.
pub fn on_the_way() -> Vec<Case> {
    let nowhere = |problem, what| Case::of(problem, Server::Nowhere(what));
    let starttls = |problem, script| Case::of(problem, Server::Imap(script)).by(Security::Starttls);
    let offers = || mailbox().encryption(Encryption::Starttls);
    vec![
        nowhere("name_not_found", Nowhere::NoSuchName),
        nowhere("dns_failed", Nowhere::NameServerFails),
        nowhere("address_blocked", Nowhere::NotPermitted),
        nowhere("connection_refused", Nowhere::ClosedPort),
        nowhere("connection_timed_out", Nowhere::Silent),
        nowhere("network_unreachable", Nowhere::NoRoute),
        nowhere("connection_failed", Nowhere::NoWay),
        Case::of("tls_not_spoken", Server::Imap(mailbox())).by(Security::Tls),
        starttls(
            "port_security_mismatch",
            mailbox().encryption(Encryption::Implicit),
        ),
        starttls("starttls_not_offered", mailbox()),
        starttls(
            "starttls_refused",
            offers().fault(no("STARTTLS", "not now")),
        ),
        starttls(
            "starttls_injection",
            offers().fault(ImapFault::StartTlsInjection),
        ),
        Case::of(
            "starttls_injection",
            Server::Pop3(
                Pop3Script::new()
                    .encryption(Encryption::Starttls)
                    .fault(Pop3Fault::StlsInjection),
            ),
        )
        .by(Security::Starttls),
        Case::tls("certificate_untrusted", TlsFault::UnknownAuthority),
        Case::tls("certificate_self_signed", TlsFault::SelfSigned),
        Case::tls("certificate_name_mismatch", TlsFault::OtherName),
        Case::tls("certificate_expired", TlsFault::Expired),
        Case::tls("certificate_not_yet_valid", TlsFault::NotYetValid),
        Case::tls("certificate_refused", TlsFault::NotForServers),
        Case::tls("tls_too_old", TlsFault::OldVersion),
        Case::tls("tls_failed", TlsFault::Broken),
        Case::of(
            "certificate_pin_mismatch",
            Server::Imap(mailbox().encryption(Encryption::Implicit)),
        )
        .by(Security::Tls)
        .but(|test| {
            if let Some(incoming) = &mut test.incoming {
                incoming.certificate_sha256 = Some("00".repeat(32));
            }
        }),
        Case::imap("wrong_protocol", ImapFault::NotImap),
        Case::imap(
            "wrong_protocol",
            ImapFault::Greeting("220 smtp ESMTP ready".to_owned()),
        ),
        Case::smtp("wrong_protocol", SmtpFault::NotSmtp),
        Case::pop3(
            "wrong_protocol",
            Pop3Fault::Greeting("* OK IMAP4rev1 ready".to_owned()),
        ),
        Case::imap(
            "greeting_refused",
            ImapFault::ByeAtOnce("go away".to_owned()),
        ),
        Case::pop3(
            "greeting_refused",
            Pop3Fault::ByeAtOnce("-ERR go away".to_owned()),
        ),
        Case::smtp(
            "greeting_refused",
            SmtpFault::ByeAtOnce("554 go away".to_owned()),
        ),
        Case::imap("server_closed", ImapFault::CloseAt(Point::Capability)),
        Case::smtp("server_closed", SmtpFault::CloseAt("EHLO")),
        Case::imap("timed_out", ImapFault::StallAfter(Point::List)),
        Case::smtp("timed_out", SmtpFault::StallAt("EHLO")),
        Case::pop3("timed_out", Pop3Fault::StallAt("UIDL")),
        Case::imap("server_nonsense", ImapFault::Nonsense(Point::List)),
        Case::smtp("server_nonsense", answer("EHLO", "good morning")),
        Case::imap("server_line_too_long", ImapFault::EndlessLine(Point::List)),
        Case::smtp("server_line_too_long", SmtpFault::EndlessGreeting),
        Case::imap(
            "literal_too_large",
            ImapFault::HugeLiteralClaim(Point::List),
        ),
        Case::imap(
            "server_unavailable",
            ImapFault::ByeAt("LIST", "going down".to_owned()),
        ),
        Case::smtp(
            "server_unavailable",
            SmtpFault::ByeAtOnce("421 4.3.2 too busy".to_owned()),
        ),
        Case::imap(
            "throttled",
            no(
                "UID FETCH",
                "Request is throttled. Suggested Backoff Time: 300000 milliseconds",
            ),
        ),
        Case::imap("too_many_connections", ImapFault::TooManyConnections(0)),
        Case::imap("command_refused", no("CAPABILITY", "not today")),
        Case::of(
            "hello_refused",
            Server::Smtp(
                SmtpScript::new()
                    .fault(answer(
                        "EHLO",
                        "550 5.7.1 Syntactically invalid HELO argument(s)",
                    ))
                    .fault(answer(
                        "HELO",
                        "550 5.7.1 Syntactically invalid HELO argument(s)",
                    )),
            ),
        ),
        Case::of(
            "no_common_mechanism",
            Server::Imap(
                mailbox()
                    .capabilities("IMAP4rev1 LOGINDISABLED AUTH=GSSAPI")
                    .encryption(Encryption::Implicit),
            ),
        )
        .by(Security::Tls),
        Case::of(
            "login_disabled_without_tls",
            Server::Imap(mailbox().capabilities("IMAP4rev1 LOGINDISABLED")),
        ),
        Case::imap(
            "login_disabled_without_tls",
            refused("[PRIVACYREQUIRED] no"),
        ),
        Case::smtp(
            "login_disabled_without_tls",
            SmtpFault::RefuseAuth("530 5.7.0 Must issue a STARTTLS command first".to_owned()),
        ),
    ]
}

/// Step 6, of servers that belong to nobody known.
pub fn signing_in() -> Vec<Case> {
    const NO_SCOPE: &str = r#"{"status":"insufficient_scope","scope":"mail"}"#;
    const EXPIRED: &str = r#"{"status":"401","schemes":"bearer"}"#;
    let token = |problem, json: &str| {
        let fault = ImapFault::TokenRefused(json.to_owned(), "no".to_owned());
        let script = mailbox().capabilities("IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER");
        Case::of(problem, Server::Imap(script.fault(fault))).with_token()
    };
    vec![
        Case::imap("password_refused", refused("[AUTHENTICATIONFAILED] no")),
        Case::imap("password_refused", refused("words that nobody knows")),
        Case::pop3(
            "password_refused",
            Pop3Fault::Refuse("LOGIN", "no".to_owned()),
        ),
        Case::smtp(
            "password_refused",
            SmtpFault::RefuseAuth("535 5.7.8 no".to_owned()),
        ),
        // BAD is about the command: nobody looked at the password.
        Case::imap(
            "command_refused",
            ImapFault::LoginNotUnderstood("Error in IMAP command received by server.".to_owned()),
        ),
        Case::imap(
            "password_refused",
            ImapFault::LoginNotUnderstood("Login failed: wrong password".to_owned()),
        ),
        Case::smtp(
            "command_refused",
            SmtpFault::RefuseAuth("501 5.5.2 Cannot Decode response".to_owned()),
        ),
        Case::imap("password_expired", refused("[EXPIRED] too old")),
        Case::imap(
            "app_password_required",
            refused("Application-specific password required"),
        ),
        Case::imap(
            "oauth_required",
            refused("basic authentication is disabled"),
        ),
        Case::imap(
            "imap_disabled",
            refused("IMAP access is disabled for your domain"),
        ),
        Case::imap(
            "sign_in_refused_unclear",
            refused("wrong password or IMAP is disabled"),
        ),
        Case::imap(
            "browser_confirmation_required",
            refused("[WEBALERT https://example.com] no"),
        ),
        Case::imap("account_locked", refused("[CONTACTADMIN] ask")),
        Case::imap("too_many_sign_ins", refused("Too many failed logins")),
        Case::imap(
            "too_many_connections",
            refused("[LIMIT] Maximum number of connections from user+IP exceeded"),
        ),
        Case::imap(
            "sign_in_unavailable",
            refused("[UNAVAILABLE] Temporary authentication failure"),
        ),
        Case::pop3(
            "sign_in_unavailable",
            Pop3Fault::Refuse("LOGIN", "[SYS/TEMP] later".to_owned()),
        ),
        token("oauth_token_refused", EXPIRED),
        token("oauth_permission_missing", NO_SCOPE),
        Case::of(
            "server_not_proven",
            Server::Imap(
                mailbox()
                    .capabilities("IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256")
                    .fault(ImapFault::ForgedProof),
            ),
        ),
        Case::of("credentials_missing", Server::Imap(mailbox()))
            .but(|test| test.credentials.incoming = None),
        Case::of(
            "credentials_unusable",
            Server::Pop3(Pop3Script::new().capabilities(&["USER", "UIDL"])),
        )
        .but(|test| test.credentials.incoming = Some(model::Secret::new("sec\r\nret"))),
    ]
}

/// Steps 7 and 8.
pub fn in_the_mailbox() -> Vec<Case> {
    vec![
        Case::imap(
            "mailbox_not_accessible",
            no("LIST", "User is authenticated but not connected."),
        ),
        Case::imap("no_folders_visible", ImapFault::NoFolders),
        Case::pop3("listing_unsupported", Pop3Fault::NoUidl),
        Case::of("folder_missing", Server::Imap(mailbox()))
            .but(|test| test.monitored_folders = vec!["Nowhere".to_owned()]),
        Case::imap(
            "folder_unreadable",
            no("EXAMINE", "[NOPERM] Permission denied"),
        ),
        Case::imap("message_unreadable", no("UID FETCH", "no")),
        Case::pop3(
            "message_unreadable",
            Pop3Fault::Refuse("TOP", "no".to_owned()),
        ),
        Case::imap(
            "quota_exceeded",
            no("UID FETCH", "[OVERQUOTA] the mailbox is full"),
        ),
        Case::imap(
            "transfer_limit_reached",
            no("UID FETCH", "exceeded command or bandwidth limits"),
        ),
        Case::imap("mailbox_locked", no("EXAMINE", "[INUSE] in use")),
        Case::pop3(
            "mailbox_locked",
            Pop3Fault::Refuse("LOGIN", "[IN-USE] locked".to_owned()),
        ),
    ]
}

/// Steps 9 and 10.
pub fn sending() -> Vec<Case> {
    let without_sign_in = |test: &mut TestRequest| {
        if let Some(outgoing) = &mut test.outgoing {
            outgoing.auth = Auth::None;
        }
    };
    vec![
        Case::smtp(
            "smtp_auth_required",
            answer("MAIL", "530 5.7.0 Authentication required"),
        )
        .but(without_sign_in),
        Case::smtp(
            "smtp_auth_disabled",
            SmtpFault::RefuseAuth("535 5.7.139 SMTP AUTH is disabled".to_owned()),
        ),
        Case::smtp(
            "smtp_sender_refused",
            SmtpFault::RejectSender("553 5.7.1 not yours".to_owned()),
        ),
        Case::smtp(
            "smtp_recipient_refused",
            answer("RCPT", "550 5.1.1 no such user"),
        ),
        Case::smtp("smtp_recipient_deferred", answer("RCPT", "451 4.3.0 later")),
        Case::smtp(
            "smtp_relay_refused",
            answer("RCPT", "554 5.7.1 Relay access denied"),
        ),
        // Of one who signed in, the same answer says that this may not go through here.
        Case::smtp("smtp_relay_refused", answer("RCPT", "550 5.7.1 no")),
        Case::smtp(
            "smtp_relay_refused",
            answer(
                "RCPT",
                "554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied",
            ),
        ),
        Case::smtp(
            "smtp_address_blocked",
            answer(
                "MAIL",
                "554 5.7.1 <host[192.0.2.1]>: Client host rejected: Access denied",
            ),
        )
        .but(without_sign_in),
        Case::smtp(
            "smtp_recipient_refused",
            answer("RCPT", "550 5.1.1 bob is not listed by our directory"),
        ),
        Case::smtp(
            "smtp_message_refused",
            SmtpFault::RejectData("554 5.7.1 spam".to_owned()),
        ),
        Case::smtp("smtp_size_refused", SmtpFault::RejectSize(10)),
        Case::smtp("smtp_greylisted", SmtpFault::Greylist),
        Case::smtp(
            "smtp_limit_reached",
            answer("MAIL", "450 4.7.1 sending limit exceeded"),
        ),
        Case::smtp(
            "smtp_address_blocked",
            answer(
                "RCPT",
                "554 5.7.1 Client host [192.0.2.1] blocked using zen",
            ),
        ),
        Case::smtp("smtp_unclear", SmtpFault::CloseAfterDot),
        Case::of(
            "smtp_feature_missing",
            Server::Smtp(SmtpScript::new().extensions(&["8BITMIME", "AUTH PLAIN"])),
        )
        .but(|test| test.test_recipient = Some("bücher@example.org".to_owned())),
        Case::of("address_unusable", Server::Smtp(SmtpScript::new()))
            .but(|test| test.test_recipient = Some("bob@example.org>\r\nRCPT".to_owned())),
    ]
}

/// What shows only after half a minute.
pub fn waiting_in_vain() -> Vec<Case> {
    vec![
        Case::of("test_not_arrived", Server::Both)
            .but(|test| test.test_recipient = Some(test.address.clone())),
    ]
}

/// What known providers say, under their own host names and with certificates for them.
pub fn in_the_words_of_providers() -> Vec<Case> {
    let mut cases = Vec::new();
    for profile in profiles() {
        for Refusal { means, at, says } in profile.refusals {
            let refusal = Refusal {
                means,
                at: *at,
                says,
            };
            let (server, host) = if let Some(fault) = refusal.imap() {
                let script = mailbox().profile(profile).encryption(Encryption::Implicit);
                (Server::Imap(script.fault(fault)), profile.imap_host)
            } else if let Some(fault) = refusal.smtp() {
                let script = SmtpScript::new().profile(profile);
                let script = script.encryption(Encryption::Implicit);
                (Server::Smtp(script.fault(fault)), profile.smtp_host)
            } else {
                let fault = refusal.pop3().expect("one of the three");
                let script = Pop3Script::new().profile(profile);
                let script = script.encryption(Encryption::Implicit);
                (Server::Pop3(script.fault(fault)), profile.pop3_host)
            };
            let mut case = Case::of(means, server).by(Security::Tls);
            case.host = host;
            case.says = Some(says);
            if matches!(at, At::ImapToken(_) | At::SmtpToken(_)) {
                case = case.with_token();
            }
            cases.push(case);
        }
    }
    cases
}

pub fn all() -> Vec<Case> {
    let mut cases = on_the_way();
    cases.extend(signing_in());
    cases.extend(in_the_mailbox());
    cases.extend(sending());
    cases.extend(waiting_in_vain());
    cases.extend(in_the_words_of_providers());
    cases
}
