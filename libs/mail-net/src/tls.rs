//! TLS to a mail server: verified against the trusted roots, or against one pinned certificate.
//!
//! The verifier is rustls's own. It is only wrapped, per connection, so that a refused certificate is kept:
//! a person who is told "untrusted" wants to see what was shown.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Net;
use crate::certificate::{CertificateInfo, Fingerprint};
use crate::error::{NetError, TlsFailure, TlsFailureKind};
use crate::stream::{Stream, TlsInfo};

/// Trusted roots and the cryptography, shared by all connections. Cloning is cheap.
#[derive(Clone)]
pub struct TlsSettings {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl TlsSettings {
    /// Trusts the system's certificate store (or, where that is empty, Mozilla's built-in list) plus the given
    /// authorities in PEM form. Offers TLS 1.2 and 1.3 only.
    ///
    /// # Errors
    /// [`NetError::InvalidCa`] when the PEM holds no usable certificate.
    pub fn new(extra_ca_pem: Option<&[u8]>) -> Result<TlsSettings, NetError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(pem) = extra_ca_pem {
            add_authorities(&mut roots, pem)?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| NetError::InvalidCa {
                    message: error.to_string(),
                })?;
        Ok(TlsSettings { provider, verifier })
    }

    /// A configuration of its own for each connection: the wrapper must not be shared, and session resumption is
    /// off because a resumed session never shows its certificate to a verifier, pinned or not.
    fn config(&self, watcher: Arc<Watcher>) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(watcher)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl Net {
    /// The same trust and the same cryptography for a client of another kind, such as one for HTTPS.
    ///
    /// # Errors
    /// [`NetError::Io`] when the cryptography has no common protocol version, which cannot happen with ring.
    pub fn client_config(&self) -> Result<ClientConfig, NetError> {
        let settings = self.tls_settings();
        let config = ClientConfig::builder_with_provider(Arc::clone(&settings.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| NetError::Io(io::Error::other(error)))?
            .dangerous()
            .with_custom_certificate_verifier(settings.verifier.clone())
            .with_no_client_auth();
        Ok(config)
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSettings")
    }
}

fn add_authorities(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), NetError> {
    let invalid = |message: String| NetError::InvalidCa { message };
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| invalid(error.to_string()))?;
        added += 1;
    }
    if added == 0 {
        return Err(invalid("there is no certificate in it".to_owned()));
    }
    Ok(())
}

impl Net {
    /// Makes a plain stream a protected one. Without a pin the chain, the name and the time are checked; with a pin
    /// exactly that certificate is accepted and nothing else, whoever signed it.
    ///
    /// # Errors
    /// [`NetError::Tls`] with the class and, where it was shown, the certificate; `TimedOut`; `Io`.
    pub async fn tls(
        &self,
        stream: Stream,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<Stream, NetError> {
        let peer = stream.peer_addr();
        let Some(transport) = stream.into_transport() else {
            return Err(NetError::Io(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the stream is already inside TLS",
            )));
        };
        let name = server_name(host)?;
        let watcher = Arc::new(Watcher {
            settings: self.tls_settings().clone(),
            pin: pin.copied(),
            shown: Mutex::new(None),
        });
        let config = self
            .tls_settings()
            .config(Arc::clone(&watcher))
            .map_err(|error| other(error.to_string()))?;
        let limit = self.timeouts().tls;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, transport.read_ahead());
        let outcome = timeout(limit, handshake)
            .await
            .map_err(|_| NetError::TimedOut {
                host: host.to_owned(),
                what: "the TLS handshake",
                after: limit,
            })?;
        let shown = watcher.take_shown();
        let chain_length = shown.as_ref().map_or(0, |shown| shown.chain_length);
        let certificate = shown.map(|shown| CertificateInfo::from_der(&shown.leaf));
        match outcome {
            Ok(io) => {
                let info = agreed(io.get_ref().1, certificate, chain_length);
                Ok(Stream::secured(io, info, peer))
            }
            Err(error) => Err(explain(host, error, certificate, pin.is_some())),
        }
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, NetError> {
    let bare = host.trim_matches(['[', ']']);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| other(format!("{host:?} cannot be the name in a certificate")))
}

fn other(message: String) -> NetError {
    NetError::Tls(Box::new(TlsFailure {
        kind: TlsFailureKind::Other,
        certificate: None,
        message,
    }))
}

