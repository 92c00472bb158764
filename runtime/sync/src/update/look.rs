//! Looking for releases: brings the repository's metadata up to date, and chooses.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::release::Release;
use dunlin_protocol::tuf::{self, Answer, Limits, Step, Updater};

use super::choose::{Choice, choose, is_listed};
use super::config::Config;
use super::event::{Event, Fault};
use super::fetch::{TIMEOUT, get, wait};
use super::state::{Listed, Reason};
use super::{Staged, Task, Update};
use crate::effect::{Effect, Failure, Response, Stored, Time};

/// Where the store has metadata.
pub(super) const PREFIX: &str = "tuf/";

/// A look that is under way.
#[derive(Debug)]
pub(super) struct Look {
    updater: alloc::boxed::Box<Updater>,
    /// The number of the request whose answer is waited for.
    request: Option<u64>,
}

impl Look {
    pub(super) fn awaits(&self, id: u64) -> bool {
        self.request == Some(id)
    }
}

impl Update {
    /// Begins a look. A model that is still to be started is started instead.
    pub(super) fn look(&mut self, now: Time) {
        self.asked = false;
        self.wanted = None;
        if self.starts_again() {
            return;
        }
        let files = files(&self.metadata, &self.config);
        match Updater::new(files, now.0 / 1000, Limits::default()) {
            Ok(updater) => {
                self.task = Task::Look(Look { updater: updater.into(), request: None });
                self.look_on(now);
            }
            Err(error) => self.fail(now, Fault::Metadata(error), None),
        }
    }

    /// Does what the updater says, unless an answer is waited for.
    pub(super) fn look_on(&mut self, now: Time) {
        let Task::Look(look) = &mut self.task else { return };
        if look.request.is_some() {
            return;
        }
        match look.updater.step() {
            Ok(Step::Fetch(fetch)) => {
                let id = self.ids.take();
                look.request = Some(id);
                let url = format!("{}/metadata/{}", self.config.repository, fetch.path);
                self.effects.push_back(Effect::Send(get(id, url, fetch.max_bytes, TIMEOUT)));
            }
            Ok(Step::Commit(write)) if self.config.floor.allows(&write.name, &write.bytes) => {
                let change = (format!("{PREFIX}{}", write.name), Some(write.bytes));
                let staged = Staged { id: 0, state: None, metadata: vec![change.clone()], then: Vec::new() };
                self.commit(staged, vec![change]);
            }
            Ok(Step::Commit(write)) => {
                let error = tuf::Error { of: write.name, fault: tuf::Fault::Rollback };
                self.fail(now, Fault::Metadata(error), None);
            }
            Ok(Step::Done) => self.list(now),
            Err(error) => self.fail(now, Fault::Metadata(error), None),
        }
    }

    /// An answer, or none.
    pub(super) fn looked(&mut self, now: Time, response: Result<Response, Failure>) {
        let Task::Look(look) = &mut self.task else { return };
        look.request = None;
        match response {
            Ok(response) if response.status == 200 => {
                look.updater.handle(Answer::Bytes(&response.body));
                self.state.spend(response.body.len() as u64, now);
            }
            // Some stores say 403 of what they don't have.
            Ok(Response { status: 403 | 404, .. }) => look.updater.handle(Answer::Missing),
            Ok(response) => self.fail(now, Fault::Status(response.status), wait(&response)),
            Err(Failure::TooLong) => look.updater.handle(Answer::TooLong),
            Err(failure) => self.fail(now, Fault::Network(failure), None),
        }
    }

    /// Chooses from the list that is trusted now.
    fn list(&mut self, now: Time) {
        let Task::Look(look) = core::mem::replace(&mut self.task, Task::Idle) else { return };
        let listed = releases(&look.updater, &self.config.model);
        let mut next = self.state.clone();
        next.failures = 0;
        next.next = now.after(self.config.interval / 2 + self.chance.below(self.config.interval));
        next.expires = Some(Time(look.updater.expires().saturating_mul(1000)));
        let mut choice = choose(&next, &self.config, &listed, now);
        if choice == Choice::Withdrawn {
            let mut back = next.clone();
            back.roll_back(Reason::Withdrawn, |held| is_listed(&listed, held), &self.config, now);
            choice = choose(&back, &self.config, &listed, now);
            next.waiting = matches!(choice, Choice::Take(_));
            self.roll_back(next, Reason::Withdrawn, |held| is_listed(&listed, held), now);
        } else {
            next.waiting = matches!(choice, Choice::Take(_));
            self.stage(next, Vec::new(), Vec::new());
        }
        self.told_stale = false;
        if let Choice::Take(listed) = choice {
            if self.found != Some(listed.sha256) {
                self.found = Some(listed.sha256);
                let told = Effect::Notify(Event::Found { version: listed.release.version });
                self.staged.iter_mut().for_each(|staged| staged.then.push(told.clone()));
            }
            self.wanted = Some(listed.clone());
        }
    }
}

/// The files that an updater begins with: those that were kept, and the newer of the roots.
fn files(metadata: &Stored, config: &Config) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (key, bytes) in metadata {
        files.extend(key.strip_prefix(PREFIX).map(|name| (name.to_string(), bytes.clone())));
    }
    let newer = files.get("root.json").is_none_or(|kept| version(kept) < version(&config.root));
    if newer {
        files.insert("root.json".into(), config.root.clone());
    }
    files
}

/// The releases of a model. A target whose `custom` isn't a release, or one of a later format, isn't for this device.
fn releases(updater: &Updater, model: &str) -> Vec<Listed> {
    let release = |(path, target): (&str, &tuf::Target)| {
        let release = Release::of_target(path, target.custom.as_deref()?).ok()?;
        Some(Listed { release, sha256: Hash(*target.sha256()?), length: target.length })
    };
    updater.targets().filter_map(release).filter(|listed| listed.release.model == model).collect()
}

/// The version of a file of metadata; none of what isn't one.
pub(super) fn version(file: &[u8]) -> Option<u64> {
    let file = tuf::Value::parse(file, Limits::default().values).ok()?;
    file.field("signed").and_then(|signed| signed.number("version")).ok()
}
