//! The small graphs: together they have an operator of every family.

use super::{Builder, Random};
use dunlin_engine::op::{
    Activation, BinaryKind, CellKind, Clamp, Direction, Epilogue, Op, PadMode, PoolKind, ReduceKind, ScatterKind,
    UnaryKind, Window,
};
use dunlin_engine::tensor::{DType, Ints};
use dunlin_kernels::pack_panels;

/// Makes a graph.
pub type Make = fn() -> Builder;

/// Every small graph with its name.
pub const GRAPHS: [(&str, Make); 5] =
    [("int8", int8), ("float", float), ("tokens", tokens), ("bag", bag), ("moves", moves)];

/// Every graph that is enough work for two threads, with its name and the steps that are done in halves.
pub const LARGE: [(&str, Make, usize); 3] =
    [("large int8", large_int8, 7), ("large float", large_float, 5), ("large tokens", large_tokens, 6)];

const FREE: Clamp = Clamp { lo: 0, hi: 255 };

fn window(kernel: u32, stride: u32, pad: u32) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pads: [pad; 4], ceil: false }
}

fn ints(values: &[i32]) -> Ints {
    Ints::new(values).expect("at most eight values")
}

fn panels(builder: &mut Builder, n: usize, k: usize, random: &mut Random) -> u32 {
    let weights: Vec<i8> = (0..n * k).map(|_| random.next() as i8).collect();
    let packed = pack_panels(&weights, n, k);
    builder.constant(DType::I8, &[packed.len()], bytemuck::cast_slice(&packed))
}

/// Operands of a convolution over `[h, w, c]` but for its input.
fn filters(
    builder: &mut Builder,
    window: Window,
    [h, w, c]: [usize; 3],
    shape: [usize; 3],
    random: &mut Random,
) -> Vec<u32> {
    let [n, k, run] = shape;
    let (rows, cols, _) = window.tables([h, w, c], run).expect("the window fits");
    let table = |offsets: &[u32]| offsets.iter().map(|&o| o.cast_signed()).collect::<Vec<_>>();
    let (rows, cols) = (table(&rows), table(&cols));
    vec![
        panels(builder, n, k, random),
        builder.i32s(&[rows.len()], &rows),
        builder.i32s(&[cols.len()], &cols),
        builder.i32s(&[n], &vec![100; n]),
        builder.f32s(&[n], &vec![0.002; n]),
    ]
}

/// A convolution of a quantized image `[1, h, w, c]`.
fn conv(builder: &mut Builder, x: u32, window: Window, [h, w, c, n]: [usize; 4], random: &mut Random) -> u32 {
    let taps = window.taps().expect("the window has taps");
    let mut operands = filters(builder, window, [h, w, c], [n, taps * c, c], random);
    operands.insert(0, x);
    let op = Op::QConv { window, groups: 1, out_channels: n as u32, clamp: FREE };
    builder.quantized(op, &operands, 0.05, 120)
}

fn depthwise(builder: &mut Builder, x: u32, window: Window, [h, w, c]: [usize; 3], random: &mut Random) -> u32 {
    let taps = window.taps().expect("the window has taps");
    let mut operands = filters(builder, window, [h, w, c], [c, taps, c], random);
    operands.insert(0, x);
    builder.quantized(Op::QDepthwise { window, clamp: FREE }, &operands, 0.05, 118)
}

fn gemm(builder: &mut Builder, x: u32, [n, k]: [usize; 2], random: &mut Random) -> u32 {
    let operands =
        [x, panels(builder, n, k, random), builder.i32s(&[n], &vec![-50; n]), builder.f32s(&[n], &vec![0.01; n])];
    let op = Op::QGemm { n: n as u32, epilogue: Epilogue::Requant, clamp: FREE };
    builder.quantized(op, &operands, 0.1, 128)
}

