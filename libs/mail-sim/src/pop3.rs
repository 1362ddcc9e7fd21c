//! A POP3 server (RFC 1939, 2449, 5034) with a maildrop in memory and faults by name.

use std::sync::{Arc, Mutex};

use crate::PASSWORD;
use crate::net::{Connection, Encryption, Server, lock};
use crate::profiles::Profile;
use crate::sasl::{self, Said};
use crate::tls::{Identity, TlsFault};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pop3Fault {
    /// This first line instead of the greeting; the session goes on.
    Greeting(String),
    /// This line instead of a greeting (`-ERR busy`), then the connection is closed.
    ByeAtOnce(String),
    /// `-ERR` with this text to every command of this name, response code included; `LOGIN` stands for every sign-in.
    Refuse(&'static str, String),
    /// The connection is closed instead of an answer to a command of this name.
    CloseAt(&'static str),
    /// Silence instead of an answer to a command of this name.
    StallAt(&'static str),
    /// UIDL is neither offered nor known.
    NoUidl,
    /// TOP is neither offered nor known.
    NoTop,
    /// The connection is closed in the middle of a message that contains this text, at RETR.
    CutIn(&'static str),
    /// A token is refused with this JSON as a challenge and then `-ERR` with this text (RFC 7628 section 3.2.2).
    TokenRefused(String, String),
    /// Plain text that pretends to come from inside TLS, sent together with the answer to STLS.
    StlsInjection,
    /// `-ERR` to every sign-in, repeating the client's own words.
    Echo,
}

/// What the server offers, has and does wrong.
#[derive(Debug, Clone)]
pub struct Pop3Script {
    encryption: Encryption,
    identity: Identity,
    greeting: String,
    wrong_password: String,
    capabilities: Vec<String>,
    mails: Vec<Mail>,
    faults: Vec<Pop3Fault>,
}

#[derive(Debug, Clone)]
struct Mail {
    unique_id: String,
    raw: Vec<u8>,
}

impl Default for Pop3Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Pop3Script {
    /// An empty maildrop, no encryption, no fault.
    pub fn new() -> Self {
        let capabilities = ["TOP", "UIDL", "RESP-CODES", "USER", "SASL PLAIN"];
        Self {
            encryption: Encryption::None,
            identity: Identity::default(),
            greeting: "+OK mail-sim ready".to_owned(),
            wrong_password: "[AUTH] Authentication failed.".to_owned(),
            capabilities: capabilities.iter().map(|word| (*word).to_owned()).collect(),
            mails: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Speaks as the servers of a provider do, under that provider's host name.
    #[must_use]
    pub fn profile(mut self, profile: &Profile) -> Self {
        let Some(pop3) = &profile.pop3 else {
            return self;
        };
        self.greeting = pop3.greeting.to_owned();
        self.wrong_password = pop3.wrong_password.to_owned();
        self.capabilities = pop3
            .capabilities
            .iter()
            .map(|line| (*line).to_owned())
            .collect();
        self.identity.names = vec![profile.pop3_host.to_owned()];
        self
    }

    /// Adds a message, under an id that no other has had.
    #[must_use]
    pub fn mail(self, raw: &[u8]) -> Self {
        let unique_id = format!("uid-{}", self.mails.len() + 1);
        self.mail_as(&unique_id, raw)
    }

    /// Adds a message under this id.
    #[must_use]
    pub fn mail_as(mut self, unique_id: &str, raw: &[u8]) -> Self {
        self.mails.push(Mail {
            unique_id: unique_id.to_owned(),
            raw: raw.to_vec(),
        });
        self
    }

    /// Replaces what CAPA shows.
    #[must_use]
    pub fn capabilities(mut self, lines: &[&str]) -> Self {
        self.capabilities = lines.iter().map(|line| (*line).to_owned()).collect();
        self
    }

    /// Encrypts.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Something is wrong with its TLS.
    #[must_use]
    pub fn tls_fault(mut self, fault: TlsFault) -> Self {
        self.identity.fault = Some(fault);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Pop3Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// A running POP3 server.
pub struct Pop3Sim {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Pop3Script>,
    log: Mutex<Vec<String>>,
    logins: Mutex<usize>,
}

impl Pop3Sim {
    /// Starts it.
    pub fn start(script: Pop3Script) -> Self {
        let identity = script.identity.clone();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            log: Mutex::default(),
            logins: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let server = Server::start_with(&identity, move |connection| {
            serve(connection, Arc::clone(&state))
        });
        Self { server, shared }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The authority that signed its certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// What clients sent, one line each, in order, passwords included.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }

    /// Adds a message under this id, for sessions that begin from now on.
    pub fn deliver(&self, unique_id: &str, raw: &[u8]) {
        let mut script = lock(&self.shared.script);
        *script = script.clone().mail_as(unique_id, raw);
    }

    /// Takes the messages with this id away, as another client would.
    pub fn remove(&self, unique_id: &str) {
        let mut script = lock(&self.shared.script);
        script.mails.retain(|mail| mail.unique_id != unique_id);
    }

    /// Other faults than before, for sessions that begin from now on.
    pub fn set_faults(&self, faults: &[Pop3Fault]) {
        lock(&self.shared.script).faults = faults.to_vec();
    }

    /// The ids of the messages that are there.
    pub fn unique_ids(&self) -> Vec<String> {
        let script = lock(&self.shared.script);
        script.mails.iter().map(|m| m.unique_id.clone()).collect()
    }

    /// How many sign-ins were tried.
    pub fn logins(&self) -> usize {
        *lock(&self.shared.logins)
    }
}

async fn serve(connection: Connection, shared: Arc<Shared>) -> std::io::Result<()> {
    let implicit = lock(&shared.script).encryption == Encryption::Implicit;
    let connection = if implicit {
        connection.encrypt().await?
    } else {
        connection
    };
    let script = lock(&shared.script).clone();
    let session = Session {
        connection,
        deleted: vec![false; script.mails.len()],
        script,
        shared,
        user: String::new(),
        signed_in: false,
    };
    session.run().await
}

struct Session {
    connection: Connection,
    /// As it was when the session began, as RFC 1939 wants it of the maildrop.
    script: Pop3Script,
    shared: Arc<Shared>,
    deleted: Vec<bool>,
    user: String,
    signed_in: bool,
}

impl Session {
    async fn run(mut self) -> std::io::Result<()> {
        if !self.greet().await? {
            return Ok(());
        }
        loop {
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
                "CAPA" => self.list(self.capabilities()).await?,
                "STLS" => self = self.stls().await?,
                "USER" => {
                    self.user = rest.to_owned();
                    self.say("+OK go on").await?;
                }
                "PASS" => {
                    let said = Said {
                        user: self.user.clone(),
                        secret: rest.to_owned(),
                        is_token: false,
                        raw: line.clone(),
                    };
                    self.sign_in(&said).await?;
                }
                "AUTH" => self.auth(rest).await?,
                "QUIT" => return self.quit().await,
                "NOOP" => self.say("+OK").await?,
                _ if !self.signed_in => self.say("-ERR sign in first").await?,
                "STAT" => {
                    let (count, bytes) = self
                        .there()
                        .fold((0, 0), |(n, sum), (_, mail)| (n + 1, sum + mail.raw.len()));
                    self.say(&format!("+OK {count} {bytes}")).await?;
                }
                "LIST" => {
                    let lines = self
                        .there()
                        .map(|(n, mail)| format!("{n} {}", mail.raw.len()))
                        .collect();
                    self.list(lines).await?;
                }
                "UIDL" if !self.script.faults.contains(&Pop3Fault::NoUidl) => {
                    let lines = self
                        .there()
                        .map(|(n, mail)| format!("{n} {}", mail.unique_id))
                        .collect();
                    self.list(lines).await?;
                }
                "TOP" if self.script.faults.contains(&Pop3Fault::NoTop) => {
                    self.say("-ERR unknown command").await?;
                }
                "TOP" | "RETR" => {
                    if !self.message(&verb, rest).await? {
                        return Ok(());
                    }
                }
                "DELE" => {
                    let number: usize = rest.parse().unwrap_or(0);
                    match self.deleted.get_mut(number.wrapping_sub(1)) {
                        Some(deleted) => {
                            *deleted = true;
                            self.say("+OK").await?;
                        }
                        None => self.say("-ERR no such message").await?,
                    }
                }
                "RSET" => {
                    self.deleted.fill(false);
                    self.say("+OK").await?;
                }
                _ => self.say("-ERR unknown command").await?,
            }
        }
    }

    /// Returns whether the session goes on.
    async fn greet(&mut self) -> std::io::Result<bool> {
        let mut greeting = self.script.greeting.clone();
        for fault in &self.script.faults {
            match fault {
                Pop3Fault::Greeting(line) => greeting.clone_from(line),
                Pop3Fault::ByeAtOnce(line) => {
                    let line = format!("{line}\r\n");
                    self.connection.send(line).await?;
                    return Ok(false);
                }
                _ => {}
            }
        }
        self.say(&greeting).await?;
        Ok(true)
    }

    /// Answers a command that a fault refuses; tells whether the session goes on.
    async fn refuse(&mut self, verb: &str) -> std::io::Result<Option<bool>> {
        for fault in self.script.faults.clone() {
            match fault {
                Pop3Fault::Refuse(name, text) if name == verb => {
                    self.say(&format!("-ERR {text}")).await?;
                    return Ok(Some(true));
                }
                Pop3Fault::CloseAt(name) if name == verb => return Ok(Some(false)),
                Pop3Fault::StallAt(name) if name == verb => {
                    self.connection.stall().await?;
                    return Ok(Some(false));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn capabilities(&self) -> Vec<String> {
        let waits = self.script.encryption == Encryption::Starttls && !self.connection.encrypted;
        let no_uidl = self.script.faults.contains(&Pop3Fault::NoUidl);
        let no_top = self.script.faults.contains(&Pop3Fault::NoTop);
        let shown = self.script.capabilities.iter().filter(|line| {
            // Nobody signs in before TLS where TLS is offered.
            !(waits && (line.starts_with("SASL") || *line == "USER"))
                && !(no_uidl && *line == "UIDL")
                && !(no_top && *line == "TOP")
        });
        let mut shown: Vec<String> = shown.cloned().collect();
        if waits {
            shown.push("STLS".to_owned());
        }
        shown
    }

    async fn stls(mut self) -> std::io::Result<Self> {
        if self.script.encryption != Encryption::Starttls || self.connection.encrypted {
            self.say("-ERR not offered").await?;
            return Ok(self);
        }
        let mut answer = "+OK begin\r\n".to_owned();
        if self.script.faults.contains(&Pop3Fault::StlsInjection) {
            answer.push_str("+OK injected\r\n");
        }
        self.connection.send(answer).await?;
        self.connection = self.connection.encrypt().await?;
        Ok(self)
    }

    async fn auth(&mut self, rest: &str) -> std::io::Result<()> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let mechanism = mechanism.to_uppercase();
        if !sasl::KNOWN.contains(&mechanism.as_str()) {
            return self.say("-ERR unknown mechanism").await;
        }
        let mut words = Vec::new();
        if !initial.is_empty() {
            words.push(initial.to_owned());
        }
        for challenge in sasl::challenges(&mechanism).iter().skip(words.len()) {
            words.push(self.ask(challenge).await?);
        }
        self.sign_in(&sasl::read(&mechanism, &words)).await
    }

    async fn sign_in(&mut self, said: &Said) -> std::io::Result<()> {
        *lock(&self.shared.logins) += 1;
        let wrong = self.script.wrong_password.clone();
        let mut refusal = (said.secret != PASSWORD).then_some(wrong);
        for fault in self.script.faults.clone() {
            match fault {
                Pop3Fault::Refuse("LOGIN", text) => refusal = Some(text),
                Pop3Fault::TokenRefused(json, text) if said.is_token => {
                    self.ask(&sasl::encode(&json)).await?;
                    refusal = Some(text);
                }
                Pop3Fault::Echo => {
                    refusal = Some(format!(
                        "no, {} with {} ({})",
                        said.user, said.secret, said.raw
                    ));
                }
                _ => {}
            }
        }
        match refusal {
            Some(text) => self.say(&format!("-ERR {text}")).await,
            None => {
                self.signed_in = true;
                self.say("+OK welcome").await
            }
        }
    }

    /// TOP and RETR, with dots stuffed. Tells whether the session goes on.
    async fn message(&mut self, verb: &str, rest: &str) -> std::io::Result<bool> {
        let mut numbers = rest.split(' ').map(|word| word.parse().unwrap_or(0));
        let number: usize = numbers.next().unwrap_or(0);
        let found = self.there().find(|(n, _)| *n == number);
        let Some(mail) = found.map(|(_, mail)| mail.raw.clone()) else {
            return self.say("-ERR no such message").await.map(|()| true);
        };
        let text = String::from_utf8_lossy(&mail).into_owned();
        let cut = self.script.faults.iter().any(
            |fault| matches!(fault, Pop3Fault::CutIn(what) if verb == "RETR" && text.contains(what)),
        );
        if cut {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            self.connection.send(format!("+OK\r\n{half}")).await?;
            return Ok(false);
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let body_lines = match verb {
            "TOP" => numbers.next().unwrap_or(0),
            _ => usize::MAX,
        };
        let lines = head
            .lines()
            .chain([""])
            .chain(body.lines().take(body_lines));
        let lines = lines.map(|line| match line.starts_with('.') {
            true => format!(".{line}"),
            false => line.to_owned(),
        });
        self.list(lines.collect()).await.map(|()| true)
    }

    async fn quit(&mut self) -> std::io::Result<()> {
        if self.signed_in {
            let mut deleted = self.deleted.iter();
            lock(&self.shared.script)
                .mails
                .retain(|_| deleted.next() != Some(&true));
        }
        self.say("+OK bye").await
    }

    /// The messages that are not deleted, with their numbers.
    fn there(&self) -> impl Iterator<Item = (usize, &Mail)> {
        let numbered = self.script.mails.iter().enumerate();
        numbered
            .filter(|(i, _)| !self.deleted[*i])
            .map(|(i, mail)| (i + 1, mail))
    }

    async fn list(&mut self, lines: Vec<String>) -> std::io::Result<()> {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.connection.send(format!("+OK\r\n{lines}.\r\n")).await
    }

    async fn ask(&mut self, challenge: &str) -> std::io::Result<String> {
        self.say(&format!("+ {challenge}")).await?;
        let line = self.connection.line().await?;
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.connection.send(format!("{line}\r\n")).await
    }
}
