//! HTTP for hosts without one of their own.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use dunlin_sync::{Failure, Method, Request, Response};
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};

/// Sends requests, and keeps connections open between them.
///
/// Nothing is sent but what a request says and what HTTP asks for: no cookies, no name of a program. An answer to GET may lead elsewhere a few
/// times, never from `https` to `http`, and tokens don't go along. A server is trusted if the system's certificates vouch for it.
#[derive(Clone, Debug)]
pub struct Http {
    agent: Agent,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// Ready to send. Reads the system's certificates.
    pub fn new() -> Self {
        // Without a certificate no server is trusted, which a request will say.
        let system = rustls_native_certs::load_native_certs().certs;
        let trusted: Vec<Certificate<'static>> =
            system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(trusted)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .user_agent("")
            .accept("")
            .accept_encoding("");
        Self { agent: Agent::new_with_config(config.build()) }
    }

    /// Sends a request and waits for the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Failure`]: no connection, one that broke, or more time or bytes than the request allows.
    pub fn send(&self, request: &Request) -> Result<Response, Failure> {
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        let mut built = http::Request::builder().method(&method).uri(&request.url);
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        if method == http::Method::GET {
            self.run(built.body(()), request)
        } else {
            self.run(built.body(request.body.as_slice()), request)
        }
    }

    /// An address or a header that can't be sent is no connection: no server has seen the request.
    fn run(
        &self,
        built: http::Result<http::Request<impl ureq::AsSendBody>>,
        request: &Request,
    ) -> Result<Response, Failure> {
        let built = built.map_err(|_| Failure::Connect)?;
        let secret = built.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        // Where a body was to go something else would be fetched, and taken for the answer.
        let redirects = if request.method == Method::Get { MAX_REDIRECTS } else { 0 };
        let configured = self.agent.configure_request(built).max_redirects(redirects);
        let configured = configured.max_redirects_will_error(redirects > 0);
        let configured = configured.https_only(secret).timeout_global(Some(Duration::from_millis(request.timeout)));
        let answer = self.agent.run(configured.build()).map_err(failure)?;
        read(answer, request.max_bytes)
    }
}

/// How often an answer may lead elsewhere.
const MAX_REDIRECTS: u32 = 5;

fn read(answer: http::Response<Body>, max_bytes: u64) -> Result<Response, Failure> {
    let (head, body) = answer.into_parts();
    if body.content_length().is_some_and(|length| length > max_bytes) {
        return Err(Failure::TooLong);
    }
    let mut bytes = Vec::new();
    let mut limited = body.into_reader().take(max_bytes.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(|error| failure(error.into()))?;
    if bytes.len() as u64 > max_bytes {
        return Err(Failure::TooLong);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body: bytes })
}

/// What is known to fail before a request is sent is a failure to connect.
fn failure(error: Error) -> Failure {
    match error {
        Error::Timeout(_) => Failure::Timeout,
        Error::Io(error) if error.kind() == ErrorKind::TimedOut => Failure::Timeout,
        Error::Io(error) if is_before_sending(&error) => Failure::Connect,
        Error::Http(_)
        | Error::BadUri(_)
        | Error::HostNotFound
        | Error::InvalidProxyUrl
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        | Error::Tls(_)
        | Error::Rustls(_) => Failure::Connect,
        _ => Failure::Broken,
    }
}

