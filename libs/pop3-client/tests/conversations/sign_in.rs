//! USER and PASS, AUTH, their refusals, and how often a password is shown.

use mail_net::Transcript;
use mail_net::sasl::{Credentials, Mechanism, Secret};
use pop3_client::{Pop3Error, Session, SignInWay};

use crate::peer::{Step, Step::*, play};
use crate::{quick, started};

fn password() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("s3 cret".to_owned()),
    }
}

fn token(length: usize) -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Token("t".repeat(length)),
    }
}

const NO_CAPA: &[Step] = &[Say("+OK\r\n"), Hear("CAPA"), Say("-ERR what?\r\n")];
const PLAIN: &[Step] = &[
    Say("+OK\r\n"),
    Hear("CAPA"),
    Say("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"),
];
const OAUTH: &[Step] = &[
    Say("+OK\r\n"),
    Hear("CAPA"),
    Say("+OK\r\nSASL XOAUTH2\r\n.\r\n"),
];

#[tokio::test]
async fn an_old_server_gets_user_and_pass() {
    let (stream, peer) = play(
        &[
            NO_CAPA,
            &[
                Hear("USER joe"),
                Say("+OK\r\n"),
                Hear("PASS s3 cret"),
                Say("+OK welcome\r\n"),
            ],
        ]
        .concat(),
    );
    let transcript = Transcript::new(50);
    let (mut session, _) = Session::start(stream, quick(), Some(transcript.clone()))
        .await
        .expect("a greeting");
    assert!(!session.capa().await.expect("CAPA").listed);
    assert_eq!(
        session.login(&password(), "h", 1).await.expect("login").way,
        SignInWay::UserPass
    );
    let said = transcript.lines().join("\n");
    assert!(
        said.contains("PASS <hidden>") && !said.contains("cret") && !said.contains("joe"),
        "{said}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn sasl_goes_first_where_it_is_offered() {
    let (stream, peer) = play(
        &[
            PLAIN,
            &[Hear("AUTH PLAIN AGpvZQBzMyBjcmV0"), Say("+OK\r\n")],
        ]
        .concat(),
    );
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    let done = session.login(&password(), "h", 1).await.expect("login");
    assert_eq!(done.way, SignInWay::Sasl(Mechanism::Plain));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_password_is_tried_once_and_the_reason_is_told() {
    for (hello, steps) in [
        (
            PLAIN,
            &[
                Hear("AUTH PLAIN AGpvZQBzMyBjcmV0"),
                Say("-ERR [AUTH] wrong\r\n"),
            ][..],
        ),
        (
            NO_CAPA,
            &[
                Hear("USER joe"),
                Say("+OK\r\n"),
                Hear("PASS s3 cret"),
                Say("-ERR [AUTH] wrong\r\n"),
            ],
        ),
        (NO_CAPA, &[Hear("USER joe"), Say("-ERR [AUTH] who?\r\n")]),
    ] {
        let (stream, peer) = play(&[hello, steps, &[Hear("NOOP"), Say("+OK\r\n")]].concat());
        let mut session = started(stream).await;
        session.capa().await.expect("CAPA");
        match session.login(&password(), "h", 1).await {
            Err(Pop3Error::AuthFailed { code, .. }) => assert_eq!(code.as_deref(), Some("AUTH")),
            other => panic!("{other:?}"),
        }
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn a_long_token_waits_to_be_asked_for() {
    let (stream, peer) = play(
        &[
            OAUTH,
            &[Hear("AUTH XOAUTH2"), Say("+ \r\n"), HearAny, Say("+OK\r\n")],
        ]
        .concat(),
    );
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    session.login(&token(2000), "h", 1).await.expect("login");
    peer.finish(session).await;
}

#[tokio::test]
async fn an_oauth_error_is_acknowledged_and_told() {
    let steps = [
        HearAny,
        Say("+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        Hear(""),
        Say("-ERR [AUTH] no\r\n"),
    ];
    let (stream, peer) = play(&[OAUTH, &steps].concat());
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    match session.login(&token(5), "h", 1).await {
        Err(Pop3Error::AuthFailed {
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
        Say("+OK\r\n"),
        Hear("CAPA"),
        Say("+OK\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n"),
    ];
    let (stream, peer) = play(
        &[
            &hello[..],
            &[
                HearAny,
                Say("+ bm9uc2Vuc2U=\r\n"),
                Hear("*"),
                Say("-ERR cancelled\r\n"),
            ],
        ]
        .concat(),
    );
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(Pop3Error::Sasl(_))
    ));
    peer.finish(session).await;
    let (stream, peer) = play(&[&hello[..], &[HearAny, Say("+OK come in\r\n")]].concat());
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(Pop3Error::Sasl(_))
    ));
    assert!(!session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn credentials_that_could_carry_a_command_are_refused() {
    for (user, secret) in [
        ("joe\r\nDELE 1", "x"),
        ("joe", "x\r\nDELE 1"),
        ("joe", "x\n"),
        ("", "x"),
        ("joe\0", "x"),
    ] {
        let (stream, peer) = play(&[Say("+OK\r\n")]);
        let mut session = started(stream).await;
        let credentials = Credentials {
            username: user.to_owned(),
            secret: Secret::Password(secret.to_owned()),
        };
        assert!(matches!(
            session.login(&credentials, "h", 1).await,
            Err(Pop3Error::BadCredentials)
        ));
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn a_server_without_a_fitting_way_is_told_apart() {
    let (stream, peer) = play(&[Say("+OK\r\n"), Hear("CAPA"), Say("+OK\r\nSTLS\r\n.\r\n")]);
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(Pop3Error::NoMechanism { .. })
    ));
    assert!(matches!(
        session.login(&token(5), "h", 1).await,
        Err(Pop3Error::NoMechanism { .. })
    ));
    peer.finish(session).await;
}
