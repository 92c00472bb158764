//! A fleet's repository as a folder, the folder of its keys, and what is written to them.

mod advice;
mod changes;
mod fault;
mod keys;
mod releases;
mod server;
mod upload;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dunlin_native::Http;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::{self, Lifetimes, PublishError, Repository, Role};

use sha2::{Digest, Sha256};

use crate::args::{RepositoryArgs, ServerArgs};
use crate::error::CliError;

pub use advice::{Advice, advice};
pub use changes::Draft;
pub use fault::RepositoryFault;
pub use keys::{KeyFolder, random};
use releases::address;
pub use releases::{Listed, Releases};
pub use server::Server;

/// A repository that this process alone changes.
#[derive(Debug)]
pub struct Publisher {
    dir: PathBuf,
    /// The keys that sign.
    pub keys: KeyFolder,
    /// What is published, and changes to it.
    pub repository: Repository,
    /// Held until this is dropped.
    _lock: File,
}

impl Publisher {
    /// Takes over a repository, and the keys that are in their folder.
    ///
    /// # Errors
    /// [`CliError::Repository`]: there is none, it isn't sound, or another process changes it.
    pub fn open(args: &RepositoryArgs) -> Result<Self, CliError> {
        let keys = KeyFolder::open(&args.keys)?;
        let lock = lock(&args.repository)?;
        let repository = open(&args.repository, None)?;
        Ok(Self { dir: args.repository.clone(), keys, repository, _lock: lock })
    }

    /// The same, and an empty one where there is none.
    ///
    /// # Errors
    /// As [`Self::open`], and a missing key.
    pub fn open_or_begin(args: &RepositoryArgs) -> Result<Self, CliError> {
        if args.repository.join("metadata/1.root.json").exists() {
            return Self::open(args);
        }
        Self::begin(&args.repository, KeyFolder::open(&args.keys)?)
    }

    /// An empty repository in a folder that is made if it isn't there.
    ///
    /// # Errors
    /// [`CliError::Repository`]: a missing key; [`CliError::Write`].
    pub fn begin(dir: &Path, keys: KeyFolder) -> Result<Self, CliError> {
        let repository = Repository::new(&keys.keys).map_err(|source| at(dir, source))?;
        for folder in ["metadata", "targets"] {
            let path = dir.join(folder);
            fs::create_dir_all(&path).map_err(|source| CliError::Write { path, source })?;
        }
        Ok(Self { dir: dir.to_owned(), keys, repository, _lock: lock(dir)? })
    }

    /// From its parts, for the one command that changes keys.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_keys(dir: &Path, keys: KeyFolder, hidden_root: Option<u64>) -> Result<Self, CliError> {
        let lock = lock(dir)?;
        Ok(Self { dir: dir.to_owned(), keys, repository: open(dir, hidden_root)?, _lock: lock })
    }

    /// Keeps a target's file under the name that devices ask for, and gives its digest.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn keep(&self, path: &str, bytes: &[u8]) -> Result<Hash, CliError> {
        let digest = Hash(Sha256::digest(bytes).into());
        let file = self.dir.join("targets").join(address(path, &digest));
        if fs::read(&file).is_ok_and(|there| there == bytes) {
            return Ok(digest);
        }
        let folder = file.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
        write(&file, bytes)?;
        Ok(digest)
    }

    /// A release's file.
    ///
    /// # Errors
    /// [`CliError::Read`].
    pub fn file(&self, listed: &Listed) -> Result<Vec<u8>, CliError> {
        let path = self.dir.join("targets").join(address(&listed.release.path(), &listed.sha256));
        fs::read(&path).map_err(|source| CliError::Read { path, source })
    }

    /// Signs what has changed and shows it to devices: the file that does so is replaced last. `now` are seconds since the epoch.
    ///
    /// # Errors
    /// [`CliError::Repository`]: a key is missing or another; [`CliError::Write`].
    pub fn publish(&mut self, now: u64) -> Result<(), CliError> {
        let files = self.repository.seal(&self.keys.keys, now, &Lifetimes::default());
        for file in files.map_err(|source| at(&self.dir, source))? {
            write(&self.dir.join("metadata").join(&file.name), &file.bytes)?;
        }
        Ok(())
    }

    /// Uploads what is published, where a server is given.
    ///
    /// # Errors
    /// [`CliError::Upload`].
    pub fn upload(&self, server: &ServerArgs, out: &mut dyn Write) -> Result<(), CliError> {
        on_server(server, |server| self.upload_to(server, out)).map(Option::unwrap_or_default)
    }

    /// Uploads what is published.
    ///
    /// # Errors
    /// [`CliError::Upload`].
    pub fn upload_to(&self, server: &Server<'_>, out: &mut dyn Write) -> Result<(), CliError> {
        upload::upload(&self.dir, &self.repository, server, out)
    }

    /// Something about this repository.
    pub fn fault(&self, source: RepositoryFault) -> CliError {
        CliError::Repository { path: self.dir.clone(), source }
    }
}

