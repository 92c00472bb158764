//! Runs the benches and keeps what they say: `benches/record/<cpu>-<date>.md` for people, `.json` for programs.

use crate::{Outcome, workspace};
use dunlin_xtask::says;
use serde_json::{Value, json};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs all benches of the crate `dunlin-benches`, or those that further arguments let criterion pick, and writes
/// the record.
pub fn run() -> Outcome {
    let home = workspace::root().join("target/bench-record");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let status = Command::new("cargo")
        .args(["bench", "--package", "dunlin-benches", "--"])
        .args(std::env::args().skip(2))
        .env("CRITERION_HOME", &home)
        .current_dir(workspace::root())
        .status()?;
    if !status.success() {
        return Err(format!("cargo bench ended with {status}").into());
    }
    let record = Record { machine: Machine::this()?, lines: read_lines(&home)? };
    for path in record.write(&workspace::root().join("benches/record"))? {
        println!("{}", path.display());
    }
    Ok(())
}

/// Where and with what the times were taken.
struct Machine {
    cpu: String,
    system: String,
    date: String,
    rustc: String,
    dunlin: String,
}

impl Machine {
    fn this() -> Result<Self, Box<dyn Error>> {
        let commit = says("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "not committed".into());
        Ok(Self {
            cpu: cpu()?,
            system: says("uname", &["-sm"])?,
            date: says("date", &["-u", "+%Y-%m-%d"])?,
            rustc: says("rustc", &["--version"])?,
            dunlin: format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
        })
    }
}

/// Name and family of the CPU: several generations share a name on rented machines.
fn cpu() -> Result<String, Box<dyn Error>> {
    let Ok(info) = fs::read_to_string("/proc/cpuinfo") else {
        return says("sysctl", &["-n", "machdep.cpu.brand_string"]);
    };
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    let name = field("model name").unwrap_or_else(|| "unknown CPU".into());
    match (field("cpu family"), field("model")) {
        (Some(family), Some(model)) => Ok(format!("{name} family {family} model {model}")),
        _ => Ok(name),
    }
}

/// One bench: group, what was timed, and the median.
struct Line {
    group: String,
    name: String,
    p50_us: f64,
}

/// The medians that criterion left below its folder, in the order of their names.
fn read_lines(home: &Path) -> Result<Vec<Line>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let mut folders = vec![home.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if folder.ends_with("new") {
            lines.push(read_line(&folder)?);
            continue;
        }
        for entry in fs::read_dir(folder)? {
            folders.extend(Some(entry?.path()).filter(|path| path.is_dir()));
        }
    }
    lines.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    Ok(lines)
}

fn read_line(folder: &Path) -> Result<Line, Box<dyn Error>> {
    let json =
        |name: &str| -> Result<Value, Box<dyn Error>> { Ok(serde_json::from_slice(&fs::read(folder.join(name))?)?) };
    let (bench, estimates) = (json("benchmark.json")?, json("estimates.json")?);
    let word = |key: &str| bench[key].as_str().map(String::from);
    let name = [word("function_id"), word("value_str")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let nanoseconds = estimates["median"]["point_estimate"].as_f64().ok_or("criterion left no median")?;
    Ok(Line { group: word("group_id").unwrap_or_default(), name, p50_us: nanoseconds / 1000.0 })
}

/// A machine and its times.
struct Record {
    machine: Machine,
    lines: Vec<Line>,
}

impl Record {
    fn write(&self, folder: &Path) -> Result<[PathBuf; 2], Box<dyn Error>> {
        fs::create_dir_all(folder)?;
        let stem = format!("{}-{}", slug(&self.machine.cpu), self.machine.date);
        let paths = ["md", "json"].map(|extension| folder.join(format!("{stem}.{extension}")));
        fs::write(&paths[0], self.markdown()?)?;
        fs::write(&paths[1], serde_json::to_string_pretty(&self.json())? + "\n")?;
        Ok(paths)
    }

    fn markdown(&self) -> Result<String, std::fmt::Error> {
        let Machine { cpu, system, date, rustc, dunlin } = &self.machine;
        let mut text =
            format!("# {cpu}, {date}\n\n{system}, {rustc}, Dunlin {dunlin}. One thread, batch 1, median time.\n");
        let mut group = "";
        for line in &self.lines {
            if line.group != group {
                group = &line.group;
                write!(text, "\n## {group}\n\n| what | p50 in µs |\n|---|---:|\n")?;
            }
            writeln!(text, "| {} | {:.2} |", line.name, line.p50_us)?;
        }
        Ok(text)
    }

    fn json(&self) -> Value {
        let Machine { cpu, system, date, rustc, dunlin } = &self.machine;
        let line = |l: &Line| json!({ "group": l.group, "name": l.name, "p50_us": l.p50_us });
        let benches: Vec<Value> = self.lines.iter().map(line).collect();
        json!({ "cpu": cpu, "system": system, "date": date, "rustc": rustc, "dunlin": dunlin, "benches": benches })
    }
}

/// Lower-case letters and digits with dashes between.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_makes_a_file_name() {
        assert_eq!(slug("AMD EPYC 9R14 (Genoa) @ 2.6GHz"), "amd-epyc-9r14-genoa-2-6ghz");
    }

    #[test]
    fn a_record_has_a_table_for_each_group() -> Result<(), Box<dyn Error>> {
        let line = |group: &str, name: &str| Line { group: group.into(), name: name.into(), p50_us: 12.345 };
        let record = Record { machine: Machine::this()?, lines: vec![line("a", "x"), line("a", "y"), line("b", "z")] };
        let text = record.markdown()?;
        assert_eq!(text.matches("\n## ").count(), 2);
        assert!(text.contains("| y | 12.35 |") || text.contains("| y | 12.34 |"), "{text}");
        assert_eq!(record.json()["benches"][2]["name"], "z");
        Ok(())
    }
}
