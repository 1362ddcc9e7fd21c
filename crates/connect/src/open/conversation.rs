//! The protocols behind one face, as far as they are alike: greeting, capabilities, STARTTLS, signing in.

use super::Waits;
use crate::recognise::{self, Failure, Peer, Spoken};
use mail_net::sasl::{self, Credentials, Secret, Tries};
use mail_net::{Fingerprint, Net, Stream, TlsInfo, Transcript};
use pop3_client::SignInWay;
use std::time::Duration;

/// How we introduce ourselves to IMAP servers (RFC 2971); some refuse clients without a name.
const ID: &[(&str, &str)] = &[("name", "Postroom"), ("version", env!("CARGO_PKG_VERSION"))];
/// The longest wait of a report's step.
const SHORT: Duration = Duration::from_secs(10);
/// How long the server may think about a test message.
const VERDICT: Duration = Duration::from_secs(20);
/// More of a header than this is not read for a report.
const SHORT_MESSAGE_BYTES: u64 = 1024 * 1024;

/// A conversation with a server. Boxed: sessions are large, and this moves.
pub(crate) enum Conversation {
    /// Reading.
    Imap(Box<ImapTalk>),
    /// Fetching.
    Pop3(Box<pop3_client::Session>),
    /// Sending.
    Smtp(Box<smtp_client::Session>),
    /// Changing the server's own rules.
    Sieve(Box<sieve_client::Session>),
}

/// An IMAP session with what it is known to offer.
pub(crate) struct ImapTalk {
    /// The session.
    pub(crate) session: imap_client::Session,
    /// Its capabilities in the present state.
    pub(crate) capabilities: imap_client::Capabilities,
    /// The server let us in without asking who we are (PREAUTH).
    pre_authenticated: bool,
}

impl Conversation {
    /// Hears the greeting; gives its text.
    pub(super) async fn start(
        stream: Stream,
        peer: &Peer<'_>,
        waits: Waits,
        talk: Option<Transcript>,
    ) -> Result<(Self, String), Failure> {
        match peer.spoken {
            Spoken::Imap => {
                let started = imap_client::Session::start(stream, imap_limits(waits), talk).await;
                let (session, greeting) = started.map_err(|error| recognise::imap(&error, peer))?;
                if greeting.kind == imap_client::GreetingKind::Bye {
                    return Err(recognise::imap_greeting_refused(&greeting.text, peer));
                }
                let talk = ImapTalk {
                    session,
                    capabilities: greeting.capabilities.unwrap_or_default(),
                    pre_authenticated: greeting.kind == imap_client::GreetingKind::PreAuth,
                };
                Ok((Self::Imap(Box::new(talk)), greeting.text))
            }
            Spoken::Pop3 => {
                let started = pop3_client::Session::start(stream, pop3_limits(waits), talk).await;
                let (session, greeting) = started.map_err(|error| recognise::pop3(&error, peer))?;
                Ok((Self::Pop3(Box::new(session)), greeting.text))
            }
            Spoken::Smtp => {
                let started = smtp_client::Session::start(stream, smtp_limits(waits), talk).await;
                let (session, greeting) = started.map_err(|error| recognise::smtp(&error, peer))?;
                Ok((Self::Smtp(Box::new(session)), greeting.reply.to_string()))
            }
            Spoken::Sieve => {
                let started = sieve_client::Session::start(stream, sieve_limits(waits), talk).await;
                let session = started.map_err(|error| recognise::sieve(&error, peer))?;
                let program = session.capabilities().implementation.clone();
                Ok((Self::Sieve(Box::new(session)), program))
            }
        }
    }

