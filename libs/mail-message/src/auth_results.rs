//! What the receiving server found out about the sender (RFC 8601).
//!
//! Only the topmost `Authentication-Results` is read: servers prepend, so it is the one that the
//! user's own server wrote; those below may be forged by the sender.

use crate::clean;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Results by method: "pass", "fail", "softfail", "none"...; null where not stated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthResults {
    /// RFC 7208.
    pub spf: Option<String>,
    /// RFC 6376. "pass" where at least one signature passed.
    pub dkim: Option<String>,
    /// RFC 7489.
    pub dmarc: Option<String>,
    /// The server that says so (authserv-id).
    pub server: Option<String>,
}

const MAX_VALUE: usize = 16 * 1024;
const MAX_WORD: usize = 64;

/// Parses the value of the header; folding and comments are fine.
#[must_use]
pub fn parse(value: &[u8]) -> AuthResults {
    let text = String::from_utf8_lossy(crate::header::cap(value, MAX_VALUE));
    let text = without_comments(&text);
    let mut pieces = text.split(';');
    let mut results = AuthResults {
        server: pieces
            .next()
            .and_then(|s| s.split_whitespace().next())
            .filter(|s| !s.contains('='))
            .map(|s| clean::line(s, 255))
            .filter(|s| !s.is_empty()),
        ..AuthResults::default()
    };
    // A server that leaves its name out starts with a result.
    let first = if results.server.is_none() { 0 } else { 1 };
    for piece in text.split(';').skip(first) {
        let Some((method, rest)) = piece.split_once('=') else {
            continue;
        };
        let method = method.trim().split('/').next().unwrap_or_default().trim();
        let word: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(MAX_WORD)
            .collect::<String>()
            .to_ascii_lowercase();
        if word.is_empty() {
            continue;
        }
        if method.eq_ignore_ascii_case("spf") {
            results.spf.get_or_insert(word);
        } else if method.eq_ignore_ascii_case("dmarc") {
            results.dmarc.get_or_insert(word);
        } else if method.eq_ignore_ascii_case("dkim") && (results.dkim.is_none() || word == "pass")
        {
            results.dkim = Some(word);
        }
    }
    results
}

/// Comments and quoted strings could hide a semicolon or a false "spf=pass".
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for c in text.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => depth -= 1,
            _ if depth == 0 && !quoted => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_comments_cannot_forge_them() {
        let table = [
            (
                "mx.example.com; spf=pass smtp.mailfrom=a@b.c; dkim=fail header.d=x; dkim=pass header.d=b.c;\r\n dmarc=pass (p=NONE; spf=fail) header.from=b.c",
                (
                    Some("pass"),
                    Some("pass"),
                    Some("pass"),
                    Some("mx.example.com"),
                ),
            ),
            (
                "mx.example.com 1; none",
                (None, None, None, Some("mx.example.com")),
            ),
            (
                "spf=softfail smtp.mailfrom=x",
                (Some("softfail"), None, None, None),
            ),
            (
                "mx; spf=fail reason=\"; spf=pass\"",
                (Some("fail"), None, None, Some("mx")),
            ),
            (
                "mx (; spf=pass) ; SPF = neutral",
                (Some("neutral"), None, None, Some("mx")),
            ),
            ("", (None, None, None, None)),
        ];
        for (given, (spf, dkim, dmarc, server)) in table {
            let got = parse(given.as_bytes());
            assert_eq!(
                (
                    got.spf.as_deref(),
                    got.dkim.as_deref(),
                    got.dmarc.as_deref(),
                    got.server.as_deref()
                ),
                (spf, dkim, dmarc, server),
                "{given}"
            );
        }
    }
}
