//! What a server's certificate says, in words, and the fingerprint by which one can be pinned.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// More names than this are not listed; a certificate may carry thousands.
const MAX_NAMES: usize = 100;
/// A distinguished name or host name is cut here.
const MAX_TEXT: usize = 500;

/// The readable parts of a certificate. All text is the server's and is stripped of control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// Distinguished name of the holder.
    pub subject: String,
    /// Distinguished name of the signer.
    pub issuer: String,
    /// Host names and addresses it is for (at most 100), in the certificate's order.
    pub names: Vec<String>,
    /// Start of validity, Unix seconds.
    pub not_before: i64,
    /// End of validity, Unix seconds.
    pub not_after: i64,
    /// SHA-256 of the DER form, lower-case hex.
    pub sha256: String,
    /// Whether holder and signer are the same.
    pub self_signed: bool,
}

impl CertificateInfo {
    /// Reads what can be read. A certificate that cannot be parsed still has its fingerprint.
    pub fn from_der(der: &[u8]) -> CertificateInfo {
        let sha256 = Fingerprint::of(der).to_string();
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return CertificateInfo {
                subject: "(unreadable certificate)".to_owned(),
                issuer: String::new(),
                names: Vec::new(),
                not_before: 0,
                not_after: 0,
                sha256,
                self_signed: false,
            };
        };
        CertificateInfo {
            subject: clean(&certificate.subject().to_string()),
            issuer: clean(&certificate.issuer().to_string()),
            names: names(&certificate),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            sha256,
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return certificate
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok())
            .map(clean)
            .collect();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(clean(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MAX_NAMES)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(v6).to_string())
}

fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}

/// SHA-256 of a certificate's DER form. Reads `ab:cd:..` and `abcd..`, prints the latter.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of(der: &[u8]) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Fingerprint(bytes)
    }

    /// From the raw 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Fingerprint {
        Fingerprint(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a certificate fingerprint is 64 hex digits (SHA-256), with or without colons")]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, InvalidFingerprint> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect::<Option<_>>()
            .ok_or(InvalidFingerprint)?;
        if digits.len() != 64 {
            return Err(InvalidFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
        }
        Ok(Fingerprint(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_both_spellings() {
        let fingerprint = Fingerprint::of(b"abc");
        let plain = fingerprint.to_string();
        assert_eq!(
            plain,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let colons: Vec<&str> = (0..32).map(|i| &plain[2 * i..2 * i + 2]).collect();
        assert_eq!(
            colons
                .join(":")
                .to_uppercase()
                .parse::<Fingerprint>()
                .unwrap(),
            fingerprint
        );
        for bad in ["", "abc", "zz", &plain[1..], &format!("{plain}0")] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rubbish_in_place_of_a_certificate_is_described_not_refused() {
        let info = CertificateInfo::from_der(b"not DER");
        assert_eq!(info.sha256.len(), 64);
        assert!(info.names.is_empty());
    }
}
