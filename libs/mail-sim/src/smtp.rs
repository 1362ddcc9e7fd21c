//! A submission server that records what it is given, with faults by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::PASSWORD;
use crate::net::{Connection, Encryption, Server, lock, nonsense};
use crate::profiles::Profile;
use crate::sasl;
use crate::tls::{Identity, TlsFault};

/// How much nonsense is sent, in bytes.
const NONSENSE: usize = 64 * 1024;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFault {
    /// 450 4.2.0 for this recipient, always.
    TempfailRecipient(String),
    /// 550 5.1.1 for this recipient.
    RejectRecipient(String),
    /// This answer to MAIL FROM ("553 5.7.1 not your address").
    RejectSender(String),
    /// This answer to every sign-in ("535 5.7.8 wrong password").
    RefuseAuth(String),
    /// The message is taken, and the connection is closed instead of an answer.
    CloseAfterDot,
    /// The message is taken, and no answer ever comes.
    StallAfterDot,
    /// The connection is closed in the middle of the client's data, after so many lines; nothing is taken.
    CloseInData(usize),
    /// This answer to the final dot ("554 5.7.1 spam", "451 4.3.0 try later").
    RejectData(String),
    /// 552 5.3.4 to MAIL FROM with a larger SIZE, and to larger data.
    RejectSize(usize),
    /// 451 4.7.1 for every recipient's first try.
    Greylist,
    /// This line instead of a greeting ("421 4.3.2 too busy"), then the connection is closed.
    ByeAtOnce(String),
    /// The greeting of an IMAP server.
    NotSmtp,
    /// A greeting that never ends.
    EndlessGreeting,
    /// Random bytes instead of the answer to EHLO.
    Nonsense,
    /// Plain text that pretends to come from inside TLS, sent together with the answer to STARTTLS.
    StartTlsInjection,
    /// This first line instead of the greeting; the session goes on.
    Greeting(String),
    /// This answer to every command of this name (`EHLO`, `RCPT`); after a 421 the connection is closed.
    Refuse(&'static str, String),
    /// The connection is closed instead of an answer to a command of this name.
    CloseAt(&'static str),
    /// Silence instead of an answer to a command of this name.
    StallAt(&'static str),
    /// A token is refused with this JSON as a challenge and then with this answer (RFC 7628 section 3.2.2).
    TokenRefused(String, String),
    /// 535 to every sign-in, repeating the client's own words.
    Echo,
}

/// What the server offers and does wrong.
#[derive(Debug, Clone)]
pub struct SmtpScript {
    encryption: Encryption,
    identity: Identity,
    greeting: String,
    wrong_password: String,
    extensions: Vec<String>,
    faults: Vec<SmtpFault>,
}

impl Default for SmtpScript {
    fn default() -> Self {
        Self::new()
    }
}

impl SmtpScript {
    /// A sink: takes everything after a sign-in with any user name and the password "secret", or without one.
    pub fn new() -> Self {
        let extensions = [
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "SIZE 50000000",
            "AUTH PLAIN LOGIN",
        ];
        Self {
            encryption: Encryption::None,
            identity: Identity::default(),
            greeting: "220 mail-sim ESMTP".to_owned(),
            wrong_password: "535 5.7.8 authentication failed".to_owned(),
            extensions: extensions.iter().map(|word| (*word).to_owned()).collect(),
            faults: Vec::new(),
        }
    }

    /// Looks and speaks as the servers of a provider do, under that provider's host name.
    #[must_use]
    pub fn profile(mut self, profile: &Profile) -> Self {
        self.greeting = profile.smtp.greeting.to_owned();
        self.wrong_password = profile.smtp.wrong_password.to_owned();
        self.names(&[profile.smtp_host])
            .extensions(profile.smtp.extensions)
    }

    /// The names that the certificate is for; localhost without.
    #[must_use]
    pub fn names(mut self, names: &[&str]) -> Self {
        self.identity.names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Something is wrong with its TLS.
    #[must_use]
    pub fn tls_fault(mut self, fault: TlsFault) -> Self {
        self.identity.fault = Some(fault);
        self
    }

    /// Encrypts.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Replaces the extensions that EHLO shows.
    #[must_use]
    pub fn extensions(mut self, lines: &[&str]) -> Self {
        self.extensions = lines.iter().map(|line| (*line).to_owned()).collect();
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: SmtpFault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// A message that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// MAIL FROM, without brackets and parameters.
    pub from: String,
    /// The accepted recipients.
    pub to: Vec<String>,
    /// The bytes, dots unstuffed, without the final dot.
    pub data: Vec<u8>,
    /// Who had signed in.
    pub user: Option<String>,
    /// Whether it came over TLS.
    pub encrypted: bool,
}

/// A running SMTP server.
pub struct SmtpSim {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<SmtpScript>,
    log: Mutex<Vec<String>>,
    mails: Mutex<Vec<ReceivedMail>>,
    tries: Mutex<HashMap<String, usize>>,
    connections: Mutex<usize>,
    logins: Mutex<usize>,
}

impl SmtpSim {
    /// Starts it.
    pub fn start(script: SmtpScript) -> Self {
        let identity = script.identity.clone();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            ..Shared::default()
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

    /// The messages taken so far, in order.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        lock(&self.shared.mails).clone()
    }

    /// What clients sent, one line each, without the messages themselves.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        *lock(&self.shared.connections)
    }

    /// How many sign-ins were tried.
    pub fn logins(&self) -> usize {
        *lock(&self.shared.logins)
    }

    /// Replaces all faults, for open sessions and new ones.
    pub fn set_faults(&self, faults: &[SmtpFault]) {
        lock(&self.shared.script).faults = faults.to_vec();
    }
}

async fn serve(connection: Connection, shared: Arc<Shared>) -> std::io::Result<()> {
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
        from: None,
        to: Vec::new(),
    }
    .run()
    .await
}

struct Session {
    connection: Connection,
    shared: Arc<Shared>,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
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

    fn faults(&self) -> Vec<SmtpFault> {
        lock(&self.shared.script).faults.clone()
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.connection.send(format!("{line}\r\n")).await
    }

    async fn hello(&mut self) -> std::io::Result<()> {
        let mut lines = vec!["mail-sim".to_owned()];
        {
            let script = lock(&self.shared.script);
            let waits = script.encryption == Encryption::Starttls && !self.connection.encrypted;
            // Nobody signs in before TLS where TLS is offered.
            lines.extend(
                script
                    .extensions
                    .iter()
                    .filter(|line| !(waits && line.starts_with("AUTH")))
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
        self.connection.send(text).await
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
        self.connection.send(answer).await?;
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

    async fn mail(&mut self, rest: &str) -> std::io::Result<()> {
        for fault in self.faults() {
            match fault {
                SmtpFault::RejectSender(text) => return self.say(&text).await,
                SmtpFault::RejectSize(limit) if size_parameter(rest) > limit => {
                    return self.say("552 5.3.4 message too large").await;
                }
                _ => {}
            }
        }
        self.reset();
        self.from = Some(path(rest));
        self.say("250 2.1.0 ok").await
    }

    async fn recipient(&mut self, rest: &str) -> std::io::Result<()> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        let recipient = path(rest);
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
        self.to.push(recipient);
        self.say("250 2.1.5 ok").await
    }

    /// Returns whether the session goes on.
    async fn data(&mut self) -> std::io::Result<bool> {
        if self.to.is_empty() {
            self.say("503 5.5.1 no valid recipients").await?;
            return Ok(true);
        }
        self.say("354 go on, end with a dot").await?;
        let faults = self.faults();
        let mut data = Vec::new();
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
            data.extend_from_slice(if stuffed { &line[1..] } else { &line });
            lines += 1;
            if faults
                .iter()
                .any(|fault| matches!(fault, SmtpFault::CloseInData(limit) if lines >= *limit))
            {
                return Ok(false);
            }
        }
        for fault in &faults {
            match fault {
                SmtpFault::RejectData(text) => {
                    self.reset();
                    self.say(text).await?;
                    return Ok(true);
                }
                SmtpFault::RejectSize(limit) if data.len() > *limit => {
                    self.reset();
                    self.say("552 5.3.4 message too large").await?;
                    return Ok(true);
                }
                _ => {}
            }
        }
        lock(&self.shared.mails).push(ReceivedMail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data,
            user: self.user.clone(),
            encrypted: self.connection.encrypted,
        });
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

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// The address in `FROM:<a@b> SIZE=1`.
fn path(rest: &str) -> String {
    let inside = rest
        .split_once('<')
        .and_then(|(_, after)| after.split_once('>'));
    inside.map_or(rest, |(address, _)| address).to_owned()
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
