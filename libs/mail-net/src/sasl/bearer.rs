//! The messages of OAUTHBEARER (RFC 7628) and XOAUTH2.

/// An error challenge longer than this is cut.
const MAX_ERROR: usize = 2000;

/// `user=..^Aauth=Bearer ..^A^A`
pub(super) fn xoauth2(user: &str, token: &[u8]) -> Vec<u8> {
    let mut message = format!("user={}\x01auth=Bearer ", field(user)).into_bytes();
    push_token(&mut message, token);
    message
}

/// RFC 7628 section 3.1: a GS2 header, then key-value pairs.
pub(super) fn oauthbearer(user: &str, token: &[u8], host: &str, port: u16) -> Vec<u8> {
    let name = field(user).replace('=', "=3D").replace(',', "=2C");
    let host = field(host);
    let mut message =
        format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer ").into_bytes();
    push_token(&mut message, token);
    message
}

fn push_token(message: &mut Vec<u8>, token: &[u8]) {
    message.extend(token.iter().filter(|byte| byte.is_ascii_graphic()));
    message.extend_from_slice(b"\x01\x01");
}

/// ^A separates the fields, so no value may hold it.
fn field(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The server's error, as text fit to be shown.
pub(super) fn error_text(challenge: &[u8]) -> String {
    String::from_utf8_lossy(challenge)
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_ERROR)
        .collect()
}
