//! Quantizing small float networks.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Activation, Op as EngineOp, PoolKind, UnaryKind, Window};
use dunlin_engine::tensor::{DType, Ints, Shape};

use super::{Options, Range, quantize};
use crate::error::CompileError;
use crate::eval::Evaluator;
use crate::int8::{self, Reason, op_name};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::{lower, pack, passes};

/// Numbers in -1..1 that look random (a linear congruential generator; Knuth's constants).
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn add(graph: &mut Graph, name: &str, op: Op, inputs: Vec<ValueId>, dims: &[usize]) -> ValueId {
    let info = Info { dtype: DType::F32, shape: Shape::new(dims).expect("small") };
    let output = graph.push_value(name, info, None);
    graph.nodes.push(Node { name: name.to_owned(), op, inputs, outputs: vec![output] });
    output
}

fn constant(graph: &mut Graph, seed: u64, dims: &[usize]) -> ValueId {
    let values = noise(seed, dims.iter().product());
    graph.push_constant("w", Tensor::f32s(dims, &values))
}

fn window(kernel: u32, pad: u32) -> Window {
    Window { kernel: [kernel; 2], stride: [1; 2], dilation: [1; 2], pads: [pad; 4], ceil: false }
}

fn unary(kind: UnaryKind, alpha: f32, beta: f32) -> Op {
    Op::Engine(EngineOp::Unary { f: Activation { kind, alpha, beta } })
}

/// Conv, Relu, Conv, HardSwish, Concat of both, max pool, flatten, product, softmax.
fn network() -> Graph {
    let mut graph = Graph::default();
    let info = Info { dtype: DType::F32, shape: Shape::new(&[1, 3, 6, 6]).expect("small") };
    let x = graph.push_value("x", info, None);
    graph.inputs.push(x);
    let (w, b) = (constant(&mut graph, 1, &[8, 3, 3, 3]), constant(&mut graph, 2, &[8]));
    let a = add(&mut graph, "conv1", Op::Conv { window: window(3, 1), groups: 1 }, vec![x, w, b], &[1, 8, 6, 6]);
    let a = add(&mut graph, "relu", unary(UnaryKind::Clip, 0.0, f32::INFINITY), vec![a], &[1, 8, 6, 6]);
    let w = constant(&mut graph, 3, &[8, 1, 3, 3]);
    let b = add(&mut graph, "conv2", Op::Conv { window: window(3, 1), groups: 8 }, vec![a, w], &[1, 8, 6, 6]);
    let b = add(&mut graph, "swish", unary(UnaryKind::HardSwish, 0.0, 0.0), vec![b], &[1, 8, 6, 6]);
    let both = add(&mut graph, "concat", Op::Engine(EngineOp::Concat { axis: 1 }), vec![a, b], &[1, 16, 6, 6]);
    let mut halved = window(2, 0);
    halved.stride = [2; 2];
    let pooled =
        add(&mut graph, "pool", Op::Pool { kind: PoolKind::Max, window: halved, p: 0.0 }, vec![both], &[1, 16, 3, 3]);
    let dims = Ints::new(&[1, 144]).expect("few");
    let flat = add(&mut graph, "flatten", Op::Engine(EngineOp::Reshape { dims }), vec![pooled], &[1, 144]);
    let w = constant(&mut graph, 4, &[144, 10]);
    let op = EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let y = add(&mut graph, "fc", Op::Engine(op), vec![flat, w], &[1, 10]);
    graph.outputs.push(y);
    graph
}

fn samples(count: u64) -> Vec<Vec<Tensor>> {
    (0..count).map(|seed| vec![Tensor::f32s(&[1, 3, 6, 6], &noise(100 + seed, 108))]).collect()
}

fn engine(mut graph: Graph) -> Graph {
    int8::lower(&mut graph);
    lower::lower(&mut graph).expect("lowers");
    lower::layout::run(&mut graph).expect("lays out");
    passes::finish(&mut graph).expect("finishes");
    pack::pack(&mut graph).expect("packs");
    graph
}

fn outputs(graph: &Graph, samples: &[Vec<Tensor>]) -> Vec<f32> {
    let evaluator = Evaluator::new(graph).expect("lowers");
    let run = |sample: &Vec<Tensor>| {
        let outputs = evaluator.run(sample, &mut |_, _| {}).expect("runs");
        outputs[0].as_f32s().expect("f32").to_vec()
    };
    samples.iter().flat_map(run).collect()
}

