//! User names that are tried in order, and servers that try to get at a password before encryption.

use crate::scripted::{Scripted, small_imap};
use crate::setting::{first_failure, imap, net, report_with, request, smtp, step};
use connect::{Logins, TestRequest};
use mail_sim::{Encryption, ImapScript, ImapSim, SmtpScript, SmtpSim};
use model::mailbox::{LoginChoice, Protocol, Security};
use model::report::{DetailName, Report, StepCode, StepStatus, Verdict};

const GREETING: &str = "* OK ready";
const REFUSED: &str = "[AUTHENTICATIONFAILED] Invalid credentials";

async fn report(test: TestRequest) -> Report {
    let sim = ImapSim::start(ImapScript::new());
    report_with(net(sim.ca_pem().as_bytes()), test).await.0
}

fn trying(server: &Scripted, typed: &str) -> TestRequest {
    let incoming = imap(typed, server.port, Security::None);
    let mut test = request("ann@example.com", "secret", Some(incoming), None);
    test.login = Logins {
        incoming: LoginChoice::Auto,
        outgoing: LoginChoice::Auto,
    };
    test
}

#[tokio::test]
async fn the_user_name_that_works_is_found_and_told() {
    let server = Scripted::start(
        GREETING,
        small_imap("IMAP4rev1", |command| {
            if command.contains('@') {
                Err(REFUSED)
            } else {
                Ok(())
            }
        }),
    )
    .await;
    let report = report(trying(&server, "")).await;
    assert_eq!(report.verdict, Verdict::Works, "{report:#?}");
    let login = step(&report, StepCode::Login);
    assert_eq!(login.status, StepStatus::Warn);
    assert_eq!(
        login.means.as_deref(),
        Some("localhost accepted only the short user name, ann.")
    );
    assert_eq!(report.accepted.incoming.as_deref(), Some("ann"));
    assert_eq!(server.heard("LOGIN").len(), 2);
}

#[tokio::test]
async fn a_first_name_that_works_is_no_warning() {
    let server = Scripted::start(GREETING, small_imap("IMAP4rev1", |_| Ok(()))).await;
    let report = report(trying(&server, "")).await;
    let login = step(&report, StepCode::Login);
    assert_eq!(login.status, StepStatus::Pass, "{login:#?}");
    assert_eq!(report.accepted.incoming.as_deref(), Some("ann@example.com"));
    assert_eq!(server.heard("LOGIN").len(), 1);
}

#[tokio::test]
async fn each_name_is_tried_once_and_never_more_than_three() {
    let server = Scripted::start(GREETING, small_imap("IMAP4rev1", |_| Err(REFUSED))).await;
    let report = report(trying(&server, "m123456")).await;
    assert_eq!(first_failure(&report).1, "password_refused", "{report:#?}");
    let login = step(&report, StepCode::Login);
    assert!(
        login.others[0]
            .text
            .contains("m123456, ann@example.com, ann"),
        "{login:#?}"
    );
    assert_eq!(server.heard("LOGIN").len(), 3);
    assert!(report.accepted.is_empty());
}

/// Both sides with the same password, which is wrong, and every name to be tried.
async fn both_sides(imap_offers: &str, smtp_offers: &str) -> (Report, ImapSim, SmtpSim) {
    let script = ImapScript::new().capabilities(imap_offers);
    let reading = ImapSim::start(script.encryption(Encryption::Implicit));
    let script = SmtpScript::new().extensions(&[smtp_offers]);
    let sending = SmtpSim::start(script.encryption(Encryption::Implicit));
    let mut test = request(
        "ann@example.com",
        "wrong password",
        Some(imap("m123456", reading.port(), Security::Tls)),
        Some(smtp("m123456", sending.port(), Security::Tls)),
    );
    test.login = Logins {
        incoming: LoginChoice::Auto,
        outgoing: LoginChoice::Auto,
    };
    let ca = format!("{}{}", reading.ca_pem(), sending.ca_pem());
    let (report, _) = report_with(net(ca.as_bytes()), test).await;
    (report, reading, sending)
}

