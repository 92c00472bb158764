//! Where the time of a run goes: a line for each step of the plan.

mod peak;
mod picture;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use dunlin_engine::Session;
use dunlin_engine::artifact::Names;
use dunlin_engine::error::RunError;
use dunlin_engine::plan::StepInfo;
use dunlin_engine::tensor::DType;
use serde::Serialize;

use crate::error::CliError;
use crate::metrics::Times;
use crate::output::{self, bytes, micros};
use crate::table::{Align, Table};

pub use peak::Peak;

/// Where the time goes.
#[derive(Debug, Serialize)]
pub struct Profile {
    /// Runs that were timed step by step.
    pub runs: usize,
    /// All steps together: the sum of their medians.
    pub total_us: f64,
    /// Multiply-accumulate operations of all steps.
    pub macs: u64,
    /// What the core can do at most.
    pub peak: Peak,
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Steps of the same operator together, the longest first.
    pub operators: Vec<Operator>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Index in the model's graph.
    pub node: usize,
    /// The operator.
    pub op: &'static str,
    /// The node's name in the model.
    pub name: String,
    /// The kernel's name.
    pub kernel: String,
    /// Element type of the result.
    #[serde(rename = "type")]
    pub dtype: &'static str,
    /// Dimensions of the result.
    pub shape: Vec<u32>,
    /// The median.
    pub time_us: f64,
    /// Of the total time.
    pub share: f64,
    /// Multiply-accumulate operations.
    pub macs: u64,
    /// Billions of them a second; `null` for steps without any.
    pub gmacs: Option<f64>,
    /// What share that is of the core's peak for the type of the operands.
    pub of_peak: Option<f64>,
    /// Operands, constants and results together.
    pub bytes: usize,
    /// Billions of bytes a second.
    pub gbytes: f64,
}

/// All steps of one operator.
#[derive(Debug, Serialize)]
pub struct Operator {
    /// The operator.
    pub op: &'static str,
    /// How many steps.
    pub steps: usize,
    /// Their time together.
    pub time_us: f64,
    /// Of the total time.
    pub share: f64,
    /// Their multiply-accumulate operations together.
    pub macs: u64,
}

/// Runs again and again for `time`, step by step; `fill` sets the inputs before each run.
///
/// A step's time ends when the next begins; what a look at the clock takes is subtracted.
///
/// # Errors
/// [`RunError`] when a run fails.
pub fn measure(
    session: &mut Session<&[u8]>,
    names: &Names<'_>,
    time: Duration,
    mut fill: impl FnMut(&mut Session<&[u8]>),
) -> Result<Profile, RunError> {
    let infos: Vec<StepInfo> = session.explain().collect();
    let peak = Peak::measure(session.plan().isa());
    let mut times = vec![Vec::new(); infos.len()];
    let (start, clock) = (Instant::now(), clock_cost());
    while start.elapsed() < time || times.first().is_some_and(Vec::is_empty) {
        fill(session);
        let mut last = Instant::now();
        session.run_observed(|step| {
            let now = Instant::now();
            times[step].push(micros((now - last).saturating_sub(clock)));
            last = now;
        })?;
    }
    let runs = times.first().map_or(0, Vec::len);
    let times: Vec<f64> = times.into_iter().map(|times| Times::new(times).percentile(50.0)).collect();
    let total = times.iter().sum();
    let steps = infos
        .iter()
        .zip(times)
        .map(|(info, time)| Step::new(info, names.node(info.node).to_owned(), time, total, peak))
        .collect();
    Ok(Profile::new(runs, total, peak, steps))
}

/// The shortest time between two looks at the clock.
fn clock_cost() -> Duration {
    let looks = (0..1000).map(|_| {
        let begin = Instant::now();
        begin.elapsed()
    });
    looks.min().unwrap_or_default()
}

