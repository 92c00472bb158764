//! Checks of the repository itself, and its chores: `cargo xtask <command>`.

mod bench_record;
mod deps;
mod hygiene;
mod licences;
mod mca;
mod readme;
mod size_record;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

/// What a command says when it fails: everything that is wrong, a line each.
type Outcome = Result<(), Box<dyn Error>>;

const USAGE: &str = "\
usage: cargo xtask <command>
  deps          the crates import each other only as the table in ARCHITECTURE.md allows
  licences      every dependency has a licence that deny.toml allows
  readme        the commands of README.md in blocks marked `sh test` work
  hygiene       no unfinished code, no unsafe outside of runtime/kernels, no dead link in a document
  bench-record  runs the benches and writes benches/record/<cpu>-<date>.md and .json
  mca           asks llvm-mca about the ARM kernels and writes benches/record/aarch64-mca-<date>.md
  size-record   builds the engine alone for the targets that are installed and writes benches/record/size-<date>.md;
                with --assert an error where a size is beyond its goal";

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("deps") => deps::run(),
        Some("licences") => licences::run(),
        Some("readme") => readme::run(),
        Some("hygiene") => hygiene::run(),
        Some("bench-record") => bench_record::run(),
        Some("mca") => mca::run(),
        Some("size-record") => size_record::run(),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok` with a closing line when there are no complaints, else all of them as one error.
fn verdict(complaints: Vec<String>, fine: &str) -> Outcome {
    if complaints.is_empty() {
        println!("{fine}");
        return Ok(());
    }
    Err(complaints.join("\n").into())
}
