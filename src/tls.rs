//! Certificates: out of files, or made here.

mod files;
mod self_signed;
pub mod stream;
mod watch;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use self::files::Files;
pub use self::{
    files::read_chain,
    self_signed::{SelfSigned, self_signed, write_private},
    watch::Certificates,
};
use crate::config::Tls;

/// When the next certificate takes over, after the current one did. Whoever has pinned the next one in time
/// has until the end of its own life.
const TURN: Duration = Duration::from_secs(10 * 24 * 3600);

/// What a listener shows who it is. Whoever shakes hands gets what is current at that moment.
pub struct Identity {
    shown: ArcSwap<Shown>,
}

/// A certificate, its key, and where the next ones come from.
struct Shown {
    current: Arc<CertifiedKey>,
    source: Source,
}

enum Source {
    Files(Files),
    SelfSigned { names: Vec<String>, next: Next },
}

/// A self-signed certificate whose turn comes later.
struct Next {
    key: Arc<CertifiedKey>,
    from: SystemTime,
}

impl Identity {
    /// The identity that a configuration names; `None` for plain TCP. The error is a sentence for the operator.
    pub fn load(tls: &Tls, now: SystemTime) -> Result<Option<Self>, String> {
        let shown = match tls {
            Tls::Off => return Ok(None),
            Tls::Files { cert, key } => {
                let (files, current) = Files::open(cert, key);
                let source = Source::Files(files);
                Shown {
                    current: current?,
                    source,
                }
            }
            Tls::SelfSigned(names) => {
                let first = Next {
                    key: certified(self_signed(names, now)?)?,
                    from: now,
                };
                Shown::self_signed(names, &first, now)?
            }
        };
        Ok(Some(Self {
            shown: ArcSwap::from_pointee(shown),
        }))
    }

    /// Looks whether it is time to show another certificate: the next self-signed one, or what is in the files by
    /// now. Tells what is new, if anything is; what is wrong with files is told once, and changes nothing.
    pub fn look(&self, now: SystemTime) -> Result<Option<String>, String> {
        let shown = self.shown.load_full();
        let (looked, told) = match &shown.source {
            Source::Files(files) => {
                let Some((files, read)) = files.look() else {
                    return Ok(None);
                };
                let (current, told) = match read {
                    Ok(current) => (current, Ok(Some(files.news()))),
                    Err(error) => (Arc::clone(&shown.current), Err(error)),
                };
                let source = Source::Files(files);
                (Shown { current, source }, told)
            }
            Source::SelfSigned { names, next } if next.from <= now => {
                let news = format!(
                    "the self-signed certificate for {} was renewed",
                    names.join(", ")
                );
                (Shown::self_signed(names, next, now)?, Ok(Some(news)))
            }
            Source::SelfSigned { .. } => return Ok(None),
        };
        let before = self.shown.compare_and_swap(&shown, Arc::new(looked));
        // Where a reload came in between, what it has brought stays.
        if Arc::ptr_eq(&before, &shown) {
            told
        } else {
            Ok(None)
        }
    }

    /// Shows from now on what `other` would, and looks where it would. A self-signed certificate for the same names
    /// stays: peers have pinned it.
    pub fn adopt(&self, other: Self) {
        let other = other.shown.into_inner();
        match (&self.shown.load().source, &other.source) {
            (Source::SelfSigned { names, .. }, Source::SelfSigned { names: others, .. })
                if names == others => {}
            _ => self.shown.store(other),
        }
    }

    /// When the certificate that is shown now runs out, in seconds since 1970.
    pub fn expiry(&self) -> Option<i64> {
        let shown = self.shown.load();
        let certificate = shown.current.end_entity_cert().ok()?;
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        Some(parsed.validity().not_after.timestamp())
    }

    /// The SHA-256 of each certificate that a browser must pin: the current one and, where it is known, the next.
    /// None where a browser can verify the certificate itself.
    pub fn pinned(&self) -> Vec<[u8; 32]> {
        let shown = self.shown.load();
        let next = match &shown.source {
            Source::SelfSigned { next, .. } => Some(&next.key),
            Source::Files(_) => None,
        };
        [Some(&shown.current), next]
            .into_iter()
            .flatten()
            .flat_map(|key| key.end_entity_cert())
            .filter(|certificate| is_self_signed(certificate))
            .map(|certificate| fingerprint(certificate))
            .collect()
    }
}

impl Shown {
    /// Now it is this one's turn; the one after it is made.
    fn self_signed(names: &[String], turn: &Next, now: SystemTime) -> Result<Self, String> {
        let from = now + TURN;
        let next = Next {
            key: certified(self_signed(names, from)?)?,
            from,
        };
        Ok(Self {
            current: Arc::clone(&turn.key),
            source: Source::SelfSigned {
                names: names.to_vec(),
                next,
            },
        })
    }
}

/// Is this certificate signed with its own key?
fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| parsed.verify_signature(None).is_ok())
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.load().current))
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

fn certified(made: SelfSigned) -> Result<Arc<CertifiedKey>, String> {
    let key = PrivatePkcs8KeyDer::from(made.key_der());
    let chain = vec![made.certificate().clone()];
    CertifiedKey::from_der(chain, key.into(), &provider())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
