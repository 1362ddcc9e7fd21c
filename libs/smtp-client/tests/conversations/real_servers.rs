//! The same against Postfix: three security modes, six mechanisms, results per recipient, and bytes that arrive.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mail_net::sasl::{Credentials, Mechanism, Secret};
use mail_net::{Net, Policy, Stream, Timeouts, TlsSettings};
use smtp_client::{DataResult, Envelope, Limits, Session, SmtpError};
use testkit::{TestUser, expired_oauth_token, oauth_token, servers, user, wait_for};

pub const HOST: &str = "localhost";

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

/// A session over STARTTLS, not signed in.
pub async fn session() -> Session {
    let net = net();
    let stream = connected(&net, servers().submission_port).await;
    let (mut session, _) = Session::start(stream, Limits::interactive(), None)
        .await
        .expect("a greeting");
    let before = session.ehlo("client.test").await.expect("EHLO");
    assert!(before.starttls && before.auth.is_empty());
    assert!(
        session
            .starttls(&net, HOST, None)
            .await
            .expect("TLS")
            .pipelining
    );
    session
}

pub fn password(user: &TestUser) -> Credentials {
    Credentials {
        username: user.address.clone(),
        secret: Secret::Password(user.password.clone()),
    }
}

pub fn envelope(from: &TestUser, to: &[&str]) -> Envelope {
    Envelope {
        from: from.address.clone(),
        to: to.iter().map(|&to| to.to_owned()).collect(),
        ..Envelope::default()
    }
}

/// The messages that were delivered to a user, once there are so many.
pub fn delivered(user: &TestUser, count: usize) -> Vec<Vec<u8>> {
    let new = user.maildir().join("new");
    wait_for(Duration::from_secs(20), "the delivery", || {
        let messages = read_all(&new);
        (messages.len() >= count).then_some(messages)
    })
}

