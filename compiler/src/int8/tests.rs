//! Before and after of each lowering, on graphs of a few nodes.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{
    Activation, BinaryKind, Clamp, Epilogue, Op as EngineOp, PadMode, PoolKind, UnaryKind, Window,
};
use dunlin_engine::tensor::{DType, Ints, Quant, Shape};

use super::walk::op_name;
use super::{Note, Reason, lower};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// Builds graphs of quantized tensors as the importer leaves them.
#[derive(Default)]
struct Net {
    graph: Graph,
}

impl Net {
    fn input(&mut self, dtype: DType, dims: &[usize]) -> ValueId {
        let id = self.graph.push_value("x", info(dtype, dims), None);
        self.graph.inputs.push(id);
        id
    }

    fn constant(&mut self, tensor: Tensor) -> ValueId {
        self.graph.push_constant("c", tensor)
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], dtype: DType, dims: &[usize]) -> ValueId {
        let output = self.graph.push_value(op_name(&op), info(dtype, dims), None);
        let name = op_name(&op).to_owned();
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), outputs: vec![output] });
        output
    }

    fn engine(&mut self, op: EngineOp, inputs: &[ValueId], dims: &[usize]) -> ValueId {
        self.node(Op::Engine(op), inputs, DType::F32, dims)
    }

    fn dims(&self, value: ValueId) -> Vec<usize> {
        crate::tensor::dims(&self.graph.value(value).shape)
    }

    fn zero(&mut self, dtype: DType, zero: i32) -> ValueId {
        let tensor = match dtype {
            DType::I8 => Tensor::i8s(&[], &[zero as i8]),
            DType::U8 => Tensor::u8s(&[], &[zero as u8]),
            _ => Tensor::i32s(&[], &[zero]),
        };
        self.constant(tensor)
    }

    fn dequantized(&mut self, x: ValueId, scale: f32, zero: i32) -> ValueId {
        let dtype = self.graph.value(x).dtype;
        let inputs = [x, self.constant(Tensor::f32s(&[], &[scale])), self.zero(dtype, zero)];
        let dims = self.dims(x);
        self.node(Op::DequantizeLinear { axis: 1 }, &inputs, DType::F32, &dims)
    }

    fn quantized(&mut self, x: ValueId, to: DType, scale: f32, zero: i32) -> ValueId {
        let inputs = [x, self.constant(Tensor::f32s(&[], &[scale])), self.zero(to, zero)];
        let dims = self.dims(x);
        self.node(Op::QuantizeLinear { axis: 1, to }, &inputs, to, &dims)
    }

    /// An int8 input with scale 0.5 and zero point 3, dequantized.
    fn activation(&mut self, dims: &[usize]) -> ValueId {
        let x = self.input(DType::I8, dims);
        self.dequantized(x, 0.5, 3)
    }

    fn weight(&mut self, dims: &[usize]) -> ValueId {
        let values: Vec<i8> = (0..dims.iter().product::<usize>()).map(|i| i as i8 - 5).collect();
        let w = self.constant(Tensor::i8s(dims, &values));
        self.dequantized(w, 0.25, 0)
    }

    fn relu(&mut self, x: ValueId) -> ValueId {
        let f = Activation { kind: UnaryKind::Clip, alpha: 0.0, beta: f32::INFINITY };
        let dims = self.dims(x);
        self.engine(EngineOp::Unary { f }, &[x], &dims)
    }

    /// Quantizes a result to int8 with scale 1 and zero point -10 and lowers the graph; names of what is left.
    fn finish(mut self, result: ValueId) -> (Graph, Vec<&'static str>, Vec<Note>) {
        let output = self.quantized(result, DType::I8, 1.0, -10);
        self.end(output)
    }

    fn end(mut self, output: ValueId) -> (Graph, Vec<&'static str>, Vec<Note>) {
        self.graph.outputs.push(output);
        let notes = lower(&mut self.graph);
        let names = self.graph.nodes.iter().map(|node| op_name(&node.op)).collect();
        (self.graph, names, notes)
    }
}

fn info(dtype: DType, dims: &[usize]) -> Info {
    Info { dtype, shape: Shape::new(dims).expect("small") }
}

fn window(kernel: u32) -> Window {
    Window { kernel: [kernel; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4], ceil: false }
}

fn product() -> EngineOp {
    EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY }
}

fn find(graph: &Graph, name: &str) -> Node {
    graph.nodes.iter().find(|node| op_name(&node.op) == name).expect("it is there").clone()
}

const RESULT: Quant = Quant { scale: 1.0, zero: 118 };