/// A small image classifier in int8, with every int8 operator family.
pub fn int8() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(1));
    let x = b.input(DType::F32, &[1, 6, 6, 4]);
    let x = b.quantized(Op::Quantize {}, &[x], 0.01, 128);
    let x = conv(&mut b, x, window(3, 1, 1), [6, 6, 4, 8], random);
    let y = depthwise(&mut b, x, window(3, 1, 1), [6, 6, 8], random);
    let x = b.quantized(Op::QBinary { kind: BinaryKind::Add, clamp: FREE }, &[x, y], 0.1, 119);
    let x = b.quantized(Op::QPool { kind: PoolKind::Max, window: window(2, 2, 0) }, &[x], 0.1, 119);
    let table: Vec<u8> = (0..=255).map(|q: u8| q.max(119)).collect();
    let table = b.constant(DType::U8, &[256], &table);
    let x = b.quantized(Op::QLookup {}, &[x, table], 0.1, 119);
    let x = b.quantized(Op::QPool { kind: PoolKind::Avg, window: window(2, 1, 0) }, &[x], 0.1, 119);
    let x = b.quantized(Op::QMean { axes: ints(&[1, 2]) }, &[x], 0.05, 100);
    let x = b.quantized(Op::Reshape { dims: ints(&[1, 8]) }, &[x], 0.05, 100);
    let x = gemm(&mut b, x, [3, 8], random);
    let x = b.quantized(Op::QSoftmax { log: false }, &[x], 1.0 / 256.0, 0);
    let x = b.node(Op::Dequantize {}, &[x]);
    b.output(x);
    b
}

/// A small image classifier in f32.
pub fn float() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(2));
    let x = b.input(DType::F32, &[1, 6, 6, 3]);
    let (weights, bias) = (b.random_f32s(&[3, 3, 3, 8], random), b.random_f32s(&[8], random));
    let x = b.node(Op::Conv { window: window(3, 1, 1), groups: 1, lo: 0.0, hi: f32::INFINITY }, &[x, weights, bias]);
    let y = b.node(Op::Unary { f: Activation { kind: UnaryKind::HardSwish, alpha: 0.0, beta: 0.0 } }, &[x]);
    let x = b.node(Op::Binary { kind: BinaryKind::Mul }, &[x, y]);
    let x = b.node(Op::Lrn { size: 3, alpha: 1e-4, beta: 0.75, bias: 1.0 }, &[x]);
    let x = b.node(Op::Pool { kind: PoolKind::Avg, window: window(2, 2, 0), p: 0.0 }, &[x]);
    let x = b.node(Op::Reduce { kind: ReduceKind::Mean, axes: ints(&[1, 2]), keep: false }, &[x]);
    let (scale, bias) = (b.random_f32s(&[8], random), b.random_f32s(&[8], random));
    let x = b.node(Op::LayerNorm { axis: 1, epsilon: 1e-5, rms: false }, &[x, scale, bias]);
    let (weights, bias) = (b.random_f32s(&[8, 3], random), b.random_f32s(&[3], random));
    let all = [f32::NEG_INFINITY, f32::INFINITY];
    let x = b.node(Op::MatMul { trans_b: false, lo: all[0], hi: all[1] }, &[x, weights, bias]);
    let x = b.node(Op::Softmax { axis: 1, log: false }, &[x]);
    b.output(x);
    b
}

/// Four outputs: logits of four classes, quantized logits of three, what both are made of, and probabilities of the four.
pub fn heads() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(7));
    let x = b.input(DType::F32, &[1, 8]);
    let x = b.quantized(Op::Quantize {}, &[x], 0.01, 128);
    let four = gemm(&mut b, x, [4, 8], random);
    let three = gemm(&mut b, x, [3, 8], random);
    let softmax = b.quantized(Op::QSoftmax { log: false }, &[four], 1.0 / 256.0, 0);
    for (tensor, quantized) in [(four, false), (three, true), (x, false), (softmax, false)] {
        let output = if quantized { tensor } else { b.node(Op::Dequantize {}, &[tensor]) };
        b.output(output);
    }
    b
}

