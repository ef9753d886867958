//! Certificates out of PEM files, and whether the files have changed.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::{self, sign::CertifiedKey};

use super::provider;

/// The files of a certificate and its key.
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// A digest of what was in them at the last look, good or bad. A time of change would not do: where a link is
    /// turned to another file, as certbot and Kubernetes do, that may be older.
    seen: [u8; 32],
}

/// What was read from them, or a sentence for the operator.
type Read = Result<Arc<CertifiedKey>, String>;

impl Files {
    /// Reads these files.
    pub(super) fn open(cert: &Path, key: &Path) -> (Self, Read) {
        Self::take(cert, key, Contents::read(cert, key))
    }

    /// What is in them now, where that is something else than at the last look.
    pub(super) fn look(&self) -> Option<(Self, Read)> {
        let contents = Contents::read(&self.cert, &self.key);
        let changed = contents.digest() != self.seen;
        changed.then(|| Self::take(&self.cert, &self.key, contents))
    }

    fn take(cert: &Path, key: &Path, contents: Contents) -> (Self, Read) {
        let files = Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            seen: contents.digest(),
        };
        (files, contents.certified(cert, key))
    }

    /// What the operator is told when something new was read.
    pub(super) fn news(&self) -> String {
        format!("the certificate in {} was read anew", self.cert.display())
    }
}

/// The bytes of both files: each is read once, so that what is noted as seen is what is used.
struct Contents {
    cert: io::Result<Vec<u8>>,
    key: io::Result<Vec<u8>>,
}

impl Contents {
    fn read(cert: &Path, key: &Path) -> Self {
        Self {
            cert: fs::read(cert),
            key: fs::read(key),
        }
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [&self.cert, &self.key] {
            let part = match part {
                Ok(bytes) => Sha256::digest(bytes),
                Err(error) => Sha256::digest(error.to_string()),
            };
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn certified(self, cert: &Path, key: &Path) -> Read {
        let chain = self.cert.map_err(|error| unreadable(cert, &error))?;
        let chain = chain_of(&chain).map_err(|error| unreadable(cert, &error))?;
        if chain.is_empty() {
            return Err(format!("{} has no certificate in PEM", cert.display()));
        }
        let no_key = |error: &dyn fmt::Display| {
            format!("no private key can be read from {}: {error}", key.display())
        };
        let key_der = self.key.map_err(|error| no_key(&error))?;
        let key_der = PrivateKeyDer::from_pem_slice(&key_der).map_err(|error| no_key(&error))?;
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
}

/// The certificates in a PEM file.
pub fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(file).map_err(|error| unreadable(file, &error))?;
    chain_of(&pem).map_err(|error| unreadable(file, &error))
}

fn chain_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

fn unreadable(file: &Path, error: &dyn fmt::Display) -> String {
    format!("{} cannot be read: {error}", file.display())
}
