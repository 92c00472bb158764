//! What an operator may choose.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::Clock;
use crate::log::Level;

/// What `dunlin serve` takes. [`Config::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that holds everything the server knows.
    pub data: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain and key, as PEM files; without them a proxy does TLS.
    pub tls: Option<Tls>,
    /// Whether devices need no token.
    pub anonymous: bool,
    /// Whether the client's address is the last of `X-Forwarded-For`, which a proxy of the operator's sets.
    pub behind_proxy: bool,
    /// Requests per second of one client, in the long run; 0 for as many as it likes.
    pub rate: u32,
    /// How many requests are worked on at once.
    pub at_once: usize,
    /// How many connections are open at once.
    pub connections: usize,
    /// The longest target that a publisher may upload, in bytes.
    pub target_bytes: u64,
    /// How many days of summaries, alerts and reviews are kept.
    pub retain_days: u32,
    /// Where segments of summaries go: a folder, or a bucket's address, whose credentials are in the environment; the data folder's `segments`
    /// if absent.
    pub segments: Option<String>,
    /// How many summaries make a segment; a smaller one is written after an hour.
    pub segment_rows: usize,
    /// Models that answer questions, beside those in the data folder's `cloud`.
    pub cloud: Vec<Cloud>,
    /// Milliseconds within which a question must be answered.
    pub deadline: u64,
    /// The repository's root of trust, as the bytes of its first `root.json`; the first publication brings it if absent.
    pub root: Option<Vec<u8>>,
    /// How much is told on standard error.
    pub log: Level,
    /// What time it is.
    pub clock: Clock,
    /// Makes the section that says how text becomes ids of a file: what the command's compiler does. A server without it takes no
    /// models of text, unless their folders have the section already.
    pub text: Option<TextSection>,
}

/// From a file that says how text becomes ids to the section that devices read, or why not.
pub type TextSection = fn(&std::path::Path) -> Result<Vec<u8>, String>;

/// Files of TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain.
    pub certificates: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A model that answers questions: `NAME=model.onnx` or `NAME=https://other/v2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Its name in `/v2/models/NAME`.
    pub name: String,
    /// An ONNX file, beside which `config.json` may lie, or the address of another server that speaks the Open Inference Protocol.
    pub source: String,
}

impl Config {
    /// For a data folder, with defaults.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8750)),
            tls: None,
            anonymous: false,
            behind_proxy: false,
            rate: 50,
            at_once: 512,
            connections: 2048,
            target_bytes: 512 << 20,
            retain_days: 90,
            segments: None,
            segment_rows: 50_000,
            cloud: Vec::new(),
            deadline: 10_000,
            root: None,
            log: Level::Events,
            clock: Clock::default(),
            text: None,
        }
    }
}

/// Whether that may be a model's name in a path: letters, digits, `-`, `_` and `.`, at most 64, no dot first.
pub fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(fine)
}
