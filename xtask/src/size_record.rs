//! Builds the engine alone, as it ships, and keeps how large it is: `benches/record/size-<date>.md`.

use crate::bench_record::says;
use crate::{Outcome, verdict, workspace};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is built for a target, and how large it may be.
struct Target {
    triple: &'static str,
    file: &'static str,
    flags: &'static str,
    /// Cargo's variable for the linker and what it is unless the caller set it; none where the machine's own does.
    linker: Option<[&'static str; 2]>,
    /// Counted as a download is: compressed with gzip -9.
    compressed: bool,
    goal: u64,
}

const TARGETS: [Target; 3] = [
    Target {
        triple: "x86_64-unknown-linux-gnu",
        file: "libdunlin.so",
        flags: "",
        linker: None,
        compressed: false,
        goal: 700_000,
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        file: "libdunlin.so",
        flags: "",
        linker: Some(["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"]),
        compressed: false,
        goal: 700_000,
    },
    Target {
        triple: "wasm32-unknown-unknown",
        file: "dunlin.wasm",
        flags: "-Ctarget-feature=+simd128",
        linker: None,
        compressed: true,
        goal: 120_000,
    },
];

/// Optimizations: for size, and for speed.
const LEVELS: [&str; 2] = ["s", "3"];

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
        let sizes = [target.size(LEVELS[0])?, target.size(LEVELS[1])?];
        let (triple, goal) = (target.triple, target.goal);
        let how = if target.compressed { "gzip -9" } else { "stripped" };
        lines.push(format!("| {triple} | {how} | {} | {} | {goal} |", sizes[0], sizes[1]));
        if sizes.iter().all(|&size| size > goal) {
            complaints.push(format!("{triple}: {} bytes at best, beyond the goal of {goal}", sizes[0].min(sizes[1])));
        }
    }
    println!("{}", write(&lines)?.display());
    let asserted = std::env::args().any(|argument| argument == "--assert");
    verdict(if asserted { complaints } else { Vec::new() }, "recorded")
}

impl Target {
    /// Bytes of the library with every operator, optimized to a level.
    fn size(&self, level: &str) -> Result<u64, Box<dyn Error>> {
        let folder = workspace::root().join("target/size");
        let linker = self.linker.filter(|[variable, _]| std::env::var_os(variable).is_none());
        let status = Command::new("cargo")
            .envs(linker.map(|[variable, program]| (variable, program)))
            .args(["build", "--quiet", "--locked", "--package", "dunlin-size", "--profile", "dist"])
            .args(["--target", self.triple, "--target-dir"])
            .arg(&folder)
            .env("CARGO_PROFILE_DIST_OPT_LEVEL", level)
            .env("RUSTFLAGS", self.flags)
            .current_dir(workspace::root())
            .status()?;
        if !status.success() {
            return Err(format!("cargo build for {} ended with {status}", self.triple).into());
        }
        let file = folder.join(self.triple).join("dist").join(self.file);
        if self.compressed { compressed(&file) } else { Ok(fs::metadata(file)?.len()) }
    }
}

fn compressed(file: &Path) -> Result<u64, Box<dyn Error>> {
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--stdout"]).stdin(fs::File::open(file)?).stdout(Stdio::piped());
    let output = gzip.spawn()?.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("gzip ended with {}", output.status).into());
    }
    Ok(output.stdout.len() as u64)
}

fn write(lines: &[String]) -> Result<PathBuf, Box<dyn Error>> {
    let date = says("date", &["-u", "+%Y-%m-%d"])?;
    let mut text = String::from("# Size of the engine alone\n\n");
    writeln!(
        text,
        "`cargo xtask size-record`, {date}, {}: `benches/size` with every operator,",
        says("rustc", &["--version"])?
    )?;
    writeln!(text, "profile `dist` (fat LTO, `panic = \"abort\"`), in bytes.\n")?;
    writeln!(text, "| target | counted | opt-level s | opt-level 3 | goal |\n|---|---|---|---|---|")?;
    for line in lines {
        writeln!(text, "{line}")?;
    }
    let path = workspace::root().join(format!("benches/record/size-{date}.md"));
    fs::write(&path, text)?;
    Ok(path)
}
