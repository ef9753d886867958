//! Certificates: out of files, or made here.

use std::{
    fmt, io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::config::Tls;

/// Browsers pin certificates of at most 14 days (W3C WebTransport, custom certificate requirements).
const LIFETIME: Duration = Duration::from_secs(13 * 24 * 3600);
/// When the next certificate takes over, after the current one did. Whoever has pinned the next one in time
/// has until the end of its own life.
const TURN: Duration = Duration::from_secs(10 * 24 * 3600);
/// A new certificate is valid for peers whose clock is this much behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// What a listener shows who it is. Whoever shakes hands gets what is current at that moment.
pub struct Identity {
    names: Option<Vec<String>>,
    keys: ArcSwap<Keys>,
}

struct Keys {
    current: Arc<CertifiedKey>,
    next: Option<Next>,
}

/// A self-signed certificate whose turn comes later.
struct Next {
    key: Arc<CertifiedKey>,
    from: SystemTime,
}

impl Identity {
    /// The identity that a configuration names; `None` for plain TCP. The error is a sentence for the operator.
    pub fn load(tls: &Tls, now: SystemTime) -> Result<Option<Self>, String> {
        match tls {
            Tls::Off => Ok(None),
            Tls::Files { cert, key } => {
                let keys = Keys {
                    current: read(cert, key)?,
                    next: None,
                };
                Ok(Some(Self {
                    names: None,
                    keys: ArcSwap::from_pointee(keys),
                }))
            }
            Tls::SelfSigned(names) => Self::self_signed(names, now).map(Some),
        }
    }

    fn self_signed(names: &[String], now: SystemTime) -> Result<Self, String> {
        let from = now + TURN;
        let keys = Keys {
            current: certified(self_signed(names, now)?)?,
            next: Some(Next {
                key: certified(self_signed(names, from)?)?,
                from,
            }),
        };
        Ok(Self {
            names: Some(names.to_vec()),
            keys: ArcSwap::from_pointee(keys),
        })
    }

    /// Lets the next self-signed certificate take over once it is its turn.
    pub fn renew(&self, now: SystemTime) -> Result<bool, String> {
        let keys = self.keys.load();
        let (Some(names), Some(next)) = (&self.names, &keys.next) else {
            return Ok(false);
        };
        if now < next.from {
            return Ok(false);
        }
        let from = now + TURN;
        self.keys.store(Arc::new(Keys {
            current: Arc::clone(&next.key),
            next: Some(Next {
                key: certified(self_signed(names, from)?)?,
                from,
            }),
        }));
        Ok(true)
    }

    /// When the certificate that is shown now runs out, in seconds since 1970.
    pub fn expiry(&self) -> Option<i64> {
        let keys = self.keys.load();
        let certificate = keys.current.end_entity_cert().ok()?;
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        Some(parsed.validity().not_after.timestamp())
    }

    /// The SHA-256 of each certificate that a browser must pin: the current one and, where it is known, the next.
    /// None where a browser can verify the certificate itself.
    pub fn pinned(&self) -> Vec<[u8; 32]> {
        let keys = self.keys.load();
        let next = keys.next.as_ref().map(|next| &next.key);
        [Some(&keys.current), next]
            .into_iter()
            .flatten()
            .flat_map(|key| key.end_entity_cert())
            .filter(|certificate| is_self_signed(certificate))
            .map(|certificate| fingerprint(certificate))
            .collect()
    }
}

/// Is this certificate signed with its own key?
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| parsed.verify_signature(None).is_ok())
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.keys.load().current))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The SHA-256 of a certificate.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// The one provider of cryptography, for both directions of every transport.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// TLS for a listener with this ALPN protocol.
pub fn server_config(identity: Arc<Identity>, alpn: &str) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    Ok(config)
}

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

fn certified(made: SelfSigned) -> Result<Arc<CertifiedKey>, String> {
    let key = PrivatePkcs8KeyDer::from(made.key.serialize_der());
    let chain = vec![made.certificate().clone()];
    CertifiedKey::from_der(chain, key.into(), &provider())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

fn read(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let chain = read_chain(cert)?;
    if chain.is_empty() {
        return Err(format!("{} has no certificate in PEM", cert.display()));
    }
    let key_der = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("no private key can be read from {}: {error}", key.display()))?;
    CertifiedKey::from_der(chain, key_der, &provider())
        .map(Arc::new)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => format!(
                "the key in {} does not belong to the certificate in {}",
                key.display(),
                cert.display()
            ),
            error => format!("{} cannot be used: {error}", cert.display()),
        })
}

/// The certificates in a PEM file.
pub fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn fmt::Display| format!("{} cannot be read: {error}", file.display());
    let found = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    found
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    #[test]
    fn the_next_certificate_is_told_before_its_turn_and_takes_over_in_time() {
        let start = SystemTime::now();
        let identity = Identity::self_signed(&names(), start).expect("a certificate");
        let [_, next] = identity.pinned()[..] else {
            panic!("a current and a next certificate");
        };
        assert!(
            !identity
                .renew(start + TURN - Duration::from_secs(1))
                .expect("no renewal")
        );
        assert!(identity.renew(start + TURN).expect("a renewal"));
        assert_eq!(identity.pinned()[0], next);
        assert_ne!(identity.pinned()[1], next);
        const { assert!(TURN.as_secs() < LIFETIME.as_secs() - BACKDATED.as_secs()) };
        const { assert!(LIFETIME.as_secs() <= 14 * 24 * 3600) };
    }

    #[test]
    fn a_self_signed_certificate_out_of_files_is_to_be_pinned_and_its_key_must_belong_to_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let [ours, other] =
            [(); 2].map(|()| self_signed(&names(), SystemTime::now()).expect("made"));
        let (cert, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
        std::fs::write(&cert, ours.certificate_pem()).expect("written");
        write_private(&key, &ours.key_pem(), false).expect("written");
        let tls = Tls::Files {
            cert: cert.clone(),
            key: key.clone(),
        };
        let identity = Identity::load(&tls, SystemTime::now()).expect("loads");
        let pinned = identity.map(|identity| identity.pinned());
        assert_eq!(pinned, Some(vec![fingerprint(ours.certificate())]));
        write_private(&key, &other.key_pem(), true).expect("written");
        let error = Identity::load(&tls, SystemTime::now()).expect_err("a mismatch");
        assert!(error.contains("does not belong to"), "{error}");
        std::fs::write(&cert, "nothing").expect("written");
        let error = Identity::load(&tls, SystemTime::now()).expect_err("no certificate");
        assert!(error.contains("no certificate in PEM"), "{error}");
    }

    #[test]
    fn a_private_key_is_never_written_over_another_file_nor_readable_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("a.key");
        write_private(&file, "first", false).expect("written");
        write_private(&file, "second", false).expect_err("is there already");
        let mode = std::fs::metadata(&file)
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
