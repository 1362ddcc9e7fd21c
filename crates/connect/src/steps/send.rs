//! Step 10: a small message to a named address, and the wait for it. It leaves no trace: the message is removed again, and
//! nothing else is touched.

use super::folders;
use crate::open::{Conversation, ImapTalk, Opening};
use crate::recognise::{self, Failure, Peer};
use crate::report::{Good, remedy};
use crate::test_message::TestMessage;
use imap_client::{MailboxName, MetaItems, Mode, StoreMode, UidSet};
use model::folder::Role;
use model::report::{DetailName, StepCode};
use smtp_client::{DataResult, Envelope};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How long the message may take to come back.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Time kept at the end to clean up and to finish the report.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// How long the last look may take, and how much is kept to tell of it.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// Pause between two looks; the first looks come fast, for servers that deliver at once.
const LOOKS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

pub(crate) async fn run(
    opening: &mut Opening<'_>,
    reading: Option<&mut Opening<'_>>,
    message: &TestMessage,
    until: Instant,
) -> Result<Good, Failure> {
    let peer = opening.peer;
    let began = Instant::now();
    if let Some(warning) = hand_over(opening, message, &peer).await? {
        return Ok(warning);
    }
    let sent = format!("sent a test message to {}", message.to);
    let talk = match reading.map(|reading| &mut reading.conversation) {
        Some(Some(Conversation::Imap(talk))) if message.comes_back() => talk,
        Some(Some(_)) if message.comes_back() => {
            return Ok(Good::did(format!(
                "{sent}; {} took it, and POP3 shows new mail only to the next session",
                peer.host
            )));
        }
        _ => return Ok(Good::did(format!("{sent}; {} took it", peer.host))),
    };
    let last_look = (began + ARRIVAL).min(until - AFTERWARDS);
    let waiting = wait_for(talk, message, last_look, &peer);
    // A look that never ends says no more than one that finds nothing.
    match timeout_at(last_look + LAST_LOOK, waiting)
        .await
        .unwrap_or(Ok(None))
    {
        Ok(Some(arrival)) => {
            let ms = began.elapsed().as_millis();
            let tidying = async {
                let sender = verified(talk, &arrival).await;
                (sender, tidy_up(talk, &arrival, message).await)
            };
            // It came back: whatever is slow from here on does not make that a failure.
            let (sender, tidied) = timeout_at(until - LAST_LOOK, tidying)
                .await
                .unwrap_or_default();
            let good = Good::did(format!(
                "{sent}; it came back in {}{}{}{}",
                how_long(ms),
                in_words(&sender),
                tidied.copy.words(),
                if tidied.left {
                    "; the test message could not be removed"
                } else {
                    ""
                },
            ))
            .with(DetailName::Authentication, sender)
            .with(DetailName::ArrivedIn, [arrival.folder.decoded()]);
            Ok(if arrival.junk {
                let act = remedy(
                    "Mark such a message as no spam in another mail program.",
                    "none",
                );
                good.but("The test message arrived in Spam.", Some(act))
            } else {
                good
            })
        }
        Ok(None) => {
            let failure = peer.failure("test_not_arrived", &[], None);
            Ok(Good::did(sent).but_failure(failure))
        }
        // Sending worked; that receiving broke meanwhile is another matter.
        Err(failure) => Ok(Good::did(sent).but_failure(failure)),
    }
}

