//! Ranges of activations, from what the float graph computes on the samples.

use std::collections::HashMap;

use dunlin_engine::op::{Op as EngineOp, UnaryKind};
use dunlin_engine::tensor::Quant;

use super::scheme::Scheme;
use crate::error::Result;
use crate::eval::Evaluator;
use crate::ir::{Graph, Op, Tensor, ValueId};

/// How a value's range is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// All that was seen.
    MinMax,
    /// What is left when this share of the values, in percent, is kept: 99.99 leaves one in ten thousand out.
    Percentile(f64),
    /// The range with the least mean squared error of rounding and clipping together, on a histogram.
    Mse,
}

/// Quantization by group, see [`Scheme::group`].
pub type Quants = HashMap<ValueId, Quant>;

/// Runs the samples twice, for the extremes and for histograms between them.
///
/// # Errors
/// When a sample doesn't fit the graph.
pub fn choose(
    graph: &Graph,
    scheme: &Scheme,
    samples: &[&[Tensor]],
    range: Range,
    step: &mut dyn FnMut(),
) -> Result<Quants> {
    let evaluator = Evaluator::new(graph)?;
    let mut seen: HashMap<ValueId, Histogram> = HashMap::new();
    constants(graph, scheme, &mut seen);
    each(&evaluator, graph, scheme, samples, step, &mut |group, values| {
        seen.entry(group).or_default().extend(values);
    })?;
    if range != Range::MinMax {
        each(&evaluator, graph, scheme, samples, step, &mut |group, values| {
            if let Some(histogram) = seen.get_mut(&group) {
                histogram.count(values);
            }
        })?;
    }
    let fixed = fixed(graph, scheme);
    let quant = |(&group, histogram): (&ValueId, &Histogram)| {
        let chosen = match fixed.get(&group) {
            Some(&quant) if histogram.low >= 0.0 && histogram.high <= 1.0 => quant,
            _ => histogram.quant(range),
        };
        (group, chosen)
    };
    Ok(seen.iter().map(quant).collect())
}

/// Quantized constants count for their group as what is computed does.
fn constants(graph: &Graph, scheme: &Scheme, seen: &mut HashMap<ValueId, Histogram>) {
    for (index, &quantized) in scheme.quantized.iter().enumerate() {
        let values = graph.values[index].data.as_ref().and_then(Tensor::as_f32s);
        if let Some(values) = values.filter(|_| quantized) {
            seen.entry(scheme.group(ValueId(index))).or_default().extend(values);
        }
    }
}

/// Lets `watch` see the elements of each quantized value.
fn each(
    evaluator: &Evaluator,
    graph: &Graph,
    scheme: &Scheme,
    samples: &[&[Tensor]],
    step: &mut dyn FnMut(),
    watch: &mut dyn FnMut(ValueId, &[f32]),
) -> Result<()> {
    for sample in samples {
        evaluator.run(sample, &mut |value, tensor| {
            let quantized = value.0 < graph.values.len() && scheme.quantized[value.0];
            if let Some(values) = tensor.as_f32s().filter(|_| quantized) {
                watch(scheme.group(value), values);
            }
        })?;
        step();
    }
    Ok(())
}

/// Groups made by functions whose range is 0..1 whatever the samples are.
fn fixed(graph: &Graph, scheme: &Scheme) -> Quants {
    let unit = |op: &Op| match op {
        Op::Engine(EngineOp::Softmax { log, .. }) => !log,
        Op::Engine(EngineOp::Unary { f }) => matches!(f.kind, UnaryKind::Sigmoid | UnaryKind::HardSigmoid),
        _ => false,
    };
    let made = graph.nodes.iter().filter(|node| unit(&node.op));
    made.map(|node| (scheme.group(node.outputs[0]), Quant { scale: 1.0 / 256.0, zero: 0 })).collect()
}

/// Extremes of a value, with zero, and counts between them.
#[derive(Clone, Debug, Default)]
struct Histogram {
    low: f32,
    high: f32,
    counts: Vec<u64>,
}

const BINS: usize = 2048;

/// Steps by which each end of a range is tried, of the distance from zero.
const TRIALS: u32 = 40;