fn is_before_sending(error: &std::io::Error) -> bool {
    let connecting = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
    );
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    connecting || matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    /// A server that gives one prepared answer to each request, and what it was asked.
    fn serve(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = thread::spawn(move || {
            answers.into_iter().map(|answer| answer_one(listener.accept().expect("a client").0, &answer)).collect()
        });
        (address, asked)
    }

    fn answer_one(stream: TcpStream, answer: &[u8]) -> String {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).expect("text") > 0 {}
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        // A client that has read enough may be gone.
        let _ = reader.into_inner().write_all(answer);
        head + &String::from_utf8(body).expect("text")
    }

    fn request(url: String) -> Request {
        Request {
            id: 1,
            method: Method::Get,
            url,
            headers: vec![("accept", "application/json".to_owned())],
            body: Vec::new(),
            max_bytes: 10,
            timeout: 20_000,
        }
    }

    fn answer(head: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn sends_what_a_request_says_and_nothing_more() {
        let (address, asked) = serve(vec![answer("201 Created\r\nETag: \"7\"\r\nContent-Length: 2", "ok")]);
        let post = Request { method: Method::Post, body: b"hello".to_vec(), ..request(address.clone() + "/v1/x?y=1") };
        let got = Http::new().send(&post).expect("an answer");
        assert_eq!((got.status, got.header("etag"), got.body.as_slice()), (201, Some("\"7\""), &b"ok"[..]));
        let asked = asked.join().expect("a server").remove(0);
        let mut lines: Vec<String> = asked.lines().map(str::to_lowercase).collect();
        lines.sort();
        let host = address.replace("http://", "host: ");
        assert_eq!(
            lines,
            ["", "accept: application/json", "content-length: 5", "hello", &host, "post /v1/x?y=1 http/1.1"]
        );
    }

    #[test]
    fn statuses_are_answers() {
        for status in [204, 304, 404, 429, 500] {
            let (address, asked) = serve(vec![answer(&format!("{status} Some\r\nContent-Length: 0"), "")]);
            assert_eq!(Http::new().send(&request(address)).map(|got| got.status), Ok(status));
            asked.join().expect("a server");
        }
    }

    #[test]
    fn reads_up_to_the_limit_and_no_further() {
        let cases = [
            (answer("200 OK\r\nContent-Length: 10", "0123456789"), Ok(10)),
            (answer("200 OK\r\nContent-Length: 11", "0123456789A"), Err(Failure::TooLong)),
            (answer("200 OK\r\nContent-Length: 99999999999", "0"), Err(Failure::TooLong)),
            (answer("200 OK", &"x".repeat(5_000_000)), Err(Failure::TooLong)),
            (answer("200 OK\r\nTransfer-Encoding: chunked", "6\r\n012345\r\n6\r\n678901\r\n"), Err(Failure::TooLong)),
            (answer("200 OK\r\nContent-Length: 10", "0123"), Err(Failure::Broken)),
            (answer("200 OK\r\nTransfer-Encoding: chunked", "4\r\n0123\r\n"), Err(Failure::Broken)),
            (b"nonsense\r\n\r\n".to_vec(), Err(Failure::Broken)),
            (Vec::new(), Err(Failure::Broken)),
        ];
        for (bytes, expected) in cases {
            let name = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            let (address, asked) = serve(vec![bytes]);
            assert_eq!(Http::new().send(&request(address)).map(|got| got.body.len()), expected, "{name}");
            asked.join().expect("a server");
        }
    }

    #[test]
    fn follows_a_few_redirects() {
        let (end, asked_end) = serve(vec![answer("200 OK\r\nContent-Length: 4", "here")]);
        let (start, asked) = serve(vec![answer(&format!("302 Found\r\nLocation: {end}/there"), "")]);
        let with_token =
            Request { headers: vec![("authorization", "Bearer secret".to_owned())], ..request(start.clone()) };
        assert_eq!(Http::new().send(&with_token).map(|got| got.body), Ok(b"here".to_vec()));
        assert!(asked.join().expect("a server")[0].contains("Bearer secret"));
        assert!(!asked_end.join().expect("a server")[0].contains("secret"));

        let loops = vec![answer("302 Found\r\nLocation: /again", ""); MAX_REDIRECTS as usize + 1];
        let (start, _) = serve(loops);
        assert_eq!(Http::new().send(&request(start)), Err(Failure::Broken));
    }

    #[test]
    fn a_body_goes_nowhere_else() {
        for status in [301, 302, 303, 307, 308] {
            let (address, asked) = serve(vec![answer(&format!("{status} Elsewhere\r\nLocation: /there"), "")]);
            let post = Request { method: Method::Post, body: b"once".to_vec(), ..request(address) };
            assert_eq!(Http::new().send(&post).map(|got| got.status), Ok(status));
            asked.join().expect("a server");
        }
    }

    #[test]
    fn tells_where_it_failed() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        for url in
            [format!("http://{closed}"), format!("https://{closed}"), "nonsense".to_owned(), "http://".to_owned()]
        {
            assert_eq!(Http::new().send(&request(url.clone())), Err(Failure::Connect), "{url}");
        }
        // Accepts and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", silent.local_addr().expect("an address"));
        assert_eq!(Http::new().send(&Request { timeout: 50, ..request(url) }), Err(Failure::Timeout));
    }
}
