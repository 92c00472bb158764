//! Post-training quantization: a float graph and calibration samples in, the same graph with `QuantizeLinear` and
//! `DequantizeLinear` in it out, for [`crate::int8`] to lower.
//!
//! 1. `scheme` decides which operators compute in integers and which values are therefore quantized; a `Relu` behind an
//!    operator belongs to it, and operators that only move data share one quantization among what they move.
//! 2. `ranges` runs the float graph over the samples and picks each value's range.
//! 3. `trial` runs each operator beside its quantized version on the float operands. The mean difference of each
//!    output channel is taken off the bias (Nagel et al.: Data-free quantization through weight equalization and bias
//!    correction, 2019, section 4.2, with measured instead of predicted means); an operator whose signal-to-noise ratio stays below
//!    [`Options::min_sqnr`] falls back to float.
//! 4. `insert` writes the result into the graph.
//!
//! Activations are u8 with any zero point, one scale a tensor; weights i8 within -127..=127, one scale an output channel;
//! softmax and sigmoid are fixed to scale 1/256 and zero point 0.

mod channels;
mod insert;
mod ranges;
mod scheme;
mod trial;

#[cfg(test)]
mod tests;

pub use ranges::Range;

use std::collections::HashSet;

use crate::error::{CompileError, Result};
use crate::int8::{Note, Reason, op_name};
use crate::ir::{Graph, Tensor};
use scheme::Scheme;

/// How to quantize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How activations' ranges are chosen.
    pub range: Range,
    /// Whether biases are corrected.
    pub bias_correction: bool,
    /// The least signal-to-noise ratio of an operator, in dB, against its float version on the same operands. Below
    /// it the operator stays float. 8-bit rounding alone gives 30 to 45 dB; at 12 dB noise has a quarter of the
    /// signal's amplitude, and no network is trained for that.
    pub min_sqnr: f64,
    /// The most samples that are used, evenly spread over those given.
    pub max_samples: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { range: Range::Mse, bias_correction: true, min_sqnr: 12.0, max_samples: 256 }
    }
}

/// Quantizes what has an integer form; returns which operators fell back to float. `progress` hears of samples
/// done, out of how many.
///
/// # Errors
/// [`CompileError::NoCalibration`] without samples, else when a sample doesn't fit the graph.
pub fn quantize(
    graph: &mut Graph,
    samples: &[Vec<Tensor>],
    options: &Options,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Note>> {
    if samples.is_empty() {
        return Err(CompileError::NoCalibration);
    }
    let samples = spread(samples, options.max_samples);
    let mut done = 0;
    // Ranges take two runs over the samples, the trial one.
    let total = 3 * samples.len();
    let mut step = || {
        done += 1;
        progress(done, total);
    };
    let scheme = Scheme::new(graph, &HashSet::new());
    let quants = ranges::choose(graph, &scheme, &samples, options.range, &mut step)?;
    let trial = trial::run(graph, &scheme, &quants, &samples, &mut step)?;
    let lost: HashSet<usize> =
        trial.sqnr.iter().filter(|(_, db)| **db < options.min_sqnr).map(|(&node, _)| node).collect();
    let notes = notes(graph, &lost);
    if options.bias_correction {
        trial::correct(graph, &trial, &lost);
    }
    // Corrected biases are new values; groups are the same as before.
    let scheme = Scheme::new(graph, &lost);
    insert::insert(graph, &scheme, &quants);
    Ok(notes)
}

/// Whether a graph has an operator that would be quantized with samples. A table of embeddings needs none.
pub fn concerns(graph: &Graph) -> bool {
    Scheme::new(graph, &HashSet::new()).integer.contains(&true)
}

fn spread(samples: &[Vec<Tensor>], most: usize) -> Vec<&[Tensor]> {
    let count = samples.len().min(most.max(1));
    (0..count).map(|index| &samples[index * samples.len() / count][..]).collect()
}

fn notes(graph: &Graph, lost: &HashSet<usize>) -> Vec<Note> {
    let mut lost: Vec<usize> = lost.iter().copied().collect();
    lost.sort_unstable();
    let note = |index: usize| {
        let node = &graph.nodes[index];
        Note { node: node.name.clone(), op: op_name(&node.op), reason: Reason::Accuracy }
    };
    lost.into_iter().map(note).collect()
}
