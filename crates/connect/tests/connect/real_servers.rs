//! Reports against Dovecot and Postfix: the right verdict, the right step, the right words, the right button.

use crate::setting::{
    first_failure, good, imap, report, report_with, request, smtp, step, test_net,
};
use connect::proofs;
use model::mailbox::{Auth, Proof, Protocol, Security};
use model::report::{StepCode, StepStatus, Verdict};
use model::{Clock, Secret};
use testkit::{
    Generator, ImapProbe, expired_oauth_token, oauth_token, receiving_user, sending_user, servers,
    user,
};
use tokio::sync::mpsc;

#[tokio::test]
async fn all_well_is_said_to_work() {
    let user = user("all well");
    user.seed("INBOX", Generator::new(1).take(3));
    let report = report(good(&user)).await;
    assert_eq!(
        (report.verdict, report.summary.as_str()),
        (Verdict::Works, "Works."),
        "{report:#?}"
    );
    assert_eq!(proofs(&report, true, true), (Proof::Works, Proof::Works));
    assert!(report.id.starts_with("rep_"));
    let did = |code| step(&report, code).did.as_str();
    assert!(
        did(StepCode::Tls).starts_with("TLS 1.3; the certificate fits; valid "),
        "{}",
        did(StepCode::Tls)
    );
    assert!(
        did(StepCode::Capabilities)
            .starts_with("push yes, fast resync yes, move yes, folder marks yes; sign-in by ")
    );
    assert!(
        did(StepCode::Login).contains("SCRAM-SHA-256"),
        "{}",
        did(StepCode::Login)
    );
    assert!(
        did(StepCode::Folders).contains("Inbox, Sent, Drafts, Spam, Trash, Archive recognised"),
        "{}",
        did(StepCode::Folders)
    );
    assert_eq!(
        did(StepCode::Read),
        "opened INBOX, 3 messages; read the newest header, left unread"
    );
    assert!(
        did(StepCode::Smtp).contains("took the sign-in; messages up to 26 MB"),
        "{}",
        did(StepCode::Smtp)
    );
    assert_eq!(step(&report, StepCode::Smtp).steps.len(), 6);
    assert_eq!(step(&report, StepCode::Send).status, StepStatus::Skip);
}

#[tokio::test]
async fn a_report_leaves_mail_unread() {
    let user = user("leaves unread");
    let mails = Generator::new(2).take(2).map(|mail| testkit::Mail {
        flags: Vec::new(),
        ..mail
    });
    user.seed("INBOX", mails);
    assert_eq!(report(good(&user)).await.verdict, Verdict::Works);
    let mut probe = ImapProbe::login(&user);
    probe.examine("INBOX");
    assert_eq!(probe.search("UNSEEN").len(), 2);
}

#[tokio::test]
async fn steps_are_told_as_running_and_as_ended_in_order() {
    let user = user("steps are told");
    let (report, told) = report_with(test_net(), good(&user)).await;
    for ended in &report.steps {
        let these: Vec<_> = told.iter().filter(|step| step.code == ended.code).collect();
        if ended.status != StepStatus::Skip {
            assert_eq!(
                these.first().unwrap().status,
                StepStatus::Running,
                "{}",
                ended.code
            );
        }
        assert_eq!(these.last().unwrap(), &ended, "{}", ended.code);
    }
}

#[tokio::test]
async fn a_report_without_a_listener_comes_to_its_end() {
    let user = user("no listener");
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let engine = connect::Engine::new(test_net(), Clock::system(), "test.example");
    assert_eq!(
        engine.test(good(&user), sender).await.verdict,
        Verdict::Works
    );
}

#[tokio::test]
async fn all_three_security_modes_and_pop3_work() {
    let user = user("all modes");
    user.seed("INBOX", Generator::new(3).take(1));
    let s = servers();
    for (incoming_port, incoming, outgoing_port, outgoing) in [
        (
            s.imaps_port,
            Security::Tls,
            s.submissions_port,
            Security::Tls,
        ),
        (
            s.imap_port,
            Security::Starttls,
            s.submission_port,
            Security::Starttls,
        ),
        (
            s.imap_tls_required_port,
            Security::Starttls,
            s.submission_port,
            Security::Starttls,
        ),
    ] {
        let test = request(
            &user.address,
            &user.password,
            Some(imap(&user.address, incoming_port, incoming)),
            Some(smtp(&user.address, outgoing_port, outgoing)),
        );
        let report = report(test).await;
        assert_eq!(
            report.summary, "Works.",
            "{incoming:?} {outgoing:?}: {report:#?}"
        );
    }
    for (port, security) in [
        (s.pop3s_port, Security::Tls),
        (s.pop3_port, Security::Starttls),
    ] {
        let mut pop3 = imap(&user.address, port, security);
        pop3.protocol = Protocol::Pop3;
        let report = report(request(&user.address, &user.password, Some(pop3), None)).await;
        assert_eq!(
            report.summary, "Works: it receives; sending is not set up.",
            "{report:#?}"
        );
        assert!(
            step(&report, StepCode::Folders)
                .did
                .starts_with("1 message, each with a lasting number")
        );
        assert!(
            step(&report, StepCode::Read)
                .did
                .contains("read the newest header")
        );
    }
}

