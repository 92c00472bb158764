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
    /// How many run the model: 1 where it is too little work for the second one that was asked for.
    threads: usize,
    runs: usize,
    min_us: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    macs: u64,
    /// Map, load and first answer in a fresh process; `null` where no process could be started.
    cold_start_us: Option<f64>,
    /// The same in its parts, and what memory it took.
    cold: Option<Cold>,
    /// Most memory that this fresh process had resident; `null` where the system doesn't tell.
    peak_memory_bytes: Option<u64>,
    /// Arena and scratch of a session.
    planned_memory_bytes: usize,
    /// All that a session takes from the allocator: arena, scratch, and the plan's lists and tables.
    session_bytes: usize,
    file_bytes: usize,
    /// Of `--profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// What a fresh process tells.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cold {
    /// Opening and mapping the file.
    map_us: f64,
    /// Parsing it, building the plan, taking the memory.
    load_us: f64,
    /// The first run, which touches all of that memory and all weights for the first time.
    first_run_us: f64,
    /// By how much the process's memory that no file backs grew meanwhile; `null` where the system doesn't tell.
    memory_growth_bytes: Option<u64>,
    /// By how much all of its resident memory grew, the mapped file's part included.
    resident_growth_bytes: Option<u64>,
    /// The most that it had resident.
    peak_memory_bytes: Option<u64>,
}

impl Cold {
    fn total(&self) -> f64 {
        self.map_us + self.load_us + self.first_run_us
    }
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
    colds.sort_by(|a, b| a.total().total_cmp(&b.total()));
    let median = colds.get(colds.len() / 2);
    let plan = session.plan();
    let bench = Bench {
        model: args.model.display().to_string(),
        kernels: plan.isa().to_string(),
        threads: session.threads(),
        runs: times.len(),
        min_us: times.min(),
        p50_us: times.percentile(50.0),
        p90_us: times.percentile(90.0),
        p99_us: times.percentile(99.0),
        macs: session.explain().map(|step| step.macs).sum(),
        cold_start_us: median.map(Cold::total),
        cold: median.copied(),
        peak_memory_bytes: median.and_then(|cold| cold.peak_memory_bytes),
        planned_memory_bytes: session.memory(),
        session_bytes: session.heap_len(),
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
    let mut session = source.session(args.threads)?;
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

/// One cold start in this process; filling the inputs isn't part of it.
fn cold(args: &BenchArgs) -> Result<Cold, CliError> {
    let before = Resident::now();
    let start = Instant::now();
    let source = Source::open(&args.model)?;
    let mapped = start.elapsed();
    let mut session = session(&source, args)?;
    let loaded = start.elapsed();
    let mut index = 0;
    while let Some(input) = session.input_mut(index) {
        fill_golden(index as u64, input.dtype, input.bytes);
        index += 1;
    }
    let begin = Instant::now();
    session.run().map_err(|error| CliError::run(&args.model, error))?;
    let first = begin.elapsed();
    let growth = before.zip(Resident::now()).map(|(before, after)| after.since(before));
    Ok(Cold {
        map_us: micros(mapped),
        load_us: micros(loaded - mapped),
        first_run_us: micros(first),
        memory_growth_bytes: growth.map(|growth| growth.anonymous),
        resident_growth_bytes: growth.map(|growth| growth.all),
        peak_memory_bytes: peak_memory(),
    })
}

/// Memory of this process that is resident.
#[derive(Clone, Copy, Debug)]
struct Resident {
    all: u64,
    /// What no file backs.
    anonymous: u64,
}

impl Resident {
    /// As exactly as the system tells (Linux: counted page by page); `None` where it doesn't.
    fn now() -> Option<Self> {
        let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
        Some(Self { all: kilobytes(&rollup, "Rss:")?, anonymous: kilobytes(&rollup, "Anonymous:")? })
    }

    fn since(self, before: Self) -> Self {
        Self { all: self.all.saturating_sub(before.all), anonymous: self.anonymous.saturating_sub(before.anonymous) }
    }
}

/// The bytes that a line of a system's report tells in kB.
fn kilobytes(report: &str, name: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// One cold start in a process of its own; `None` where none can be started.
fn cold_in_child(args: &BenchArgs) -> Option<Cold> {
    let mut command = std::process::Command::new(std::env::current_exe().ok()?);
    command.args(["bench", "--cold"]);
    if let Some(length) = args.length {
        command.args(["--length", &length.to_string()]);
    }
    command.args(["--threads", &args.threads.count.to_string()]);
    command.arg("--").arg(&args.model).stdin(Stdio::null()).stderr(Stdio::null());
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

/// The most memory that this process had resident, where the system tells (Linux).
fn peak_memory() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

impl Bench {
    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let threads = if self.threads > 1 { ", two threads" } else { "" };
        writeln!(out, "{} on {}{threads}: {} runs", self.model, self.kernels, self.runs)?;
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
        match &self.cold {
            Some(cold) => writeln!(
                out,
                "  cold start   {}: map {}, load {}, first run {}",
                output::time(cold.total()),
                output::time(cold.map_us),
                output::time(cold.load_us),
                output::time(cold.first_run_us)
            )?,
            None => writeln!(out, "  cold start   unknown")?,
        }
        let (planned, session) = (bytes(self.planned_memory_bytes), bytes(self.session_bytes));
        writeln!(out, "  memory       {session} bytes of a session, of which {planned} are arena and scratch")?;
        let growth = self.cold.and_then(|cold| cold.memory_growth_bytes);
        let (growth, peak) = (megabytes(growth), megabytes(self.peak_memory_bytes));
        writeln!(out, "               the process grew by {growth} beyond the mapped file, to {peak} with everything")?;
        writeln!(out, "  file         {} bytes", bytes(self.file_bytes))?;
        self.profile.as_ref().map_or(Ok(()), |profile| profile.show(out))
    }
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.2} MB", bytes as f64 / 1e6))
}
