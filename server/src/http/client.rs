//! Requests of the server's own, to other servers.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// What sends requests and gives them up after that time. It trusts what the operating system trusts.
pub fn client(within: Duration) -> ureq::Agent {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(within));
    config.tls_config(tls).build().into()
}