#[test]
fn a_convolution_with_relu_becomes_one_operator_between_transposes() {
    let mut net = Net::default();
    let (x, w) = (net.activation(&[1, 2, 3, 3]), net.weight(&[4, 2, 2, 2]));
    let y = net.node(Op::Conv { window: window(2), groups: 1 }, &[x, w], DType::F32, &[1, 4, 2, 2]);
    let y = net.relu(y);
    let (graph, names, notes) = net.finish(y);
    assert_eq!(names, ["FlipSign", "Transpose", "QConv", "Transpose", "FlipSign"]);
    assert!(notes.is_empty());
    let conv = find(&graph, "QConv");
    let clamp = Clamp { lo: 118, hi: 255 };
    assert_eq!(conv.op, Op::Engine(EngineOp::QConv { window: window(2), groups: 1, out_channels: 4, clamp }));
    assert_eq!(graph.value(conv.inputs[0]).quant, Some(Quant { scale: 0.5, zero: 131 }));
    assert_eq!(graph.value(conv.outputs[0]).quant, Some(RESULT));
    let weights = graph.constant(conv.inputs[1]).expect("constant");
    assert_eq!(weights.shape.dims(), [4, 2, 2, 2]);
    // Channels 0 and 1 of the first tap, then of the second.
    assert_eq!(weights.as_i8s().expect("i8")[..4], [-5, -1, -4, 0]);
    let bias = graph.constant(conv.inputs[2]).and_then(Tensor::as_i32s).expect("i32");
    assert_eq!(bias[0], -131 * (-5 - 4 - 3 - 2 - 1 + 1 + 2));
    assert_eq!(graph.constant(conv.inputs[3]).and_then(Tensor::as_f32s), Some(&[0.125; 4][..]));
}

#[test]
fn one_filter_per_channel_is_depthwise_and_two_are_groups() {
    for (channels, expected) in [(3, "QDepthwise"), (6, "QConv")] {
        let mut net = Net::default();
        let (x, w) = (net.activation(&[1, 3, 3, 3]), net.weight(&[channels, 1, 2, 2]));
        let op = Op::Conv { window: window(2), groups: 3 };
        let y = net.node(op, &[x, w], DType::F32, &[1, channels, 2, 2]);
        let (_, names, _) = net.finish(y);
        assert_eq!(names[2], expected);
    }
}

#[test]
fn a_product_takes_its_bias_from_an_add() {
    let mut net = Net::default();
    let (x, w) = (net.activation(&[2, 3]), net.weight(&[3, 4]));
    let y = net.engine(product(), &[x, w], &[2, 4]);
    let bias = net.constant(Tensor::i32s(&[4], &[1, 2, 3, 4]));
    let bias = net.dequantized(bias, 0.125, 0);
    let y = net.engine(EngineOp::Binary { kind: BinaryKind::Add }, &[bias, y], &[2, 4]);
    let (graph, names, _) = net.finish(y);
    assert_eq!(names, ["FlipSign", "QGemm", "FlipSign"]);
    let gemm = find(&graph, "QGemm");
    let weights = graph.constant(gemm.inputs[1]).expect("constant");
    assert_eq!((weights.shape.dims(), &weights.as_i8s().expect("i8")[..3]), (&[4, 3][..], &[-5, -1, 3][..]));
    let bias = graph.constant(gemm.inputs[2]).and_then(Tensor::as_i32s).expect("i32");
    assert_eq!(bias[0], 1 - 131 * (-5 - 1 + 3));
}

#[test]
fn a_product_that_nothing_quantizes_returns_to_float_itself() {
    let mut net = Net::default();
    let (x, w) = (net.activation(&[2, 3]), net.weight(&[3, 4]));
    let y = net.engine(product(), &[x, w], &[2, 4]);
    let (graph, names, _) = net.end(y);
    assert_eq!(names, ["FlipSign", "QGemm"]);
    assert!(matches!(graph.nodes[1].op, Op::Engine(EngineOp::QGemm { epilogue: Epilogue::Dynamic, .. })));
}

#[test]
fn element_wise_operators_of_two_tensors() {
    for kind in [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul] {
        let mut net = Net::default();
        let (a, b) = (net.activation(&[2, 3]), net.activation(&[1, 3]));
        let y = net.engine(EngineOp::Binary { kind }, &[a, b], &[2, 3]);
        let (_, names, _) = net.finish(y);
        assert_eq!(names, ["FlipSign", "FlipSign", "QBinary", "FlipSign"]);
    }
}

