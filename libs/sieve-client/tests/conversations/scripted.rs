//! Answers of every kind, and servers that are none.

use std::time::Duration;

use mail_net::Stream;
use sieve_client::{Limits, RefusalCode, Script, Session, SieveError};
use testkit::script::{Peer, Step, Step::*, play};

pub const GREETING: &[Step] = &[Say(
    "\"IMPLEMENTATION\" \"mx\"\r\n\"SASL\" \"PLAIN\"\r\n\"SIEVE\" \"fileinto Vacation\"\r\n\"VERSION\" \"1.0\"\r\n\"MAXREDIRECTS\" \"4\"\r\n\"X-NEW\"\r\nOK \"hello\"\r\n",
)];

fn quick() -> Limits {
    Limits {
        greeting: Duration::from_millis(500),
        command: Duration::from_millis(500),
        quit: Duration::from_millis(500),
    }
}

/// What comes of the greeting, and the server's side.
pub async fn try_start(steps: &[Step]) -> (Result<Session, SieveError>, Peer) {
    let (io, peer) = play(steps);
    (
        Session::start(Stream::from_io(io), quick(), None).await,
        peer,
    )
}

/// A session after the usual greeting.
pub async fn started(steps: &[Step]) -> (Session, Peer) {
    let (session, peer) = try_start(&[GREETING, steps].concat()).await;
    (session.expect("a greeting"), peer)
}

#[tokio::test]
async fn the_greeting_says_what_the_server_can_do() {
    let (session, peer) = started(&[Hear("LOGOUT"), Say("OK \"bye\"\r\n"), NoMore]).await;
    let found = session.capabilities();
    assert_eq!(
        (found.implementation.as_str(), found.version.as_deref()),
        ("mx", Some("1.0"))
    );
    assert_eq!(
        (found.sasl.as_slice(), found.max_redirects),
        (&["PLAIN".to_owned()][..], Some(4))
    );
    assert!(found.has_extension("vacation") && !found.has_extension("notify"));
    assert!(!found.starttls && found.other == ["X-NEW"]);
    session.logout().await;
    peer.done().await;
}

