//! Which certificates a client trusts.

use std::{path::PathBuf, sync::Arc};

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};

use super::Error;
use crate::tls;

/// Which certificates a client trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those that lead to one in this PEM file.
    Ca(PathBuf),
    /// The one with this SHA-256, whatever it says.
    Hash([u8; 32]),
    /// Any.
    Anything,
}

impl Trust {
    /// TLS for a client with this ALPN protocol.
    ///
    /// # Errors
    /// Where the certificates to trust cannot be read.
    pub fn client_config(&self, alpn: &str) -> Result<ClientConfig, Error> {
        let provider = tls::provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(Error::new)?;
        let pinned = |hash| {
            Arc::new(Pinned {
                hash,
                provider: Arc::clone(&provider),
            })
        };
        let mut config = match self {
            Self::System => builder.with_root_certificates(system_roots()?),
            Self::Ca(file) => builder.with_root_certificates(roots_of(file)?),
            Self::Hash(hash) => builder
                .dangerous()
                .with_custom_certificate_verifier(pinned(Some(*hash))),
            Self::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(pinned(None)),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        Ok(config)
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::new(
            "the system trusts no certificate: use --ca, --cert-hash or --insecure",
        ));
    }
    Ok(roots)
}

fn roots_of(file: &std::path::Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in tls::read_chain(file).map_err(Error)? {
        roots.add(certificate).map_err(Error::new)?;
    }
    Ok(roots)
}

/// Trusts one certificate by its SHA-256, or any. The handshake still proves that the other side has the key.
#[derive(Debug)]
struct Pinned {
    hash: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self
            .hash
            .is_none_or(|hash| hash == tls::fingerprint(certificate))
        {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(
            "the relay shows another certificate than the one with this hash".to_owned(),
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
