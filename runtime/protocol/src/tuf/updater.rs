//! The device's side: from a trusted root to the newest targets.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Error, Fault};
use super::metadata::{Delegation, Target};
use super::names;
use super::search::Search;
use super::trusted::Trusted;

/// Brings metadata up to date, and finds targets.
///
/// A host calls [`step`](Self::step) and does what it says, until [`Step::Done`]. Then the targets of the top role are there, and
/// [`find`](Self::find) begins a search through delegations, by further steps. After an error nothing more comes: what was committed until
/// then is trusted, and the next updater begins with it.
#[derive(Debug)]
pub struct Updater {
    pub(super) limits: Limits,
    pub(super) trusted: Trusted,
    /// What the host has kept, with what it was told to keep since.
    files: BTreeMap<String, Vec<u8>>,
    state: State,
    /// To be committed before anything else.
    write: Option<Write>,
    /// The last step was to fetch.
    waiting: bool,
    failed: Option<Error>,
    search: Option<Search>,
}

/// How much of anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a root.
    pub root: u64,
    /// Bytes of a timestamp.
    pub timestamp: u64,
    /// Bytes of a snapshot whose length isn't announced.
    pub snapshot: u64,
    /// Bytes of a role's targets whose length isn't announced.
    pub targets: u64,
    /// Roots that follow each other in one refresh.
    pub roots: u32,
    /// Delegated roles that are visited in one search.
    pub delegations: usize,
    /// Values in one file of metadata.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            root: 512_000,
            timestamp: 16_384,
            snapshot: 2_000_000,
            targets: 5_000_000,
            roots: 256,
            delegations: 32,
            values: 250_000,
        }
    }
}

/// What the host is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Fetch a file and give it to [`Updater::handle`].
    Fetch(Fetch),
    /// Keep a file, durable before the next step.
    Commit(Write),
    /// Nothing: the metadata is up to date, or the search has ended.
    Done,
}

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Below which of the repository's addresses.
    pub place: Place,
    /// The path below it, escaped as addresses ask for.
    pub path: String,
    /// The host stops reading beyond this, with [`Answer::TooLong`].
    pub max_bytes: u64,
}

/// Which of a repository's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of metadata.
    Metadata,
    /// That of targets.
    Targets,
}

/// A file to keep; one of the same name is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Its name: `root.json`, `timestamp.json` and so on; of `a-z`, `0-9`, `-` and `.`.
    pub name: String,
    /// Its bytes, as they came from the server.
    pub bytes: Vec<u8>,
}

/// What came of fetching a file.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The file.
    Bytes(&'a [u8]),
    /// The server has no such file: status 404, or 403 as some stores say.
    Missing,
    /// It is longer than asked for.
    TooLong,
    /// Anything else: no connection, another status.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The root that follows is asked for; so many may.
    Root {
        left: u32,
    },
    Timestamp,
    Snapshot,
    Targets,
    Ready,
    Search,
}

impl Updater {
    /// Begins a refresh.
    ///
    /// `files` are those that earlier updaters committed, by their names; at first only `root.json`, which came with the app. `now` is in
    /// seconds since the epoch and stays the time of this updater.
    ///
    /// # Errors
    /// There is no root, or its own keys didn't sign it.
    pub fn new(files: BTreeMap<String, Vec<u8>>, now: u64, limits: Limits) -> Result<Self, Error> {
        let root = files.get("root.json").ok_or_else(|| Fault::NoRoot.of("root"))?;
        if root.len() as u64 > limits.root {
            return Err(Fault::TooLong.of("root"));
        }
        let trusted = Trusted::new(root, now, limits.values).map_err(|fault| fault.of("root"))?;
        Ok(Self {
            limits,
            trusted,
            files,
            state: State::Root { left: limits.roots },
            write: None,
            waiting: false,
            failed: None,
            search: None,
        })
    }

