//! Fetching a release: by a patch from the model that answers where there is one, or else whole.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::hex::{self, Hash};
use dunlin_protocol::patch;
use dunlin_protocol::release::Patch;
use sha2::{Digest as _, Sha256};

use super::event::{Event, Fault};
use super::state::{Held, Listed};
use super::{Task, Update};
use crate::effect::{Effect, Failure, Method, Read, Request, Response, Time};

/// A fetch that is under way.
#[derive(Debug)]
pub(super) struct Fetch {
    listed: Listed,
    /// The number of the request, or of the read.
    id: u64,
    /// The bytes that were fetched so far.
    spent: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Waits for the bytes of the model that answers.
    Base,
    /// Waits for the patch; has what it starts from.
    Patch(Patch, Vec<u8>),
    /// Waits for all of it.
    Whole,
}

impl Fetch {
    pub(super) fn awaits(&self, id: u64) -> bool {
        self.id == id
    }
}

impl Update {
    /// Whether a release is wanted, and the conditions allow to fetch something of it.
    pub(super) fn may_fetch(&self, now: Time) -> bool {
        self.wanted.is_some() && self.config.when.permits(self.conditions) && self.exhausted != Some(now.day())
    }

    /// Begins with what the release could start from.
    pub(super) fn fetch(&mut self, now: Time) {
        let Some(listed) = self.wanted.clone() else { return };
        let place = self.state.serving;
        let held = self.state.held(place);
        let patches = &listed.release.patches;
        if held.map_or(!patches.is_empty(), |held| patches.iter().any(|patch| patch.from == held.sha256)) {
            let id = self.ids.take();
            self.effects.push_back(Effect::Read(Read { id, place }));
            self.task = Task::Fetch(Fetch { listed, id, spent: 0, stage: Stage::Base }.into());
        } else {
            self.fetch_whole(now, listed, 0);
        }
    }

    /// The bytes of the model that answers.
    pub(super) fn read(&mut self, now: Time, bytes: Option<Vec<u8>>) {
        let Task::Fetch(fetch) = core::mem::replace(&mut self.task, Task::Idle) else { return };
        let listed = fetch.listed;
        let base = bytes.map(|bytes| (Hash(Sha256::digest(&bytes).into()), bytes));
        let patch = base.and_then(|(hash, bytes)| Some((listed.release.patch_from(&hash)?.clone(), bytes)));
        match patch {
            Some((patch, base)) if patch.length < listed.length => {
                if self.can_afford(now, patch.length) {
                    let id = self.send_for(&patch.path, &patch.sha256, patch.length);
                    self.task = Task::Fetch(Fetch { listed, id, spent: 0, stage: Stage::Patch(patch, base) }.into());
                }
            }
            _ => self.fetch_whole(now, listed, 0),
        }
    }

    fn fetch_whole(&mut self, now: Time, listed: Listed, spent: u64) {
        self.task = Task::Idle;
        if self.can_afford(now, listed.length) {
            let id = self.send_for(&listed.release.path(), &listed.sha256, listed.length);
            self.task = Task::Fetch(Fetch { listed, id, spent, stage: Stage::Whole }.into());
        }
    }

    /// Whether so much may be fetched today; if it may on no day, there is nothing to wait for.
    fn can_afford(&mut self, now: Time, length: u64) -> bool {
        let per_day = self.config.when.bytes_per_day;
        if length > per_day {
            self.fail(now, Fault::Allowance, None);
            return false;
        }
        let today = length <= self.state.allowance(per_day, now);
        self.exhausted = (!today).then_some(now.day());
        today
    }

    /// Asks for a target by its path and digest.
    fn send_for(&mut self, path: &str, sha256: &Hash, length: u64) -> u64 {
        let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
        let slash = if folder.is_empty() { "" } else { "/" };
        let url = format!("{}/targets/{folder}{slash}{}.{file}", self.config.repository, hex::encode(&sha256.0));
        let id = self.ids.take();
        let timeout = TIMEOUT + length / SLOWEST;
        self.effects.push_back(Effect::Send(get(id, url, length, timeout)));
        id
    }

    /// An answer, or none.
    pub(super) fn fetched(&mut self, now: Time, response: Result<Response, Failure>) {
        let Task::Fetch(fetch) = core::mem::replace(&mut self.task, Task::Idle) else { return };
        let Fetch { listed, spent, stage, .. } = *fetch;
        let body = match response {
            Ok(response) if response.status == 200 => Ok(response.body),
            Ok(response) => Err((Fault::Status(response.status), wait(&response))),
            Err(failure) => Err((Fault::Network(failure), None)),
        };
        let length = body.as_ref().map_or(0, |body| body.len() as u64);
        self.state.spend(length, now);
        let spent = spent + length;
        match (stage, body) {
            (Stage::Patch(patch, base), Ok(body)) if is(&body, patch.length, &patch.sha256) => {
                match patch::apply(&base, &body, listed.length)
                    .ok()
                    .filter(|new| is(new, listed.length, &listed.sha256))
                {
                    Some(new) => self.store(listed, new, spent),
                    None => self.fetch_whole(now, listed, spent),
                }
            }
            // A patch that isn't there, or is no longer what it was, is no reason to do without the release.
            (Stage::Patch(..), Ok(_) | Err((Fault::Status(400..=428 | 430..=499), _))) => {
                self.fetch_whole(now, listed, spent)
            }
            (Stage::Whole, Ok(body)) if is(&body, listed.length, &listed.sha256) => self.store(listed, body, spent),
            (_, Ok(_)) => self.fail(now, Fault::Content, None),
            (_, Err((fault, wait))) => self.fail(now, fault, wait),
        }
    }

    /// Keeps the model's bytes, and that it is to be started, in one commit.
    fn store(&mut self, listed: Listed, bytes: Vec<u8>, spent: u64) {
        self.wanted = None;
        let mut next = self.state.clone();
        next.waiting = false;
        let (slot, version) = (next.free(), listed.release.version);
        next.start(slot, Held { sha256: listed.sha256, version }, listed.release.canary);
        let told = Effect::Notify(Event::Downloaded { version, bytes: spent });
        self.stage_trial(next, vec![(slot.key().into(), Some(bytes))], vec![told]);
    }
}

/// Whether bytes are what their metadata says.
fn is(bytes: &[u8], length: u64, sha256: &Hash) -> bool {
    bytes.len() as u64 == length && Sha256::digest(bytes)[..] == sha256.0
}

/// A GET of so many bytes at most.
pub(super) fn get(id: u64, url: String, max_bytes: u64, timeout: u64) -> Request {
    Request { id, method: Method::Get, url, headers: Vec::new(), body: Vec::new(), max_bytes, timeout }
}

/// Milliseconds that a server that has too much to do asks to wait.
pub(super) fn wait(response: &Response) -> Option<u64> {
    let seconds = response.header("retry-after").filter(|_| matches!(response.status, 429 | 503))?;
    seconds.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000))
}

/// Milliseconds for any answer.
pub(super) const TIMEOUT: u64 = 30_000;
/// Bytes a millisecond below which a connection is given up.
const SLOWEST: u64 = 8;
