//! `dunlin bench`: how long a model takes, and how much memory.

use std::io::Write;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use dunlin_engine::Session;
use dunlin_engine::artifact::fill_golden;
use serde::{Deserialize, Serialize};

use crate::args::BenchArgs;
use crate::error::CliError;
use crate::metrics::Times;
use crate::model::Source;
use crate::output::{self, bytes, micros};
use crate::profile::{self, Profile};
use crate::progress::Progress;

/// Cold starts of which the median counts.
const COLD_STARTS: usize = 5;

/// Runs before the first that counts, as a share of the time.
const WARM_UP: f64 = 0.1;

/// What was measured.
#[derive(Debug, Serialize)]
struct Bench {
    model: String,
    kernels: String,
    runs: usize,
    min_us: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    macs: u64,
    /// Map, load and first answer in a fresh process; `null` where no process could be started.
    cold_start_us: Option<f64>,
    /// Most memory that this fresh process had resident; `null` where the system doesn't tell.
    peak_memory_bytes: Option<u64>,
    /// Arena and scratch of a session.
    planned_memory_bytes: usize,
    file_bytes: usize,
    /// Of `--profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// What a fresh process tells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cold {
    cold_start_us: f64,
    peak_memory_bytes: Option<u64>,
}

/// Measures.
pub fn run(args: &BenchArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    if args.cold {
        let cold = cold(args)?;
        serde_json::to_writer(&mut *out, &cold)?;
        return Ok(ExitCode::SUCCESS);
    }
    let source = Source::open(&args.model)?;
    let mut session = session(&source, args)?;
    let times = single_stream(&mut session, args)?;
    let profile = profiled(&source, &mut session, args)?;
    let colds = (0..COLD_STARTS).filter_map(|_| cold_in_child(args));
    let mut colds: Vec<Cold> = colds.collect();
    colds.sort_by(|a, b| a.cold_start_us.total_cmp(&b.cold_start_us));
    let median = colds.get(colds.len() / 2);
    let plan = session.plan();
    let bench = Bench {
        model: args.model.display().to_string(),
        kernels: plan.isa().to_string(),
        runs: times.len(),
        min_us: times.min(),
        p50_us: times.percentile(50.0),
        p90_us: times.percentile(90.0),
        p99_us: times.percentile(99.0),
        macs: session.explain().map(|step| step.macs).sum(),
        cold_start_us: median.map(|cold| cold.cold_start_us),
        peak_memory_bytes: median.and_then(|cold| cold.peak_memory_bytes),
        planned_memory_bytes: plan.memory(),
        file_bytes: session.file().len(),
        profile,
    };
    if args.json {
        output::json(&bench, out)?;
    } else {
        bench.show(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A session at the length that was asked for.
fn session<'a>(source: &'a Source, args: &BenchArgs) -> Result<Session<&'a [u8]>, CliError> {
    let mut session = source.session()?;
    if let Some(length) = args.length {
        session.set_length(length).map_err(|error| CliError::run(&args.model, error))?;
    }
    Ok(session)
}

/// The profile that was asked for, drawn where a file was given.
fn profiled(source: &Source, session: &mut Session<&[u8]>, args: &BenchArgs) -> Result<Option<Profile>, CliError> {
    let Some(picture) = &args.profile else { return Ok(None) };
    let names = source.artifact()?.names().map_err(|error| CliError::artifact(&source.path, error))?;
    let (inputs, time) = (golden_inputs(session), Duration::from_secs_f64(args.seconds));
    let profile = profile::measure(session, &names, time, |session| fill(session, &inputs));
    let profile = profile.map_err(|error| CliError::run(&args.model, error))?;
    if let Some(path) = &picture.0 {
        let model = args.model.file_name().unwrap_or_default().to_string_lossy();
        profile.draw(&format!("{model} on {}", session.plan().isa()), path)?;
    }
    Ok(Some(profile))
}

fn fill(session: &mut Session<&[u8]>, inputs: &[Vec<u8>]) {
    for (index, bytes) in inputs.iter().enumerate() {
        if let Some(input) = session.input_mut(index) {
            input.bytes.copy_from_slice(bytes);
        }
    }
}

/// One run after the other for the time that was asked for; filling the inputs isn't part of a run.
fn single_stream(session: &mut Session<&[u8]>, args: &BenchArgs) -> Result<Times, CliError> {
    let inputs = golden_inputs(session);
    let mut progress = Progress::new();
    let mut times = Vec::new();
    let total = Duration::from_secs_f64(args.seconds);
    let (warm_up, start) = (total.mul_f64(WARM_UP), Instant::now());
    while times.is_empty() || start.elapsed() < total + warm_up {
        fill(session, &inputs);
        let begin = Instant::now();
        session.run().map_err(|error| CliError::run(&args.model, error))?;
        let time = begin.elapsed();
        if start.elapsed() >= warm_up {
            times.push(micros(time));
        }
        progress.show("run", start.elapsed().as_secs() as usize, args.seconds.ceil() as usize);
    }
    Ok(Times::new(times))
}

/// The first golden input's bytes.
fn golden_inputs(session: &mut Session<&[u8]>) -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    while let Some(input) = session.input_mut(inputs.len()) {
        fill_golden(inputs.len() as u64, input.dtype, input.bytes);
        let bytes = input.bytes.to_vec();
        inputs.push(bytes);
    }
    inputs
}

/// One cold start in this process.
fn cold(args: &BenchArgs) -> Result<Cold, CliError> {
    let start = Instant::now();
    let source = Source::open(&args.model)?;
    let mut session = session(&source, args)?;
    session.golden(0).map_err(|error| CliError::run(&args.model, error))?;
    Ok(Cold { cold_start_us: micros(start.elapsed()), peak_memory_bytes: peak_memory() })
}

/// One cold start in a process of its own; `None` where none can be started.
fn cold_in_child(args: &BenchArgs) -> Option<Cold> {
    let mut command = std::process::Command::new(std::env::current_exe().ok()?);
    command.args(["bench", "--cold"]);
    if let Some(length) = args.length {
        command.args(["--length", &length.to_string()]);
    }
    command.arg("--").arg(&args.model).stdin(Stdio::null()).stderr(Stdio::null());
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

/// The most memory that this process had resident, where the system tells (Linux).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

impl Bench {
    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let unknown = || "unknown".to_owned();
        writeln!(out, "{} on {}: {} runs", self.model, self.kernels, self.runs)?;
        let times = [("p50", self.p50_us), ("p90", self.p90_us), ("p99", self.p99_us), ("min", self.min_us)];
        for (name, time) in times {
            writeln!(out, "  {name}          {}", output::time(time))?;
        }
        if self.macs > 0 && self.p50_us > 0.0 {
            writeln!(
                out,
                "  work         {:.1} million MACs, {:.1} billion a second",
                self.macs as f64 / 1e6,
                self.macs as f64 / self.p50_us / 1e3
            )?;
        }
        writeln!(out, "  cold start   {}", self.cold_start_us.map_or_else(unknown, output::time))?;
        let peak = self.peak_memory_bytes.map_or_else(unknown, |peak| format!("{:.1} MB", peak as f64 / 1e6));
        writeln!(out, "  peak memory  {peak}, of which the plan takes {} bytes", bytes(self.planned_memory_bytes))?;
        writeln!(out, "  file         {} bytes", bytes(self.file_bytes))?;
        self.profile.as_ref().map_or(Ok(()), |profile| profile.show(out))
    }
}
