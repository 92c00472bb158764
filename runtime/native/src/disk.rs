//! The files of one folder, as a store needs them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::model::ModelFile;

/// Files in one folder, by their names.
///
/// What was written may be lost, or be there in part, until the file is synced; which names there are, until the names are.
pub trait Disk {
    /// The names of all files.
    ///
    /// # Errors
    /// What the system says.
    fn names(&mut self) -> io::Result<Vec<String>>;

    /// A file's bytes; `None` where there is no such file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// A file's bytes as a model, where possible mapped.
    ///
    /// # Errors
    /// What the system says.
    fn model(&mut self, name: &str) -> io::Result<ModelFile>;

    /// Makes a file empty, whether or not it is there.
    ///
    /// # Errors
    /// What the system says.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Writes at a file's end.
    ///
    /// # Errors
    /// What the system says; some of the bytes may be written then.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file off.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Waits until a file's bytes are durable.
    ///
    /// # Errors
    /// What the system says; then nobody knows what of it is.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a file another name, instead of the file that had it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Waits until it is durable which names there are.
    ///
    /// # Errors
    /// What the system says; then nobody knows.
    fn sync_names(&mut self) -> io::Result<()>;
}

/// A folder of the file system, which no other process has open.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Open and locked as long as this lives.
    _lock: File,
    /// The file that was written last, which is written again as a rule.
    open: Option<(String, File)>,
}

impl Folder {
    /// Opens a folder, makes it where there is none, and locks it.
    ///
    /// # Errors
    /// What the system says; [`ErrorKind::WouldBlock`] where another process, or another part of this one, has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { path: path.to_owned(), _lock: lock, open: None })
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            self.open = Some((name.to_owned(), OpenOptions::new().append(true).open(self.path(name))?));
        }
        self.open.as_mut().map(|(_, file)| file).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Disk for Folder {
    fn names(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // What has no name in UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn model(&mut self, name: &str) -> io::Result<ModelFile> {
        ModelFile::open(&self.path(name))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.open = None;
        File::create(self.path(name)).map(|_| ())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all(bytes)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.file(name)?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open = None;
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open = None;
        fs::remove_file(self.path(name))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        // Elsewhere a folder can't be opened, and the file system keeps names by itself.
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}

const LOCK: &str = "lock";
