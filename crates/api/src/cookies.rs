//! The session cookie.

use crate::state::ApiState;
use axum::http::{HeaderMap, HeaderValue, header};

/// The name behind https: such a cookie can only be set by this host, over TLS, for all paths.
const SECURE_NAME: &str = "__Host-postroom_session";
/// The name without TLS (loopback).
const PLAIN_NAME: &str = "postroom_session";

fn name(state: &ApiState) -> &'static str {
    if state.secure_cookies {
        SECURE_NAME
    } else {
        PLAIN_NAME
    }
}

/// The session's secret, if the request has one.
pub(crate) fn session(state: &ApiState, headers: &HeaderMap) -> Option<String> {
    let wanted = name(state);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, secret)| secret.to_owned())
}

/// The header that sets the cookie; with an empty secret, that takes it away.
pub(crate) fn set(state: &ApiState, secret: &str) -> Option<HeaderValue> {
    let secure = if state.secure_cookies { "; Secure" } else { "" };
    let life = match secret {
        "" => 0,
        _ => store::access::SESSION_MILLIS / 1000,
    };
    let text = format!(
        "{}={secret}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}",
        name(state)
    );
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
