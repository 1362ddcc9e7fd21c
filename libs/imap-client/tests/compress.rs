//! COMPRESS=DEFLATE (RFC 4978) from the server's side: what comes behind its yes, and what it may do with it.

mod support;

use imap_client::{ImapError, Limits, MailboxName, Session};
use mail_net::Stream;
use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use support::{quick, session, turn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const GREETING: &[u8] = b"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE LITERAL+] hello\r\n";

/// Compresses so that all of it can be read.
fn compressed(text: &[u8]) -> Vec<u8> {
    let mut deflater = Box::<CompressorOxide>::default();
    deflater.set_format_and_level(DataFormat::Raw, 6);
    let mut out = vec![0; text.len() + 1000];
    let done = deflate(&mut deflater, text, &mut out, MZFlush::Sync);
    assert_eq!(done.bytes_consumed, text.len());
    out.truncate(done.bytes_written);
    out
}

/// Greets, says yes to COMPRESS, and says `answer` as it is right behind it, in one piece.
async fn yes(mut io: DuplexStream, answer: Vec<u8>) -> DuplexStream {
    io.write_all(GREETING).await.unwrap();
    let mut line = [0; 21];
    io.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"P1 COMPRESS DEFLATE\r\n");
    let mut all = b"P1 OK begin\r\n".to_vec();
    all.extend(answer);
    io.write_all(&all).await.unwrap();
    io
}

async fn started(
    answer: Vec<u8>,
    limits: Limits,
) -> (Session, tokio::task::JoinHandle<DuplexStream>) {
    let (ours, theirs) = duplex(1 << 20);
    let server = tokio::spawn(yes(theirs, answer));
    let (mut session, _) = Session::start(Stream::from_io(ours), limits, None)
        .await
        .unwrap();
    assert!(session.compress().await.unwrap());
    (session, server)
}

#[tokio::test]
async fn what_stands_right_behind_the_yes_is_compressed_already() {
    let answer = compressed(b"* 7 EXISTS\r\nP2 OK\r\n");
    let (mut session, server) = started(answer.clone(), quick()).await;
    session.noop().await.unwrap();
    assert_eq!(session.take_unsolicited().len(), 1);
    let plain = GREETING.len() + b"P1 OK begin\r\n".len();
    assert_eq!(session.bytes_received(), (plain + answer.len()) as u64);
    assert!(session.is_compressed());
    drop(session);
    // What we said is compressed, and can be read.
    let mut io = server.await.unwrap();
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await.unwrap();
    let mut text = vec![0; 100];
    let mut inflater = InflateState::new_boxed(DataFormat::Raw);
    let done = inflate(&mut inflater, &bytes, &mut text, MZFlush::None);
    assert_eq!(&text[..done.bytes_written], b"P2 NOOP\r\n");
}

#[tokio::test]
async fn a_bomb_meets_the_same_limits_as_plain_text() {
    let line = [b"* OK ".as_slice(), &vec![b'x'; 50 << 20]].concat();
    let (mut session, _server) = started(compressed(&line), quick()).await;
    let error = session.noop().await.unwrap_err();
    assert!(matches!(error, ImapError::Limit { .. }), "{error}");
    let literal = b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n";
    let (mut session, _server) = started(compressed(literal), quick()).await;
    let error = session.noop().await.unwrap_err();
    assert!(matches!(error, ImapError::Limit { .. }), "{error}");
    // A literal that is allowed and not wanted is thrown away as it comes.
    let zeros = vec![0; 100 << 20];
    let text = [b"* X {104857600}\r\n".as_slice(), &zeros, b"\r\nP2 OK\r\n"].concat();
    let (mut session, _server) = started(compressed(&text), quick()).await;
    session.noop().await.unwrap();
}

#[tokio::test]
async fn plain_text_and_damage_behind_the_yes_end_the_session() {
    for answer in [
        &b"P2 OK this is plain text\r\n"[..],
        b"\x07\x00\x00",
        b"\xff\xff\xff\xff",
    ] {
        let (mut session, _server) = started(answer.to_vec(), quick()).await;
        let error = session.noop().await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        assert!(session.noop().await.is_err());
    }
}

#[tokio::test]
async fn an_end_of_the_compressed_stream_is_the_end_of_the_session() {
    let mut answer = compressed(b"P2 OK\r\n");
    // A last block, of nothing.
    answer.extend([1, 0, 0, 0xff, 0xff]);
    let (mut session, _server) = started(answer, quick()).await;
    session.noop().await.unwrap();
    assert!(matches!(session.noop().await, Err(ImapError::Closed)));
}

#[tokio::test]
async fn a_refusal_leaves_the_conversation_as_it_is() {
    let turns = vec![
        turn("COMPRESS", "$T NO [COMPRESSIONACTIVE] TLS does it\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut refused, _server) = session("COMPRESS=DEFLATE", turns).await;
    assert!(!refused.compress().await.unwrap() && !refused.is_compressed());
    refused.noop().await.unwrap();
    let (mut without, server) = session("", Vec::new()).await;
    assert!(!without.compress().await.unwrap());
    drop(without);
    assert!(server.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_on_its_way_up_is_compressed_in_pieces() {
    let (ours, theirs) = duplex(1 << 20);
    let text = "The same line again and again, as in mail.\r\n".repeat(20_000);
    let wanted = text.clone();
    let server = tokio::spawn(async move {
        let mut io = yes(theirs, Vec::new()).await;
        let mut inflater = InflateState::new_boxed(DataFormat::Raw);
        let (mut plain, mut taken) = (Vec::new(), 0);
        let mut asked = false;
        loop {
            let mut bytes = vec![0; 4096];
            let count = io.read(&mut bytes).await.unwrap();
            taken += count;
            let mut at = 0;
            loop {
                let mut out = vec![0; 8192];
                let done = inflate(&mut inflater, &bytes[at..count], &mut out, MZFlush::None);
                at += done.bytes_consumed;
                plain.extend_from_slice(&out[..done.bytes_written]);
                if done.bytes_written == 0 && done.bytes_consumed == 0 {
                    break;
                }
            }
            // It is larger than what is sent unasked.
            if !asked && plain.ends_with(b"}\r\n") {
                asked = true;
                io.write_all(&compressed(b"+ go\r\n")).await.unwrap();
            }
            if plain.len() > wanted.len() && plain.ends_with(b"\r\n\r\n") {
                let body = plain.len() - 2 - wanted.len();
                assert!(plain[body..plain.len() - 2] == *wanted.as_bytes());
                io.write_all(&compressed(b"P2 OK [APPENDUID 1 2] done\r\n"))
                    .await
                    .unwrap();
                return taken;
            }
        }
    });
    let (mut session, _) = Session::start(Stream::from_io(ours), quick(), None)
        .await
        .unwrap();
    assert!(session.compress().await.unwrap());
    let uid = session
        .append(
            &MailboxName::inbox(),
            &[],
            None,
            text.len() as u64,
            text.as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(uid.unwrap().uid, 2);
    assert!(server.await.unwrap() < text.len() / 10);
}