    /// What to do next.
    ///
    /// # Errors
    /// Something isn't trusted or can't be had; no further step will come.
    pub fn step(&mut self) -> Result<Step, Error> {
        if let Some(write) = self.write.take() {
            return Ok(Step::Commit(write));
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.fetch_next() {
            Some(fetch) => {
                self.waiting = true;
                Ok(Step::Fetch(fetch))
            }
            None => Ok(Step::Done),
        }
    }

    /// Takes what came of the last [`Step::Fetch`].
    pub fn handle(&mut self, answer: Answer<'_>) {
        let Some(fetch) = self.fetch_next().filter(|_| core::mem::take(&mut self.waiting)) else {
            return self.fail("answer", Fault::Order);
        };
        let bytes = match answer {
            Answer::Bytes(bytes) if bytes.len() as u64 <= fetch.max_bytes => Ok(bytes),
            Answer::Bytes(_) | Answer::TooLong => Err(Fault::TooLong),
            Answer::Missing => Err(Fault::Missing),
            Answer::Failed => Err(Fault::Unanswered),
        };
        match self.state {
            State::Root { left } => self.on_root(bytes, left),
            State::Timestamp => self.on_timestamp(bytes),
            State::Snapshot => self.on_snapshot(bytes),
            State::Targets => self.on_targets(bytes),
            State::Search => self.on_delegated(bytes),
            State::Ready => self.fail("answer", Fault::Order),
        }
    }

    /// Begins to search a target through delegations. [`Step::Done`] ends the search, then [`found`](Self::found) has it.
    ///
    /// # Errors
    /// [`Fault::Order`]: the refresh isn't done.
    pub fn find(&mut self, path: &str) -> Result<(), Error> {
        let (State::Ready, Some(top)) = (self.state, &self.trusted.targets) else { return Err(Fault::Order.of(path)) };
        self.search = Some(Search::new(path.into(), top));
        self.advance_search();
        Ok(())
    }

    /// The target that was found last; none if no role that may vouch for it has it.
    pub fn found(&self) -> Option<&Target> {
        self.search.as_ref().filter(|_| self.state == State::Ready).and_then(|search| search.found.as_ref())
    }

    /// The top role's targets by their paths, once the refresh is done.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &Target)> {
        let done = matches!(self.state, State::Ready | State::Search);
        let targets = self.trusted.targets.iter().filter(move |_| done);
        targets.flat_map(|role| role.targets.iter().map(|(path, target)| (path.as_str(), target)))
    }

    /// How to fetch a target, which [`Target::check`] then checks.
    ///
    /// # Errors
    /// [`Fault::Path`] or [`Fault::NoDigest`]: it can't be asked for.
    pub fn fetch(&self, path: &str, target: &Target) -> Result<Fetch, Error> {
        let address = target.address(path, self.trusted.root.consistent_snapshot).map_err(|fault| fault.of(path))?;
        Ok(Fetch { place: Place::Targets, path: address, max_bytes: target.length })
    }

    /// When the first of the top roles' times is over, in seconds since the epoch: then what is known is stale.
    pub fn expires(&self) -> u64 {
        let Trusted { root, timestamp, snapshot, targets, .. } = &self.trusted;
        let others =
            [timestamp.as_ref().map(|t| t.head), snapshot.as_ref().map(|s| s.head), targets.as_ref().map(|t| t.head)];
        others.into_iter().flatten().fold(root.head.expires(), |first, head| first.min(head.expires()))
    }

    /// What is waited for.
    fn fetch_next(&self) -> Option<Fetch> {
        let fetch = |path, max_bytes| Some(Fetch { place: Place::Metadata, path, max_bytes });
        let announced = |role: &str, limit: u64| {
            let info = self.trusted.snapshot.as_ref()?.of(role)?;
            fetch(self.trusted.address(info.version, role), info.length.map_or(limit, |length| length.min(limit)))
        };
        match self.state {
            State::Root { .. } => {
                let next = self.trusted.root.head.version.saturating_add(1);
                fetch(alloc::format!("{next}.root.json"), self.limits.root)
            }
            State::Timestamp => fetch("timestamp.json".into(), self.limits.timestamp),
            State::Snapshot => {
                let (info, limit) = (&self.trusted.timestamp.as_ref()?.snapshot, self.limits.snapshot);
                let max_bytes = info.length.map_or(limit, |length| length.min(limit));
                fetch(self.trusted.address(info.version, "snapshot"), max_bytes)
            }
            State::Targets => announced("targets", self.limits.targets),
            State::Search => announced(&self.search.as_ref()?.current.as_ref()?.name, self.limits.targets),
            State::Ready => None,
        }
    }

    /// 5.3: one root after the other, until the server has no newer one.
    fn on_root(&mut self, bytes: Result<&[u8], Fault>, left: u32) {
        match bytes {
            Ok(bytes) => match self.trusted.follow_root(bytes) {
                Ok(()) => {
                    // 5.3.8
                    self.keep("root", bytes);
                    match left.saturating_sub(1) {
                        0 => self.after_root(),
                        left => self.state = State::Root { left },
                    }
                }
                Err(fault) => self.fail("root", fault),
            },
            // 5.3.3
            Err(Fault::Missing) => self.after_root(),
            Err(fault) => self.fail("root", fault),
        }
    }

