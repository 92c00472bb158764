//! What cargo and the file system say about this repository.

use serde_json::Value;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::Command;

pub use dunlin_xtask::root;

/// A crate that this workspace depends on, or one of its own.
#[derive(Debug)]
pub struct Package {
    /// Its name in the registry.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Licence expression, as its manifest has it.
    pub licence: Option<String>,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
    /// Whether it is ours.
    pub ours: bool,
}

/// A line of a manifest's dependencies.
#[derive(Debug)]
pub struct Dependency {
    /// The crate.
    pub name: String,
    /// Whether only tests, examples and benches see it.
    pub dev: bool,
}

/// All packages that the lock file names and any target uses.
pub fn packages() -> Result<Vec<Package>, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1"]).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let members = list(&metadata["workspace_members"]);
    Ok(list(&metadata["packages"]).iter().map(|package| read_package(package, members)).collect())
}

fn read_package(package: &Value, members: &[Value]) -> Package {
    let dependency = |line: &Value| Dependency { name: text(&line["name"]), dev: line["kind"] == "dev" };
    Package {
        name: text(&package["name"]),
        version: text(&package["version"]),
        licence: package["license"].as_str().map(Into::into),
        dependencies: list(&package["dependencies"]).iter().map(dependency).collect(),
        ours: members.contains(&package["id"]),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

/// All files below the root whose name ends with `.extension`, without build outputs and hidden folders.
pub fn files(extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !SKIPPED.contains(&&*name) && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Folders that hold what was built or fetched.
const SKIPPED: [&str; 3] = ["target", "node_modules", "artifacts"];
