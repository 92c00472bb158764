//! All delegated roles at once, for whoever has the whole repository: a server that checks it before it shows it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Error, Fault};
use super::metadata::{Target, Targets, find};
use super::search::Search;
use super::updater::{Updater, read_delegated};

/// What roles vouch for to whom the top role delegates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegated {
    /// The addresses of their metadata.
    pub metadata: Vec<String>,
    /// Their targets as devices find them, by their paths; those of the top role aren't among them.
    pub targets: Vec<(String, Target)>,
}

/// The most delegations of one repository, whoever they are from.
const DELEGATIONS: usize = 512;

impl Updater {
    /// Visits all delegated roles, once the refresh is done. `read` gives a file of metadata by its address.
    ///
    /// Each role is checked by every role that delegates to it, and a target counts where [`find`](Self::find) would find it.
    ///
    /// # Errors
    /// A role can't be had or isn't trusted, there are too many, or a device would give up before it has found a target.
    pub fn delegated(&self, mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Result<Delegated, Error> {
        let (Some(top), Some(snapshot)) = (&self.trusted.targets, &self.trusted.snapshot) else {
            return Err(Fault::Order.of("targets"));
        };
        let (mut roles, mut delegated) = (BTreeMap::<String, Targets>::new(), Delegated::default());
        let (mut open, mut visited) = (top.delegations.clone(), 0);
        while let Some(delegation) = open.pop() {
            let name = &delegation.name;
            visited += 1;
            if visited > DELEGATIONS {
                return Err(Fault::TooMany("delegations").of(name.as_str()));
            }
            let info = snapshot.of(name).ok_or_else(|| Fault::NotInSnapshot.of(name.as_str()))?;
            let address = self.trusted.address(info.version, name);
            let bytes = read(&address).ok_or_else(|| Fault::Missing.of(name.as_str()))?;
            if bytes.len() as u64 > info.length.map_or(self.limits.targets, |length| length.min(self.limits.targets)) {
                return Err(Fault::TooLong.of(name.as_str()));
            }
            let targets =
                read_delegated(&self.trusted, &delegation, &bytes).map_err(|fault| fault.of(name.as_str()))?;
            if roles.contains_key(name) {
                continue;
            }
            open.extend(targets.delegations.iter().cloned());
            delegated.metadata.push(address);
            roles.insert(name.clone(), targets);
        }
        let paths: BTreeSet<&String> =
            roles.values().flat_map(|role| role.targets.iter().map(|(path, _)| path)).collect();
        for path in paths.into_iter().filter(|path| find(&top.targets, path).is_none()) {
            let found = self.find_among(path, top, &roles)?;
            delegated.targets.extend(found.map(|target| (path.clone(), target)));
        }
        Ok(delegated)
    }

    fn find_among(
        &self,
        path: &str,
        top: &Targets,
        roles: &BTreeMap<String, Targets>,
    ) -> Result<Option<Target>, Error> {
        let mut search = Search::new(path.into(), top);
        while let Some(delegation) = search.next() {
            if search.visited() > self.limits.delegations {
                return Err(Fault::TooMany("delegations").of(delegation.name));
            }
            if let Some(role) = roles.get(&delegation.name) {
                search.look_into(role);
            }
        }
        Ok(search.found)
    }
}