/// As [`float`], of operators with packed weights, panels of which lack channels.
pub fn packed() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(5));
    let all = [f32::NEG_INFINITY, f32::INFINITY];
    let x = b.input(DType::F32, &[1, 7, 9, 3]);
    let (weights, bias) = (b.random_f32s(&[1, 2, 27, 16], random), b.random_f32s(&[20], random));
    let conv = Op::ConvPanels { window: window(3, 2, 1), groups: 1, lo: 0.0, hi: 6.0 };
    let x = b.node(conv, &[x, weights, bias]);
    let (weights, bias) = (b.random_f32s(&[2, 9, 16], random), b.random_f32s(&[20], random));
    let x = b.node(Op::DepthwisePanels { window: window(3, 1, 1), lo: 0.0, hi: 6.0 }, &[x, weights, bias]);
    let x = b.node(Op::Reduce { kind: ReduceKind::Mean, axes: ints(&[1, 2]), keep: false }, &[x]);
    let (weights, bias) = (b.random_f32s(&[1, 20, 16], random), b.random_f32s(&[5], random));
    let x = b.node(Op::MatMulPanels { n: 5, lo: all[0], hi: all[1] }, &[x, weights, bias]);
    b.output(x);
    b
}

/// A small text classifier whose sequence varies up to 8 tokens: embedding, recurrence, dynamic int8.
pub fn tokens() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(3));
    let x = b.input(DType::I32, &[8, 1]);
    b.varying(0);
    let table = b.random_f32s(&[128, 6], random);
    let x = b.node(Op::Gather { axis: 0 }, &[table, x]);
    let x = recurrent(&mut b, x, [6, 5], random);
    let quants = b.nodes(Op::DynamicQuantize {}, &[x]);
    let operands = [
        panels(&mut b, 4, 5, random),
        quants[1],
        quants[2],
        b.i32s(&[4], &[10, -20, 30, 5]),
        b.f32s(&[4], &[0.01; 4]),
        b.random_f32s(&[4], random),
    ];
    // x, panels, then what the epilogue names.
    let operands = [vec![quants[0]], operands.to_vec()].concat();
    let x = b.node(Op::QGemm { n: 4, epilogue: Epilogue::Dynamic, clamp: FREE }, &operands);
    let x = b.node(Op::Reduce { kind: ReduceKind::Max, axes: ints(&[0, 1, 2]), keep: false }, &[x]);
    let x = b.node(Op::Softmax { axis: 0, log: true }, &[x]);
    b.output(x);
    b
}

/// A text classifier of up to 8 ids: the mean of their rows, and a product.
pub fn bag() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(9));
    let ids = b.input(DType::I32, &[8]);
    b.varying(0);
    let table: Vec<i8> = (0..128 * 20).map(|_| random.next() as i8).collect();
    let table = b.constant(DType::I8, &[128, 20], bytemuck::cast_slice(&table));
    let scale = b.random_f32s(&[20], random);
    let x = b.node(Op::EmbeddingBag {}, &[table, ids, scale]);
    let (weights, bias) = (b.random_f32s(&[1, 20, 16], random), b.random_f32s(&[3], random));
    let x = b.node(Op::MatMulPanels { n: 3, lo: f32::NEG_INFINITY, hi: f32::INFINITY }, &[x, weights, bias]);
    b.output(x);
    b
}

fn recurrent(b: &mut Builder, x: u32, [input, hidden]: [usize; 2], random: &mut Random) -> u32 {
    let weights = b.random_f32s(&[1, 3 * hidden, input], random);
    let state = b.random_f32s(&[1, 3 * hidden, hidden], random);
    let bias = b.random_f32s(&[1, 6 * hidden], random);
    let gate = |kind| Activation { kind, alpha: 0.0, beta: 0.0 };
    let (sigmoid, tanh) = (gate(UnaryKind::Sigmoid), gate(UnaryKind::Tanh));
    let op = Op::Recurrent {
        cell: CellKind::Gru,
        direction: Direction::Forward,
        hidden: hidden as u32,
        mask: 0b1111,
        clip: 0.0,
        linear_before_reset: true,
        input_forget: false,
        activations: [sigmoid, tanh, tanh, sigmoid, tanh, tanh],
    };
    b.node(op, &[x, weights, state, bias])
}