#[tokio::test]
async fn one_password_is_refused_three_times_in_a_report_and_no_more() {
    for (imap_offers, smtp_offers) in [
        (
            "IMAP4rev1 SASL-IR AUTH=CRAM-MD5 AUTH=PLAIN AUTH=LOGIN",
            "AUTH CRAM-MD5 PLAIN LOGIN",
        ),
        ("IMAP4rev1 AUTH=PLAIN", "AUTH PLAIN"),
        ("IMAP4rev1", "AUTH LOGIN"),
    ] {
        let (report, reading, sending) = both_sides(imap_offers, smtp_offers).await;
        assert_eq!(
            (reading.logins(), sending.logins()),
            (3, 0),
            "{imap_offers}"
        );
        assert_eq!(first_failure(&report).1, "password_refused", "{report:#?}");
        let means = step(&report, StepCode::Login)
            .means
            .clone()
            .unwrap_or_default();
        assert!(
            means.ends_with(
                "Postroom stopped after three refused sign-ins: more could lock the account."
            ),
            "{means}"
        );
        let smtp = step(&report, StepCode::Smtp);
        assert_eq!(smtp.status, StepStatus::Skip, "{smtp:#?}");
        assert!(smtp.did.contains("refused three times"), "{}", smtp.did);
        assert_eq!(report.verdict, Verdict::Fails);
    }
}

#[tokio::test]
async fn a_mechanism_that_the_server_cannot_do_is_not_a_refused_password_and_counts_all_the_same() {
    // The server offers three mechanisms that it does not know.
    let offers = "IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 AUTH=PLAIN";
    let (report, reading, sending) = both_sides(offers, "AUTH PLAIN").await;
    let log = reading.log();
    let tried = log.iter().filter(|line| line.contains("AUTHENTICATE"));
    assert_eq!(tried.count(), 3, "{log:#?}");
    assert_eq!((reading.logins(), sending.logins()), (1, 0), "{report:#?}");
}

#[tokio::test]
async fn cram_md5_that_is_refused_is_not_followed_by_the_password_itself() {
    let script = ImapScript::new().capabilities("IMAP4rev1 AUTH=CRAM-MD5 AUTH=PLAIN");
    let sim = ImapSim::start(script.encryption(Encryption::Implicit));
    let incoming = imap("ann", sim.port(), Security::Tls);
    let test = request("ann@example.com", "secret", Some(incoming), None);
    let (report, _) = report_with(net(sim.ca_pem().as_bytes()), test).await;
    assert_eq!(first_failure(&report).1, "password_refused", "{report:#?}");
    assert_eq!(sim.logins(), 1);
}

#[tokio::test]
async fn after_a_text_about_a_lock_no_other_name_is_tried() {
    for text in [
        "[AUTHENTICATIONFAILED] Too many failed logins",
        "[ALERT] Your account is locked",
        "Application-specific password required",
    ] {
        let server = Scripted::start(GREETING, small_imap("IMAP4rev1", move |_| Err(text))).await;
        let report = report(trying(&server, "")).await;
        assert_eq!(step(&report, StepCode::Login).status, StepStatus::Fail);
        assert_eq!(server.heard("LOGIN").len(), 1, "{text}");
    }
}

#[tokio::test]
async fn without_being_asked_only_the_set_name_is_tried() {
    let server = Scripted::start(GREETING, small_imap("IMAP4rev1", |_| Err(REFUSED))).await;
    let mut test = trying(&server, "ann@example.com");
    test.login = Logins::default();
    assert_eq!(report(test).await.verdict, Verdict::Fails);
    assert_eq!(server.heard("LOGIN").len(), 1);
}

#[tokio::test]
async fn cram_md5_keeps_the_password_here() {
    // The challenge and the answer of RFC 2195, with the user name of the request.
    let challenge = "+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n";
    let rest = small_imap("IMAP4rev1 AUTH=CRAM-MD5 AUTH=PLAIN", |_| Err(REFUSED));
    let tag = std::sync::Mutex::new(String::new());
    let server = Scripted::start(GREETING, move |line| {
        if let Some((this, _)) = line.split_once(" AUTHENTICATE CRAM-MD5") {
            *tag.lock().unwrap() = this.to_owned();
            return Some(challenge.to_owned());
        }
        // "tim b913a602c7eda7a495b4e6e7334d3890"
        if line == "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw" {
            return Some(format!("{} OK in\r\n", tag.lock().unwrap()));
        }
        rest(line)
    })
    .await;
    let incoming = imap("tim", server.port, Security::None);
    let test = request("tim@example.com", "tanstaaftanstaaf", Some(incoming), None);
    let report = report(test).await;
    let login = step(&report, StepCode::Login);
    assert_eq!(login.did, "signed in as tim with CRAM-MD5", "{report:#?}");
    let way = login.details.iter().find(|d| d.name == DetailName::SignIn);
    assert_eq!(way.unwrap().values, ["CRAM-MD5"]);
}

