//! Every problem that a connection can have is met over a real socket: a fault of a simulated server, and the name it gets.

use crate::setting::{imap, report_with, request, smtp};
use connect::TestRequest;
use connect::problems::{catalogue, find};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use mail_sim::{
    At, DnsFault, DnsScript, DnsSim, Encryption, ImapFault, ImapScript, ImapSim, Point, Pop3Fault,
    Pop3Script, Pop3Sim, Refusal, SmtpFault, SmtpScript, SmtpSim, TlsFault, profiles,
};
use model::mailbox::{Auth, Protocol, Security};
use model::report::{Report, StepCode, StepStatus, Verdict};
use std::collections::HashSet;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What no test here can meet, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("message_too_large", "copying finds it: crates/sync"),
    ("message_vanished", "copying finds it: crates/sync"),
    ("server_lied", "copying finds it: crates/sync"),
    ("uid_validity_unstable", "copying finds it: crates/sync"),
    ("bounced", "a returned message tells it, not a connection"),
    (
        "plaintext_refused",
        "a second line of defence: step 3 fails before",
    ),
    (
        "google.testing_token",
        "told when a token is renewed, not by a mail server",
    ),
    (
        "ms.aadsts_redirect",
        "told in the browser during the sign-in with Microsoft",
    ),
    (
        "ms.aadsts_secret",
        "told in the browser during the sign-in with Microsoft",
    ),
    (
        "ms.wrong_identity",
        "told after the sign-in with Microsoft, by comparing names",
    ),
];
/// So many servers at once.
const AT_ONCE: usize = 12;
const MAIL: &[u8] = b"Subject: hi\r\n\r\nx\r\n";

/// A server with a fault, what is asked of it, and the problem that this is.
struct Case {
    problem: &'static str,
    server: Server,
    host: &'static str,
    security: Security,
    auth: Auth,
    change: fn(&mut TestRequest),
    /// The server's words, which the report has to keep.
    says: Option<&'static str>,
}

#[derive(Clone)]
enum Server {
    Imap(ImapScript),
    Pop3(Pop3Script),
    Smtp(SmtpScript),
    /// Reading and sending, where what is sent never arrives.
    Both,
    /// None at all: the way to it is what fails.
    Nowhere(Nowhere),
}

#[derive(Clone, Copy)]
enum Nowhere {
    NoSuchName,
    NameServerFails,
    NotPermitted,
    ClosedPort,
    Silent,
    NoRoute,
    NoWay,
}

