//! STARTTLS and AUTHENTICATE: refusals, proofs, and what is slipped in.

use mail_net::sasl::{Credentials, Mechanism, Secret};
use mail_net::{Net, Policy, Stream, Timeouts, TlsSettings, Transcript};
use sieve_client::{Limits, RefusalCode, Session, SieveError};
use testkit::script::{Step, Step::*, play};

use crate::scripted::{started, try_start};

fn net() -> Net {
    Net::new(
        Policy::public_only(),
        TlsSettings::new(None).expect("roots"),
        Timeouts::default(),
    )
}

fn password() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("s3cret".to_owned()),
    }
}

#[tokio::test]
async fn words_between_the_answer_and_tls_are_an_attack() {
    let (session, peer) = try_start(&[
        Say("\"STARTTLS\"\r\nOK\r\n"),
        Hear("STARTTLS"),
        Say("OK\r\n\"SASL\" \"PLAIN\"\r\nOK\r\n"),
        NoMore,
    ])
    .await;
    let mut session = session.expect("a greeting");
    let result = session.starttls(&net(), "mx", None).await;
    assert!(
        matches!(result, Err(SieveError::StartTlsInjection)),
        "{result:?}"
    );
    assert!(!session.is_usable());
    peer.done().await;
}

#[tokio::test]
async fn starttls_is_not_asked_for_where_it_is_not_offered_and_a_no_is_a_no() {
    let (mut session, peer) = started(&[NoMore]).await;
    let result = session.starttls(&net(), "mx", None).await;
    assert!(
        matches!(result, Err(SieveError::StartTlsNotOffered)),
        "{result:?}"
    );
    peer.finish(session).await;
    let (session, peer) = try_start(&[
        Say("\"STARTTLS\"\r\nOK\r\n"),
        Hear("STARTTLS"),
        Say("NO (TRYLATER) \"no TLS today\"\r\n"),
        NoMore,
    ])
    .await;
    let mut session = session.expect("a greeting");
    let result = session.starttls(&net(), "mx", None).await;
    assert!(
        matches!(
            result,
            Err(SieveError::Refused {
                command: "STARTTLS",
                ..
            })
        ),
        "{result:?}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_password_goes_with_the_command_and_stays_out_of_the_transcript() {
    let steps: &[Step] = &[
        Say("\"SASL\" \"PLAIN\"\r\nOK\r\n"),
        Hear("AUTHENTICATE \"PLAIN\" \"AGpvZQBzM2NyZXQ=\""),
        Say("OK \"welcome\"\r\n"),
        Hear("CAPABILITY"),
        Say("\"OWNER\" \"joe\"\r\n\"SIEVE\" \"vacation\"\r\nOK\r\n"),
    ];
    let (io, peer) = play(steps);
    let transcript = Transcript::new(50);
    let mut session = Session::start(
        Stream::from_io(io),
        Limits::default(),
        Some(transcript.clone()),
    )
    .await
    .expect("a greeting");
    let done = session.login(&password(), "mx", 4190).await.expect("login");
    assert_eq!(done.mechanism, Mechanism::Plain);
    assert_eq!(session.capabilities().owner.as_deref(), Some("joe"));
    assert!(session.capabilities().has_extension("vacation"));
    let said = transcript.lines().join("\n");
    assert!(
        said.contains("AUTHENTICATE \"PLAIN\" <hidden>") && !said.contains("AGpv"),
        "{said}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_password_is_tried_once_and_a_refused_mechanism_leads_to_the_next() {
    let (session, peer) = try_start(&[
        Say("\"SASL\" \"PLAIN LOGIN\"\r\nOK\r\n"),
        HearAny,
        Say("NO \"Authentication failed\"\r\n"),
        NoMore,
    ])
    .await;
    let mut session = session.expect("a greeting");
    let result = session.login(&password(), "mx", 4190).await;
    assert!(
        matches!(result, Err(SieveError::AuthFailed { .. })),
        "{result:?}"
    );
    assert!(session.is_usable());
    peer.finish(session).await;

    let (session, peer) = try_start(&[
        Say("\"SASL\" \"PLAIN LOGIN\"\r\nOK\r\n"),
        Hear("AUTHENTICATE \"PLAIN\" \"AGpvZQBzM2NyZXQ=\""),
        Say("NO (AUTH-TOO-WEAK) \"not this one\"\r\n"),
        Hear("AUTHENTICATE \"LOGIN\""),
        Say("\"VXNlcm5hbWU6\"\r\n"),
        Hear("\"am9l\""),
        Say("{12}\r\nUGFzc3dvcmQ6\r\n"),
        Hear("\"czNjcmV0\""),
        Say("OK\r\n"),
        Hear("CAPABILITY"),
        Say("OK\r\n"),
    ])
    .await;
    let mut session = session.expect("a greeting");
    let done = session.login(&password(), "mx", 4190).await.expect("login");
    assert_eq!(done.mechanism, Mechanism::Login);
    peer.finish(session).await;
}

#[tokio::test]
async fn an_impostor_that_cannot_do_scram_gets_no_password() {
    for answer in [
        "OK \"come in\"\r\n",
        "OK (SASL \"dj1mYWxzZQ==\") \"come in\"\r\n",
    ] {
        let (session, peer) = try_start(&[
            Say("\"SASL\" \"SCRAM-SHA-256 PLAIN\"\r\nOK\r\n"),
            HearAny,
            Say(answer),
            NoMore,
        ])
        .await;
        let mut session = session.expect("a greeting");
        let result = session.login(&password(), "mx", 4190).await;
        assert!(
            matches!(result, Err(SieveError::Sasl(_))),
            "{answer}: {result:?}"
        );
        assert!(!session.is_usable());
        peer.finish(session).await;
    }
    let (session, peer) = try_start(&[
        Say("\"SASL\" \"SCRAM-SHA-256 PLAIN\"\r\nOK\r\n"),
        HearAny,
        Say("\"bm9uc2Vuc2U=\"\r\n"),
        Hear("\"*\""),
        Say("NO \"cancelled\"\r\n"),
        NoMore,
    ])
    .await;
    let mut session = session.expect("a greeting");
    assert!(matches!(
        session.login(&password(), "mx", 4190).await,
        Err(SieveError::Sasl(_))
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_that_goes_away_while_we_sign_in_says_why() {
    let (session, peer) = try_start(&[
        Say("\"SASL\" \"PLAIN\"\r\nOK\r\n"),
        HearAny,
        Say("BYE (TRYLATER) \"too many failures\"\r\n"),
        NoMore,
    ])
    .await;
    let mut session = session.expect("a greeting");
    let result = session.login(&password(), "mx", 4190).await;
    assert!(
        matches!(&result, Err(SieveError::Bye { refusal }) if refusal.code == Some(RefusalCode::TryLater)),
        "{result:?}"
    );
    peer.finish(session).await;
}
