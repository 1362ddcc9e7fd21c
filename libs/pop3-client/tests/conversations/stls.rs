//! STLS: what was said before it does not count, and what is slipped in is noticed.

use std::sync::Arc;

use mail_net::{Fingerprint, Net, Policy, Stream, Timeouts, TlsSettings};
use pop3_client::Pop3Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::peer::{Step, Step::*, play};
use crate::started;

const CAPA: &[Step] = &[
    Say("+OK\r\n"),
    Hear("CAPA"),
    Say("+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"),
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
    let steps = [Hear("STLS"), Say("+OK go\r\n+OK\r\nUSER\r\n.\r\n"), NoMore];
    let (stream, peer) = play(&[CAPA, &steps].concat());
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.stls(&net(), "mx", None).await,
        Err(Pop3Error::StlsInjection)
    ));
    assert!(!session.is_usable());
    peer.done().await;
}

#[tokio::test]
async fn a_server_that_does_not_offer_stls_is_never_asked() {
    let (stream, peer) = play(&[Say("+OK\r\n"), Hear("CAPA"), Say("+OK\r\nUSER\r\n.\r\n")]);
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.stls(&net(), "mx", None).await,
        Err(Pop3Error::StlsNotOffered)
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_stls_is_an_error_and_nothing_else_is_said() {
    let (stream, peer) = play(&[CAPA, &[Hear("STLS"), Say("-ERR no TLS today\r\n")]].concat());
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    let error = session.stls(&net(), "mx", None).await.expect_err("refused");
    assert!(
        matches!(
            error,
            Pop3Error::Refused {
                command: "STLS",
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
        plain.write_all(b"+OK\r\n").await.expect("a write");
        plain.read_line(&mut line).await.expect("CAPA");
        plain
            .write_all(b"+OK\r\nSTLS\r\nTOP\r\nSASL PLAIN\r\n.\r\n")
            .await
            .expect("a write");
        plain.read_line(&mut line).await.expect("STLS");
        plain.write_all(b"+OK go\r\n").await.expect("a write");
        let tls = TlsAcceptor::from(Arc::new(config))
            .accept(plain)
            .await
            .expect("a handshake");
        let mut tls = BufReader::new(tls);
        tls.read_line(&mut line).await.expect("CAPA again");
        tls.write_all(b"+OK\r\nSASL LOGIN\r\n.\r\n")
            .await
            .expect("a write");
        tls.flush().await.expect("a flush");
        let mut rest = Vec::new();
        // A client that hangs up without TLS's goodbye is an error here, and no concern of this test.
        let _ = tls.read_to_end(&mut rest).await;
        line
    });
    let mut session = started(Stream::from_io(ours)).await;
    assert!(session.capa().await.expect("CAPA").top);
    let after = session
        .stls(&net(), "mx.example.org", Some(&pin))
        .await
        .expect("TLS");
    assert_eq!(after.sasl, ["LOGIN"]);
    assert!(!after.stls);
    assert!(!after.top);
    assert!(session.stream().is_some_and(Stream::is_tls));
    drop(session);
    assert_eq!(
        server.await.expect("the server's task"),
        "CAPA\r\nSTLS\r\nCAPA\r\n"
    );
}
