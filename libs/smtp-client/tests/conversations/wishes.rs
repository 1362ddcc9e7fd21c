//! What is asked of a server beyond taking the message: notices, TLS all the way; and how much it takes at once.

use mail_sim::{Encryption, SmtpFault, SmtpScript, SmtpSim};
use smtp_client::{DataResult, Dsn, Envelope, Notify, Outcome, Return, SmtpError};

use crate::sim::{session, tls_session};
use crate::{accepted, to};

fn asking() -> Dsn {
    Dsn {
        envelope_id: Some("sub_01+x".to_owned()),
        returned: Some(Return::Headers),
        notify: Some(Notify {
            success: true,
            failure: true,
            delay: false,
        }),
    }
}

fn with_notices(recipients: &[&str]) -> Envelope {
    Envelope {
        dsn: Some(asking()),
        ..to(recipients)
    }
}

fn is_taken(outcome: &Outcome) -> bool {
    matches!(outcome.data, DataResult::Accepted(_))
}

#[tokio::test]
async fn notices_are_asked_for_where_the_server_offers_them() {
    let sim = SmtpSim::start(SmtpScript::new().offer(&["DSN"]));
    let mut session = session(&sim).await;
    let envelope = with_notices(&["a+b@x", "j\u{f6}rg@x"]);
    let outcome = session
        .send(&envelope, &b"x"[..])
        .await
        .expect("an outcome");
    assert!(is_taken(&outcome), "{outcome:?}");
    session.quit().await;
    let mail = &sim.mails()[0];
    let sender = &mail.sender_parameters;
    assert!(sender.ends_with("RET=HDRS ENVID=sub_01+2Bx"), "{sender}");
    assert_eq!(
        mail.recipient_parameters,
        [
            "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@x",
            "NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;j\\x{F6}rg@x"
        ]
    );
}

