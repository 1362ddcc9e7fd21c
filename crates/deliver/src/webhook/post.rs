//! One post: signed, bounded in time and size, without redirects and without a proxy.

use super::{guard, signature};
use crate::StartError;
use mail_net::Net;
use model::{Secret, Timestamp};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::time::Duration;
use store::deliveries::Claimed;

/// How long an endpoint may take, from the connection to the end of its answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// How much of an answer's body is read, only so that the connection can be used again. What is in
/// it is never looked at: it could be the answer of something that is not meant for the webhook's owner.
const ANSWER_BYTES: usize = 16 * 1024;
/// Idle connections to one host that are kept.
const IDLE_CONNECTIONS: usize = 2;
/// How long they are kept.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Status {
        /// The status.
        code: u16,
        /// `Retry-After`, where it is a number of seconds.
        retry_after: Option<i64>,
    },
    /// No answer.
    None {
        /// Why, in words for people.
        why: String,
    },
}

/// Posts deliveries.
#[derive(Clone)]
pub(super) struct Poster {
    client: Client,
    net: Net,
}

impl Poster {
    /// With the trust and the address policy of `net`.
    pub(super) fn new(net: &Net) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Http(error.to_string());
        let client = mail_net::http::client_builder(net)
            .map_err(|e| failed(&e))?
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIME)
            .user_agent(concat!("Postroom/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| failed(&e))?;
        Ok(Self {
            client,
            net: net.clone(),
        })
    }

    /// Posts a delivery once.
    pub(super) async fn post(&self, claimed: &Claimed, secret: &Secret, now: Timestamp) -> Answer {
        let url = match guard::check(&self.net, &claimed.url) {
            Ok(url) => url,
            Err(why) => return Answer::None { why },
        };
        let seconds = now.seconds();
        let Some(signature) = signature::sign(secret, &claimed.event_id, seconds, &claimed.body)
        else {
            let why =
                "The webhook's signing secret cannot be used: make the webhook anew.".to_owned();
            return Answer::None { why };
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &claimed.event_id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(claimed.body.clone());
        match request.send().await {
            Ok(response) => {
                let retry_after = response
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.trim().parse().ok());
                let code = response.status().as_u16();
                drain(response).await;
                Answer::Status { code, retry_after }
            }
            Err(error) => Answer::None {
                why: in_words(&error),
            },
        }
    }
}

/// Reads a short answer to its end and lets a long one go: the status is all that counts, and it is here.
async fn drain(mut response: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        read += piece.len();
        if read > ANSWER_BYTES {
            return;
        }
    }
}

fn in_words(error: &reqwest::Error) -> String {
    if mail_net::http::is_blocked(error) {
        return guard::blocked().to_owned();
    }
    if error.is_timeout() {
        return format!(
            "The endpoint did not answer within {} seconds.",
            TIMEOUT.as_secs()
        );
    }
    let deepest = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() {
        format!("No connection to the endpoint: {deepest}.")
    } else {
        format!("The endpoint broke off before it answered: {deepest}.")
    }
}
