//! Each operator beside its quantized version, on the float operands of the samples.

use std::collections::{HashMap, HashSet};

use dunlin_engine::op::Op as EngineOp;

use super::channels;
use super::insert::rounded;
use super::ranges::Quants;
use super::scheme::{self, Scheme};
use crate::error::Result;
use crate::eval::Evaluator;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// What was measured, by node.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Signal-to-noise ratio of the result, in dB, with the means' difference taken off.
    pub sqnr: HashMap<usize, f64>,
    /// Mean difference, quantized less float, of each output channel, of contractions only.
    pub shift: HashMap<usize, Vec<f64>>,
}

/// A node and its quantized version in the trial graph.
struct Pair {
    node: usize,
    float: ValueId,
    quantized: ValueId,
    /// The axis of channels, for contractions.
    axis: Option<usize>,
}

/// Runs the samples through both.
///
/// # Errors
/// When a sample doesn't fit the graph.
pub fn run(
    graph: &Graph,
    scheme: &Scheme,
    quants: &Quants,
    samples: &[&[Tensor]],
    step: &mut dyn FnMut(),
) -> Result<Trial> {
    let mut both = graph.clone();
    let pairs = beside(&mut both, graph, scheme, quants);
    let by_quantized: HashMap<ValueId, usize> = pairs.iter().enumerate().map(|(i, pair)| (pair.quantized, i)).collect();
    let wanted: HashSet<ValueId> = pairs.iter().map(|pair| pair.float).collect();
    let mut sums: Vec<Sums> = pairs.iter().map(|_| Sums::default()).collect();
    // Whatever makes both results outputs keeps the evaluator from leaving one out.
    both.outputs.extend(pairs.iter().map(|pair| pair.quantized));
    let evaluator = Evaluator::new(&both)?;
    for sample in samples {
        let mut floats: HashMap<ValueId, Tensor> = HashMap::new();
        evaluator.run(sample, &mut |value, tensor| {
            if wanted.contains(&value) {
                floats.insert(value, tensor.clone());
            }
            let pair = by_quantized.get(&value).map(|&index| (index, &pairs[index]));
            if let Some((index, float)) = pair.and_then(|(index, pair)| Some((index, floats.get(&pair.float)?))) {
                sums[index].add(float, tensor, pairs[index].axis);
            }
        })?;
        step();
    }
    Ok(Trial {
        sqnr: pairs.iter().zip(&sums).map(|(pair, sums)| (pair.node, sums.sqnr())).collect(),
        shift: pairs.iter().zip(&sums).filter(|(p, _)| p.axis.is_some()).map(|(p, s)| (p.node, s.shift())).collect(),
    })
}

/// Adds the quantized version of each integer operator right behind it.
fn beside(both: &mut Graph, graph: &Graph, scheme: &Scheme, quants: &Quants) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut nodes = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        nodes.push(node.clone());
        if !scheme.integer[index] || scheme.fused[index] {
            continue;
        }
        let mut inputs = node.inputs.clone();
        for (place, value) in scheme.operands(graph, index) {
            if let Some(&quant) = quants.get(&scheme.group(value)) {
                inputs[place] = rounded(both, &mut nodes, value, quant);
            }
        }
        let weights = scheme::weights(graph, node);
        let quant = quants.get(&scheme.group(node.inputs[0])).copied();
        let stored = weights
            .zip(quant)
            .and_then(|(weights, quant)| channels::dequantized(both, &mut nodes, node, weights, quant));
        if let Some(weights) = stored {
            inputs[1] = weights;
        }
        let output = node.outputs[0];
        let result = both.push_value(format!("{}/trial", node.name), graph.info(output), None);
        nodes.push(Node { name: format!("{}/trial", node.name), op: node.op, inputs, outputs: vec![result] });
        let own = quants.get(&scheme.group(output)).filter(|_| scheme.quantized[output.0]);
        let axis = weights.map(|_| channel_axis(graph, node));
        let quantized = match own {
            // Of a contraction the sum is compared: only its mean tells how far the bias is off.
            Some(&quant) if axis.is_none() => rounded(both, &mut nodes, result, quant),
            _ => result,
        };
        pairs.push(Pair { node: index, float: output, quantized, axis });
    }
    both.nodes = nodes;
    pairs
}

fn channel_axis(graph: &Graph, node: &Node) -> usize {
    match node.op {
        Op::Conv { .. } => 1,
        _ => graph.value(node.outputs[0]).shape.rank() - 1,
    }
}

/// Sums over all samples, by channel.
#[derive(Default)]
struct Sums {
    count: f64,
    signal: f64,
    noise: Vec<f64>,
    shift: Vec<f64>,
}

impl Sums {
    fn add(&mut self, float: &Tensor, quantized: &Tensor, axis: Option<usize>) {
        let (Some(a), Some(b)) = (float.as_f32s(), quantized.as_f32s()) else { return };
        let shape = float.shape;
        let (channels, inner) = match axis {
            Some(axis) => (shape.dim(axis), shape.span(axis + 1, shape.rank())),
            None => (1, 1),
        };
        self.noise.resize(channels, 0.0);
        self.shift.resize(channels, 0.0);
        self.count += (a.len() / channels.max(1)) as f64;
        for (index, (&a, &b)) in a.iter().zip(b).enumerate() {
            let (signal, noise) = (f64::from(a), f64::from(b) - f64::from(a));
            let channel = index / inner.max(1) % channels;
            self.signal += signal * signal;
            self.noise[channel] += noise * noise;
            self.shift[channel] += noise;
        }
    }

    fn shift(&self) -> Vec<f64> {
        self.shift.iter().map(|sum| sum / self.count.max(1.0)).collect()
    }

    fn sqnr(&self) -> f64 {
        let spread = self.noise.iter().zip(&self.shift).map(|(noise, sum)| noise - sum * sum / self.count.max(1.0));
        let noise: f64 = spread.sum();
        // A result that is zero throughout has nothing to lose.
        if self.signal <= 0.0 || noise <= 0.0 { f64::INFINITY } else { 10.0 * (self.signal / noise).log10() }
    }
}

/// Takes the mean differences off the biases of contractions, but of those in `float`.
pub fn correct(graph: &mut Graph, trial: &Trial, float: &HashSet<usize>) {
    for (&index, shift) in trial.shift.iter().filter(|(index, _)| !float.contains(index)) {
        let node = &graph.nodes[index];
        let bias = match node.inputs.get(2) {
            None => Some(vec![0.0; shift.len()]),
            Some(&bias) => graph.constant(bias).and_then(Tensor::as_f32s).map(<[f32]>::to_vec),
        };
        let Some(bias) = bias.filter(|bias| bias.len() == shift.len()) else { continue };
        let name = format!("{}/bias", node.name);
        let takes = matches!(node.op, Op::Conv { .. } | Op::Engine(EngineOp::MatMul { .. }));
        if takes {
            let corrected: Vec<f32> = bias.iter().zip(shift).map(|(&b, &s)| (f64::from(b) - s) as f32).collect();
            let id = graph.push_constant(name, Tensor::f32s(&[shift.len()], &corrected));
            graph.nodes[index].inputs.truncate(2);
            graph.nodes[index].inputs.push(id);
        }
    }
}