#[tokio::test]
async fn no_encryption_works_with_a_warning() {
    let user = user("no encryption");
    let s = servers();
    let test = request(
        &user.address,
        &user.password,
        Some(imap(&user.address, s.imap_port, Security::None)),
        Some(smtp(&user.address, s.submission_plain_port, Security::None)),
    );
    let report = report(test).await;
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    assert_eq!(
        proofs(&report, true, true),
        (Proof::WorksWithWarnings, Proof::WorksWithWarnings)
    );
    assert_eq!(
        step(&report, StepCode::Tls)
            .remedy
            .as_ref()
            .unwrap()
            .action
            .as_deref(),
        Some("use:993:tls")
    );
}

#[tokio::test]
async fn a_wrong_password_is_named_and_shown_once_to_each_server() {
    let user = user("wrong password");
    let mut test = good(&user);
    test.credentials.incoming = Some(Secret::new("wrong"));
    test.credentials.outgoing = Some(Secret::new("wrong"));
    let report = report(test).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Login, "password_refused", "enter_password")
    );
    assert_eq!(
        report.summary, "Does not work yet: step 6, the server refused the user name or password.",
        "{report:#?}"
    );
    let smtp = step(&report, StepCode::Smtp);
    assert_eq!(
        (smtp.problem_id.as_deref(), smtp.steps.last().unwrap().code),
        (Some("password_refused"), StepCode::Login)
    );
    assert_eq!(step(&report, StepCode::Folders).status, StepStatus::Skip);
    assert!(
        !serde_json::to_string(&report)
            .unwrap()
            .contains("\"wrong\"")
    );
}

#[tokio::test]
async fn a_wrong_host_is_named() {
    let user = user("wrong host");
    let mut test = good(&user);
    test.incoming.as_mut().unwrap().host = "no-such-host.invalid".to_owned();
    let report = report(test).await;
    let (code, problem, _) = first_failure(&report);
    // A machine without any name server cannot tell an unknown name from a silent name system.
    assert!(
        code == StepCode::Dns && ["name_not_found", "dns_failed"].contains(&problem),
        "{report:#?}"
    );
    assert_eq!(report.verdict, Verdict::SendsOnly);
}

#[tokio::test]
async fn a_closed_port_is_named() {
    let user = user("closed port");
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut test = good(&user);
    test.incoming.as_mut().unwrap().port = closed;
    let report = report(test).await;
    let (code, problem, _) = first_failure(&report);
    assert_eq!((code, problem), (StepCode::Tcp, "connection_refused"));
    assert_eq!(
        report.summary,
        "Sends, but cannot receive: step 2, the server refused the connection."
    );
}

#[tokio::test]
async fn tls_on_a_starttls_port_says_starttls() {
    let user = user("tls on starttls");
    let mut test = good(&user);
    let port = servers().imap_port;
    test.incoming = Some(imap(&user.address, port, Security::Tls));
    test.outgoing.as_mut().unwrap().security = Security::Tls;
    let report = report(test).await;
    let wanted = format!("use:{port}:starttls");
    assert_eq!(
        first_failure(&report),
        (StepCode::Tls, "tls_not_spoken", wanted.as_str())
    );
    assert_eq!(
        step(&report, StepCode::Smtp).problem_id.as_deref(),
        Some("tls_not_spoken")
    );
    assert_eq!(report.verdict, Verdict::Fails);
}

#[tokio::test]
async fn starttls_on_a_tls_port_says_tls() {
    let user = user("starttls on tls");
    let mut test = good(&user);
    let port = servers().imaps_port;
    test.incoming = Some(imap(&user.address, port, Security::Starttls));
    test.outgoing = Some(smtp(
        &user.address,
        servers().submissions_port,
        Security::Starttls,
    ));
    let report = report(test).await;
    let wanted = format!("use:{port}:tls");
    assert_eq!(
        first_failure(&report),
        (StepCode::Tls, "port_security_mismatch", wanted.as_str()),
        "{report:#?}"
    );
    assert_eq!(
        step(&report, StepCode::Smtp).problem_id.as_deref(),
        Some("port_security_mismatch")
    );
}

