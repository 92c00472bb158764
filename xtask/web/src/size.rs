//! Keeps how much a browser loads to classify a picture, the model excluded: `benches/record/web-size-<date>.md`.

use std::fmt::Write as _;
use std::fs;

use dunlin_xtask::{compressed, root, says};

use crate::{BUILDS, FLEET, Result, SYNC, TEXT, trust};

/// Bytes of a module and of the script, each compressed as a server does it.
const GOAL: u64 = 150_000;

/// Bytes of the module for text, compressed.
const TEXT_GOAL: u64 = 40_000;

/// Bytes of the module for updates and of the script over it, compressed.
const SYNC_GOAL: u64 = 81_000;

/// The same of the module that asks the cloud and tells summaries as well.
const FLEET_GOAL: u64 = 198_000;

/// Bytes of what trusts updates, compressed.
const TRUST_GOAL: u64 = 42_000;

/// Writes the record; with `assert` an error when a build is beyond the goal.
pub fn record(assert: bool) -> Result<()> {
    let dist = root().join("wasm/npm/dist");
    let unbuilt = |why| format!("{why} (npm run build in wasm/npm)");
    let script = compressed(&dist.join("index.js")).map_err(unbuilt)?;
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
    let (mut all, mut complaints) = (Vec::new(), Vec::new());
    for build in &BUILDS {
        let module = compressed(&dist.join(format!("dunlin_{}.wasm", build.name))).map_err(unbuilt)?;
        let together = module + script;
        writeln!(text, "| {} | {module} | {script} | {together} | {GOAL} |", build.name)?;
        all.push((build.name, together));
        if together > GOAL {
            complaints.push(format!("{}: {together} bytes, beyond {GOAL}", build.name));
        }
    }
    let text_module = compressed(&dist.join(format!("dunlin_{}.wasm", TEXT.name))).map_err(unbuilt)?;
    if text_module > TEXT_GOAL {
        complaints.push(format!("{}: {text_module} bytes, beyond {TEXT_GOAL}", TEXT.name));
    }
    writeln!(
        text,
        "\nFor a model that takes text a browser loads one module more, of {text_module} bytes (goal: {TEXT_GOAL}):\n"
    )?;
    writeln!(text, "| module | together with that for text and the script |\n|---|---|")?;
    for (name, together) in &all {
        writeln!(text, "| {name} | {} |", together + text_module)?;
    }
    let script = compressed(&dist.join("client.js")).map_err(unbuilt)?;
    writeln!(
        text,
        "\nA page that opens a client loads one module and one script more, the larger module if it asks the cloud or tells summaries:\n"
    )?;
    writeln!(text, "| module | its bytes | script | together | goal |\n|---|---|---|---|---|")?;
    for (build, goal) in [(&SYNC, SYNC_GOAL), (&FLEET, FLEET_GOAL)] {
        let module = compressed(&dist.join(format!("dunlin_{}.wasm", build.name))).map_err(unbuilt)?;
        let together = module + script;
        writeln!(text, "| {} | {module} | {script} | {together} | {goal} |", build.name)?;
        if together > goal {
            complaints.push(format!("{}: {together} bytes with its script, beyond {goal}", build.name));
        }
    }
    let trust = compressed(&trust()?)?;
    if trust > TRUST_GOAL {
        complaints.push(format!("what trusts updates: {trust} bytes, beyond {TRUST_GOAL}"));
    }
    writeln!(
        text,
        "\nThe updater and the releases that it vouches for, as a module of their own (`benches/size/tuf`): {trust} bytes (goal: {TRUST_GOAL})."
    )?;
    let path = root().join(format!("benches/record/web-size-{date}.md"));
    fs::write(&path, text)?;
    println!("{}", path.display());
    if assert && !complaints.is_empty() { Err(complaints.join("\n").into()) } else { Ok(()) }
}
