//! Connections: accepted up to a bound, each with its own time to say something, and told to finish when the server stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::cors;

/// A server that listens, until it is told to stop.
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
    connections: Arc<Semaphore>,
    most: u32,
}

/// How long a client may take for TLS's handshake, and for a request's head after the one before.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(60);

/// How long requests under way may take once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(20);

/// The longest head of a request, in bytes.
const HEAD_BYTES: usize = 64 << 10;

/// Listens, and answers with a router.
///
/// # Errors
/// When the address is taken, or isn't this machine's.
pub async fn listen(at: SocketAddr, most: usize, tls: Option<TlsAcceptor>, router: Router) -> io::Result<Listening> {
    let listener = TcpListener::bind(at).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let most = u32::try_from(most.max(1)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
    let connections = Arc::new(Semaphore::new(most as usize));
    let accepting = tokio::spawn(accept(listener, Arc::clone(&connections), tls, router, stopping));
    Ok(Listening { address, stop, accepting, connections, most })
}

impl Listening {
    /// Takes no more connections, lets requests under way finish, and gives those up that take too long.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // It ends by itself, and an accept that panicked leaves nothing to wait for.
        let _ = self.accepting.await;
        if tokio::time::timeout(FAREWELL, self.connections.acquire_many(self.most)).await.is_err() {
            crate::log::trouble("stopping", "some requests weren't done in time");
        }
    }
}

async fn accept(
    listener: TcpListener,
    connections: Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let next = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            _ = stopping.changed() => return,
        };
        let (Ok(permit), Ok((stream, peer))) = (permit, accepted) else {
            // No more files, for example: others may close soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, router, stopping) = (tls.clone(), router.clone(), stopping.clone());
        tokio::spawn(async move {
            connection(stream, peer, tls, router, stopping).await;
            drop(permit);
        });
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    // A socket that can't be told so is only slower.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, peer, router, stopping).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                serve(stream, peer, router, stopping).await;
            }
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let router = router.layer(Extension(peer));
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut router = router.clone();
        async move {
            if cors::is_preflight(request.method(), request.headers()) {
                return Ok(cors::preflight());
            }
            router.call(request.map(Body::new)).await
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // What a client breaks off is its own affair; all other errors have been answered.
    let told = async {
        // A server that is gone stops as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        _ = connection.as_mut() => {}
        () = told => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
