//! STARTTLS. What was said before TLS counts for nothing after it (RFC 9051 section 11.1).

use mail_net::{Direction, Fingerprint, Net};

use crate::session::ignore;
use crate::unsolicited::Facts;
use crate::{ImapError, Session};

impl Session {
    /// Upgrades the connection. Everything learnt so far is forgotten, capabilities included.
    ///
    /// # Errors
    /// [`ImapError::Unsupported`] when it is not offered (nothing is sent then), `No`/`Bad` when it is refused,
    /// [`ImapError::StartTlsInjection`] when text waits behind the answer, `Net` when TLS fails.
    pub async fn starttls(
        &mut self,
        net: &Net,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<(), ImapError> {
        self.capability().await?;
        if !self.supports("STARTTLS") {
            return Err(ImapError::Unsupported { what: "STARTTLS" });
        }
        if self.is_compressed() {
            return Err(ImapError::protocol("TLS cannot be put inside compression"));
        }
        let command = self.command("STARTTLS");
        self.run(command, &mut ignore).await?;
        self.begin("the TLS handshake")?;
        let outcome = self.upgrade(net, host, pin).await;
        self.end(outcome)
    }

    async fn upgrade(
        &mut self,
        net: &Net,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<(), ImapError> {
        if self.wire.has_unread() {
            return Err(ImapError::StartTlsInjection);
        }
        self.facts = Facts::default();
        self.enabled.clear();
        let plain = self.wire.take_stream();
        let secured = net.tls(plain, host, pin).await?;
        self.wire.put_stream(secured);
        if let Some(transcript) = &self.transcript {
            transcript.note(Direction::Event, "TLS established");
        }
        Ok(())
    }
}
