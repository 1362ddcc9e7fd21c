//! Logging in: which mechanism, how often, and what is done with a no.

mod support;

use imap_client::ImapError;
use mail_net::sasl::{Credentials, Secret};
use support::{Turn, password, start_with, turn};

async fn login(
    capabilities: &str,
    credentials: &Credentials,
    turns: Vec<Turn>,
) -> (Result<imap_client::LoginDone, ImapError>, Vec<String>) {
    let greeting = format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] hi\r\n");
    let (started, server) = start_with(&greeting, turns).await;
    let (mut session, _) = started.unwrap();
    let result = session.login(credentials, "mail.example", 993).await;
    drop(session);
    (result, server.await.unwrap())
}

fn token() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Token("tok".to_owned()),
    }
}

#[tokio::test]
async fn plain_goes_with_the_command_where_the_server_allows_it() {
    let turns = vec![turn(
        "AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=",
        "$T OK [CAPABILITY IMAP4rev1 MOVE] in\r\n",
    )];
    let (result, _) = login("SASL-IR AUTH=PLAIN", &password(), turns).await;
    assert_eq!(result.unwrap().mechanism, "PLAIN");
}

#[tokio::test]
async fn plain_waits_for_the_plus_where_it_must() {
    for plus in ["+\r\n", "+ \r\n", "+ go ahead\r\n"] {
        let turns = vec![
            turn("AUTHENTICATE PLAIN", plus),
            turn("AGpvZQBzM2NyZXQ=", "$T OK in\r\n"),
        ];
        let (result, lines) = login("AUTH=PLAIN", &password(), turns).await;
        result.unwrap();
        assert!(lines[0].ends_with("AUTHENTICATE PLAIN"), "{lines:?}");
    }
}

