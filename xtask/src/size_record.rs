//! Builds the engine alone, as it ships, and keeps how large it is: `benches/record/size-<date>.md`.

use crate::{Outcome, verdict, workspace};
use dunlin_xtask::{SMALL, WEB_FLAGS, compressed, says};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What is built for a target, and how large it may be.
struct Target {
    triple: &'static str,
    file: &'static str,
    /// For the compiler. Nothing unwinds: the script for the linker leaves the tables for that out.
    flags: &'static [&'static str],
    /// Cargo's variable for the linker and what it is unless the caller set it; none where the machine's own does.
    linker: Option<[&'static str; 2]>,
    /// Counted as a download is: compressed with gzip -9.
    compressed: bool,
    /// Bytes, for each of [`SELECTIONS`]; none where there is no goal.
    goals: [Option<u64>; SELECTIONS.len()],
}

const TARGETS: [Target; 3] = [
    Target {
        triple: "x86_64-unknown-linux-gnu",
        file: "libdunlin.so",
        flags: &[
            "-Cforce-unwind-tables=no",
            "-Clink-args=-Wl,-T,benches/size/no-tables.ld,-z,pack-relative-relocs,--icf=all,--no-undefined",
        ],
        linker: None,
        compressed: false,
        goals: [Some(700_000), Some(350_000)],
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        file: "libdunlin.so",
        // Pages of 16 kB, the largest that Android has: with 64 kB up to as much of the file is padding.
        flags: &[
            "-Cforce-unwind-tables=no",
            "-Clink-args=-Wl,-T,benches/size/no-tables.ld,-z,max-page-size=16384,--no-undefined",
        ],
        linker: Some(["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"]),
        compressed: false,
        goals: [Some(700_000), Some(350_000)],
    },
    Target {
        triple: "wasm32-unknown-unknown",
        file: "dunlin.wasm",
        flags: &["-Ctarget-feature=+simd128", WEB_FLAGS[0], WEB_FLAGS[1]],
        linker: None,
        compressed: true,
        goals: [Some(120_000), None],
    },
];

/// What a library can do, and the features of `dunlin-size` for it: everything, or an int8 CNN such as models/cifar10 and MobileNetV2.
const SELECTIONS: [(&str, &str); 2] = [
    ("every operator", "operators"),
    (
        "an int8 CNN's",
        "dunlin-engine/int8-conv,dunlin-engine/int8-elementwise,dunlin-engine/int8-pool,dunlin-engine/int8-product",
    ),
];

/// How it is optimized, and Cargo's settings for that.
const LEVELS: [(&str, &[&str]); 2] = [("kernels at 3, else s", &SMALL), ("3", &[])];

/// Records the targets whose standard library is installed; the others are named as missing.
pub fn run() -> Outcome {
    let installed = says("rustup", &["target", "list", "--installed"])?;
    let mut lines = Vec::new();
    let mut complaints = Vec::new();
    for target in TARGETS {
        if !installed.lines().any(|triple| triple == target.triple) {
            println!("{}: not installed (rustup target add {})", target.triple, target.triple);
            continue;
        }
        for (&(operators, features), goal) in SELECTIONS.iter().zip(target.goals) {
            let [small, fast] = [target.size(features, LEVELS[0].1)?, target.size(features, LEVELS[1].1)?];
            let how = if target.compressed { "gzip -9" } else { "stripped" };
            let limit = goal.map_or_else(|| "-".into(), |goal| goal.to_string());
            lines.push(format!("| {} | {operators} | {how} | {small} | {fast} | {limit} |", target.triple));
            if let Some(goal) = goal.filter(|&goal| small.min(fast) > goal) {
                let best = small.min(fast);
                complaints.push(format!("{}, {operators}: {best} bytes at best, beyond {goal}", target.triple));
            }
        }
    }
    println!("{}", write(&lines)?.display());
    let asserted = std::env::args().any(|argument| argument == "--assert");
    verdict(if asserted { complaints } else { Vec::new() }, "recorded")
}

impl Target {
    /// Bytes of the library with these features, built with these settings and without the standard library.
    fn size(&self, features: &str, settings: &[&str]) -> Result<u64, Box<dyn Error>> {
        let folder = workspace::root().join("target/size");
        let linker = self.linker.filter(|[variable, _]| std::env::var_os(variable).is_none());
        let status = Command::new("cargo")
            .envs(linker.map(|[variable, program]| (variable, program)))
            .args(["rustc", "--quiet", "--locked", "--package", "dunlin-size", "--profile", "dist"])
            // Alone: with an rlib beside it Cargo optimizes nothing at link time.
            .args(["--lib", "--crate-type", "cdylib"])
            .args(["--no-default-features", "--features", features])
            .args(settings.iter().flat_map(|setting| ["--config", setting]))
            .args(["--target", self.triple, "--target-dir"])
            .arg(&folder)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags.join("\x1f"))
            .current_dir(workspace::root())
            .status()?;
        if !status.success() {
            return Err(format!("cargo build for {} ended with {status}", self.triple).into());
        }
        let file = folder.join(self.triple).join("dist").join(self.file);
        if self.compressed { compressed(&file) } else { Ok(fs::metadata(file)?.len()) }
    }
}

fn write(lines: &[String]) -> Result<PathBuf, Box<dyn Error>> {
    let date = says("date", &["-u", "+%Y-%m-%d"])?;
    let mut text = String::from("# Size of the engine alone\n\n");
    writeln!(
        text,
        "`cargo xtask size-record`, {date}, {}: `benches/size` without the standard",
        says("rustc", &["--version"])?
    )?;
    writeln!(
        text,
        "library, profile `dist` (fat LTO, `panic = \"abort\"`), by opt-level, in bytes. What is counted: docs/howto/size.md.\n"
    )?;
    let [small, fast] = LEVELS.map(|(name, _)| name);
    writeln!(text, "| target | operators | counted | {small} | {fast} | goal |\n|---|---|---|---|---|---|")?;
    for line in lines {
        writeln!(text, "{line}")?;
    }
    let path = workspace::root().join(format!("benches/record/size-{date}.md"));
    fs::write(&path, text)?;
    Ok(path)
}
