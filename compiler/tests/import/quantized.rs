//! Quantized forms become one pattern.

use dunlin_compiler::ir::{Graph, Op, Tensor};
use dunlin_engine::op::Op as EngineOp;
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

use crate::model::{Model, int, tensor};

/// Scales of 0.5 and 0.25, zero points of 3.
fn base() -> Model {
    Model::new(13)
        .input("x", DataType::Uint8, &[1, 2])
        .floats("s", &[], &[0.5])
        .floats("t", &[], &[0.25])
        .bytes("z", DataType::Uint8, &[], &[3])
        .output("y", DataType::Uint8)
}

fn kinds(graph: &Graph) -> Vec<&'static str> {
    let name = |op: &Op| match op {
        Op::DequantizeLinear { .. } => "DQ",
        Op::QuantizeLinear { .. } => "Q",
        Op::Conv { .. } => "Conv",
        Op::Engine(EngineOp::MatMul { .. }) => "MatMul",
        Op::Engine(op) => op.name(),
        _ => "other",
    };
    graph.nodes.iter().map(|node| name(&node.op)).collect()
}

#[test]
fn qlinear_add_is_a_float_sum_between_dequantize_and_quantize() {
    let model = base().node("com.microsoft:QLinearAdd", &["x", "s", "z", "x", "t", "z", "s", "z"], &["y"]);
    assert_eq!(kinds(&model.import().expect("it is sound")), ["DQ", "DQ", "Binary", "Q"]);
    // (5 - 3) * 0.5 + (5 - 3) * 0.25 = 1.5 = 3 steps of 0.5
    assert_eq!(model.run(&[Tensor::u8s(&[1, 2], &[5, 3])])[0].as_u8s(), Some(&[6, 3][..]));
}

#[test]
fn qgemm_keeps_its_constant_quanta() {
    let bias = TensorProto { int32_data: vec![8, -8], ..tensor("c", DataType::Int32, &[2]) };
    let model = base()
        .bytes("w", DataType::Int8, &[2, 2], &[1, 0, 0, 2])
        .bytes("wz", DataType::Int8, &[], &[0])
        .initializer(bias)
        .node_with("com.microsoft:QGemm", &["x", "s", "z", "w", "t", "wz", "c", "s", "z"], &["y"], &[int("transB", 1)]);
    let graph = model.import().expect("it is sound");
    assert_eq!(kinds(&graph), ["DQ", "DQ", "DQ", "MatMul", "Q"]);
    // x = [1, 2], w = [[0.25, 0], [0, 0.5]], c = [1, -1]: [1.25, 0] in steps of 0.5, ties to even
    assert_eq!(model.run(&[Tensor::u8s(&[1, 2], &[5, 7])])[0].as_u8s(), Some(&[5, 3][..]));
}

#[test]
fn qlinear_concat_and_softmax_are_the_pattern_too() {
    let concat = base().node_with(
        "com.microsoft:QLinearConcat",
        &["s", "z", "x", "s", "z", "x", "t", "z"],
        &["y"],
        &[int("axis", 1)],
    );
    assert_eq!(kinds(&concat.import().expect("it is sound")), ["DQ", "DQ", "Concat", "Q"]);
    let softmax = base().node_with(
        "com.microsoft:QLinearSoftmax",
        &["x", "s", "z", "t", "z"],
        &["y"],
        &[int("axis", 1), int("opset", 13)],
    );
    assert_eq!(kinds(&softmax.import().expect("it is sound")), ["DQ", "Softmax", "Q"]);
}

#[test]
fn sums_of_integer_products_are_exact() {
    let depth = 600;
    let model = Model::new(13)
        .input("x", DataType::Uint8, &[1, depth])
        .bytes("w", DataType::Uint8, &[depth, 1], &vec![255; depth as usize])
        .node("MatMulInteger", &["x", "w"], &["y"])
        .output("y", DataType::Int32);
    let made = model.run(&[Tensor::u8s(&[1, depth as usize], &vec![251; depth as usize])]);
    assert_eq!(made[0].as_i32s(), Some(&[600 * 251 * 255][..]));
}