    fn after_root(&mut self) {
        if let Err(fault) = self.trusted.check_root() {
            return self.fail("root", fault);
        }
        if let Some(bytes) = self.files.get("timestamp.json") {
            // One that isn't valid any more is as good as none.
            let _ = self.trusted.restore_timestamp(bytes);
        }
        self.state = State::Timestamp;
    }

    /// 5.4
    fn on_timestamp(&mut self, bytes: Result<&[u8], Fault>) {
        let followed = bytes.and_then(|bytes| Ok((bytes, self.trusted.follow_timestamp(bytes)?)));
        match followed {
            // 5.4.5
            Ok((bytes, true)) => self.keep("timestamp", bytes),
            Ok((_, false)) => {}
            Err(fault) => return self.fail("timestamp", fault),
        }
        if let Err(fault) = self.trusted.fresh_timestamp() {
            return self.fail("timestamp", fault);
        }
        // A snapshot that isn't valid any more is as good as none.
        let kept = self.files.get("snapshot.json").map(|bytes| self.trusted.restore_snapshot(bytes));
        match kept {
            Some(Ok(true)) => self.after_snapshot(),
            _ => self.state = State::Snapshot,
        }
    }

    /// 5.5
    fn on_snapshot(&mut self, bytes: Result<&[u8], Fault>) {
        match bytes.and_then(|bytes| self.trusted.follow_snapshot(bytes).map(|()| bytes)) {
            Ok(bytes) => {
                // 5.5.7
                self.keep("snapshot", bytes);
                self.after_snapshot();
            }
            Err(fault) => self.fail("snapshot", fault),
        }
    }

    fn after_snapshot(&mut self) {
        let kept = self.files.get("targets.json").map(|bytes| self.trusted.follow_targets(bytes));
        self.state = if let Some(Ok(())) = kept { State::Ready } else { State::Targets };
    }

    /// 5.6
    fn on_targets(&mut self, bytes: Result<&[u8], Fault>) {
        match bytes.and_then(|bytes| self.trusted.follow_targets(bytes).map(|()| bytes)) {
            Ok(bytes) => {
                // 5.6.6
                self.keep("targets", bytes);
                self.state = State::Ready;
            }
            Err(fault) => self.fail("targets", fault),
        }
    }

    /// Visits roles until one must be fetched or there is no more to visit.
    fn advance_search(&mut self) {
        self.state = State::Search;
        while let Some(search) = &mut self.search {
            let Some(delegation) = search.next() else {
                self.state = State::Ready;
                return;
            };
            if search.visited() > self.limits.delegations {
                return self.fail(delegation.name, Fault::TooMany("delegations"));
            }
            if self.trusted.snapshot.as_ref().is_none_or(|snapshot| snapshot.of(&delegation.name).is_none()) {
                return self.fail(delegation.name, Fault::NotInSnapshot);
            }
            // What was kept, whoever delegated to it then, is checked against who does now.
            let kept = self.files.get(&names::stored(&delegation.name));
            let kept = kept.and_then(|bytes| read_delegated(&self.trusted, &delegation, bytes).ok());
            match kept {
                Some(targets) => search.look_into(&targets),
                None => {
                    search.current = Some(delegation);
                    return;
                }
            }
        }
    }

    /// 5.6.7
    fn on_delegated(&mut self, bytes: Result<&[u8], Fault>) {
        let Some(delegation) = self.search.as_mut().and_then(|search| search.current.take()) else {
            return self.fail("answer", Fault::Order);
        };
        let read =
            bytes.and_then(|bytes| read_delegated(&self.trusted, &delegation, bytes).map(|targets| (bytes, targets)));
        match read {
            Ok((bytes, targets)) => {
                self.keep(&delegation.name, bytes);
                if let Some(search) = &mut self.search {
                    search.look_into(&targets);
                }
                self.advance_search();
            }
            Err(fault) => self.fail(delegation.name, fault),
        }
    }

    /// To be committed by the next step. Its checks have all been made.
    fn keep(&mut self, role: &str, bytes: &[u8]) {
        let name = names::stored(role);
        self.files.insert(name.clone(), bytes.to_vec());
        self.write = Some(Write { name, bytes: bytes.to_vec() });
    }

    fn fail(&mut self, of: impl Into<String>, fault: Fault) {
        self.failed = Some(fault.of(of));
    }
}

pub(super) fn read_delegated(
    trusted: &Trusted,
    delegation: &Delegation,
    bytes: &[u8],
) -> Result<super::metadata::Targets, Fault> {
    trusted.read_targets(&delegation.name, bytes, &delegation.role, &delegation.keys)
}
