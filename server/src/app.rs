//! Everything that endpoints share, how it starts, what it does between requests, and how it stops.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::watch;
use tower_service::Service;

use crate::config::Config;
use crate::endpoints::ENDPOINTS;
use crate::fault::Fault;
use crate::http::{self, Gate, Keyring, Listening, NewToken, Rates, Role, TlsError};
use crate::infer::{Models, ModelsError};
use crate::intake::{Baselines, Labels, Segments};
use crate::metrics::Metrics;
use crate::repository::Repository;
use crate::store::{OpenError, Store};

/// What endpoints share.
pub struct App {
    /// What the operator chose.
    pub config: Config,
    /// What the server knows.
    pub store: Store,
    /// Who holds tokens.
    pub keyring: Keyring,
    /// How much is worked on at once.
    pub gate: Gate,
    /// How many requests one client may send.
    pub rates: Rates,
    /// What is counted for Prometheus.
    pub metrics: Metrics,
    /// What devices may fetch.
    pub repository: Repository,
    /// What summaries are held to.
    pub baselines: Baselines,
    /// What classes are called.
    pub labels: Labels,
    /// Where summaries go once they are counted.
    pub segments: Segments,
    /// What answers questions.
    pub models: Models,
    /// When it was last looked for drift, in milliseconds since the epoch; 0 for never.
    pub looked: AtomicU64,
    /// When it was last looked for what is to be forgotten, in milliseconds since the epoch; 0 for never.
    pub forgotten: AtomicU64,
}

/// A server that neither listens nor does anything by itself: whoever has it brings requests, and says when to [`tend`](Self::tend).
///
/// [`Server`] is one with a socket. A simulation brings its own time as well, as [`Config::clock`].
pub struct QuietServer {
    app: Arc<App>,
    router: Router,
    first_tokens: Vec<NewToken>,
    _lock: File,
}

