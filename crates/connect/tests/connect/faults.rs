//! Reports against servers that misbehave: each gets its name, and the report comes to its end in time.

use crate::setting::{first_failure, imap, net, report_with, request, smtp, step};
use mail_sim::{Encryption, ImapFault, ImapScript, ImapSim, Point, SmtpFault, SmtpScript, SmtpSim};
use model::mailbox::{Auth, Proof, Security};
use model::problem::Retry;
use model::report::{DetailName, Report, StepCode, StepStatus, Verdict};
use std::time::{Duration, Instant};

async fn imap_report(sim: &ImapSim, security: Security) -> Report {
    let incoming = imap("ann", sim.port(), security);
    report_with(
        net(sim.ca_pem().as_bytes()),
        request("ann@example.com", "secret", Some(incoming), None),
    )
    .await
    .0
}

async fn smtp_report(sim: &SmtpSim, security: Security, recipient: Option<&str>) -> Report {
    let outgoing = smtp("ann", sim.port(), security);
    let mut test = request("ann@example.com", "secret", None, Some(outgoing));
    test.test_recipient = recipient.map(str::to_owned);
    report_with(net(sim.ca_pem().as_bytes()), test).await.0
}

#[tokio::test]
async fn the_simulator_itself_is_well() {
    let sim = ImapSim::start(
        ImapScript::new()
            .encryption(Encryption::Implicit)
            .mail("INBOX", b"Subject: hi\r\n\r\nx\r\n"),
    );
    let report = imap_report(&sim, Security::Tls).await;
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    assert_eq!(sim.logins(), 1);
}

