//! TLS by files: for who trusts the certificate, and for nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::common::Fleet;
use dunlin_server::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A certificate for this machine, signed by its own key; both are written to the folder.
fn certificate(folder: &Path) -> Vec<u8> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
    std::fs::write(folder.join("chain.pem"), cert.pem()).expect("writable");
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("writable");
    cert.der().to_vec()
}

/// Who trusts these certificates.
fn client(trusted: &[Vec<u8>]) -> ureq::Agent {
    let roots = trusted.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
}

#[test]
fn who_trusts_the_certificate_gets_an_answer_and_nobody_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let der = certificate(folder.path());
    let files = Tls { certificates: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
    let mut fleet = Fleet::with(move |config| config.tls = Some(files.clone()));
    let address = fleet.address().replace("http://", "");
    let ready = format!("https://{address}/v2/health/ready");
    let mut answer = client(std::slice::from_ref(&der)).get(&ready).call().expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.body_mut().read_to_string().expect("text"), r#"{"ready":true}"#);
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let other = certificate(elsewhere.path());
    for trusted in [vec![other], Vec::new()] {
        let refused = client(&trusted).get(&ready).call().expect_err("a certificate that isn't trusted");
        assert!(matches!(refused, ureq::Error::Rustls(_) | ureq::Error::Io(_)), "{refused}");
    }
    // Who doesn't speak TLS gets an end, and nothing of what is here.
    let mut plain = TcpStream::connect(&address).expect("a connection");
    plain.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    plain.write_all(b"GET /v2/health/ready HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut said = Vec::new();
    plain.read_to_end(&mut said).expect("an end");
    assert!(said.len() < 16 && !said.starts_with(b"HTTP"), "{said:?}");
    // A key of another certificate is told when the server starts.
    fleet.stop();
    std::fs::copy(elsewhere.path().join("key.pem"), folder.path().join("key.pem")).expect("copied");
    let told = fleet.start_error();
    assert!(told.contains("can't be used together"), "{told}");
}
