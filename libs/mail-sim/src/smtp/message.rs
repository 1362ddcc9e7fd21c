//! Taking one message: MAIL, RCPT, and the bytes after DATA or in chunks.

use super::session::Session;
use super::{ReceivedMail, SmtpFault};
use crate::net::lock;

/// A message on its way.
#[derive(Default)]
pub(super) struct Letter {
    mail: ReceivedMail,
    /// A chunk was refused: every other one is, until RSET (RFC 3030 section 2).
    spoilt: bool,
}

/// The parameters of MAIL and RCPT, and the extensions that bring them.
const PARAMETERS: &[(&str, &str)] = &[
    ("SIZE", "SIZE"),
    ("BODY", "8BITMIME"),
    ("SMTPUTF8", "SMTPUTF8"),
    ("REQUIRETLS", "REQUIRETLS"),
    ("RET", "DSN"),
    ("ENVID", "DSN"),
    ("NOTIFY", "DSN"),
    ("ORCPT", "DSN"),
];

impl Session {
    pub(super) async fn mail(&mut self, rest: &str) -> std::io::Result<()> {
        for fault in self.faults() {
            match fault {
                SmtpFault::RejectSender(text) => return self.say(&text).await,
                SmtpFault::RejectSize(limit) if size_parameter(rest) > limit => {
                    return self.say("552 5.3.4 message too large").await;
                }
                _ => {}
            }
        }
        if self
            .limit("MAILMAX")
            .is_some_and(|limit| self.mails >= limit)
        {
            self.say("421 4.7.0 too many messages, connect again")
                .await?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let (from, parameters) = path(rest);
        if let Some(name) = self.unknown_parameter(&parameters) {
            return self.say(&format!("555 5.5.4 {name} is not known")).await;
        }
        self.mails += 1;
        self.letter = Some(Letter {
            mail: ReceivedMail {
                from,
                user: self.user.clone(),
                encrypted: self.connection.encrypted,
                sender_parameters: parameters,
                ..ReceivedMail::default()
            },
            spoilt: false,
        });
        self.say("250 2.1.0 ok").await
    }

    pub(super) async fn recipient(&mut self, rest: &str) -> std::io::Result<()> {
        let Some(letter) = &self.letter else {
            return self.say("503 5.5.1 MAIL first").await;
        };
        let (recipient, parameters) = path(rest);
        let domain = |address: &str| address.rsplit('@').next().map(str::to_lowercase);
        let mut domains: Vec<_> = letter.mail.to.iter().map(|to| domain(to)).collect();
        domains.push(domain(&recipient));
        domains.sort();
        domains.dedup();
        let full = SmtpFault::MostRecipients(letter.mail.to.len());
        let crowded = self.faults().contains(&full)
            || self.limit("RCPTMAX") == Some(letter.mail.to.len())
            || self
                .limit("RCPTDOMAINMAX")
                .is_some_and(|limit| domains.len() > limit);
        if crowded {
            return self.say("452 4.5.3 too many recipients").await;
        }
        if let Some(name) = self.unknown_parameter(&parameters) {
            return self.say(&format!("555 5.5.4 {name} is not known")).await;
        }
        let first = {
            let mut tries = lock(&self.shared.tries);
            let count = tries.entry(recipient.clone()).or_default();
            *count += 1;
            *count == 1
        };
        for fault in self.faults() {
            match fault {
                SmtpFault::TempfailRecipient(who) if who == recipient => {
                    return self.say("450 4.2.0 try later").await;
                }
                SmtpFault::RejectRecipient(who) if who == recipient => {
                    return self.say("550 5.1.1 no such user").await;
                }
                SmtpFault::Greylist if first => {
                    return self.say("451 4.7.1 greylisted, come back later").await;
                }
                _ => {}
            }
        }
        if let Some(letter) = &mut self.letter {
            letter.mail.to.push(recipient);
            letter.mail.recipient_parameters.push(parameters);
        }
        self.say("250 2.1.5 ok").await
    }

    /// Returns whether the session goes on.
    pub(super) async fn data(&mut self) -> std::io::Result<bool> {
        let Some(mut mail) = self.addressed().filter(|mail| mail.chunks.is_empty()) else {
            self.say("503 5.5.1 no valid recipients").await?;
            return Ok(true);
        };
        self.say("354 go on, end with a dot").await?;
        let faults = self.faults();
        let mut lines = 0;
        // Only CR LF dot CR LF ends the message: whoever sends anything else is seen in the data.
        let mut at_line_start = true;
        loop {
            let line = self.connection.line().await?;
            if line.is_empty() {
                return Ok(false);
            }
            if at_line_start && line == b".\r\n" {
                break;
            }
            let stuffed = at_line_start && line.starts_with(b".");
            at_line_start = line.ends_with(b"\r\n");
            mail.data
                .extend_from_slice(if stuffed { &line[1..] } else { &line });
            lines += 1;
            if faults
                .iter()
                .any(|fault| matches!(fault, SmtpFault::CloseInData(limit) if lines >= *limit))
            {
                return Ok(false);
            }
        }
        self.complete(mail).await
    }

    /// One chunk, whose bytes are read whatever is said to it. Returns whether the session goes on.
    pub(super) async fn chunk(&mut self, rest: &str) -> std::io::Result<bool> {
        if !self.offers("CHUNKING") {
            self.say("500 5.5.2 unknown command").await?;
            return Ok(true);
        }
        let mut words = rest.split(' ');
        let Some(size) = words.next().and_then(|size| size.parse::<usize>().ok()) else {
            self.say("501 5.5.4 a chunk has a size").await?;
            return Ok(false);
        };
        let last = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        let before = self
            .letter
            .as_ref()
            .map_or(0, |letter| letter.mail.data.len());
        for fault in self.faults() {
            match fault {
                SmtpFault::CloseInChunk(limit) if before + size > limit => {
                    self.connection.bytes(limit.saturating_sub(before)).await?;
                    return Ok(false);
                }
                _ => {}
            }
        }
        let bytes = self.connection.bytes(size).await?;
        let nobody = self.addressed().is_none();
        let faults = self.faults();
        let Some(letter) = self
            .letter
            .as_mut()
            .filter(|letter| !nobody && !letter.spoilt)
        else {
            self.say("503 5.5.1 no valid recipients, or a chunk was refused")
                .await?;
            return Ok(true);
        };
        letter.mail.data.extend_from_slice(&bytes);
        letter.mail.chunks.push(size);
        let number = letter.mail.chunks.len();
        for fault in &faults {
            let refusal = match fault {
                SmtpFault::RefuseChunk(refused, text) if *refused == number => text.as_str(),
                SmtpFault::RejectSize(limit) if letter.mail.data.len() > *limit => {
                    "552 5.3.4 message too large"
                }
                _ => continue,
            };
            letter.spoilt = true;
            self.say(refusal).await?;
            return Ok(!refusal.starts_with("421"));
        }
        if !last {
            self.say(&format!("250 2.0.0 {size} bytes")).await?;
            return Ok(true);
        }
        match self.addressed() {
            Some(mail) => self.complete(mail).await,
            None => Ok(false),
        }
    }

    /// The message is whole: takes it, or does what a fault wants. Returns whether the session goes on.
    async fn complete(&mut self, mail: ReceivedMail) -> std::io::Result<bool> {
        self.reset();
        let faults = self.faults();
        for fault in &faults {
            match fault {
                SmtpFault::RejectData(text) => {
                    self.say(text).await?;
                    return Ok(!text.starts_with("421"));
                }
                SmtpFault::RejectSize(limit) if mail.data.len() > *limit => {
                    self.say("552 5.3.4 message too large").await?;
                    return Ok(true);
                }
                _ => {}
            }
        }
        lock(&self.shared.mails).push(mail);
        if faults.contains(&SmtpFault::CloseAfterDot) {
            return Ok(false);
        }
        if faults.contains(&SmtpFault::StallAfterDot) {
            self.connection.stall().await?;
            return Ok(false);
        }
        self.say("250 2.0.0 taken").await?;
        Ok(true)
    }

    /// The message so far, where it has a recipient.
    fn addressed(&self) -> Option<ReceivedMail> {
        let letter = self.letter.as_ref()?;
        (!letter.mail.to.is_empty()).then(|| letter.mail.clone())
    }

    /// A number from LIMITS.
    fn limit(&self, name: &str) -> Option<usize> {
        let script = lock(&self.shared.script);
        let limits = script
            .extensions
            .iter()
            .find_map(|line| line.strip_prefix("LIMITS "))?;
        let value = limits
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value?.parse().ok()
    }

    /// The first parameter that was not offered, or makes no sense here.
    fn unknown_parameter(&self, parameters: &str) -> Option<String> {
        let no_notices = self.faults().contains(&SmtpFault::NoNotices);
        let encrypted = self.connection.encrypted;
        parameters
            .split_ascii_whitespace()
            .map(|word| word.split('=').next().unwrap_or(word).to_uppercase())
            .find(|name| {
                let brought_by = PARAMETERS.iter().find(|(known, _)| known == name);
                !brought_by.is_some_and(|(_, extension)| {
                    self.offers(extension)
                        && !(*extension == "DSN" && no_notices)
                        && (encrypted || *extension != "REQUIRETLS")
                })
            })
    }
}

/// The address and the parameters in `FROM:<a@b> SIZE=1`.
fn path(rest: &str) -> (String, String) {
    let inside = rest
        .split_once('<')
        .and_then(|(_, after)| after.split_once('>'));
    let (address, parameters) = inside.unwrap_or((rest, ""));
    (address.to_owned(), parameters.trim().to_owned())
}

fn size_parameter(rest: &str) -> usize {
    let sizes = rest
        .split(' ')
        .filter_map(|word| word.to_uppercase().strip_prefix("SIZE=").map(str::to_owned));
    sizes
        .filter_map(|size| size.parse().ok())
        .next()
        .unwrap_or(0)
}
