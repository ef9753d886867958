//! Certificates that are made here.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::CertificateDer;

/// Browsers pin certificates of at most 14 days (W3C WebTransport, custom certificate requirements).
pub(super) const LIFETIME: Duration = Duration::from_secs(13 * 24 * 3600);
/// A new certificate is valid for peers whose clock is this much behind.
pub(super) const BACKDATED: Duration = Duration::from_secs(3600);

/// A certificate and its key as PEM files hold them.
pub struct SelfSigned {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl SelfSigned {
    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The private key, in PKCS #8.
    pub(super) fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// The private key as PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

/// A self-signed ECDSA P-256 certificate for these names and addresses, valid from `from` for as long as
/// browsers pin one.
pub fn self_signed(names: &[String], from: SystemTime) -> Result<SelfSigned, String> {
    let mut params = CertificateParams::new(names).map_err(|error| error.to_string())?;
    params.not_before = (from - BACKDATED).into();
    params.not_after = (from - BACKDATED + LIFETIME).into();
    params.distinguished_name = DistinguishedName::new();
    let name = names.first().map_or("intercessor", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| error.to_string())?;
    let certificate = params
        .self_signed(&key)
        .map_err(|error| error.to_string())?;
    Ok(SelfSigned { certificate, key })
}

/// The file system's word for a file of a certificate that cannot be written.
pub fn write_private(path: &Path, pem: &str, replace: bool) -> io::Result<()> {
    use std::{
        fs::OpenOptions,
        io::Write,
        os::unix::fs::{OpenOptionsExt, PermissionsExt},
    };
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut file = options.open(path)?;
    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    file.write_all(pem.as_bytes())
}
