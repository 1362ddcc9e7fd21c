//! A submission server that records what it is given, with faults by name.

mod fault;
mod message;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub use fault::SmtpFault;

use crate::net::{Encryption, Server, lock};
use crate::profiles::Profile;
use crate::tls::{Identity, TlsFault};

/// What the server offers and does wrong.
#[derive(Debug, Clone)]
pub struct SmtpScript {
    pub(super) encryption: Encryption,
    identity: Identity,
    pub(super) greeting: String,
    pub(super) wrong_password: String,
    pub(super) extensions: Vec<String>,
    pub(super) faults: Vec<SmtpFault>,
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

    /// Adds to the extensions that EHLO shows.
    #[must_use]
    pub fn offer(mut self, lines: &[&str]) -> Self {
        self.extensions
            .extend(lines.iter().map(|line| (*line).to_owned()));
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceivedMail {
    /// MAIL FROM, without brackets and parameters.
    pub from: String,
    /// The accepted recipients.
    pub to: Vec<String>,
    /// The bytes, dots unstuffed, without the final dot, chunks put together.
    pub data: Vec<u8>,
    /// Who had signed in.
    pub user: Option<String>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// What stood behind the address in MAIL.
    pub sender_parameters: String,
    /// What stood behind each address in RCPT, in the order of `to`.
    pub recipient_parameters: Vec<String>,
    /// The sizes of the chunks it came in; empty when it came after DATA.
    pub chunks: Vec<usize>,
}

/// A running SMTP server.
pub struct SmtpSim {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) script: Mutex<SmtpScript>,
    pub(super) log: Mutex<Vec<String>>,
    pub(super) mails: Mutex<Vec<ReceivedMail>>,
    pub(super) tries: Mutex<HashMap<String, usize>>,
    pub(super) connections: Mutex<usize>,
    pub(super) logins: Mutex<usize>,
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
            session::serve(connection, Arc::clone(&state))
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
