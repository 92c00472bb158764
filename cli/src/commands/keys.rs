//! `dunlin keys`: who may sign.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use dunlin_protocol::tuf::Role;

use crate::args::{KeysAction, KeysArgs, ServerArgs};
use crate::error::CliError;
use crate::repository::{KeyFolder, Publisher, RepositoryFault, newest_root, now};

/// Makes keys, or gives a role a new one.
pub fn run(args: &KeysArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    match &args.action {
        KeysAction::Init { dir } => {
            for path in KeyFolder::make(dir)? {
                writeln!(out, "{}", path.display())?;
            }
        }
        KeysAction::Rotate { role, dir, repository, server } => rotate((*role).into(), dir, repository, server, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// In steps that can be repeated: the new key is kept, then published, then takes the old one's place.
fn rotate(role: Role, dir: &Path, repository: &Path, server: &ServerArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let keys = KeyFolder::open(dir)?;
    let interrupted = keys.has_successor(role);
    let successor = keys.successor(role)?;
    let mut publisher = open(repository, dir, interrupted)?;
    if !publisher.repository.has_key(role, &successor) {
        let rotated = publisher.repository.rotate(role, &mut publisher.keys.keys, successor);
        rotated.map_err(|source| publisher.fault(RepositoryFault::Publish(source)))?;
        publisher.publish(now())?;
    }
    let root = publisher.repository.version(Role::Root);
    let old = publisher.keys.succeed(role, root)?;
    writeln!(out, "{} has a new key since root version {root}; the old one is {}", role.name(), old.display())?;
    publisher.upload(server, out)
}

/// Where an earlier call has written the root and no more, what it signs doesn't fit together yet: that root is made again.
fn open(repository: &Path, dir: &Path, interrupted: bool) -> Result<Publisher, CliError> {
    let opened = Publisher::with_keys(repository, KeyFolder::open(dir)?, None);
    match opened {
        Err(_) if interrupted => Publisher::with_keys(repository, KeyFolder::open(dir)?, Some(newest_root(repository))),
        opened => opened,
    }
}
