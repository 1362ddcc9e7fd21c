//! What may stand at a session's beginning, and the way to TLS.

mod support;

use imap_client::{GreetingKind, ImapError};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use support::{session, start_with, turn};

#[tokio::test]
async fn a_greeting_tells_kind_text_and_capabilities() {
    let (started, _server) = start_with("* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n", vec![]).await;
    let (session, greeting) = started.unwrap();
    assert_eq!(
        (greeting.kind, greeting.text.as_str()),
        (GreetingKind::Ok, "ready")
    );
    assert!(greeting.capabilities.unwrap().has("IDLE"));
    assert!(session.supports("idle"));
    let (started, _server) = start_with("* PREAUTH hi\r\n", vec![]).await;
    assert_eq!(started.unwrap().1.kind, GreetingKind::PreAuth);
}

#[tokio::test]
async fn a_server_that_says_bye_at_once_is_heard_and_not_asked_anything() {
    let (started, _server) = start_with("* BYE too many connections\r\n", vec![]).await;
    let (mut session, greeting) = started.unwrap();
    assert_eq!(greeting.kind, GreetingKind::Bye);
    assert_eq!(greeting.text, "too many connections");
    assert!(session.noop().await.is_err());
}

#[tokio::test]
async fn other_protocols_are_recognised_by_their_first_line() {
    for line in [
        "+OK POP3 ready",
        "220 mail ESMTP",
        "HTTP/1.1 400 Bad Request",
        "SSH-2.0-OpenSSH_9.2",
        "hello",
        "a1 OK [CAPABILITY X] tagged",
        "[COPYUID 1 2 3]",
    ] {
        let (started, _server) = start_with(&format!("{line}\r\n"), vec![]).await;
        assert!(
            matches!(&started, Err(ImapError::NotImap { line: said }) if said == line),
            "{line}: {started:?}"
        );
    }
}

#[tokio::test]
async fn silence_and_a_closed_door_are_told_apart() {
    let (started, _server) = start_with("", vec![turn("never", "")]).await;
    assert!(
        matches!(
            started,
            Err(ImapError::TimedOut {
                what: "the greeting"
            })
        ),
        "{started:?}"
    );
    let (started, _server) = start_with("", vec![]).await;
    assert!(matches!(started, Err(ImapError::Closed)), "{started:?}");
}

fn net() -> Net {
    Net::new(
        Policy::public_only(),
        TlsSettings::new(None).unwrap(),
        Timeouts::default(),
    )
}

#[tokio::test]
async fn i27_text_behind_the_starttls_answer_is_an_attack() {
    let answer = "$T OK go\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected\r\n";
    let (mut session, _server) = session("STARTTLS", vec![turn("STARTTLS", answer)]).await;
    let result = session.starttls(&net(), "mail.example", None).await;
    assert!(
        matches!(result, Err(ImapError::StartTlsInjection)),
        "{result:?}"
    );
    assert!(matches!(session.noop().await, Err(ImapError::Closed)));
}

#[tokio::test]
async fn starttls_is_not_tried_where_it_is_not_offered() {
    let (mut session, server) = session("IDLE", vec![turn("never", "")]).await;
    let result = session.starttls(&net(), "mail.example", None).await;
    assert!(
        matches!(result, Err(ImapError::Unsupported { .. })),
        "{result:?}"
    );
    drop(session);
    assert!(server.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_starttls_leaves_a_usable_plain_session() {
    let turns = vec![
        turn("STARTTLS", "$T NO not today\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("STARTTLS", turns).await;
    let result = session.starttls(&net(), "mail.example", None).await;
    assert!(matches!(result, Err(ImapError::No { .. })), "{result:?}");
    session.noop().await.unwrap();
}

#[tokio::test]
async fn what_was_learnt_before_tls_is_forgotten() {
    // The handshake fails here, but nothing said before it survives.
    let turns = vec![
        turn("STARTTLS", "$T OK go\r\n"),
        turn("\x16", "* this is not TLS\r\n"),
    ];
    let (mut session, _server) = session("STARTTLS AUTH=PLAIN", turns).await;
    let result = session.starttls(&net(), "mail.example", None).await;
    assert!(
        matches!(result, Err(ImapError::Net(_) | ImapError::TimedOut { .. })),
        "{result:?}"
    );
    assert!(!session.supports("AUTH=PLAIN"));
}