/// Gives the message to the server. A refused recipient says nothing against the settings, so it is a warning.
async fn hand_over(
    opening: &mut Opening<'_>,
    message: &TestMessage,
    peer: &Peer<'_>,
) -> Result<Option<Good>, Failure> {
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
        with_facts(failure, message, peer)
    })?;
    let refused = outcome
        .recipients
        .iter()
        .find(|recipient| !recipient.accepted);
    let offered = || Good::did(format!("offered a test message for {}", message.to));
    if let Some(refused) = refused {
        let failure = recognise::smtp_recipient(&refused.address, &refused.reply, peer);
        return match failure.id() {
            "smtp_recipient_refused" | "smtp_recipient_deferred" | "smtp_greylisted" => {
                Ok(Some(offered().but_failure(failure)))
            }
            _ => Err(with_facts(failure, message, peer)),
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

/// Names the addresses in what is about the sender.
fn with_facts(failure: Failure, message: &TestMessage, peer: &Peer<'_>) -> Failure {
    let said = failure.problem.server_said.clone();
    match failure.id() {
        "smtp_sender_refused" => peer.failure(
            "smtp_sender_refused",
            &[("address", &message.from)],
            said.as_deref(),
        ),
        "smtp_relay_refused" => peer.failure(
            "smtp_relay_refused",
            &[("address", &message.to)],
            said.as_deref(),
        ),
        _ => failure,
    }
    .at(StepCode::Send)
}

/// Where the message was found.
struct Arrival {
    folder: MailboxName,
    uids: UidSet,
    junk: bool,
    sent: Option<MailboxName>,
    trash: Option<MailboxName>,
}

/// Looks into INBOX until the message is there, and now and then into the folder for spam.
async fn wait_for(
    talk: &mut ImapTalk,
    message: &TestMessage,
    until: Instant,
    peer: &Peer<'_>,
) -> Result<Option<Arrival>, Failure> {
    let listing = folders::list(talk, peer).await?;
    let named = |role| listing.with_role(role).map(|folder| folder.name.clone());
    let (junk, sent, trash) = (named(Role::Junk), named(Role::Sent), named(Role::Trash));
    let inbox = MailboxName::inbox();
    let broken = |error| recognise::imap(&error, peer);
    let mut look = 0;
    loop {
        let last = Instant::now() >= until;
        let uids = find(talk, &inbox, message).await.map_err(broken)?;
        if !uids.is_empty() {
            return Ok(Some(Arrival {
                folder: inbox,
                uids,
                junk: false,
                sent,
                trash,
            }));
        }
        if let Some(junk) = junk.as_ref().filter(|_| last || look % 4 == 3) {
            let uids = find(talk, junk, message).await.map_err(broken)?;
            if !uids.is_empty() {
                return Ok(Some(Arrival {
                    folder: junk.clone(),
                    uids,
                    junk: true,
                    sent,
                    trash,
                }));
            }
        }
        if last {
            return Ok(None);
        }
        sleep(LOOKS[look.min(LOOKS.len() - 1)]).await;
        look += 1;
    }
}

/// EXAMINE each time: it is what makes every server look again.
async fn find(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    message: &TestMessage,
) -> Result<UidSet, imap_client::ImapError> {
    talk.session.select(folder, Mode::Examine, None).await?;
    search(talk, message).await
}

async fn search(
    talk: &mut ImapTalk,
    message: &TestMessage,
) -> Result<UidSet, imap_client::ImapError> {
    match imap_client::quoted(&message.message_id) {
        Some(id) => {
            talk.session
                .uid_search(&format!("HEADER Message-ID {id}"))
                .await
        }
        None => Ok(UidSet::new()),
    }
}

/// What the receiving server found out about the sender; nothing where it does not say.
async fn verified(talk: &mut ImapTalk, arrival: &Arrival) -> Vec<String> {
    let items = MetaItems {
        header: true,
        ..MetaItems::default()
    };
    let read = talk
        .session
        .fetch_meta(&arrival.uids, &items, None, false)
        .await;
    let header = read
        .ok()
        .and_then(|read| read.messages.into_iter().find_map(|message| message.header));
    header.map_or_else(Vec::new, |header| results(&header))
}

/// "SPF pass" and so on, from the topmost Authentication-Results: that one is the receiving server's own.
fn results(header: &[u8]) -> Vec<String> {
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

/// What became of the message afterwards.
#[derive(Default)]
struct Tidied {
    copy: Copy,
    /// It is still there: the server has no command that removes one message and no other.
    left: bool,
}

/// Who puts a copy of what is sent into the folder for sent mail.
#[derive(Clone, Copy, Default)]
enum Copy {
    /// The server did.
    Server,
    /// The server did not, as far as was seen.
    Nobody,
    /// There is no such folder, or the message arrived in it.
    #[default]
    Unknown,
}

impl Copy {
    const fn words(self) -> &'static str {
        match self {
            Self::Server => "; the server filed the Sent copy",
            Self::Nobody => "; the server files no Sent copy: Postroom adds it",
            Self::Unknown => "",
        }
    }
}

/// Removes the test message where it arrived and where the server filed a copy. Only with UIDPLUS, which removes these UIDs
/// and no others; whatever fails here leaves a small message behind and no more, which the import knows by its header.
async fn tidy_up(talk: &mut ImapTalk, arrival: &Arrival, message: &TestMessage) -> Tidied {
    let can_remove = talk.session.supports("UIDPLUS");
    let mut tidied = Tidied {
        left: !can_remove,
        ..Tidied::default()
    };
    let sent = arrival.sent.as_ref();
    if let Some(sent) = sent.filter(|sent| **sent != arrival.folder) {
        let copies = find(talk, sent, message).await.unwrap_or_default();
        tidied.copy = if copies.is_empty() {
            Copy::Nobody
        } else {
            Copy::Server
        };
        if can_remove && !copies.is_empty() {
            tidied.left |= take_away(talk, sent, &copies, arrival, message)
                .await
                .is_err();
        }
    }
    if can_remove {
        // Where folders are labels, the copy was this very message, and it is gone already.
        let uids = find(talk, &arrival.folder, message)
            .await
            .unwrap_or_default();
        if !uids.is_empty() {
            let gone = take_away(talk, &arrival.folder, &uids, arrival, message).await;
            tidied.left |= gone.is_err();
        }
    }
    tidied
}

/// Where folders are labels (Gmail), expunging takes only the label off: the way to remove a message leads through the trash.
async fn take_away(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    uids: &UidSet,
    arrival: &Arrival,
    message: &TestMessage,
) -> Result<(), imap_client::ImapError> {
    let trash = arrival.trash.as_ref().filter(|trash| *trash != folder);
    let Some(trash) = trash.filter(|_| talk.session.supports("X-GM-EXT-1")) else {
        return remove_from(talk, folder, uids).await;
    };
    talk.session.select(folder, Mode::ReadWrite, None).await?;
    talk.session.uid_move(uids, trash).await?;
    let moved = find(talk, trash, message).await?;
    if moved.is_empty() {
        return Ok(());
    }
    remove_from(talk, trash, &moved).await
}

async fn remove_from(
    talk: &mut ImapTalk,
    folder: &MailboxName,
    uids: &UidSet,
) -> Result<(), imap_client::ImapError> {
    talk.session.select(folder, Mode::ReadWrite, None).await?;
    talk.session
        .uid_store(uids, StoreMode::Add, &["\\Deleted"], None)
        .await?;
    talk.session.uid_expunge(uids).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_about_the_sender_is_told() {
        let header =
            b"Authentication-Results: mx.example; spf=pass; dkim=fail\r\nFrom: a@b\r\n\r\n";
        assert_eq!(in_words(&results(header)), "; SPF pass, DKIM fail");
        let all = b"Authentication-Results: mx.example; spf=pass; dkim=pass; dmarc=pass\r\n\r\n";
        assert_eq!(in_words(&results(all)), "; SPF, DKIM, DMARC pass");
        assert_eq!(in_words(&results(b"From: a@b\r\n\r\n")), "");
        // A sender cannot speak for the receiving server: what it wrote stands below.
        let forged = b"Authentication-Results: mx.example; spf=fail\r\nAuthentication-Results: mx.example; spf=pass\r\n\r\n";
        assert_eq!(in_words(&results(forged)), "; SPF fail");
    }

    #[test]
    fn long_waits_are_told_in_seconds() {
        assert_eq!(
            (how_long(312), how_long(6_240)),
            ("312 ms".to_owned(), "6 s".to_owned())
        );
    }
}
