//! The server's side of COMPRESS=DEFLATE (RFC 4978): a task between the socket and the session.

use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};

use crate::net::Socket;

/// Read and written at once, in bytes.
const PIECE: usize = 16 * 1024;
/// As zlib has it.
const LEVEL: u8 = 6;

/// The plain side of a socket that speaks DEFLATE from here on; `ahead` was read from it already.
pub(crate) fn start(socket: Box<dyn Socket>, ahead: Vec<u8>) -> DuplexStream {
    let (ours, theirs) = duplex(PIECE);
    let (mut from_client, mut to_client) = split(socket);
    let (mut from_session, mut to_session) = split(theirs);
    tokio::spawn(async move {
        let mut inflater = InflateState::new_boxed(DataFormat::Raw);
        let mut input = ahead;
        loop {
            let plain = inflated(&mut inflater, &input);
            if to_session.write_all(&plain).await.is_err() {
                break;
            }
            input.resize(PIECE, 0);
            match from_client.read(&mut input).await {
                Ok(count) if count > 0 => input.truncate(count),
                _ => break,
            }
        }
        // The session sees the end of its client.
        let _ = to_session.shutdown().await;
    });
    tokio::spawn(async move {
        let mut deflater = Box::<CompressorOxide>::default();
        deflater.set_format_and_level(DataFormat::Raw, LEVEL);
        let mut plain = vec![0; PIECE];
        while let Ok(count) = from_session.read(&mut plain).await {
            if count == 0 {
                break;
            }
            let bytes = deflated(&mut deflater, &plain[..count]);
            if to_client.write_all(&bytes).await.is_err() || to_client.flush().await.is_err() {
                break;
            }
        }
        let _ = to_client.shutdown().await;
    });
    ours
}

fn inflated(inflater: &mut InflateState, mut input: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let done = inflate(inflater, input, &mut piece, MZFlush::None);
        plain.extend_from_slice(&piece[..done.bytes_written]);
        input = &input[done.bytes_consumed..];
        if done.bytes_written == 0 && done.bytes_consumed == 0 {
            return plain;
        }
    }
}

/// All of it, so that the client can read it now.
fn deflated(deflater: &mut CompressorOxide, mut input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut piece = vec![0; PIECE * 2];
    loop {
        let done = deflate(deflater, input, &mut piece, MZFlush::Sync);
        out.extend_from_slice(&piece[..done.bytes_written]);
        input = &input[done.bytes_consumed..];
        if input.is_empty() && done.bytes_written < piece.len() {
            return out;
        }
    }
}