/// An image classifier in int8 of 30 million products: strides, groups of one, rows, a single row.
pub fn large_int8() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(6));
    let x = b.input(DType::F32, &[1, 97, 64, 16]);
    let x = b.quantized(Op::Quantize {}, &[x], 0.01, 128);
    let x = conv(&mut b, x, window(3, 2, 1), [97, 64, 16, 64], random);
    let y = depthwise(&mut b, x, window(3, 1, 1), [49, 32, 64], random);
    let x = b.quantized(Op::QBinary { kind: BinaryKind::Add, clamp: FREE }, &[x, y], 0.1, 119);
    let x = conv(&mut b, x, window(1, 1, 0), [49, 32, 64, 64], random);
    let x = conv(&mut b, x, window(3, 2, 1), [49, 32, 64, 40], random);
    let rows = b.quantized(Op::Reshape { dims: ints(&[100, 160]) }, &[x], 0.05, 120);
    let x = gemm(&mut b, rows, [130, 160], random);
    let x = b.quantized(Op::QMean { axes: ints(&[0]) }, &[x], 0.05, 100);
    let x = gemm(&mut b, x, [16_001, 130], random);
    let x = b.node(Op::Dequantize {}, &[x]);
    b.output(x);
    b
}

/// An image classifier in f32 of 30 million products.
pub fn large_float() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(7));
    let (all, relu) = ([f32::NEG_INFINITY, f32::INFINITY], [0.0, 6.0]);
    let x = b.input(DType::F32, &[1, 80, 81, 8]);
    let (weights, bias) = (b.random_f32s(&[1, 3, 72, 16], random), b.random_f32s(&[40], random));
    let conv = |kernel, stride| Op::ConvPanels {
        window: window(kernel, stride, kernel / 2),
        groups: 1,
        lo: relu[0],
        hi: relu[1],
    };
    let x = b.node(conv(3, 2), &[x, weights, bias]);
    let (weights, bias) = (b.random_f32s(&[3, 25, 16], random), b.random_f32s(&[40], random));
    let depthwise = Op::DepthwisePanels { window: window(5, 1, 2), lo: relu[0], hi: relu[1] };
    let y = b.node(depthwise, &[x, weights, bias]);
    let x = b.node(Op::Binary { kind: BinaryKind::Add }, &[x, y]);
    let (weights, bias) = (b.random_f32s(&[1, 3, 40, 16], random), b.random_f32s(&[48], random));
    let x = b.node(conv(1, 1), &[x, weights, bias]);
    let (weights, bias) = (b.random_f32s(&[1, 3, 432, 16], random), b.random_f32s(&[48], random));
    let x = b.node(conv(3, 1), &[x, weights, bias]);
    let x = b.node(Op::Reduce { kind: ReduceKind::Mean, axes: ints(&[1, 2]), keep: false }, &[x]);
    let (weights, bias) = (b.random_f32s(&[1500, 48, 16], random), b.random_f32s(&[24_000], random));
    let x = b.node(Op::MatMulPanels { n: 24_000, lo: all[0], hi: all[1] }, &[x, weights, bias]);
    b.output(x);
    b
}

/// A text classifier whose sequence varies up to 100 tokens: dynamic int8, attention, 40 million products.
pub fn large_tokens() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(8));
    let x = b.input(DType::I32, &[1, 100]);
    b.varying(1);
    let table = b.random_f32s(&[128, 96], random);
    let mut x = b.node(Op::Gather { axis: 0 }, &[table, x]);
    for _ in 0..2 {
        let y = b.node(Op::Attention { heads: 3, scale: 0.2 }, &[x, x, x]);
        let y = dynamic(&mut b, y, [1000, 96], random);
        let f = Activation { kind: UnaryKind::Gelu, alpha: 0.0, beta: 0.0 };
        let y = b.node(Op::Unary { f }, &[y]);
        let weights = b.random_f32s(&[6, 1000, 16], random);
        let y = b.node(Op::MatMulPanels { n: 96, lo: f32::NEG_INFINITY, hi: f32::INFINITY }, &[y, weights]);
        x = b.node(Op::Binary { kind: BinaryKind::Add }, &[x, y]);
        let (scale, bias) = (b.random_f32s(&[96], random), b.random_f32s(&[96], random));
        x = b.node(Op::LayerNorm { axis: 2, epsilon: 1e-5, rms: false }, &[x, scale, bias]);
    }
    b.output(x);
    b
}