/// A server that runs.
pub struct Server {
    quiet: QuietServer,
    listening: Listening,
    tending: tokio::task::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// Why a server can't start.
#[derive(Debug)]
pub enum StartError {
    /// The data folder can't be made, written or locked.
    Data(PathBuf, io::Error),
    /// Another server uses the data folder.
    Busy(PathBuf),
    /// The database can't be opened.
    Store(PathBuf, OpenError),
    /// The address is taken, or isn't this machine's.
    Listen(SocketAddr, io::Error),
    /// Certificate or key.
    Tls(TlsError),
    /// A model that is to answer questions.
    Models(ModelsError),
    /// Where segments are to go.
    Segments(String),
    /// The root of trust.
    Root(String),
    /// What is in the data folder isn't what this server wrote.
    Content(String),
    /// A token's name.
    Token(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(path, error) => write!(f, "the data folder {} can't be used: {error}", path.display()),
            Self::Busy(path) => write!(f, "another server uses {}; stop it, or give another --data", path.display()),
            Self::Store(path, error) => write!(f, "{} can't be opened: {error}", path.display()),
            Self::Listen(address, error) => write!(f, "can't listen at {address}: {error}; give another --listen"),
            Self::Tls(error) => error.fmt(f),
            Self::Models(error) => error.fmt(f),
            Self::Segments(what) => write!(f, "--segments: {what}"),
            Self::Root(what) => write!(f, "--root: {what}"),
            Self::Content(what) => write!(f, "the data folder: {what}"),
            Self::Token(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for StartError {}

/// How often the server looks for what is to be done between requests.
const TEND: Duration = Duration::from_secs(1);

impl QuietServer {
    /// Opens the data folder, or makes it; requests are answered when this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: Config) -> Result<Self, StartError> {
        crate::log::set(config.log);
        let lock = lock(&config)?;
        let store = open(&config)?;
        let content = |fault: Fault| StartError::Content(fault.message().to_owned());
        let first_tokens = http::first_tokens(&store, config.clock.now()).await.map_err(content)?;
        let keyring = Keyring::default();
        keyring.refresh(&store).await.map_err(content)?;
        let app = Arc::new(App {
            gate: Gate::new(config.at_once),
            rates: Rates::new(config.rate),
            metrics: Metrics::new(ENDPOINTS),
            repository: Repository::open(&config, &store).await?,
            baselines: Baselines::open(&store).await.map_err(content)?,
            labels: Labels::open(&store).await.map_err(content)?,
            segments: Segments::open(&config).map_err(StartError::Segments)?,
            models: Models::open(&config).map_err(StartError::Models)?,
            looked: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            keyring,
            store,
            config,
        });
        let router = http::router(&app, ENDPOINTS);
        Ok(Self { app, router, first_tokens, _lock: lock })
    }

    /// Tokens that were made because there were none; shown once.
    pub fn first_tokens(&self) -> &[NewToken] {
        &self.first_tokens
    }

    /// Answers a request that came from an address, as if by a socket.
    ///
    /// # Errors
    /// The answer's body broke off: a client would see its connection end.
    pub async fn call(&self, peer: IpAddr, mut request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        request.extensions_mut().insert(SocketAddr::new(peer, 0));
        let answer = self.router.clone().call(request.map(Body::from)).await;
        let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(head, body.to_bytes().into()))
    }

    /// Does now what a server does between requests: writes segments, looks for drift, forgets what is old.
    ///
    /// # Errors
    /// `internal`.
    pub async fn tend(&self) -> Result<(), Fault> {
        self.app.tend().await
    }

    /// Closes the data folder, once all is written.
    pub async fn close(self) {
        self.app.models.close();
        self.app.store.close().await;
    }
}

impl Server {
    /// Starts a server; it answers when this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(http::acceptor).transpose().map_err(StartError::Tls)?;
        let quiet = QuietServer::open(config).await?;
        let app = &quiet.app;
        let at = app.config.listen;
        let listening = http::listen(at, app.config.connections, tls, quiet.router.clone()).await;
        let listening = listening.map_err(|error| StartError::Listen(at, error))?;
        let (stop, stopping) = watch::channel(false);
        let tending = tokio::spawn(tend(Arc::clone(app), stopping));
        crate::log::event("started", json!({ "address": listening.address.to_string(), "models": app.models.names() }));
        Ok(Self { quiet, listening, tending, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address
    }

    /// Tokens that were made because there were none; shown once.
    pub fn first_tokens(&self) -> &[NewToken] {
        self.quiet.first_tokens()
    }

    /// Does now what a server does between requests, see [`QuietServer::tend`].
    ///
    /// # Errors
    /// `internal`.
    pub async fn tend(&self) -> Result<(), Fault> {
        self.quiet.tend().await
    }

    /// Lets requests under way finish, and stops.
    pub async fn stop(self) {
        self.listening.stop().await;
        self.stop.send_replace(true);
        if self.tending.await.is_err() {
            crate::log::trouble("stopping", "what is done between requests panicked");
        }
        self.quiet.close().await;
        crate::log::event("stopped", json!({}));
    }
}

/// Makes a token in a data folder, whether or not a server uses it.
///
/// # Errors
/// [`StartError`].
pub async fn new_token(config: &Config, role: Role, name: &str) -> Result<NewToken, StartError> {
    std::fs::create_dir_all(&config.data).map_err(|error| StartError::Data(config.data.clone(), error))?;
    let store = open(config)?;
    let token = http::new_token(&store, role, name, config.clock.now()).await;
    store.close().await;
    token.map_err(|fault| StartError::Token(fault.message().to_owned()))
}

impl App {
    /// What is done between requests. A bucket that is away keeps nothing else from being done.
    async fn tend(self: &Arc<Self>) -> Result<(), Fault> {
        let (rotated, detected) = (self.segments.rotate(self).await, crate::detect::detect(self).await);
        crate::retention::forget(self).await.and(detected).and(rotated)
    }
}

async fn tend(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    loop {
        // A fault is in the log already, and the next time may be better.
        let _ = app.tend().await;
        tokio::select! {
            () = tokio::time::sleep(TEND) => {}
            _ = stopping.changed() => return,
        }
    }
}

fn open(config: &Config) -> Result<Store, StartError> {
    let path = config.data.join("dunlin.sqlite");
    Store::open(&path).map_err(|error| StartError::Store(path, error))
}

fn lock(config: &Config) -> Result<File, StartError> {
    let fault = |error| StartError::Data(config.data.clone(), error);
    std::fs::create_dir_all(&config.data).map_err(fault)?;
    let lock = File::create(config.data.join("lock")).map_err(fault)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Busy(config.data.clone())),
        Err(std::fs::TryLockError::Error(error)) => Err(fault(error)),
    }
}
