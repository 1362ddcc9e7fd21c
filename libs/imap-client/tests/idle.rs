//! Waiting for news, and everything that can end the wait.

mod support;

use std::time::Duration;

use imap_client::{IdleEnd, ImapError, Session, Unsolicited};
use mail_net::Stream;
use support::{quick, session, turn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn news_end_the_wait_and_what_follows_closely_comes_along() {
    let turns = vec![
        turn(
            "IDLE",
            "+ idling\r\n* OK Still here\r\n* 5 EXISTS\r\n* 1 RECENT\r\n* 2 FETCH (FLAGS (\\Seen))\r\n",
        ),
        turn("DONE", "* 6 EXISTS\r\n$T OK\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("IDLE", turns).await;
    assert_eq!(
        session.idle(LONG, std::future::pending()).await.unwrap(),
        IdleEnd::News
    );
    let news = session.take_unsolicited();
    assert!(
        news.contains(&Unsolicited::Exists(5)) && news.contains(&Unsolicited::Exists(6)),
        "{news:?}"
    );
    assert!(
        news.iter()
            .any(|item| matches!(item, Unsolicited::Fetch(_)))
    );
    session.noop().await.unwrap();
}

#[tokio::test]
async fn the_servers_small_talk_does_not_end_the_wait() {
    let turns = vec![
        turn("IDLE", "+ idling\r\n* OK Still here\r\n* 0 RECENT\r\n"),
        turn("DONE", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("IDLE", turns).await;
    let end = session
        .idle(Duration::from_millis(100), std::future::pending())
        .await
        .unwrap();
    assert_eq!(end, IdleEnd::Time);
}

#[tokio::test]
async fn a_wake_up_ends_the_wait_at_once() {
    let turns = vec![
        turn("IDLE", "+ idling\r\n"),
        turn("DONE", "$T OK\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("IDLE", turns).await;
    let wake = tokio::time::sleep(Duration::from_millis(20));
    assert_eq!(session.idle(LONG, wake).await.unwrap(), IdleEnd::Wake);
    session.noop().await.unwrap();
}

#[tokio::test]
async fn news_from_before_need_no_wait() {
    let turns = vec![turn("NOOP", "* 5 EXISTS\r\n$T OK\r\n"), turn("never", "")];
    let (mut session, _server) = session("IDLE", turns).await;
    session.noop().await.unwrap();
    assert_eq!(
        session.idle(LONG, std::future::pending()).await.unwrap(),
        IdleEnd::News
    );
}

#[tokio::test]
async fn a_refused_idle_is_an_error_and_the_session_lives() {
    let turns = vec![turn("IDLE", "$T BAD what\r\n"), turn("NOOP", "$T OK\r\n")];
    let (mut session, _server) = session("", turns).await;
    assert!(matches!(
        session.idle(LONG, std::future::pending()).await,
        Err(ImapError::Bad { .. })
    ));
    session.noop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_the_idle_by_itself_is_understood() {
    let turns = vec![
        turn("IDLE", "+ idling\r\n$T OK enough\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("IDLE", turns).await;
    assert_eq!(
        session.idle(LONG, std::future::pending()).await.unwrap(),
        IdleEnd::Server
    );
    session.noop().await.unwrap();
}

#[tokio::test]
async fn a_bye_and_a_cut_during_the_wait_are_told_apart() {
    let (mut session1, _server) = session(
        "IDLE",
        vec![turn("IDLE", "+ idling\r\n* BYE restarting\r\n")],
    )
    .await;
    let error = session1
        .idle(LONG, std::future::pending())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ImapError::Bye { text } if text == "restarting"),
        "{error:?}"
    );
    let (mut session2, _server) = session("IDLE", vec![turn("IDLE", "+ idling\r\n")]).await;
    assert!(matches!(
        session2.idle(LONG, std::future::pending()).await,
        Err(ImapError::Closed)
    ));
}

#[tokio::test]
async fn a_dead_server_is_noticed_when_the_wait_ends() {
    let (mut session, _server) = session(
        "IDLE",
        vec![turn("IDLE", "+ idling\r\n"), turn("never", "")],
    )
    .await;
    let result = session
        .idle(Duration::from_millis(50), std::future::pending())
        .await;
    assert!(
        matches!(
            result,
            Err(ImapError::TimedOut {
                what: "the end of IDLE"
            })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn news_cut_into_single_bytes_arrive_whole() {
    let (client, mut server) = duplex(1 << 12);
    let task = tokio::spawn(async move {
        server.write_all(b"* PREAUTH hi\r\n").await.unwrap();
        let mut line = [0; 9];
        server.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"P1 IDLE\r\n");
        for byte in b"+ idling\r\n* 7 EXISTS\r\n" {
            server.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut done = [0; 6];
        server.read_exact(&mut done).await.unwrap();
        server.write_all(b"P1 OK\r\n").await.unwrap();
    });
    let (mut session, _) = Session::start(Stream::from_io(client), quick(), None)
        .await
        .unwrap();
    assert_eq!(
        session.idle(LONG, std::future::pending()).await.unwrap(),
        IdleEnd::News
    );
    assert_eq!(session.take_unsolicited(), [Unsolicited::Exists(7)]);
    task.await.unwrap();
}

#[tokio::test]
async fn folders_that_come_go_and_change_their_names_are_news() {
    let turns = vec![
        turn(
            "IDLE",
            "+ idling\r\n* LIST () \"/\" a\r\n* LIST () \"/\" b (CHILDINFO (\"X\") \"OLDNAME\" (a))\r\n\
             * LIST (\\NonExistent) \"/\" b\r\n* STATUS c (MESSAGES 4)\r\n",
        ),
        turn("DONE", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("IDLE", turns).await;
    assert_eq!(
        session.idle(LONG, std::future::pending()).await.unwrap(),
        IdleEnd::News
    );
    let news = session.take_unsolicited();
    assert_eq!(news.len(), 4, "{news:?}");
    let Unsolicited::List(renamed) = &news[1] else {
        panic!("{news:?}")
    };
    assert_eq!(renamed.old_name.as_ref().unwrap().decoded(), "a");
    let Unsolicited::List(gone) = &news[2] else {
        panic!("{news:?}")
    };
    assert!(!gone.is_selectable());
}
