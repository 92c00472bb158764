//! What an app says when it opens a client.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use dunlin_engine::artifact;
use dunlin_engine::error::Code;
use dunlin_native::{ModelFile, Options};
use dunlin_protocol::oip;
use dunlin_protocol::summary::Cohort;
use dunlin_sync::drift::{LocalDp, Mode};
use dunlin_sync::{Config, drift, fallback};

use super::host::Caller;
use crate::error::BridgeError;
use crate::records::LoadOptions;

/// What a client is made of.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ClientOptions {
    /// The client's own folder.
    pub folder: String,
    /// The model's name, as its publisher gave it.
    pub model: String,
    /// The model that the app ships.
    pub shipped: Shipped,
    /// Its version.
    pub version: u32,
    /// The repository's address.
    pub repository: String,
    /// The bytes of a `root.json`.
    pub root: Vec<u8>,
    /// Versions of metadata below which nothing is believed.
    pub floor: Floor,
    /// The cohorts that the device is in.
    pub cohorts: Vec<String>,
    /// Milliseconds between two looks for updates, on average.
    pub interval: u64,
    /// When models are fetched.
    pub when: When,
    /// Whom to ask where the model isn't sure.
    pub cloud: Cloud,
    /// Whom to tell of the days, and whether.
    pub summaries: Summaries,
    /// What models may ask of the device.
    pub load: LoadOptions,
}

/// The model that an app ships.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum Shipped {
    /// In a file of its own, which is mapped.
    File {
        /// Where it is.
        path: String,
    },
    /// As bytes.
    Bytes {
        /// All of them.
        bytes: Vec<u8>,
    },
}

/// Least versions of metadata.
#[derive(Clone, Copy, Debug, Default, uniffi::Record)]
pub struct Floor {
    /// Of `timestamp.json`.
    pub timestamp: u64,
    /// Of `snapshot.json`.
    pub snapshot: u64,
    /// Of `targets.json`.
    pub targets: u64,
}

/// When models are fetched.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct When {
    /// Also over a connection that costs.
    pub metered: bool,
    /// Only while the device is charging.
    pub charging: bool,
    /// The most bytes a day.
    pub bytes_per_day: u64,
}

/// Model servers, and what may be sent to them. What isn't said is as `dunlin_sync::fallback` has it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Cloud {
    /// Who is asked, the first one first.
    pub servers: Vec<Server>,
    /// How much may leave the device.
    pub consent: Consent,
    /// How many milliseconds one request may take.
    pub timeout: Option<u64>,
    /// How many questions are sent on one day.
    pub questions_per_day: Option<u32>,
    /// How many bytes go on one day.
    pub bytes_per_day: Option<u64>,
    /// How many hundredths of the questions may be sent twice.
    pub hedges: Option<u32>,
    /// How many of 1,000 answers that aren't in doubt people are to look at.
    pub audits: Option<u32>,
    /// How often a question is sent at most between two starts.
    pub tries: Option<u32>,
    /// How many questions may wait for an upgrade.
    pub outbox_items: Option<u32>,
    /// How many bytes these may have.
    pub outbox_bytes: Option<u32>,
    /// How many milliseconds they may wait.
    pub outbox_age: Option<u64>,
}

/// A model server. Shows no token.
#[derive(Clone, uniffi::Record)]
pub struct Server {
    /// The address before `/v2`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Its version.
    pub version: Option<String>,
    /// A bearer token.
    pub token: Option<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, model, version, .. } = self;
        let mut shown = f.debug_struct("Server");
        shown.field("url", url).field("model", model).field("version", version).finish_non_exhaustive()
    }
}

/// The levels of `dunlin_protocol::oip::Consent`, which says what each allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Consent {
    /// Nothing.
    None,
    /// The model's logits.
    Features,
    /// The input.
    Input,
}

/// The server that summaries go to.
#[derive(Clone, uniffi::Record)]
pub struct Summaries {
    /// Its address.
    pub server: String,
    /// A bearer token.
    pub token: Option<String>,
    /// Whose answers they are about: at most three keys with their values.
    pub cohort: HashMap<String, String>,
    /// What the user agreed to.
    pub privacy: Option<Privacy>,
}

