//! From settings to a signed-in session, with one road for everyone: resolve, connect, encrypt, greet, ask, sign in.
//!
//! [`imap`], [`pop3`] and [`smtp`] go the whole road. The connection report goes it step by step (`Opening`), so that what
//! works in a report works in the running engine, and fails there with the same words.
//!
//! No secret goes over a connection without TLS unless the settings say `none` or the server is this very machine.

mod conversation;

pub(crate) use conversation::{Conversation, ImapTalk};

use crate::recognise::{self, Failure, Peer};
use mail_net::sasl::{self, Tries};
use mail_net::{Direction, Fingerprint, Net, Resolved, Stream, TlsInfo, Transcript};
use model::mailbox::{Auth, Incoming, Outgoing, Security};
use model::report::StepCode;
use model::{Clock, Secret};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A server that has said nothing for this long may be waiting for us to begin TLS.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a second connection may take that only finds out what a port speaks.
const LOOK: Duration = Duration::from_secs(3);

/// Opens a signed-in IMAP session: TLS as set, capabilities asked, ID sent.
///
/// # Errors
/// A [`Failure`] with the catalogue's id and the step where it arose.
pub async fn imap(
    net: &Net,
    settings: &Incoming,
    secret: &Secret,
) -> Result<imap_client::Session, Failure> {
    let peer = Peer::incoming(settings, Clock::system().now());
    let mut opening = Opening::new(
        net,
        peer,
        settings.certificate_sha256.as_deref(),
        "",
        Waits::Patient,
    );
    opening.whole_road(Some(secret)).await?;
    match opening.conversation {
        Some(Conversation::Imap(talk)) => Ok(talk.session),
        _ => Err(peer.failure(
            "internal_error",
            &[],
            Some("IMAP was asked for and is not set"),
        )),
    }
}

/// Opens a signed-in POP3 session.
///
/// # Errors
/// A [`Failure`] with the catalogue's id and the step where it arose.
pub async fn pop3(
    net: &Net,
    settings: &Incoming,
    secret: &Secret,
) -> Result<pop3_client::Session, Failure> {
    let peer = Peer::incoming(settings, Clock::system().now());
    let mut opening = Opening::new(
        net,
        peer,
        settings.certificate_sha256.as_deref(),
        "",
        Waits::Patient,
    );
    opening.whole_road(Some(secret)).await?;
    match opening.conversation {
        Some(Conversation::Pop3(session)) => Ok(*session),
        _ => Err(peer.failure(
            "internal_error",
            &[],
            Some("POP3 was asked for and is not set"),
        )),
    }
}

/// Opens a session that can send; signed in unless the settings say `auth: none`. `ehlo_name` is how we introduce ourselves.
///
/// # Errors
/// A [`Failure`] with the catalogue's id and the step where it arose.
pub async fn smtp(
    net: &Net,
    settings: &Outgoing,
    secret: Option<&Secret>,
    ehlo_name: &str,
) -> Result<smtp_client::Session, Failure> {
    let peer = Peer::outgoing(settings, Clock::system().now());
    let mut opening = Opening::new(
        net,
        peer,
        settings.certificate_sha256.as_deref(),
        ehlo_name,
        Waits::Patient,
    );
    opening.whole_road(secret).await?;
    match opening.conversation {
        Some(Conversation::Smtp(session)) => Ok(*session),
        _ => Err(peer.failure(
            "internal_error",
            &[],
            Some("SMTP was asked for and is not set"),
        )),
    }
}

/// Opens a signed-in ManageSieve session at a port of the receiving server, for a person who waits.
///
/// # Errors
/// A [`Failure`] with the catalogue's id and the step where it arose.
pub(crate) async fn sieve(
    net: &Net,
    peer: &Peer<'_>,
    pinned: Option<&str>,
    secret: Option<&Secret>,
) -> Result<sieve_client::Session, Failure> {
    let mut opening = Opening::new(net, *peer, pinned, "", Waits::Short);
    opening.whole_road(secret).await?;
    match opening.conversation {
        Some(Conversation::Sieve(session)) => Ok(*session),
        _ => Err(peer.failure(
            "internal_error",
            &[],
            Some("ManageSieve was asked for and is not set"),
        )),
    }
}

/// Who waits: nobody, or a person in front of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The engine, in the background.
    Patient,
    /// A person: the report's steps are short.
    Short,
}