#[tokio::test]
async fn scripts_are_listed_read_and_stored() {
    let steps: &[Step] = &[
        Hear("LISTSCRIPTS"),
        Say("\"main\" ACTIVE\r\n{6}\r\na \"b\" \r\n\"old\"\r\nOK\r\n"),
        Hear("GETSCRIPT \"main\""),
        Say("{14}\r\nkeep;\r\nOK no\r\n\r\nOK (WARNINGS) \"it is not the end\"\r\n"),
        Hear("PUTSCRIPT \"a \\\"b\\\"\" {7+}"),
        Hear("keep;"),
        Hear(""),
        Say("OK (WARNINGS) {10}\r\nline 1\r\nx \r\n"),
        Hear("CHECKSCRIPT {5+}"),
        Hear("stop;"),
        Say("NO {16}\r\nline 1: error:\r\n\r\n"),
        Hear("SETACTIVE \"main\""),
        Say("NO (NONEXISTENT) \"which?\"\r\n"),
        Hear("SETACTIVE \"\""),
        Say("OK\r\n"),
        Hear("DELETESCRIPT \"main\""),
        Say("NO (ACTIVE) \"no\"\r\n"),
        Hear("HAVESPACE \"main\" 99999"),
        Say("NO (QUOTA/MAXSIZE) \"too much\"\r\n"),
    ];
    let (mut session, peer) = started(steps).await;
    let named = |name: &str, active| Script {
        name: name.to_owned(),
        active,
    };
    assert_eq!(
        session.list_scripts().await.expect("a list"),
        [
            named("main", true),
            named("a \"b\" ", false),
            named("old", false)
        ]
    );
    assert_eq!(
        session.get_script("main").await.expect("a script"),
        "keep;\r\nOK no\r\n"
    );
    let warnings = session
        .put_script("a \"b\"", "keep;\r\n")
        .await
        .expect("stored");
    assert_eq!(warnings.as_deref(), Some("line 1\nx"));
    let wrong = session.check_script("stop;").await;
    assert!(
        matches!(&wrong, Err(SieveError::Refused { command: "CHECKSCRIPT", refusal }) if refusal.text == "line 1: error:"),
        "{wrong:?}"
    );
    let code = |result: Result<(), SieveError>| match result {
        Err(SieveError::Refused { refusal, .. }) => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        code(session.set_active(Some("main")).await),
        Some(RefusalCode::NonExistent)
    );
    session.set_active(None).await.expect("none is active");
    assert_eq!(
        code(session.delete_script("main").await),
        Some(RefusalCode::Active)
    );
    assert_eq!(
        code(session.have_space("main", 99_999).await),
        Some(RefusalCode::Quota)
    );
    assert!(session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn a_goodbye_ends_the_session_wherever_it_comes() {
    let (refused, peer) =
        try_start(&[Say("BYE (REFERRAL \"sieve://other\") \"go there\"\r\n")]).await;
    assert!(
        matches!(&refused, Err(SieveError::Bye { refusal }) if refusal.code == Some(RefusalCode::Referral("sieve://other".to_owned()))),
        "{refused:?}"
    );
    drop(refused);
    peer.done().await;
    let (mut session, peer) = started(&[
        Hear("LISTSCRIPTS"),
        Say("BYE (TRYLATER) \"shutting down\"\r\n"),
    ])
    .await;
    let gone = session.list_scripts().await;
    assert!(
        matches!(&gone, Err(SieveError::Bye { refusal }) if refusal.code == Some(RefusalCode::TryLater)),
        "{gone:?}"
    );
    assert!(matches!(
        session.list_scripts().await,
        Err(SieveError::Unusable)
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn other_servers_and_nonsense_are_told_apart() {
    for greeting in [
        "220 mx ESMTP\r\n",
        "* OK IMAP4rev1\r\n",
        "+OK POP3\r\n",
        "SSH-2.0-x\r\n",
    ] {
        let (result, peer) = try_start(&[Say(greeting)]).await;
        assert!(
            matches!(&result, Err(SieveError::NotManageSieve { line }) if greeting.starts_with(line.as_str())),
            "{greeting:?} gave {result:?}"
        );
        drop(result);
        peer.done().await;
    }
    for answer in ["\"open\r\n", "{x}\r\n", "{1}x\r\n"] {
        let (mut session, peer) = started(&[Hear("LISTSCRIPTS"), Say(answer)]).await;
        let result = session.list_scripts().await;
        assert!(
            matches!(result, Err(SieveError::Nonsense { .. })),
            "{answer:?} gave {result:?}"
        );
        assert!(!session.is_usable());
        peer.finish(session).await;
    }
    let (mut session, peer) = started(&[Hear("LISTSCRIPTS"), Say("{4294967296}\r\n")]).await;
    assert!(matches!(
        session.list_scripts().await,
        Err(SieveError::AnswerTooLong)
    ));
    peer.finish(session).await;
    // Each text alone would have room.
    let large: &'static str =
        Box::leak(format!("{{1000000}}\r\n{}\r\n", "x".repeat(1_000_000)).into_boxed_str());
    let many = [Hear("LISTSCRIPTS"), Say(large), Say(large), Say(large)];
    let (mut session, peer) = started(&many).await;
    assert!(matches!(
        session.list_scripts().await,
        Err(SieveError::AnswerTooLong)
    ));
    peer.finish(session).await;
    let (mut session, peer) = started(&[Hear("LISTSCRIPTS"), Say("\"a\"\r\n"), Close]).await;
    assert!(matches!(
        session.list_scripts().await,
        Err(SieveError::Closed { .. })
    ));
    peer.finish(session).await;
    let (mut session, peer) = started(&[Hear("LISTSCRIPTS"), Stall]).await;
    assert!(matches!(
        session.list_scripts().await,
        Err(SieveError::TimedOut { .. })
    ));
    drop(session);
    peer.abandon();
}

#[tokio::test]
async fn what_could_carry_a_command_never_reaches_the_wire() {
    let (mut session, peer) = started(&[NoMore]).await;
    for name in ["", "a\r\nLOGOUT", "a\n"] {
        assert!(matches!(
            session.get_script(name).await,
            Err(SieveError::BadName { .. })
        ));
        assert!(matches!(
            session.put_script(name, "").await,
            Err(SieveError::BadName { .. })
        ));
    }
    let large = "#".repeat(2_000_000);
    assert!(matches!(
        session.put_script("x", &large).await,
        Err(SieveError::TooLarge { .. })
    ));
    assert!(session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn an_old_server_is_not_asked_for_what_it_does_not_know() {
    let (session, peer) = try_start(&[Say("\"IMPLEMENTATION\" \"old\"\r\nOK\r\n"), NoMore]).await;
    let mut session = session.expect("a greeting");
    assert!(matches!(
        session.check_script("keep;").await,
        Err(SieveError::NotOffered { .. })
    ));
    peer.finish(session).await;
}