#[tokio::test]
async fn where_notices_are_not_offered_the_message_goes_without_a_word_of_them() {
    let sim = SmtpSim::start(SmtpScript::new());
    let mut session = session(&sim).await;
    let outcome = session
        .send(&with_notices(&["a@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert!(is_taken(&outcome));
    session.quit().await;
    let mail = &sim.mails()[0];
    assert_eq!(
        (
            mail.sender_parameters.as_str(),
            mail.recipient_parameters[0].as_str()
        ),
        ("", "")
    );
}

#[tokio::test]
async fn a_server_that_offers_notices_and_refuses_them_gets_the_message_without() {
    for extensions in [&["PIPELINING", "DSN"][..], &["DSN", "CHUNKING"], &["DSN"]] {
        let script = SmtpScript::new()
            .extensions(extensions)
            .fault(SmtpFault::NoNotices);
        let sim = SmtpSim::start(script);
        let mut session = session(&sim).await;
        let outcome = session
            .send(&with_notices(&["a@x", "b@x"]), &b"x"[..])
            .await
            .expect("an outcome");
        assert!(
            is_taken(&outcome) && accepted(&outcome) == [true, true],
            "{outcome:?}"
        );
        session.quit().await;
        assert_eq!(sim.mails().len(), 1);
        // Only the recipients' wish is refused.
        let envelope = Envelope {
            dsn: Some(Dsn::default()),
            ..to(&["a@x", "b@x"])
        };
        let mut session = crate::sim::session(&sim).await;
        let outcome = session
            .send(&envelope, &b"x"[..])
            .await
            .expect("an outcome");
        assert!(
            is_taken(&outcome) && accepted(&outcome) == [true, true],
            "{outcome:?}"
        );
        session.quit().await;
        assert_eq!(sim.mails().len(), 2);
    }
}

#[tokio::test]
async fn an_envelope_id_that_could_carry_a_command_is_refused_before_the_wire() {
    let sim = SmtpSim::start(SmtpScript::new().offer(&["DSN"]));
    let mut session = session(&sim).await;
    let mut envelope = with_notices(&["a@x"]);
    envelope.dsn = Some(Dsn {
        envelope_id: Some("x\r\nRCPT TO:<evil@x>".to_owned()),
        ..Dsn::default()
    });
    let result = session.send(&envelope, &b"x"[..]).await;
    assert!(
        matches!(result, Err(SmtpError::BadEnvelopeId { .. })),
        "{result:?}"
    );
    session.quit().await;
    assert_eq!(sim.log(), ["EHLO me", "QUIT"]);
}

#[tokio::test]
async fn tls_all_the_way_is_asked_for_over_tls_and_refused_anywhere_else() {
    let envelope = Envelope {
        require_tls: true,
        ..to(&["a@x"])
    };
    let secure = SmtpScript::new().encryption(Encryption::Implicit);

    let offering = SmtpSim::start(secure.clone().offer(&["REQUIRETLS"]));
    let mut session = tls_session(&offering).await;
    let outcome = session
        .send(&envelope, &b"x"[..])
        .await
        .expect("an outcome");
    assert!(is_taken(&outcome), "{outcome:?}");
    session.quit().await;
    assert_eq!(offering.mails()[0].sender_parameters, "REQUIRETLS");

    let silent = SmtpSim::start(secure);
    let mut session = tls_session(&silent).await;
    let result = session.send(&envelope, &b"x"[..]).await;
    assert!(
        matches!(result, Err(SmtpError::NeedsRequireTls)),
        "{result:?}"
    );
    assert!(session.is_usable());

    // A server that promises it in plain text promises nothing.
    let plain = SmtpSim::start(SmtpScript::new());
    let mut session = crate::sim::session(&plain).await;
    let result = session.send(&envelope, &b"x"[..]).await;
    assert!(matches!(result, Err(SmtpError::NeedsTls)), "{result:?}");
    assert!(silent.mails().is_empty() && plain.mails().is_empty());
    assert!(!plain.log().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn no_more_recipients_are_named_than_the_server_takes() {
    let sim = SmtpSim::start(SmtpScript::new().offer(&["LIMITS RCPTMAX=3 RCPTDOMAINMAX=2"]));
    let mut session = session(&sim).await;
    let mut left = vec!["a@x", "b@y", "c@z", "d@X", "e@y", "f@x"];
    let mut taken = Vec::new();
    while !left.is_empty() {
        let outcome = session
            .send(&to(&left), &b"x"[..])
            .await
            .expect("an outcome");
        assert!(
            is_taken(&outcome) && !accepted(&outcome).contains(&false),
            "{outcome:?}"
        );
        let now: Vec<_> = outcome
            .recipients
            .iter()
            .map(|to| to.address.clone())
            .collect();
        left.retain(|address| !now.iter().any(|sent| sent == address));
        assert_eq!(left, outcome.postponed);
        taken.push(now.join(" "));
    }
    session.quit().await;
    assert_eq!(taken, ["a@x b@y d@X", "c@z e@y", "f@x"]);
    assert_eq!(sim.mails().len(), 3);
}

#[tokio::test]
async fn no_more_recipients_are_named_than_the_sender_wants_where_the_server_says_nothing() {
    let sim = SmtpSim::start(SmtpScript::new());
    let mut session = session(&sim).await;
    let all = to(&["a@x", "b@y", "c@z"]);
    assert_eq!(session.fitting(&all.to), 3);
    session.limit_recipients(2);
    session.limit_recipients(5);
    assert_eq!(session.fitting(&all.to), 2);
    let outcome = session.send(&all, &b"x"[..]).await.expect("an outcome");
    assert_eq!(outcome.postponed, ["c@z"]);
    session.quit().await;
    assert_eq!(sim.mails()[0].to, ["a@x", "b@y"]);
}

#[tokio::test]
async fn a_connection_carries_no_more_messages_than_the_server_says() {
    let sim = SmtpSim::start(SmtpScript::new().offer(&["LIMITS MAILMAX=2"]));
    let mut session = session(&sim).await;
    for _ in 0..2 {
        assert!(!session.is_spent());
        let outcome = session
            .send(&to(&["a@x"]), &b"x"[..])
            .await
            .expect("an outcome");
        assert!(is_taken(&outcome));
    }
    assert!(session.is_spent() && session.is_usable());
    let result = session.send(&to(&["a@x"]), &b"x"[..]).await;
    assert!(
        matches!(result, Err(SmtpError::ConnectionSpent { limit: 2 })),
        "{result:?}"
    );
    session.quit().await;
    assert_eq!(sim.mails().len(), 2);
    assert!(
        sim.log()
            .iter()
            .filter(|line| line.starts_with("MAIL"))
            .count()
            == 2
    );
}
