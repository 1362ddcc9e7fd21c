//! An authority of our own and four server certificates: a good one and three that a client must refuse.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::machine::Result;

/// A certificate with its chain and its key, as PEM files.
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// All of them.
pub struct Certificates {
    /// The authority that clients are told to trust.
    pub ca: PathBuf,
    /// For localhost, 127.0.0.1 and mail.test.local.
    pub good: Pair,
    /// For another host.
    pub wrong_name: Pair,
    /// Ended in 2021.
    pub expired: Pair,
    /// From an authority that nobody trusts.
    pub untrusted: Pair,
}

const GOOD_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "mail.test.local"];

/// Makes them in `<dir>/tls`.
pub fn make(dir: &Path) -> Result<Certificates> {
    let dir = dir.join("tls");
    fs::create_dir_all(&dir)?;
    let (authority, ca_pem) = authority("Postroom Test Authority")?;
    let (stranger, _) = self::authority("Unknown Authority")?;
    let ca = dir.join("ca.pem");
    fs::write(&ca, ca_pem)?;
    Ok(Certificates {
        ca,
        good: leaf(&dir, "good", &GOOD_NAMES, false, &authority)?,
        wrong_name: leaf(
            &dir,
            "wrong-name",
            &["mail.elsewhere.test"],
            false,
            &authority,
        )?,
        expired: leaf(&dir, "expired", &GOOD_NAMES, true, &authority)?,
        untrusted: leaf(&dir, "untrusted", &GOOD_NAMES, false, &stranger)?,
    })
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

fn leaf(
    dir: &Path,
    file: &str,
    names: &[&str],
    expired: bool,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Pair> {
    let mut params =
        CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = if expired {
        date_time_ymd(2021, 1, 1)
    } else {
        date_time_ymd(2119, 1, 1)
    };
    let key = KeyPair::generate()?;
    let pair = Pair {
        certificate: dir.join(format!("{file}.pem")),
        key: dir.join(format!("{file}.key")),
    };
    fs::write(&pair.certificate, params.signed_by(&key, issuer)?.pem())?;
    fs::write(&pair.key, key.serialize_pem())?;
    Ok(pair)
}
