//! Buckets of object stores: who they belong to is said by the variables that their own tools read, and requests go by the server's own client.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use http_body_util::BodyExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

/// A request ends within that time, and is sent again for so long in all; after that a segment waits for its next turn.
const WITHIN: Duration = Duration::from_secs(20);
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 },
    max_retries: 3,
    retry_timeout: Duration::from_secs(30),
};

/// The longest answer that is read, in bytes: a list, or an error.
const ANSWER: u64 = 16 << 20;

/// Opens `s3://bucket/folder`, `gs://bucket/folder` or `az://container/folder`.
///
/// # Errors
/// What is wrong with the address or with the variables, for people.
pub(super) fn open(address: &str) -> Result<Arc<dyn ObjectStore>, String> {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let folder = rest.split_once('/').map_or("", |(_, folder)| folder);
    let folder = Path::parse(folder.trim_end_matches('/')).map_err(|error| error.to_string())?;
    let said = |error: object_store::Error| error.to_string();
    macro_rules! bucket {
        ($builder:ident) => {{
            let builder = $builder::from_env().with_url(address).with_retry(RETRIES).with_http_connector(Connector);
            Arc::new(PrefixStore::new(builder.build().map_err(said)?, folder))
        }};
    }
    Ok(match scheme {
        "s3" => bucket!(AmazonS3Builder),
        "gs" => bucket!(GoogleCloudStorageBuilder),
        "az" => bucket!(MicrosoftAzureBuilder),
        _ => return Err("give a folder, or an address that begins with file://, s3://, gs:// or az://".to_owned()),
    })
}

#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(crate::http::client(WITHIN))))
    }
}

#[derive(Debug)]
struct Service(ureq::Agent);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let agent = self.0.clone();
        // What blocks goes to a thread of its own.
        let sent =
            tokio::task::spawn_blocking(move || send(&agent, axum::http::Request::from_parts(parts, body.to_vec())));
        sent.await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?.map_err(fault)
    }
}

fn send(agent: &ureq::Agent, request: axum::http::Request<Vec<u8>>) -> Result<HttpResponse, ureq::Error> {
    let (parts, mut body) = agent.run(request)?.into_parts();
    let body = Bytes::from(body.with_config().limit(ANSWER).read_to_vec()?);
    Ok(HttpResponse::from_parts(parts, body.into()))
}

fn fault(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