    /// Upgrades to TLS; everything learnt before is forgotten.
    pub(super) async fn starttls(
        &mut self,
        net: &Net,
        peer: &Peer<'_>,
        ehlo_name: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<(), Failure> {
        match self {
            // RFC 9051 section 11.1: whoever is let in before TLS was perhaps let in by somebody on the way.
            Self::Imap(talk) if talk.pre_authenticated => {
                Err(peer.failure("starttls_refused", &[], None))
            }
            Self::Imap(talk) => {
                let done = talk.session.starttls(net, peer.host, pin).await;
                done.map_err(|error| recognise::imap(&error, peer))
            }
            Self::Pop3(session) => {
                session
                    .capa()
                    .await
                    .map_err(|error| recognise::pop3(&error, peer))?;
                let done = session.stls(net, peer.host, pin).await;
                done.map(drop)
                    .map_err(|error| recognise::pop3(&error, peer))
            }
            Self::Smtp(session) => {
                session
                    .ehlo(ehlo_name)
                    .await
                    .map_err(|error| recognise::smtp(&error, peer))?;
                let done = session.starttls(net, peer.host, pin).await;
                done.map(drop)
                    .map_err(|error| recognise::smtp(&error, peer))
            }
            Self::Sieve(session) => {
                let done = session.starttls(net, peer.host, pin).await;
                done.map(drop)
                    .map_err(|error| recognise::sieve(&error, peer))
            }
        }
        .map_err(|failure| self.with_first_refusal(failure))
    }

    /// A server that refused EHLO offers nothing afterwards: its words then are the reason for what is missing now.
    fn with_first_refusal(&self, mut failure: Failure) -> Failure {
        if let Self::Smtp(session) = self
            && let Some(reply) = session.ehlo_refusal()
            && failure.problem.server_said.is_none()
        {
            failure.problem.server_said = recognise::presentable(&reply.to_string());
        }
        failure
    }

    /// Learns what the server can do, in the state that the connection is in now.
    pub(super) async fn ask(&mut self, peer: &Peer<'_>, ehlo_name: &str) -> Result<(), Failure> {
        match self {
            Self::Imap(talk) => {
                let found = talk
                    .session
                    .capability()
                    .await
                    .map_err(|error| recognise::imap(&error, peer))?;
                talk.capabilities = found.clone();
                Ok(())
            }
            Self::Pop3(session) => session
                .capa()
                .await
                .map(drop)
                .map_err(|error| recognise::pop3(&error, peer)),
            // After STARTTLS the client has said EHLO already.
            Self::Smtp(session) if !session.capabilities().domain.is_empty() => Ok(()),
            Self::Smtp(session) => session
                .ehlo(ehlo_name)
                .await
                .map(drop)
                .map_err(|error| recognise::smtp(&error, peer)),
            // The server says it with its greeting, and again after STARTTLS.
            Self::Sieve(_) => Ok(()),
        }
    }

    /// Whether encryption is on offer, as far as the server was asked.
    pub(super) fn offers_starttls(&self) -> bool {
        match self {
            Self::Imap(talk) => talk.capabilities.has("STARTTLS"),
            Self::Pop3(session) => session.capabilities().stls,
            Self::Smtp(session) => session.capabilities().starttls,
            Self::Sieve(session) => session.capabilities().starttls,
        }
    }

    /// Why no sign-in is possible, known before any secret is shown.
    pub(super) fn no_way_to_sign_in(
        &self,
        credentials: &Credentials,
        peer: &Peer<'_>,
    ) -> Option<Failure> {
        let (offered, password_command) = self.ways_to_sign_in();
        let is_password = matches!(credentials.secret, Secret::Password(_));
        if !sasl::choose(&offered, credentials).is_empty() || (is_password && password_command) {
            return None;
        }
        // Servers hide their sign-in until the connection is encrypted.
        if self.tls_info().is_none() && is_password {
            let failure = peer.failure("login_disabled_without_tls", &[], None);
            return Some(self.with_first_refusal(failure));
        }
        Some(self.with_first_refusal(recognise::no_mechanism(&offered, peer)))
    }

    /// The SASL mechanisms on offer, and whether a plain user-and-password command is there beside them.
    pub(crate) fn ways_to_sign_in(&self) -> (Vec<String>, bool) {
        match self {
            Self::Imap(talk) => (
                talk.capabilities.auth_mechanisms(),
                !talk.capabilities.has("LOGINDISABLED"),
            ),
            Self::Pop3(session) => {
                let found = session.capabilities();
                (found.sasl.clone(), found.user || !found.listed)
            }
            Self::Smtp(session) => (session.capabilities().auth.clone(), false),
            Self::Sieve(session) => (session.capabilities().sasl.clone(), false),
        }
    }

    /// Signs in once, while `tries` last. Gives the way it was done.
    pub(super) async fn sign_in(
        &mut self,
        credentials: &Credentials,
        peer: &Peer<'_>,
        tries: &Tries,
    ) -> Result<String, Failure> {
        match self {
            Self::Imap(talk) => {
                let session = &mut talk.session;
                let done = session.login_within(credentials, peer.host, peer.port, tries);
                let done = done.await;
                let done = done.map_err(|error| recognise::imap(&error, peer))?;
                let found = talk
                    .session
                    .capability()
                    .await
                    .map_err(|error| recognise::imap(&error, peer))?;
                talk.capabilities = found.clone();
                // A name is nice to have: a server that refuses it is not refused by us.
                match talk.session.id(ID).await {
                    Err(error) if error.is_fatal() => Err(recognise::imap(&error, peer)),
                    _ => Ok(done.mechanism),
                }
            }
            Self::Pop3(session) => {
                let done = session.login_within(credentials, peer.host, peer.port, tries);
                let done = done.await;
                let done = done.map_err(|error| recognise::pop3(&error, peer))?;
                session
                    .capa()
                    .await
                    .map_err(|error| recognise::pop3(&error, peer))?;
                Ok(match done.way {
                    SignInWay::UserPass => "USER and PASS".to_owned(),
                    SignInWay::Sasl(mechanism) => mechanism.as_str().to_owned(),
                })
            }
            Self::Smtp(session) => {
                let done = session.login_within(credentials, peer.host, peer.port, tries);
                let done = done.await;
                let done = done.map_err(|error| recognise::smtp(&error, peer))?;
                Ok(done.mechanism.as_str().to_owned())
            }
            // At most one refusal by itself, so there is nothing to count.
            Self::Sieve(session) => {
                let done = session.login(credentials, peer.host, peer.port).await;
                let done = done.map_err(|error| recognise::sieve(&error, peer))?;
                Ok(done.mechanism.as_str().to_owned())
            }
        }
    }

    /// Whether the server let us in without asking (IMAP PREAUTH).
    pub(super) fn is_signed_in(&self) -> bool {
        matches!(self, Self::Imap(talk) if talk.pre_authenticated)
    }

    /// What TLS agreed on.
    pub(super) fn tls_info(&self) -> Option<&TlsInfo> {
        match self {
            Self::Imap(talk) => talk.session.tls_info(),
            Self::Pop3(session) => session.stream().and_then(Stream::tls_info),
            Self::Smtp(session) => session.stream().and_then(Stream::tls_info),
            Self::Sieve(session) => session.stream().and_then(Stream::tls_info),
        }
    }

    /// Says goodbye. Nothing depends on it.
    pub(crate) async fn end(self) {
        match self {
            Self::Imap(talk) => talk.session.logout().await,
            Self::Pop3(session) => drop(session.quit().await),
            Self::Smtp(session) => session.quit().await,
            Self::Sieve(session) => session.logout().await,
        }
    }
}

fn imap_limits(waits: Waits) -> imap_client::Limits {
    let patient = imap_client::Limits::default();
    match waits {
        Waits::Patient => patient,
        Waits::Short => imap_client::Limits {
            greeting: SHORT,
            progress: SHORT,
            ..patient
        },
    }
}

fn pop3_limits(waits: Waits) -> pop3_client::Limits {
    match waits {
        Waits::Patient => pop3_client::Limits::patient(),
        Waits::Short => pop3_client::Limits {
            greeting: SHORT,
            command: SHORT,
            read: SHORT,
            quit: Duration::from_secs(2),
            message_bytes: SHORT_MESSAGE_BYTES,
            ..pop3_client::Limits::patient()
        },
    }
}

fn sieve_limits(waits: Waits) -> sieve_client::Limits {
    let patient = sieve_client::Limits::default();
    match waits {
        Waits::Patient => patient,
        Waits::Short => sieve_client::Limits {
            greeting: SHORT,
            command: SHORT,
            ..patient
        },
    }
}

fn smtp_limits(waits: Waits) -> smtp_client::Limits {
    match waits {
        Waits::Patient => smtp_client::Limits::patient(),
        Waits::Short => smtp_client::Limits {
            greeting: SHORT,
            command: SHORT,
            data_start: SHORT,
            data_block: SHORT,
            // Of a test message it does little harm not to know what became of it.
            data_end: VERDICT,
            ..smtp_client::Limits::interactive()
        },
    }
}
