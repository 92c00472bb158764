//! A disk that stops at an operation of one's choice, and forgets what no sync had made durable.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_native::{Disk, ModelFile};

/// How far the operation comes at which the disk stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing of it happens.
    Before,
    /// Half of the bytes are written.
    Half,
    /// It happens, but nobody is told.
    After,
}

/// What of that which wasn't synced is there when the machine starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Names, but not what is in their files.
    Names,
    /// Names, and of each file what was synced, a half of the rest, and other bytes after it.
    Torn,
}

pub const REACHES: [Reach; 3] = [Reach::Before, Reach::Half, Reach::After];
pub const SURVIVALS: [Survives; 4] = [Survives::Nothing, Survives::Everything, Survives::Names, Survives::Torn];

/// Where a disk stops.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// After so many operations that write.
    pub after: usize,
    pub reach: Reach,
    /// Whether the machine stops, or that operation alone fails.
    pub for_good: bool,
}

#[derive(Clone, Default)]
struct File {
    written: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    operations: usize,
    stop: Option<Stop>,
    stopped: bool,
}

/// A disk; its clones are the same disk.
#[derive(Clone, Default)]
pub struct Disks(Arc<Mutex<State>>);

impl Disks {
    /// How many operations have written.
    pub fn operations(&self) -> usize {
        self.with(|state| state.operations)
    }

    /// From now on counts anew, and stops.
    pub fn stop(&self, stop: Option<Stop>) {
        self.with(|state| (state.operations, state.stop, state.stopped) = (0, stop, false));
    }

    pub fn is_stopped(&self) -> bool {
        self.with(|state| state.stopped)
    }

    /// Starts the machine again.
    pub fn restart(&self, survives: Survives) {
        self.with(|state| {
            if survives == Survives::Nothing {
                state.names = state.durable_names.clone();
            }
            for file in &mut state.files {
                match survives {
                    Survives::Everything => (),
                    Survives::Nothing | Survives::Names => file.written = file.durable.clone(),
                    Survives::Torn => file.tear(),
                }
                file.durable = file.written.clone();
            }
            state.durable_names = state.names.clone();
            (state.operations, state.stop, state.stopped) = (0, None, false);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Carries out an operation that writes, as far as it comes.
    fn write(&self, act: impl FnOnce(&mut State, Reach) -> io::Result<()>) -> io::Result<()> {
        self.with(|state| {
            let failed = || io::Error::from(ErrorKind::StorageFull);
            if state.stopped {
                return Err(failed());
            }
            state.operations += 1;
            match state.stop.filter(|stop| stop.after + 1 == state.operations) {
                None => act(state, Reach::After),
                Some(stop) => {
                    state.stopped = stop.for_good;
                    if stop.reach != Reach::Before {
                        act(state, stop.reach)?;
                    }
                    Err(failed())
                }
            }
        })
    }
}

impl File {
    fn tear(&mut self) {
        let synced = self.durable.len();
        if self.written.len() > synced && self.written.starts_with(&self.durable) {
            let half = synced + (self.written.len() - synced) / 2;
            self.written[half..].fill(0xa5);
        } else {
            self.written = self.durable.clone();
        }
    }
}

impl State {
    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let file = self.names.get(name).copied();
        file.map(|file| &mut self.files[file]).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Disk for Disks {
    fn names(&mut self) -> io::Result<Vec<String>> {
        Ok(self.with(|state| state.names.keys().cloned().collect()))
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.with(|state| state.file(name).ok().map(|file| file.written.clone())))
    }

    fn model(&mut self, name: &str) -> io::Result<ModelFile> {
        let bytes = self.read(name)?.ok_or(ErrorKind::NotFound)?;
        ModelFile::held(&bytes)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.write(|state, reach| {
            // A file that is there is emptied; half of that is nothing.
            if reach == Reach::After {
                match state.file(name) {
                    Ok(file) => file.written.clear(),
                    Err(_) => {
                        state.files.push(File::default());
                        state.names.insert(name.to_owned(), state.files.len() - 1);
                    }
                }
            }
            Ok(())
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(|state, reach| {
            let most = if reach == Reach::Half { bytes.len() / 2 } else { bytes.len() };
            state.file(name)?.written.extend_from_slice(&bytes[..most]);
            Ok(())
        })
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.write(|state, reach| {
            if reach == Reach::After {
                state.file(name)?.written.truncate(length as usize);
            }
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.write(|state, reach| {
            let file = state.file(name)?;
            if reach == Reach::After {
                file.durable = file.written.clone();
            }
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.write(|state, reach| {
            if reach == Reach::After {
                let file = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
                state.names.insert(to.to_owned(), file);
            }
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.write(|state, reach| {
            if reach == Reach::After {
                state.names.remove(name).ok_or(ErrorKind::NotFound)?;
            }
            Ok(())
        })
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.write(|state, reach| {
            if reach == Reach::After {
                state.durable_names = state.names.clone();
            }
            Ok(())
        })
    }
}