impl Histogram {
    fn extend(&mut self, values: &[f32]) {
        for &value in values.iter().filter(|value| value.is_finite()) {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }

    fn count(&mut self, values: &[f32]) {
        self.counts.resize(BINS, 0);
        let per_unit = BINS as f32 / (self.high - self.low).max(f32::MIN_POSITIVE);
        for value in values {
            let bin = ((value - self.low) * per_unit) as usize;
            self.counts[bin.min(BINS - 1)] += 1;
        }
    }

    fn quant(&self, range: Range) -> Quant {
        match range {
            Range::MinMax => affine(self.low, self.high),
            Range::Percentile(kept) => self.percentile(kept),
            Range::Mse => self.least_error(),
        }
    }

    /// The middle of a bin.
    fn middle(&self, bin: usize) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        low + (high - low) * (bin as f64 + 0.5) / BINS as f64
    }

    fn percentile(&self, kept: f64) -> Quant {
        let total: u64 = self.counts.iter().sum();
        // Half of what is left out goes at each end.
        let out = (total as f64 * (1.0 - kept / 100.0) / 2.0) as u64;
        let low = self.reach(0..self.counts.len(), out).map_or(self.low, |bin| self.middle(bin) as f32);
        let high = self.reach((0..self.counts.len()).rev(), out).map_or(self.high, |bin| self.middle(bin) as f32);
        affine(low, high)
    }

    /// The first bin with more than `out` values up to it.
    fn reach(&self, mut bins: impl Iterator<Item = usize>, out: u64) -> Option<usize> {
        let mut passed = 0;
        bins.find(|&bin| {
            passed += self.counts[bin];
            passed > out
        })
    }

    /// Moves the upper end, then the lower one, then the upper one again to where the error is least.
    fn least_error(&self) -> Quant {
        let (mut low, mut high) = (self.low, self.high);
        for _ in 0..2 {
            high = self.best(self.high, |high| affine(low, high));
            low = self.best(self.low, |low| affine(low, high));
        }
        affine(low, high)
    }

    fn best(&self, end: f32, quant: impl Fn(f32) -> Quant) -> f32 {
        // A range cut below a quarter is no better for any distribution that networks have.
        let ends = (TRIALS / 4..=TRIALS).rev().map(|part| end * part as f32 / TRIALS as f32);
        let errors = ends.map(|end| (end, self.error(quant(end))));
        errors.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(end, |(end, _)| end)
    }

    /// Summed squared difference between values and what their quanta stand for.
    fn error(&self, quant: Quant) -> f64 {
        let (scale, zero) = (f64::from(quant.scale), f64::from(quant.zero));
        // Of values spread over a bin the rounding error is that of its middle, plus the variance of the bin where it is
        // narrower than a step.
        let one = |(bin, &count): (usize, &u64)| {
            let value = self.middle(bin);
            let q = ((value / scale).round_ties_even() + zero).clamp(0.0, 255.0);
            let difference = value - scale * (q - zero);
            count as f64 * difference * difference
        };
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(one).sum()
    }
}

/// The quantization whose 256 quanta cover a range and 0.
fn affine(low: f32, high: f32) -> Quant {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let scale = (high - low) / 255.0;
    if !scale.is_normal() {
        return Quant { scale: 1.0, zero: 0 };
    }
    let zero = (-low / scale).round_ties_even() as i32;
    Quant { scale, zero: zero.clamp(0, 255) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.extend(values);
        histogram.count(values);
        histogram
    }

    #[test]
    fn zero_is_always_a_quantum() {
        assert_eq!(affine(2.0, 5.1), Quant { scale: 0.02, zero: 0 });
        assert_eq!(affine(-5.1, -2.0), Quant { scale: 0.02, zero: 255 });
        assert_eq!(affine(0.0, 0.0), Quant { scale: 1.0, zero: 0 });
    }

    #[test]
    fn an_outlier_is_clipped_when_that_is_better() {
        let mut values: Vec<f32> = (0..1_000_000).map(|i| (i % 1000) as f32 / 1000.0).collect();
        values.push(2.0);
        let histogram = histogram(&values);
        let all = histogram.quant(Range::MinMax);
        assert!((all.scale - 2.0 / 255.0).abs() < 1e-6);
        assert!(histogram.quant(Range::Mse).scale < all.scale * 0.7);
        assert!(histogram.quant(Range::Percentile(99.99)).scale < all.scale * 0.51);
    }

    #[test]
    fn an_even_spread_keeps_its_ends() {
        let values: Vec<f32> = (-500..=1500).map(|i| i as f32).collect();
        let quant = histogram(&values).quant(Range::Mse);
        assert!((quant.scale - 2000.0 / 255.0).abs() < 0.3, "{quant:?}");
    }
}
