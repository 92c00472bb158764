//! TLS from PEM files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;

/// Why there is no TLS.
#[derive(Debug)]
pub enum TlsError {
    /// A file can't be read, or isn't the PEM that was asked for.
    File(PathBuf, String),
    /// Certificate and key don't fit together.
    Pair(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, what) => {
                write!(f, "{}: {what}; give PEM files to --tls-cert and --tls-key", path.display())
            }
            Self::Pair(what) => write!(f, "certificate and key can't be used together: {what}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// What makes TLS of connections.
///
/// # Errors
/// When the files aren't a certificate chain and its key.
pub fn acceptor(files: &Tls) -> Result<TlsAcceptor, TlsError> {
    let fault = |path: &Path, what: String| TlsError::File(path.to_owned(), what);
    let chain = CertificateDer::pem_file_iter(&files.certificates).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| fault(&files.certificates, error.to_string()))?;
    if chain.is_empty() {
        return Err(fault(&files.certificates, "there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(&files.key, error.to_string()))?;
    let config =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let config = config.map_err(|error| TlsError::Pair(error.to_string()))?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).map_err(|error| TlsError::Pair(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
