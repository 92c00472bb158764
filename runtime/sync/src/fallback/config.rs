//! What an app decides of its questions to the cloud.

use alloc::string::String;
use alloc::vec::Vec;

use dunlin_protocol::oip::Consent;

/// A model server, and the model to ask there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// The address before `/v2`, such as `https://models.example.org`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Its version; the server chooses where none is named.
    pub version: Option<String>,
    /// What is sent as a bearer token.
    pub token: Option<String>,
}

/// Shows no token.
impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { url, model, version, token } = self;
        let token = token.as_ref().map(|_| "…");
        let mut shown = f.debug_struct("Server");
        shown.field("url", url).field("model", model).field("version", version).field("token", &token).finish()
    }
}

/// How questions are asked. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who is asked: the first one that isn't given a rest. Those after the eighth are never asked.
    pub servers: Vec<Server>,
    /// How much may leave the device.
    pub consent: Consent,
    /// How long one request may take. It goes on beyond a question's deadline, for the upgrade.
    pub timeout: u64,
    /// How often a question is sent at most between two starts. Tries that found no connection don't count, nor those after which the
    /// server asked to wait (429).
    pub tries: u32,
    /// How many questions are sent on one day (UTC) at most.
    pub questions_per_day: u32,
    /// How many bytes of bodies, there and back, go on one day (UTC) at most.
    pub bytes_per_day: u64,
    /// How many hundredths of the questions may be sent a second time because the first answer is late.
    pub hedges: u32,
    /// How many of 1,000 answers that aren't in doubt people are to look at, drawn by chance ([`Audits`](super::Audits)).
    pub audits: u32,
    /// What may wait for an answer after the local one was given.
    pub outbox: Outbox,
}

/// How much may wait. What doesn't fit isn't kept; what is kept stays until it is answered, refused or too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// How many questions; with 0 there are no upgrades.
    pub items: usize,
    /// How many bytes, all together.
    pub bytes: usize,
    /// How long.
    pub age: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            consent: Consent::None,
            timeout: 10_000,
            tries: 16,
            questions_per_day: 200,
            bytes_per_day: 8 << 20,
            hedges: 10,
            audits: 0,
            outbox: Outbox { items: 64, bytes: 2 << 20, age: 3 * 86_400_000 },
        }
    }
}