#[tokio::test]
async fn certificates_are_refused_by_name() {
    let user = user("certificates");
    let s = servers();
    for (port, problem) in [
        (s.imaps_untrusted_port, "certificate_untrusted"),
        (s.imaps_wrong_name_port, "certificate_name_mismatch"),
        (s.imaps_expired_port, "certificate_expired"),
    ] {
        let report = report(request(
            &user.address,
            &user.password,
            Some(imap(&user.address, port, Security::Tls)),
            None,
        ))
        .await;
        let (code, found, action) = first_failure(&report);
        assert_eq!((code, found), (StepCode::Tls, problem), "{report:#?}");
        match problem {
            "certificate_untrusted" => {
                assert!(action.starts_with("trust_certificate:"), "{action}")
            }
            // That name leads nowhere, so it is named but not offered.
            "certificate_name_mismatch" => {
                assert_eq!(action, "edit_host");
                let remedy = step(&report, code).remedy.as_ref().unwrap();
                assert!(remedy.text.contains("mail.elsewhere.test"), "{remedy:?}");
            }
            _ => assert!(
                step(&report, code)
                    .means
                    .as_deref()
                    .unwrap()
                    .contains("2021-01-01")
            ),
        }
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_trusted_and_no_other() {
    let user = user("pinned");
    let s = servers();
    let mut incoming = imap(&user.address, s.imaps_untrusted_port, Security::Tls);
    let refused = report(request(
        &user.address,
        &user.password,
        Some(incoming.clone()),
        None,
    ))
    .await;
    let (.., action) = first_failure(&refused);
    incoming.certificate_sha256 = Some(action.trim_start_matches("trust_certificate:").to_owned());
    let trusted = report(request(
        &user.address,
        &user.password,
        Some(incoming.clone()),
        None,
    ))
    .await;
    assert_eq!(trusted.verdict, Verdict::Works, "{trusted:#?}");
    assert!(
        step(&trusted, StepCode::Tls)
            .did
            .contains("the certificate is the pinned one")
    );
    incoming.port = s.imaps_port;
    let other = report(request(&user.address, &user.password, Some(incoming), None)).await;
    assert_eq!(first_failure(&other).1, "certificate_pin_mismatch");
}

#[tokio::test]
async fn a_missing_folder_names_those_that_look_alike() {
    let user = user("missing folder");
    let mut test = good(&user);
    test.monitored_folders = vec!["INBOX".to_owned(), "Drafs".to_owned()];
    let report = report(test).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Read, "folder_missing", "choose_folders")
    );
    let read = step(&report, StepCode::Read);
    assert!(read.means.as_deref().unwrap().contains("Drafs"));
    assert_eq!(
        read.remedy.as_ref().unwrap().text,
        "Choose another folder: Drafts."
    );
    assert_eq!(report.verdict, Verdict::SendsOnly);
}

#[tokio::test]
async fn receiving_works_and_sending_fails() {
    let user = receiving_user("receives only");
    user.seed("INBOX", Generator::new(9).take(1));
    let report = report(good(&user)).await;
    assert_eq!(report.verdict, Verdict::ReceivesOnly, "{report:#?}");
    assert_eq!(
        report.summary,
        "Receives, but cannot send: step 9, the server refused the user name or password."
    );
    assert_eq!(proofs(&report, true, true), (Proof::Works, Proof::Fails));
}

#[tokio::test]
async fn sending_works_and_receiving_fails() {
    let user = sending_user("sends only");
    let report = report(good(&user)).await;
    assert_eq!(report.verdict, Verdict::SendsOnly, "{report:#?}");
    assert_eq!(proofs(&report, true, true), (Proof::Fails, Proof::Works));
}

#[tokio::test]
async fn swapped_hosts_are_recognised_by_what_they_speak() {
    let user = user("swapped");
    let s = servers();
    let test = request(
        &user.address,
        &user.password,
        Some(imap(&user.address, s.pop3_port, Security::Starttls)),
        Some(smtp(&user.address, s.imap_port, Security::Tls)),
    );
    let report = report(test).await;
    let (_, problem, action) = first_failure(&report);
    assert_eq!(
        (problem, action),
        ("wrong_protocol", "use:993:tls"),
        "{report:#?}"
    );
    assert!(
        step(&report, StepCode::Tls)
            .means
            .as_deref()
            .unwrap()
            .contains("POP3")
    );
    let smtp = step(&report, StepCode::Smtp);
    assert_eq!(
        smtp.problem_id.as_deref(),
        Some("wrong_protocol"),
        "{smtp:#?}"
    );
    assert!(smtp.means.as_deref().unwrap().contains("IMAP"));
}

