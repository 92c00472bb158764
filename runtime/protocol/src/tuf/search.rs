//! The way from the top role to the one that vouches for a target.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::metadata::{Delegation, Target, Targets, find};

/// A walk through delegations, in their order and depth first (5.6.7).
#[derive(Debug)]
pub(super) struct Search {
    pub path: String,
    /// The role whose metadata is waited for.
    pub current: Option<Delegation>,
    pub found: Option<Target>,
    /// The last is visited next.
    stack: Vec<Delegation>,
    visited: BTreeSet<String>,
}

impl Search {
    /// Begins with the top role.
    pub fn new(path: String, top: &Targets) -> Self {
        let mut search = Self { path, current: None, found: None, stack: Vec::new(), visited: BTreeSet::new() };
        search.look_into(top);
        search
    }

    /// Takes what a role says of the target, or whom it delegates to.
    pub fn look_into(&mut self, role: &Targets) {
        if let Some(target) = find(&role.targets, &self.path) {
            self.found = Some(target.clone());
            self.stack.clear();
            return;
        }
        let mut matching: Vec<&Delegation> = Vec::new();
        for delegation in role.delegations.iter().filter(|delegation| delegation.has(&self.path)) {
            matching.push(delegation);
            if delegation.terminating {
                // 5.6.7.2.1: whoever comes after a terminating delegation isn't asked.
                self.stack.clear();
                break;
            }
        }
        while let Some(delegation) = matching.pop() {
            self.stack.push(delegation.clone());
        }
    }

    /// The next role that wasn't visited yet (5.6.7.1).
    pub fn next(&mut self) -> Option<Delegation> {
        loop {
            let delegation = self.stack.pop()?;
            if self.visited.insert(delegation.name.clone()) {
                return Some(delegation);
            }
        }
    }

    /// How many roles were visited.
    pub fn visited(&self) -> usize {
        self.visited.len()
    }
}