#[tokio::test]
async fn imap_faults_get_their_names() {
    let quick = [
        (ImapFault::NotImap, StepCode::Greeting, "wrong_protocol"),
        (
            ImapFault::ByeAtOnce("Too busy, come back later".to_owned()),
            StepCode::Greeting,
            "greeting_refused",
        ),
        (
            ImapFault::CloseAt(Point::Greeting),
            StepCode::Greeting,
            "server_closed",
        ),
        (
            ImapFault::EndlessLine(Point::Greeting),
            StepCode::Greeting,
            "server_line_too_long",
        ),
        (
            ImapFault::CloseAt(Point::Capability),
            StepCode::Capabilities,
            "server_closed",
        ),
        (
            ImapFault::EndlessLine(Point::List),
            StepCode::Folders,
            "server_line_too_long",
        ),
        (
            ImapFault::CloseAt(Point::List),
            StepCode::Folders,
            "server_closed",
        ),
        (
            ImapFault::HugeLiteralClaim(Point::List),
            StepCode::Folders,
            "literal_too_large",
        ),
        (
            ImapFault::CloseAt(Point::Select),
            StepCode::Read,
            "server_closed",
        ),
        (
            ImapFault::LoginRefused(
                "[AUTHENTICATIONFAILED] Application-specific password required".to_owned(),
            ),
            StepCode::Login,
            "app_password_required",
        ),
        (
            ImapFault::LoginRefused("[UNAVAILABLE] Temporary authentication failure".to_owned()),
            StepCode::Login,
            "sign_in_unavailable",
        ),
        (
            ImapFault::LoginRefused("IMAP access is disabled for your domain".to_owned()),
            StepCode::Login,
            "imap_disabled",
        ),
        (
            ImapFault::TooManyConnections(0),
            StepCode::Login,
            "too_many_connections",
        ),
        (
            ImapFault::CloseAt(Point::Login),
            StepCode::Login,
            "server_closed",
        ),
    ];
    for (fault, code, problem) in quick {
        let sim = ImapSim::start(
            ImapScript::new()
                .mail("INBOX", b"Subject: hi\r\n\r\nx\r\n")
                .fault(fault.clone()),
        );
        let report = imap_report(&sim, Security::None).await;
        let (found, id, _) = first_failure(&report);
        assert_eq!((found, id), (code, problem), "{fault:?}: {report:#?}");
        assert!(sim.logins() <= 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_hidden() {
    let fault = ImapFault::LoginRefused("[ALERT] secret is not the password of ann".to_owned());
    let report = imap_report(
        &ImapSim::start(ImapScript::new().fault(fault)),
        Security::None,
    )
    .await;
    let said = step(&report, StepCode::Login).server_said.as_deref();
    assert_eq!(said, Some("<hidden> is not the password of ann"));
}

#[tokio::test]
async fn a_throttled_command_names_the_pause() {
    let text = "Request is throttled. Suggested Backoff Time: 300000 milliseconds".to_owned();
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: hi\r\n\r\nx\r\n")
        .fault(ImapFault::ThrottleText(text));
    let report = imap_report(&ImapSim::start(script), Security::None).await;
    let read = step(&report, StepCode::Read);
    assert_eq!(
        (read.problem_id.as_deref(), read.retry),
        (Some("throttled"), Some(Retry::PauseUntil)),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_stripped_starttls_is_never_gone_without() {
    let sim = ImapSim::start(ImapScript::new());
    let report = imap_report(&sim, Security::Starttls).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Tls, "starttls_not_offered", "use:993:tls")
    );
    assert_eq!(sim.logins(), 0);
    assert!(
        !sim.log()
            .iter()
            .any(|line| line.contains("LOGIN") || line.contains("AUTHENTICATE"))
    );
}

#[tokio::test]
async fn text_slipped_in_before_tls_ends_it() {
    let sim = ImapSim::start(
        ImapScript::new()
            .encryption(Encryption::Starttls)
            .fault(ImapFault::StartTlsInjection),
    );
    let report = imap_report(&sim, Security::Starttls).await;
    assert_eq!(
        first_failure(&report).1,
        "starttls_injection",
        "{report:#?}"
    );
    let sim = SmtpSim::start(
        SmtpScript::new()
            .encryption(Encryption::Starttls)
            .fault(SmtpFault::StartTlsInjection),
    );
    let report = smtp_report(&sim, Security::Starttls, None).await;
    assert_eq!(
        first_failure(&report).1,
        "starttls_injection",
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_silent_server_costs_one_step_and_no_more() {
    let began = Instant::now();
    let sim = ImapSim::start(ImapScript::new().fault(ImapFault::StallAfter(Point::List)));
    let report = imap_report(&sim, Security::None).await;
    let (code, problem, _) = first_failure(&report);
    assert_eq!(
        (code, problem),
        (StepCode::Folders, "timed_out"),
        "{report:#?}"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(step(&report, StepCode::Read).status, StepStatus::Skip);
}

#[tokio::test]
async fn smtp_faults_get_their_names() {
    let quick = [
        (SmtpFault::NotSmtp, "wrong_protocol", StepCode::Greeting),
        (
            SmtpFault::ByeAtOnce("421 4.3.2 too busy".to_owned()),
            "server_unavailable",
            StepCode::Greeting,
        ),
        (
            SmtpFault::ByeAtOnce("554 5.7.1 [192.0.2.1] is listed by a block list".to_owned()),
            "smtp_address_blocked",
            StepCode::Greeting,
        ),
        (
            SmtpFault::EndlessGreeting,
            "server_line_too_long",
            StepCode::Greeting,
        ),
        (
            SmtpFault::RefuseAuth("535 5.7.8 wrong".to_owned()),
            "password_refused",
            StepCode::Login,
        ),
        (
            SmtpFault::RefuseAuth(
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled"
                    .to_owned(),
            ),
            "smtp_auth_disabled",
            StepCode::Login,
        ),
        (
            SmtpFault::RefuseAuth("454 4.7.0 Temporary authentication failure".to_owned()),
            "sign_in_unavailable",
            StepCode::Login,
        ),
    ];
    for (fault, problem, code) in quick {
        let sim = SmtpSim::start(SmtpScript::new().fault(fault.clone()));
        let report = smtp_report(&sim, Security::None, None).await;
        let smtp = step(&report, StepCode::Smtp);
        let inner = smtp.steps.last().unwrap();
        assert_eq!(
            (inner.code, smtp.problem_id.as_deref()),
            (code, Some(problem)),
            "{fault:?}: {report:#?}"
        );
        assert!(sim.logins() <= 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_test_message_meets_what_servers_do_to_messages() {
    for (fault, status, problem, verdict) in [
        (
            SmtpFault::RejectSender("553 5.7.1 not your address".to_owned()),
            StepStatus::Fail,
            "smtp_sender_refused",
            Verdict::Fails,
        ),
        (
            SmtpFault::RejectData("554 5.7.1 spam".to_owned()),
            StepStatus::Fail,
            "smtp_message_refused",
            Verdict::Fails,
        ),
        (
            SmtpFault::Refuse("RCPT", "550 5.7.1 Relaying denied".to_owned()),
            StepStatus::Fail,
            "smtp_relay_refused",
            Verdict::Works,
        ),
        (
            SmtpFault::Refuse("RCPT", "530 5.7.0 Authentication required".to_owned()),
            StepStatus::Fail,
            "smtp_relay_refused",
            Verdict::Works,
        ),
        (
            SmtpFault::CloseAfterDot,
            StepStatus::Warn,
            "smtp_unclear",
            Verdict::Works,
        ),
        (
            SmtpFault::Greylist,
            StepStatus::Warn,
            "smtp_greylisted",
            Verdict::Works,
        ),
        (
            SmtpFault::TempfailRecipient("bob@example.org".to_owned()),
            StepStatus::Warn,
            "smtp_greylisted",
            Verdict::Works,
        ),
    ] {
        let sim = SmtpSim::start(SmtpScript::new().fault(fault.clone()));
        let report = smtp_report(&sim, Security::None, Some("bob@example.org")).await;
        let send = step(&report, StepCode::Send);
        assert_eq!(
            (send.status, send.problem_id.as_deref()),
            (status, Some(problem)),
            "{fault:?}: {report:#?}"
        );
        assert_eq!(report.verdict, verdict, "{fault:?}");
        if verdict == Verdict::Works {
            assert!(
                report.summary.starts_with("The test message was not "),
                "{}",
                report.summary
            );
            assert_eq!(
                connect::proofs(&report, false, true).1,
                Proof::WorksWithWarnings
            );
        }
        if problem == "smtp_greylisted" {
            let means = send.means.clone().unwrap_or_default();
            assert!(
                means.ends_with("Such a message is accepted later, when it is offered again."),
                "{means}"
            );
        }
    }
}

#[tokio::test]
async fn a_relay_refused_without_a_sign_in_asks_for_one_and_with_one_does_not() {
    let refused = SmtpFault::Refuse("RCPT", "554 5.7.1 Relay access denied".to_owned());
    let sim = SmtpSim::start(SmtpScript::new().fault(refused));
    for (auth, problem, word, verdict) in [
        (
            Auth::None,
            "smtp_auth_required",
            "Set a user name",
            Verdict::Fails,
        ),
        (
            Auth::Password,
            "smtp_relay_refused",
            "Use the provider's own sending host",
            Verdict::Works,
        ),
    ] {
        let mut outgoing = smtp("ann", sim.port(), Security::None);
        outgoing.auth = auth;
        let mut test = request("ann@example.com", "secret", None, Some(outgoing));
        test.test_recipient = Some("bob@example.org".to_owned());
        let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
        let send = step(&report, StepCode::Send);
        assert_eq!(send.problem_id.as_deref(), Some(problem), "{report:#?}");
        assert!(
            send.remedy
                .as_ref()
                .is_some_and(|remedy| remedy.text.starts_with(word))
        );
        assert_eq!(report.verdict, verdict);
    }
}

#[tokio::test]
async fn starttls_is_advised_only_where_it_is_on_offer() {
    for (encryption, wanted) in [
        (Encryption::Starttls, "starttls"),
        (Encryption::None, "tls"),
    ] {
        let imap_sim = ImapSim::start(ImapScript::new().encryption(encryption));
        let report = imap_report(&imap_sim, Security::Tls).await;
        let (code, problem, action) = first_failure(&report);
        assert_eq!((code, problem), (StepCode::Tls, "tls_not_spoken"));
        let port = if wanted == "tls" {
            993
        } else {
            imap_sim.port()
        };
        assert_eq!(action, format!("use:{port}:{wanted}"), "{report:#?}");
        let smtp_sim = SmtpSim::start(SmtpScript::new().encryption(encryption));
        let report = smtp_report(&smtp_sim, Security::Tls, None).await;
        let port = if wanted == "tls" {
            465
        } else {
            smtp_sim.port()
        };
        assert_eq!(
            first_failure(&report).2,
            format!("use:{port}:{wanted}"),
            "{report:#?}"
        );
    }
}

#[tokio::test]
async fn what_the_server_said_to_ehlo_is_kept() {
    let refused = SmtpFault::Refuse("EHLO", "550 5.7.1 your name is on our list".to_owned());
    for security in [Security::Starttls, Security::None] {
        let sim = SmtpSim::start(SmtpScript::new().fault(refused.clone()));
        let report = smtp_report(&sim, security, None).await;
        let said = step(&report, StepCode::Smtp)
            .server_said
            .clone()
            .unwrap_or_default();
        assert!(said.contains("your name is on our list"), "{report:#?}");
    }
}

#[tokio::test]
async fn an_empty_inbox_and_a_missing_sent_folder_are_told() {
    let sim = ImapSim::start(ImapScript::new());
    let report = imap_report(&sim, Security::None).await;
    let folders = step(&report, StepCode::Folders);
    assert_eq!(folders.status, StepStatus::Warn, "{report:#?}");
    assert!(
        folders
            .means
            .as_deref()
            .is_some_and(|means| means.starts_with("There is no folder for sent mail"))
    );
    let read = step(&report, StepCode::Read);
    assert_eq!(read.status, StepStatus::Warn, "{report:#?}");
    assert!(
        read.means
            .as_deref()
            .is_some_and(|means| means.starts_with("INBOX is empty")),
        "{read:#?}"
    );
    assert_eq!(report.verdict, Verdict::Works);
}

#[tokio::test]
async fn a_test_message_has_the_message_id_that_was_given() {
    let sim = SmtpSim::start(SmtpScript::new());
    let id = connect::TestMessageId::fresh("mail.example", model::Timestamp(0));
    let outgoing = smtp("ann", sim.port(), Security::None);
    let mut test = request("ann@example.com", "secret", None, Some(outgoing));
    test.test_recipient = Some("bob@example.org".to_owned());
    test.test_message_id = Some(id.clone());
    let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    let mails = sim.mails();
    let sent = String::from_utf8_lossy(&mails[0].data).into_owned();
    assert!(sent.contains(&format!("Message-ID: <{id}>")), "{sent}");
    assert!(
        sent.contains(&format!("X-Postroom-Test: {}", id.local())),
        "{sent}"
    );
}

#[tokio::test]
async fn sending_without_a_sign_in_is_possible_where_it_is_set() {
    let sim = SmtpSim::start(SmtpScript::new().extensions(&["8BITMIME"]));
    let mut outgoing = smtp("", sim.port(), Security::None);
    outgoing.auth = Auth::None;
    let mut test = request("ann@example.com", "", None, Some(outgoing));
    test.credentials.outgoing = None;
    test.test_recipient = Some("bob@example.org".to_owned());
    let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    assert_eq!(sim.mails().len(), 1);
    assert_eq!(
        step(&report, StepCode::Smtp).steps.last().unwrap().status,
        StepStatus::Skip
    );
}

#[tokio::test]
async fn what_a_server_offers_for_sending_and_its_limits_are_told() {
    let script = SmtpScript::new().encryption(Encryption::Implicit);
    let sim = SmtpSim::start(script.offer(&["DSN", "REQUIRETLS", "LIMITS RCPTMAX=20 MAILMAX=5"]));
    let outgoing = smtp("ann", sim.port(), Security::Tls);
    let test = request("ann@example.com", "secret", None, Some(outgoing));
    let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
    let details = step(&report, StepCode::Smtp)
        .steps
        .iter()
        .flat_map(|step| &step.details);
    let offered: Vec<&str> = details
        .filter(|detail| detail.name == DetailName::Capabilities)
        .flat_map(|detail| detail.values.iter().map(String::as_str))
        .collect();
    for name in ["DSN", "REQUIRETLS", "RCPTMAX 20", "MAILMAX 5"] {
        assert!(offered.contains(&name), "{name} is not among {offered:?}");
    }
}

#[tokio::test]
async fn a_server_without_any_sign_in_is_named() {
    let sim = ImapSim::start(
        ImapScript::new()
            .capabilities("IMAP4rev1 LOGINDISABLED AUTH=GSSAPI")
            .encryption(Encryption::Implicit),
    );
    let report = imap_report(&sim, Security::Tls).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Capabilities, "no_common_mechanism", "edit_auth"),
        "{report:#?}"
    );
    assert_eq!(sim.logins(), 0);
}
