//! Which function imports which ONNX operator.

use super::context::Import;
use super::{
    attention, conv, einsum, index, logic, math, matmul, microsoft, norm, pool, quant, recurrent, reduce, resize,
    shape, slice, spatial,
};

/// The importer of an operator.
pub fn find(domain: &str, op: &str) -> Option<Import> {
    let table = match domain {
        "" | "ai.onnx" => ONNX,
        "com.microsoft" => MICROSOFT,
        _ => return None,
    };
    table.iter().find(|(name, _)| *name == op).map(|&(_, import)| import)
}

/// Why an operator that [`find`] doesn't know isn't there.
pub fn reason(domain: &str, op: &str) -> String {
    match (domain, op) {
        ("" | "ai.onnx", "If" | "Loop" | "Scan" | "SequenceMap") => {
            "control flow with subgraphs; export with a fixed path".to_string()
        }
        ("" | "ai.onnx", "NonZero" | "Unique" | "Compress" | "NonMaxSuppression") => {
            "its result's shape depends on the data".to_string()
        }
        ("" | "ai.onnx", "ConvTranspose") => "transposed convolution isn't for classifiers".to_string(),
        ("" | "ai.onnx" | "com.microsoft", _) => "Dunlin doesn't have it".to_string(),
        _ => format!("Dunlin knows no operators of domain '{domain}'"),
    }
}

/// Whether an operator reads constants beyond 32 bits at this place as 'as far as it goes'.
pub fn takes_wide(op: &str, operand: usize) -> bool {
    matches!(op, "Slice" | "Clip") && operand > 0
}

/// Whether an operator hands constants beyond 32 bits at this place on unchanged.
pub fn passes_wide(op: &str, operand: usize) -> bool {
    match op {
        "Concat" => true,
        "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => operand == 0,
        _ => false,
    }
}

/// Whether an operator's constants are weights, which must be finite.
pub fn has_weights(op: &str) -> bool {
    const WEIGHTED: &[&str] = &[
        "Conv",
        "ConvInteger",
        "Gemm",
        "MatMul",
        "MatMulInteger",
        "BatchNormalization",
        "LayerNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "RMSNormalization",
        "LSTM",
        "GRU",
        "RNN",
        "PRelu",
        "QuantizeLinear",
        "DequantizeLinear",
        "FusedConv",
        "SkipLayerNormalization",
    ];
    WEIGHTED.contains(&op)
}

