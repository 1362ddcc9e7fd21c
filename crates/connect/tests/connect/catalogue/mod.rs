//! Every problem that a connection can have is met over a real socket: a fault of a simulated server, and the name it gets.

mod cases;

use crate::setting::{imap, report_with, request, smtp};
use cases::{
    Case, MAIL, Nowhere, Server, all, in_the_mailbox, in_the_words_of_providers, mailbox,
    on_the_way, sending, signing_in, waiting_in_vain,
};
use connect::TestRequest;
use connect::problems::{catalogue, find};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use mail_sim::{
    DnsFault, DnsScript, DnsSim, Encryption, ImapFault, ImapScript, ImapSim, Pop3Script, Pop3Sim,
    SmtpScript, SmtpSim, profiles,
};
use model::mailbox::{Protocol, Security};
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

/// At a known provider, the first advice is what most people have wrong there, with the provider's page, and not to type the
/// same password again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_leads_to_what_the_provider_wants() {
    const REMOVED: &str = "[AUTHENTICATIONFAILED] Invalid credentials (Failure)";
    for (host, says, problem, words, page) in [
        // Gmail after the app password was removed: the words are those of any wrong password.
        (
            "imap.gmail.com",
            REMOVED,
            "google.invalid_credentials",
            "new app password",
            "support.google.com",
        ),
        (
            "imap.fastmail.com",
            "no",
            "password_refused",
            "Make an app password",
            "fastmail",
        ),
        (
            "imap.qq.com",
            "no",
            "password_refused",
            "authorisation code",
            "service.mail.qq.com",
        ),
        (
            "imap.gmx.net",
            "no",
            "password_refused",
            "IMAP is off until it is switched on",
            "gmx",
        ),
    ] {
        let script = mailbox().fault(ImapFault::LoginRefused(says.to_owned()));
        let mut case = Case::of(problem, Server::Imap(script));
        case.host = host;
        let report = meet(case).await;
        let step = report.steps.iter().find(|step| step.problem_id.is_some());
        let step = step.unwrap_or_else(|| panic!("{host}: {report:#?}"));
        assert_eq!(step.problem_id.as_deref(), Some(problem), "{host}");
        let remedy = step.remedy.as_ref().unwrap();
        assert!(remedy.text.contains(words), "{host}: {}", remedy.text);
        let url = remedy.url.as_deref().unwrap_or_default();
        assert!(url.contains(page), "{host}: {url}");
    }
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
