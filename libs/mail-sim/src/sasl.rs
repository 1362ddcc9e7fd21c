//! What clients say in a SASL exchange, for all simulators. Nothing is proven here: a password is compared, a token too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The mechanisms that can be read.
pub(crate) const KNOWN: &[&str] = &["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"];
/// A signature of thirty-two zero bytes.
pub(crate) const FORGED_PROOF: &str = "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What a client said to prove itself.
pub(crate) struct Said {
    pub user: String,
    pub secret: String,
    pub is_token: bool,
    /// As it came.
    pub raw: String,
}

/// The server's questions in turn, in base64.
pub(crate) fn challenges(mechanism: &str) -> &'static [&'static str] {
    match mechanism {
        // "Username:" and "Password:"
        "LOGIN" => &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
        // "<1@x>". No answer is right: many servers offer what they keep no passwords for.
        "CRAM-MD5" => &["PDFAeD4="],
        _ => &[""],
    }
}

/// The client's answers to those questions, read.
pub(crate) fn read(mechanism: &str, answers: &[String]) -> Said {
    let decoded: Vec<String> = answers.iter().map(|answer| decode(answer)).collect();
    let first = decoded.first().map_or("", String::as_str);
    let raw = answers.join(" ");
    let (user, secret, is_token) = match mechanism {
        "LOGIN" => (first, decoded.get(1).map_or("", String::as_str), false),
        "PLAIN" => {
            let mut parts = first.split('\0').skip(1);
            let user = parts.next().unwrap_or_default();
            (user, parts.next().unwrap_or_default(), false)
        }
        _ => {
            let token = first
                .split_once("auth=Bearer ")
                .map_or("", |(_, rest)| rest);
            let token = token.split('\u{1}').next().unwrap_or_default();
            // XOAUTH2 "user=ann\x01", OAUTHBEARER "n,a=ann,\x01"
            let user = first.trim_start_matches("n,a=").trim_start_matches("user=");
            let user = user.split([',', '\u{1}']).next().unwrap_or_default();
            (user, token, true)
        }
    };
    Said {
        user: user.to_owned(),
        secret: secret.to_owned(),
        is_token,
        raw,
    }
}

/// The server's first SCRAM message to a client's first one (RFC 5802 section 5).
pub(crate) fn scram_first(client_first: &str) -> String {
    let first = decode(client_first);
    let nonce = first.split_once("r=").map_or("", |(_, nonce)| nonce);
    format!("r={nonce}mailsim,s=c2FsdHNhbHRzYWx0,i=4096")
}

/// In base64.
pub(crate) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// From base64; nothing where it is none.
pub(crate) fn decode(coded: &str) -> String {
    String::from_utf8_lossy(&STANDARD.decode(coded).unwrap_or_default()).into_owned()
}