impl Profile {
    fn new(runs: usize, total_us: f64, peak: Peak, steps: Vec<Step>) -> Self {
        let mut operators: Vec<Operator> = Vec::new();
        for step in &steps {
            let at = operators.iter().position(|operator| operator.op == step.op).unwrap_or_else(|| {
                operators.push(Operator { op: step.op, steps: 0, time_us: 0.0, share: 0.0, macs: 0 });
                operators.len() - 1
            });
            let operator = &mut operators[at];
            operator.steps += 1;
            operator.time_us += step.time_us;
            operator.share += step.share;
            operator.macs += step.macs;
        }
        operators.sort_by(|a, b| b.time_us.total_cmp(&a.time_us));
        Self { runs, total_us, macs: steps.iter().map(|step| step.macs).sum(), peak, steps, operators }
    }

    /// Writes tables for people.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "\nsteps, medians of {} runs, {} together", self.runs, output::time(self.total_us))?;
        writeln!(out, "{}", self.step_table())?;
        writeln!(out, "operators\n{}", self.operator_table())?;
        if let Some(peak) = self.peak.words() {
            writeln!(out, "peak of this core, on registers alone: {peak}")?;
        }
        Ok(())
    }

    /// Writes the picture: a page, or an image when the file's name ends in `.svg`.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn draw(&self, title: &str, path: &Path) -> Result<(), CliError> {
        let svg = picture::svg(self, title);
        let image = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
        output::file(path, if image { svg } else { picture::page(title, &svg) }.as_bytes())
    }

    fn step_table(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let columns = [
            ("#", right),
            ("operator", left),
            ("name", left),
            ("shape", left),
            ("µs", right),
            ("share", right),
            ("MACs", right),
            ("GMAC/s", right),
            ("of peak", right),
            ("bytes", right),
            ("GB/s", right),
            ("kernel", left),
        ];
        let mut table = Table::new(&columns);
        let none = || "-".to_owned();
        for step in &self.steps {
            table.row([
                step.node.to_string(),
                step.op.to_owned(),
                output::ending(&step.name),
                output::dims(&step.shape),
                format!("{:.2}", step.time_us),
                percent(step.share),
                bytes(usize::try_from(step.macs).unwrap_or(usize::MAX)),
                step.gmacs.map_or_else(none, |rate| format!("{rate:.1}")),
                step.of_peak.map_or_else(none, percent),
                bytes(step.bytes),
                format!("{:.1}", step.gbytes),
                step.kernel.clone(),
            ]);
        }
        table
    }

    fn operator_table(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let columns =
            [("operator", left), ("steps", right), ("µs", right), ("share", right), ("MACs", right), ("GMAC/s", right)];
        let mut table = Table::new(&columns);
        for operator in &self.operators {
            table.row([
                operator.op.to_owned(),
                operator.steps.to_string(),
                format!("{:.2}", operator.time_us),
                percent(operator.share),
                bytes(usize::try_from(operator.macs).unwrap_or(usize::MAX)),
                rate(operator.macs as f64, operator.time_us)
                    .filter(|_| operator.macs > 0)
                    .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}")),
            ]);
        }
        table
    }
}

impl Step {
    fn new(info: &StepInfo, name: String, time_us: f64, total_us: f64, peak: Peak) -> Self {
        let gmacs = rate(info.macs as f64, time_us).filter(|_| info.macs > 0);
        let integer = matches!(info.operand, Some(DType::U8 | DType::I8));
        let best = if integer { peak.int8_gmacs } else { peak.f32_gmacs };
        let bytes = info.operand_bytes + info.constant_bytes + info.result_bytes;
        Self {
            node: info.node,
            op: info.op,
            name,
            kernel: info.kernel.to_string(),
            dtype: info.dtype.name(),
            shape: info.shape.dims().to_vec(),
            time_us,
            share: if total_us > 0.0 { time_us / total_us } else { 0.0 },
            macs: info.macs,
            gmacs,
            of_peak: gmacs.zip(best).map(|(gmacs, best)| gmacs / best),
            bytes,
            gbytes: rate(bytes as f64, time_us).unwrap_or(0.0),
        }
    }
}

/// Billions a second; `None` when the time was too short to tell.
fn rate(count: f64, micros: f64) -> Option<f64> {
    (micros > 0.0).then(|| count / micros / 1e3)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
