//! Files named by their digest: written aside, flushed, and only then renamed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::fault::{Code, Fault};
use crate::http;

/// The folder of them.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
    aside: PathBuf,
}

/// How long a client may be silent while it uploads.
const SILENCE: Duration = Duration::from_secs(60);

/// An upload that no publication has named after that time is thrown away.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

impl Blobs {
    /// Makes the folders, and throws away what a crash has left half written.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let blobs = Self { folder: data.join("targets"), aside: data.join("uploads") };
        std::fs::create_dir_all(&blobs.folder)?;
        std::fs::create_dir_all(&blobs.aside)?;
        for file in std::fs::read_dir(&blobs.aside)? {
            std::fs::remove_file(file?.path())?;
        }
        Ok(blobs)
    }

    /// Where the file of a digest is.
    pub fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.folder.join(crate::hex::of(digest))
    }

    /// How long the file of a digest is; none if it isn't here.
    pub fn length(&self, digest: &[u8; 32]) -> Option<u64> {
        std::fs::metadata(self.path(digest)).ok().map(|file| file.len())
    }

    /// Keeps an upload whose digest is what the path says. Gives its length, durably there.
    ///
    /// # Errors
    /// `too_large`, `bad_publication` when the digest is another, `slow`, `bad_request` when it breaks off, `internal`.
    pub(super) async fn keep(&self, digest: &[u8; 32], body: Body, most: u64) -> Result<u64, Fault> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Fault::internal("the system's randomness", error))?;
        let aside = self.aside.join(crate::hex::of(&random));
        let kept = self.receive(&aside, digest, body, most).await;
        if kept.is_err() {
            // What can't be removed now goes when the server starts again.
            let _ = fs::remove_file(&aside).await;
        }
        kept
    }

    async fn receive(&self, aside: &Path, digest: &[u8; 32], mut body: Body, most: u64) -> Result<u64, Fault> {
        let disk = |error: io::Error| Fault::internal("an upload", error);
        let mut file = fs::File::create(aside).await.map_err(disk)?;
        let (mut hasher, mut length) = (Sha256::new(), 0);
        loop {
            let frame = tokio::time::timeout(SILENCE, body.frame()).await;
            let Some(frame) = frame.map_err(|_| Fault::new(Code::Slow, "the upload stopped; send it again"))? else {
                break;
            };
            let Ok(data) = frame.map_err(|_| http::broken())?.into_data() else { continue };
            length += data.len() as u64;
            if length > most {
                return Err(http::too_large(most));
            }
            hasher.update(&data);
            file.write_all(&data).await.map_err(disk)?;
        }
        if hasher.finalize()[..] != digest[..] {
            return Err(Fault::new(
                Code::BadPublication,
                "the SHA-256 in the path isn't the upload's; send the file that it names",
            ));
        }
        file.sync_all().await.map_err(disk)?;
        fs::rename(aside, self.path(digest)).await.map_err(disk)?;
        let folder = fs::File::open(&self.folder).await.map_err(disk)?;
        folder.sync_all().await.map_err(disk)?;
        Ok(length)
    }

    /// Throws away files that nothing names and that have been here for a while.
    pub(crate) fn sweep(&self, named: impl Fn(&[u8; 32]) -> bool) -> io::Result<usize> {
        let mut swept = 0;
        for file in std::fs::read_dir(&self.folder)? {
            let file = file?;
            let digest = file.file_name().to_str().and_then(crate::hex::bytes::<32>);
            let age = file.metadata()?.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            if digest.is_some_and(|digest| !named(&digest)) && age.is_some_and(|age| age > ABANDONED) {
                std::fs::remove_file(file.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