#[test]
fn an_expression_of_one_tensor_becomes_one_table() {
    let mut net = Net::default();
    let x = net.activation(&[2, 3]);
    let f = Activation { kind: UnaryKind::Sigmoid, alpha: 0.0, beta: 0.0 };
    let gate = net.engine(EngineOp::Unary { f }, &[x], &[2, 3]);
    let two = net.constant(Tensor::f32s(&[], &[2.0]));
    let doubled = net.engine(EngineOp::Binary { kind: BinaryKind::Div }, &[gate, two], &[2, 3]);
    let y = net.engine(EngineOp::Binary { kind: BinaryKind::Mul }, &[x, doubled], &[2, 3]);
    let (graph, names, _) = net.finish(y);
    assert_eq!(names, ["FlipSign", "QLookup", "FlipSign"]);
    let table = graph.constant(find(&graph, "QLookup").inputs[1]).and_then(Tensor::as_u8s).expect("u8");
    // x = 0.5 * (255 - 131) = 62, sigmoid 1, halved.
    assert_eq!((table[131], table[255]), (118, 118 + 31));
}

#[test]
fn movement_keeps_quanta_and_requantizes_once() {
    let mut net = Net::default();
    let x = net.activation(&[2, 3]);
    let y = net.engine(EngineOp::Transpose { perm: ints(&[1, 0]) }, &[x], &[3, 2]);
    let y = net.engine(EngineOp::Reshape { dims: ints(&[6]) }, &[y], &[6]);
    let (_, names, _) = net.finish(y);
    assert_eq!(names, ["FlipSign", "Transpose", "Reshape", "QLookup", "FlipSign"]);
}

#[test]
fn equal_scales_need_nothing_between() {
    let mut net = Net::default();
    let x = net.activation(&[2, 3]);
    let y = net.quantized(x, DType::I8, 0.5, 3);
    let (_, names, _) = net.end(y);
    assert_eq!(names, ["FlipSign", "FlipSign"]);
}

#[test]
fn padding_with_zero_pads_with_the_zero_point() {
    let mut net = Net::default();
    let x = net.activation(&[2]);
    let pad = EngineOp::Pad { before: ints(&[1]), after: ints(&[0]), mode: PadMode::Constant, value: 0.0 };
    let y = net.engine(pad, &[x], &[3]);
    let (graph, _, _) = net.finish(y);
    let Op::Engine(EngineOp::Pad { value, .. }) = find(&graph, "Pad").op else { panic!("a pad") };
    assert_eq!(value, 131.0);
}

#[test]
fn operands_of_a_concat_are_requantized_one_by_one() {
    let mut net = Net::default();
    let a = net.activation(&[2]);
    let b = net.input(DType::U8, &[3]);
    let b = net.dequantized(b, 1.0, 118);
    let y = net.engine(EngineOp::Concat { axis: 0 }, &[a, b], &[5]);
    let (_, names, _) = net.finish(y);
    assert_eq!(names, ["FlipSign", "QLookup", "Concat", "FlipSign"]);
}

#[test]
fn pools_means_and_softmax() {
    let window = window(2);
    for (kind, expected) in [(PoolKind::Avg, "QPool"), (PoolKind::Max, "QPool")] {
        let mut net = Net::default();
        let x = net.activation(&[1, 2, 3, 3]);
        let y = net.node(Op::Pool { kind, window, p: 0.0 }, &[x], DType::F32, &[1, 2, 2, 2]);
        assert!(net.finish(y).1.contains(&expected));
    }
    let mut net = Net::default();
    let x = net.activation(&[1, 2, 3, 3]);
    let op = EngineOp::Reduce { kind: dunlin_engine::op::ReduceKind::Mean, axes: ints(&[2, 3]), keep: false };
    let y = net.engine(op, &[x], &[1, 2]);
    assert_eq!(net.finish(y).1, ["FlipSign", "Transpose", "QMean", "Reshape", "FlipSign"]);
    let mut net = Net::default();
    let x = net.activation(&[2, 3]);
    let y = net.engine(EngineOp::Softmax { axis: 0, log: false }, &[x], &[2, 3]);
    assert_eq!(net.finish(y).1, ["FlipSign", "Transpose", "QSoftmax", "Transpose", "FlipSign"]);
}

