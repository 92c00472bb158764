//! The signed repository: metadata in the database, targets as files named by their digest. A publication becomes visible as a whole.

mod blobs;
mod handlers;
mod publish;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::app::StartError;
use crate::config::Config;
use crate::fault::Fault;
use crate::store::Store;

pub use blobs::Blobs;
pub use handlers::{is_known, metadata, put_target, target};
pub use publish::publish;

/// What devices may fetch.
pub struct Repository {
    shown: RwLock<Arc<Shown>>,
    blobs: Blobs,
    root: Option<Vec<u8>>,
    publishing: tokio::sync::Mutex<()>,
}

/// One state of it.
#[derive(Default)]
pub struct Shown {
    metadata: HashMap<String, Document>,
    targets: HashMap<String, Target>,
}

/// A metadata file.
#[derive(Clone)]
pub struct Document {
    /// Byte by byte as it was signed.
    pub bytes: Bytes,
    /// Its digest, for `ETag`.
    pub digest: [u8; 32],
}

/// A target's file.
#[derive(Clone, Copy)]
pub struct Target {
    /// By which it is found.
    pub sha256: [u8; 32],
    /// Its bytes.
    pub length: u64,
}

impl Repository {
    /// Reads what was published.
    ///
    /// # Errors
    /// When the data folder can't be read or written, or the root of trust isn't one.
    pub async fn open(config: &Config, store: &Store) -> Result<Self, StartError> {
        let blobs = Blobs::open(&config.data).map_err(|error| StartError::Data(config.data.clone(), error))?;
        let content = |fault: Fault| StartError::Content(fault.message().to_owned());
        let shown = store.read(Shown::read).await.map_err(content)?;
        if let Some(root) = &config.root {
            publish::check_root(root).map_err(StartError::Root)?;
        }
        let shown = RwLock::new(Arc::new(shown));
        Ok(Self { shown, blobs, root: config.root.clone(), publishing: tokio::sync::Mutex::default() })
    }

    /// What is shown now; it stays as it is however long it is held.
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The files of targets.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Throws uploads away that no publication has named for a day.
    ///
    /// # Errors
    /// `internal`.
    pub async fn sweep(&self) -> Result<(), Fault> {
        // A publication that is being checked may name any of them.
        let _alone = self.publishing.lock().await;
        let (shown, blobs) = (self.shown(), self.blobs.clone());
        let swept = tokio::task::spawn_blocking(move || blobs.sweep(|digest| shown.names(digest))).await;
        let swept = swept.map_err(|error| Fault::internal("sweeping", error))?;
        swept.map(drop).map_err(|error| Fault::internal("sweeping", error))
    }

    fn show(&self, shown: Shown) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }
}

impl Shown {
    /// A metadata file by its name, such as `timestamp.json`.
    pub fn document(&self, name: &str) -> Option<&Document> {
        self.metadata.get(name)
    }

    /// A target by its path with the digest in it.
    pub fn target(&self, path: &str) -> Option<&Target> {
        self.targets.get(path)
    }

    /// Whether a target has this file.
    pub fn names(&self, digest: &[u8; 32]) -> bool {
        self.targets.values().any(|target| target.sha256 == *digest)
    }

    fn read(connection: &Connection) -> Result<Self, Fault> {
        let mut documents = connection.prepare("SELECT name, bytes FROM metadata")?;
        let documents = documents.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let document = |bytes: Vec<u8>| Document { digest: Sha256::digest(&bytes).into(), bytes: bytes.into() };
        let metadata =
            documents.map(|row| row.map(|(name, bytes)| (name, document(bytes)))).collect::<Result<_, _>>()?;
        let mut targets = connection.prepare("SELECT address, sha256, length FROM targets")?;
        let targets = targets.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?)))?;
        let target =
            |(path, sha256, length): (String, _, i64)| (path, Target { sha256, length: length.unsigned_abs() });
        Ok(Self { metadata, targets: targets.map(|row| row.map(target)).collect::<Result<_, _>>()? })
    }
}

/// The digest in the path of a target, where it stands before the file's name: plain characters, no empty or dotted part, at most 256
/// bytes.
fn digest_of(path: &str) -> Option<[u8; 32]> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let parts_fine = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    let file = path.rsplit('/').next()?;
    let (digest, name) = file.split_once('.')?;
    (path.len() <= 256 && path.bytes().all(plain) && parts_fine && !name.is_empty())
        .then(|| crate::hex::bytes(digest))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_stand_before_names_and_paths_that_lead_elsewhere_have_none() {
        let digest = "ab".repeat(32);
        for path in ["sms/{d}.3.dunlin", "{d}.3.dunlin", "a/b/{d}.c"] {
            assert_eq!(digest_of(&path.replace("{d}", &digest)), Some([0xab; 32]), "{path}");
        }
        for path in [
            "",
            "x",
            "../{d}.x",
            "a/../{d}.x",
            "a//{d}.x",
            "/{d}.x",
            "a/{d}.",
            "a/{d}",
            "a/.{d}.x",
            "a/ü{d}.x",
            "a/{d}0.x",
            "a\\{d}.x",
            "a/{d}.x%00",
        ] {
            assert_eq!(digest_of(&path.replace("{d}", &digest)), None, "{path}");
        }
    }
}