/// Does something with the server that the arguments name, where they name one.
///
/// # Errors
/// What `work` says.
pub fn on_server<T>(
    args: &ServerArgs,
    work: impl FnOnce(&Server<'_>) -> Result<T, CliError>,
) -> Result<Option<T>, CliError> {
    let Some(url) = &args.server else { return Ok(None) };
    let token = args.token.clone().or_else(|| std::env::var("DUNLIN_TOKEN").ok());
    let http = Http::new();
    work(&Server { url: url.trim_end_matches('/'), token, line: &|request| http.send(request) }).map(Some)
}

/// A repository as it is published.
///
/// # Errors
/// [`CliError::Repository`].
pub fn open(dir: &Path, hidden_root: Option<u64>) -> Result<Repository, CliError> {
    let hidden = hidden_root.map(|version| format!("{version}.root.json"));
    let read = |name: &str| {
        if Some(name) == hidden.as_deref() { None } else { fs::read(dir.join("metadata").join(name)).ok() }
    };
    Repository::open(read).map_err(|source| at(dir, source))
}

/// The newest root's version; 0 for none.
pub fn newest_root(dir: &Path) -> u64 {
    (1..).take_while(|version| dir.join(format!("metadata/{version}.root.json")).exists()).last().unwrap_or(0)
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Until when a role is signed, for people.
pub fn signed_until(repository: &Repository, role: Role) -> String {
    repository.expires(role).map_or_else(|| "-".to_owned(), tuf::format_time)
}

fn at(dir: &Path, source: PublishError) -> CliError {
    let missing =
        matches!(&source, PublishError::Untrusted(error) if error.of == "root" && error.fault == tuf::Fault::Missing);
    let source = if missing { RepositoryFault::None } else { RepositoryFault::Publish(source) };
    CliError::Repository { path: dir.to_owned(), source }
}

/// Keeps other processes out until the file is dropped, or this one ends.
fn lock(dir: &Path) -> Result<File, CliError> {
    let fault = |source| CliError::Repository { path: dir.to_owned(), source };
    if !dir.is_dir() {
        return Err(fault(RepositoryFault::None));
    }
    let path = dir.join(".lock");
    let written = |source| CliError::Write { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(written)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(fault(RepositoryFault::Busy)),
        Err(fs::TryLockError::Error(source)) => Err(written(source)),
    }
}

/// Replaces a file as a whole, durable before this returns.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    durable(&part, path, bytes).map_err(|source| CliError::Write { path: path.to_owned(), source })
}

fn durable(part: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)?;
    // A folder can't be opened everywhere; where it can, the new name is durable as well.
    match path.parent().map(File::open) {
        Some(Ok(folder)) => folder.sync_all(),
        _ => Ok(()),
    }
}
