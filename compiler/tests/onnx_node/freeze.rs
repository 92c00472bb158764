//! Which inputs of a case are parameters. Node tests have no initializers: what a model of its own would hold as a
//! constant comes as an input.

use std::collections::HashSet;

use prost::Message;
use tract_onnx::pb::ModelProto;

/// Operands that are parameters or weights, by operator.
const PARAMETERS: &[(&str, &[usize])] = &[
    ("BatchNormalization", &[1, 2, 3, 4]),
    ("Clip", &[1, 2]),
    ("ConstantOfShape", &[0]),
    ("Conv", &[1, 2]),
    ("ConvInteger", &[1, 2, 3]),
    ("CumSum", &[1]),
    ("DequantizeLinear", &[1, 2]),
    ("Dropout", &[1, 2]),
    ("Expand", &[1]),
    ("GRU", &[1, 2, 3]),
    ("Gemm", &[1, 2]),
    ("GroupNormalization", &[1, 2]),
    ("InstanceNormalization", &[1, 2]),
    ("LSTM", &[1, 2, 3]),
    ("LayerNormalization", &[1, 2]),
    ("MatMul", &[1]),
    ("MatMulInteger", &[1, 2, 3]),
    ("OneHot", &[1, 2]),
    ("PRelu", &[1]),
    ("Pad", &[1, 2, 3]),
    ("QLinearConv", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("QLinearMatMul", &[1, 2, 3, 4, 5, 6, 7]),
    ("QuantizeLinear", &[1, 2]),
    ("RMSNormalization", &[1]),
    ("RNN", &[1, 2, 3]),
    ("Range", &[0, 1, 2]),
    ("ReduceL1", &[1]),
    ("ReduceL2", &[1]),
    ("ReduceLogSum", &[1]),
    ("ReduceLogSumExp", &[1]),
    ("ReduceMax", &[1]),
    ("ReduceMean", &[1]),
    ("ReduceMin", &[1]),
    ("ReduceProd", &[1]),
    ("ReduceSum", &[1]),
    ("ReduceSumSquare", &[1]),
    ("Reshape", &[1]),
    ("Resize", &[1, 2, 3]),
    ("Slice", &[1, 2, 3, 4]),
    ("Split", &[1]),
    ("Squeeze", &[1]),
    ("Tile", &[1]),
    ("TopK", &[1]),
    ("Trilu", &[1]),
    ("Unsqueeze", &[1]),
    ("Upsample", &[1]),
];

/// Names of a model's inputs, in order.
pub fn input_names(model: &[u8]) -> Vec<String> {
    let model = ModelProto::decode(model).expect("the fixture's models are sound");
    model.graph.map(|graph| graph.input.into_iter().map(|input| input.name).collect()).unwrap_or_default()
}

/// Names of the inputs that `operator`, the model's own node, reads as parameters.
pub fn parameters(model: &[u8], operator: &str) -> HashSet<String> {
    let model = ModelProto::decode(model).expect("the fixture's models are sound");
    let places = PARAMETERS.iter().find(|(name, _)| *name == operator).map_or(&[][..], |(_, places)| places);
    let nodes = model.graph.map(|graph| graph.node).unwrap_or_default();
    let nodes = nodes.iter().filter(|node| node.op_type == operator);
    nodes.flat_map(|node| places.iter().filter_map(|&place| node.input.get(place).cloned())).collect()
}
