//! From a folder to a server.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::Artifact;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::{Repository, Role};
use dunlin_sync::Method;
use sha2::{Digest, Sha256};

use super::Server;
use super::releases::{address, address_of};
use crate::baseline;
use crate::error::CliError;
use crate::output::bytes as grouped;

/// Uploads the files that the server doesn't show yet, then the metadata, which it checks and shows at once.
///
/// # Errors
/// [`CliError::Upload`], [`CliError::Read`].
pub fn upload(dir: &Path, repository: &Repository, server: &Server<'_>, out: &mut dyn Write) -> Result<(), CliError> {
    let delegated = delegated(dir, repository)?;
    let addresses = repository.targets().filter_map(|(path, target)| address_of(path, target));
    for address in addresses.chain(delegated.values().flat_map(|role| &role.targets).cloned()) {
        if !server.has(&format!("/repository/targets/{address}"))? {
            take(server, &address, &dir.join("targets").join(&address), out)?;
        }
    }
    let mut metadata = metadata(dir, repository)?;
    metadata.extend(delegated.into_iter().map(|(name, role)| (name, role.text)));
    let publication = serde_json::to_vec(&Publication { version: 1, metadata })?;
    server.send(Method::Post, "/v1/repository/publish", "application/json", publication)?;
    writeln!(out, "published at {}", server.url)?;
    Ok(())
}

#[derive(serde::Serialize)]
struct Publication {
    version: u32,
    metadata: BTreeMap<String, String>,
}

/// A role to whom the top role delegates: other tools make these, and publishing keeps them.
struct Delegated {
    text: String,
    /// Where its targets lie.
    targets: Vec<String>,
}

/// The roles that the snapshot lists beside the top role, by their files. What they say is the server's to check.
fn delegated(dir: &Path, repository: &Repository) -> Result<BTreeMap<String, Delegated>, CliError> {
    let folder = dir.join("metadata");
    let parsed = |name: &str| -> Result<(String, serde_json::Value), CliError> {
        let text = String::from_utf8_lossy(&read(&folder.join(name))?).into_owned();
        let signed = serde_json::from_str(&text)?;
        Ok((text, signed))
    };
    let (_, snapshot) = parsed(&format!("{}.snapshot.json", repository.version(Role::Snapshot)))?;
    let listed = snapshot["signed"]["meta"].as_object().into_iter().flatten();
    let mut roles = BTreeMap::new();
    for (file, info) in listed.filter(|(file, _)| *file != "targets.json" && is_plain(file)) {
        let name = format!("{}.{file}", info["version"]);
        let (text, role) = parsed(&name)?;
        let targets = role["signed"]["targets"].as_object().into_iter().flatten();
        let address_of = |(path, target): (&String, &serde_json::Value)| {
            Some(address(path, &Hash::parse(target["hashes"]["sha256"].as_str()?)?))
        };
        roles.insert(name, Delegated { text, targets: targets.filter_map(address_of).collect() });
    }
    Ok(roles)
}

/// Whether that is a file's name, and nothing that leads elsewhere.
fn is_plain(file: &str) -> bool {
    file.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// All files of the top roles that a device may ask for.
fn metadata(dir: &Path, repository: &Repository) -> Result<BTreeMap<String, String>, CliError> {
    let mut names: Vec<String> =
        (1..=repository.version(Role::Root)).map(|version| format!("{version}.root.json")).collect();
    for role in [Role::Targets, Role::Snapshot] {
        names.push(format!("{}.{}.json", repository.version(role), role.name()));
    }
    names.push("timestamp.json".to_owned());
    let file = |name: String| {
        let bytes = read(&dir.join("metadata").join(&name))?;
        Ok((name, String::from_utf8_lossy(&bytes).into_owned()))
    };
    names.into_iter().map(file).collect()
}

/// Uploads a target, and what is to be known of it, if it is a model.
fn take(server: &Server<'_>, address: &str, file: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    let bytes = read(file)?;
    writeln!(out, "uploading {address}: {} bytes", grouped(bytes.len()))?;
    // A patch is no artifact.
    let aligned = AlignedBytes::from_slice(&bytes);
    if let Ok(model) = Artifact::parse(&aligned) {
        describe(server, &model, &format!("/v1/models/{}", Hash(Sha256::digest(&bytes).into())))?;
    }
    server.send(Method::Put, &format!("/v1/repository/targets/{address}"), "application/octet-stream", bytes)
}

/// Tells what a model's answers look like where all is well, and what its classes are called.
fn describe(server: &Server<'_>, model: &Artifact<'_>, path: &str) -> Result<(), CliError> {
    if let Some(baseline) = baseline::read(model).ok().flatten() {
        server.send(Method::Put, &format!("{path}/baseline"), "application/json", baseline.json().into_bytes())?;
    }
    let labels: Vec<&str> = model.labels().map(|labels| labels.in_locale("").collect()).unwrap_or_default();
    let body = serde_json::to_vec(&serde_json::json!({ "labels": labels }))?;
    let fine = |label: &&str| (1..=LABEL).contains(&label.len()) && !label.chars().any(char::is_control);
    // Where people can't be told names they are told numbers.
    if !(1..=LABELS).contains(&labels.len()) || !labels.iter().all(fine) || body.len() > LABELS_BYTES {
        return Ok(());
    }
    server.send(Method::Put, &format!("{path}/labels"), "application/json", body)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}

/// The most labels that a server takes, the longest of them, and all of them, in bytes.
const LABELS: usize = 65_536;
const LABEL: usize = 256;
const LABELS_BYTES: usize = 1 << 20;
