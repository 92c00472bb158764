//! Keys as files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dunlin_protocol::tuf::sign::SigningKey;
use dunlin_protocol::tuf::{Keys, Role};

use super::RepositoryFault;
use crate::error::CliError;

/// The keys of a folder: `root.pem`, `targets.pem`, `snapshot.pem`, `timestamp.pem`, as far as they are there.
#[derive(Debug)]
pub struct KeyFolder {
    dir: PathBuf,
    /// Those that are there.
    pub keys: Keys,
}

impl KeyFolder {
    /// Reads the keys that are there.
    ///
    /// # Errors
    /// [`CliError::Read`], [`CliError::Repository`]: the folder or a file can't be read, or a file is no key.
    pub fn open(dir: &Path) -> Result<Self, CliError> {
        fs::read_dir(dir).map_err(|source| CliError::Read { path: dir.to_owned(), source })?;
        let mut keys = Keys::default();
        for role in Role::ALL {
            if let Some(key) = read(&file(dir, role))? {
                keys.set(role, key);
            }
        }
        Ok(Self { dir: dir.to_owned(), keys })
    }

    /// Keys that are in no folder, from a seed for each role.
    #[cfg(feature = "server")]
    pub fn of_seeds(seeds: [[u8; 32]; 4]) -> Self {
        let mut keys = Keys::default();
        for (role, seed) in Role::ALL.into_iter().zip(seeds) {
            keys.set(role, SigningKey::from_seed(&seed));
        }
        Self { dir: PathBuf::new(), keys }
    }

    /// Makes a key for each role.
    ///
    /// # Errors
    /// [`CliError::Repository`]: a key is there already, of which none is touched then; [`CliError::Write`].
    pub fn make(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
        fs::create_dir_all(dir).map_err(|source| CliError::Write { path: dir.to_owned(), source })?;
        let files = Role::ALL.map(|role| file(dir, role));
        if let Some(path) = files.iter().find(|path| path.exists()) {
            return Err(CliError::Repository { path: path.clone(), source: RepositoryFault::KeyIsThere });
        }
        files.iter().try_for_each(|path| write(path, &generate(path)?))?;
        Ok(files.into())
    }

    /// The key that is to follow a role's: one that an interrupted rotation has made, or a new one. It is kept before it is used.
    ///
    /// # Errors
    /// [`CliError::Repository`], [`CliError::Read`], [`CliError::Write`].
    pub fn successor(&self, role: Role) -> Result<SigningKey, CliError> {
        if self.keys.of(role).is_none() {
            return Err(CliError::Repository { path: self.dir.clone(), source: RepositoryFault::NoKeyOf(role) });
        }
        let path = self.next(role);
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        let key = generate(&path)?;
        write(&path, &key)?;
        Ok(key)
    }

    /// Whether an interrupted rotation has made the key that is to follow a role's.
    pub fn has_successor(&self, role: Role) -> bool {
        self.next(role).exists()
    }

    /// Puts the key that has followed in the place of the old one, which is kept beside it.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn succeed(&self, role: Role, root_version: u64) -> Result<PathBuf, CliError> {
        let (current, next) = (file(&self.dir, role), self.next(role));
        let old = self.dir.join(format!("{}.until-root-{root_version}.pem", role.name()));
        let renamed = fs::rename(&current, &old).and_then(|()| fs::rename(&next, &current));
        renamed.map_err(|source| CliError::Write { path: current, source })?;
        Ok(old)
    }

    fn next(&self, role: Role) -> PathBuf {
        self.dir.join(format!("{}.next.pem", role.name()))
    }
}

fn file(dir: &Path, role: Role) -> PathBuf {
    dir.join(format!("{}.pem", role.name()))
}

/// Random bytes of the system.
///
/// # Errors
/// [`CliError::Repository`]; the path is what they are for.
pub fn random<const N: usize>(path: &Path) -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|source| CliError::Repository { path: path.to_owned(), source: RepositoryFault::Random(source) })?;
    Ok(bytes)
}

fn generate(path: &Path) -> Result<SigningKey, CliError> {
    random(path).map(|seed| SigningKey::from_seed(&seed))
}

fn read(path: &Path) -> Result<Option<SigningKey>, CliError> {
    let pem = match fs::read_to_string(path) {
        Ok(pem) => pem,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CliError::Read { path: path.to_owned(), source }),
    };
    let fault = || CliError::Repository { path: path.to_owned(), source: RepositoryFault::NoKey };
    SigningKey::from_pem(&pem).map(Some).ok_or_else(fault)
}

/// Never over another file, and readable by its owner alone.
fn write(path: &Path, key: &SigningKey) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(key.to_pem().as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| CliError::Write { path: path.to_owned(), source })
}
