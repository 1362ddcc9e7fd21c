//! AUTH: the mechanisms, their refusals, and how often a password is shown.

use mail_net::Transcript;
use mail_net::sasl::{Credentials, Mechanism, Secret};
use smtp_client::{Session, SmtpError};

use crate::peer::{Step, Step::*, play};
use crate::{HELLO, quick, started};

const AUTH_HELLO: &[Step] = &[
    Say("220 mx\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250 AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n"),
];

fn password() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("s3cret".to_owned()),
    }
}

fn token() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Token("t0ken".to_owned()),
    }
}

#[tokio::test]
async fn plain_goes_with_the_command_and_stays_out_of_the_transcript() {
    let (stream, peer) = play(
        &[
            AUTH_HELLO,
            &[
                Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
                Say("235 2.7.0 welcome\r\n"),
            ],
        ]
        .concat(),
    );
    let transcript = Transcript::new(50);
    let (mut session, _) = Session::start(stream, quick(), Some(transcript.clone()))
        .await
        .expect("a greeting");
    session.ehlo("me").await.expect("EHLO");
    assert_eq!(
        session
            .login(&password(), "h", 1)
            .await
            .expect("login")
            .mechanism,
        Mechanism::Plain
    );
    let said = transcript.lines().join("\n");
    assert!(
        said.contains("AUTH PLAIN <hidden>")
            && said.contains("235 2.7.0 welcome")
            && !said.contains("AGpv"),
        "{said}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_that_overlooks_the_initial_response_gets_it_again() {
    let steps = [
        Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
        Say("334 \r\n"),
        Hear("AGpvZQBzM2NyZXQ="),
        Say("235 ok\r\n"),
    ];
    let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
    let mut session = started(stream).await;
    session.login(&password(), "h", 1).await.expect("login");
    peer.finish(session).await;
}

#[tokio::test]
async fn only_an_unknown_mechanism_leads_to_the_next() {
    let steps = [
        Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
        Say("504 5.5.4 unrecognised\r\n"),
        Hear("AUTH LOGIN"),
        Say("334 VXNlcm5hbWU6\r\n"),
        Hear("am9l"),
        Say("334 UGFzc3dvcmQ6\r\n"),
        Hear("czNjcmV0"),
        Say("235 ok\r\n"),
    ];
    let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
    let mut session = started(stream).await;
    assert_eq!(
        session
            .login(&password(), "h", 1)
            .await
            .expect("login")
            .mechanism,
        Mechanism::Login
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_password_is_tried_once() {
    for (line, code) in [
        ("535 5.7.8 wrong\r\n", 535),
        ("534 5.7.9 Application-specific password required\r\n", 534),
        ("454 4.7.0 the directory is down\r\n", 454),
    ] {
        let steps = [
            Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
            Say(line),
            Hear("NOOP"),
            Say("250 ok\r\n"),
        ];
        let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
        let mut session = started(stream).await;
        match session.login(&password(), "h", 1).await {
            Err(SmtpError::AuthFailed {
                code: got,
                enhanced: Some(_),
                oauth_error: None,
                ..
            }) => assert_eq!(got, code),
            other => panic!("{other:?}"),
        }
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn an_oauth_error_is_acknowledged_and_told() {
    let hello = [
        Say("220 mx\r\n"),
        Hear("EHLO me"),
        Say("250-mx\r\n250 AUTH XOAUTH2\r\n"),
    ];
    let steps = [
        Hear("AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdDBrZW4BAQ=="),
        Say("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        Hear(""),
        Say("535 5.7.3 no\r\n"),
    ];
    let (stream, peer) = play(&[&hello[..], &steps].concat());
    let mut session = started(stream).await;
    match session.login(&token(), "h", 1).await {
        Err(SmtpError::AuthFailed {
            oauth_error: Some(json),
            ..
        }) => assert_eq!(json, r#"{"status":"401"}"#),
        other => panic!("{other:?}"),
    }
    peer.finish(session).await;
}

#[tokio::test]
async fn an_impostor_that_cannot_do_scram_gets_no_password() {
    let hello = [
        Say("220 mx\r\n"),
        Hear("EHLO me"),
        Say("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"),
    ];
    let steps = [
        HearAny,
        Say("334 bm9uc2Vuc2U=\r\n"),
        Hear("*"),
        Say("501 cancelled\r\n"),
    ];
    let (stream, peer) = play(&[&hello[..], &steps].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(SmtpError::Sasl(_))
    ));
    peer.finish(session).await;
    let (stream, peer) = play(&[&hello[..], &[HearAny, Say("235 come in\r\n")]].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(SmtpError::Sasl(_))
    ));
    assert!(!session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_without_a_fitting_mechanism_is_told_apart() {
    let (stream, peer) = play(HELLO);
    let mut session = started(stream).await;
    assert!(
        matches!(session.login(&token(), "h", 1).await, Err(SmtpError::NoMechanism { offered }) if offered.is_empty())
    );
    peer.finish(session).await;
}
