//! The layout pass changes no result, and leaves no transpose inside a convolutional network.

use dunlin_compiler::build::Builder;
use dunlin_compiler::error::CompileError;
use dunlin_compiler::eval::evaluate;
use dunlin_compiler::ir::{Graph, Op, Tensor, ValueId};
use dunlin_compiler::{lower, passes};
use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{BinaryKind, Op as EngineOp, PoolKind, ReduceKind, UnaryKind, Window};
use dunlin_engine::tensor::{DType, Shape};

type Result<T> = std::result::Result<T, CompileError>;

/// A small linear congruential generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn floats(&mut self, dims: &[usize]) -> Tensor {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| self.below(17) as f32 / 8.0 - 1.0).collect();
        Tensor::f32s(dims, &values)
    }
}

fn window(kernel: u32, pad: u32) -> Window {
    Window { kernel: [kernel; 2], stride: [1; 2], dilation: [1; 2], pads: [pad; 4], ceil: false }
}

fn conv(b: &mut Builder<'_>, dice: &mut Dice, x: ValueId, channels: usize) -> ValueId {
    let dims = b.dims(x);
    let w = b.constant(dice.floats(&[channels, dims[1], 3, 3]));
    let shape = Shape::new(&[dims[0], channels, dims[2], dims[3]]).expect("small");
    b.append(Op::Conv { window: window(3, 1), groups: 1 }, &[x, w], &[Info { dtype: DType::F32, shape }])[0]
}

fn pool(b: &mut Builder<'_>, x: ValueId) -> ValueId {
    let info = b.graph.info(x);
    b.append(Op::Pool { kind: PoolKind::Max, window: window(3, 1), p: 0.0 }, &[x], &[info])[0]
}

fn transposes(graph: &Graph) -> usize {
    graph.nodes.iter().filter(|n| matches!(n.op, Op::Engine(EngineOp::Transpose { .. }))).count()
}

/// Lowers with and without the layout pass; both must give the same. Returns the transposes left.
fn check(graph: &Graph, sample: &Tensor, name: &str) -> usize {
    let expected = evaluate(graph, std::slice::from_ref(sample)).expect(name);
    let mut graph = graph.clone();
    passes::simplify(&mut graph).expect(name);
    lower::lower(&mut graph).expect(name);
    lower::layout::run(&mut graph).expect(name);
    passes::finish(&mut graph).expect(name);
    passes::compact(&mut graph);
    let found = evaluate(&graph, std::slice::from_ref(sample)).expect(name);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.shape, expected.shape, "{name}");
        for (a, b) in found.as_f32s().expect("floats").iter().zip(expected.as_f32s().expect("floats")) {
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{name}: {a} instead of {b}");
        }
    }
    transposes(&graph)
}