/// What follows the header, to which Postfix and Dovecot add fields, with line ends as on the disk.
fn body_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).replace("\r\n", "\n");
    text.split_once("\n\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| fs::read(entry.path()).ok())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_at_postfix_as_one_message_whatever_they_look_like() {
    let user = user("smtp-bytes");
    let mut session = session().await;
    session
        .login(&password(&user), HOST, servers().submission_port)
        .await
        .expect("login");
    let evil = "Subject: one\n\n.\n..\nhello\n.\nMAIL FROM:<x@example.test>\r.\rRCPT TO:<y@example.test>\r\n.\r\nend";
    assert!(session.capabilities().chunking);
    for chunks in [true, false] {
        if !chunks {
            session.avoid_chunks();
        }
        let outcome = session
            .send(&envelope(&user, &[&user.address]), evil.as_bytes())
            .await
            .expect("an outcome");
        assert!(
            matches!(outcome.data, DataResult::Accepted(_)),
            "{outcome:?}"
        );
    }
    session.quit().await;
    let wanted =
        ".\n..\nhello\n.\nMAIL FROM:<x@example.test>\n.\nRCPT TO:<y@example.test>\n.\nend\n";
    let messages = delivered(&user, 2);
    assert_eq!(messages.len(), 2);
    for message in messages {
        assert_eq!(body_of(&message), wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postfix_answers_for_every_recipient() {
    let user = user("smtp-recipients");
    let mut session = session().await;
    session
        .login(&password(&user), HOST, servers().submission_port)
        .await
        .expect("login");
    let recipients = [
        "refused@example.test",
        &user.address,
        "later@example.test",
        "full@example.test",
        "a@outside.test",
    ];
    let outcome = session
        .send(
            &envelope(&user, &recipients),
            &b"Subject: x\r\n\r\nx\r\n"[..],
        )
        .await
        .expect("an outcome");
    let codes: Vec<u16> = outcome
        .recipients
        .iter()
        .map(|recipient| recipient.reply.code)
        .collect();
    assert_eq!(codes, [550, 250, 450, 552, 554]);
    assert_eq!(
        outcome.recipients[0].reply.enhanced.as_deref(),
        Some("5.1.1")
    );
    assert!(matches!(outcome.data, DataResult::Accepted(_)));

    // All refused, then another message on the same connection.
    let outcome = session
        .send(&envelope(&user, &["refused@example.test"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert_eq!(outcome.data, DataResult::NotSent);
    let outcome = session
        .send(
            &envelope(&user, &[&user.address]),
            &b"Subject: y\r\n\r\n"[..],
        )
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
    session.quit().await;
    delivered(&user, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_arrives_whole_and_a_too_large_one_is_not_begun() {
    let user = user("smtp-large");
    let net = net();
    let stream = connected(&net, servers().submissions_port).await;
    let stream = net.tls(stream, HOST, None).await.expect("TLS");
    let (mut session, _) = Session::start(stream, Limits::interactive(), None)
        .await
        .expect("a greeting");
    session.ehlo("client.test").await.expect("EHLO");
    session
        .login(&password(&user), HOST, servers().submissions_port)
        .await
        .expect("login");
    let line = format!(".{}\r\n", "x".repeat(70));
    let body = format!("Subject: large\r\n\r\n{}", line.repeat(100_000));
    let size = body.len() as u64;
    let letter = Envelope {
        size,
        ..envelope(&user, &[&user.address])
    };
    for chunks in [true, false] {
        if !chunks {
            session.avoid_chunks();
        }
        let outcome = session
            .send(&letter, body.as_bytes())
            .await
            .expect("an outcome");
        assert!(
            matches!(outcome.data, DataResult::Accepted(_)),
            "{outcome:?}"
        );
    }
    let huge = Envelope {
        size: 1 << 40,
        ..letter
    };
    assert!(matches!(
        session.send(&huge, &b""[..]).await,
        Err(SmtpError::TooLarge { .. })
    ));
    session.quit().await;
    for message in delivered(&user, 2) {
        assert!(body_of(&message) == line.repeat(100_000).replace('\r', ""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_offered_mechanism_signs_in_and_refuses() {
    let user = user("smtp-mechanisms");
    let good = Secret::Password(user.password.clone());
    let bad = Secret::Password("wrong".to_owned());
    let token = Secret::Token(oauth_token(&user.address));
    let old_token = Secret::Token(expired_oauth_token(&user.address));
    for (good, bad, wanted) in [
        (good, bad, Mechanism::ScramSha256),
        (token, old_token, Mechanism::OauthBearer),
    ] {
        let mut session = session().await;
        let offered = session.capabilities().auth.clone();
        assert!(
            offered.iter().any(|name| name == wanted.as_str()),
            "{offered:?}"
        );
        let credentials = |secret| Credentials {
            username: user.address.clone(),
            secret,
        };
        let refused = session
            .login(&credentials(bad), HOST, servers().submission_port)
            .await;
        assert!(
            matches!(refused, Err(SmtpError::AuthFailed { code: 535, .. })),
            "{refused:?}"
        );
        let done = session
            .login(&credentials(good), HOST, servers().submission_port)
            .await
            .expect("login");
        assert_eq!(done.mechanism, wanted);
        session.quit().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tls_a_message_can_be_sent_where_the_server_allows_it() {
    let user = user("smtp-plain");
    let net = net();
    let stream = connected(&net, servers().submission_plain_port).await;
    let (mut session, _) = Session::start(stream, Limits::interactive(), None)
        .await
        .expect("a greeting");
    session.ehlo("client.test").await.expect("EHLO");
    session
        .login(&password(&user), HOST, servers().submission_plain_port)
        .await
        .expect("login");
    let outcome = session
        .send(
            &envelope(&user, &[&user.address]),
            &b"Subject: x\r\n\r\n"[..],
        )
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
    session.quit().await;
    delivered(&user, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imap_server_is_not_taken_for_smtp() {
    let net = net();
    let stream = connected(&net, servers().imap_port).await;
    let result = Session::start(stream, Limits::interactive(), None).await;
    assert!(
        matches!(result, Err(SmtpError::NotSmtp { .. })),
        "{result:?}"
    );
}
