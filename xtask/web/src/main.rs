//! Builds what the npm package in wasm/npm is made of, and keeps how large it is: `cargo web`.

mod script;
mod size;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use dunlin_xtask::{SMALL, WEB_FLAGS, root};
use wasm_bindgen_cli_support::Bindgen;

/// What can go wrong here is told and ends the program.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A module for the browsers that have these instructions, its name, and what it is made of.
struct Build {
    name: &'static str,
    package: &'static str,
    features: &'static str,
    /// Arguments of its own for Cargo.
    arguments: &'static [&'static str],
    /// And for the compiler.
    flags: &'static [&'static str],
}

const ENGINE: &str = "dunlin-wasm";

const BUILDS: [Build; 3] = [
    Build { name: "baseline", package: ENGINE, features: "-simd128", arguments: &[], flags: &[] },
    Build { name: "simd", package: ENGINE, features: "+simd128", arguments: &[], flags: &[] },
    Build { name: "relaxed", package: ENGINE, features: "+simd128,+relaxed-simd", arguments: &[], flags: &[] },
];

/// Loaded besides for a model that takes text. Nothing in it is faster with other instructions.
const TEXT: Build =
    Build { name: "text", package: "dunlin-wasm-text", features: "-simd128", arguments: &[], flags: &[] };

/// Loaded besides by a page that opens a client. Small before fast: it runs for some milliseconds a day.
const SYNC: Build = Build {
    name: "sync",
    package: "dunlin-wasm-sync",
    features: "-simd128",
    arguments: &["--no-default-features", "--config", SMALLEST[0], "--config", SMALLEST[1]],
    flags: &COMPACT,
};

/// Loaded instead of that by a page whose client asks the cloud, or tells summaries.
const FLEET: Build = Build {
    name: "fleet",
    package: "dunlin-wasm-sync",
    features: "-simd128",
    arguments: &["--config", SMALLEST[0], "--config", SMALLEST[1]],
    flags: &COMPACT,
};

/// Digests by loops instead of rounds one behind the other: half of the speed, and kilobytes less.
const COMPACT: [&str; 2] = ["--cfg", "sha2_backend_soft=\"compact\""];

const SMALLEST: [&str; 2] = ["profile.dist.opt-level='z'", "profile.dist.package.'*'.opt-level='z'"];

/// No part of the package: what a browser has to load to trust an update, behind an interface without glue.
/// It names no feature: code with one switched off that core's hasn't is optimized less at link time.
/// Nothing reads its names, and no glue is made.
const TRUST: Build = Build {
    name: "tuf",
    package: "dunlin-size-tuf",
    features: "",
    arguments: &[
        "--config",
        "profile.dist.strip='symbols'",
        "--config",
        "profile.dist.package.dunlin-size-tuf.opt-level='s'",
        "--config",
        "profile.dist.package.dunlin-protocol.opt-level='s'",
    ],
    flags: &COMPACT,
};

/// Names and features stay in the module for what reads it next.
const STRIP: &str = "profile.dist.strip='debuginfo'";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
usage: cargo web build [ARGUMENT...]      modules and glue, for `npm run build` in wasm/npm; arguments are Cargo's
       cargo web size-record [--assert]   writes benches/record/web-size-<date>.md of what is built; with --assert an error
                                          where it is beyond its goal";

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["build", ref rest @ ..] => build(rest),
        ["size-record"] => size::record(false),
        ["size-record", "--assert"] => size::record(true),
        _ => Err(USAGE.into()),
    }
}

/// Builds all modules, and the glue that those of the engine have in common. Arguments are for Cargo.
fn build(arguments: &[&str]) -> Result<()> {
    let package = root().join("wasm/npm");
    fs::create_dir_all(package.join("dist"))?;
    let scripts = BUILDS.iter().map(|build| build.make(&package, arguments)).collect::<Result<Vec<_>>>()?;
    if scripts.iter().any(|script| *script != scripts[0]) {
        return Err("the builds want different scripts: one has a function that another lacks".into());
    }
    fs::write(package.join("src/glue.js"), script::factory(&scripts[0])?)?;
    fs::write(package.join("src/text-glue.js"), script::factory(&TEXT.make(&package, arguments)?)?)?;
    let (sync, fleet) = (SYNC.make(&package, arguments)?, FLEET.make(&package, arguments)?);
    // One script for both, since the larger module's has all that the smaller wants.
    script::serves(&fleet, &sync)?;
    fs::write(package.join("src/sync-glue.js"), script::factory(&fleet)?)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(licence), package.join(licence))?;
    }
    println!("{}", package.join("dist").display());
    Ok(())
}

impl Build {
    /// Writes the module into the package, and gives the script that goes with it.
    fn make(&self, package: &Path, arguments: &[&str]) -> Result<String> {
        let (module, script) = bind(&self.compile(arguments)?)?;
        let bound = root().join(format!("target/web/{}.wasm", self.name));
        let file = package.join(format!("dist/dunlin_{}.wasm", self.name));
        // Making it smaller takes longest.
        if !file.exists() || fs::read(&bound).ok().as_ref() != Some(&module) {
            fs::write(&bound, module)?;
            optimize(package, &bound, &file)?;
        }
        Ok(script)
    }

    /// The path of the module as the compiler made it.
    fn compile(&self, arguments: &[&str]) -> Result<PathBuf> {
        let folder = root().join("target/web").join(self.name);
        let features = format!("-Ctarget-feature={}", self.features);
        let flags = [&[features.as_str()], &WEB_FLAGS[..], self.flags].concat().join("\x1f");
        let status = Command::new("cargo")
            .args(["rustc", "--quiet", "--locked", "--package", self.package, "--profile", "dist"])
            .args(["--lib", "--crate-type", "cdylib"])
            .args(SMALL.iter().chain([&STRIP]).flat_map(|setting| ["--config", setting]))
            .args(["--target", "wasm32-unknown-unknown", "--target-dir"])
            .arg(&folder)
            .args(self.arguments)
            .args(arguments)
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .current_dir(root())
            .status()?;
        if !status.success() {
            return Err(format!("cargo rustc for {} ended with {status}", self.name).into());
        }
        Ok(folder.join(format!("wasm32-unknown-unknown/dist/{}.wasm", self.package.replace('-', "_"))))
    }
}

/// The module that trusts updates, as small as it gets.
fn trust() -> Result<PathBuf> {
    let small = root().join("target/web/tuf.wasm");
    optimize(&root().join("wasm/npm"), &TRUST.compile(&[])?, &small)?;
    Ok(small)
}

/// The module as it ships, and the script that goes with it.
fn bind(module: &Path) -> Result<(Vec<u8>, String)> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).no_modules(true)?.typescript(false).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    let mut output = bindgen.generate_output().map_err(|error| format!("{error:?}"))?;
    let script = output.js().to_owned();
    Ok((output.wasm_mut().emit_wasm(), script))
}

/// Makes the module smaller with the instructions that it says it has; what it says of them isn't needed any more then.
fn optimize(package: &Path, bound: &Path, file: &Path) -> Result<()> {
    let program = package.join("node_modules/binaryen/bin/wasm-opt");
    if !program.exists() {
        return Err(format!("{} isn't there: npm ci in wasm/npm installs it", program.display()).into());
    }
    let mut node = Command::new("node");
    node.arg(program).arg(bound).args(["-Oz", "--strip-target-features", "-o"]).arg(file);
    let status = node.status()?;
    if !status.success() {
        return Err(format!("wasm-opt ended with {status}").into());
    }
    Ok(())
}
