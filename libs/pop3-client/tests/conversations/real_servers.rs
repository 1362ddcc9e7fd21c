//! The same against Dovecot: both security modes, all mechanisms, listings, and messages byte for byte.

use std::fs;

use mail_net::sasl::{Credentials, Mechanism, Secret};
use mail_net::{Net, Policy, Stream, Timeouts, TlsSettings};
use pop3_client::{Limits, Pop3Error, Session, SignInWay};
use testkit::{TestUser, deliver, expired_oauth_token, oauth_token, servers, user};

const HOST: &str = "localhost";

fn net() -> Net {
    let ca = fs::read(&servers().ca_pem_path).expect("the authority's certificate");
    let policy = Policy {
        allow: vec![
            "127.0.0.0/8".parse().expect("a range"),
            "::1/128".parse().expect("a range"),
        ],
        ..Policy::public_only()
    };
    Net::new(
        policy,
        TlsSettings::new(Some(&ca)).expect("roots"),
        Timeouts::default(),
    )
}

async fn connected(net: &Net, port: u16) -> Stream {
    let resolved = net.resolve(HOST).await.expect("an address");
    net.connect(&resolved, port).await.expect("a connection")
}

/// A session over implicit TLS, not signed in.
async fn session() -> Session {
    let net = net();
    let stream = connected(&net, servers().pop3s_port).await;
    let stream = net.tls(stream, HOST, None).await.expect("TLS");
    let (mut session, _) = Session::start(stream, Limits::interactive(), None)
        .await
        .expect("a greeting");
    session.capa().await.expect("CAPA");
    session
}

fn password(user: &TestUser) -> Credentials {
    Credentials {
        username: user.address.clone(),
        secret: Secret::Password(user.password.clone()),
    }
}

#[tokio::test]
async fn messages_come_from_dovecot_byte_for_byte_and_go_when_quit_says_so() {
    let user = user("pop3-bytes");
    let bodies: Vec<String> = (0..120)
        .map(|n| {
            format!(
                "Subject: {n}\r\n\r\n.\r\n..\r\n.x\r\n{}end {n}\r\n",
                ".dots all over...\r\n".repeat(n * 20)
            )
        })
        .collect();
    for body in &bodies {
        deliver(&user, body.as_bytes());
    }
    let mut session = session().await;
    let port = servers().pop3s_port;
    session
        .login(&password(&user), HOST, port)
        .await
        .expect("login");
    assert!(session.capa().await.expect("CAPA").pipelining);
    assert_eq!(session.stat().await.expect("STAT").messages, 120);
    let listed = session.list().await.expect("LIST");
    let ids = session.uidl().await.expect("UIDL");
    assert_eq!((listed.len(), ids.len()), (120, 120));
    let one = session
        .retr(7)
        .await
        .expect("RETR")
        .read_all()
        .await
        .expect("a message");
    assert_eq!(one.len() as u64, listed[6].bytes);
    let head = session
        .top(7, 0)
        .await
        .expect("TOP")
        .read_all()
        .await
        .expect("a head");
    assert!(one.starts_with(&head));

    let mut batch = session.retr_all(1..=120);
    for (body, listed) in bodies.iter().zip(&listed) {
        let download = batch.next().await.expect("a message").expect("given");
        assert_eq!(download.number(), listed.number);
        let message = download.read_all().await.expect("the message");
        assert_eq!(message.len() as u64, listed.bytes);
        assert!(message.ends_with(body.as_bytes()));
    }
    assert!(batch.next().await.is_none());
    assert!(matches!(
        session.retr(121).await,
        Err(Pop3Error::Refused { .. })
    ));
    session.dele(1).await.expect("DELE");
    session.quit().await.expect("QUIT");

    let mut session = self::session().await;
    session
        .login(&password(&user), HOST, port)
        .await
        .expect("login");
    assert_eq!(session.uidl().await.expect("UIDL")[0].id, ids[1].id);
    session.quit().await.expect("QUIT");
}

#[tokio::test]
async fn stls_makes_the_connection_private() {
    let user = user("pop3-stls");
    let net = net();
    let port = servers().pop3_port;
    let (mut session, _) = Session::start(connected(&net, port).await, Limits::interactive(), None)
        .await
        .expect("a greeting");
    assert!(session.capa().await.expect("CAPA").stls);
    assert!(!session.stls(&net, HOST, None).await.expect("TLS").stls);
    session
        .login(&password(&user), HOST, port)
        .await
        .expect("login");
    assert_eq!(session.stat().await.expect("STAT").messages, 0);
    assert!(session.uidl().await.expect("UIDL").is_empty());
    session.quit().await.expect("QUIT");
}

#[tokio::test]
async fn every_offered_mechanism_signs_in_and_refuses() {
    let user = user("pop3-mechanisms");
    let good = Secret::Password(user.password.clone());
    let bad = Secret::Password("wrong".to_owned());
    let token = Secret::Token(oauth_token(&user.address));
    let old_token = Secret::Token(expired_oauth_token(&user.address));
    let port = servers().pop3s_port;
    for (good, bad, wanted) in [
        (good, bad, Mechanism::ScramSha256),
        (token, old_token, Mechanism::OauthBearer),
    ] {
        let mut session = session().await;
        let credentials = |secret| Credentials {
            username: user.address.clone(),
            secret,
        };
        let refused = session.login(&credentials(bad), HOST, port).await;
        assert!(
            matches!(&refused, Err(Pop3Error::AuthFailed { code: Some(code), .. }) if code == "AUTH"),
            "{refused:?}"
        );
        let done = session
            .login(&credentials(good), HOST, port)
            .await
            .expect("login");
        assert_eq!(done.way, SignInWay::Sasl(wanted));
        session.quit().await.expect("QUIT");
    }
}

#[tokio::test]
async fn user_and_pass_sign_in_too() {
    let user = user("pop3-user-pass");
    let net = net();
    let stream = connected(&net, servers().pop3s_port).await;
    let stream = net.tls(stream, HOST, None).await.expect("TLS");
    // Without CAPA nothing is known of SASL.
    let (mut session, _) = Session::start(stream, Limits::interactive(), None)
        .await
        .expect("a greeting");
    let done = session
        .login(&password(&user), HOST, servers().pop3s_port)
        .await
        .expect("login");
    assert_eq!(done.way, SignInWay::UserPass);
    session.quit().await.expect("QUIT");
}

#[tokio::test]
async fn an_imap_server_is_not_taken_for_pop3() {
    let net = net();
    let stream = connected(&net, servers().imap_port).await;
    let result = Session::start(stream, Limits::interactive(), None).await;
    assert!(
        matches!(result, Err(Pop3Error::NotPop3 { .. })),
        "{result:?}"
    );
}
