//! Keeps how much a browser loads to classify a picture, the model excluded: `benches/record/web-size-<date>.md`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{BUILDS, Result, root};

/// Bytes of a module and of the script, each compressed as a server does it.
const GOAL: u64 = 150_000;

/// Writes the record; with `assert` an error when a build is beyond the goal.
pub fn record(assert: bool) -> Result<()> {
    let dist = root().join("wasm/npm/dist");
    let script = compressed(&dist.join("index.js"))?;
    let date = says("date", &["-u", "+%Y-%m-%d"])?;
    let mut text = String::from("# Size of what a browser loads\n\n");
    writeln!(text, "`cargo web size-record`, {date}, {}: bytes after `gzip -9`", says("rustc", &["--version"])?)?;
    writeln!(
        text,
        "of what must be transferred to classify a picture, the model excluded. A browser loads the package's script and one of"
    )?;
    writeln!(
        text,
        "its modules, each with every operator. The script counts as it is published; an app's bundler makes it smaller.\n"
    )?;
    writeln!(text, "| module | its bytes | script | together | goal |\n|---|---|---|---|---|")?;
    let mut complaints = Vec::new();
    for build in &BUILDS {
        let module = compressed(&dist.join(format!("dunlin_{}.wasm", build.name)))?;
        let together = module + script;
        writeln!(text, "| {} | {module} | {script} | {together} | {GOAL} |", build.name)?;
        if together > GOAL {
            complaints.push(format!("{}: {together} bytes, beyond {GOAL}", build.name));
        }
    }
    let path = root().join(format!("benches/record/web-size-{date}.md"));
    fs::write(&path, text)?;
    println!("{}", path.display());
    if assert && !complaints.is_empty() { Err(complaints.join("\n").into()) } else { Ok(()) }
}

fn compressed(file: &Path) -> Result<u64> {
    let input = File::open(file).map_err(|error| format!("{}: {error} (npm run build in wasm/npm)", file.display()))?;
    let output = Command::new("gzip").args(["-9", "--stdout"]).stdin(input).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("gzip ended with {}", output.status).into());
    }
    Ok(output.stdout.len() as u64)
}

/// What a program prints, without the line's end.
fn says(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