#[tokio::test]
async fn pop3_and_smtp_without_starttls_are_never_gone_on_with() {
    let pop3 = Scripted::start("+OK ready", |line| match line {
        "CAPA" => Some("+OK\r\nUSER\r\nUIDL\r\n.\r\n".to_owned()),
        "QUIT" => None,
        _ => Some("+OK\r\n".to_owned()),
    })
    .await;
    let smtp_server = Scripted::start("220 mx ESMTP", |line| match line {
        "QUIT" => None,
        line if line.starts_with("EHLO") => Some("250-mx\r\n250 AUTH PLAIN LOGIN\r\n".to_owned()),
        _ => Some("250 ok\r\n".to_owned()),
    })
    .await;
    let mut incoming = imap("ann", pop3.port, Security::Starttls);
    incoming.protocol = Protocol::Pop3;
    let outgoing = smtp("ann", smtp_server.port, Security::Starttls);
    let test = request("ann@example.com", "secret", Some(incoming), Some(outgoing));
    let report = report(test).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Tls, "starttls_not_offered", "use:995:tls"),
        "{report:#?}"
    );
    let sending = step(&report, StepCode::Smtp);
    assert_eq!(sending.problem_id.as_deref(), Some("starttls_not_offered"));
    for word in ["USER", "PASS", "AUTH", "MAIL"] {
        assert!(pop3.heard(word).is_empty() && smtp_server.heard(word).is_empty());
    }
}

#[tokio::test]
async fn text_slipped_in_before_tls_ends_a_pop3_connection_too() {
    let server = Scripted::start("+OK ready", |line| match line {
        "CAPA" => Some("+OK\r\nSTLS\r\nUSER\r\n.\r\n".to_owned()),
        "STLS" => Some("+OK begin\r\n+OK you are in\r\n".to_owned()),
        _ => Some("+OK\r\n".to_owned()),
    })
    .await;
    let mut incoming = imap("ann", server.port, Security::Starttls);
    incoming.protocol = Protocol::Pop3;
    let report = report(request("ann@example.com", "secret", Some(incoming), None)).await;
    assert_eq!(
        first_failure(&report).1,
        "starttls_injection",
        "{report:#?}"
    );
    assert!(server.heard("USER").is_empty());
}

#[tokio::test]
async fn a_greeting_that_lets_everybody_in_is_no_way_around_starttls() {
    let server = Scripted::start(
        "* PREAUTH welcome",
        small_imap("IMAP4rev1 STARTTLS", |_| Ok(())),
    )
    .await;
    let incoming = imap("ann", server.port, Security::Starttls);
    let report = report(request("ann@example.com", "secret", Some(incoming), None)).await;
    let (code, problem, _) = first_failure(&report);
    assert_eq!((code, problem), (StepCode::Tls, "starttls_refused"));
    assert!(server.heard("LOGIN").is_empty());
}

#[tokio::test]
async fn no_secret_is_in_a_report_in_any_spelling() {
    let secret = "s3cret-p4ss";
    // Servers were seen that repeat what they were told, as it came over the wire.
    let server = Scripted::start(
        GREETING,
        small_imap("IMAP4rev1", |_| {
            Err("bad AGFubgBzM2NyZXQtcDRzcw== s3cret-p4ss czNjcmV0LXA0c3M=")
        }),
    )
    .await;
    let incoming = imap("ann", server.port, Security::None);
    let report = report(request("ann@example.com", secret, Some(incoming), None)).await;
    let text = serde_json::to_string(&report).unwrap();
    for spelling in [secret, "czNjcmV0LXA0c3M", "AGFubgBzM2NyZXQtcDRzcw"] {
        assert!(!text.contains(spelling), "{spelling}: {text}");
    }
}

#[tokio::test]
async fn without_tls_nobody_can_talk_us_out_of_cram_md5() {
    let rest = small_imap("IMAP4rev1 AUTH=CRAM-MD5 AUTH=PLAIN", |_| Err(REFUSED));
    let tag = std::sync::Mutex::new(String::new());
    let server = Scripted::start(GREETING, move |line| {
        if let Some((this, _)) = line.split_once(" AUTHENTICATE CRAM-MD5") {
            *tag.lock().unwrap() = this.to_owned();
            return Some("+ PDFAeD4=\r\n".to_owned());
        }
        if !line.contains(' ') {
            return Some(format!("{} NO {REFUSED}\r\n", tag.lock().unwrap()));
        }
        rest(line)
    })
    .await;
    let incoming = imap("ann", server.port, Security::None);
    let report = report(request("ann@example.com", "secret", Some(incoming), None)).await;
    assert_eq!(first_failure(&report).1, "password_refused", "{report:#?}");
    assert_eq!(server.heard("AUTHENTICATE").len(), 1);
    assert!(server.heard("LOGIN").is_empty());
}