/// Rows of f32 times weights in int8.
fn dynamic(b: &mut Builder, x: u32, [n, k]: [usize; 2], random: &mut Random) -> u32 {
    let quants = b.nodes(Op::DynamicQuantize {}, &[x]);
    let sums: Vec<i32> = (0..n).map(|_| random.below(2000) as i32 - 1000).collect();
    let operands = [
        quants[0],
        panels(b, n, k, random),
        quants[1],
        quants[2],
        b.i32s(&[n], &sums),
        b.f32s(&[n], &vec![0.001; n]),
        b.random_f32s(&[n], random),
    ];
    b.node(Op::QGemm { n: n as u32, epilogue: Epilogue::Dynamic, clamp: FREE }, &operands)
}

/// Operators that move elements, one after the other.
pub fn moves() -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(4));
    let x = b.input(DType::F32, &[2, 3, 4]);
    let y = b.node(Op::Transpose { perm: ints(&[0, 2, 1]) }, &[x]);
    let y = b.node(Op::Reshape { dims: ints(&[0, -1]) }, &[y]);
    let y = b.node(Op::Slice { starts: ints(&[0, -1]), ends: ints(&[2, i32::MIN]), steps: ints(&[1, -2]) }, &[y]);
    let y = b.node(Op::Pad { before: ints(&[0, 1]), after: ints(&[0, 2]), mode: PadMode::Reflect, value: 0.0 }, &[y]);
    let y = b.node(Op::Concat { axis: 1 }, &[y, y]);
    let top = b.nodes(Op::TopK { axis: 1, k: 4, largest: true }, &[y]);
    let best = b.node(Op::ArgReduce { max: true, axis: 1, keep: true, last: false }, &[y]);
    let at = b.node(Op::GatherElements { axis: 1 }, &[y, top[1]]);
    let sum = b.node(Op::CumSum { axis: 1, exclusive: true, reverse: true }, &[at]);
    let less = b.node(Op::Binary { kind: BinaryKind::Less }, &[sum, top[0]]);
    let y = b.node(Op::Where {}, &[less, sum, top[0]]);
    let (index, updates) = (b.i32s(&[1, 2], &[1, 3]), b.f32s(&[1], &[7.0]));
    let y = b.node(Op::ScatterNd { kind: ScatterKind::Add }, &[y, index, updates]);
    let picks = b.i32s(&[2, 1], &[3, 0]);
    let updates = b.random_f32s(&[2, 1], random);
    let y = b.node(Op::ScatterElements { axis: 1, kind: ScatterKind::Set }, &[y, picks, updates]);
    let picked = b.node(Op::GatherNd { batch_dims: 1 }, &[y, picks]);
    let y = b.node(Op::Trilu { upper: true, k: 0 }, &[y]);
    let (index, weight) = (b.i32s(&[3, 2], &[0, 1, 1, 2, 2, 3]), b.f32s(&[3, 2], &[0.5; 6]));
    let y = b.node(Op::Interpolate { axis: 1 }, &[y, index, weight]);
    let y = b.node(Op::Tile { repeats: ints(&[2, 1]) }, &[y]);
    let y = b.node(Op::Expand { dims: ints(&[2, 1, 1]) }, &[y]);
    let y = b.node(Op::Cast { to: DType::F16 }, &[y]);
    let y = b.node(Op::Cast { to: DType::F32 }, &[y]);
    let off_on = b.f32s(&[2], &[0.0, 1.0]);
    let hot = b.node(Op::OneHot { axis: 2, depth: 5 }, &[best, off_on]);
    [y, picked, hot].into_iter().for_each(|t| b.output(t));
    b
}

/// A fully connected layer with `n * k` bytes of weights.
pub fn dense(n: usize, k: usize) -> Builder {
    let (mut b, random) = (Builder::default(), &mut Random(5));
    let x = b.input(DType::F32, &[1, k]);
    let x = b.quantized(Op::Quantize {}, &[x], 0.01, 128);
    let x = gemm(&mut b, x, [n, k], random);
    let x = b.node(Op::Dequantize {}, &[x]);
    b.output(x);
    b
}
