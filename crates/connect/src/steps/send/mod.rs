//! Step 10: a small message to a named address, and the wait for it. It leaves no trace: the message is removed again, and
//! nothing else is touched.

mod imap;
mod pop3;

use super::limit;
use crate::open::{Conversation, Opening};
use crate::recognise::{self, Failure, Peer};
use crate::report::{Good, remedy};
use crate::test_message::TestMessage;
use model::Secret;
use model::mailbox::{Auth, SentCopyFiler};
use model::report::{DetailName, StepCode};
use smtp_client::{DataResult, Envelope};
use std::time::Duration;
use tokio::time::Instant;

/// How long the message may take to come back.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Time kept at the end to clean up and to finish the report.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// Kept to tell of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// `secret` is the one for reading: a POP3 mailbox is opened again to look for the message.
pub(crate) async fn run(
    opening: &mut Opening<'_>,
    reading: Option<&mut Opening<'_>>,
    secret: Option<&Secret>,
    message: &TestMessage,
    until: Instant,
) -> Result<Good, Failure> {
    let peer = opening.peer;
    let mut reading = reading.filter(|_| message.comes_back());
    let mut before = None;
    if let Some(reading) = &mut reading {
        before = pop3::ids_before(reading).await;
    }
    let began = Instant::now();
    if let Some(warning) = hand_over(opening, message, &peer).await? {
        return Ok(warning);
    }
    let sent = format!("sent a test message to {}", message.to);
    let last_look = (began + ARRIVAL).min(until - AFTERWARDS);
    let end = until.min(began + limit(StepCode::Send, 1)) - LAST_WORDS;
    let Some(reading) = reading else {
        return Ok(Good::did(format!("{sent}; {} took it", peer.host)));
    };
    reading.happened(&format!(
        "looking for it at {} ({})",
        reading.peer.host,
        reading.peer.spoken.name()
    ));
    let found = match (&mut reading.conversation, before) {
        (Some(Conversation::Imap(talk)), _) => {
            imap::look_for(talk, message, &peer, last_look, end).await
        }
        (_, Some(before)) => {
            pop3::look_for(reading, secret, message, &before, last_look, end).await
        }
        _ => {
            return Ok(Good::did(format!(
                "{sent}; {} took it; whether it came back was not looked for: the POP3 server shows no headers alone, or wants a pause between two sign-ins",
                peer.host
            )));
        }
    };
    match found {
        Ok(Some(arrived)) => Ok(arrived.words(&sent, began)),
        Ok(None) => {
            let failure = peer.failure("test_not_arrived", &[], None);
            Ok(Good::did(sent).but_failure(failure))
        }
        // Sending worked; that receiving broke meanwhile is another matter.
        Err(failure) => Ok(Good::did(sent).but_failure(failure)),
    }
}

/// The message as it came back.
struct Arrived {
    /// As people read it.
    folder: String,
    at: Instant,
    junk: bool,
    /// What the receiving server found out about the sender.
    sender: Vec<String>,
    /// Who puts a copy into the folder for sent mail, in words.
    copy: String,
    /// The server was seen to do that.
    copied_by_server: bool,
    /// The message could not be removed.
    left: bool,
    /// It was not to be removed: the mailbox may only be read.
    read_only: bool,
}

impl Arrived {
    fn new() -> Self {
        Self {
            folder: "INBOX".to_owned(),
            at: Instant::now(),
            junk: false,
            sender: Vec::new(),
            copy: String::new(),
            copied_by_server: false,
            left: true,
            read_only: false,
        }
    }

    fn words(self, sent: &str, began: Instant) -> Good {
        let ms = self.at.duration_since(began).as_millis();
        let good = Good::did(format!(
            "{sent}; it came back in {}{}{}{}",
            how_long(ms),
            in_words(&self.sender),
            self.copy,
            match (self.left, self.read_only) {
                (_, true) => "; the test message stays there: the mailbox may only be read",
                (true, false) => "; the test message could not be removed",
                (false, false) => "",
            },
        ))
        .with(DetailName::Authentication, self.sender)
        .with(DetailName::ArrivedIn, [self.folder])
        .with(
            DetailName::SentCopyBy,
            self.copied_by_server
                .then(|| SentCopyFiler::Server.as_str().to_owned()),
        );
        if !self.junk {
            return good;
        }
        let act = remedy(
            "Mark such a message as no spam in another mail program.",
            "none",
        );
        good.but("The test message arrived in Spam.", Some(act))
    }
}