#[tokio::test]
async fn capabilities_are_read_anew_after_login() {
    let turns = vec![
        turn("AUTHENTICATE", "$T OK in\r\n"),
        turn("CAPABILITY", "* CAPABILITY IMAP4rev1 MOVE\r\n$T OK\r\n"),
    ];
    let (started, _server) = start_with(
        "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n",
        turns,
    )
    .await;
    let (mut session, _) = started.unwrap();
    session.login(&password(), "h", 1).await.unwrap();
    assert!(session.capability().await.unwrap().has("MOVE"));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_no_more() {
    let turns = vec![
        turn(
            "AUTHENTICATE PLAIN",
            "$T NO [AUTHENTICATIONFAILED] Invalid credentials\r\n",
        ),
        turn("never", ""),
    ];
    let (result, lines) = login("SASL-IR AUTH=PLAIN AUTH=LOGIN", &password(), turns).await;
    match result {
        Err(ImapError::AuthFailed {
            mechanism,
            code,
            text,
            ..
        }) => {
            assert_eq!(mechanism, "PLAIN");
            assert_eq!(code.as_deref(), Some("AUTHENTICATIONFAILED"));
            assert_eq!(text, "Invalid credentials");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn every_no_that_could_count_ends_the_attempts() {
    for no in [
        "NO wrong",
        "NO [UNAVAILABLE] later",
        "NO [LIMIT] too many",
        "BAD invalid credentials",
        "BAD User is authenticated but not connected.",
        "NO [CONTACTADMIN] x",
        "BYE go away",
    ] {
        let turns = vec![
            turn("AUTHENTICATE PLAIN", format!("$T {no}\r\n")),
            turn("never", ""),
        ];
        let (result, lines) = login("SASL-IR AUTH=PLAIN AUTH=LOGIN", &password(), turns).await;
        assert!(result.is_err(), "{no}");
        assert_eq!(lines.len(), 1, "{no}: {lines:?}");
    }
}

#[tokio::test]
async fn an_unsupported_mechanism_leads_to_the_next() {
    for no in [
        "NO [CANNOT] no SCRAM",
        "BAD unsupported mechanism",
        "NO Unsupported authentication mechanism",
        "BAD syntax",
    ] {
        let turns = vec![
            turn("AUTHENTICATE SCRAM-SHA-256", format!("$T {no}\r\n")),
            turn("AUTHENTICATE PLAIN", "$T OK in\r\n"),
        ];
        let (result, _) = login("SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256", &password(), turns).await;
        assert_eq!(result.unwrap().mechanism, "PLAIN", "{no}");
    }
}

#[tokio::test]
async fn the_login_command_is_the_last_resort_and_quotes_its_words() {
    let credentials = Credentials {
        username: "jo\"e\\".to_owned(),
        secret: Secret::Password("pä ss".to_owned()),
    };
    let turns = vec![
        turn("LOGIN \"jo\\\"e\\\\\" {6}", "+ go\r\n"),
        turn("pä ss", "$T OK in\r\n"),
    ];
    let (result, _) = login("", &credentials, turns).await;
    assert_eq!(result.unwrap().mechanism, "LOGIN command");
}

#[tokio::test]
async fn nothing_secret_is_sent_where_no_way_is_offered() {
    let (result, lines) = login("LOGINDISABLED", &password(), vec![turn("never", "")]).await;
    assert!(
        matches!(result, Err(ImapError::LoginDisabled)),
        "{result:?}"
    );
    assert!(lines.is_empty());
    let (result, lines) = login("AUTH=PLAIN", &token(), vec![turn("never", "")]).await;
    assert!(
        matches!(&result, Err(ImapError::NoMechanism { offered }) if offered == &["PLAIN"]),
        "{result:?}"
    );
    assert!(lines.is_empty());
}

#[tokio::test]
async fn an_oauth_refusal_carries_the_servers_json() {
    // {"status":"400"}
    let turns = vec![
        turn("AUTHENTICATE XOAUTH2", "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"),
        turn("", ""),
        turn(
            "",
            "$T NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n",
        ),
    ];
    let (result, lines) = login("SASL-IR AUTH=XOAUTH2", &token(), turns).await;
    assert!(
        matches!(&result, Err(ImapError::AuthFailed { oauth_error: Some(json), .. }) if json == r#"{"status":"400"}"#),
        "{result:?}"
    );
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_server_that_cannot_prove_itself_gets_no_further_word() {
    let turns = vec![
        turn("AUTHENTICATE SCRAM-SHA-256", "$T OK come in\r\n"),
        turn("never", ""),
    ];
    let (result, _) = login("SASL-IR AUTH=SCRAM-SHA-256", &password(), turns).await;
    assert!(
        matches!(result, Err(ImapError::Protocol { .. })),
        "{result:?}"
    );
    // A malformed challenge is cancelled politely.
    let turns = vec![
        turn("AUTHENTICATE SCRAM-SHA-256", "+ bm9uc2Vuc2U=\r\n"),
        turn("*", "$T BAD cancelled\r\n"),
    ];
    let (result, lines) = login("SASL-IR AUTH=SCRAM-SHA-256", &password(), turns).await;
    assert!(
        matches!(result, Err(ImapError::AuthFailed { .. })),
        "{result:?}"
    );
    assert_eq!(lines.last().map(String::as_str), Some("*"));
}

#[tokio::test]
async fn the_transcript_of_a_login_holds_no_secret() {
    let (client, server) = tokio::io::duplex(4096);
    let turns = vec![
        turn("", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n"),
        turn("AUTHENTICATE", "+\r\n"),
        turn("AGpv", "$T NO [CANNOT] no\r\n"),
        turn("LOGIN", "$T OK in\r\n"),
    ];
    let _server = tokio::spawn(support::play(server, turns));
    let transcript = mail_net::Transcript::new(100);
    let stream = mail_net::Stream::from_io(client);
    let (mut session, _) =
        imap_client::Session::start(stream, support::quick(), Some(transcript.clone()))
            .await
            .unwrap();
    session.login(&password(), "h", 1).await.unwrap();
    let text = transcript.lines().join("\n");
    assert!(
        !text.contains("s3cret") && !text.contains("AGpv") && !text.contains("joe"),
        "{text}"
    );
    assert!(
        text.contains("C: AUTHENTICATE <hidden>") && text.contains("C: LOGIN <hidden>"),
        "{text}"
    );
}