/// Signal over noise, in dB.
fn sqnr(float: &[f32], quantized: &[f32]) -> f64 {
    let power = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v * v)).sum::<f64>();
    let noise = power(&mut float.iter().zip(quantized).map(|(a, b)| a - b));
    10.0 * (power(&mut float.iter().copied()) / noise).log10()
}

#[test]
fn a_network_becomes_integers_throughout_and_stays_near_float() {
    for range in [Range::MinMax, Range::Percentile(99.99), Range::Mse] {
        let float = network();
        let mut graph = float.clone();
        let samples = samples(16);
        let options = Options { range, ..Options::default() };
        let mut steps = Vec::new();
        let notes =
            quantize(&mut graph, &samples, &options, &mut |done, total| steps.push((done, total))).expect("quantizes");
        assert!(notes.is_empty(), "{notes:?}");
        assert!(steps.last().is_some_and(|&(done, total)| done <= total));
        let lowered = engine(graph);
        let names: Vec<&str> = lowered.nodes.iter().map(|node| op_name(&node.op)).collect();
        assert_eq!(names.iter().filter(|name| **name == "Quantize").count(), 1, "{names:?}");
        for name in ["QConv", "QDepthwise", "QLookup", "QPool", "QGemm"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(
            !names.iter().any(|name| ["Conv", "MatMul", "Unary", "Pool", "Dequantize"].contains(name)),
            "{names:?}"
        );
        let held_out = self::samples(40).split_off(32);
        let ratio = sqnr(&outputs(&float, &held_out), &outputs(&lowered, &held_out));
        assert!(ratio > 25.0, "{range:?}: {ratio} dB");
    }
}

#[test]
fn an_operator_below_the_threshold_stays_float() {
    let mut graph = network();
    let options = Options { min_sqnr: 1000.0, ..Options::default() };
    let notes = quantize(&mut graph, &samples(4), &options, &mut |_, _| {}).expect("quantizes");
    let nodes: Vec<&str> = notes.iter().map(|note| note.node.as_str()).collect();
    assert_eq!(nodes, ["conv1", "conv2", "swish", "fc"]);
    assert!(notes.iter().all(|note| note.reason == Reason::Accuracy));
    let names: Vec<&str> = engine(graph).nodes.iter().map(|node| op_name(&node.op)).collect();
    assert!(!names.contains(&"Quantize"), "{names:?}");
}

#[test]
fn a_shift_of_the_mean_is_taken_off_the_bias() {
    let mut graph = Graph::default();
    let info = Info { dtype: DType::F32, shape: Shape::new(&[1, 64]).expect("small") };
    let x = graph.push_value("x", info, None);
    graph.inputs.push(x);
    // One large weight makes the step so wide that the small ones vanish.
    let weights: Vec<f32> = (0..64).map(|i| if i == 0 { 12.7 } else { 0.04 }).collect();
    let w = graph.push_constant("w", Tensor::f32s(&[64, 1], &weights));
    let op = EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let y = add(&mut graph, "fc", Op::Engine(op), vec![x, w], &[1, 1]);
    graph.outputs.push(y);
    let positive = |seed: u64| noise(seed, 64).iter().map(|v| v.abs()).collect::<Vec<f32>>();
    let samples: Vec<Vec<Tensor>> = (0..32).map(|seed| vec![Tensor::f32s(&[1, 64], &positive(seed))]).collect();
    let float = outputs(&graph, &samples);
    let error = |correction| {
        let mut graph = graph.clone();
        let options = Options { bias_correction: correction, min_sqnr: 0.0, ..Options::default() };
        quantize(&mut graph, &samples, &options, &mut |_, _| {}).expect("quantizes");
        let quantized = outputs(&engine(graph), &samples);
        float.iter().zip(quantized).map(|(a, b)| (b - a).abs()).sum::<f32>() / 32.0
    };
    assert!(error(false) > 1.0);
    assert!(error(true) < 0.3);
}

#[test]
fn samples_are_needed_and_have_to_fit() {
    let mut graph = network();
    let found = quantize(&mut graph, &[], &Options::default(), &mut |_, _| {});
    assert_eq!(found, Err(CompileError::NoCalibration));
    let wrong = vec![vec![Tensor::f32s(&[1, 3, 5, 5], &noise(1, 75))]];
    let found = quantize(&mut graph, &wrong, &Options::default(), &mut |_, _| {});
    assert!(matches!(found, Err(CompileError::Input { .. })));
}