#[tokio::test]
async fn a_server_that_wants_tls_first_is_understood() {
    let user = user("wants tls");
    let port = servers().imap_tls_required_port;
    let report = report(request(
        &user.address,
        &user.password,
        Some(imap(&user.address, port, Security::None)),
        None,
    ))
    .await;
    let wanted = format!("use:{port}:starttls");
    assert_eq!(
        first_failure(&report),
        (
            StepCode::Capabilities,
            "login_disabled_without_tls",
            wanted.as_str()
        )
    );
}

#[tokio::test]
async fn a_token_signs_in_and_an_old_one_is_refused() {
    let user = user("token");
    user.seed("INBOX", Generator::new(9).take(1));
    let mut test = good(&user);
    test.incoming.as_mut().unwrap().auth = Auth::Oauth2;
    test.outgoing.as_mut().unwrap().auth = Auth::Oauth2;
    let with = |token: String| {
        let mut test = test.clone();
        test.credentials.incoming = Some(Secret::new(token.clone()));
        test.credentials.outgoing = Some(Secret::new(token));
        test
    };
    let good = report(with(oauth_token(&user.address))).await;
    assert_eq!(good.summary, "Works.", "{good:#?}");
    assert!(step(&good, StepCode::Login).did.contains("OAUTHBEARER"));
    let old = report(with(expired_oauth_token(&user.address))).await;
    assert_eq!(
        first_failure(&old),
        (StepCode::Login, "oauth_token_refused", "sign_in_again"),
        "{old:#?}"
    );
}

#[tokio::test]
async fn an_old_server_works_with_a_warning_about_push() {
    let user = user("old server");
    let test = request(
        &user.address,
        &user.password,
        Some(imap(
            &user.address,
            servers().basic_imap_port,
            Security::Starttls,
        )),
        None,
    );
    let report = report(test).await;
    let capabilities = step(&report, StepCode::Capabilities);
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    assert!(
        capabilities
            .did
            .starts_with("push no, fast resync no, move no, folder marks no"),
        "{}",
        capabilities.did
    );
    assert_eq!(capabilities.status, StepStatus::Warn);
}

#[tokio::test]
async fn the_running_engine_gets_sessions_the_same_way() {
    let user = user("open");
    let s = servers();
    let net = test_net();
    let secret = Secret::new(user.password.clone());
    let imap_settings = imap(&user.address, s.imap_port, Security::Starttls);
    let mut session = connect::open::imap(&net, &imap_settings, &secret)
        .await
        .unwrap();
    assert!(session.is_tls() && session.supports("QRESYNC"));
    session.noop().await.unwrap();
    let mut pop3_settings = imap(&user.address, s.pop3s_port, Security::Tls);
    pop3_settings.protocol = Protocol::Pop3;
    let mut session = connect::open::pop3(&net, &pop3_settings, &secret)
        .await
        .unwrap();
    assert_eq!(session.stat().await.unwrap().messages, 0);
    let smtp_settings = smtp(&user.address, s.submissions_port, Security::Tls);
    let mut session = connect::open::smtp(&net, &smtp_settings, Some(&secret), "test.example")
        .await
        .unwrap();
    session.noop().await.unwrap();
    let refused = connect::open::imap(&net, &imap_settings, &Secret::new("wrong"))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.id(), refused.step),
        ("password_refused", StepCode::Login)
    );
    let missing = connect::open::smtp(&net, &smtp_settings, None, "test.example")
        .await
        .unwrap_err();
    assert_eq!(missing.id(), "credentials_missing");
}

#[tokio::test]
async fn what_there_is_to_fetch_is_counted_folder_by_folder() {
    let user = user("plan");
    user.seed("INBOX", Generator::new(7).take(5));
    user.seed("Sent", Generator::new(8).take(2));
    let counted = report(connect::TestRequest {
        count: Some(connect::Count::default()),
        ..good(&user)
    })
    .await;
    let of = |path: &str| counted.folders.iter().find(|folder| folder.path == path);
    let inbox = of("INBOX").expect("INBOX");
    assert_eq!(
        (inbox.messages, inbox.stored, inbox.guessed),
        (Some(5), true, false)
    );
    assert!(inbox.bytes.is_some_and(|bytes| bytes > 1_000), "{inbox:?}");
    assert_eq!(of("Sent").and_then(|sent| sent.messages), Some(2));
    assert!(
        counted.folders.iter().any(|folder| !folder.stored),
        "{:?}",
        counted.folders
    );

    // Nothing is as young as tomorrow.
    let since = Some(Clock::system().now().plus_millis(2 * 86_400_000));
    let counted = report(connect::TestRequest {
        count: Some(connect::Count { since }),
        ..good(&user)
    })
    .await;
    let inbox = counted.folders.iter().find(|folder| folder.path == "INBOX");
    assert_eq!(inbox.and_then(|inbox| inbox.messages), Some(0));
    assert_eq!(inbox.and_then(|inbox| inbox.bytes), Some(0));
}