fn agreed(
    connection: &rustls::ClientConnection,
    certificate: Option<CertificateInfo>,
    chain_length: usize,
) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        version => format!("{version:?}"),
    };
    let cipher = connection
        .negotiated_cipher_suite()
        .map(|suite| format!("{:?}", suite.suite()))
        .unwrap_or_default();
    TlsInfo {
        version,
        cipher,
        certificate: certificate.unwrap_or_else(|| CertificateInfo::from_der(&[])),
        chain_length,
    }
}

/// Lets the real verifier (or the pin) decide and remembers which certificate it was about.
#[derive(Debug)]
struct Watcher {
    settings: TlsSettings,
    pin: Option<Fingerprint>,
    shown: Mutex<Option<Shown>>,
}

/// What the server showed.
#[derive(Debug)]
struct Shown {
    leaf: Vec<u8>,
    chain_length: usize,
}

impl Watcher {
    fn take_shown(&self) -> Option<Shown> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown {
            leaf: end_entity.to_vec(),
            chain_length: 1 + intermediates.len(),
        });
        match self.pin {
            Some(pin) if Fingerprint::of(end_entity) == pin => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            None => self.settings.verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        }
    }

    // The signatures prove that the server holds the certificate's key; a pin does not replace that.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.settings.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.settings.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.settings.verifier.supported_verify_schemes()
    }
}

fn explain(
    host: &str,
    error: io::Error,
    certificate: Option<CertificateInfo>,
    pinned: bool,
) -> NetError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (kind, message) = match tls {
        Some(tls) => classify(host, tls, certificate.as_ref(), pinned),
        None if error.kind() == io::ErrorKind::UnexpectedEof => (
            TlsFailureKind::Other,
            format!("{host} closed the connection during the TLS handshake"),
        ),
        None => return NetError::Io(error),
    };
    NetError::Tls(Box::new(TlsFailure {
        kind,
        certificate,
        message,
    }))
}

fn classify(
    host: &str,
    error: &rustls::Error,
    certificate: Option<&CertificateInfo>,
    pinned: bool,
) -> (TlsFailureKind, String) {
    use TlsFailureKind::{NotTls, Other, PinMismatch, ProtocolTooOld};
    match error {
        rustls::Error::InvalidMessage(_) => (
            NotTls,
            format!("{host} does not speak TLS on this port: it answered in plain text"),
        ),
        rustls::Error::PeerIncompatible(reason) => (
            ProtocolTooOld,
            format!("{host} offers no TLS version or cipher that is safe today ({reason:?})"),
        ),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity),
        ) => (
            ProtocolTooOld,
            format!("{host} refused every TLS version and cipher that is safe today ({alert:?})"),
        ),
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
            if pinned =>
        {
            (
                PinMismatch,
                format!("{host} showed another certificate than the pinned one"),
            )
        }
        rustls::Error::InvalidCertificate(reason) => {
            classify_certificate(host, reason, certificate)
        }
        _ => (
            Other,
            format!("the TLS handshake with {host} failed: {error}"),
        ),
    }
}

fn classify_certificate(
    host: &str,
    reason: &CertificateError,
    certificate: Option<&CertificateInfo>,
) -> (TlsFailureKind, String) {
    use CertificateError as Reason;
    use TlsFailureKind::{Expired, NameMismatch, NotYetValid, Other, SelfSigned, Untrusted};
    let self_signed = certificate.is_some_and(|certificate| certificate.self_signed);
    match reason {
        Reason::Expired | Reason::ExpiredContext { .. } => {
            (Expired, format!("the certificate of {host} has expired"))
        }
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => (
            NotYetValid,
            format!("the certificate of {host} is not valid yet"),
        ),
        Reason::NotValidForName | Reason::NotValidForNameContext { .. } => {
            let names = certificate.map_or_else(String::new, |certificate| {
                let few: Vec<&str> = certificate
                    .names
                    .iter()
                    .take(5)
                    .map(String::as_str)
                    .collect();
                format!("; it is for {}", few.join(", "))
            });
            (
                NameMismatch,
                format!("the certificate is not for {host}{names}"),
            )
        }
        // A self-signed certificate fails in several ways: no issuer, or an authority used as a server.
        _ if self_signed => (SelfSigned, format!("{host} has a self-signed certificate")),
        Reason::UnknownIssuer | Reason::Other(_) => (
            Untrusted,
            format!("the certificate of {host} is signed by an authority that is not trusted here"),
        ),
        _ => (
            Other,
            format!("the certificate of {host} was refused: {reason}"),
        ),
    }
}