const ONNX: &[(&str, Import)] = &[
    // math
    ("Abs", math::unary),
    ("Acos", math::unary),
    ("Acosh", math::unary),
    ("Asin", math::unary),
    ("Asinh", math::unary),
    ("Atan", math::unary),
    ("Atanh", math::unary),
    ("Ceil", math::unary),
    ("Cos", math::unary),
    ("Cosh", math::unary),
    ("Erf", math::unary),
    ("Exp", math::unary),
    ("Floor", math::unary),
    ("Log", math::unary),
    ("Neg", math::unary),
    ("Reciprocal", math::unary),
    ("Round", math::unary),
    ("Sigmoid", math::unary),
    ("Sign", math::unary),
    ("Sin", math::unary),
    ("Sinh", math::unary),
    ("Softplus", math::unary),
    ("Softsign", math::unary),
    ("Sqrt", math::unary),
    ("Tan", math::unary),
    ("Tanh", math::unary),
    ("HardSwish", math::unary),
    ("Mish", math::unary),
    ("IsNaN", math::unary),
    ("Celu", math::parametric),
    ("Elu", math::parametric),
    ("HardSigmoid", math::parametric),
    ("IsInf", math::is_inf),
    ("LeakyRelu", math::parametric),
    ("Selu", math::parametric),
    ("Shrink", math::parametric),
    ("Swish", math::parametric),
    ("ThresholdedRelu", math::parametric),
    ("Relu", math::relu),
    ("Gelu", math::gelu),
    ("Clip", math::clip),
    ("PRelu", math::prelu),
    ("Add", math::arithmetic),
    ("Sub", math::arithmetic),
    ("Mul", math::arithmetic),
    ("Div", math::arithmetic),
    ("Mod", math::modulo),
    ("Pow", math::pow),
    ("Sum", math::variadic),
    ("Max", math::variadic),
    ("Min", math::variadic),
    ("Mean", math::variadic),
    ("CumSum", math::cum_sum),
    // logic
    ("And", logic::logical),
    ("Or", logic::logical),
    ("Xor", logic::logical),
    ("Not", logic::not),
    ("BitwiseAnd", logic::bitwise),
    ("BitwiseOr", logic::bitwise),
    ("BitwiseXor", logic::bitwise),
    ("BitwiseNot", logic::bitwise_not),
    ("BitShift", logic::bit_shift),
    ("Equal", logic::compare),
    ("Greater", logic::compare),
    ("GreaterOrEqual", logic::compare),
    ("Less", logic::compare),
    ("LessOrEqual", logic::compare),
    ("Where", logic::choose),
    ("Cast", logic::cast),
    ("CastLike", logic::cast_like),
    // reductions
    ("ArgMax", reduce::arg),
    ("ArgMin", reduce::arg),
    ("TopK", reduce::top_k),
    ("Hardmax", reduce::hardmax),
    ("ReduceL1", reduce::reduce),
    ("ReduceL2", reduce::reduce),
    ("ReduceLogSum", reduce::reduce),
    ("ReduceLogSumExp", reduce::reduce),
    ("ReduceMax", reduce::reduce),
    ("ReduceMean", reduce::reduce),
    ("ReduceMin", reduce::reduce),
    ("ReduceProd", reduce::reduce),
    ("ReduceSum", reduce::reduce),
    ("ReduceSumSquare", reduce::reduce),
    ("Softmax", reduce::softmax),
    ("LogSoftmax", reduce::softmax),
    // layers
    ("Conv", conv::conv),
    ("ConvInteger", conv::conv_integer),
    ("Gemm", matmul::gemm),
    ("MatMul", matmul::matmul),
    ("MatMulInteger", matmul::matmul_integer),
    ("Einsum", einsum::einsum),
    ("AveragePool", pool::pool),
    ("MaxPool", pool::pool),
    ("LpPool", pool::pool),
    ("GlobalAveragePool", pool::global),
    ("GlobalMaxPool", pool::global),
    ("GlobalLpPool", pool::global),
    ("BatchNormalization", norm::batch),
    ("InstanceNormalization", norm::instance),
    ("GroupNormalization", norm::group),
    ("LayerNormalization", norm::layer),
    ("RMSNormalization", norm::rms),
    ("LpNormalization", norm::lp),
    ("MeanVarianceNormalization", norm::mean_variance),
    ("LRN", norm::lrn),
    ("RNN", recurrent::recurrent),
    ("GRU", recurrent::recurrent),
    ("LSTM", recurrent::recurrent),
    ("Attention", attention::attention),
    ("RotaryEmbedding", attention::rotary),
    ("Resize", resize::resize),
    ("Upsample", resize::upsample),
    // shapes
    ("Constant", shape::constant),
    ("ConstantOfShape", shape::constant_of_shape),
    ("EyeLike", shape::eye_like),
    ("Range", shape::range),
    ("Shape", shape::shape),
    ("Size", shape::size),
    ("Identity", shape::identity),
    ("Dropout", shape::dropout),
    ("Reshape", shape::reshape),
    ("Flatten", shape::flatten),
    ("Squeeze", shape::squeeze),
    ("Unsqueeze", shape::unsqueeze),
    ("Transpose", shape::transpose),
    ("Expand", shape::expand),
    ("Tile", shape::tile),
    ("Concat", shape::concat),
    ("Slice", slice::slice),
    ("Split", slice::split),
    ("Pad", slice::pad),
    ("CenterCropPad", slice::center_crop_pad),
    ("DepthToSpace", spatial::depth_to_space),
    ("SpaceToDepth", spatial::space_to_depth),
    ("Gather", index::gather),
    ("GatherElements", index::gather_elements),
    ("GatherND", index::gather_nd),
    ("Scatter", index::scatter_elements),
    ("ScatterElements", index::scatter_elements),
    ("ScatterND", index::scatter_nd),
    ("OneHot", index::one_hot),
    ("Trilu", index::trilu),
    // quantization
    ("QuantizeLinear", quant::quantize_linear),
    ("DequantizeLinear", quant::dequantize_linear),
    ("DynamicQuantizeLinear", quant::dynamic_quantize),
    ("QLinearConv", quant::qlinear_conv),
    ("QLinearMatMul", quant::qlinear_matmul),
];

const MICROSOFT: &[(&str, Import)] = &[
    ("Gelu", microsoft::gelu),
    ("BiasGelu", microsoft::gelu),
    ("FastGelu", microsoft::fast_gelu),
    ("QuickGelu", microsoft::quick_gelu),
    ("FusedConv", microsoft::fused_conv),
    ("FusedMatMul", microsoft::fused_matmul),
    ("SkipLayerNormalization", microsoft::skip_layer_norm),
    ("SimplifiedLayerNormalization", microsoft::simplified_layer_norm),
    ("SkipSimplifiedLayerNormalization", microsoft::skip_layer_norm),
    ("QuantizeLinear", quant::quantize_linear),
    ("DequantizeLinear", quant::dequantize_linear),
    ("QGemm", quant::qgemm),
    ("QLinearAdd", quant::qlinear_binary),
    ("QLinearMul", quant::qlinear_binary),
    ("QLinearGlobalAveragePool", quant::qlinear_global_pool),
    ("QLinearAveragePool", quant::qlinear_pool),
    ("QLinearConcat", quant::qlinear_concat),
    ("QLinearSoftmax", quant::qlinear_softmax),
    ("QLinearSigmoid", quant::qlinear_unary),
    ("QLinearLeakyRelu", quant::qlinear_unary),
];