#[test]
fn what_has_no_integer_form_stays_float_with_a_reason() {
    let mut net = Net::default();
    let (a, b) = (net.activation(&[2]), net.activation(&[2]));
    let y = net.engine(EngineOp::Binary { kind: BinaryKind::Div }, &[a, b], &[2]);
    let (_, names, notes) = net.finish(y);
    assert_eq!(names, ["FlipSign", "Dequantize", "FlipSign", "Dequantize", "Binary", "Quantize", "FlipSign"]);
    assert_eq!(notes, [Note { node: "Binary".to_owned(), op: "Binary", reason: Reason::NoIntegerForm }]);
}

#[test]
fn dynamic_quantization_becomes_one_product() {
    for swapped in [false, true] {
        let mut net = Net::default();
        let x = net.input(DType::F32, &[2, 3]);
        let [q, scale, zero] = dynamic(&mut net, x);
        let w = net.constant(Tensor::i8s(&[3, 2], &[1, 2, 3, 4, 5, 6]));
        let w_scale = net.constant(Tensor::f32s(&[2], &[0.5, 0.25]));
        let mul = EngineOp::Binary { kind: BinaryKind::Mul };
        let order = |a, b| if swapped { [b, a] } else { [a, b] };
        let scales = net.engine(mul, &order(scale, w_scale), &[2]);
        let y = net.node(Op::MatMulInteger, &[q, w, zero], DType::I32, &[2, 2]);
        let y = net.engine(EngineOp::Cast { to: DType::F32 }, &[y], &[2, 2]);
        let y = net.engine(mul, &order(y, scales), &[2, 2]);
        let bias = net.constant(Tensor::f32s(&[2], &[7.0, 8.0]));
        let y = net.engine(EngineOp::Binary { kind: BinaryKind::Add }, &order(y, bias), &[2, 2]);
        let (graph, names, _) = net.end(y);
        assert_eq!(names, ["DynamicQuantize", "Reshape", "Reshape", "QGemm"]);
        let gemm = &graph.nodes[3];
        assert_eq!(graph.constant(gemm.inputs[4]).and_then(Tensor::as_i32s), Some(&[9, 12][..]));
        assert_eq!(graph.constant(gemm.inputs[6]).and_then(Tensor::as_f32s), Some(&[7.0, 8.0][..]));
    }
}

fn dynamic(net: &mut Net, x: ValueId) -> [ValueId; 3] {
    let infos = [info(DType::U8, &net.dims(x)), info(DType::F32, &[]), info(DType::U8, &[])];
    let outputs = infos.map(|info| net.graph.push_value("dynamic", info, None));
    let op = Op::Engine(EngineOp::DynamicQuantize {});
    net.graph.nodes.push(Node { name: "dynamic".to_owned(), op, inputs: vec![x], outputs: outputs.to_vec() });
    outputs
}

#[test]
fn bare_integer_products_stay_exact() {
    let mut net = Net::default();
    let a = net.input(DType::I8, &[2, 2]);
    let zero = net.zero(DType::I8, 1);
    let b = net.constant(Tensor::u8s(&[2, 2], &[0, 100, 255, 101]));
    let b_zero = net.constant(Tensor::u8s(&[2], &[120, 100]));
    let y = net.node(Op::MatMulInteger, &[a, b, zero, b_zero], DType::I32, &[2, 2]);
    assert_eq!(net.end(y).1, ["FlipSign", "QGemm", "QGemm", "Binary", "Binary"]);
    let mut net = Net::default();
    let (a, b) = (net.input(DType::I8, &[2, 2]), net.input(DType::U8, &[2, 2]));
    let y = net.node(Op::MatMulInteger, &[a, b], DType::I32, &[2, 2]);
    assert_eq!(net.end(y).1, ["FlipSign", "QMatMul"]);
}

#[test]
fn weights_of_a_float_activation_stay_as_they_are() {
    let mut net = Net::default();
    let (x, w) = (net.input(DType::F32, &[2, 3]), net.weight(&[3, 4]));
    let y = net.engine(product(), &[x, w], &[2, 4]);
    assert_eq!(net.end(y).1, ["DequantizeLinear", "MatMul"]);
}

#[test]
fn scales_along_an_axis_of_an_activation_stay_as_they_are() {
    let mut net = Net::default();
    let x = net.input(DType::U8, &[2, 3]);
    let scale = net.constant(Tensor::f32s(&[3], &[1.0, 2.0, 3.0]));
    let zero = net.constant(Tensor::u8s(&[3], &[1, 2, 3]));
    let y = net.node(Op::DequantizeLinear { axis: 1 }, &[x, scale, zero], DType::F32, &[2, 3]);
    assert_eq!(net.end(y).1, ["DequantizeLinear"]);
}

fn ints(values: &[i32]) -> Ints {
    Ints::new(values).expect("few")
}
