//! Keys and values in a folder, changed by commits that are whole and durable.
//!
//! Small values lie in a journal, to whose end each commit is written and synced. Large ones have files of their own, named by their digests,
//! which are synced before the commit that names them. A program may end, and a machine may stop, at any moment: what was committed is there
//! afterwards, and what wasn't is not.

mod journal;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use dunlin_protocol::hex::Hash;
use dunlin_sync::{StoreFailure, Stored};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, Folder};
use crate::model::ModelFile;
use journal::{Change, End, MAGIC, Value, Values};

/// A store.
#[derive(Debug)]
pub struct Store<D = Folder> {
    disk: D,
    values: Values,
    end: End,
    /// Nobody knows what of the journal is durable: nothing more is written.
    broken: bool,
}

impl Store<Folder> {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// As [`Folder::open`] and [`Store::over`].
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::over(Folder::open(folder)?)
    }

    /// The file that has a value, if it has one of its own.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        match self.values.get(key)? {
            Value::Inline(_) => None,
            Value::File(hash, _) => Some(self.disk.path(&hash.to_string())),
        }
    }
}

impl<D: Disk> Store<D> {
    /// Opens the store on a disk, or makes one. What a program that ended left behind is removed.
    ///
    /// # Errors
    /// What the disk says, and [`ErrorKind::InvalidData`] where the journal isn't one, or one of a later format.
    pub fn over(mut disk: D) -> io::Result<Self> {
        let Some(bytes) = disk.read(JOURNAL)? else {
            let mut store = Self { disk, values: Values::new(), end: End::EMPTY, broken: false };
            store.rewrite()?;
            return Ok(store);
        };
        let (values, end) = journal::replay(&bytes).ok_or(ErrorKind::InvalidData)?;
        let mut store = Self { disk, values, end, broken: false };
        if end.length < bytes.len() as u64 {
            store.disk.truncate(JOURNAL, end.length)?;
            store.disk.sync(JOURNAL)?;
        }
        let files = store.files();
        for name in store.disk.names()? {
            if name != JOURNAL && !Hash::parse(&name).is_some_and(|hash| files.contains(&hash)) && is_ours(&name) {
                store.disk.remove(&name)?;
            }
        }
        Ok(store)
    }

    /// All values but those of models.
    ///
    /// # Errors
    /// What the disk says of a value that has a file of its own.
    pub fn stored(&mut self) -> io::Result<Stored> {
        let keys: Vec<String> = self.values.keys().filter(|key| !key.starts_with(MODELS)).cloned().collect();
        keys.into_iter().filter_map(|key| self.read(&key).map(|value| Some((key, value?))).transpose()).collect()
    }