impl fmt::Debug for Summaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, cohort, privacy, .. } = self;
        let mut shown = f.debug_struct("Summaries");
        shown.field("server", server).field("cohort", cohort).field("privacy", privacy).finish_non_exhaustive()
    }
}

/// How much a day's summary reveals at most.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct Privacy {
    /// Epsilon of a day.
    pub epsilon: f64,
    /// Among how many metrics it is split.
    pub metrics: u32,
}

impl Privacy {
    /// A user's consent, or none.
    ///
    /// # Errors
    /// [`Code::Input`]
    pub(crate) fn mode(privacy: Option<Self>) -> Result<Mode, BridgeError> {
        let Some(Self { epsilon, metrics }) = privacy else { return Ok(Mode::Off) };
        let local_dp = LocalDp::new(epsilon, metrics as usize);
        let wrong = || BridgeError::new(Code::Input, "epsilon is out of range, or there are no metrics");
        local_dp.map(Mode::LocalDp).ok_or_else(wrong)
    }
}

impl ClientOptions {
    /// # Errors
    /// [`Code::Fetch`] where the shipped model can't be read, [`Code::Input`].
    pub(crate) fn with(self, caller: Caller) -> Result<Options, BridgeError> {
        let Summaries { server, token, cohort, privacy } = self.summaries;
        let cohort = Cohort::new(cohort).map_err(|error| BridgeError::new(Code::Input, error))?;
        let drift = drift::Settings { mode: Privacy::mode(privacy)?, server: address(server), token };
        let Floor { timestamp, snapshot, targets } = self.floor;
        let When { metered, charging, bytes_per_day } = self.when;
        let config = Config {
            model: self.model,
            factory: self.version,
            repository: address(self.repository),
            root: self.root,
            floor: dunlin_sync::Floor { timestamp, snapshot, targets },
            cohorts: self.cohorts,
            runtime: artifact::VERSION,
            build: env!("CARGO_PKG_VERSION").into(),
            interval: self.interval,
            when: dunlin_sync::When { metered, charging, bytes_per_day },
        };
        let (conditions, events) = (caller.clone(), caller.clone());
        Ok(Options {
            folder: PathBuf::from(self.folder),
            factory: self.shipped.open()?,
            config,
            cloud: self.cloud.config(),
            drift,
            cohort,
            limits: self.load.limits(),
            transport: Box::new(caller),
            conditions: Box::new(move || conditions.conditions()),
            events: Box::new(move |happened| events.happened(happened)),
        })
    }
}

impl Shipped {
    fn open(self) -> Result<ModelFile, BridgeError> {
        Ok(match self {
            Self::File { path } => ModelFile::open(path.as_ref())?,
            Self::Bytes { bytes } => ModelFile::held(&bytes)?,
        })
    }
}

impl Cloud {
    fn config(self) -> fallback::Config {
        let usual = fallback::Config::default();
        let server =
            |Server { url, model, version, token }| fallback::Server { url: address(url), model, version, token };
        let size = |wanted: Option<u32>, usual: usize| wanted.map_or(usual, |wanted| wanted as usize);
        fallback::Config {
            servers: self.servers.into_iter().map(server).collect(),
            consent: self.consent.into(),
            timeout: self.timeout.unwrap_or(usual.timeout),
            tries: self.tries.unwrap_or(usual.tries),
            questions_per_day: self.questions_per_day.unwrap_or(usual.questions_per_day),
            bytes_per_day: self.bytes_per_day.unwrap_or(usual.bytes_per_day),
            hedges: self.hedges.unwrap_or(usual.hedges),
            audits: self.audits.unwrap_or(usual.audits),
            outbox: fallback::Outbox {
                items: size(self.outbox_items, usual.outbox.items),
                bytes: size(self.outbox_bytes, usual.outbox.bytes),
                age: self.outbox_age.unwrap_or(usual.outbox.age),
            },
        }
    }
}

impl From<Consent> for oip::Consent {
    fn from(consent: Consent) -> Self {
        match consent {
            Consent::None => Self::None,
            Consent::Features => Self::Features,
            Consent::Input => Self::Input,
        }
    }
}

/// An address as the machines take it.
fn address(url: String) -> String {
    url.trim_end_matches('/').to_owned()
}
