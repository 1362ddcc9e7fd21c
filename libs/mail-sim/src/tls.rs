//! How a simulator proves who it is, and what can be wrong with that.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::Socket;

/// What is wrong with the TLS of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate was valid until 2021.
    Expired,
    /// The certificate will be valid from 2200.
    NotYetValid,
    /// The certificate is for mail.hoster.example.
    OtherName,
    /// The certificate is signed by itself.
    SelfSigned,
    /// The certificate is signed by an authority that is not the one told.
    UnknownAuthority,
    /// The certificate is meant for clients.
    NotForServers,
    /// No version since 2008 is spoken: the answer is the alert protocol_version.
    OldVersion,
    /// The answer to the client's first message is the alert internal_error.
    Broken,
}

/// The names that the certificate is for, and what is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub names: Vec<String>,
    pub fault: Option<TlsFault>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            fault: None,
        }
    }
}

/// The server's side of the handshake.
#[derive(Clone)]
pub(crate) enum Acceptor {
    Real(TlsAcceptor),
    /// Answers with this alert (RFC 8446 section 6.2).
    Alert(u8),
}

impl Acceptor {
    /// Shakes hands, or refuses to.
    pub async fn accept(
        &self,
        mut socket: Box<dyn Socket>,
    ) -> std::io::Result<TlsStream<Box<dyn Socket>>> {
        match self {
            Self::Real(acceptor) => acceptor.accept(socket).await,
            Self::Alert(description) => {
                let mut hello = [0; 4_096];
                let _ = socket.read(&mut hello).await?;
                // A fatal alert in a record of TLS 1.0, as old servers send it.
                let record = [21, 3, 1, 0, 2, 2, *description];
                socket.write_all(&record).await?;
                socket.shutdown().await?;
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
        }
    }
}

/// An acceptor and the authority that vouches for it, as PEM, made anew for every simulator.
pub(crate) fn make(identity: &Identity) -> (Acceptor, String) {
    try_make(identity).expect("fixed parameters make a certificate")
}

fn try_make(identity: &Identity) -> Result<(Acceptor, String), Box<dyn std::error::Error>> {
    let (authority, ca_pem) = authority("mail-sim authority")?;
    let fault = match identity.fault {
        Some(TlsFault::OldVersion) => return Ok((Acceptor::Alert(70), ca_pem)),
        Some(TlsFault::Broken) => return Ok((Acceptor::Alert(80), ca_pem)),
        fault => fault,
    };
    let names = match fault {
        Some(TlsFault::OtherName) => vec!["mail.hoster.example".to_owned()],
        _ => identity.names.clone(),
    };
    let mut leaf = CertificateParams::new(names)?;
    match fault {
        Some(TlsFault::Expired) => {
            leaf.not_before = date_time_ymd(2020, 1, 1);
            leaf.not_after = date_time_ymd(2021, 1, 1);
        }
        Some(TlsFault::NotYetValid) => leaf.not_before = date_time_ymd(2200, 1, 1),
        Some(TlsFault::NotForServers) => {
            leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        _ => {}
    }
    let key = KeyPair::generate()?;
    let leaf = match fault {
        Some(TlsFault::SelfSigned) => leaf.self_signed(&key)?,
        Some(TlsFault::UnknownAuthority) => {
            let (unknown, _) = self::authority("an authority that nobody knows")?;
            leaf.signed_by(&key, &unknown)?
        }
        _ => leaf.signed_by(&key, &authority)?,
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((Acceptor::Real(TlsAcceptor::from(Arc::new(config))), ca_pem))
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String), Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}
