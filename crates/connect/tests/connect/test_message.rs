//! Step 10 against Dovecot and Postfix: the message goes out, is seen to come back, and leaves no trace.

use crate::setting::{first_failure, good, report, step};
use connect::proofs;
use model::mailbox::{Proof, Protocol};
use model::report::{StepCode, StepStatus, Verdict};
use testkit::{Generator, servers, user};

#[tokio::test]
async fn a_test_message_comes_back_and_leaves_no_trace() {
    let user = user("round trip");
    user.seed("INBOX", Generator::new(4).take(2));
    let before = testkit::oracle(&user);
    let mut test = good(&user);
    test.test_recipient = Some(user.address.clone());
    let report = report(test).await;
    let send = step(&report, StepCode::Send);
    assert_eq!(send.status, StepStatus::Pass, "{send:#?}");
    assert!(send.did.contains("it came back in "), "{}", send.did);
    let copy = "; the server filed no Sent copy within 2 s: Postroom adds one";
    assert!(send.did.contains(copy), "{}", send.did);
    assert_eq!(testkit::oracle(&user), before);
}

#[tokio::test]
async fn a_test_message_is_seen_to_come_back_by_pop3_too_and_leaves_no_trace() {
    let user = user("round trip pop3");
    user.seed("INBOX", Generator::new(4).take(2));
    let before = testkit::oracle(&user);
    let mut test = good(&user);
    let incoming = test.incoming.as_mut().unwrap();
    incoming.protocol = Protocol::Pop3;
    incoming.port = servers().pop3s_port;
    test.test_recipient = Some(user.address.clone());
    let report = report(test).await;
    let send = step(&report, StepCode::Send);
    assert_eq!(send.status, StepStatus::Pass, "{send:#?}");
    assert!(send.did.contains("it came back in "), "{}", send.did);
    assert!(!send.did.contains("could not be removed"), "{}", send.did);
    assert_eq!(testkit::oracle(&user), before);
}

/// The message that was asked for arrives; nothing else happens there.
#[tokio::test]
async fn in_a_mailbox_that_may_only_be_read_the_test_message_stays() {
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let user = user("read only");
        user.seed("INBOX", Generator::new(4).take(2));
        let before = testkit::oracle(&user);
        let mut test = good(&user);
        if protocol == Protocol::Pop3 {
            let incoming = test.incoming.as_mut().unwrap();
            incoming.protocol = protocol;
            incoming.port = servers().pop3s_port;
        }
        test.test_recipient = Some(user.address.clone());
        test.read_only = true;
        let report = report(test).await;
        let send = step(&report, StepCode::Send);
        assert_eq!(send.status, StepStatus::Pass, "{send:#?}");
        assert!(send.did.contains("it came back in "), "{}", send.did);
        let stays = "; the test message stays there: the mailbox may only be read";
        assert!(send.did.ends_with(stays), "{}", send.did);
        for changing in [
            "C: SELECT",
            " SELECT ",
            " STORE ",
            "EXPUNGE",
            "APPEND",
            "DELE",
        ] {
            for said in report.steps.iter().flat_map(|step| &step.transcript) {
                let ours = said.starts_with("C:");
                assert!(!ours || !said.contains(changing), "{said}");
            }
        }
        let after = testkit::oracle(&user);
        assert_eq!(after["INBOX"].len(), before["INBOX"].len() + 1);
        for (uid, message) in &before["INBOX"] {
            assert_eq!(after["INBOX"].get(uid), Some(message));
        }
    }
}

#[tokio::test]
async fn each_step_keeps_its_conversation_without_secrets() {
    let user = user("conversation");
    user.seed("INBOX", Generator::new(4).take(1));
    let mut test = good(&user);
    test.test_recipient = Some(user.address.clone());
    let report = report(test).await;
    let said = |code| step(&report, code).transcript.join("\n");
    assert!(
        said(StepCode::Tcp).starts_with("-- connected to "),
        "{report:#?}"
    );
    assert!(said(StepCode::Tls).contains("-- TLS established"));
    assert!(
        said(StepCode::Greeting).starts_with("S: * OK"),
        "{report:#?}"
    );
    assert!(said(StepCode::Login).contains("AUTHENTICATE"));
    assert!(said(StepCode::Folders).contains("LIST"));
    let read = said(StepCode::Read);
    assert!(read.contains("EXAMINE") && read.contains("FETCH"), "{read}");
    assert!(
        !read.contains("Subject:"),
        "what is in the mail stays out: {read}"
    );
    let sending: Vec<&String> = step(&report, StepCode::Smtp)
        .steps
        .iter()
        .flat_map(|step| &step.transcript)
        .collect();
    assert!(
        sending.iter().any(|line| line.starts_with("C: EHLO")),
        "{sending:#?}"
    );
    let send = said(StepCode::Send);
    assert!(
        send.contains("C: MAIL FROM") && send.contains("UID EXPUNGE"),
        "{send}"
    );
    let all = serde_json::to_string(&report).unwrap();
    assert!(!all.contains(&user.password), "{all}");
    assert!(report.steps.iter().all(|step| step.transcript.len() <= 100));
}

#[tokio::test]
async fn a_foreign_sender_address_fails_step_10() {
    let user = user("foreign sender");
    let mut test = good(&user);
    test.address = "somebody-else@example.test".to_owned();
    test.test_recipient = Some(user.address.clone());
    let report = report(test).await;
    assert_eq!(
        first_failure(&report),
        (StepCode::Send, "smtp_sender_refused", "edit_identity"),
        "{report:#?}"
    );
    assert_eq!(report.verdict, Verdict::ReceivesOnly);
}

#[tokio::test]
async fn a_refused_recipient_says_nothing_against_the_settings() {
    let user = user("refused recipient");
    let mut test = good(&user);
    test.test_recipient = Some("refused@example.test".to_owned());
    let report = report(test).await;
    let send = step(&report, StepCode::Send);
    assert_eq!(
        (send.status, send.problem_id.as_deref()),
        (StepStatus::Fail, Some("smtp_recipient_refused"))
    );
    assert_eq!(
        (report.verdict, report.summary.as_str()),
        (
            Verdict::Works,
            "The test message was not sent: step 10, the server refused a recipient. Receiving works, and so does the sign-in for sending."
        )
    );
    assert_eq!(proofs(&report, true, true).1, Proof::WorksWithWarnings);
}