impl Case {
    fn of(problem: &'static str, server: Server) -> Self {
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

    fn by(mut self, security: Security) -> Self {
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

fn mailbox() -> ImapScript {
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
fn on_the_way() -> Vec<Case> {
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
fn signing_in() -> Vec<Case> {
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
fn in_the_mailbox() -> Vec<Case> {
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
fn sending() -> Vec<Case> {
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
fn waiting_in_vain() -> Vec<Case> {
    vec![
        Case::of("test_not_arrived", Server::Both)
            .but(|test| test.test_recipient = Some(test.address.clone())),
    ]
}

/// What known providers say, under their own host names and with certificates for them.
fn in_the_words_of_providers() -> Vec<Case> {
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

fn all() -> Vec<Case> {
    let mut cases = on_the_way();
    cases.extend(signing_in());
    cases.extend(in_the_mailbox());
    cases.extend(sending());
    cases.extend(waiting_in_vain());
    cases.extend(in_the_words_of_providers());
    cases
}

#[test]
fn every_problem_of_a_connection_is_met_here_or_says_why_not() {
    let met: HashSet<_> = all().iter().map(|case| case.problem).collect();
    for entry in catalogue().filter(|entry| entry.step.is_some()) {
        let excused = NOT_HERE.iter().any(|(id, _)| *id == entry.id);
        assert!(
            met.contains(entry.id) != excused,
            "{}: met here: {}, excused: {excused}",
            entry.id,
            !excused
        );
    }
    for id in met.iter().chain(NOT_HERE.iter().map(|(id, _)| id)) {
        assert!(find(id).is_some_and(|entry| entry.id == *id), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_the_server() {
    each_gets_its_name(on_the_way()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_signing_in() {
    each_gets_its_name(signing_in()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_the_mailbox() {
    each_gets_its_name(in_the_mailbox()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_sending() {
    each_gets_its_name(sending()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_message_that_does_not_arrive() {
    each_gets_its_name(waiting_in_vain()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_are_understood_in_their_own_words() {
    each_gets_its_name(in_the_words_of_providers()).await;
}

/// Without a fault, the same servers work: oddities such as a wanted ID or folders below INBOX are no problems.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_of_every_provider_work_when_nothing_is_wrong() {
    let mut running = JoinSet::new();
    for profile in profiles() {
        let reads = mailbox().profile(profile).encryption(Encryption::Implicit);
        let sends = SmtpScript::new()
            .profile(profile)
            .encryption(Encryption::Implicit);
        let mut cases = vec![
            (Server::Imap(reads), profile.imap_host),
            (Server::Smtp(sends), profile.smtp_host),
        ];
        if profile.pop3.is_some() {
            let fetches = Pop3Script::new().mail(MAIL).profile(profile);
            let fetches = fetches.encryption(Encryption::Implicit);
            cases.push((Server::Pop3(fetches), profile.pop3_host));
        }
        for (server, host) in cases {
            let mut case = Case::of("", server).by(Security::Tls);
            case.host = host;
            running.spawn(async move { (host, meet(case).await) });
        }
    }
    while let Some(done) = running.join_next().await {
        let (host, report) = done.unwrap();
        assert_eq!(report.verdict, Verdict::Works, "{host}: {report:#?}");
        // Each has a folder for sent mail, by mark or by name.
        let folders = report
            .steps
            .iter()
            .find(|step| step.code == StepCode::Folders);
        let found = folders.filter(|step| step.status != StepStatus::Skip);
        assert!(
            found.is_none_or(|step| step.did.contains("Sent") || step.did.contains("UIDL")),
            "{host}: {found:#?}"
        );
    }
}

async fn each_gets_its_name(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    let mut running = JoinSet::new();
    for case in cases {
        if running.len() >= AT_ONCE
            && let Some(done) = running.join_next().await
        {
            wrong.extend::<Option<String>>(done.unwrap());
        }
        running.spawn(judge(case));
    }
    while let Some(done) = running.join_next().await {
        wrong.extend::<Option<String>>(done.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing, or what is wrong.
async fn judge(case: Case) -> Option<String> {
    let (problem, host, says) = (case.problem, case.host, case.says);
    let report = meet(case).await;
    let step = report.steps.iter().find(|step| step.problem_id.is_some());
    let Some(step) = step else {
        return Some(format!(
            "{problem} at {host}: no problem was found: {report:#?}"
        ));
    };
    let found = step.problem_id.as_deref().unwrap_or_default();
    if found != problem {
        return Some(format!(
            "{problem} at {host}: taken for {found} in {:?}, {:?}, after {says:?}",
            step.code, step.server_said
        ));
    }
    // The raw words are kept, at least their end: codes are told apart from them.
    if let (Some(says), Some(said)) = (says, &step.server_said) {
        let end: String = says.chars().rev().take(12).collect();
        let end: String = end.chars().rev().collect();
        if !said.contains(&end) {
            return Some(format!("{problem}: {says:?} became {said:?}"));
        }
    }
    None
}

async fn meet(case: Case) -> Report {
    let mut dns = None;
    if case.host != "localhost" {
        dns = Some(DnsSim::start(
            DnsScript::new().address(case.host, "127.0.0.1"),
        ));
    }
    let servers = dns.iter().map(DnsSim::address).collect();
    match case.server.clone() {
        Server::Imap(script) => {
            let sim = ImapSim::start(script);
            let test = reading(&case, sim.port(), Protocol::Imap);
            run(sim.ca_pem(), servers, test).await
        }
        Server::Pop3(script) => {
            let sim = Pop3Sim::start(script);
            let test = reading(&case, sim.port(), Protocol::Pop3);
            run(sim.ca_pem(), servers, test).await
        }
        Server::Smtp(script) => {
            let sim = SmtpSim::start(script);
            run(sim.ca_pem(), servers, writing(&case, sim.port())).await
        }
        Server::Both => {
            let (reads, sends) = (
                ImapSim::start(ImapScript::new()),
                SmtpSim::start(SmtpScript::new()),
            );
            let mut test = reading(&case, reads.port(), Protocol::Imap);
            test.outgoing = Some(smtp("ann", sends.port(), Security::None));
            (case.change)(&mut test);
            run(reads.ca_pem(), servers, test).await
        }
        Server::Nowhere(what) => nowhere(&case, what).await,
    }
}

fn reading(case: &Case, port: u16, protocol: Protocol) -> TestRequest {
    let mut incoming = imap("ann@example.com", port, case.security);
    incoming.host = case.host.to_owned();
    incoming.auth = case.auth;
    incoming.protocol = protocol;
    let mut test = request("ann@example.com", "secret", Some(incoming), None);
    (case.change)(&mut test);
    test
}

fn writing(case: &Case, port: u16) -> TestRequest {
    let mut outgoing = smtp("ann@example.com", port, case.security);
    outgoing.host = case.host.to_owned();
    outgoing.auth = case.auth;
    let mut test = request("ann@example.com", "secret", None, Some(outgoing));
    test.test_recipient = Some("bob@example.org".to_owned());
    (case.change)(&mut test);
    test
}

async fn run(ca_pem: &str, name_servers: Vec<std::net::SocketAddr>, test: TestRequest) -> Report {
    let net = net(Some(ca_pem), &["127.0.0.0/8", "::1"]);
    report_with(net.using_dns(name_servers), test).await.0
}

fn net(ca_pem: Option<&str>, allow: &[&str]) -> Net {
    let policy = Policy {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        ..Policy::public_only()
    };
    let tls = TlsSettings::new(ca_pem.map(str::as_bytes)).unwrap();
    let timeouts = Timeouts {
        connect: Duration::from_secs(1),
        ..Timeouts::default()
    };
    Net::new(policy, tls, timeouts)
}

async fn nowhere(case: &Case, what: Nowhere) -> Report {
    let test = |host: &'static str, port| {
        let mut test = reading(case, port, Protocol::Imap);
        if let Some(incoming) = &mut test.incoming {
            incoming.host = host.to_owned();
        }
        test
    };
    let report = async |net, test| report_with(net, test).await.0;
    match what {
        Nowhere::NoSuchName => {
            let dns = DnsSim::start(DnsScript::new());
            let net = net(None, &["127.0.0.0/8"]).using_dns(vec![dns.address()]);
            report(net, test("imap.nowhere.example", 993)).await
        }
        Nowhere::NameServerFails => {
            let script = DnsScript::new().fault("imap.nowhere.example", DnsFault::ServFail);
            let dns = DnsSim::start(script);
            let net = net(None, &["127.0.0.0/8"]).using_dns(vec![dns.address()]);
            report(net, test("imap.nowhere.example", 993)).await
        }
        Nowhere::NotPermitted => report(net(None, &[]), test("127.0.0.1", 993)).await,
        Nowhere::ClosedPort => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            report(net(None, &["127.0.0.0/8"]), test("127.0.0.1", port)).await
        }
        Nowhere::Silent => {
            // A queue that is full: whoever comes now gets no answer.
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let at = listener.local_addr().unwrap();
            let mut waiting = JoinSet::new();
            for _ in 0..8 {
                waiting.spawn(TcpStream::connect(at));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            report(net(None, &["127.0.0.0/8"]), test("127.0.0.1", at.port())).await
        }
        // No packet of TCP goes to a group of machines.
        Nowhere::NoRoute => report(net(None, &["224.0.0.0/4"]), test("224.0.0.1", 993)).await,
        // An address of a link without the name of the link.
        Nowhere::NoWay => report(net(None, &["fe80::/10"]), test("fe80::1", 993)).await,
    }
}
