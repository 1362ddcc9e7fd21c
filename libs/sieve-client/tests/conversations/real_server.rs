//! The same against Dovecot's Pigeonhole: TLS, every mechanism, and scripts that act on mail.

use std::fs;
use std::time::Duration;

use mail_net::sasl::{Credentials, Mechanism, Secret};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use sieve_client::{Limits, RefusalCode, Session, SieveError};
use testkit::{ImapProbe, TestUser, deliver, oauth_token, servers, user, wait_for};

const HOST: &str = "localhost";

fn port() -> u16 {
    servers()
        .sieve_port
        .expect("Pigeonhole is not installed: run scripts/install-test-deps")
}

/// A session over STARTTLS, not signed in.
async fn session() -> Session {
    let ca = fs::read(&servers().ca_pem_path).expect("the authority's certificate");
    let policy = Policy {
        allow: vec![
            "127.0.0.0/8".parse().expect("a range"),
            "::1/128".parse().expect("a range"),
        ],
        mail_ports: vec![port()],
    };
    let net = Net::new(
        policy,
        TlsSettings::new(Some(&ca)).expect("roots"),
        Timeouts::default(),
    );
    let resolved = net.resolve(HOST).await.expect("an address");
    let stream = net.connect(&resolved, port()).await.expect("a connection");
    let mut session = Session::start(stream, Limits::default(), None)
        .await
        .expect("a greeting");
    assert!(session.capabilities().starttls);
    session.starttls(&net, HOST, None).await.expect("TLS");
    assert!(!session.capabilities().starttls);
    session
}

fn password(user: &TestUser) -> Credentials {
    Credentials {
        username: user.address.clone(),
        secret: Secret::Password(user.password.clone()),
    }
}

async fn signed_in(user: &TestUser) -> Session {
    let mut session = session().await;
    session
        .login(&password(user), HOST, port())
        .await
        .expect("login");
    session
}

fn count(user: &TestUser, folder: &str) -> u32 {
    let mut probe = ImapProbe::login(user);
    probe.examine(folder).exists
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_and_tokens_sign_in_and_a_wrong_password_is_refused_once() {
    let user = user("sieve-sign-in");
    for (secret, mechanism) in [
        (
            Secret::Password(user.password.clone()),
            Mechanism::ScramSha256,
        ),
        (
            Secret::Token(oauth_token(&user.address)),
            Mechanism::OauthBearer,
        ),
    ] {
        let mut session = session().await;
        let credentials = Credentials {
            username: user.address.clone(),
            secret,
        };
        let done = session
            .login(&credentials, HOST, port())
            .await
            .expect("login");
        assert_eq!(done.mechanism, mechanism);
        assert!(session.capabilities().has_extension("vacation"));
        session.logout().await;
    }
    let mut session = session().await;
    let wrong = Credentials {
        username: user.address.clone(),
        secret: Secret::Password("wrong".to_owned()),
    };
    let result = session.login(&wrong, HOST, port()).await;
    assert!(
        matches!(result, Err(SieveError::AuthFailed { .. })),
        "{result:?}"
    );
    // The same connection lets the right one in.
    session
        .login(&password(&user), HOST, port())
        .await
        .expect("login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_is_checked_stored_activated_and_acts_on_mail() {
    let user = user("sieve-script");
    let mut session = signed_in(&user).await;
    assert!(session.capabilities().has_extension("vacation"));
    assert_eq!(session.list_scripts().await.expect("a list"), []);
    let script = "require [\"fileinto\", \"mailbox\"];\r\nif header :contains \"subject\" \"gr\u{fc}n\" {\r\n  fileinto :create \"Gr\u{fc}n\";\r\n}\r\n";
    assert_eq!(
        session.check_script(script).await.expect("a good script"),
        None
    );
    session
        .put_script("Regeln \"1\"", script)
        .await
        .expect("stored");
    let wrong = session.put_script("wrong", "fileinto \"x\";").await;
    let Err(SieveError::Refused { refusal, .. }) = &wrong else {
        panic!("{wrong:?}")
    };
    assert!(refusal.text.contains("fileinto"), "{refusal:?}");
    let mail =
        |subject: &str| format!("Subject: {subject}\r\nFrom: x@elsewhere.test\r\n\r\nhello\r\n");
    deliver(&user, mail("gr\u{fc}n before").as_bytes());
    assert_eq!(count(&user, "INBOX"), 1);
    session
        .set_active(Some("Regeln \"1\""))
        .await
        .expect("active");
    let list = session.list_scripts().await.expect("a list");
    assert_eq!(
        (list.len(), list[0].name.as_str(), list[0].active),
        (1, "Regeln \"1\"", true)
    );
    assert_eq!(
        session.get_script("Regeln \"1\"").await.expect("a script"),
        script
    );
    deliver(&user, mail("gr\u{fc}n after").as_bytes());
    deliver(&user, mail("red").as_bytes());
    wait_for(Duration::from_secs(20), "the folder", || {
        let mut probe = ImapProbe::login(&user);
        probe.examine("INBOX").exists.eq(&2).then_some(())
    });
    session.set_active(None).await.expect("none active");
    deliver(&user, mail("gr\u{fc}n at last").as_bytes());
    assert_eq!(count(&user, "INBOX"), 3);
    session
        .delete_script("Regeln \"1\"")
        .await
        .expect("deleted");
    assert_eq!(session.list_scripts().await.expect("a list"), []);
    session.logout().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_their_reason() {
    let user = user("sieve-refusals");
    let mut session = signed_in(&user).await;
    let code = |result: Result<(), SieveError>| match result {
        Err(SieveError::Refused { refusal, .. }) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        code(session.get_script("none").await.map(drop)),
        Some(RefusalCode::NonExistent)
    );
    assert_eq!(
        code(session.set_active(Some("none")).await),
        Some(RefusalCode::NonExistent)
    );
    assert_eq!(
        code(session.have_space("x", 10_000_000).await),
        Some(RefusalCode::Quota)
    );
    let large = format!("# {}\r\nkeep;\r\n", "x".repeat(70_000));
    assert_eq!(
        code(session.put_script("large", &large).await.map(drop)),
        Some(RefusalCode::Quota)
    );
    session
        .put_script("main", "keep;\r\n")
        .await
        .expect("stored");
    session.set_active(Some("main")).await.expect("active");
    assert_eq!(
        code(session.delete_script("main").await),
        Some(RefusalCode::Active)
    );
    assert!(session.is_usable());
    session.logout().await;
}
