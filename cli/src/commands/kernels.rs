//! `dunlin inspect --kernels`: what carries out which operator, for each instruction set that this build knows.

use std::io::Write;

use dunlin_engine::op::{Implementation, Op};
use dunlin_engine::{Isa, IsaKind, Limits, Plan};
use serde::Serialize;

use crate::error::CliError;
use crate::model::Source;
use crate::output;
use crate::table::{Align, Table};

/// What carries out what.
#[derive(Debug, Serialize)]
pub struct Kernels {
    /// From the slowest to the fastest.
    isas: Vec<IsaInfo>,
    /// All operators.
    operators: Vec<Operator>,
    /// The model's steps; none without a model.
    steps: Vec<Step>,
}

/// An instruction set.
#[derive(Debug, Serialize)]
struct IsaInfo {
    isa: &'static str,
    /// Why this CPU can't have it; `null` where it can.
    missing: Option<String>,
}

#[derive(Debug, Serialize)]
struct Operator {
    op: &'static str,
    implementation: &'static str,
}

/// A step with the kernels of the instruction sets that the CPU has, in their order.
#[derive(Debug, Serialize)]
struct Step {
    node: usize,
    op: &'static str,
    implementation: &'static str,
    kernels: Vec<String>,
}

impl Kernels {
    /// Of a model, or of all operators alone.
    ///
    /// # Errors
    /// [`CliError::Model`].
    pub fn new(source: Option<&Source>) -> Result<Self, CliError> {
        let missing = |kind| Isa::detect(kind).err().map(|error| error.to_string());
        let isas = IsaKind::ALL.map(|kind| IsaInfo { isa: kind.name(), missing: missing(kind) });
        let operators =
            Op::NAMES.iter().map(|&op| Operator { op, implementation: Implementation::of(op).name() }).collect();
        Ok(Self { isas: isas.into(), operators, steps: source.map_or(Ok(Vec::new()), steps)? })
    }

    /// Writes tables for people.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "instruction sets")?;
        for IsaInfo { isa, missing } in &self.isas {
            writeln!(out, "  {isa:<12} {}", missing.as_deref().unwrap_or("on this CPU"))?;
        }
        if self.steps.is_empty() {
            writeln!(out, "\noperators")?;
            for kind in [Implementation::Kernel, Implementation::Loops, Implementation::Moves] {
                let name = kind.name();
                let ops = self.operators.iter().filter(|operator| operator.implementation == name);
                writeln!(out, "  {name}: {}", ops.map(|operator| operator.op).collect::<Vec<_>>().join(", "))?;
            }
            return Ok(());
        }
        write!(out, "\nsteps\n{}", self.step_table())?;
        Ok(())
    }

    fn step_table(&self) -> Table {
        let mut columns = vec![("#", Align::Right), ("operator", Align::Left), ("by", Align::Left)];
        let here = self.isas.iter().filter(|isa| isa.missing.is_none());
        columns.extend(here.map(|isa| (isa.isa, Align::Left)));
        let mut table = Table::new(&columns);
        for step in &self.steps {
            let cells = [step.node.to_string(), step.op.to_owned(), step.implementation.to_owned()];
            table.row(cells.into_iter().chain(step.kernels.iter().cloned()));
        }
        table
    }
}

/// The steps of a model with their kernels.
fn steps(source: &Source) -> Result<Vec<Step>, CliError> {
    let artifact = source.artifact()?;
    let mut steps: Vec<Step> = Vec::new();
    for isa in Isa::supported() {
        let plan = Plan::build(&artifact, isa, Limits::default());
        let plan = plan.map_err(|error| CliError::Model { path: source.path.clone(), source: error })?;
        for (index, step) in plan.explain().enumerate() {
            if index == steps.len() {
                let implementation = Implementation::of(step.op).name();
                steps.push(Step { node: step.node, op: step.op, implementation, kernels: Vec::new() });
            }
            steps[index].kernels.push(step.kernel.to_string());
        }
    }
    Ok(steps)
}

/// Writes it for people or for programs.
///
/// # Errors
/// [`CliError`].
pub fn run(source: Option<&Source>, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let kernels = Kernels::new(source)?;
    if json { output::json(&kernels, out) } else { kernels.show(out) }
}
