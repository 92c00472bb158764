//! What `cargo xtask` and `cargo web` share: where the repository is, what programs say, and how modules for the web are compiled.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How WebAssembly is compiled and linked besides its features: addresses in as few bytes as they take; engines unroll and inline what they find
/// worth it, no loop has a copy for each case, and addresses stay sums that a load or store has room for.
pub const WEB_FLAGS: [&str; 2] = [
    "-Clink-arg=--compress-relocations",
    "-Cllvm-args=-unroll-runtime=false -inline-threshold=50 -inlinehint-threshold=50 -unswitch-threshold=0 -enable-load-pre=false -disable-lsr",
];

/// Cargo's settings for a small library: kernels at 3, everything else at "s". The level of the library itself is that of the optimization at
/// link time: at "s" none of the kernels' loops would become vectors, whatever the kernels' own level.
pub const SMALL: [&str; 2] =
    ["profile.dist.package.'*'.opt-level='s'", "profile.dist.package.dunlin-engine.opt-level='s'"];

/// The repository's root folder.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the repository").to_path_buf()
}

/// What a program prints, without white space around it.
///
/// # Errors
/// It can't be started, fails, or doesn't print UTF-8.
pub fn says(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(arguments).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// Bytes of a file after `gzip -9`.
///
/// # Errors
/// There is no such file, or gzip fails.
pub fn compressed(file: &Path) -> Result<u64, Box<dyn Error>> {
    let input = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let output = Command::new("gzip").args(["-9", "--stdout"]).stdin(input).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("gzip ended with {}", output.status).into());
    }
    Ok(output.stdout.len() as u64)
}
