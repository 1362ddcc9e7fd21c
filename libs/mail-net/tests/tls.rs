//! TLS over real loopback sockets, with certificates of every kind a mail server may show.

use std::sync::Arc;

use mail_net::{
    CertificateInfo, Fingerprint, Net, NetError, Policy, Stream, Timeouts, TlsFailure,
    TlsFailureKind, TlsSettings,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Test Authority");
    let pem = params.self_signed(&key).unwrap().pem();
    Authority {
        pem,
        issuer: Issuer::new(params, key),
    }
}

fn server_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params
}

fn signed(params: CertificateParams, authority: &Authority) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    (certificate, key)
}

fn net(extra_ca: Option<&str>) -> Net {
    let policy = Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Policy::public_only()
    };
    let tls = TlsSettings::new(extra_ca.map(str::as_bytes)).unwrap();
    Net::new(policy, tls, Timeouts::default())
}

/// Serves one connection: a TLS handshake, then everything received is sent back.
async fn echo_server(certificate: &Certificate, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(mut tls) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await {
            let mut buffer = [0; 100];
            while let Ok(n @ 1..) = tls.read(&mut buffer).await {
                tls.write_all(&buffer[..n]).await.unwrap();
                tls.flush().await.unwrap();
            }
        }
    });
    port
}

async fn dial(
    net: &Net,
    port: u16,
    name: &str,
    pin: Option<&Fingerprint>,
) -> Result<Stream, NetError> {
    let resolved = net.resolve("127.0.0.1").await?;
    let stream = net.connect(&resolved, port).await?;
    net.tls(stream, name, pin).await
}

fn failure(result: Result<Stream, NetError>) -> TlsFailure {
    match result {
        Err(NetError::Tls(failure)) => *failure,
        other => panic!("expected a TLS failure, got {other:?}"),
    }
}

#[tokio::test]
async fn a_good_certificate_is_accepted_and_described() {
    let authority = authority();
    let (certificate, key) = signed(server_params("mail.example.org"), &authority);
    let port = echo_server(&certificate, &key).await;
    let mut stream = dial(&net(Some(&authority.pem)), port, "mail.example.org", None)
        .await
        .unwrap();
    assert!(stream.is_tls());
    let info = stream.tls_info().unwrap();
    assert_eq!(info.version, "TLSv1.3");
    assert!(info.cipher.starts_with("TLS13_"), "{}", info.cipher);
    assert_eq!(info.certificate.names, ["mail.example.org"]);
    assert!(info.certificate.issuer.contains("Test Authority"));
    assert!(!info.certificate.self_signed);
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test]
async fn an_unknown_authority_is_untrusted_and_its_certificate_is_shown() {
    let (certificate, key) = signed(server_params("mail.example.org"), &authority());
    let port = echo_server(&certificate, &key).await;
    let failure = failure(dial(&net(None), port, "mail.example.org", None).await);
    assert_eq!(failure.kind, TlsFailureKind::Untrusted, "{failure}");
    let shown = failure.certificate.unwrap();
    assert_eq!(shown, CertificateInfo::from_der(certificate.der()));
    assert!(shown.not_before < shown.not_after);
}

#[tokio::test]
async fn a_self_signed_certificate_is_named_as_that() {
    let key = KeyPair::generate().unwrap();
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = server_params("mail.example.org");
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).unwrap();
        let port = echo_server(&certificate, &key).await;
        let failure = failure(dial(&net(None), port, "mail.example.org", None).await);
        assert_eq!(failure.kind, TlsFailureKind::SelfSigned, "{failure}");
        assert!(failure.certificate.unwrap().self_signed);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = authority();
    let (certificate, key) = signed(server_params("other.example.org"), &authority);
    let port = echo_server(&certificate, &key).await;
    let failure = failure(dial(&net(Some(&authority.pem)), port, "mail.example.org", None).await);
    assert_eq!(failure.kind, TlsFailureKind::NameMismatch, "{failure}");
    assert!(failure.message.contains("other.example.org"), "{failure}");
}

#[tokio::test]
async fn validity_in_the_past_or_the_future_is_refused() {
    let authority = authority();
    for (from, to, expected) in [
        (2001, 2002, TlsFailureKind::Expired),
        (2090, 2091, TlsFailureKind::NotYetValid),
    ] {
        let mut params = server_params("mail.example.org");
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let (certificate, key) = signed(params, &authority);
        let port = echo_server(&certificate, &key).await;
        let failure =
            failure(dial(&net(Some(&authority.pem)), port, "mail.example.org", None).await);
        assert_eq!(failure.kind, expected, "{failure}");
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_whoever_signed_it_and_for_whatever_name() {
    let key = KeyPair::generate().unwrap();
    let certificate = server_params("old.example.org").self_signed(&key).unwrap();
    let port = echo_server(&certificate, &key).await;
    let pin = Fingerprint::of(certificate.der());
    let stream = dial(&net(None), port, "mail.example.org", Some(&pin))
        .await
        .unwrap();
    assert_eq!(
        stream.tls_info().unwrap().certificate.sha256,
        pin.to_string()
    );
}

#[tokio::test]
async fn with_a_pin_even_a_good_certificate_is_refused_when_it_is_another() {
    let authority = authority();
    let (certificate, key) = signed(server_params("mail.example.org"), &authority);
    let port = echo_server(&certificate, &key).await;
    let pin = Fingerprint::of(b"something else");
    let result = dial(
        &net(Some(&authority.pem)),
        port,
        "mail.example.org",
        Some(&pin),
    )
    .await;
    let failure = failure(result);
    assert_eq!(failure.kind, TlsFailureKind::PinMismatch, "{failure}");
    assert!(failure.certificate.is_some());
}

#[tokio::test]
async fn a_plain_text_answer_on_a_tls_port_is_recognised() {
    for greeting in [
        "* OK Dovecot ready.\r\n",
        "220 mail ESMTP\r\n",
        "+OK POP3\r\n",
        "HTTP/1.1 400 Bad\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(greeting.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = tcp.read_to_end(&mut rest).await;
        });
        let failure = failure(dial(&net(None), port, "mail.example.org", None).await);
        assert_eq!(
            failure.kind,
            TlsFailureKind::NotTls,
            "{greeting:?}: {failure}"
        );
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_server_runs_into_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Timeouts {
        tls: std::time::Duration::from_millis(100),
        ..Timeouts::default()
    };
    let policy = Policy {
        allow: vec!["127.0.0.1".parse().unwrap()],
        ..Policy::public_only()
    };
    let net = Net::new(policy, TlsSettings::new(None).unwrap(), limits);
    let result = dial(&net, port, "mail.example.org", None).await;
    assert!(
        matches!(
            result,
            Err(NetError::TimedOut {
                what: "the TLS handshake",
                ..
            })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_server_that_closes_during_the_handshake_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1];
        let _ = tcp.read(&mut hello).await;
        let _ = tcp.shutdown().await;
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
    });
    let failure = failure(dial(&net(None), port, "mail.example.org", None).await);
    assert_eq!(failure.kind, TlsFailureKind::Other);
    assert!(failure.message.contains("closed"), "{failure}");
}

#[test]
fn an_unusable_extra_authority_is_an_error() {
    for pem in [
        &b""[..],
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(matches!(
            TlsSettings::new(Some(pem)),
            Err(NetError::InvalidCa { .. })
        ));
    }
}
