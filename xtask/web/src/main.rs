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

/// A module for the browsers that have these instructions, and its name.
struct Build {
    name: &'static str,
    features: &'static str,
}

const BUILDS: [Build; 3] = [
    Build { name: "baseline", features: "-simd128" },
    Build { name: "simd", features: "+simd128" },
    Build { name: "relaxed", features: "+simd128,+relaxed-simd" },
];

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

/// Builds all modules, and the glue that all of them have in common. Arguments are for Cargo.
fn build(arguments: &[&str]) -> Result<()> {
    let package = root().join("wasm/npm");
    let dist = package.join("dist");
    fs::create_dir_all(&dist)?;
    let mut scripts = Vec::new();
    for build in &BUILDS {
        let (module, script) = bind(&build.compile(arguments)?)?;
        let bound = root().join(format!("target/web/{}.wasm", build.name));
        let file = dist.join(format!("dunlin_{}.wasm", build.name));
        // Making it smaller takes longest.
        if !file.exists() || fs::read(&bound).ok().as_ref() != Some(&module) {
            fs::write(&bound, module)?;
            optimize(&package, &bound, &file)?;
        }
        scripts.push(script);
    }
    if scripts.iter().any(|script| *script != scripts[0]) {
        return Err("the builds want different scripts: one has a function that another lacks".into());
    }
    fs::write(package.join("src/glue.js"), script::factory(&scripts[0])?)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(licence), package.join(licence))?;
    }
    println!("{}", dist.display());
    Ok(())
}

impl Build {
    /// The path of the module as the compiler made it.
    fn compile(&self, arguments: &[&str]) -> Result<PathBuf> {
        let folder = root().join("target/web").join(self.name);
        let flags = [&format!("-Ctarget-feature={}", self.features), WEB_FLAGS[0], WEB_FLAGS[1]].join("\x1f");
        let status = Command::new("cargo")
            .args(["rustc", "--quiet", "--locked", "--package", "dunlin-wasm", "--profile", "dist"])
            .args(["--lib", "--crate-type", "cdylib"])
            .args(SMALL.iter().chain([&STRIP]).flat_map(|setting| ["--config", setting]))
            .args(["--target", "wasm32-unknown-unknown", "--target-dir"])
            .arg(&folder)
            .args(arguments)
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .current_dir(root())
            .status()?;
        if !status.success() {
            return Err(format!("cargo rustc for {} ended with {status}", self.name).into());
        }
        Ok(folder.join("wasm32-unknown-unknown/dist/dunlin_wasm.wasm"))
    }
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
