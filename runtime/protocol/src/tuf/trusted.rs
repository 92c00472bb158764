//! What is trusted so far, and every check before more is.

use alloc::string::String;

use super::Fault;
use super::metadata::{Envelope, Keys, Role, Root, Snapshot, Targets, Timestamp, find};

/// Metadata that is trusted, at one fixed time.
#[derive(Debug)]
pub(super) struct Trusted {
    now: u64,
    most_values: usize,
    pub root: Root,
    pub timestamp: Option<Timestamp>,
    pub snapshot: Option<Snapshot>,
    pub targets: Option<Targets>,
}

impl Trusted {
    /// Begins with a root that its own keys signed. Its time may be over: a newer one may follow.
    pub fn new(root: &[u8], now: u64, most_values: usize) -> Result<Self, Fault> {
        let envelope = Envelope::parse(root, most_values)?;
        let root = Root::parse(envelope.unverified())?;
        envelope.signed_by(&root.root, &root.keys)?;
        Ok(Self { now, most_values, root, timestamp: None, snapshot: None, targets: None })
    }

    /// The root that follows.
    pub fn follow_root(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let envelope = Envelope::parse(bytes, self.most_values)?;
        // 5.3.4: signed by enough keys of the trusted root, and of the new one.
        let root = Root::parse(envelope.signed_by(&self.root.root, &self.root.keys)?)?;
        envelope.signed_by(&root.root, &root.keys)?;
        // 5.3.5: the version that follows, no other.
        version(root.head.version, self.root.head.version.saturating_add(1))?;
        // 5.3.6, 5.3.7: its time may be over as long as newer ones follow.
        self.root = root;
        Ok(())
    }

    /// 5.3.10: the last root's time must not be over.
    pub fn check_root(&self) -> Result<(), Fault> {
        self.root.head.is_fresh(self.now)
    }

    /// Takes over a timestamp that was kept, to compare new ones with. 5.3.11: what the root's keys of today didn't sign isn't, so
    /// that new keys end a fast-forward attack.
    pub fn restore_timestamp(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.timestamp = Some(self.read_timestamp(bytes)?);
        Ok(())
    }

    /// A new timestamp; says whether it took the place of the old one.
    pub fn follow_timestamp(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        // 5.4.2: signed.
        let new = self.read_timestamp(bytes)?;
        if let Some(old) = &self.timestamp {
            // 5.4.3.1: not older than the old one. The same version changes nothing.
            if new.head.version < old.head.version {
                return Err(Fault::Rollback);
            }
            if new.head.version == old.head.version {
                return Ok(false);
            }
            // 5.4.3.2: nor is its snapshot.
            if new.snapshot.version < old.snapshot.version {
                return Err(Fault::Rollback);
            }
        }
        // 5.4.4: its time is not over.
        new.head.is_fresh(self.now)?;
        self.timestamp = Some(new);
        Ok(true)
    }

    fn read_timestamp(&self, bytes: &[u8]) -> Result<Timestamp, Fault> {
        let envelope = Envelope::parse(bytes, self.most_values)?;
        Timestamp::parse(envelope.signed_by(&self.root.timestamp, &self.root.keys)?)
    }

    /// The timestamp, its time not over.
    pub fn fresh_timestamp(&self) -> Result<&Timestamp, Fault> {
        let timestamp = self.timestamp.as_ref().ok_or(Fault::Order)?;
        timestamp.head.is_fresh(self.now)?;
        Ok(timestamp)
    }

    /// Takes over a snapshot that was kept, to compare the new one with; says whether it is the new one already.
    pub fn restore_snapshot(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        let old = self.read_snapshot(bytes)?;
        let info = &self.fresh_timestamp()?.snapshot;
        let current =
            info.version == old.head.version && info.check(bytes).is_ok() && old.head.is_fresh(self.now).is_ok();
        self.snapshot = Some(old);
        Ok(current)
    }

    /// The snapshot that the timestamp tells of.
    pub fn follow_snapshot(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let info = &self.fresh_timestamp()?.snapshot;
        // 5.5.2: the bytes that were announced.
        info.check(bytes)?;
        // 5.5.3: signed.
        let new = self.read_snapshot(bytes)?;
        // 5.5.4: the version that was announced.
        version(new.head.version, info.version)?;
        // 5.5.5: nothing in it is older than before, and nothing is gone.
        for (name, old) in self.snapshot.iter().flat_map(|snapshot| &snapshot.meta) {
            if find(&new.meta, name).is_none_or(|new| new.version < old.version) {
                return Err(Fault::Rollback);
            }
        }
        // 5.5.6: its time is not over.
        new.head.is_fresh(self.now)?;
        self.snapshot = Some(new);
        Ok(())
    }

    fn read_snapshot(&self, bytes: &[u8]) -> Result<Snapshot, Fault> {
        let envelope = Envelope::parse(bytes, self.most_values)?;
        Snapshot::parse(envelope.signed_by(&self.root.snapshot, &self.root.keys)?)
    }

    /// The top role's targets, as the snapshot tells of them.
    pub fn follow_targets(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.targets = Some(self.read_targets("targets", bytes, &self.root.targets, &self.root.keys)?);
        Ok(())
    }

    /// A role's targets, checked against who delegates to it now.
    pub fn read_targets(&self, name: &str, bytes: &[u8], role: &Role, keys: &Keys) -> Result<Targets, Fault> {
        let info = self.snapshot.as_ref().and_then(|snapshot| snapshot.of(name)).ok_or(Fault::NotInSnapshot)?;
        // 5.6.2: the bytes that were announced.
        info.check(bytes)?;
        // 5.6.3: signed.
        let envelope = Envelope::parse(bytes, self.most_values)?;
        let targets = Targets::parse(envelope.signed_by(role, keys)?)?;
        // 5.6.4: the version that was announced.
        version(targets.head.version, info.version)?;
        // 5.6.5: its time is not over.
        targets.head.is_fresh(self.now)?;
        Ok(targets)
    }

    /// The file of a role as a server has it, by the version that the snapshot tells of.
    pub fn address(&self, version: u64, role: &str) -> String {
        let role = super::names::in_address(role);
        if self.root.consistent_snapshot { alloc::format!("{version}.{role}.json") } else { role + ".json" }
    }
}

fn version(found: u64, expected: u64) -> Result<(), Fault> {
    if found == expected { Ok(()) } else { Err(Fault::Version { found, expected }) }
}
