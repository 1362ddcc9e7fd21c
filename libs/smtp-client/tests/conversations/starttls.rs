//! STARTTLS: what was said before it does not count, and what is slipped in is noticed.

use std::sync::Arc;

use mail_net::{Fingerprint, Net, Policy, Stream, Timeouts, TlsSettings};
use smtp_client::SmtpError;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::peer::{Step, Step::*, play};
use crate::started;

const HELLO: &[Step] = &[
    Say("220 mx\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
];

fn net() -> Net {
    Net::new(
        Policy::public_only(),
        TlsSettings::new(None).expect("roots"),
        Timeouts::default(),
    )
}

#[tokio::test]
async fn words_between_the_answer_and_tls_are_an_attack() {
    let steps = [
        Hear("STARTTLS"),
        Say("220 go\r\n250 AUTH PLAIN\r\n"),
        NoMore,
    ];
    let (stream, peer) = play(&[HELLO, &steps].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.starttls(&net(), "mx", None).await,
        Err(SmtpError::StartTlsInjection)
    ));
    assert!(!session.is_usable());
    peer.done().await;
}

#[tokio::test]
async fn a_server_that_does_not_offer_starttls_is_never_asked() {
    let (stream, peer) = play(&[Say("220 mx\r\n"), Hear("EHLO me"), Say("250 mx\r\n")]);
    let mut session = started(stream).await;
    assert!(matches!(
        session.starttls(&net(), "mx", None).await,
        Err(SmtpError::StartTlsNotOffered)
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_starttls_is_an_error_and_nothing_else_is_said() {
    let (stream, peer) = play(
        &[
            HELLO,
            &[Hear("STARTTLS"), Say("454 4.7.0 no TLS today\r\n")],
        ]
        .concat(),
    );
    let mut session = started(stream).await;
    let error = session
        .starttls(&net(), "mx", None)
        .await
        .expect_err("refused");
    assert!(
        matches!(
            error,
            SmtpError::Refused {
                command: "STARTTLS",
                ..
            }
        ),
        "{error:?}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn what_was_learnt_before_tls_is_forgotten_and_asked_again() {
    let key = rcgen::generate_simple_self_signed(vec!["mx.example.org".to_owned()])
        .expect("a certificate");
    let certificate = key.cert.der().clone();
    let pin = Fingerprint::of(&certificate);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            key.signing_key.serialize_der().try_into().expect("a key"),
        )
        .expect("a configuration");
    let (ours, theirs) = duplex(64 * 1024);
    let server = tokio::spawn(async move {
        let mut plain = BufReader::new(theirs);
        let mut line = String::new();
        plain.write_all(b"220 mx\r\n").await.expect("a write");
        plain.read_line(&mut line).await.expect("EHLO");
        plain
            .write_all(b"250-mx\r\n250-STARTTLS\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n")
            .await
            .expect("a write");
        plain.read_line(&mut line).await.expect("STARTTLS");
        plain.write_all(b"220 go\r\n").await.expect("a write");
        let tls = TlsAcceptor::from(Arc::new(config))
            .accept(plain)
            .await
            .expect("a handshake");
        let mut tls = BufReader::new(tls);
        tls.read_line(&mut line).await.expect("EHLO again");
        tls.write_all(b"250-mx\r\n250 AUTH LOGIN\r\n")
            .await
            .expect("a write");
        tls.flush().await.expect("a flush");
        let mut rest = Vec::new();
        // A client that hangs up without TLS's goodbye is an error here, and no concern of this test.
        let _ = tls.read_to_end(&mut rest).await;
        line
    });
    let mut session = started(Stream::from_io(ours)).await;
    let after = session
        .starttls(&net(), "mx.example.org", Some(&pin))
        .await
        .expect("TLS");
    assert_eq!(after.auth, ["LOGIN"]);
    assert!(!after.starttls);
    assert_eq!(after.size, smtp_client::SizeLimit::NotOffered);
    assert!(session.stream().is_some_and(Stream::is_tls));
    drop(session);
    assert_eq!(
        server.await.expect("the server's task"),
        "EHLO me\r\nSTARTTLS\r\nEHLO me\r\n"
    );
}