    /// A value; `None` where there is none.
    ///
    /// # Errors
    /// What the disk says of a value that has a file of its own; [`ErrorKind::NotFound`] where that is gone.
    pub fn read(&mut self, key: &str) -> io::Result<Option<Vec<u8>>> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Inline(bytes)) => Ok(Some(bytes.clone())),
            Some(Value::File(hash, _)) => match self.disk.read(&hash.to_string())? {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(ErrorKind::NotFound.into()),
            },
        }
    }

    /// A value as a model, where possible mapped.
    ///
    /// # Errors
    /// As [`Store::read`], and [`ErrorKind::NotFound`] where there is none.
    pub fn model(&mut self, key: &str) -> io::Result<ModelFile> {
        match self.values.get(key) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Value::Inline(bytes)) => ModelFile::held(bytes),
            Some(Value::File(hash, _)) => self.disk.model(&hash.to_string()),
        }
    }

    /// Makes changes, all or none.
    ///
    /// # Errors
    /// [`StoreFailure`]; nothing has changed then. After one that can't be undone, no commit succeeds until the store is opened again.
    pub fn commit(&mut self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), StoreFailure> {
        if self.broken {
            return Err(StoreFailure::Broken);
        }
        let files_before = self.files();
        let changes =
            changes.into_iter().map(|(key, value)| Ok((key, value.map(|value| self.place(value)).transpose()?)));
        let done = changes.collect::<io::Result<Vec<Change>>>().and_then(|changes| self.append(changes));
        let kept = self.files();
        if let Err(error) = done {
            // Files that no commit names yet: whatever can't be removed now is removed when the store is opened.
            return Err(failure(&error));
        }
        for hash in files_before.difference(&kept) {
            // As above; a system that keeps open files would say no.
            let _ = self.disk.remove(&hash.to_string());
        }
        if self.end.length > WASTE * self.live() + LEAST {
            // The commit is durable, whatever becomes of this; a store that is broken says so at the next.
            let _ = self.rewrite();
        }
        Ok(())
    }

    /// Writes a large value to its file.
    fn place(&mut self, value: Vec<u8>) -> io::Result<Value> {
        if value.len() <= LARGE {
            return Ok(Value::Inline(value));
        }
        let hash = Hash(Sha256::digest(&value).into());
        let name = hash.to_string();
        if !self.files().contains(&hash) {
            self.disk.create(&name)?;
            self.disk.append(&name, &value)?;
            self.disk.sync(&name)?;
            self.disk.sync_names()?;
        }
        Ok(Value::File(hash, value.len() as u64))
    }

    /// Writes a commit to the journal.
    fn append(&mut self, changes: Vec<Change>) -> io::Result<()> {
        let (record, end) = self.end.record(&changes).ok_or(ErrorKind::InvalidInput)?;
        let written = self.disk.append(JOURNAL, &record).and_then(|()| self.disk.sync(JOURNAL));
        if let Err(error) = written {
            let undone = self.disk.truncate(JOURNAL, self.end.length).and_then(|()| self.disk.sync(JOURNAL));
            self.broken = undone.is_err();
            return Err(error);
        }
        self.end = end;
        for (key, value) in changes {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
        Ok(())
    }

    /// Writes the journal anew, with nothing but what holds.
    fn rewrite(&mut self) -> io::Result<()> {
        let changes: Vec<Change> = self.values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        let (record, end) = match changes.is_empty() {
            true => (Vec::new(), End::EMPTY),
            false => End::EMPTY.record(&changes).ok_or(ErrorKind::InvalidInput)?,
        };
        self.disk.create(NEW)?;
        self.disk.append(NEW, &[MAGIC, &record].concat())?;
        self.disk.sync(NEW)?;
        // From here on either journal may be the one that is found, and they say the same; but only one of them will be written.
        self.broken = true;
        self.disk.rename(NEW, JOURNAL)?;
        self.disk.sync_names()?;
        self.broken = false;
        self.end = end;
        Ok(())
    }

    fn files(&self) -> BTreeSet<Hash> {
        let file = |value: &Value| if let Value::File(hash, _) = value { Some(*hash) } else { None };
        self.values.values().filter_map(file).collect()
    }

    /// How many bytes hold.
    fn live(&self) -> u64 {
        let length = |value: &Value| if let Value::Inline(bytes) = value { bytes.len() as u64 } else { 40 };
        self.values.iter().map(|(key, value)| key.len() as u64 + 8 + length(value)).sum()
    }
}

/// Whether a store may have made a file of that name. Others are left alone.
fn is_ours(name: &str) -> bool {
    name == NEW || Hash::parse(name).is_some()
}

fn failure(error: &io::Error) -> StoreFailure {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreFailure::Full,
        _ => StoreFailure::Broken,
    }
}

const JOURNAL: &str = "journal";
const NEW: &str = "journal.new";
/// Values beyond so many bytes have files of their own.
const LARGE: usize = 64 << 10;
/// The journal is written anew when it is so many times as long as what holds.
const WASTE: u64 = 4;
/// As long as it is shorter than this, it isn't.
const LEAST: u64 = 64 << 10;
/// Where models' own bytes are.
const MODELS: &str = "slot/";