/// The road to one server, as far as it has been gone.
pub(crate) struct Opening<'a> {
    net: &'a Net,
    /// Whom we talk to.
    pub(crate) peer: Peer<'a>,
    /// The one certificate that is trusted, as hex.
    pinned: Option<&'a str>,
    ehlo_name: &'a str,
    waits: Waits,
    /// Where the name leads, after `resolve`.
    pub(crate) resolved: Option<Resolved>,
    stream: Option<Stream>,
    /// The conversation, from the greeting on.
    pub(crate) conversation: Option<Conversation>,
    /// The server's first line.
    pub(crate) greeting: Option<String>,
    /// How long it took, also where STARTTLS heard it before its step came.
    pub(crate) greeting_took: Duration,
    /// How often the secret may still be refused.
    pub(crate) tries: Tries,
    /// What is said, for a report.
    talk: Option<Transcript>,
    read_only: bool,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(
        net: &'a Net,
        peer: Peer<'a>,
        pinned: Option<&'a str>,
        ehlo_name: &'a str,
        waits: Waits,
    ) -> Self {
        Self {
            net,
            peer,
            pinned,
            ehlo_name,
            waits,
            resolved: None,
            stream: None,
            conversation: None,
            greeting: None,
            greeting_took: Duration::ZERO,
            tries: Tries::unlimited(),
            talk: None,
            read_only: false,
        }
    }

    /// The same for a report: what is said is noted, and refusals are counted.
    pub(crate) fn observed(self, talk: &Transcript, tries: &Tries) -> Self {
        Self {
            talk: Some(talk.clone()),
            tries: tries.clone(),
            ..self
        }
    }

    /// The same where nothing may be changed on the server.
    pub(crate) fn reading_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Whether nothing may be changed on the server.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Notes in the conversation what nobody said.
    pub(crate) fn happened(&self, what: &str) {
        if let Some(talk) = &self.talk {
            talk.note(Direction::Event, what);
        }
    }

    async fn whole_road(&mut self, secret: Option<&Secret>) -> Result<(), Failure> {
        self.resolve().await?;
        self.connect().await?;
        self.secure().await?;
        self.greet().await?;
        self.ask().await?;
        if self.wants_sign_in() {
            self.sign_in(secret).await?;
        }
        Ok(())
    }

    /// Step 1: from the name to permitted addresses.
    pub(crate) async fn resolve(&mut self) -> Result<(), Failure> {
        let found = self.net.resolve(self.peer.host).await;
        self.resolved = Some(found.map_err(|error| recognise::net(&error, &self.peer))?);
        Ok(())
    }

    /// Step 2: to one of those addresses.
    pub(crate) async fn connect(&mut self) -> Result<(), Failure> {
        let Peer { host, port, .. } = self.peer;
        let stream = self.another_connection(port).await?;
        let at = stream.peer_addr().map(|at| at.ip().to_string());
        self.happened(&format!(
            "connected to {host} ({}), port {port}",
            at.unwrap_or_default()
        ));
        self.stream = Some(stream);
        Ok(())
    }

    /// Whether a port of the same server answers; for advice after a failure.
    pub(crate) async fn port_answers(&self, port: u16, limit: Duration) -> bool {
        match &self.resolved {
            Some(resolved) => self.net.answers(resolved, port, limit).await,
            None => false,
        }
    }

    /// Whether a name leads to the network that the wanted host is in.
    pub(crate) async fn leads_here(&self, name: &str) -> bool {
        let (Some(here), Ok(there)) = (&self.resolved, self.net.resolve(name).await) else {
            return false;
        };
        let mut pairs = there
            .addresses
            .iter()
            .flat_map(|there| here.addresses.iter().map(move |here| (*here, *there)));
        pairs.any(|(here, there)| neighbours(here, there))
    }

    /// Who is asked for addresses.
    pub(crate) fn name_servers(&self) -> Vec<String> {
        if self.peer.host.parse::<IpAddr>().is_ok() {
            return Vec::new();
        }
        let servers = self.net.name_servers();
        servers.iter().map(|at| at.ip().to_string()).collect()
    }

    /// The address that answered.
    pub(crate) fn connected_to(&self) -> Option<String> {
        let at = self.stream.as_ref()?.peer_addr()?;
        Some(at.ip().to_string())
    }

    /// Goes the road up to step 5 once more, for another try at step 6: servers may hang up after a refusal.
    pub(crate) async fn start_again(&mut self) -> Result<(), Failure> {
        self.conversation = None;
        self.stream = None;
        self.connect().await?;
        self.secure().await?;
        self.greet().await?;
        self.ask().await
    }

    async fn another_connection(&self, port: u16) -> Result<Stream, Failure> {
        let Some(resolved) = &self.resolved else {
            return Err(self.lost_its_way());
        };
        let connected = self.net.connect(resolved, port).await;
        connected.map_err(|error| recognise::net(&error, &self.peer))
    }

    /// Step 3: TLS at once, or after the greeting by STARTTLS, or not at all, as the settings say; never anything in between.
    pub(crate) async fn secure(&mut self) -> Result<(), Failure> {
        match self.peer.security {
            Security::None => Ok(()),
            Security::Tls => self.implicit_tls().await,
            Security::Starttls => {
                self.greet().await?;
                let pin = self.pin()?;
                let Some(conversation) = &mut self.conversation else {
                    return Err(self.lost_its_way());
                };
                let done = conversation
                    .starttls(self.net, &self.peer, self.ehlo_name, pin.as_ref())
                    .await;
                done.map_err(|failure| failure.at(StepCode::Tls))
            }
        }
    }

    async fn implicit_tls(&mut self) -> Result<(), Failure> {
        let pin = self.pin()?;
        let stream = self.stream.take().ok_or_else(|| self.lost_its_way())?;
        match self.net.tls(stream, self.peer.host, pin.as_ref()).await {
            Ok(stream) => {
                self.happened("TLS established");
                self.stream = Some(stream);
                Ok(())
            }
            Err(error) => {
                let failure = recognise::net(&error, &self.peer).at(StepCode::Tls);
                Err(match failure.id() {
                    "tls_not_spoken" => self.with_what_plain_text_says(failure).await,
                    _ => failure,
                })
            }
        }
    }

    /// The port speaks plain text: perhaps even another protocol; and STARTTLS is the way out only where it is on offer.
    async fn with_what_plain_text_says(&self, mut failure: Failure) -> Failure {
        let look = timeout(LOOK, self.plain_text(self.peer.port)).await;
        let (text, action) = match look {
            Ok(Ok(true)) => return failure,
            Ok(Err(other)) if other.id() == "wrong_protocol" => return other.at(StepCode::Tls),
            Ok(Ok(false)) if self.peer.port != self.peer.spoken.ports()[0].0 => {
                let (port, _) = self.peer.spoken.ports()[0];
                let text = format!(
                    "Use port {port} with TLS: port {} offers no encryption (no STARTTLS).",
                    self.peer.port
                );
                (text, format!("use:{port}:tls"))
            }
            Ok(Ok(false)) => (
                format!(
                    "Ask the provider which port is encrypted: port {} offers no encryption (no STARTTLS).",
                    self.peer.port
                ),
                "contact_provider".to_owned(),
            ),
            _ => (
                "Check the port and its security.".to_owned(),
                "edit_port".to_owned(),
            ),
        };
        failure.problem.remedy.text = text;
        failure.problem.remedy.action = Some(action);
        failure
    }

    /// Whether a port, asked in plain text, offers to begin TLS (STARTTLS). Nothing else is said there.
    async fn plain_text(&self, port: u16) -> Result<bool, Failure> {
        let stream = self.another_connection(port).await?;
        let started = Conversation::start(stream, &self.peer, self.waits, None);
        let (mut conversation, _) = started.await?;
        conversation.ask(&self.peer, self.ehlo_name).await?;
        Ok(conversation.offers_starttls())
    }

    /// Whether a port of the same server offers STARTTLS, found out within this time.
    pub(crate) async fn offers_starttls(&self, port: u16, limit: Duration) -> bool {
        matches!(timeout(limit, self.plain_text(port)).await, Ok(Ok(true)))
    }

    /// Step 4: the server's first line. Nothing to do where STARTTLS has heard it already.
    pub(crate) async fn greet(&mut self) -> Result<(), Failure> {
        if self.conversation.is_some() {
            return Ok(());
        }
        let stream = self.stream.take().ok_or_else(|| self.lost_its_way())?;
        let plain = !stream.is_tls();
        let began = tokio::time::Instant::now();
        let started = {
            let start = Conversation::start(stream, &self.peer, self.waits, self.talk.clone());
            tokio::pin!(start);
            tokio::select! {
                started = &mut start => started,
                () = sleep(SILENCE), if plain => match self.speaks_tls_at_once().await {
                    Some(failure) => return Err(failure),
                    None => start.await,
                },
            }
        };
        match started {
            Ok((mut conversation, greeting)) => {
                if let (true, Conversation::Imap(talk)) = (self.read_only, &mut conversation) {
                    talk.session.read_only();
                }
                self.conversation = Some(conversation);
                self.greeting = Some(greeting);
                self.greeting_took = began.elapsed();
                Ok(())
            }
            // A server that wanted TLS hangs up on plain text, or answers with the bytes of a TLS alert.
            Err(failure)
                if plain
                    && matches!(
                        failure.id(),
                        "server_closed" | "wrong_protocol" | "server_nonsense" | "timed_out"
                    ) =>
            {
                Err(self.speaks_tls_at_once().await.unwrap_or(failure))
            }
            Err(failure) => Err(failure),
        }
    }

    /// A port that is silent in plain text is tried once with TLS. A certificate, good or bad, is the proof.
    async fn speaks_tls_at_once(&self) -> Option<Failure> {
        let look = async {
            let stream = self.another_connection(self.peer.port).await.ok()?;
            match self.net.tls(stream, self.peer.host, None).await {
                Ok(_) => Some(()),
                Err(mail_net::NetError::Tls(failure)) => failure.certificate.map(drop),
                Err(_) => None,
            }
        };
        timeout(LOOK, look).await.ok().flatten()?;
        Some(self.peer.failure("port_security_mismatch", &[], None))
    }

    /// Step 5: what the server can do.
    pub(crate) async fn ask(&mut self) -> Result<(), Failure> {
        let Some(conversation) = &mut self.conversation else {
            return Err(self.lost_its_way());
        };
        let asked = conversation.ask(&self.peer, self.ehlo_name).await;
        asked.map_err(|failure| failure.at(StepCode::Capabilities))
    }

    /// Whether there is a step 6 at all.
    pub(crate) fn wants_sign_in(&self) -> bool {
        let signed_in = self
            .conversation
            .as_ref()
            .is_some_and(Conversation::is_signed_in);
        self.peer.auth != Auth::None && !signed_in
    }

    /// Step 6: proves who we are, once. Gives the way it was done, such as `PLAIN`.
    pub(crate) async fn sign_in(&mut self, secret: Option<&Secret>) -> Result<String, Failure> {
        let Some(secret) = secret else {
            return Err(self.peer.failure("credentials_missing", &[], None));
        };
        if !self.may_show_secrets() {
            return Err(self.peer.failure("plaintext_refused", &[], None));
        }
        let credentials = self.credentials(secret);
        let Some(conversation) = &mut self.conversation else {
            return Err(self.lost_its_way());
        };
        let done = conversation
            .sign_in(&credentials, &self.peer, &self.tries)
            .await;
        done.map_err(|failure| match failure.id() {
            // What breaks while signing in is no refusal, but it belongs to this step.
            "timed_out" | "server_closed" | "server_nonsense" => failure.at(StepCode::Login),
            // A server may repeat what it was told.
            _ => failure.without(secret),
        })
    }

    fn credentials(&self, secret: &Secret) -> sasl::Credentials {
        let text = secret.expose().to_owned();
        sasl::Credentials {
            username: self.peer.username.to_owned(),
            secret: match self.peer.auth {
                Auth::Oauth2 => sasl::Secret::Token(text),
                _ => sasl::Secret::Password(text),
            },
        }
    }

    /// The rule of promise S1.
    fn may_show_secrets(&self) -> bool {
        let loopback = self
            .resolved
            .as_ref()
            .is_some_and(|resolved| resolved.addresses.iter().all(IpAddr::is_loopback));
        self.tls_info().is_some() || self.peer.security == Security::None || loopback
    }

    /// Step 5's question before step 6: is there any way to sign in that fits? Says why not.
    pub(crate) fn no_way_to_sign_in(&self, secret: &Secret) -> Option<Failure> {
        let conversation = self.conversation.as_ref()?;
        let refusal = conversation.no_way_to_sign_in(&self.credentials(secret), &self.peer)?;
        Some(refusal.at(StepCode::Capabilities))
    }

    /// The SASL mechanisms on offer.
    pub(crate) fn ways_to_sign_in(&self) -> Vec<String> {
        let conversation = self.conversation.as_ref();
        conversation.map_or_else(Vec::new, |conversation| conversation.ways_to_sign_in().0)
    }

    /// What TLS agreed on, wherever the stream is now.
    pub(crate) fn tls_info(&self) -> Option<&TlsInfo> {
        match (&self.stream, &self.conversation) {
            (Some(stream), _) => stream.tls_info(),
            (None, Some(conversation)) => conversation.tls_info(),
            (None, None) => None,
        }
    }

    /// Whether one certificate is trusted by its fingerprint.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
    }

    fn pin(&self) -> Result<Option<Fingerprint>, Failure> {
        let Some(text) = self.pinned else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let said = "the pinned fingerprint is not a SHA-256 in hexadecimal digits";
            self.peer
                .failure("certificate_pin_mismatch", &[], Some(said))
        })
    }

    /// A step was taken before the one that it needs: a mistake of ours.
    fn lost_its_way(&self) -> Failure {
        self.peer.failure("internal_error", &[], None)
    }
}

/// Two addresses of one hoster's machines: the same /24 (IPv4) or the same /48 (IPv6).
fn neighbours(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..3] == b.segments()[..3],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_one_network_are_neighbours() {
        for (a, b, wanted) in [
            ("192.0.2.1", "192.0.2.200", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("2001:db8:1::1", "2001:db8:1:9::2", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
            ("192.0.2.1", "2001:db8::1", false),
        ] {
            assert_eq!(
                neighbours(a.parse().unwrap(), b.parse().unwrap()),
                wanted,
                "{a} {b}"
            );
        }
    }
}
