//! One client of the submission server: greeting, EHLO, STARTTLS, sign-in, and the faults of all of them.

use std::sync::Arc;

use super::message::Letter;
use super::{Shared, SmtpFault};
use crate::PASSWORD;
use crate::net::{Connection, Encryption, lock, nonsense};
use crate::sasl;

/// How much nonsense is sent, in bytes.
const NONSENSE: usize = 64 * 1024;

pub(super) async fn serve(connection: Connection, shared: Arc<Shared>) -> std::io::Result<()> {
    *lock(&shared.connections) += 1;
    let implicit = lock(&shared.script).encryption == Encryption::Implicit;
    let connection = if implicit {
        connection.encrypt().await?
    } else {
        connection
    };
    Session {
        connection,
        shared,
        user: None,
        letter: None,
        mails: 0,
        replies: 0,
    }
    .run()
    .await
}

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    pub(super) user: Option<String>,
    /// What was begun with MAIL.
    pub(super) letter: Option<Letter>,
    /// How often MAIL was taken.
    pub(super) mails: usize,
    /// How many replies were sent.
    replies: usize,
}

impl Session {
    async fn run(mut self) -> std::io::Result<()> {
        if !self.greet().await? {
            return Ok(());
        }
        loop {
            if self.is_cut_inside().await? {
                return Ok(());
            }
            let line = self.connection.line().await?;
            if line.is_empty() {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            lock(&self.shared.log).push(line.clone());
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let verb = verb.to_uppercase();
            match self.refuse(&verb).await? {
                Some(true) => continue,
                Some(false) => return Ok(()),
                None => {}
            }
            match verb.as_str() {
                "EHLO" | "LHLO" => {
                    if self.faults().contains(&SmtpFault::Nonsense) {
                        self.connection.send(nonsense(NONSENSE)).await?;
                        return self.connection.stall().await;
                    }
                    self.hello().await?;
                }
                "HELO" => self.say("250 mail-sim").await?,
                "STARTTLS" => self = self.starttls().await?,
                "AUTH" => self.sign_in(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.recipient(rest).await?,
                "DATA" => {
                    if !self.data().await? {
                        return Ok(());
                    }
                }
                "BDAT" => {
                    if !self.chunk(rest).await? {
                        return Ok(());
                    }
                }
                "RSET" => {
                    self.reset();
                    self.say("250 2.0.0 reset").await?;
                }
                "NOOP" => self.say("250 2.0.0 yes").await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("500 5.5.2 unknown command").await?,
            }
        }
    }

    /// Returns whether the session goes on.
    async fn greet(&mut self) -> std::io::Result<bool> {
        self.cut_here().await?;
        for fault in self.faults() {
            match fault {
                SmtpFault::ByeAtOnce(text) => {
                    self.say(&text).await?;
                    return Ok(false);
                }
                SmtpFault::NotSmtp => {
                    self.say("* OK IMAP4rev1 server ready").await?;
                    self.connection.stall().await?;
                    return Ok(false);
                }
                SmtpFault::EndlessGreeting => {
                    self.connection.send("220 ").await?;
                    self.connection.send_for_ever(b'x').await?;
                }
                _ => {}
            }
        }
        let usual = lock(&self.shared.script).greeting.clone();
        let faults = self.faults();
        let scripted = faults.into_iter().find_map(|fault| match fault {
            SmtpFault::Greeting(line) => Some(line),
            _ => None,
        });
        self.say(&scripted.unwrap_or(usual)).await?;
        Ok(true)
    }

    /// Answers a command that a fault refuses; tells whether the session goes on.
    async fn refuse(&mut self, verb: &str) -> std::io::Result<Option<bool>> {
        for fault in self.faults() {
            match fault {
                SmtpFault::Refuse(name, text) if name == verb => {
                    self.say(&text).await?;
                    return Ok(Some(!text.starts_with("421")));
                }
                SmtpFault::CloseAt(name) if name == verb => return Ok(Some(false)),
                SmtpFault::StallAt(name) if name == verb => {
                    self.connection.stall().await?;
                    return Ok(Some(false));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads half of a command where a fault wants that, and tells whether it did.
    async fn is_cut_inside(&mut self) -> std::io::Result<bool> {
        for fault in self.faults() {
            if let SmtpFault::CutInside(name) = fault {
                let ahead = self.connection.ahead().await?;
                if ahead.starts_with(name.as_bytes()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn faults(&self) -> Vec<SmtpFault> {
        lock(&self.shared.script).faults.clone()
    }

    pub(super) async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.reply(format!("{line}\r\n")).await
    }

    /// Sends one whole reply, and hangs up where a fault wants that after so many of them.
    async fn reply(&mut self, text: String) -> std::io::Result<()> {
        self.connection.send(text).await?;
        self.replies += 1;
        self.cut_here().await
    }

    async fn cut_here(&mut self) -> std::io::Result<()> {
        for fault in self.faults() {
            match fault {
                SmtpFault::CutAfterReplies(count) if count == self.replies => {
                    return Err(std::io::ErrorKind::ConnectionAborted.into());
                }
                SmtpFault::ByeAfterReplies(count, text) if count == self.replies => {
                    self.connection.send(format!("{text}\r\n")).await?;
                    return Err(std::io::ErrorKind::ConnectionAborted.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether EHLO shows this keyword.
    pub(super) fn offers(&self, keyword: &str) -> bool {
        lock(&self.shared.script)
            .extensions
            .iter()
            .any(|line| line.split(' ').next() == Some(keyword))
    }

    async fn hello(&mut self) -> std::io::Result<()> {
        let mut lines = vec!["mail-sim".to_owned()];
        {
            let script = lock(&self.shared.script);
            let waits = script.encryption == Encryption::Starttls && !self.connection.encrypted;
            let encrypted = self.connection.encrypted;
            // Nobody signs in before TLS where TLS is offered, and nobody promises it without having it.
            lines.extend(
                script
                    .extensions
                    .iter()
                    .filter(|line| !(waits && line.starts_with("AUTH")))
                    .filter(|line| encrypted || *line != "REQUIRETLS")
                    .cloned(),
            );
            if waits {
                lines.push("STARTTLS".to_owned());
            }
        }
        let last = lines.len() - 1;
        let text: String = lines
            .iter()
            .enumerate()
            .map(|(i, l)| format!("250{}{l}\r\n", if i == last { ' ' } else { '-' }))
            .collect();
        self.reply(text).await
    }

    async fn starttls(mut self) -> std::io::Result<Self> {
        let offered = lock(&self.shared.script).encryption == Encryption::Starttls
            && !self.connection.encrypted;
        if !offered {
            self.say("502 5.5.1 not offered").await?;
            return Ok(self);
        }
        let mut answer = "220 2.0.0 begin\r\n".to_owned();
        if self.faults().contains(&SmtpFault::StartTlsInjection) {
            answer.push_str("250-injected\r\n250 AUTH PLAIN X-INJECTED\r\n");
        }
        self.reply(answer).await?;
        self.connection = self.connection.encrypt().await?;
        self.reset();
        Ok(self)
    }

    async fn sign_in(&mut self, rest: &str) -> std::io::Result<()> {
        *lock(&self.shared.logins) += 1;
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let mechanism = mechanism.to_uppercase();
        if !sasl::KNOWN.contains(&mechanism.as_str()) {
            return self.say("504 5.5.4 unknown mechanism").await;
        }
        let mut words = Vec::new();
        if !initial.is_empty() {
            words.push(initial.to_owned());
        }
        for challenge in sasl::challenges(&mechanism).iter().skip(words.len()) {
            words.push(self.ask(challenge).await?);
        }
        let said = sasl::read(&mechanism, &words);
        for fault in self.faults() {
            match fault {
                SmtpFault::RefuseAuth(text) => return self.say(&text).await,
                SmtpFault::TokenRefused(json, text) if said.is_token => {
                    self.ask(&sasl::encode(&json)).await?;
                    return self.say(&text).await;
                }
                SmtpFault::Echo => {
                    let text = format!(
                        "535 5.7.8 no, {} with {} ({})",
                        said.user, said.secret, said.raw
                    );
                    return self.say(&text).await;
                }
                _ => {}
            }
        }
        if said.secret != PASSWORD {
            let text = lock(&self.shared.script).wrong_password.clone();
            return self.say(&text).await;
        }
        self.user = Some(said.user);
        self.say("235 2.7.0 welcome").await
    }

    async fn ask(&mut self, challenge: &str) -> std::io::Result<String> {
        self.say(&format!("334 {challenge}")).await?;
        Ok(String::from_utf8_lossy(&self.connection.line().await?)
            .trim()
            .to_owned())
    }

    pub(super) fn reset(&mut self) {
        self.letter = None;
    }
}