fn network(dims: &[usize], sample: &Tensor, make: impl FnOnce(&mut Builder<'_>, ValueId) -> Result<ValueId>) -> Graph {
    assert_eq!(sample.shape, Shape::new(dims).expect("small"));
    let mut graph = Graph::default();
    let x = graph.push_value("x", sample.info(), None);
    graph.inputs.push(x);
    let y = make(&mut Builder::new(&mut graph, 1 << 20), x).expect("it is sound");
    graph.outputs.push(y);
    graph
}

#[test]
fn a_residual_network_runs_in_nhwc() {
    let dims = [1, 3, 6, 5];
    let mut dice = Dice(1);
    let sample = dice.floats(&dims);
    let graph = network(&dims, &sample, |b, x| {
        let stem = conv(b, &mut dice, x, 4);
        let stem = b.unary_with(UnaryKind::Clip, 0.0, 6.0, stem)?;
        let branch = conv(b, &mut dice, stem, 4);
        let scale = b.constant(dice.floats(&[4, 1, 1]));
        let branch = b.binary(BinaryKind::Mul, branch, scale)?;
        let squeezed = b.reduce(ReduceKind::Mean, branch, &[2, 3], true)?;
        let gate = b.unary(UnaryKind::Sigmoid, squeezed)?;
        let branch = b.binary(BinaryKind::Mul, branch, gate)?;
        let sum = b.binary(BinaryKind::Add, stem, branch)?;
        let pooled = pool(b, sum);
        let both = b.concat(&[sum, pooled], 1)?;
        let padded = b.pad(both, &[0, 1, 1, 0], &[0, 0, 0, 1], 0.5)?;
        let cut = b.slice(padded, 1, 1, 8)?;
        let image = b.dims(cut);
        let count = image.iter().product();
        let rows = b.reshape(cut, &[1, count])?;
        let rows = b.unary(UnaryKind::Tanh, rows)?;
        let weights = b.constant(dice.floats(&[count, 3]));
        let logits = b.matmul(rows, weights)?;
        b.engine(EngineOp::Softmax { axis: 1, log: false }, &[logits])
    });
    assert_eq!(check(&graph, &sample, "residual"), 1, "the input's alone");
}

#[test]
fn a_squeezed_vector_scales_channels_without_a_transpose() {
    let dims = [1, 4, 3, 3];
    let mut dice = Dice(2);
    let sample = dice.floats(&dims);
    let graph = network(&dims, &sample, |b, x| {
        let y = conv(b, &mut dice, x, 4);
        let mean = b.reduce(ReduceKind::Mean, y, &[2, 3], false)?;
        let weights = b.constant(dice.floats(&[4, 4]));
        let gate = b.matmul(mean, weights)?;
        let gate = b.reshape(gate, &[1, 4, 1, 1])?;
        let scaled = b.binary(BinaryKind::Mul, y, gate)?;
        let y = conv(b, &mut dice, scaled, 2);
        b.reduce(ReduceKind::Max, y, &[2, 3], false)
    });
    assert_eq!(check(&graph, &sample, "squeeze and excite"), 1);
}

/// One step of a random network; what doesn't fit gives `x` back.
fn step(b: &mut Builder<'_>, dice: &mut Dice, x: ValueId, older: ValueId) -> Result<ValueId> {
    let dims = b.dims(x);
    if dims.len() != 4 {
        return b.unary(UnaryKind::Abs, x);
    }
    let axis = dice.below(4);
    match dice.below(14) {
        0 | 1 => Ok(conv(b, dice, x, 2)),
        2 => Ok(pool(b, x)),
        3 => b.unary(UnaryKind::Tanh, x),
        4 if b.dims(older) == dims => b.binary(BinaryKind::Sub, older, x),
        5 => {
            let mut own = [1; 4];
            own[axis] = dims[axis];
            let operand = dice.floats(&own[axis.min(2)..]);
            let operand = b.constant(operand);
            b.binary(BinaryKind::Mul, operand, x)
        }
        6 if b.dims(older) == dims => b.concat(&[x, older, x], axis),
        7 => b.pad(x, &[0, 1, 0, 1], &[0, 0, 1, 0], 0.25),
        8 if dims[axis] > 1 => b.slice(x, axis, 1, dims[axis]),
        9 => b.reduce(ReduceKind::Mean, x, &[axis], true),
        10 => {
            let perms = [[0, 2, 3, 1], [0, 3, 1, 2], [1, 0, 2, 3], [3, 2, 1, 0], [0, 1, 3, 2]];
            b.transpose(x, &perms[dice.below(5)])
        }
        11 => b.engine(EngineOp::Softmax { axis: axis as u32, log: false }, &[x]),
        12 => {
            let picks = b.constant(Tensor::i32s(&[3], &[0, (dims[axis] - 1) as i32, 0]));
            b.engine(EngineOp::Gather { axis: axis as u32 }, &[x, picks])
        }
        13 => b.engine(EngineOp::CumSum { axis: axis as u32, exclusive: false, reverse: true }, &[x]),
        _ => Ok(x),
    }
}

/// The end of a random network: the image itself, rows by weights, or a reduction.
fn head(b: &mut Builder<'_>, dice: &mut Dice, x: ValueId) -> Result<ValueId> {
    let dims = b.dims(x);
    match dice.below(4) {
        0 => Ok(x),
        1 => b.reduce(ReduceKind::Sum, x, &[1, 3], false),
        2 => b
            .engine(EngineOp::ArgReduce { max: true, axis: 1, keep: false, last: false }, &[x])
            .and_then(|y| b.cast(y, DType::F32)),
        _ => {
            let depth = dims[1..].iter().product();
            let rows = b.reshape(x, &[dims[0], depth])?;
            let rows = b.unary(UnaryKind::Abs, rows)?;
            let weights = b.constant(dice.floats(&[depth, 2]));
            b.matmul(rows, weights)
        }
    }
}

#[test]
fn random_networks_compute_the_same() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let dims = [1 + dice.below(2), 2, 3, 1 + dice.below(4)];
        let sample = dice.floats(&dims);
        let graph = network(&dims, &sample, |b, x| {
            let (mut older, mut y) = (x, x);
            for _ in 0..10 {
                let next = step(b, &mut dice, y, older)?;
                (older, y) = (y, next);
            }
            head(b, &mut dice, y)
        });
        check(&graph, &sample, &format!("seed {seed}"));
    }
}
