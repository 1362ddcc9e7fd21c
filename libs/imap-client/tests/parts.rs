//! Parts of one message, from servers that do not give what was asked for.

mod support;

use imap_client::{ImapError, Session};
use support::{Server, Turn, session, turn};

/// The answers stand behind the first commands: tags are P1, P2, and so on.
async fn rest(
    offset: u64,
    slice: u64,
    turns: Vec<Turn>,
) -> (Result<Option<u64>, ImapError>, String) {
    let (mut session, _server): (Session, Server) = session("", turns).await;
    let mut sink = Vec::new();
    let got = session.fetch_rest(5, offset, slice, &mut sink).await;
    (got, String::from_utf8(sink).unwrap())
}

#[tokio::test]
async fn two_slices_are_asked_for_ahead_and_joined_in_order() {
    let turns = vec![
        turn("BODY.PEEK[]<10.4>", ""),
        // Both answers first, then both ends: as Dovecot does it.
        turn(
            "BODY.PEEK[]<14.4>",
            "* 1 FETCH (UID 5 BODY[]<10> {4}\r\nabcd)\r\n* 1 FETCH (BODY[]<14> \"efgh\" UID 5)\r\n",
        ),
        turn(
            "BODY.PEEK[]<18.4>",
            "P1 OK\r\nP2 OK\r\n* 1 FETCH (UID 5 BODY[]<18> {2}\r\nij)\r\n",
        ),
        turn(
            "BODY.PEEK[]<22.4>",
            "P3 OK\r\n* 1 FETCH (UID 5 BODY[]<22> \"\")\r\nP4 OK\r\n",
        ),
    ];
    let (got, text) = rest(10, 4, turns).await;
    assert_eq!(got.unwrap(), Some(10));
    assert_eq!(text, "abcdefghij");
}

#[tokio::test]
async fn a_refusal_behind_the_end_means_nothing_and_one_before_it_does() {
    let turns = vec![
        turn("<0.4>", ""),
        turn(
            "<4.4>",
            "* 1 FETCH (UID 5 BODY[]<0> {2}\r\nab)\r\nP1 OK\r\nP2 NO beyond\r\n",
        ),
    ];
    let (got, text) = rest(0, 4, turns).await;
    assert_eq!((got.unwrap(), text.as_str()), (Some(2), "ab"));
    let turns = vec![
        turn(
            "<0.4>",
            "* 1 FETCH (UID 5 BODY[]<0> {4}\r\nabcd)\r\nP1 OK\r\n",
        ),
        turn("<8.4>", "P2 NO [UNAVAILABLE] later\r\nP3 OK\r\n"),
    ];
    let (got, text) = rest(0, 4, turns).await;
    assert!(matches!(got, Err(ImapError::No { .. })), "{got:?}");
    assert_eq!(text, "abcd");
}

#[tokio::test]
async fn a_message_that_goes_while_it_is_read_is_not_taken_for_a_short_one() {
    for second in ["* 1 FETCH (UID 5 BODY[]<4> NIL)\r\nP2 OK\r\n", "P2 OK\r\n"] {
        let turns = vec![
            turn(
                "<0.4>",
                "* 1 FETCH (UID 5 BODY[]<0> {4}\r\nabcd)\r\nP1 OK\r\n",
            ),
            turn("<8.4>", format!("{second}P3 OK\r\n")),
        ];
        let (got, text) = rest(0, 4, turns).await;
        assert_eq!((got.unwrap(), text.as_str()), (None, "abcd"), "{second}");
    }
}

#[tokio::test]
async fn another_part_than_the_one_asked_for_is_never_handed_on() {
    for answer in [
        // The origin is ignored.
        "* 1 FETCH (UID 5 BODY[] {4}\r\nabcd)\r\n",
        "* 1 FETCH (UID 5 BODY[]<0> {4}\r\nabcd)\r\n",
        "* 1 FETCH (UID 5 BODY[]<0> \"abcd\")\r\n",
        // The length is.
        "* 1 FETCH (UID 5 BODY[]<100> {5}\r\nabcde)\r\n",
        "* 1 FETCH (UID 5 BODY[]<100> {2000000000}\r\nabcde)\r\n",
        // It is the slice behind.
        "* 1 FETCH (UID 5 BODY[]<104> {4}\r\nabcd)\r\n",
        "* 1 FETCH (UID 5 BODY[]<-100> {4}\r\nabcd)\r\n",
        "* 1 FETCH (UID 5 BODY[]<99999999999999999999> {4}\r\nabcd)\r\n",
    ] {
        let turns = vec![turn("<100.4>", ""), turn("<104.4>", answer)];
        let (got, text) = rest(100, 4, turns).await;
        assert!(
            matches!(got, Err(ImapError::Protocol { .. })),
            "{answer}: {got:?}"
        );
        assert_eq!(text, "", "{answer}");
    }
}

#[tokio::test]
async fn parts_of_another_message_and_parts_that_come_twice_end_the_session() {
    let other = "* 1 FETCH (UID 6 BODY[]<0> {4}\r\nabcd)\r\n";
    let turns = vec![turn("<0.4>", ""), turn("<4.4>", other)];
    let (got, _) = rest(0, 4, turns).await;
    assert!(matches!(got, Err(ImapError::Protocol { .. })), "{got:?}");
    let twice = "* 1 FETCH (UID 5 BODY[]<0> {4}\r\nabcd)\r\n".repeat(2);
    let turns = vec![turn("<0.4>", ""), turn("<4.4>", twice)];
    let (got, text) = rest(0, 4, turns).await;
    assert!(matches!(got, Err(ImapError::Protocol { .. })), "{got:?}");
    assert_eq!(text, "abcd");
}

#[tokio::test]
async fn news_between_the_parts_is_kept() {
    let turns = vec![
        turn("<0.4>", ""),
        turn(
            "<4.4>",
            "* 9 EXISTS\r\n* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n\
             * 1 FETCH (UID 5 BODY[]<0> {2}\r\nab)\r\nP1 OK\r\nP2 OK\r\n",
        ),
    ];
    let (mut session, _server) = session("", turns).await;
    let mut sink = Vec::new();
    let got = session.fetch_rest(5, 0, 4, &mut sink).await.unwrap();
    assert_eq!(got, Some(2));
    assert_eq!(session.take_unsolicited().len(), 2);
}
