//! `dunlin tuf-client`: the updater over files and HTTP, as the conformance suite of The Update Framework calls it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use dunlin_native::Http;
use dunlin_protocol::tuf::{self, Answer, Fetch, Limits, Place, Step, Target, Updater};
use dunlin_sync::{Failure, Method, Request};

use crate::args::{TufAction, TufClientArgs};
use crate::error::CliError;
use crate::output;

/// Does one of the suite's three commands.
pub fn run(args: &TufClientArgs) -> Result<ExitCode, CliError> {
    if let TufAction::Init { root } = &args.action {
        output::file(&args.metadata_dir.join("root.json"), &read(root)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let updater = Updater::new(kept(&args.metadata_dir)?, now, Limits::default()).map_err(CliError::Untrusted)?;
    let mut client = Client { args, updater, http: Http::new() };
    client.advance()?;
    if let TufAction::Download = args.action {
        args.target_names.iter().try_for_each(|name| client.download(name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The updater's host.
struct Client<'a> {
    args: &'a TufClientArgs,
    updater: Updater,
    http: Http,
}

impl Client<'_> {
    /// Does what the updater says until it is done.
    fn advance(&mut self) -> Result<(), CliError> {
        loop {
            match self.updater.step().map_err(CliError::Untrusted)? {
                Step::Fetch(fetch) => {
                    let answer = self.send(&fetch);
                    self.updater.handle(answer.as_ref().map_or_else(|other| *other, |bytes| Answer::Bytes(bytes)));
                }
                Step::Commit(write) => output::file(&self.args.metadata_dir.join(write.name), &write.bytes)?,
                Step::Done => return Ok(()),
            }
        }
    }

    fn download(&mut self, name: &str) -> Result<(), CliError> {
        let untrusted = |fault| CliError::Untrusted(tuf::Error { of: name.to_owned(), fault });
        self.updater.find(name).map_err(CliError::Untrusted)?;
        self.advance()?;
        let target = self.updater.found().cloned().ok_or_else(|| untrusted(tuf::Fault::Missing))?;
        let path = self.args.target_dir.join(tuf::file_name(name));
        if is_there(&path, &target) {
            return Ok(());
        }
        let fetch = self.updater.fetch(name, &target).map_err(CliError::Untrusted)?;
        let bytes = self.send(&fetch).map_err(|answer| untrusted(fault(answer)))?;
        target.check(&bytes).map_err(untrusted)?;
        output::file(&path, &bytes)
    }

    /// The file, or what there is instead.
    fn send(&self, fetch: &Fetch) -> Result<Vec<u8>, Answer<'static>> {
        let base = match fetch.place {
            Place::Metadata => &self.args.metadata_url,
            Place::Targets => &self.args.target_base_url,
        };
        let request = Request {
            id: 0,
            method: Method::Get,
            url: format!("{}/{}", base.trim_end_matches('/'), fetch.path),
            headers: Vec::new(),
            body: Vec::new(),
            max_bytes: fetch.max_bytes,
            timeout: TIMEOUT,
        };
        match self.http.send(&request) {
            Ok(response) if response.status == 200 => Ok(response.body),
            Ok(response) if matches!(response.status, 403 | 404) => Err(Answer::Missing),
            Err(Failure::TooLong) => Err(Answer::TooLong),
            Ok(_) | Err(_) => Err(Answer::Failed),
        }
    }
}

/// Milliseconds for one file.
const TIMEOUT: u64 = 60_000;

fn fault(answer: Answer<'_>) -> tuf::Fault {
    match answer {
        Answer::TooLong => tuf::Fault::TooLong,
        Answer::Missing => tuf::Fault::Missing,
        Answer::Bytes(_) | Answer::Failed => tuf::Fault::Unanswered,
    }
}

fn is_there(path: &Path, target: &Target) -> bool {
    fs::read(path).is_ok_and(|bytes| target.check(&bytes).is_ok())
}

/// The metadata that earlier calls have kept.
fn kept(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let fault = |source| CliError::Read { path: dir.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".json"));
        if let Some(name) = name {
            files.insert(name.to_owned(), read(&path)?);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}