/// Gives the message to the server. What it only puts off is a warning.
async fn hand_over(
    opening: &mut Opening<'_>,
    message: &TestMessage,
    peer: &Peer<'_>,
) -> Result<Option<Good>, Failure> {
    let signed_in = peer.auth != Auth::None;
    let Some(Conversation::Smtp(session)) = &mut opening.conversation else {
        return Err(peer.failure("internal_error", &[], None));
    };
    let envelope = Envelope {
        from: message.from.clone(),
        to: vec![message.to.clone()],
        size: message.raw.len() as u64,
        ..Envelope::default()
    };
    let outcome = session.send(&envelope, message.raw.as_bytes()).await;
    let outcome = outcome.map_err(|error| {
        let failure = recognise::smtp(&error, peer).at(StepCode::Send);
        with_facts(failure, message, peer, signed_in)
    })?;
    let refused = outcome
        .recipients
        .iter()
        .find(|recipient| !recipient.accepted);
    let offered = || Good::did(format!("offered a test message for {}", message.to));
    if let Some(refused) = refused {
        let failure = recognise::smtp_recipient(&refused.address, &refused.reply, peer);
        return match failure.id() {
            "smtp_recipient_deferred" | "smtp_greylisted" => Ok(Some(later(offered(), failure))),
            _ => Err(with_facts(failure, message, peer, signed_in)),
        };
    }
    match outcome.data {
        DataResult::Accepted(_) => Ok(None),
        DataResult::Refused(reply) => Err(recognise::smtp_data(&reply, peer)),
        DataResult::Unknown { what } => Ok(Some(
            offered().but_failure(
                peer.failure("smtp_unclear", &[], Some(&what))
                    .at(StepCode::Send),
            ),
        )),
        DataResult::NotSent => Err(peer.failure("internal_error", &[], None)),
    }
}

/// A test is offered once; a real message would be offered again.
fn later(offered: Good, failure: Failure) -> Good {
    let mut good = offered.but_failure(failure);
    if let Some(means) = &mut good.means {
        means.push_str(" Such a message is accepted later, when it is offered again.");
    }
    good.remedy = Some(remedy(
        "Test again in some minutes; nothing in the settings stands in the way.",
        "try_again",
    ));
    good
}

/// Names the addresses in what is about the sender, and tells a refusal to pass mail on from a refused sign-in: who is signed
/// in already needs no password.
fn with_facts(
    failure: Failure,
    message: &TestMessage,
    peer: &Peer<'_>,
    signed_in: bool,
) -> Failure {
    let said = failure.problem.server_said.clone();
    let said = said.as_deref();
    match (failure.kind(), signed_in) {
        ("smtp_sender_refused", _) => {
            peer.failure("smtp_sender_refused", &[("address", &message.from)], said)
        }
        ("smtp_relay_refused" | "smtp_auth_required", true) => {
            let facts = [("address", message.to.as_str())];
            peer.failure("smtp_relay_refused", &facts, said)
        }
        ("smtp_relay_refused", false) => peer.failure("smtp_auth_required", &[], said),
        _ => failure,
    }
    .at(StepCode::Send)
}

/// "SPF pass" and so on, from the topmost Authentication-Results: that one is the receiving server's own.
fn header_results(header: &[u8]) -> Vec<String> {
    let Some(found) = mail_message::read(header).auth_results else {
        return Vec::new();
    };
    [
        ("SPF", found.spf),
        ("DKIM", found.dkim),
        ("DMARC", found.dmarc),
    ]
    .into_iter()
    .filter_map(|(name, result)| Some(format!("{name} {}", result?)))
    .collect()
}

/// "; SPF, DKIM, DMARC pass", or one by one where they differ.
fn in_words(results: &[String]) -> String {
    let split = || results.iter().filter_map(|result| result.split_once(' '));
    let mut values: Vec<&str> = split().map(|(_, value)| value).collect();
    values.dedup();
    match values.as_slice() {
        [] => String::new(),
        [value] => {
            let names: Vec<&str> = split().map(|(name, _)| name).collect();
            format!("; {} {value}", names.join(", "))
        }
        _ => format!("; {}", results.join(", ")),
    }
}

/// "312 ms", "6 s".
fn how_long(ms: u128) -> String {
    if ms < 1_000 {
        format!("{ms} ms")
    } else {
        format!("{} s", (ms + 500) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_about_the_sender_is_told() {
        let header =
            b"Authentication-Results: mx.example; spf=pass; dkim=fail\r\nFrom: a@b\r\n\r\n";
        assert_eq!(in_words(&header_results(header)), "; SPF pass, DKIM fail");
        let all = b"Authentication-Results: mx.example; spf=pass; dkim=pass; dmarc=pass\r\n\r\n";
        assert_eq!(in_words(&header_results(all)), "; SPF, DKIM, DMARC pass");
        assert_eq!(in_words(&header_results(b"From: a@b\r\n\r\n")), "");
        // A sender cannot speak for the receiving server: what it wrote stands below.
        let forged = b"Authentication-Results: mx.example; spf=fail\r\nAuthentication-Results: mx.example; spf=pass\r\n\r\n";
        assert_eq!(in_words(&header_results(forged)), "; SPF fail");
    }

    #[test]
    fn long_waits_are_told_in_seconds() {
        assert_eq!(
            (how_long(312), how_long(6_240)),
            ("312 ms".to_owned(), "6 s".to_owned())
        );
    }
}
