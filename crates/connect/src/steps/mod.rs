//! The ten steps, one file each. The first six are the same for receiving and for sending (inside step 9).

pub(crate) mod capabilities;
pub(crate) mod dns;
pub(crate) mod folders;
pub(crate) mod greeting;
pub(crate) mod login;
pub(crate) mod plan;
pub(crate) mod read;
pub(crate) mod send;
pub(crate) mod smtp;
pub(crate) mod tcp;
pub(crate) mod tls;

use crate::open::Opening;
use crate::recognise::{Failure, Peer, Spoken};
use crate::report::Good;
use model::mailbox::{Auth, Security};
use model::report::StepCode;
use model::{Clock, Secret};
use std::time::Duration;

/// The six network steps, in order.
pub(crate) const NETWORK: [StepCode; 6] = [
    StepCode::Dns,
    StepCode::Tcp,
    StepCode::Tls,
    StepCode::Greeting,
    StepCode::Capabilities,
    StepCode::Login,
];

/// What to sign in with.
#[derive(Clone, Copy)]
pub(crate) struct SignIn<'a> {
    /// The password or token.
    pub(crate) secret: Option<&'a Secret>,
    /// The user names to try, at least one.
    pub(crate) names: &'a [String],
    /// The mail address: its domain tells the provider where a host is wrong.
    pub(crate) address: &'a str,
}

/// One of the six network steps.
pub(crate) async fn network<'a>(
    code: StepCode,
    opening: &mut Opening<'a>,
    sign_in: SignIn<'a>,
    clock: &Clock,
) -> Result<Good, Failure> {
    match code {
        StepCode::Dns => dns::run(opening, sign_in.address).await,
        StepCode::Tcp => tcp::run(opening).await,
        StepCode::Tls => tls::run(opening, clock.now()).await,
        StepCode::Greeting => greeting::run(opening).await,
        StepCode::Capabilities => capabilities::run(opening, sign_in.secret).await,
        _ => login::run(opening, sign_in.secret, sign_in.names).await,
    }
}

/// How long a step may take at most. `tries` is how often step 6 may sign in: servers answer a refusal late.
pub(crate) fn limit(code: StepCode, tries: usize) -> Duration {
    Duration::from_secs(match code {
        StepCode::Login if tries > 1 => 24,
        StepCode::Dns | StepCode::Capabilities => 6,
        // The longest wait of a report: a test message on its way.
        StepCode::Send => 40,
        StepCode::Smtp => 45,
        _ => 10,
    })
}

/// What is being done, one line, for a step that runs or that failed.
pub(crate) fn doing(code: StepCode, opening: &Opening<'_>) -> String {
    let peer = &opening.peer;
    let Peer { host, port, .. } = peer;
    match code {
        StepCode::Dns => match opening.name_servers().as_slice() {
            [] => format!("look up {host}"),
            servers => format!("look up {host}, asking {}", servers.join(", ")),
        },
        StepCode::Tcp => format!("connect to {host} on port {port}"),
        StepCode::Tls => match peer.security {
            Security::Tls => format!("encrypt the connection to port {port} (TLS)"),
            Security::Starttls => format!("ask for encryption on port {port} (STARTTLS)"),
            Security::None => "go on without encryption, as set".to_owned(),
        },
        StepCode::Greeting => format!("wait for the first line of {host}"),
        StepCode::Capabilities => format!("ask {host} what it can do"),
        StepCode::Login if peer.auth == Auth::Oauth2 => {
            format!("sign in to {host} as {} with a token", peer.username)
        }
        StepCode::Login => format!("sign in to {host} as {}", peer.username),
        StepCode::Folders if peer.spoken == Spoken::Pop3 => {
            "list the messages with their lasting numbers (UIDL)".to_owned()
        }
        StepCode::Folders => "list the folders".to_owned(),
        StepCode::Read => {
            "open the folder and read the newest header, leaving it unread".to_owned()
        }
        StepCode::Smtp => format!("prepare sending through {host} on port {port}"),
        StepCode::Send => format!("send a test message through {host}"),
    }
}

/// A step that did not end in its time.
pub(crate) fn timed_out(code: StepCode, peer: &Peer<'_>) -> Failure {
    let what = match code {
        StepCode::Dns => return peer.failure("dns_failed", &[], None),
        StepCode::Tcp => return peer.failure("connection_timed_out", &[], None),
        StepCode::Tls => "the beginning of encryption",
        StepCode::Greeting => "its first line",
        StepCode::Capabilities => "the list of what it can do",
        StepCode::Login => "an answer to the sign-in",
        StepCode::Folders => "the list of folders",
        StepCode::Read => "the newest header",
        StepCode::Smtp | StepCode::Send => "an answer about the test message",
    };
    peer.failure("timed_out", &[("what", what)], None).at(code)
}

/// "1 message", "12 messages".
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(1, "message", "messages"), "1 message");
        assert_eq!(count(1204, "message", "messages"), "1,204 messages");
        assert_eq!(
            count(1_000_000, "message", "messages"),
            "1,000,000 messages"
        );
    }
}
